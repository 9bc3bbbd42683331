"""How the kernels of this folder are named and launched: by the dtype of their arrays, a thread for each pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ..backend import Array, xp
from .launch import launch

SUFFIX = {"float32": "f32", "float64": "f64"}
MOST = 2**31 - 2**16  # sizes that kernels count with an int; the last blocks of a grid count a little beyond them
MOST_LAYERS = 65535  # CUDA's limit for a grid's second and third axis


def prepare(name: str, *arrays: Array) -> list[Array]:
    """Return arrays in C order, as kernels want them. TypeError unless all are float32, or all float64."""
    dtypes = {array.dtype.name for array in arrays}
    if len(dtypes) > 1 or not dtypes <= SUFFIX.keys():
        raise TypeError(f"{name}: got {' and '.join(sorted(dtypes))}; all operands must be float32, or all float64")
    return [xp(array).ascontiguousarray(array) for array in arrays]


def check_sizes(name: str, **sizes: int) -> None:
    """Raise ValueError, naming them, if some sizes are beyond what a kernel can count."""
    for what, size in sizes.items():
        if size > MOST:
            raise ValueError(f"{name}: {what.replace('_', ' ')} is {size}; the GPU's kernels count to {MOST}: use less")


def launch_planes(
    file: str,
    kernel: str,
    dtype: np.dtype,
    pixels: int,
    planes: int,
    arrays: Sequence[Array],
    sizes: Sequence[int],
    parts: int = 1,
) -> None:
    """Run kernel on a grid whose x axis covers the pixels of a plane, its y axis the planes, its z axis parts.

    Its arguments are the arrays and then the sizes, as int; its name ends in the dtype.
    """
    if pixels * planes == 0:
        return
    threads = min(256, math.ceil(pixels / 32) * 32)
    grid = (math.ceil(pixels / threads), min(planes, MOST_LAYERS), parts)
    launch(file, f"{kernel}_{SUFFIX[dtype.name]}", grid, (threads,), (*arrays, *map(np.int32, sizes)))
