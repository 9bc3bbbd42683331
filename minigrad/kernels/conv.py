"""Convolution in NumPy: x (N,C,H,W), w (O,C/groups,kh,kw), g (N,O,oh,ow), and a Geometry.

Each function stands here twice: first as its definition, a few lines that are obviously right, then fast.

What makes the fast ones fast is memory. Arrays keep the shape N,C,H,W but lie in memory as C,H,W,N: then a strided
copy of a window moves runs of N numbers whatever the stride, and one matrix product serves the whole batch. Windows
are built a few rows at a time, so that they are still in cache when they are multiplied.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.lib.stride_tricks import as_strided

from . import winograd
from .conv_transpose import conv_transpose2d as conv_transpose2d
from .geometry import Geometry, inside
from .layout import chwn, groups, nchw
from .threads import BLOCK, parallel, scratch

# ---- the definition --------------------------------------------------------------------------------------------------


def im2col(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Lay the window under each kernel position out as a column: (N,C,H,W) -> (N, C kh kw, oh ow)."""
    taps = _taps(_padded(x, geo), geo)  # (C,kh,kw,oh,ow,N)
    return np.ascontiguousarray(np.moveaxis(taps, -1, 0)).reshape(len(x), -1, taps.shape[3] * taps.shape[4])


def col2im(columns: np.ndarray, geo: Geometry) -> np.ndarray:
    """Add columns up at the pixels they come from, the adjoint of im2col: (N, C kh kw, oh ow) -> (N,C,H,W)."""
    (kh, kw), (oh, ow), (sh, sw), (dh, dw) = geo.kernel, geo.output, geo.stride, geo.dilation
    (top, bottom), (left, right) = geo.padding
    H, W = geo.input
    N = len(columns)
    columns = columns.reshape(N, -1, kh, kw, oh, ow)
    out = np.zeros((N, columns.shape[1], H + top + bottom, W + left + right), columns.dtype)
    for i in range(kh):
        for j in range(kw):
            rows = slice(i * dh, i * dh + sh * (oh - 1) + 1, sh)
            out[:, :, rows, j * dw : j * dw + sw * (ow - 1) + 1 : sw] += columns[:, :, i, j]
    return out[:, :, top : top + H, left : left + W]


def conv2d_plain(x: np.ndarray, w: np.ndarray, geo: Geometry) -> np.ndarray:
    """Slide w over x: y[n,o,p,q] = sum over c,i,j of w[o,c,i,j] x[n,c, p s + i d - pad, q s + j d - pad]."""
    N, O, G = len(x), len(w), geo.groups
    columns = im2col(x, geo).reshape(N, G, -1, geo.output[0] * geo.output[1])
    return (w.reshape(G, O // G, -1) @ columns).reshape(N, O, *geo.output)


def conv_transpose2d_plain(g: np.ndarray, w: np.ndarray, geo: Geometry) -> np.ndarray:
    """Spread each number of g over the window it came from, weighted by w: the adjoint of conv2d in x."""
    N, O, G = len(g), len(w), geo.groups
    columns = w.reshape(G, O // G, -1).swapaxes(1, 2) @ g.reshape(N, G, O // G, -1)
    return col2im(columns.reshape(N, -1, g.shape[2] * g.shape[3]), geo)


def conv2d_weight_plain(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """Correlate x with g: the adjoint of conv2d in w."""
    N, O, G = len(x), g.shape[1], geo.groups
    columns = im2col(x, geo).reshape(N, G, -1, g.shape[2] * g.shape[3])
    per_example = g.reshape(N, G, O // G, -1) @ columns.swapaxes(2, 3)
    return per_example.sum(axis=0).reshape(O, -1, *geo.kernel)


def _padded(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """(N,C,H,W) -> (C,H+,W+,N) inside a border of zeros."""
    return np.pad(x.transpose(1, 2, 3, 0), ((0, 0), *geo.padding, (0, 0)))


def _taps(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """View padded x (C,H+,W+,N) as its windows: [c,i,j,p,q,n] = x[c, p s + i d, q s + j d, n]."""
    C, _, _, N = x.shape
    c, h, w, n = x.strides
    (sh, sw), (dh, dw) = geo.stride, geo.dilation
    return as_strided(x, (C, *geo.kernel, *geo.output, N), (c, dh * h, dw * w, sh * h, sw * w, n), writeable=False)


# ---- fast: overlapping rows ------------------------------------------------------------------------------------------
# Columns repeat every pixel kh kw times. It is enough to repeat it kw times, along the rows: if the lines lie in memory
# one row of the image after the other, the columns of an output row are kh neighbouring lines, seen as one matrix.


def conv2d(x: np.ndarray, w: np.ndarray, geo: Geometry, b: np.ndarray | None = None) -> np.ndarray:
    """conv2d_plain, plus b (O) on every channel if given; the result lies in memory as O,oh,ow,N."""
    G, O = geo.groups, len(w)
    out = np.empty((O, *geo.output, len(x)), np.result_type(x, w, *([] if b is None else [b])))
    biases = [None] * G if b is None else groups(b[:, None], G)
    for parts in zip(groups(chwn(x), G), groups(w, G), biases, groups(out, G)):
        way = winograd.convolve if winograd.pays(*parts[:2], geo) else _multiply
        way(*parts, geo)
    return nchw(out)


def _multiply(x: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (O,oh,ow,N) with w (O,C,kh,kw) slid over x (C,H,W,N), + b (O,1) if given."""
    rows = out.reshape(*out.shape[:2], -1).swapaxes(0, 1)  # (oh,O,ow N)
    flat = np.ascontiguousarray(w.swapaxes(1, 2)).reshape(len(w), -1)  # (O, kh C kw): the order of the lines

    def use(top: int, windows: np.ndarray) -> None:
        part = rows[top : top + len(windows)]
        np.matmul(flat, windows, out=part)
        if b is not None:
            part += b

    _for_windows(x, geo, use, work=w.size * rows[:, 0].size)


def conv2d_weight(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """conv2d_weight_plain, summed a few output rows at a time."""
    parts = zip(groups(chwn(x), geo.groups), groups(chwn(g), geo.groups))
    grads = np.concatenate([_correlate(*part, geo) for part in parts])
    (kh, kw), O = geo.kernel, g.shape[1]
    grads = grads.reshape(O, kh, -1, kw).swapaxes(1, 2)  # (O,kh,C,kw) -> (O,C,kh,kw)
    return np.ascontiguousarray(grads, np.result_type(x, g))


def _correlate(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return the sum over output rows of g (O,oh,ow,N) @ the windows of x (C,H,W,N), transposed: (O, kh C kw)."""
    rows = g.reshape(*g.shape[:2], -1).transpose(1, 2, 0)  # (oh, ow N, O)
    sums: dict[int, np.ndarray] = {}

    def use(top: int, windows: np.ndarray) -> None:
        sums[top] = (windows @ rows[top : top + len(windows)]).sum(axis=0)

    _for_windows(x, geo, use, work=g.size * x.shape[0] * geo.kernel[0] * geo.kernel[1])
    first, *rest = (sums[top] for top in sorted(sums))  # in order: the same bits however the threads ran
    for part in rest:
        first += part
    return first.T


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
