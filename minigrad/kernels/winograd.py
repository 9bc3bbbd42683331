"""Convolution three rows high, stride 1, with half the multiplications. Lavin & Gray, arXiv 1509.09308.

Four neighbouring results of a filter of three taps take 12 multiplications by definition. Winograd (1980) needs 6:

    y = A (G w * B x)        x six numbers, w three, y four, * elementwise

A, G and B hold small numbers, so what they do to whole rows costs little beside the matrix product that each of the six
multiplications becomes. This is done down the rows; along them the kernel's columns are laid out as ever:

    image rows     0  1  2  3  4  5  6  7  8  9
    tile 0        [0  1  2  3  4  5]                  six rows give output rows 0 to 3,
    tile 1                    [4  5  6  7  8  9]      the next six, two of them the same, 4 to 7

On 64 channels of 128 x 128 it takes .7 of the direct time. Rounding errors grow: 2e-6 of the largest result, not 5e-7.

A and B mix the rows of a tile, so that one NaN or infinity makes NaNs of all four results. Such a convolution is done
again in the direct way, where the number reaches its own windows only. It costs the usual case nothing: one look at one
filter tells, for what is not finite reaches them all.
"""

from __future__ import annotations

import numpy as np

from . import gather
from .geometry import Geometry, inside
from .matmul import matmul
from .threads import parallel, scratch

B = [
    [4, 0, -5, 0, 1, 0],
    [0, -4, -4, 1, 1, 0],
    [0, 4, -4, -1, 1, 0],
    [0, -2, -1, 2, 1, 0],
    [0, 2, -1, -2, 1, 0],
    [0, 4, 0, -5, 0, 1],
]
G = [
    [1 / 4, 0, 0],
    [-1 / 6, -1 / 6, -1 / 6],
    [-1 / 6, 1 / 6, -1 / 6],
    [1 / 24, 1 / 12, 1 / 6],
    [1 / 24, -1 / 12, 1 / 6],
    [0, 0, 1],
]
A = [
    [1, 1, 1, 1, 1, 0],
    [0, 1, -1, 2, -2, 0],
    [0, 1, 1, 4, 4, 0],
    [0, 1, -1, 8, -8, 1],
]
CHANNELS = 16  # with fewer the product no longer outweighs the rest
LINE = 512  # numbers of a row from which one tile of four rows at a time is enough


def pays(x: np.ndarray, w: np.ndarray, geo: Geometry) -> bool:
    """Tell whether convolve is faster than the direct way: measured, not derived. x (C,H,W,N), w (O,C,kh,kw)."""
    fits = geo.kernel[0] == 3 and geo.stride == geo.dilation == (1, 1)
    precise = x.dtype == w.dtype and w.dtype in (np.float32, np.float64)  # there are fractions in G, and large numbers
    enough = min(w.shape[:2]) >= CHANNELS and geo.output[0] >= 4 and 0 < geo.output[1] * x.shape[3] <= LINE
    return fits and precise and enough


def convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (O,oh,ow,N) with w (O,C,3,kw) slid over x (C,H,W,N), + b (O,1) if given."""
    with np.errstate(invalid="ignore", over="ignore"):
        _fill(x, w, b, out, geo)
        # a pixel that is not finite shows in every filter of its tile, a weight at every place of its filter
        finite = np.isfinite(out[0].sum() + out[:, 0, 0, 0].sum())
    if not finite:
        gather.convolve(x, w, b, out, geo)


def _fill(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out as convolve does, with NaN around what is not finite and where large numbers overflow on the way."""
    O, oh, ow, N = out.shape
    C, row = len(x), ow * N
    weights = _filters(w)  # (6,O,C kw)
    bias = np.zeros((O, 1), out.dtype) if b is None else b
    into, back = np.asarray(B, x.dtype), np.asarray(A, x.dtype)
    step = max(1, LINE // row)

    def some(start: int, stop: int) -> None:
        for tile in range(start, stop, step):
            count = min(step, stop - tile)
            tiles = _tiles(x, tile, count, geo)  # (count, 6, C wide N)

            # B x: six rows become six others, which no longer overlap
            mixed = scratch("mixed", x.dtype, *tiles.shape)
            np.matmul(into, tiles, out=mixed)
            columns = _columns(mixed.reshape(count, 6, C, -1, N), geo.kernel[1], ow)  # (6, C kw, count ow N)

            # G w * B x: six products, each over all channels and the columns of the kernel
            products = scratch("products", x.dtype, 6, O, count * row)
            np.matmul(weights, columns, out=products)

            # A (..): back to four output rows for each tile
            results = scratch("results", x.dtype, 4, O, count, row)
            np.matmul(back, products.reshape(6, -1), out=results.reshape(4, -1))
            results = results.transpose(1, 2, 0, 3).reshape(O, 4 * count, row)  # (4,O,count,row) -> (O, count 4, row)

            # the last tile may reach beyond the output
            rows = out[:, 4 * tile : 4 * (tile + count)].reshape(O, -1, row)
            np.add(results[:, : rows.shape[1]], bias[:, None], out=rows)

    def quietly(start: int, stop: int) -> None:
        with np.errstate(invalid="ignore", over="ignore"):  # each thread has its own
            some(start, stop)

    parallel(quietly, -(-oh // 4), w.size * oh * row)


def _filters(w: np.ndarray) -> np.ndarray:
    """Return G w, where every column of three taps has become six numbers: (O,C,3,kw) -> (6,O,C kw)."""
    taps = np.ascontiguousarray(w.transpose(2, 0, 1, 3)).reshape(3, -1)
    return matmul(np.asarray(G, w.dtype), taps).reshape(6, len(w), -1)


def _tiles(x: np.ndarray, first: int, count: int, geo: Geometry) -> np.ndarray:
    """Return the six image rows of `count` tiles from the first on, padded: (count, 6, C wide N), sharing memory."""
    C, H, W, N = x.shape
    (top, _), (left, right) = geo.padding
    wide = left + W + right
    lines = scratch("lines", x.dtype, 4 * count + 2, C, wide, N)
    above = 4 * first - top  # the image row of the first line

    # zeros where lines are padding
    start, stop = inside(above, 1, H, len(lines))
    if start > 0 or stop < len(lines):
        lines[:start] = lines[stop:] = 0
    if left + right > 0:
        lines[:, :, :left] = lines[:, :, left + W :] = 0
    lines[start:stop, :, left : left + W] = x[:, above + start : above + stop].swapaxes(0, 1)

    # a tile has six lines, and the next one begins four further on
    line = lines.strides[0]
    return np.ndarray((count, 6, C * wide * N), x.dtype, lines, strides=(4 * line, line, lines.itemsize))


def _columns(mixed: np.ndarray, kw: int, ow: int) -> np.ndarray:
    """Lay out what each column of the kernel sees: (count,6,C,wide,N) -> (6, C kw, count ow N)."""
    count, _, C, _, N = mixed.shape
    mixed = mixed.transpose(1, 2, 0, 3, 4)  # (6,C,count,wide,N)
    columns = scratch("columns", mixed.dtype, 6, C, kw, count, ow, N)
    for j in range(kw):
        columns[:, :, j] = mixed[:, :, :, j : j + ow]
    return columns.reshape(6, C * kw, count * ow * N)
