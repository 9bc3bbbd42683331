"""Images made larger or smaller: pixels repeated, interpolated, or laid out as channels."""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels.geometry import Geometry, pair
from ..tensor import Tensor
from .pool import sum_unpool2d
from .shape import reshape, take


def upsample(x, scale_factor=None, mode="nearest", align_corners=False, *, size=None):
    """Resize images: x (N,C,H,W) -> (N,C,oh,ow), (oh,ow) = size, or oh = floor(H * scale_factor), by default 2.

    scale_factor, size: a number or two. "nearest" repeats pixels, whole times where a factor is given. "bilinear" draws
    straight lines between their centres; it skips pixels below a factor of 1/2. The outer edges of both images are one,
    with align_corners the centres of their outer pixels. As torch.nn.functional.interpolate, but that "bilinear" is two
    products of matrices, in which one NaN or infinity makes NaNs of its whole plane.
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    if x.ndim != 4:
        raise ValueError(f"upsample: x has shape {x.shape}; want four axes, (N,C,H,W)")
    if size is not None and scale_factor is not None:
        raise ValueError(f"upsample: size is {size} and scale_factor {scale_factor}; give one of them")
    if size is not None:
        size = pair("upsample: size", size, 1)
    if mode == "nearest":
        if align_corners:
            raise ValueError("upsample: align_corners is for mode 'bilinear'; 'nearest' has no lines to align")
        return _nearest(x, 2 if scale_factor is None else scale_factor, size)
    if mode != "bilinear":
        raise ValueError(f"upsample: mode {mode!r} is none of 'nearest', 'bilinear'")
    if x.dtype.kind != "f":
        raise TypeError(f"upsample: x is {x.dtype}, whose fractions would be lost; give floating-point numbers")
    factors = _two(2 if scale_factor is None else scale_factor)
    sizes = size or [math.floor(n * factor) for n, factor in zip(x.shape[2:], factors, strict=True)]
    vertical, horizontal = (
        Tensor.wrap(xp(x.data).asarray(_interpolation(n, m, m / n if size else factor, align_corners), x.dtype))
        for n, m, factor in zip(x.shape[2:], sizes, factors)
    )
    return vertical @ x @ horizontal.T


def _nearest(x, scale_factor, size):
    """Repeat each pixel a whole number of times; or, for a size, take the pixel under each new one's upper left."""
    H, W = x.shape[2:]
    if size is not None and (size[0] % H or size[1] % W):
        for axis, (n, m) in enumerate(zip((H, W), size), start=2):
            x = take(x, np.arange(m) * n // m, axis)
        return x
    factors = (size[0] // H, size[1] // W) if size else _two(scale_factor)
    rows, columns = pair("upsample: scale_factor", factors, 1)
    return sum_unpool2d(x, Geometry((H * rows, W * columns), (rows, columns), (rows, columns)))


def _two(scale_factor) -> tuple:
    """Return both factors, whole ones as int: 2.0 is 2."""
    two = (scale_factor,) * 2 if isinstance(scale_factor, int | float | np.number) else tuple(scale_factor)
    return tuple(int(factor) if float(factor).is_integer() else factor for factor in two)


def _interpolation(n, m, factor, align_corners):
    """Return the matrix of linear interpolation from n points to m, factor times as dense."""
    if m < 1:
        raise ValueError(f"upsample: scale_factor {factor} leaves nothing of {n} pixels")
    at = np.linspace(0, n - 1, m) if align_corners else np.maximum((np.arange(m) + 0.5) / factor - 0.5, 0)
    low = np.minimum(at.astype(int), n - 1)
    matrix = np.zeros((m, n))
    matrix[np.arange(m), low] = 1 - (at - low)
    matrix[np.arange(m), np.minimum(low + 1, n - 1)] += at - low
    return matrix


def pixel_shuffle(x, upscale_factor):
    """Lay r*r channels out as r x r pixels: x (N, C r r, H, W) -> (N, C, H r, W r), r the factor.

    Shi et al. 2016, arXiv 1609.05158.
    """
    r = upscale_factor
    _check_factor("pixel_shuffle", x, r)
    N, channels, H, W = x.shape
    if channels % (r * r):
        raise ValueError(f"pixel_shuffle: {channels} channels do not divide by {r} * {r}")
    blocks = reshape(x, (N, channels // (r * r), r, r, H, W))
    return blocks.transpose(0, 1, 4, 2, 5, 3).reshape(N, -1, H * r, W * r)  # -> (N,C,H,r,W,r)


def pixel_unshuffle(x, downscale_factor):
    """Lay r x r pixels out as r*r channels: x (N, C, H r, W r) -> (N, C r r, H, W). The inverse of pixel_shuffle."""
    r = downscale_factor
    _check_factor("pixel_unshuffle", x, r)
    N, C, H, W = x.shape
    if H % r or W % r:
        raise ValueError(f"pixel_unshuffle: {H} x {W} pixels do not divide by {r}")
    blocks = reshape(x, (N, C, H // r, r, W // r, r))
    return blocks.transpose(0, 1, 3, 5, 2, 4).reshape(N, C * r * r, H // r, W // r)  # -> (N,C,r,r,H,W)


def _check_factor(name, x, factor):
    if x.ndim != 4 or not isinstance(factor, int | np.integer) or factor < 1:
        raise ValueError(f"{name}: x has shape {x.shape}, the factor is {factor}; want (N,C,H,W) and a number from 1")
