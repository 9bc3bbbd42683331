"""Pooling: one number for each window of an image.

Max pooling picks a pixel from each window. Its gradient is put back where those pixels lie, which is constant: a
scatter, whose gradient is in turn the gather from the same places. Both are linear, and each is the other's gradient.
Average pooling sums over windows; its gradient spreads numbers over windows, which also serves to enlarge images.
"""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels import kernels_for
from ..kernels.geometry import Geometry, pair, taps
from ..op import as_tensor, op
from ..tensor import Tensor
from .reduce import mean


@op
def max_pool2d(x, /, kernel_size, stride=None, padding=0, *, ceil_mode=False):
    """Largest pixel of each window. x (N,C,H,W) -> (N,C,oh,ow). Of equal pixels, the first gets the gradient.

    kernel_size, stride (None: the kernel's size), padding: an int or (vertical, horizontal). The padding never wins.
    oh = floor((H + 2 padding - kernel) / stride) + 1. ceil_mode rounds up instead, unless the last window would begin
    beyond the image. ValueError if the padding exceeds half of the kernel, or the kernel the padded image.
    """
    _check_images("max_pool2d", x)
    geo = _geometry("max_pool2d", x.shape[2:], kernel_size, stride, padding, ceil_mode)
    return kernels_for("pool", x).max_pool2d(x, geo)


@op
def max_pool2d_gather(x, /, winner, geo):
    """The pixel (i, j) of each window of x (N,C,H,W), where winner = i kw + j (N,C,oh,ow) -> (N,C,oh,ow)."""
    N, C, H, W = x.shape
    (sh, sw), ((top, _), (left, _)) = geo.stride, geo.padding
    i, j = winner // geo.kernel[1], winner % geo.kernel[1]
    # where the windows begin, plus the place within each of them
    rows = xp(x).arange(geo.output[0])[:, None] * sh - top + i
    columns = xp(x).arange(geo.output[1]) * sw - left + j
    # as indices into the flat x
    plane = xp(x).arange(N * C).reshape(N, C, 1, 1)
    return x.reshape(-1)[(plane * H + rows) * W + columns]


@op(dtypes="sums")
def max_pool2d_scatter(x, /, winner, geo):
    """Zeros with x added at the winners: the adjoint of max_pool2d_gather. (N,C,oh,ow) -> (N,C,H,W)."""
    return kernels_for("pool", x).max_pool2d_scatter(x, winner, geo)


def _max_pool2d_rule(g, out, x, kernel_size, stride, padding, ceil_mode):
    geo = _geometry("max_pool2d", x.shape[2:], kernel_size, stride, padding, ceil_mode)
    winner = kernels_for("pool", x.data).max_pool2d_winners(x.data, geo)  # constant
    return max_pool2d_scatter(g, winner, geo)


max_pool2d.defvjp(x=_max_pool2d_rule)
max_pool2d_gather.defvjp(x=lambda g, out, x, winner, geo: max_pool2d_scatter(g, winner, geo))
max_pool2d_scatter.defvjp(x=lambda g, out, x, winner, geo: max_pool2d_gather(g, winner, geo))


