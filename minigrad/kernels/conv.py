"""Convolution in NumPy: x (N,C,H,W), w (O,C/groups,kh,kw), g (N,O,oh,ow), and a Geometry.

What is computed stands in definitions.py. What makes it fast here is memory. Arrays keep the shape N,C,H,W but lie in
memory as C,H,W,N: then a strided copy of a window moves runs of N numbers whatever the stride, and one matrix product
serves the whole batch. Windows are built a few rows at a time, so that they are in cache when they are multiplied.

At stride 1 a transposed convolution is a convolution with the kernel turned around, and vice versa. So both can be
done by gathering, which copies every input channel kw times, or by spreading, which adds kw times to every output
channel: the side with fewer channels decides, and for kw = 1 the copy is cheaper. Groups are the first axis of
everything that the three forms are given: one call serves them all.
"""

from __future__ import annotations

import numpy as np

from . import gather, spread, winograd
from .geometry import Geometry, taps
from .layout import chwn, nchw


def conv2d(x: np.ndarray, w: np.ndarray, geo: Geometry, b: np.ndarray | None = None) -> np.ndarray:
    """Slide w over x, and add b (O) if given: definitions.conv2d. -> (N,O,oh,ow), in memory as O,oh,ow,N."""
    dtype = np.result_type(x, w, *([] if b is None else [b]))
    out = np.empty((len(w), *geo.output, len(x)), dtype)
    xs, ws, bs, outs = _grouped(geo, chwn(x), w, b, out)
    turned = _turned(geo)
    if winograd.pays(xs[0], ws[0], geo):
        winograd.convolve(xs, ws, bs, outs, geo)
    elif turned and outs.shape[1] < xs.shape[1] and geo.kernel[1] > 1 and geo.dilation == (1, 1):
        spread.convolve_transposed(xs, _turn(ws), bs, outs, turned)
    else:
        gather.convolve(xs, ws, bs, outs, geo)
    return nchw(out)


def conv_transpose2d(g: np.ndarray, w: np.ndarray, geo: Geometry, b: np.ndarray | None = None) -> np.ndarray:
    """Spread g over the windows it came from, and add b (C): definitions.conv_transpose2d. -> (N,C,H,W)."""
    turned = _turned(geo)
    if geo.dilation != (1, 1) and not turned:  # rare
        if not np.isfinite(g).all():  # by 0 * inf it would spread over the zeros between the taps
            return _transposed_by_columns(g, w, geo) + (0 if b is None else b[:, None, None])
        w, geo = _without_dilation(w, geo)
    dtype = np.result_type(g, w, *([] if b is None else [b]))
    out = np.empty((w.shape[1] * geo.groups, *geo.input, len(g)), dtype)
    gs, ws, bs, outs = _grouped(geo, g.transpose(1, 2, 3, 0), w, b, out)
    if turned and winograd.pays(gs[0], _turn(ws)[0], turned):
        winograd.convolve(gs, _turn(ws), bs, outs, turned)
    elif turned and (gs.shape[1] <= outs.shape[1] or geo.kernel[1] == 1 or geo.dilation != (1, 1)):
        gather.convolve(gs, _turn(ws), bs, outs, turned)
    else:
        spread.convolve_transposed(gs, ws, bs, outs, geo)
    return nchw(out)


def conv2d_weight(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """Correlate x with g, a few output rows at a time: definitions.conv2d_weight. -> (O,C/groups,kh,kw)."""
    xs, gs = _grouped(geo, chwn(x), chwn(g))
    turned = _turned(geo)
    if turned and gs.shape[1] < xs.shape[1]:
        out = _turn(gather.correlate(gs, xs, turned))
    else:
        out = gather.correlate(xs, gs, geo)
    return np.ascontiguousarray(out.reshape(g.shape[1], -1, *geo.kernel), np.result_type(x, g))


def _grouped(geo: Geometry, *arrays: np.ndarray | None) -> list:
    """Cut the first axis of each array, channels, filters or a bias, into groups: (G n, ..) -> (G,n,..), a view.

    A bias becomes (G,n,1); where there is none, None stays.
    """
    G = geo.groups
    return [a if a is None else a.reshape(G, len(a) // G, *(a.shape[1:] or (1,))) for a in arrays]


def _without_dilation(w: np.ndarray, geo: Geometry) -> tuple[np.ndarray, Geometry]:
    """Return the kernel with zeros between its taps, which is one without dilation, and its geometry."""
    wide = np.zeros((*w.shape[:2], *geo.extent), w.dtype)
    wide[:, :, :: geo.dilation[0], :: geo.dilation[1]] = w
    return wide, Geometry(geo.input, geo.extent, geo.stride, geo.padding, (1, 1), geo.groups)


def _transposed_by_columns(g: np.ndarray, w: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return conv_transpose2d as one product, whose columns are added where they belong: no holes, more memory."""
    N, O, G = len(g), len(w), geo.groups
    positions = g.shape[2] * g.shape[3]
    columns = w.reshape(G, O // G, -1).swapaxes(1, 2) @ g.reshape(N, G, O // G, positions)
    return col2im(columns.reshape(N, G * w[0].size, positions), geo)


def _turned(geo: Geometry) -> Geometry | None:
    """Return the geometry by which the transposed convolution is a convolution with the kernel turned, if it is."""
    (down, across), ((top, bottom), (left, right)) = geo.extent, geo.padding
    padding = (down - 1 - top, down - 1 - bottom), (across - 1 - left, across - 1 - right)
    if geo.stride != (1, 1) or min(*padding[0], *padding[1]) < 0:
        return None
    return Geometry(geo.output, geo.kernel, (1, 1), padding, geo.dilation, geo.groups)


def _turn(w: np.ndarray) -> np.ndarray:
    """Turn kernels around and exchange their channels: (G,O,C,kh,kw) -> (G,C,O,kh,kw), a view."""
    return w.swapaxes(1, 2)[..., ::-1, ::-1]


# ---- columns ---------------------------------------------------------------------------------------------------------


def im2col(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Lay the window under each kernel position out as a column: (N,C,H,W) -> (N, C kh kw, oh ow)."""
    (N, C), (kh, kw), (oh, ow) = x.shape[:2], geo.kernel, geo.output
    columns = np.zeros((N, C, kh, kw, oh, ow), x.dtype)
    for i, down, rows in taps(geo, 0):
        for j, along, pixels in taps(geo, 1):
            columns[:, :, i, j, down, along] = x[:, :, rows, pixels]
    return columns.reshape(N, C * kh * kw, oh * ow)


def col2im(columns: np.ndarray, geo: Geometry) -> np.ndarray:
    """Add columns up at the pixels they come from, the adjoint of im2col: (N, C kh kw, oh ow) -> (N,C,H,W)."""
    N, (kh, kw), (oh, ow) = len(columns), geo.kernel, geo.output
    C = columns.shape[1] // (kh * kw)
    columns = columns.reshape(N, C, kh, kw, oh, ow)
    x = np.zeros((N, C, *geo.input), columns.dtype)
    for i, down, rows in taps(geo, 0):
        for j, along, pixels in taps(geo, 1):
            x[:, :, rows, pixels] += columns[:, :, i, j, down, along]
    return x
