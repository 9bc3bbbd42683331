"""Convolution by gathering: the windows of the image as columns of a matrix, without repeating its rows.

The columns of a plain im2col repeat every pixel kh kw times. It is enough to repeat it kw times, along the rows. A line
holds what one place of the kernel's row sees along an output row, ow N numbers; an image row becomes C kw such lines.
Image rows lie in memory one after the other, so the matrix of an output row is kh neighbours of them, and the next
one overlaps it (kh = 3, stride 1):

    memory      | image row 0 | image row 1 | image row 2 | image row 3 | ..      each C kw lines
    window 0    |<-------- 3 C kw lines ----------------->|
    window 1                  |<-------- 3 C kw lines ----------------->|

Multiplied from the left by w as a matrix (O, 3 C kw), a window gives an output row of all images and filters.

A matrix of one row is slow to multiply by, as in a depthwise convolution, where each group has one filter. Then taller
windows give several output rows at once, by the filter moved down from row to row of a larger matrix:

    w0 w1 w2  .  .  .         output row 0
     . w0 w1 w2  .  .         output row 1      of image rows 0 to 5; each wi stands for C kw numbers
     .  . w0 w1 w2  .         output row 2
     .  .  . w0 w1 w2         output row 3

Twice the multiplications, at several times the rate.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .geometry import Geometry, Tap, inside, taps
from .layout import LINES, SPARE, for_blocks
from .threads import scratch

FEW = 1_000_000  # multiply-adds for each filter: products below this are small
FILTERS = 32  # as many at a time where products are small: OpenBLAS has a faster path for those that are cut to fit it
ROWS = 4, 3, 2, 7, 5  # output rows at once, of a single filter: the first number that divides all rows


def convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (G,O,oh,ow,N) with w (G,O,C,kh,kw) slid over x (G,C,H,W,N), + b (G,O,1) if given."""
    at_once = _rows_at_once(w.shape[1], geo)
    if at_once > 1:
        with np.errstate(invalid="ignore", over="ignore"):
            _convolve(x, w, b, out, geo, at_once)
            # infinity times a zero of the larger matrix is NaN, in rows that do not see the infinity. It reaches all of
            # a window's rows, so one of them tells
            finite = np.isfinite(out[:, :, ::at_once].sum())
        if finite:
            return
    _convolve(x, w, b, out, geo, 1)


