"""Convolution in NumPy: x (N,C,H,W), w (O,C/groups,kh,kw), g (N,O,oh,ow), and a Geometry.

What is computed stands in definitions.py. What makes it fast here is memory. Arrays keep the shape N,C,H,W but lie in
memory as C,H,W,N: then a strided copy of a window moves runs of N numbers whatever the stride, and one matrix product
serves the whole batch. Windows are built a few rows at a time, so that they are in cache when they are multiplied.

At stride 1 a transposed convolution is a convolution with the kernel turned around, and vice versa. So both can be
done by gathering, which copies every input channel kw times, or by spreading, which adds kw times to every output
channel: the side with fewer channels decides, and for kw = 1 the copy is cheaper.
"""

from __future__ import annotations

import numpy as np

from . import gather, spread, winograd
from .geometry import Geometry, taps
from .layout import chwn, groups, nchw


def conv2d(x: np.ndarray, w: np.ndarray, geo: Geometry, b: np.ndarray | None = None) -> np.ndarray:
    """Slide w over x, and add b (O) if given: definitions.conv2d. -> (N,O,oh,ow), in memory as O,oh,ow,N."""
    G, turned = geo.groups, _turned(geo)
    dtype = np.result_type(x, w, *([] if b is None else [b]))
    out = np.empty((len(w), *geo.output, len(x)), dtype)
    # each group by itself, straight into its part of out
    for xi, wi, bi, oi in zip(groups(chwn(x), G), groups(w, G), _biases(b, G), groups(out, G)):
        if winograd.pays(xi, wi, geo):
            winograd.convolve(xi, wi, bi, oi, geo)
        elif turned and len(oi) < len(xi) and geo.kernel[1] > 1:
            spread.convolve_transposed(xi, _turn(wi), bi, oi, turned)
        else:
            gather.convolve(xi, wi, bi, oi, geo)
    return nchw(out)


def conv_transpose2d(g: np.ndarray, w: np.ndarray, geo: Geometry, b: np.ndarray | None = None) -> np.ndarray:
    """Spread g over the windows it came from, and add b (C): definitions.conv_transpose2d. -> (N,C,H,W)."""
    if geo.dilation != (1, 1):  # rare
        if not np.isfinite(g).all():  # by 0 * inf it would spread over the zeros between the taps
            return _transposed_by_columns(g, w, geo) + (0 if b is None else b[:, None, None])
        w, geo = _without_dilation(w, geo)
    G, turned = geo.groups, _turned(geo)
    dtype = np.result_type(g, w, *([] if b is None else [b]))
    out = np.empty((w.shape[1] * G, *geo.input, len(g)), dtype)
    for gi, wi, bi, oi in zip(groups(g.transpose(1, 2, 3, 0), G), groups(w, G), _biases(b, G), groups(out, G)):
        if turned and winograd.pays(gi, _turn(wi), turned):
            winograd.convolve(gi, _turn(wi), bi, oi, turned)
        elif turned and (len(gi) <= len(oi) or geo.kernel[1] == 1):
            gather.convolve(gi, _turn(wi), bi, oi, turned)
        else:
            spread.convolve_transposed(gi, wi, bi, oi, geo)
    return nchw(out)


def conv2d_weight(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """Correlate x with g, a few output rows at a time: definitions.conv2d_weight. -> (O,C/groups,kh,kw)."""
    turned = _turned(geo)
    parts = []
    for xi, gi in zip(groups(chwn(x), geo.groups), groups(chwn(g), geo.groups)):
        if turned and len(gi) < len(xi):
            parts.append(_turn(gather.correlate(gi, xi, turned)))
        else:
            parts.append(gather.correlate(xi, gi, geo))
    out = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return np.ascontiguousarray(out, np.result_type(x, g))


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
    (kh, kw), ((top, bottom), (left, right)) = geo.kernel, geo.padding
    padding = (kh - 1 - top, kh - 1 - bottom), (kw - 1 - left, kw - 1 - right)
    if geo.stride != (1, 1) or geo.dilation != (1, 1) or min(*padding[0], *padding[1]) < 0:
        return None
    return Geometry(geo.output, geo.kernel, (1, 1), padding, (1, 1), geo.groups)


def _turn(w: np.ndarray) -> np.ndarray:
    """Turn a kernel around and exchange its channels: (O,C,kh,kw) -> (C,O,kh,kw), a view."""
    return w.swapaxes(0, 1)[:, :, ::-1, ::-1]


def _biases(b: np.ndarray | None, G: int) -> list:
    """Cut a bias (O) into one (O/G, 1) a group, or None for each."""
    return [None] * G if b is None else groups(b[:, None], G)


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
