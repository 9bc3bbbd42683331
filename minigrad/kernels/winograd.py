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
from .layout import for_blocks
from .matmul import matmul
from .threads import scratch

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
CHANNELS = 48  # with fewer the products no longer outweigh the rest
LINE = 1 << 11  # numbers of an output row at a time: what four rows of them need stays in cache
IMAGES = 64  # of a batch at a time, at least: shorter runs of memory are slow to copy


def pays(x: np.ndarray, w: np.ndarray, geo: Geometry) -> bool:
    """Tell whether convolve is faster than the direct way: measured, not derived. x (C,H,W,N), w (O,C,kh,kw)."""
    fits = geo.kernel[0] == 3 and geo.stride == geo.dilation == (1, 1)
    precise = x.dtype == w.dtype and w.dtype in (np.float32, np.float64)  # there are fractions in G, and large numbers
    enough = min(w.shape[:2]) >= CHANNELS and geo.output[0] >= 4 and geo.output[1] * x.shape[3] > 0
    return fits and precise and enough


def convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (G,O,oh,ow,N) with w (G,O,C,3,kw) slid over x (G,C,H,W,N), + b (G,O,1) if given."""
    with np.errstate(invalid="ignore", over="ignore"):
        _convolve(x, w, b, out, geo)
        # a pixel that is not finite shows in every filter of its tile, a weight at every place of its filter
        finite = np.isfinite(out[:, 0].sum() + out[:, :, 0, 0].sum())
    if not finite:
        gather.convolve(x, w, b, out, geo)


def _convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out as convolve does, with NaN around what is not finite or overflows on the way."""
    G, O, oh, ow, N = out.shape
    weights = np.stack([_filters(wi) for wi in w])  # (G,6,O,C kw)
    bias = np.zeros((G, O, 1), out.dtype) if b is None else b
    tiles = -(-oh // 4)

    # a row of many numbers is cut: into images, then into pixels, which share those that two pieces see
    n = min(N, max(IMAGES, LINE // ow))
    width = min(ow, max(1, LINE // n))
    pieces = [(slice(q, min(q + width, ow)), slice(m, m + n)) for q in range(0, ow, width) for m in range(0, N, n)]
    fit = max(1, LINE // (width * n)) if len(pieces) == 1 else 1  # short rows: several tiles at once

    def block(groups: slice, start: int, count: int) -> None:
        with np.errstate(invalid="ignore", over="ignore"):  # each thread has its own
            for k in range(groups.start, groups.stop):
                for first in range(start, start + count, fit):
                    tile, number = divmod(first, len(pieces))
                    piece = geo, *pieces[number], tile, min(fit, start + count - first)
                    _fill(x[k], weights[k], bias[k], out[k], *piece)

    for_blocks(block, G, tiles * len(pieces), fit, w.size * oh * ow * N)


def _fill(
    x: np.ndarray,
    weights: np.ndarray,
    bias: np.ndarray,
    out: np.ndarray,
    geo: Geometry,
    pixels: slice,
    images: slice,
    first: int,
    count: int,
) -> None:
    """Fill these pixels and images of the output rows that `count` tiles give, from the first tile on."""
    tiles = _tiles(x[..., images], first, count, pixels, geo)  # (count, 6, C wide n)
    out = out[:, 4 * first : 4 * (first + count), pixels, images]  # the last tile may reach beyond the output
    (O, rows, ow, n), C = out.shape, len(x)

    # B x: six rows become six others, which no longer overlap
    mixed = scratch("mixed", x.dtype, *tiles.shape)
    np.matmul(np.asarray(B, x.dtype), tiles, out=mixed)
    columns = _columns(mixed.reshape(count, 6, C, -1, n), geo.kernel[1], ow)  # (6, C kw, count ow n)

    # G w * B x: six products, each over all channels and the columns of the kernel
    products = scratch("products", x.dtype, 6, O, columns.shape[2])
    np.matmul(weights, columns, out=products)

    # A (..): back to four output rows for each tile
    results = scratch("results", x.dtype, 4, O, count, ow, n)
    np.matmul(np.asarray(A, x.dtype), products.reshape(6, -1), out=results.reshape(4, -1))
    results = results.transpose(1, 2, 0, 3, 4).reshape(O, 4 * count, ow, n)
    np.add(results[:, :rows], bias[:, :, None, None], out=out)


def _filters(w: np.ndarray) -> np.ndarray:
    """Return G w, where every column of three taps has become six numbers: (O,C,3,kw) -> (6,O,C kw)."""
    taps = np.ascontiguousarray(w.transpose(2, 0, 1, 3)).reshape(3, -1)
    return matmul(np.asarray(G, w.dtype), taps).reshape(6, len(w), -1)


def _tiles(x: np.ndarray, first: int, count: int, pixels: slice, geo: Geometry) -> np.ndarray:
    """Return the six image rows of `count` tiles from the first on, padded, as far as these output pixels see them.

    -> (count, 6, C wide N), sharing memory.
    """
    C, H, W, N = x.shape
    (top, _), (left, _) = geo.padding
    wide = pixels.stop - pixels.start + geo.kernel[1] - 1
    lines = scratch("lines", x.dtype, 4 * count + 2, C, wide, N)
    above, before = 4 * first - top, pixels.start - left  # the image row, and column, of the first pixel

    # zeros where lines are padding
    upper, lower = inside(above, 1, H, len(lines))
    begin, end = inside(before, 1, W, wide)
    if upper > 0 or lower < len(lines):
        lines[:upper] = lines[lower:] = 0
    if begin > 0 or end < wide:
        lines[:, :, :begin] = lines[:, :, end:] = 0
    seen = x[:, above + upper : above + lower, before + begin : before + end]
    lines[upper:lower, :, begin:end] = seen.swapaxes(0, 1)

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
