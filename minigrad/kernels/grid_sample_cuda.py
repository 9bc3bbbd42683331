"""Bilinear sampling on the GPU, of the same names and arguments as grid_sample.py: launches for grid_sample.cu.

x (N,C,H,W), grid (N,oh,ow,2), holding (x, y) in [-1, 1], g (N,C,oh,ow); float32 or float64. padding_mode: "zeros",
"border" or "reflection". All as torch.nn.functional.grid_sample has it, but for a NaN in the grid, which gives NaN.
corners, which save work on the CPU, are always None: here each thread finds its own.
"""

from __future__ import annotations

import numpy as np

from ..backend import Array, xp
from .planes import check_sizes, launch_planes, prepare

MODES = {"zeros": 0, "border": 1, "reflection": 2}


def grid_sample(x: Array, grid: Array, padding_mode: str, align_corners: bool, corners: None = None) -> Array:
    """Return x at the points of grid: (N,C,oh,ow)."""
    x, grid = prepare("grid_sample", x, grid)
    (N, C), (oh, ow) = x.shape[:2], grid.shape[1:3]
    sizes = _sizes("grid_sample", x.shape, grid, padding_mode, align_corners)
    out = xp(x).empty((N, C, oh, ow), x.dtype)
    launch_planes("grid_sample.cu", "grid_sample", out.dtype, oh * ow, N * C, (x, grid, out), sizes)
    return out


def grid_sample_grid(
    g: Array, x: Array, grid: Array, padding_mode: str, align_corners: bool, corners: None = None
) -> Array:
    """Return the gradient of sum g * grid_sample(x, grid) with respect to grid: (N,oh,ow,2)."""
    g, x, grid = prepare("grid_sample_grid", g, x, grid)
    N, oh, ow = grid.shape[:3]
    sizes = _sizes("grid_sample_grid", x.shape, grid, padding_mode, align_corners)
    out = xp(g).empty(grid.shape, grid.dtype)
    launch_planes("grid_sample.cu", "grid_sample_grid", out.dtype, oh * ow, N, (g, x, grid, out), sizes)
    return out


def grid_sample_input(
    g: Array, grid: Array, input_shape: tuple[int, ...], padding_mode: str, align_corners: bool, corners: None = None
) -> Array:
    """Return the gradient of sum g * grid_sample(x, grid) with respect to x, of input_shape (N,C,H,W).

    Points are sorted by where they lie, so that each pixel adds up its own, always in the same order: exact to rounding
    and repeatable bit for bit, at the price of a sort, and of waiting for the pixel that most points fall on.
    """
    g, grid = prepare("grid_sample_input", g, grid)
    N, C, H, W = input_shape
    oh, ow = grid.shape[1:3]
    sizes = _sizes("grid_sample_input", input_shape, grid, padding_mode, align_corners)
    module = xp(g)
    cells = module.empty((N, oh, ow), np.int64)
    launch_planes("grid_sample.cu", "grid_cells", grid.dtype, oh * ow, N, (grid, cells), sizes)
    order = module.argsort(cells.ravel(), kind="stable")
    starts = module.searchsorted(cells.ravel()[order], module.arange(N * (H + 1) * (W + 1) + 1))
    out = module.empty(input_shape, g.dtype)
    launch_planes("grid_sample.cu", "grid_sample_input", out.dtype, H * W, N * C, (g, grid, order, starts, out), sizes)
    return out


def _sizes(
    name: str, input_shape: tuple[int, ...], grid: Array, padding_mode: str, align_corners: bool
) -> tuple[int, ...]:
    """Return the SIZES of grid_sample.cu; ValueError for an unknown padding_mode."""
    if padding_mode not in MODES:
        raise ValueError(f"{name}: unknown padding_mode {padding_mode!r}; choose 'zeros', 'border' or 'reflection'")
    oh, ow = grid.shape[1:3]
    check_sizes(name, pixels_of_an_image=input_shape[2] * input_shape[3], points_of_an_image=oh * ow)
    return *input_shape, oh, ow, MODES[padding_mode], int(align_corners)
