"""Convolution by gathering: the windows of the image as columns of a matrix, without repeating its rows.

Columns repeat every pixel kh kw times. It is enough to repeat it kw times, along the rows: if the lines lie in memory
one row of the image after the other, the columns of an output row are kh neighbouring lines, seen as one matrix.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .geometry import Geometry, inside
from .threads import BLOCK, parallel, scratch


def convolve(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (O,oh,ow,N) with w (O,C,kh,kw) slid over x (C,H,W,N), + b (O,1) if given."""
    rows = out.reshape(*out.shape[:2], -1).swapaxes(0, 1)  # (oh,O,ow N)
    flat = np.ascontiguousarray(w.swapaxes(1, 2)).reshape(len(w), -1)  # (O, kh C kw): the order of the lines

    def use(top: int, windows: np.ndarray) -> None:
        part = rows[top : top + len(windows)]
        np.matmul(flat, windows, out=part)
        if b is not None:
            part += b

    _for_windows(x, geo, use, work=w.size * rows[:, 0].size)


def correlate(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return the sum over output rows of g (O,oh,ow,N) @ the windows of x (C,H,W,N), transposed: (O,C,kh,kw)."""
    rows = g.reshape(*g.shape[:2], -1).transpose(1, 2, 0)  # (oh, ow N, O)
    small = x.shape[0] * geo.kernel[0] * geo.kernel[1] * rows[0].size < 1_000_000
    step = 32 if small else len(g)  # OpenBLAS has a faster way with small matrices: cut to fit, they come to it
    sums: dict[int, np.ndarray] = {}

    def use(top: int, windows: np.ndarray) -> None:
        part = rows[top : top + len(windows)]
        products = [(windows @ part[..., o : o + step]).sum(axis=0) for o in range(0, len(g), step)]
        sums[top] = np.concatenate(products, axis=1)

    _for_windows(x, geo, use, work=g.size * x.shape[0] * geo.kernel[0] * geo.kernel[1])
    first, *rest = (sums[top] for top in sorted(sums))  # in order: the same bits however the threads ran
    for part in rest:
        first += part
    (kh, kw), O = geo.kernel, len(g)
    return first.reshape(kh, -1, kw, O).transpose(3, 1, 0, 2)


def _for_windows(x: np.ndarray, geo: Geometry, use: Callable[[int, np.ndarray], None], work: float) -> None:
    """Call use(top, windows) for blocks of output rows that fill the cache, on all cores.

    x (C,H,W,N). windows (rows, kh C kw, ow N), [p]: what the kernel sees along output row top + p; lent for the call.
    """
    C, N = x.shape[0], x.shape[3]
    (kh, kw), (oh, ow), sh, dh = geo.kernel, geo.output, geo.stride[0], geo.dilation[0]
    row, before = ow * N, geo.padding[0][0]
    hop = sh if dh == 1 else kh  # lines between the windows of two output rows
    step = max(1, BLOCK // max(1, hop * C * kw * row))

    def some(start: int, stop: int) -> None:
        for top in range(start, stop, step):
            m = min(step, stop - top)
            # 16 more a line: lines whose distance is a multiple of 4 KiB would fall on the same places of the cache
            memory = scratch("lines", x.dtype, (m - 1) * hop + kh, C * kw, row + 16)
            lines = memory[..., :row].reshape(len(memory), C, kw, ow, N)
            if dh == 1:
                _fill(lines, x, top * sh - before, 1, geo)
            else:  # the kernel's rows are no neighbours: each window has lines of its own
                for i in range(kh):
                    _fill(lines[i::kh], x, top * sh - before + i * dh, sh, geo)
            far, near, one = memory.strides
            use(top, np.ndarray((m, kh * C * kw, row), x.dtype, memory, strides=(hop * far, near, one)))

    parallel(some, oh, work)


def _fill(lines: np.ndarray, x: np.ndarray, first: int, step: int, geo: Geometry) -> None:
    """Fill lines (n,C,kw,ow,N): [p,c,j,q] = x[c, first + p step, q s + j d - left], 0 where that is padding."""
    (sw, dw), left, ow = (geo.stride[1], geo.dilation[1]), geo.padding[1][0], lines.shape[3]
    top, bottom = inside(first, step, x.shape[1], len(lines))
    if top > 0 or bottom < len(lines):
        lines[:top] = lines[bottom:] = 0
    if top == bottom:
        return
    rows = x[:, first + top * step : first + (bottom - 1) * step + 1 : step].swapaxes(0, 1)
    for j in range(lines.shape[2]):
        start, stop = inside(j * dw - left, sw, x.shape[2], ow)
        part = lines[top:bottom, :, j]
        if start > 0 or stop < ow:
            part[:, :, :start] = part[:, :, stop:] = 0
        if start < stop:
            at = start * sw + j * dw - left
            part[:, :, start:stop] = rows[:, :, at : at + (stop - start - 1) * sw + 1 : sw]
