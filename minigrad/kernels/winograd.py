"""Convolution three rows high, stride 1, with half the multiplications. Lavin & Gray, arXiv 1509.09308.

Four neighbouring results of a filter of three taps take 12 multiplications by definition. Winograd (1980) needs 6:

    y = A (G w * B x)        x six numbers, w three, y four, * elementwise

A, G and B hold small numbers, so what they do to whole rows costs little beside the matrix product that each of the six
multiplications becomes. This is done down the rows; along them the kernel's columns are laid out as ever. On 64
channels of 128 x 128 it takes .7 of the direct time. Rounding errors grow: 2e-6 of the largest result against 5e-7.

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
G = [[1 / 4, 0, 0], [-1 / 6] * 3, [-1 / 6, 1 / 6, -1 / 6], [1 / 24, 1 / 12, 1 / 6], [1 / 24, -1 / 12, 1 / 6], [0, 0, 1]]
A = [[1, 1, 1, 1, 1, 0], [0, 1, -1, 2, -2, 0], [0, 1, 1, 4, 4, 0], [0, 1, -1, 8, -8, 1]]
CHANNELS = 16  # as few, and the product no longer outweighs the rest
LINE = 512  # floats of a row from which one tile of four rows at a time is enough


def pays(x: np.ndarray, w: np.ndarray, geo: Geometry) -> bool:
    """Tell whether convolve is faster than the direct way: measured, not derived. x (C,H,W,N), w (O,C,kh,kw)."""
    same = geo.kernel[0] == 3 and geo.stride == geo.dilation == (1, 1)
    precise = x.dtype == w.dtype and w.dtype in (np.float32, np.float64)  # there are fractions in G, and large numbers
    enough = min(w.shape[:2]) >= CHANNELS and geo.output[0] >= 4 and 0 < geo.output[1] * x.shape[3] <= LINE
    return same and precise and enough


def convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (O,oh,ow,N) with w (O,C,3,kw) slid over x (C,H,W,N), + b (O,1) if given."""
    with np.errstate(invalid="ignore", over="ignore"):
        _fill(x, w, b, out, geo)
        # a pixel that is not finite shows in every filter of its tile, a weight at every place of its filter
        finite = np.isfinite(out[0].sum() + out[:, 0, 0, 0].sum())
    if not finite:
        gather.convolve(x, w, b, out, geo)


def _fill(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out as convolve does, with NaN around what is not finite and where large numbers overflow underway."""
    (C, H, W, N), (O, oh, ow, _), kw = x.shape, out.shape, geo.kernel[1]
    (top, _), (left, right) = geo.padding
    weights = matmul(np.asarray(G, x.dtype), np.ascontiguousarray(w.transpose(2, 0, 1, 3)).reshape(3, -1))
    weights = weights.reshape(6, O, C * kw)
    into, back = np.asarray(B, x.dtype), np.asarray(A, x.dtype)
    bias = np.zeros((O, 1), out.dtype) if b is None else b
    wide, row = W + left + right, ow * N
    step = max(1, LINE // row)

    def some(start: int, stop: int) -> None:
        for t in range(start, stop, step):
            n = min(step, stop - t)  # tiles of four output rows, each from six input rows
            lines = scratch("lines", x.dtype, 4 * n + 2, C, wide, N)
            first, last = inside(4 * t - top, 1, H, len(lines))
            if first > 0 or last < len(lines):
                lines[:first] = lines[last:] = 0
            if left + right > 0:
                lines[:, :, :left] = lines[:, :, left + W :] = 0
            lines[first:last, :, left : left + W] = x[:, 4 * t - top + first : 4 * t - top + last].swapaxes(0, 1)
            far, one = lines.strides[0], lines.itemsize
            tiles = np.ndarray((n, 6, C * wide * N), x.dtype, lines, strides=(4 * far, far, one))  # overlapping
            turned = scratch("turned", x.dtype, n, 6, C * wide * N)
            np.matmul(into, tiles, out=turned)
            turned = turned.reshape(n, 6, C, wide, N).transpose(1, 2, 0, 3, 4)  # (6,C,n,wide,N)
            columns = scratch("columns", x.dtype, 6, C, kw, n, ow, N)
            for j in range(kw):
                columns[:, :, j] = turned[:, :, :, j : j + ow]
            products = scratch("products", x.dtype, 6, O, n * row)
            np.matmul(weights, columns.reshape(6, C * kw, n * row), out=products)
            results = scratch("results", x.dtype, 4, O, n, row)
            np.matmul(back, products.reshape(6, -1), out=results.reshape(4, -1))
            rows = out[:, 4 * t : 4 * (t + n)].reshape(O, -1, row)
            results = results.transpose(1, 2, 0, 3).reshape(O, 4 * n, row)  # (4,O,n,row) -> (O, n 4, row)
            np.add(results[:, : rows.shape[1]], bias[:, None], out=rows)

    def quietly(start: int, stop: int) -> None:
        with np.errstate(invalid="ignore", over="ignore"):  # each thread has its own
            some(start, stop)

    parallel(quietly, -(-oh // 4), w.size * oh * row)
