"""Contents for a network that paints: crops of photographs and of drawn scenes, or of photographs of your own."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from . import faces
from .folder import find_images
from .machine import once_per_machine
from .photos import as_bytes, photo
from .rooms import room

LARGEST = 4  # times a crop's side: the shorter side of what it is cut from
PORTRAITS = 6
MOST = 100  # pictures of a folder, of 2 to 3 MB each in memory


@once_per_machine
def crops(n: int, side: int, seed: int, folder: Path | None = None) -> np.ndarray:
    """Cut n squares, from `side` pixels to the whole height or width, and make them all `side` wide; half are mirrored.

    They come in turns from the pagoda, the flower, the plain room and drawn portraits, or from up to MOST pictures of a
    folder -> (n, 3, side, side) float32 in [0, 1]. Equal seeds cut equal crops. Errors of folder.find_images and photo.
    """
    from PIL import Image

    rng = np.random.default_rng(seed)
    pictures = _folder(folder, LARGEST * side, rng) if folder else _embedded(LARGEST * side, seed)
    out = np.empty((n, 3, side, side), np.float32)
    for i in range(n):
        picture = pictures[i % len(pictures)]
        H, W = picture.shape[1:]
        length = round(np.exp(rng.uniform(np.log(min(side, H, W)), np.log(min(H, W)))))
        top, left = rng.integers(H - length + 1), rng.integers(W - length + 1)
        square = as_bytes(picture[:, top : top + length, left : left + length]).transpose(1, 2, 0)
        cut = np.asarray(Image.fromarray(square).resize((side, side), Image.Resampling.LANCZOS), np.float32)
        out[i] = (cut[:, ::-1] if rng.random() < 0.5 else cut).transpose(2, 0, 1) / 255
    return out


def unseen(size: int) -> dict[str, np.ndarray]:
    """Return pictures that no crop without a folder comes from: a portrait and the rich room, (3, H, W) each."""
    return {"hopper": photo("hopper", size), "room": room("rich", size)[0]}


def _embedded(size: int, seed: int) -> list[np.ndarray]:
    """Return photographs and scenes, those more often that have more to show."""
    often = [photo("china", size), photo("flower", size), room("plain", size)[0]]
    _, scene = faces.draw(PORTRAITS, split="train", seed=seed)
    portraits = faces.render(scene, size // 2).images
    return [picture for portrait in portraits for picture in (*often, portrait)]


def _folder(path: Path, size: int, rng: np.random.Generator) -> list[np.ndarray]:
    files = find_images(path)
    some = np.sort(rng.permutation(len(files))[:MOST])
    return [photo(path / files[i], size) for i in some]
