"""Pictures that the demo style_transfer kept while it painted, for the page to slide over."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from demos.gallery.alive.kept import kept

QUALITY = 85  # of a JPEG


def style(folder: Path) -> dict[str, Any] | None:
    """Write the content image, the style, and walks of pictures: over evaluations, weights of the style, styles."""
    painting = kept(folder, "painting")
    if painting is None:
        return None
    arrays = painting[0]
    frames, counts = arrays["frames"], arrays["evaluations"]
    walks = [
        _walk("from photograph to painting", [arrays["content"], frames[-1]], ["the photograph", "the painting"]),
        _walk("over the evaluations", frames, [f"after {count} evaluations of the loss" for count in counts]),
    ]
    if studied := kept(folder, "sweep"):
        captions = [f"beta / alpha = {weight:g}" for weight in studied[0]["weights"]]
        walks.append(_walk("over the weight of the style", studied[0]["pictures"], captions))
    if studied := kept(folder, "mixing"):
        captions = [f"{share:.0%} of the second style" for share in studied[0]["shares"]]
        walks.append(_walk("from one style to another", studied[0]["pictures"], captions))
    return {"content": _address(arrays["content"]), "style": _address(arrays["style"]), "walks": walks}


def _walk(title: str, pictures: Iterable[np.ndarray], captions: list[str]) -> dict[str, Any]:
    return {"title": title, "pictures": [_address(picture) for picture in pictures], "captions": captions}


def _address(picture: np.ndarray) -> str:
    """A picture (3, H, W) of bytes as the address that holds it."""
    file = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(file, "JPEG", quality=QUALITY)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
