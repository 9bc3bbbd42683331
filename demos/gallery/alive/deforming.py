"""Textures and warps, as the deforming autoencoders made them of a few images, for the page to combine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from demos.gallery.alive import pack
from demos.gallery.alive.kept import kept

SETS = {"digits": "deforming", "faces": "deforming_faces"}  # titles, and the demos whose folders lie side by side


def deforming(folder: Path) -> dict[str, Any] | None:
    """Write the images, textures and warps of each demo that has been run; None if neither has."""
    found = {title: kept(folder.parent / demo, "parts") for title, demo in SETS.items()}
    sets = [
        {
            "title": title,
            "images": pack.pictures(parts[0]["images"]),
            "textures": pack.pictures(parts[0]["textures"]),
            "warps": pack.rounded(parts[0]["warps"]),
        }
        for title, parts in found.items()
        if parts is not None
    ]
    return {"sets": sets} if sets else None
