"""Mean, variance, and what normalisation layers make of them: all steps at one visit to memory.

    y = (x - mean) / s                          s = sqrt(var + eps), mean and var over the axes
    (g - mean(g) - y mean(g y)) / s             what x receives from a cotangent g of y
    w (g - mean(g) - y mean(g y)) / s           .. from a cotangent g of w y + b, for w constant along the axes

A block holds those axes whole and is cut along another one, so that its means need nothing from its neighbours.
"""

from __future__ import annotations

import math

from ..backend import Array, xp
from .blocks import in_blocks_of_whole, laid_out_as
from .total import total, total_of_products

Axes = tuple[int, ...]


def moments(x: Array, axis: Axes) -> tuple[Array, Array]:
    """Return mean and variance of x over axis, whose lengths become 1."""
    n = math.prod([x.shape[i] for i in axis])
    shape = [1 if i in axis else length for i, length in enumerate(x.shape)]
    mean, var = xp(x).empty_like(x, shape=shape), xp(x).empty_like(x, shape=shape)  # in the order of x in memory

    def block(x, mean, var):
        mean[...] = total(x, axis, True) / n
        centred = x - mean
        var[...] = total_of_products(centred, centred, axis) / n

    in_blocks_of_whole(axis, block, x, mean, var)
    return mean, var


def standardize(x: Array, mean: Array, deviation: Array) -> Array:
    """Return (x - mean) / deviation."""
    out = xp(x).empty_like(x)

    def block(out, x, mean, factor):
        xp(x).subtract(x, mean, out=out)
        out *= factor

    in_blocks_of_whole((), block, out, x, mean, 1 / deviation)
    return out


def standardize_gradient(g: Array, y: Array, deviation: Array, axis: Axes) -> Array:
    """Return (g - mean(g) - y mean(g y)) / deviation, with means over axis."""
    n = math.prod([y.shape[i] for i in axis])
    out = xp(y).empty_like(y)

    def block(out, g, y, factor):
        along = total_of_products(g, y, axis) / n
        shift = total(g, axis, True) / n
        xp(y).multiply(y, along, out=out)
        out += shift
        xp(y).subtract(g, out, out=out)
        out *= factor

    in_blocks_of_whole(axis, block, out, g, y, 1 / deviation)
    return out


def normalize(x: Array, mean: Array, deviation: Array, w: Array, b: Array) -> Array:
    """Return w (x - mean) / deviation + b, of the shape of x."""
    out = xp(x).empty_like(x)

    def block(out, x, mean, factor, b):
        xp(x).subtract(x, mean, out=out)
        out *= factor
        out += b

    in_blocks_of_whole((), block, out, x, mean, laid_out_as(x, w / deviation), laid_out_as(x, b))
    return out


def normalize_gradients(
    g: Array, x: Array, mean: Array, deviation: Array, w: Array, axis: Axes
) -> tuple[Array, Array, Array]:
    """Return what x receives from a cotangent g of w y + b, y = (x - mean) / deviation, and the sums of g y and of g.

    w is constant along axis, which stay with length 1 in the sums.
    """
    n = math.prod([x.shape[i] for i in axis])
    out, sum_gy, sum_g = xp(x).empty_like(x), xp(x).empty_like(mean), xp(x).empty_like(mean)

    def block(out, g, x, mean, factor, w, sum_gy, sum_g):
        y = xp(x).subtract(x, mean, out=out)
        y *= factor
        sum_gy[...] = total_of_products(g, y, axis)
        sum_g[...] = total(g, axis, True)
        out *= sum_gy / -n
        out -= sum_g / n
        out += g
        out *= w * factor

    in_blocks_of_whole(axis, block, out, g, x, mean, 1 / deviation, laid_out_as(x, w), sum_gy, sum_g)
    return out, sum_gy, sum_g


def scale_and_shift(x: Array, w: Array, b: Array) -> Array:
    """Return w x + b, of the shape of x."""
    if not x.dtype == w.dtype == b.dtype:
        return x * w + b
    out = xp(x).empty_like(x)

    def block(out, x, w, b):
        xp(x).multiply(x, w, out=out)
        out += b

    in_blocks_of_whole((), block, out, x, laid_out_as(x, w), laid_out_as(x, b))
    return out
