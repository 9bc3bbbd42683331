"""Photographs and paintings, one at a time, in their own proportions: photo("hopper"), or photo("path/to/picture.jpg").

At hand without a file: "hopper", the portrait of Grace Hopper that comes with matplotlib (United States Navy, public
domain); "china", a pagoda, and "flower", which come with scikit-learn (by danielbuechele and vultilion, CC BY 2.0); and
what paintings.py draws: "strokes", "mosaic", "engraving", "dots".
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from demos.files import written_whole

from .paintings import PAINTINGS
from .picture import check_pixels, read_rgb

MAX_RESULT = 20_000_000  # pixels: 240 MB as float32
NAMES = ("hopper", "china", "flower", *PAINTINGS)


def photo(name: str | Path, size: int = 256) -> np.ndarray:
    """Read or draw a picture -> (3, H, W) float32 in [0, 1], RGB, its shorter side `size` pixels.

    name: one of NAMES, or the path of a file; resized with anti-aliasing, turned upright, transparency laid on white.
    ValueError for a size below 16, a file that picture.read_rgb refuses, or one that has more than MAX_RESULT pixels,
    or a side longer than picture.MAX_SIDE, once resized; FileNotFoundError for no file.
    """
    if size < 16:
        raise ValueError(f"photo: size is {size}; it must be at least 16 pixels")
    if name in PAINTINGS:
        return PAINTINGS[name](size)
    name = _sample(name) if name in NAMES else name
    if not Path(name).is_file():
        raise FileNotFoundError(f"photo: {name} is no file; name one, or one of {', '.join(NAMES)}")
    return _read(Path(name), size)


def write(image: np.ndarray, path: Path) -> None:
    """Write (3, H, W) in [0, 1] as PNG, whole or not at all; what lies outside of [0, 1] is clipped."""
    from PIL import Image

    with written_whole(path) as aside:
        Image.fromarray(as_bytes(image).transpose(1, 2, 0)).save(aside)  # (3, H, W) -> (H, W, 3)


def as_bytes(image: np.ndarray) -> np.ndarray:
    """Return an image in [0, 1] in whole numbers from 0 to 255; what lies outside of [0, 1] is clipped."""
    return (image.clip(0, 1) * 255).round().astype(np.uint8)


def _sample(name: str | Path) -> Path:
    """Return where the photograph of that name lies in the package that it comes with."""
    if name == "hopper":
        import matplotlib

        return Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
    import sklearn

    return Path(sklearn.__path__[0], "datasets", "images", f"{name}.jpg")


def _read(path: Path, size: int) -> np.ndarray:
    from PIL import Image

    image = read_rgb(path, over="white")
    scale = size / min(image.size)
    width, height = (round(scale * length) for length in image.size)
    try:
        check_pixels(width, height, MAX_RESULT)  # a picture of one row grows out of all proportion
    except ValueError as error:
        raise ValueError(f"photo: {path} with its shorter side at {size} is too large: {error}") from error
    image = image.resize((width, height), Image.Resampling.LANCZOS)
    pixels = np.array(image, np.float32)
    pixels /= 255  # in place: 12 bytes a pixel are enough
    return pixels.transpose(2, 0, 1)  # (H, W, 3) -> (3, H, W)
