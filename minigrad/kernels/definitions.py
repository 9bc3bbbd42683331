"""What the kernels compute: each of them as a formula, and as loops over its named indices.

Read these first. They are as slow as they look, so nobody calls them but the tests, which hold the fast ones to them.

n counts images, o output and c input channels. (p,q) is a position of the kernel or a pixel of the result, (i,j) a
place in the kernel, (h,v) a pixel of the image, row and column.
"""

from __future__ import annotations

import numpy as np

from .geometry import Geometry

# ---- convolution -----------------------------------------------------------------------------------------------------
# One sum of products, T = sum over n,o,p,q,c,i,j of g[n,o,p,q] w[o,c,i,j] x[n,c,h,v], and its three derivatives: by g,
# by x and by w. With groups w[o] has C/groups channels, and meets those of x that belong to the group of o.


def conv2d(x: np.ndarray, w: np.ndarray, geo: Geometry) -> np.ndarray:
    """Slide w over x. x (N,C,H,W), w (O,C/groups,kh,kw) -> (N,O,oh,ow).

    y[n,o,p,q] = sum over c,i,j of w[o,c,i,j] x[n, c, p stride + i dilation - top, q stride + j dilation - left]
    """
    x = _pad(x, geo)
    O, C, kh, kw = w.shape
    (sh, sw), (dh, dw) = geo.stride, geo.dilation
    y = np.zeros((len(x), O, *geo.output), np.result_type(x, w))
    for n, o, p, q, c, i, j in np.ndindex(*y.shape, C, kh, kw):
        first = o // (O // geo.groups) * C  # the group of o begins with this channel
        y[n, o, p, q] += w[o, c, i, j] * x[n, first + c, p * sh + i * dh, q * sw + j * dw]
    return y


def conv_transpose2d(g: np.ndarray, w: np.ndarray, geo: Geometry) -> np.ndarray:
    """Spread g over the windows it came from: the adjoint of conv2d in x. g (N,O,oh,ow) -> (N,C,H,W).

    x[n, c, p stride + i dilation - top, q stride + j dilation - left] += w[o,c,i,j] g[n,o,p,q], for all o,p,q,c,i,j
    """
    O, C, kh, kw = w.shape
    (sh, sw), (dh, dw) = geo.stride, geo.dilation
    x = _pad(np.zeros((len(g), C * geo.groups, *geo.input), np.result_type(g, w)), geo)
    for n, o, p, q, c, i, j in np.ndindex(*g.shape, C, kh, kw):
        first = o // (O // geo.groups) * C
        x[n, first + c, p * sh + i * dh, q * sw + j * dw] += w[o, c, i, j] * g[n, o, p, q]
    return _crop(x, geo)


def conv2d_weight(x: np.ndarray, g: np.ndarray, geo: Geometry) -> np.ndarray:
    """Correlate x with g: the adjoint of conv2d in w. x (N,C,H,W), g (N,O,oh,ow) -> (O,C/groups,kh,kw).

    w[o,c,i,j] = sum over n,p,q of g[n,o,p,q] x[n, c, p stride + i dilation - top, q stride + j dilation - left]
    """
    x = _pad(x, geo)
    O, C = g.shape[1], x.shape[1] // geo.groups
    (kh, kw), (sh, sw), (dh, dw) = geo.kernel, geo.stride, geo.dilation
    w = np.zeros((O, C, kh, kw), np.result_type(x, g))
    for n, o, p, q, c, i, j in np.ndindex(*g.shape, C, kh, kw):
        first = o // (O // geo.groups) * C
        w[o, c, i, j] += g[n, o, p, q] * x[n, first + c, p * sh + i * dh, q * sw + j * dw]
    return w


def _pad(x: np.ndarray, geo: Geometry, value: float = 0) -> np.ndarray:
    """Surround images with the padding: the numbers of geo's windows count from its upper left corner."""
    return np.pad(x, ((0, 0), (0, 0), *geo.padding), constant_values=value)


