"""Resizing images: by repeating pixels, by interpolating, or by turning channels into pixels."""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels.geometry import Geometry, pair
from ..tensor import Tensor
from .pool import sum_unpool2d
from .shape import reshape, take


def upsample(x, scale_factor=None, mode="nearest", align_corners=False, *, size=None):
    """Resize images: x (N,C,H,W) -> (N,C,oh,ow), where (oh,ow) is size or, rounded down, scale_factor times (H,W).

    scale_factor (2 if neither is given), size: one number or two. "nearest" repeats pixels; its factor is an integer.
    "bilinear" interpolates linearly between the centres of pixels, and skips pixels below a factor of 1/2. The outer
    edges of both images coincide or, with align_corners, the centres of their outer pixels do. The same as
    torch.nn.functional.interpolate, except that one NaN or infinity turns its whole plane into NaN in "bilinear".
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    if x.ndim != 4:
        raise ValueError(f"upsample: x has shape {x.shape}; it needs four axes, (N,C,H,W)")
    if size is not None and scale_factor is not None:
        raise ValueError(f"upsample: size is {size} and scale_factor {scale_factor}; give only one of them")
    if size is not None:
        size = pair("upsample: size", size, 1)
    if mode == "nearest":
        if align_corners:
            raise ValueError("upsample: align_corners needs mode 'bilinear'; leave it out for 'nearest'")
        return _nearest(x, 2 if scale_factor is None else scale_factor, size)
    if mode != "bilinear":
        raise ValueError(f"upsample: unknown mode {mode!r}; choose 'nearest' or 'bilinear'")
    if x.dtype.kind != "f":
        raise TypeError(f"upsample: x is {x.dtype}, in which fractions would be lost; convert it to float32 first")

    # interpolating along an axis is a linear map of it: (oh,H) @ (N,C,H,W) @ (W,ow) -> (N,C,oh,ow)
    factors = _two(2 if scale_factor is None else scale_factor)
    sizes = size or [math.floor(n * factor) for n, factor in zip(x.shape[2:], factors, strict=True)]
    vertical, horizontal = (
        Tensor.wrap(xp(x.data).asarray(_interpolation(n, m, m / n if size else factor, align_corners), x.dtype))
        for n, m, factor in zip(x.shape[2:], sizes, factors)
    )
    return vertical @ x @ horizontal.T


def _nearest(x, scale_factor, size):
    """Repeat each pixel; if the size is no multiple of x's, take the pixel under each new one's upper left corner."""
    H, W = x.shape[2:]
    if size is not None and (size[0] % H or size[1] % W):
        for axis, (n, m) in enumerate(zip((H, W), size), start=2):
            x = take(x, np.arange(m) * n // m, axis)
        return x

    # the adjoint of summing windows: each pixel is spread over a window of its own
    factors = (size[0] // H, size[1] // W) if size else _two(scale_factor)
    rows, columns = pair("upsample: scale_factor", factors, 1)
    return sum_unpool2d(x, Geometry((H * rows, W * columns), (rows, columns), (rows, columns)))


def _two(scale_factor) -> tuple:
    """Return the vertical and the horizontal factor, as ints where they are whole: 2.0 is 2."""
    two = (scale_factor,) * 2 if isinstance(scale_factor, int | float | np.number) else tuple(scale_factor)
    return tuple(int(factor) if float(factor).is_integer() else factor for factor in two)


def _interpolation(n, m, factor, align_corners):
    """Return the matrix (m,n) of linear interpolation from n points to m, which lie factor times as densely."""
    if m < 1:
        raise ValueError(f"upsample: scale_factor {factor} leaves nothing of {n} pixels; choose a larger one")
    # where the centre of each new pixel lies among the old ones, whose centres are 0 .. n - 1
    by_edges = np.maximum((np.arange(m) + 0.5) / factor - 0.5, 0)
    at = np.linspace(0, n - 1, m) if align_corners else by_edges
    # the nearer of its two neighbours gets the larger weight
    low = np.minimum(at.astype(int), n - 1)
    high = np.minimum(low + 1, n - 1)
    matrix = np.zeros((m, n))
    matrix[np.arange(m), low] = 1 - (at - low)
    matrix[np.arange(m), high] += at - low
    return matrix


def pixel_shuffle(x, upscale_factor):
    """Turn r*r channels into blocks of r x r pixels: x (N, C r r, H, W) -> (N, C, H r, W r), r being the factor.

    Shi et al. 2016, arXiv 1609.05158.
    """
    r = upscale_factor
    _check_factor("pixel_shuffle", x, r)
    N, channels, H, W = x.shape
    if channels % (r * r):
        raise ValueError(f"pixel_shuffle: x has {channels} channels; it must have a multiple of {r} * {r}")
    blocks = reshape(x, (N, channels // (r * r), r, r, H, W))
    blocks = blocks.transpose(0, 1, 4, 2, 5, 3)  # (N,C,r,r,H,W) -> (N,C,H,r,W,r)
    return blocks.reshape(N, -1, H * r, W * r)


def pixel_unshuffle(x, downscale_factor):
    """Turn blocks of r x r pixels into r*r channels: x (N, C, H r, W r) -> (N, C r r, H, W). Inverts pixel_shuffle."""
    r = downscale_factor
    _check_factor("pixel_unshuffle", x, r)
    N, C, H, W = x.shape
    if H % r or W % r:
        raise ValueError(f"pixel_unshuffle: x has {H} x {W} pixels; both must be multiples of {r}")
    blocks = reshape(x, (N, C, H // r, r, W // r, r))
    blocks = blocks.transpose(0, 1, 3, 5, 2, 4)  # (N,C,H,r,W,r) -> (N,C,r,r,H,W)
    return blocks.reshape(N, C * r * r, H // r, W // r)


def _check_factor(name, x, factor):
    if x.ndim != 4 or not isinstance(factor, int | np.integer) or factor < 1:
        raise ValueError(
            f"{name}: x has shape {x.shape}, the factor is {factor}; they must be (N,C,H,W) and a positive integer"
        )
