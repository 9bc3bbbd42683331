"""Convolution by gathering: the windows of the image as columns of a matrix, without repeating its rows.

The columns of a plain im2col repeat every pixel kh kw times. It is enough to repeat it kw times, along the rows. A line
holds what one place of the kernel's row sees along an output row, ow N numbers; an image row becomes C kw such lines.
Image rows lie in memory one after the other, so the matrix of an output row is kh neighbours of them, and the next
one overlaps it (kh = 3, stride 1):

    memory      | image row 0 | image row 1 | image row 2 | image row 3 | ..      each C kw lines
    window 0    |<-------- 3 C kw lines ----------------->|
    window 1                  |<-------- 3 C kw lines ----------------->|

Multiplied from the left by w as a matrix (O, 3 C kw), a window gives an output row of all images and filters.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .geometry import Geometry, Tap, inside, taps
from .layout import SPARE
from .threads import BLOCK, parallel, scratch

FEW = 1_000_000  # multiply-adds for each filter: products below this are small
FILTERS = 32  # as many at a time where products are small: OpenBLAS has a faster path for those that are cut to fit it


def convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (O,oh,ow,N) with w (O,C,kh,kw) slid over x (C,H,W,N), + b (O,1) if given."""
    rows = out.reshape(*out.shape[:2], -1).swapaxes(0, 1)  # (oh,O,ow N)
    matrix = np.ascontiguousarray(w.swapaxes(1, 2)).reshape(len(w), -1)  # (O, kh C kw): the order of the lines

    def use(top: int, windows: np.ndarray) -> None:
        part = rows[top : top + len(windows)]
        np.matmul(matrix, windows, out=part)
        if b is not None:
            part += b

    _for_windows(x, geo, use, work=w.size * rows[:, 0].size)


def correlate(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return the sum over output rows of g (O,oh,ow,N) @ the windows of x (C,H,W,N), transposed: (O,C,kh,kw)."""
    O, C, (kh, kw) = len(g), len(x), geo.kernel
    rows = g.reshape(*g.shape[:2], -1).transpose(1, 2, 0)  # (oh, ow N, O)
    step = FILTERS if C * kh * kw * rows[0].size < FEW else O
    sums: dict[int, np.ndarray] = {}

    def use(top: int, windows: np.ndarray) -> None:
        part = rows[top : top + len(windows)]
        products = [(windows @ part[..., o : o + step]).sum(axis=0) for o in range(0, O, step)]
        sums[top] = np.concatenate(products, axis=1)  # (kh C kw, O)

    _for_windows(x, geo, use, work=g.size * C * kh * kw)

    # in order of the rows: the same bits however the threads ran
    first, *rest = (sums[top] for top in sorted(sums))
    for part in rest:
        first += part
    return first.reshape(kh, C, kw, O).transpose(3, 1, 0, 2)


def _for_windows(x: np.ndarray, geo: Geometry, use: Callable[[int, np.ndarray], None], work: float) -> None:
    """Call use(top, windows) for blocks of output rows that fill the cache, on all cores.

    x (C,H,W,N). windows (rows, kh C kw, ow N), [p]: what the kernel sees along output row top + p. They are only valid
    during the call.
    """
    C, N = x.shape[0], x.shape[3]
    (kh, kw), (oh, ow) = geo.kernel, geo.output
    stride, dilation, above = geo.stride[0], geo.dilation[0], geo.padding[0][0]
    line = ow * N
    # Image rows from one window to the next. A dilated kernel's rows are no neighbours: each window has kh of its own.
    hop = stride if dilation == 1 else kh
    columns = list(taps(geo, 1))
    step = max(1, BLOCK // max(1, hop * C * kw * line))

    def some(start: int, stop: int) -> None:
        for top in range(start, stop, step):
            count = min(step, stop - top)
            memory = scratch("lines", x.dtype, (count - 1) * hop + kh, C * kw, line + SPARE)
            lines = memory[..., :line].reshape(len(memory), C, kw, ow, N)

            first = top * stride - above  # the image row under the kernel's first one
            if dilation == 1:
                _fill(lines, x, first, 1, columns)
            else:
                for i in range(kh):
                    _fill(lines[i::kh], x, first + i * dilation, stride, columns)

            # the drawing above, as strides
            far, near, one = memory.strides
            use(top, np.ndarray((count, kh * C * kw, line), x.dtype, memory, strides=(hop * far, near, one)))

    parallel(some, oh, work)


def _fill(lines: np.ndarray, x: np.ndarray, first: int, step: int, columns: list[Tap]) -> None:
    """Fill lines (n,C,kw,ow,N): [p,c,j,q] = x[c, first + p step, q s + j d - left], 0 where that is padding."""
    # rows in the padding
    top, bottom = inside(first, step, x.shape[1], len(lines))
    if top > 0 or bottom < len(lines):
        lines[:top] = lines[bottom:] = 0
    if top == bottom:
        return

    # the others: one shifted copy for each column of the kernel, zeros at its ends
    rows = x[:, first + top * step : first + bottom * step : step].swapaxes(0, 1)  # (n,C,W,N)
    for j, along, pixels in columns:
        part = lines[top:bottom, :, j]
        if along.start > 0 or along.stop < lines.shape[3]:
            part[:, :, : along.start] = part[:, :, along.stop :] = 0
        part[:, :, along] = rows[:, :, pixels]