def correlate(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return the sum over output rows of g (G,O,oh,ow,N) @ the windows of x (G,C,H,W,N), turned: (G,O,C,kh,kw)."""
    (G, C), O, (kh, kw), line = x.shape[:2], g.shape[1], geo.kernel, g.shape[3] * g.shape[4]
    at_once = _rows_at_once(O, geo)
    rows = _rows(g, at_once)
    step = FILTERS if C * kh * kw * line < FEW else O * at_once
    sums: dict[tuple[int, int], np.ndarray] = {}

    def use(some: slice, which: slice, windows: np.ndarray) -> None:
        part, top = rows[some, which], which.start
        if line < O:  # sums of large matrices cost more than longer rows do
            windows, part = (a.swapaxes(1, 2).reshape(len(a), a.shape[2], -1) for a in (windows, part))
            sums[top, some.start] = (part @ windows.swapaxes(1, 2)).swapaxes(1, 2)
            return
        part = part.swapaxes(2, 3)  # (groups, n, ow N, O at_once)
        products = [(windows @ part[..., o : o + step]).sum(axis=1) for o in range(0, part.shape[3], step)]
        sums[top, some.start] = np.concatenate(products, axis=2)  # (groups, lines, O at_once)

    _for_windows(x, geo, at_once, use, work=g.size * C * kh * kw)

    # in order of the rows: the same bits however the threads ran
    for top, first in sorted(sums):
        if top > 0:
            sums[0, first] += sums[top, first]
    parts = [sums[at] for at in sorted(sums) if at[0] == 0]
    total = parts[0] if len(parts) == 1 else np.concatenate(parts)

    # each output row has seen its own kernel rows of the window
    total = total.reshape(G, -1, C, kw, O, at_once)
    out = total[:, _seen(geo, at_once, 0), ..., 0]
    for r in range(1, at_once):
        out = out + total[:, _seen(geo, at_once, r), ..., r]
    return out.transpose(0, 4, 2, 1, 3)


def _rows_at_once(filters: int, geo: Geometry) -> int:
    """Return how many output rows one product gives: a number that divides theirs."""
    return next((n for n in ROWS if geo.output[0] % n == 0), 1) if filters == 1 else 1


def _height(geo: Geometry, at_once: int) -> int:
    """Return how many image rows a window holds."""
    # of one output row it holds the kernel's rows alone
    return geo.kernel[0] if at_once == 1 else (at_once - 1) * geo.stride[0] + geo.extent[0]


def _seen(geo: Geometry, at_once: int, r: int) -> slice:
    """Return which rows of a window its output row r sees."""
    step = 1 if at_once == 1 else geo.dilation[0]
    first = r * geo.stride[0]
    return slice(first, first + step * (geo.kernel[0] - 1) + 1, step)


def _convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry, at_once: int) -> None:
    """Do what convolve does, by windows of so many output rows."""
    (G, O, C, _, kw), line = w.shape, out.shape[3] * out.shape[4]
    matrix = np.zeros((G, 1, O, at_once, _height(geo, at_once), C, kw), w.dtype)  # in the order of the lines
    for r in range(at_once):
        matrix[:, 0, :, r, _seen(geo, at_once, r)] = w.swapaxes(2, 3)
    matrix = matrix.reshape(G, 1, O * at_once, -1)
    rows = _rows(out, at_once)

    def use(some: slice, which: slice, windows: np.ndarray) -> None:
        part = rows[some, which]
        np.matmul(matrix[some], windows, out=part)
        if b is not None:
            part += b[some, None]

    _for_windows(x, geo, at_once, use, work=w.size * geo.output[0] * line)


def _rows(g: np.ndarray, at_once: int) -> np.ndarray:
    """Return the output rows that belong to each window, side by side: (G,O,oh,ow,N) -> (G, n, O at_once, ow N)."""
    G, O, oh, ow, N = g.shape
    rows = g.reshape(G, O, oh // at_once, at_once, ow * N).swapaxes(1, 2)
    return rows.reshape(G, oh // at_once, O * at_once, ow * N)  # a view: O or at_once is 1


def _for_windows(
    x: np.ndarray, geo: Geometry, at_once: int, use: Callable[[slice, slice, np.ndarray], None], work: float
) -> None:
    """Call use(groups, which, windows) for blocks of windows that fill the cache, on all cores.

    x (G,C,H,W,N). windows (groups, n, lines, ow N), [k, p]: what the kernel sees of group k along the p-th of which
    output rows, or of the tiles of at_once output rows. They are only valid during the call.
    """
    (G, C), N = x.shape[:2], x.shape[4]
    kw, ow = geo.kernel[1], geo.output[1]
    line, height, tiles = ow * N, _height(geo, at_once), geo.output[0] // at_once
    columns = list(taps(geo, 1))

    # A dilated kernel's rows are neighbours too, if every d-th image row alone is laid out: for every d-th output row
    stride, d = geo.stride[0] * at_once, geo.dilation[0] if at_once == 1 else 1
    fit = LINES // max(1, stride * C * kw * line)

    for phase in range(min(d, tiles)):

        def block(some: slice, top: int, count: int, phase: int = phase) -> None:
            groups = some.stop - some.start
            memory = scratch("lines", x.dtype, groups, (count - 1) * stride + height, C * kw, line + SPARE)
            lines = memory[..., :line].reshape(*memory.shape[:2], C, kw, ow, N)

            # the first window's output row, and the image row under the kernel's first one there
            start = phase + top * d
            _fill(lines, x[some], start * stride - geo.padding[0][0], d, columns)

            # the drawing above, as strides
            each, far, near, one = memory.strides
            shape = groups, count, height * C * kw, line
            windows = np.ndarray(shape, x.dtype, memory, strides=(each, stride * far, near, one))
            use(some, slice(start, start + (count - 1) * d + 1, d), windows)

        for_blocks(block, G, len(range(phase, tiles, d)), fit, work / d)


def _fill(lines: np.ndarray, x: np.ndarray, first: int, step: int, columns: list[Tap]) -> None:
    """Fill lines (G,n,C,kw,ow,N): [k,p,c,j,q] = x[k, c, first + p step, q s + j d - left], 0 where that is padding."""
    # rows in the padding
    top, bottom = inside(first, step, x.shape[2], lines.shape[1])
    if top > 0 or bottom < lines.shape[1]:
        lines[:, :top] = lines[:, bottom:] = 0
    if top == bottom:
        return

    # the others: one shifted copy for each column of the kernel, zeros at its ends
    rows = x[:, :, first + top * step : first + bottom * step : step].swapaxes(1, 2)  # (G,n,C,W,N)
    for j, along, pixels in columns:
        part = lines[:, top:bottom, :, j]
        if along.start > 0 or along.stop < lines.shape[4]:
            part[..., : along.start, :] = part[..., along.stop :, :] = 0
        part[..., along, :] = rows[..., pixels, :]
