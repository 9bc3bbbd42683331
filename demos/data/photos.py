"""Photographs and paintings, one at a time, in their own proportions: photo("hopper"), or photo("path/to/picture.jpg").

At hand without a file: "hopper", the portrait of Grace Hopper that comes with matplotlib (United States Navy, public
domain), and two paintings drawn here, "strokes", brush strokes along a swirling field, and "mosaic", stained glass.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from demos.files import written_whole

from .picture import check_pixels, read_rgb

MAX_RESULT = 20_000_000  # pixels: 240 MB as float32
PALETTES = {  # darkest first, red green blue
    "strokes": [(18, 26, 62), (28, 56, 118), (52, 104, 160), (112, 164, 190), (196, 212, 190), (240, 204, 92)],
    "mosaic": [(120, 24, 32), (196, 72, 36), (232, 156, 52), (240, 214, 140), (38, 98, 104), (24, 52, 84)],
}


def photo(name: str | Path, size: int = 256) -> np.ndarray:
    """Read or draw a picture -> (3, H, W) float32 in [0, 1], RGB, its shorter side `size` pixels.

    name: "hopper", "strokes", "mosaic", or the path of a file; resized with anti-aliasing, turned upright, transparency
    laid on white. ValueError for a size below 16, a file that picture.read_rgb refuses, or one that has
    more than MAX_RESULT pixels, or a side longer than picture.MAX_SIDE, once resized; FileNotFoundError for no file.
    """
    if size < 16:
        raise ValueError(f"photo: size is {size}; it must be at least 16 pixels")
    if name in PAINTINGS:
        return PAINTINGS[name](size)
    if name == "hopper":
        import matplotlib

        name = Path(matplotlib.get_data_path(), "sample_data", "grace_hopper.jpg")
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


# ---- paintings -------------------------------------------------------------------------------------------------------


def _strokes(size: int) -> np.ndarray:
    """Smear noise along a field of swirls, a light patch in each eye -> (3, size, size). After Cabral & Leedom 1993."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:size, :size] / size
    centres = np.array([(0.2, 0.25), (0.32, 0.72), (0.75, 0.3), (0.72, 0.8), (0.5, 0.5)])
    turn = np.array([1, -1, 1, 1, -1]) * 0.05
    dy, dx = y - centres[:, 0, None, None], x - centres[:, 1, None, None]  # (5, size, size)
    near = turn[:, None, None] * np.exp(-(dy**2 + dx**2) / 0.02) / 0.02
    u, v = (-near * dy).sum(axis=0) + 0.02, (near * dx).sum(axis=0) + 0.012 * np.sin(9 * x)
    length = np.hypot(u, v)
    u, v = u / length, v / length
    light = np.exp(-(dy**2 + dx**2) / 0.006).sum(axis=0)
    smeared = _smear(_grain(size, rng), u, v, size)
    tone = 0.5 + 0.16 * smeared - 0.22 * np.cos(5 * y + 2 * np.sin(3 * x)) + 0.45 * light
    return (_paint("strokes", tone) + 0.03 * smeared.astype(np.float32)).clip(0, 1)


def _grain(size: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of mean 0 and variance 1, as coarse as a brush of 1/100 of the picture."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal((size, size)), size / 220, mode="wrap")
    return noise / noise.std()


def _smear(noise: np.ndarray, u: np.ndarray, v: np.ndarray, size: int) -> np.ndarray:
    """Average noise (size, size) along the stream lines of (u, v), 1/8 of the picture long; mean 0 and variance 1."""
    from scipy.ndimage import map_coordinates

    step = max(1.0, size / 200)
    total = noise.copy()
    for sign in (step, -step):
        at = np.mgrid[:size, :size].astype(float)
        for _ in range(round(size / 16 / step)):
            along = [map_coordinates(f, at, order=1, mode="nearest") for f in (v, u)]
            at = at + sign * np.array(along)
            total += map_coordinates(noise, at, order=1, mode="wrap")
    return (total - total.mean()) / total.std()


def _mosaic(size: int) -> np.ndarray:
    """Cells around scattered points, dark where two of them meet -> (3, size, size). Worley 1996."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, :size] / size
    points = rng.random((260, 2))
    distance, nearest = cKDTree(points).query(np.stack([y, x], axis=-1), k=2)  # (size, size, 2)
    edge = np.clip((distance[..., 1] - distance[..., 0]) * 110 - 0.35, 0, 1)
    height = points[:, 0] + 0.5 * np.sin(5 * points[:, 1]) + 0.25 * rng.standard_normal(len(points))
    rank = np.argsort(np.argsort(height)) / len(points)
    gloss = 0.85 + 3.0 * distance[..., 0]
    return (_paint("mosaic", rank[nearest[..., 0]]) * (edge * gloss)).clip(0, 1).astype(np.float32)


def _paint(name: str, tone: np.ndarray) -> np.ndarray:
    """Colours from a palette by tone in [0, 1], (size, size) -> (3, size, size) float32."""
    colours = np.array(PALETTES[name]) / 255
    at = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(tone, at, colour) for colour in colours.T]).astype(np.float32)


PAINTINGS = {"strokes": _strokes, "mosaic": _mosaic}
NAMES = ("hopper", *PAINTINGS)
