"""Masks as pictures: each colour is a region, and regions of two pictures that have the same colour belong together.

A JPEG blurs colours, and painting programs blend them along edges. So a colour counts only if somewhere a block of
BLOCK x BLOCK pixels has it, to within TOLERANCE; all other pixels join the region whose colour is nearest.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .picture import read_rgb

TOLERANCE = 48  # distance of two colours, of components from 0 to 255, that are taken for one
BLOCK = 3  # pixels
MOST = 32  # regions; a photograph has more colours
LARGEST = 1024  # pixels of a mask's longer side; a larger one is cut down to that, without blending colours
PROPORTIONS = 1.02  # by which the sides of a mask and of its picture may disagree
SOFT = 1.0  # pixels over which a region fades at its edge


def read_masks(
    paths: tuple[Path, Path], sizes: tuple[tuple[int, int], tuple[int, int]]
) -> tuple[list[str], tuple[np.ndarray, np.ndarray]]:
    """Read the masks of two pictures of these sizes, (H, W) each -> the colours, and the region of each pixel (H, W).

    The regions are numbered as the colours are, "#rrggbb"; a region may be in one of the pictures alone. ValueError if
    a mask has other proportions than its picture, if there are more than MOST colours, or as read_rgb says.
    """
    pictures = [_read(path, size) for path, size in zip(paths, sizes, strict=True)]
    colours = _leaders(np.concatenate([p.reshape(-1, 3) for p in pictures]))
    solid = [_with_blocks(p, colours) for p in pictures]
    found = sorted({*solid[0], *solid[1]})
    if not 0 < min(map(len, solid)) <= len(found) <= MOST:
        names = " and ".join(map(str, paths))
        raise ValueError(f"{names} have areas of {len(found)} colours; masks have from 1 to {MOST}, each for a region")
    names = ["#{:02x}{:02x}{:02x}".format(*colour.round().astype(int)) for colour in colours[found]]
    own = [[found.index(i) for i in numbers] for numbers in solid]
    labels = [np.array(of)[_nearest(p, colours[found][of])] for p, of in zip(pictures, own)]
    return names, (_resized(labels[0], sizes[0]), _resized(labels[1], sizes[1]))


def soft_masks(labels: np.ndarray, regions: list[int]) -> np.ndarray:
    """Make a mask of each region, which fades at its edges: labels (H, W) -> (R, 1, H, W) float32 in [0, 1]."""
    from scipy.ndimage import gaussian_filter

    masks = [gaussian_filter((labels == region).astype(np.float32), SOFT, mode="nearest") for region in regions]
    return np.stack(masks)[:, None]


def _read(path: Path, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    H, W = size
    if not path.is_file():
        raise FileNotFoundError(f"masks: {path} is no file; name a picture in which each region has its colour")
    image = read_rgb(path)
    odd = (image.width / image.height) / (W / H)
    if not 1 / PROPORTIONS < odd < PROPORTIONS:
        raise ValueError(
            f"{path} is {image.width} x {image.height} pixels, its picture {W} x {H}; a mask needs the same proportions"
        )
    image.thumbnail((LARGEST, LARGEST), Image.Resampling.NEAREST)
    return np.array(image, np.float32)


def _resized(labels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the labels nearest to each pixel of a picture of that size."""
    rows, columns = (((np.arange(n) + 0.5) * m / n).astype(int) for n, m in zip(size, labels.shape))
    return labels[rows][:, columns]


def _leaders(pixels: np.ndarray) -> np.ndarray:
    """Choose colours, from frequent to rare, each farther than TOLERANCE from those before: (n, 3) -> (k, 3)."""
    boxes = (pixels.astype(np.int64) // 8) @ [1024, 32, 1]
    _, box, counts = np.unique(boxes, return_inverse=True, return_counts=True)
    means = np.stack([np.bincount(box, pixels[:, k]) for k in range(3)], axis=1) / counts[:, None]
    leaders = np.zeros((0, 3))
    for colour in means[np.argsort(-counts, kind="stable")]:
        if (((leaders - colour) ** 2).sum(axis=1) > TOLERANCE**2).all():
            leaders = np.concatenate([leaders, colour[None]])
    return leaders


def _nearest(picture: np.ndarray, colours: np.ndarray) -> np.ndarray:
    """Return the number of the colour that is nearest to each pixel: (H, W, 3), (k, 3) -> (H, W)."""
    best, labels = np.full(picture.shape[:2], np.inf), np.zeros(picture.shape[:2], np.int64)
    for i, colour in enumerate(colours):
        distance = ((picture - colour) ** 2).sum(axis=-1)
        labels[distance < best] = i
        best = np.minimum(best, distance)
    return labels


def _with_blocks(picture: np.ndarray, colours: np.ndarray) -> list[int]:
    """Return the numbers of those colours that a block of BLOCK x BLOCK pixels has."""
    from scipy.ndimage import maximum_filter, minimum_filter

    labels = _nearest(picture, colours)
    uniform = minimum_filter(labels, BLOCK) == maximum_filter(labels, BLOCK)
    return np.unique(labels[1:-1, 1:-1][uniform[1:-1, 1:-1]]).tolist()
