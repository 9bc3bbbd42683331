"""Convolution on the GPU, of the same names and arguments as conv.py: sizes, grids and launches for conv.cu.

x (N,C,H,W), w (O,C/groups,kh,kw), g (N,O,oh,ow) and a Geometry; float32 or float64.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from ..backend import Array, xp
from .geometry import Geometry
from .launch import launch
from .planes import MOST_LAYERS, SUFFIX, check_sizes, launch_planes, prepare


class Tile(NamedTuple):
    """What a block of a tiled kernel computes of the product, and with how many threads."""

    rows: int
    columns: int
    threads: int


TILES = {"float32": (Tile(128, 128, 256), Tile(64, 128, 128)), "float64": (Tile(64, 64, 256),)}  # large ones first
BUSY = 132  # blocks: one for each multiprocessor of an H100
PART = 512  # positions: what the weight gradient sums in one go, at least


def choose_tile(dtype: np.dtype, rows: int, columns: int, depth: int, layers: int) -> Tile | None:
    """Choose how to compute `layers` products (rows, depth) (depth, columns); None: by the plain kernel, no tiles.

    Tiles that would be mostly empty do more work than the plain kernel saves. A large tile reads less memory, a small
    one leaves fewer multiprocessors idle. The thresholds are reasoned, not measured.
    """
    if rows < 16 or columns < 16 or depth < 16 or layers > MOST_LAYERS:
        return None
    *larger, smallest = TILES[dtype.name]
    for tile in larger:
        if rows > tile.rows // 2 and _blocks(tile, rows, columns) * layers >= BUSY:
            return tile
    return smallest


def conv2d(x: Array, w: Array, geo: Geometry, b: Array | None = None) -> Array:
    """Slide w over x, and add b (O) if given. -> (N,O,oh,ow). TypeError, ValueError for dtypes and sizes beyond it."""
    x, w = prepare("conv2d", x, w)
    (N, C), O = x.shape[:2], len(w)
    columns, depth = N * math.prod(geo.output), C // geo.groups * math.prod(geo.kernel)
    _check("conv2d", geo, positions=columns, values_under_the_kernel=depth)
    out = xp(x).empty((N, O, *geo.output), x.dtype)
    tile = choose_tile(x.dtype, O // geo.groups, columns, depth, geo.groups)
    _launch("conv2d", tile, (x, w, out), _sizes(N, C, O, geo), O // geo.groups, columns, geo.groups)
    return _add_bias(out, b)


def conv_transpose2d(g: Array, w: Array, geo: Geometry, b: Array | None = None) -> Array:
    """Spread g over the windows it came from, weighted by w, and add b (C) if given. -> (N,C,H,W); conv2d's adjoint."""
    g, w = prepare("conv_transpose2d", g, w)
    (N, O), C = g.shape[:2], w.shape[1] * geo.groups
    # of the largest phase, that is of every so many pixels, one for each place in the stride
    columns = N * math.prod(math.ceil(n / step) for n, step in zip(geo.input, geo.stride))
    depth = O // geo.groups * math.prod(math.ceil(n / step) for n, step in zip(geo.kernel, geo.stride))
    _check("conv_transpose2d", geo, pixels=columns, values_over_a_pixel=O // geo.groups * math.prod(geo.kernel))
    out = xp(g).empty((N, C, *geo.input), g.dtype)
    rows, layers = C // geo.groups, geo.groups * math.prod(geo.stride)
    tile = choose_tile(g.dtype, rows, columns, depth, layers)
    _launch("conv_transpose2d", tile, (g, w, out), _sizes(N, C, O, geo), rows, columns, layers)
    return _add_bias(out, b)


def conv2d_weight(x: Array, g: Array, geo: Geometry) -> Array:
    """Correlate x with g, the adjoint of conv2d in w. -> (O,C/groups,kh,kw).

    The sum over images and positions is cut in parts, which run side by side and are then added in order.
    """
    x, g = prepare("conv2d_weight", x, g)
    (N, C), O = x.shape[:2], g.shape[1]
    rows, columns, depth = O // geo.groups, C // geo.groups * math.prod(geo.kernel), N * math.prod(geo.output)
    _check("conv2d_weight", geo, positions=depth, values_under_the_kernel=columns)
    out = xp(x).empty((O, C // geo.groups, *geo.kernel), x.dtype)
    most_parts = max(1, min(depth // PART, MOST_LAYERS // geo.groups))
    tile = choose_tile(x.dtype, rows, columns, depth, geo.groups * most_parts)
    parts = min(most_parts, math.ceil(2 * BUSY / (geo.groups * _blocks(tile, rows, columns))) if tile else max(1, N))
    summands = xp(x).empty((parts, *out.shape), x.dtype) if parts > 1 else out
    _launch("conv2d_weight", tile, (x, g, summands), _sizes(N, C, O, geo), rows, columns, geo.groups, parts)
    if parts > 1:
        args = summands, out, np.int32(parts), np.int64(out.size)
        launch("conv.cu", f"conv2d_weight_sum_{SUFFIX[x.dtype.name]}", (math.ceil(out.size / 256),), (256,), args)
    return out


def im2col(x: Array, geo: Geometry) -> Array:
    """Lay the window under each kernel position out as a column: (N,C,H,W) -> (N, C kh kw, oh ow)."""
    (x,) = prepare("im2col", x)
    _check("im2col", geo)
    N, C = x.shape[:2]
    out = xp(x).empty((N, C * math.prod(geo.kernel), math.prod(geo.output)), x.dtype)
    launch_planes("conv.cu", "im2col", x.dtype, out.shape[2], N * out.shape[1], (x, out), _sizes(N, C, C, geo))
    return out


def col2im(columns: Array, geo: Geometry) -> Array:
    """Add columns up at the pixels they come from, the adjoint of im2col: (N, C kh kw, oh ow) -> (N,C,H,W)."""
    (columns,) = prepare("col2im", columns)
    _check("col2im", geo)
    N, C = len(columns), columns.shape[1] // math.prod(geo.kernel)
    out = xp(columns).empty((N, C, *geo.input), columns.dtype)
    launch_planes("conv.cu", "col2im", out.dtype, math.prod(geo.input), N * C, (columns, out), _sizes(N, C, C, geo))
    return out


def _launch(
    name: str,
    tile: Tile | None,
    arrays: tuple[Array, Array, Array],
    sizes: tuple[int, ...],
    rows: int,
    columns: int,
    layers: int,
    parts: int = 1,
) -> None:
    """Fill arrays[-1] by the plain kernel `name`, or by its version for this tile of products (rows, columns)."""
    out = arrays[-1]
    if tile is None:
        pixels = math.prod(out.shape[-2:])
        launch_planes("conv.cu", name, out.dtype, pixels, out.size // (pixels * parts), arrays, sizes, parts)
    elif out.size:
        kernel = f"{name}_{tile.rows}x{tile.columns}_{SUFFIX[out.dtype.name]}"
        grid = (math.ceil(columns / tile.columns), math.ceil(rows / tile.rows), layers * parts)
        launch("conv.cu", kernel, grid, (tile.threads,), (*arrays, *map(np.int32, sizes)))


def _blocks(tile: Tile, rows: int, columns: int) -> int:
    """Count the blocks of one product."""
    return math.ceil(rows / tile.rows) * math.ceil(columns / tile.columns)


def _sizes(N: int, C: int, O: int, geo: Geometry) -> tuple[int, ...]:
    """Return the fields of conv.cu's Shape."""
    (top, _), (left, _) = geo.padding
    return (
        *(N, C, *geo.input, O, *geo.kernel, *geo.output),
        *(*geo.stride, *geo.dilation, top, left, geo.groups),
    )


def _check(name: str, geo: Geometry, **sizes: int) -> None:
    check_sizes(name, pixels_of_an_image=math.prod(geo.input), positions_in_an_image=math.prod(geo.output), **sizes)


def _add_bias(out: Array, b: Array | None) -> Array:
    """Add b, one number per channel, to out (N,O,oh,ow), in the dtype that both promote to, as on the CPU."""
    if b is not None:
        out = out.astype(xp(out).result_type(out, b), copy=False)
        out += b.reshape(-1, 1, 1)
    return out