def _crop(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Take the padding off again."""
    (top, _), (left, _), (H, W) = *geo.padding, geo.input
    return x[:, :, top : top + H, left : left + W]


# ---- pooling ---------------------------------------------------------------------------------------------------------


def max_pool2d(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return the largest pixel of each window of x: (N,C,H,W) -> (N,C,oh,ow). A NaN is larger than anything.

    y[n,c,p,q] = max over i,j of x[n, c, p stride + i - top, q stride + j - left]
    """
    x = _pad(x, geo, -np.inf)
    (kh, kw), (sh, sw) = geo.kernel, geo.stride
    y = np.full((*x.shape[:2], *geo.output), -np.inf, x.dtype)
    for n, c, p, q, i, j in np.ndindex(*y.shape, kh, kw):
        y[n, c, p, q] = np.maximum(y[n, c, p, q], x[n, c, p * sh + i, q * sw + j])
    return y


def max_pool2d_winners(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return which pixel of each window is the largest: (N,C,H,W) -> (N,C,oh,ow). Padding never is.

    winner[n,c,p,q] = i kw + j,  (i, j) the first in reading order whose pixel is y[n,c,p,q] of max_pool2d
    """
    y = max_pool2d(x, geo)
    is_pixel = _pad(np.ones(x.shape, bool), geo, False)
    x = _pad(x, geo)
    (kh, kw), (sh, sw) = geo.kernel, geo.stride
    winner = np.full(y.shape, -1)
    for n, c, p, q, i, j in np.ndindex(*y.shape, kh, kw):
        at = n, c, p * sh + i, q * sw + j
        equal = np.array_equal(x[at], y[n, c, p, q], equal_nan=True)
        if winner[n, c, p, q] < 0 and is_pixel[at] and equal:
            winner[n, c, p, q] = i * kw + j
    return winner


def max_pool2d_scatter(g: np.ndarray, winner: np.ndarray, geo: Geometry) -> np.ndarray:
    """Add each number of g to zeros where its window has its winner: the gradient. g (N,C,oh,ow) -> (N,C,H,W).

    x[n, c, p stride + i - top, q stride + j - left] += g[n,c,p,q],  (i, j) the winner of n,c,p,q
    """
    (sh, sw), kw = geo.stride, geo.kernel[1]
    x = _pad(np.zeros((*g.shape[:2], *geo.input), g.dtype), geo)
    for n, c, p, q in np.ndindex(g.shape):
        i, j = divmod(winner[n, c, p, q], kw)
        x[n, c, p * sh + i, q * sw + j] += g[n, c, p, q]
    return _crop(x, geo)


def sum_pool2d(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Add up each window of x: conv2d of each channel with ones. x (N,C,H,W) -> (N,C,oh,ow).

    y[n,c,p,q] = sum over i,j of x[n, c, p stride + i - top, q stride + j - left]
    """
    x = _pad(x, geo)
    (kh, kw), (sh, sw) = geo.kernel, geo.stride
    y = np.zeros((*x.shape[:2], *geo.output), x.dtype)
    for n, c, p, q, i, j in np.ndindex(*y.shape, kh, kw):
        y[n, c, p, q] += x[n, c, p * sh + i, q * sw + j]
    return y


# ---- bilinear sampling -----------------------------------------------------------------------------------------------
# A point at (row, column) sees a pixel (h, v) by tent(row - h) tent(column - v): those around it, the nearer the more.
#
#    tent(t) = max(0, 1 - |t|)        1      .        of a row of pixels 3, 5, 9, .. a point at 1.25
#                                          /   \      sees .75 of the second and .25 of the third:
#                                     0 __/     \__   .75 * 5 + .25 * 9 = 6
#                                     t  -1  0  1
#
# Jaderberg et al., arXiv 1506.02025, equations 5 to 7. Grids must be finite.


def grid_sample(x: np.ndarray, grid: np.ndarray, padding_mode: str, align_corners: bool) -> np.ndarray:
    """Return x at the points of grid. x (N,C,H,W), grid (N,oh,ow,2) of (x, y) in [-1, 1] -> (N,C,oh,ow).

    out[n,c,p,q] = sum over h,v of tent(row - h) tent(column - v) x[n,c,h,v],  (row, column) where grid[n,p,q] lies
    """
    (N, C, H, W), (oh, ow) = x.shape, grid.shape[1:3]
    out = np.zeros((N, C, oh, ow), x.dtype)
    for n, p, q in np.ndindex(N, oh, ow):
        column, _ = _place(grid[n, p, q, 0], W, padding_mode, align_corners)
        row, _ = _place(grid[n, p, q, 1], H, padding_mode, align_corners)
        for c, h, v in np.ndindex(C, H, W):
            out[n, c, p, q] += _tent(row - h) * _tent(column - v) * x[n, c, h, v]
    return out


def grid_sample_input(
    g: np.ndarray, grid: np.ndarray, input_shape: tuple[int, ...], padding_mode: str, align_corners: bool
) -> np.ndarray:
    """Return the gradient of sum g * grid_sample(x, grid) with respect to x, of input_shape. g (N,C,oh,ow).

    gx[n,c,h,v] = sum over p,q of g[n,c,p,q] tent(row - h) tent(column - v)
    """
    N, C, H, W = input_shape
    gx = np.zeros(input_shape, g.dtype)
    for n, p, q in np.ndindex(N, *g.shape[2:]):
        column, _ = _place(grid[n, p, q, 0], W, padding_mode, align_corners)
        row, _ = _place(grid[n, p, q, 1], H, padding_mode, align_corners)
        for c, h, v in np.ndindex(C, H, W):
            gx[n, c, h, v] += g[n, c, p, q] * _tent(row - h) * _tent(column - v)
    return gx


def grid_sample_grid(
    g: np.ndarray, x: np.ndarray, grid: np.ndarray, padding_mode: str, align_corners: bool
) -> np.ndarray:
    """Return the gradient of sum g * grid_sample(x, grid) with respect to grid. g (N,C,oh,ow) -> (N,oh,ow,2).

    by x: sum over c,h,v of g[n,c,p,q] x[n,c,h,v] tent(row - h) tent'(column - v) dcolumn/dx;  by y: the same of rows
    """
    (N, C, H, W), (oh, ow) = x.shape, grid.shape[1:3]
    out = np.zeros(grid.shape, grid.dtype)
    for n, p, q in np.ndindex(N, oh, ow):
        column, column_by_x = _place(grid[n, p, q, 0], W, padding_mode, align_corners)
        row, row_by_y = _place(grid[n, p, q, 1], H, padding_mode, align_corners)
        for c, h, v in np.ndindex(C, H, W):
            pull = g[n, c, p, q] * x[n, c, h, v]
            out[n, p, q, 0] += pull * _tent(row - h) * _tent_slope(column - v) * column_by_x
            out[n, p, q, 1] += pull * _tent_slope(row - h) * _tent(column - v) * row_by_y
    return out


def _tent(t: float) -> float:
    return max(0.0, 1 - abs(t))


def _tent_slope(t: float) -> float:
    """Return the derivative of tent; at its three kinks the one to the right."""
    if -1 <= t < 0:
        return 1.0
    return -1.0 if 0 <= t < 1 else 0.0


def _place(c: float, n: int, padding_mode: str, align_corners: bool) -> tuple[float, float]:
    """Return where c in [-1, 1] lies along n pixels, whose centres are 0, .., n - 1; and its derivative by c.

    -1 and 1 are the centres of the outer pixels with align_corners, else their outer edges. Beyond them a point is
    where it is ("zeros": no pixel is near), moved to the outer pixel ("border"), or first mirrored ("reflection").
    """
    low, high = (0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)
    slope = (high - low) / 2
    place = low + (c + 1) * slope
    if padding_mode == "zeros":
        return place, slope
    while padding_mode == "reflection" and low < high and not low <= place <= high:
        mirror = low if place < low else high
        place, slope = 2 * mirror - place, -slope
    within = 0 < place < n - 1
    return min(max(place, 0.0), n - 1.0), slope if within else 0.0
