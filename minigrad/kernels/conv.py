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

from .geometry import Geometry
from .threads import parallel, scratch

BLOCK = 1 << 18  # elements of a block of lines: 1 MiB of float32, about one core's cache


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


# ---- fast: overlapping rows ------------------------------------------------------------------------------------------
# Columns repeat every pixel kh kw times. It is enough to repeat it kw times, along the rows: if the lines lie in memory
# one row of the image after the other, the columns of an output row are kh neighbouring lines, seen as one matrix.


def conv2d(x: np.ndarray, w: np.ndarray, geo: Geometry, b: np.ndarray | None = None) -> np.ndarray:
    """conv2d_plain, plus b (O) on every channel if given; the result lies in memory as O,oh,ow,N."""
    G, O = geo.groups, len(w)
    out = np.empty((O, *geo.output, len(x)), np.result_type(x, w, *([] if b is None else [b])))
    bias = np.zeros(O, out.dtype) if b is None else b
    flat = np.ascontiguousarray(w.swapaxes(1, 2)).reshape(O, -1)  # (O,kh,C,kw): the order of the lines
    for parts in zip(_groups(_chwn(x), G), _groups(flat, G), _groups(bias[:, None], G), _groups(out, G)):
        _multiply(*parts, geo)
    return _nchw(out)


