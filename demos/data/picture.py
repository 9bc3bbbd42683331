"""One picture out of a file that anybody may have made: of bounded size, upright, eight bits per channel."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from PIL.Image import Image

FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
MAX_PIXELS = 80_000_000  # Pillow keeps 4 bytes for each, and up to four such copies while it converts: 1.2 GB
MAX_SIDE = (
    65_535  # as in a JPEG; Pillow keeps 16 bytes for each row, so a picture of one column takes five times as much
)
BITS, PHOTOMETRIC = 258, 262  # TIFF's tags
ORIENTATION, LYING = 274, (5, 6, 7, 8)  # Exif's tag, and its values for pictures whose rows are to become columns


def read_rgb(path: Path, *, over: str | None = None, draft: int | None = None) -> Image:
    """Read a picture, the first where a file holds several -> Pillow image, RGB, turned upright.

    16-bit grey is divided by 65,535 (12-bit TIFFs by 4,095) and float grey is taken as it is, in [0, 1]; both are then
    rounded to 8 bits. What is transparent is laid over the colour `over`; without one its own colour shows.
    A JPEG whose sides are to be cut down to `draft` pixels is decoded at a half, a quarter, an eighth where that does.

    ValueError, which names the file, if it is not in one of FORMATS, is damaged, exceeds MAX_PIXELS or MAX_SIDE, or
    holds numbers whose black and white are unknown: signed, 32-bit, floats outside [0, 1], TIFFs with white as 0.
    """
    from PIL import Image, ImageOps

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is the tighter one
            opened = Image.open(path, formats=FORMATS)
        with opened:
            check_pixels(*opened.size)
            if draft:
                opened.draft("RGB", (draft, draft))
            white = _white(opened)
            opened.load()
            ImageOps.exif_transpose(opened, in_place=True)
            return _on(over, opened if white is None else _eight_bits(opened, white))
    except Exception as error:  # Pillow promises no set of errors: a damaged TIFF alone raises five kinds
        raise ValueError(f"{path} cannot be read as a picture ({type(error).__name__}: {error})") from error


def upright_size(path: Path) -> tuple[int, int]:
    """Read only the size that a picture has once it is turned upright -> (width, height). OSError if there is none."""
    from PIL import Image

    with Image.open(path, formats=FORMATS) as opened:
        width, height = opened.size
        return (height, width) if opened.getexif().get(ORIENTATION) in LYING else (width, height)


def check_pixels(width: int, height: int, limit: int = MAX_PIXELS) -> None:
    """Raise ValueError if a picture of these sides has more than `limit` pixels, or a side longer than MAX_SIDE."""
    if max(width, height) > MAX_SIDE:
        raise ValueError(f"{width} x {height}: no side may be longer than {MAX_SIDE} pixels; make it smaller or cut it")
    if width * height > limit:
        raise ValueError(
            f"{width} x {height} are {width * height / 1e6:.0f} megapixels, the limit is {limit / 1e6:.0f}; "
            "make it smaller or cut it"
        )


def _white(opened: Image) -> float | None:
    """Return the number that stands for white where a channel has more than 8 bits; None where Pillow knows it."""
    kind, tags = opened.mode.partition(";")[0], getattr(opened, "tag_v2", {})
    if kind not in ("I", "F"):
        return None
    # Pillow gives 16-bit PNGs and PPMs as I or I;16, by version, but of TIFFs all that is signed or longer as I.
    if kind == "I" and (opened.format, opened.mode) == ("TIFF", "I"):
        raise ValueError(f"mode {opened.mode} is signed or 32-bit, so its white is unknown; save it in 8 or 16 bits")
    if tags.get(PHOTOMETRIC) == 0:
        raise ValueError(f"mode {opened.mode} stores white as 0; save it with black as 0")
    return 1.0 if kind == "F" else 2.0 ** tags.get(BITS, (16,))[0] - 1


def _eight_bits(image: Image, white: float) -> Image:
    """Scale numbers in [0, white] to grey in 8 bits."""
    from PIL import Image

    values = np.asarray(image, np.float32)
    low, high = values.min(), values.max()
    if not (low >= 0 and high <= white):  # nor NaN
        raise ValueError(f"mode {image.mode} holds numbers from {low:g} to {high:g}; they must lie in [0, {white:g}]")
    return Image.fromarray(np.rint(values * np.float32(255 / white)).astype(np.uint8))


def _on(colour: str | None, image: Image) -> Image:
    """Drop what says how transparent a picture is, or lay it over a colour -> RGB."""
    from PIL import Image

    if "transparency" in image.info or image.mode in ("LA", "PA", "RGBA"):
        image = image.convert("RGBA")
        if colour:
            image = Image.alpha_composite(Image.new("RGBA", image.size, colour), image)
    return image if image.mode == "RGB" else image.convert("RGB")
