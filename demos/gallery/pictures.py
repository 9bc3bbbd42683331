"""The pictures of the page: recompressed, of bounded size, and under names that are nothing but letters and digits."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from demos.data.picture import read_rgb
from demos.files import written_whole

WIDEST, TALLEST = 1600, 3200  # pixels; the page is never wider
QUALITY = 82


@dataclass
class Shown:
    """A picture of the page: its address there, its size in pixels, and what it shows in words."""

    address: str
    width: int
    height: int
    alt: str


class Pictures:
    """Pictures as WebP in a folder beside the page. Those that are there from the last time are not made again."""

    def __init__(self, folder: Path):
        self.folder, self.used = folder, set()
        folder.mkdir(parents=True, exist_ok=True)

    def add(self, path: Path, alt: str) -> Shown:
        """Bring a picture into the folder. ValueError if it cannot be read as one."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()[:16]  # a name that no file name can have a say in
        place = self.folder / f"{digest}.webp"
        if not place.exists():
            with written_whole(place) as aside:
                aside.write_bytes(_compress(path))
        self.used.add(place)
        with Image.open(place) as image:
            return Shown(f"{self.folder.name}/{place.name}", *image.size, alt)

    def sweep(self) -> None:
        """Delete what the page no longer shows."""
        for place in self.folder.glob("*.webp"):
            if place not in self.used:
                place.unlink()


def _compress(path: Path) -> bytes:
    """Read a picture -> WebP: without loss where that is hardly larger, which it is for diagrams and large pixels."""
    image = read_rgb(path, over="white")
    image.thumbnail((WIDEST, TALLEST), Image.Resampling.LANCZOS)
    exact, near = io.BytesIO(), io.BytesIO()
    image.save(exact, "WEBP", lossless=True, quality=50, method=2)
    image.save(near, "WEBP", quality=QUALITY, method=4)
    return exact.getvalue() if exact.tell() < 1.2 * near.tell() else near.getvalue()
