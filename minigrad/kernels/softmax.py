"""Probabilities from scores, and their gradient: all steps at one visit to memory.

    y = e^(x - c) / sum e^(x - c)               c the largest x: that changes no y, and no exponent is then above 0
    log y = x - c - log sum e^(x - c)
    y (g - sum g y)                             what x receives from a cotangent g of y

Sums and maxima run over the axes given. A block holds those whole and is cut along another one.
"""

from __future__ import annotations

from ..backend import Array, xp
from .blocks import in_blocks_of_whole
from .total import total, total_of_products

Axes = tuple[int, ...]


def softmax(x: Array, axis: Axes) -> Array:
    """Return y for floating-point scores x, in the shape and dtype of x."""
    out = xp(x).empty_like(x)

    def block(out, x):
        exp_of_shifted(x, axis, out)
        out /= total(out, axis, True)

    if x.size:  # nothing has no largest element
        in_blocks_of_whole(axis, block, out, x)
    return out


def log_softmax(x: Array, axis: Axes) -> Array:
    """Return log y for floating-point scores x, in the shape and dtype of x."""
    out = xp(x).empty_like(x)

    def block(out, x):
        top = exp_of_shifted(x, axis, out)
        log_sum = xp(x).log(total(out, axis, True))
        xp(x).subtract(x, top, out=out)  # first the two large numbers, which then leave a small one
        out -= log_sum

    if x.size:
        in_blocks_of_whole(axis, block, out, x)
    return out


def exp_of_shifted(x: Array, axis: Axes, out: Array) -> Array:
    """Fill out with e^(x - c), and return c."""
    top = x.max(axis=axis, keepdims=True)
    xp(x).subtract(x, top, out=out)
    xp(x).exp(out, out=out)
    return top


def softmax_gradient(g: Array, y: Array, axis: Axes) -> Array:
    """Return y (g - sum g y)."""
    out = xp(y).empty_like(y)

    def block(out, g, y):
        xp(y).subtract(g, total_of_products(g, y, axis), out=out)
        out *= y

    in_blocks_of_whole(axis, block, out, g, y)
    return out