def avg_pool2d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Mean of each window. x (N,C,H,W) -> (N,C,oh,ow). Arguments, sizes and errors as for max_pool2d.

    The padding counts as zeros, or not at all if count_include_pad is False. What ceil_mode adds never counts.
    """
    x = _images("avg_pool2d", x)
    geo = _geometry("avg_pool2d", x.shape[2:], kernel_size, stride, padding, ceil_mode)
    heights = _window_lengths(geo, 0, count_include_pad)
    widths = _window_lengths(geo, 1, count_include_pad)
    counts = np.outer(heights, widths)  # (oh,ow)
    if x.dtype == np.float16:  # the sum of a window may be too large for it where the mean is not
        return (sum_pool2d(x.astype(np.float32), geo) / xp(x.data).asarray(counts, np.float32)).astype(np.float16)
    return sum_pool2d(x, geo) / xp(x.data).asarray(counts, x.dtype)


def _window_lengths(geo: Geometry, axis: int, count_include_pad: bool) -> np.ndarray:
    """Return how many pixels count in each window along an axis."""
    n, padding = geo.input[axis], geo.padding[axis][0]
    first, last = (-padding, n + padding) if count_include_pad else (0, n)
    start = np.arange(geo.output[axis]) * geo.stride[axis] - padding
    return np.minimum(start + geo.kernel[axis], last) - np.maximum(start, first)


@op(dtypes="sums")
def sum_pool2d(x, /, geo):
    """Sum of each window, padded with zeros. x (N,C,H,W) -> (N,C,oh,ow).

    First along columns, then along rows: kh + kw additions per window instead of kh kw.
    """
    rows = xp(x).zeros_like(x, shape=(*x.shape[:2], geo.output[0], geo.input[1]))  # in x's memory order
    for _, position, pixel in taps(geo, 0):
        rows[:, :, position] += x[:, :, pixel]
    out = xp(x).zeros_like(x, shape=(*x.shape[:2], *geo.output))
    for _, position, pixel in taps(geo, 1):
        out[..., position] += rows[..., pixel]
    return out


@op(dtypes="sums")
def sum_unpool2d(x, /, geo):
    """Add each number to every pixel of its window: the adjoint of sum_pool2d. x (N,C,oh,ow) -> (N,C,H,W)."""
    rows = xp(x).zeros_like(x, shape=(*x.shape[:2], geo.output[0], geo.input[1]))
    for _, position, pixel in taps(geo, 1):
        rows[..., pixel] += x[..., position]
    out = xp(x).zeros_like(x, shape=(*x.shape[:2], *geo.input))
    for _, position, pixel in taps(geo, 0):
        out[:, :, pixel] += rows[:, :, position]
    return out


sum_pool2d.defvjp(x=lambda g, out, x, geo: sum_unpool2d(g, geo))
sum_unpool2d.defvjp(x=lambda g, out, x, geo: sum_pool2d(g, geo))


def adaptive_avg_pool2d(x, output_size):
    """Mean of each of oh x ow windows: x (N,C,H,W) -> (N,C,oh,ow), (oh,ow) = output_size, one number or two.

    Of m windows on n pixels, window i reaches from floor(i n / m) to ceil((i + 1) n / m), as in PyTorch.
    """
    x = _images("adaptive_avg_pool2d", x)
    size = pair("adaptive_avg_pool2d: output_size", output_size, 1)
    if 0 in x.shape[2:]:
        raise ValueError(f"adaptive_avg_pool2d: x has shape {x.shape}; it must have pixels to average")
    if size == (1, 1):
        return mean(x, (2, 3), keepdims=True)

    # averaging along an axis is a linear map of it: (oh,H) @ (N,C,H,W) @ (W,ow) -> (N,C,oh,ow)
    vertical, horizontal = (
        Tensor.wrap(xp(x.data).asarray(_averages(n, m), x.dtype)) for n, m in zip(x.shape[2:], size)
    )
    return vertical @ x @ horizontal.T


def _averages(n: int, m: int) -> np.ndarray:
    """Return the matrix (m,n) that takes the means of m windows on n pixels."""
    matrix = np.zeros((m, n))
    for i in range(m):
        start, stop = i * n // m, -(-(i + 1) * n // m)
        matrix[i, start:stop] = 1 / (stop - start)
    return matrix


# ---- checks ----------------------------------------------------------------------------------------------------------


def _images(name, x) -> Tensor:
    x = as_tensor(x)
    _check_images(name, x)
    return x


def _check_images(name, x) -> None:
    if x.ndim != 4 or x.dtype.kind != "f":
        raise ValueError(f"{name}: x is {x.dtype} of shape {x.shape}; it must be floating-point images, (N,C,H,W)")


def _geometry(name, size, kernel_size, stride, padding, ceil_mode) -> Geometry:
    kernel = pair(f"{name}: kernel_size", kernel_size, 1)
    strides = kernel if stride is None else pair(f"{name}: stride", stride, 1)
    margin = pair(f"{name}: padding", padding, 0)
    if any(p > k // 2 for p, k in zip(margin, kernel)):
        raise ValueError(f"{name}: padding is {margin}; it must be at most half of the kernel, {kernel}")
    if any(n + 2 * p < k for n, p, k in zip(size, margin, kernel)):
        raise ValueError(f"{name}: the window {kernel} is larger than images of size {size} with padding {margin}")
    after = [_padding_after(*sizes, ceil_mode) for sizes in zip(size, kernel, strides, margin)]
    (top, left), (bottom, right) = margin, after
    return Geometry(size, kernel, strides, ((top, bottom), (left, right)))


def _padding_after(n: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """Return the padding at the end of an axis; with ceil_mode, as much as the last window needs."""
    if not ceil_mode:
        return padding
    last = math.ceil((n + 2 * padding - kernel) / stride) * stride - padding  # where the last window begins
    return padding if last >= n else max(padding, last + kernel - n)