def _multiply(x: np.ndarray, w: np.ndarray, b: np.ndarray, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (O,oh,ow,N) with w (O, kh C kw) @ the windows of x (C,H,W,N) + b (O,1)."""
    rows = out.reshape(*out.shape[:2], -1).swapaxes(0, 1)  # (oh,O,ow N)

    def use(top: int, windows: np.ndarray) -> None:
        part = rows[top : top + len(windows)]
        np.matmul(w, windows, out=part)
        part += b

    _for_windows(x, geo, use, work=w.size * rows[:, 0].size)


def conv2d_weight(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """conv2d_weight_plain, summed a few output rows at a time."""
    parts = zip(_groups(_chwn(x), geo.groups), _groups(_chwn(g), geo.groups))
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
            use(top, as_strided(memory, (m, kh * C * kw, row), (hop * far, near, one)))

    parallel(some, oh, work)


def _fill(lines: np.ndarray, x: np.ndarray, first: int, step: int, geo: Geometry) -> None:
    """Fill lines (n,C,kw,ow,N): [p,c,j,q] = x[c, first + p step, q s + j d - left], 0 where that is padding."""
    (sw, dw), left, ow = (geo.stride[1], geo.dilation[1]), geo.padding[1][0], lines.shape[3]
    top, bottom = _inside(first, step, x.shape[1], len(lines))
    lines[:top] = lines[bottom:] = 0
    rows = x[:, first + top * step : first + (bottom - 1) * step + 1 : step].swapaxes(0, 1) if top < bottom else None
    for j in range(lines.shape[2]):
        start, stop = _inside(j * dw - left, sw, x.shape[2], ow)
        part = lines[top:bottom, :, j]
        part[:, :, :start] = part[:, :, stop:] = 0
        if rows is not None and start < stop:
            at = start * sw + j * dw - left
            part[:, :, start:stop] = rows[:, :, at : at + (stop - start - 1) * sw + 1 : sw]


def _inside(first: int, step: int, size: int, n: int) -> tuple[int, int]:
    """Return the range of those i in range(n) for which first + i step lies in range(size)."""
    start = min(n, max(0, -(first // step)))
    return start, max(start, min(n, (size - 1 - first) // step + 1))


# ---- fast: transposed ------------------------------------------------------------------------------------------------


def conv_transpose2d(g: np.ndarray, w: np.ndarray, geo: Geometry, b: np.ndarray | None = None) -> np.ndarray:
    """conv_transpose2d_plain, plus b (C) on every channel if given; the result lies in memory as C,H,W,N.

    Output row h meets the kernel rows i = a, a + s, a + 2s, .. alone, a = (h + pad) mod s, and those meet consecutive
    rows of g: seen as a matrix with overlapping rows they need no copy, and one product gives all kernel columns of
    row h, which are then added at their places. Nothing is multiplied by an inserted zero.
    """
    N, G = len(g), geo.groups
    out = np.empty((w.shape[1] * G, *geo.input, N), np.result_type(g, w, *([] if b is None else [b])))
    if geo.dilation != (1, 1):  # rare: the kernel with zeros between its taps is a kernel without dilation
        spread = np.zeros((*w.shape[:2], *geo.extent), w.dtype)
        spread[:, :, :: geo.dilation[0], :: geo.dilation[1]] = w
        w, geo = spread, Geometry(geo.input, geo.extent, geo.stride, geo.padding, (1, 1), G)
    bias = (np.zeros(len(out), out.dtype) if b is None else b)[:, None, None]
    for parts in zip(_groups(g.transpose(1, 2, 3, 0), G), _groups(w, G), _groups(bias, G), _groups(out, G)):
        _spread(*parts, geo)
    return _nchw(out)


def _spread(g: np.ndarray, w: np.ndarray, b: np.ndarray, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (C,H,W,N) with the transposed convolution of g (O,oh,ow,N) + b (C,1,1)."""
    O, oh, ow, N = g.shape
    C, H = out.shape[:2]
    (kh, kw), sh, top, row = geo.kernel, geo.stride[0], geo.padding[0][0], ow * N
    M = -(-kh // sh)  # kernel rows that an output row meets
    rows = np.empty((max((H - 1 + top) // sh + 1, oh) + M - 1, O, row + 16), out.dtype)  # g by rows, in a zero border
    rows[: M - 1] = rows[M - 1 + oh :] = 0
    inside = rows[M - 1 : M - 1 + oh, :, :row].reshape(oh, O, ow, N)
    parallel(lambda start, stop: np.copyto(inside[start:stop], g.swapaxes(0, 1)[start:stop]), oh, 8.0 * g.size)
    phases = np.zeros((sh, C * kw, M, O), out.dtype)  # [a]: the kernel rows a + s m, the last one first
    for i in range(kh):
        phases[i % sh, :, M - 1 - i // sh] = w[:, :, i].transpose(1, 2, 0).reshape(C * kw, O)
    phases = phases.reshape(sh, C * kw, M * O)
    step = max(1, 4 * BLOCK // max(1, (C * kw + O) * row))

    def some(start: int, stop: int) -> None:
        for a in range(sh):
            first = start + (a - start - top) % sh  # the first output row of this phase
            for h in range(first, stop, step * sh):
                n = min(step, -(-(stop - h) // sh))
                q = (h + top) // sh
                z, pitch = rows.itemsize, rows.strides
                windows = as_strided(rows[q:], (n, M * O, row), (pitch[0], pitch[1], z))
                product = scratch("product", out.dtype, n, C * kw, row + 16)[..., :row]
                np.matmul(phases[a], windows, out=product)
                lines = out[:, h : h + (n - 1) * sh + 1 : sh].swapaxes(0, 1)
                lines[...] = b
                _add_columns(product.reshape(n, C, kw, ow, N), lines, geo)

    parallel(some, H, w.size * oh * row)


def _add_columns(product: np.ndarray, out: np.ndarray, geo: Geometry) -> None:
    """Add product (n,C,kw,ow,N) into out (n,C,W,N): kernel column j of output position q falls on q s + j - left."""
    (sw, left), W, ow = (geo.stride[1], geo.padding[1][0]), out.shape[2], product.shape[3]
    for j in range(product.shape[2]):
        start, stop = _inside(j - left, sw, W, ow)
        if start < stop:
            at = start * sw + j - left
            part = out[:, :, at : at + (stop - start - 1) * sw + 1 : sw]
            np.add(part, product[:, :, j, start:stop], out=part)


# ---- memory ----------------------------------------------------------------------------------------------------------


def _chwn(x: np.ndarray) -> np.ndarray:
    """(N,C,H,W) -> (C,H,W,N), contiguous: a view if it lies in memory like that."""
    view = x.transpose(1, 2, 3, 0)
    if view.flags.c_contiguous:
        return view
    out = np.empty(view.shape, view.dtype)
    parallel(lambda start, stop: np.copyto(out[start:stop], view[start:stop]), len(view), 8.0 * view.size)
    return out


def _nchw(x: np.ndarray) -> np.ndarray:
    """(C,H,W,N) -> (N,C,H,W), a view."""
    return x.transpose(3, 0, 1, 2)


def _padded(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """(N,C,H,W) -> (C,H+,W+,N) inside a border of zeros."""
    return np.pad(x.transpose(1, 2, 3, 0), ((0, 0), *geo.padding, (0, 0)))


def _taps(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """View padded x (C,H+,W+,N) as its windows: [c,i,j,p,q,n] = x[c, p s + i d, q s + j d, n]."""
    C, _, _, N = x.shape
    c, h, w, n = x.strides
    (sh, sw), (dh, dw) = geo.stride, geo.dilation
    return as_strided(x, (C, *geo.kernel, *geo.output, N), (c, dh * h, dw * w, sh * h, sw * w, n), writeable=False)


def _groups(a: np.ndarray, groups: int) -> list[np.ndarray]:
    """Cut an array along its first axis, the channels, into groups."""
    n = len(a) // groups
    return [a[i * n : (i + 1) * n] for i in range(groups)]
