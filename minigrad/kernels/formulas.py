"""Functions of several steps, element by element. Each fills `out`, so that a block takes all its steps in cache.

They are called through blocks.elementwise, and serve NumPy's arrays and CuPy's. c is the cotangent of a result y, where
there is one.

erf, in float32, is a tanh. As tanh(h) = erf(x) for an h that is nearly a multiple of x,

    h(x) = x + x r(x^2)         r = .13 at 0, growing slowly to 1.2 at 4.1, where erf is 1 to the last digit

a polynomial r of degree 9 is enough. It was fitted so that the largest error that it makes in erf, relative to erf, is
as small as can be, 1e-8; with rounding, and that of tanh, it is 2.2 units in the last place at most, and a third of one
on average. SciPy, which has no wide instructions for erf, takes five times as long.
"""

from __future__ import annotations

import math

import numpy as np

from ..backend import Array, xp
from .masked import masked

# r, from the highest power down, fitted on [0, ONE]
R = [
    1.747521259913219e-10,
    -8.327031741514958e-09,
    1.5416713763142603e-07,
    -1.2747862647017359e-06,
    1.2711696720192987e-06,
    6.943961413760206e-05,
    -0.0005954407456879306,
    -0.00020658460059357953,
    0.10277215222954758,
    0.1283791787922286,
]
ONE = 4.1  # from here on erf is 1


def erf(x: Array, out: Array | None = None) -> Array:
    """2/sqrt(pi) times the integral of e**(-t*t) from 0 to x."""
    if xp(x) is not np:
        from cupyx.scipy import special

        return special.erf(x, out=out)
    if x.dtype != np.float32:
        from scipy import special

        return special.erf(x, out=out)
    out = np.empty_like(x) if out is None else out
    x = np.clip(x, -ONE, ONE)
    square = x * x
    np.multiply(square, R[0], out=out)
    for coefficient in R[1:-1]:
        out += coefficient
        out *= square
    out += R[-1]
    out *= x
    out += x
    return np.tanh(out, out=out)


def normal_cdf(x: Array, out: Array | None = None) -> Array:
    """The probability that a standard normal variable is below x, (1 + erf(x / sqrt(2))) / 2."""
    out = erf(x * math.sqrt(0.5), out)
    out *= 0.5
    out += 0.5
    return out


def gelu(x: Array, out: Array | None = None) -> Array:
    """x times the probability that a standard normal variable is below x."""
    out = normal_cdf(x, out)
    out *= x
    return out


def gelu_gradient(x: Array, c: Array, out: Array | None = None) -> Array:
    """c times the derivative of gelu: the probability, and x times the normal density."""
    density = x * x
    density *= -0.5
    xp(x).exp(density, out=density)
    density *= 1 / math.sqrt(2 * math.pi)
    density *= x
    out = normal_cdf(x, out)
    out += density
    out *= c
    return out


def sigmoid(x: Array, out: Array | None = None) -> Array:
    """1 / (1 + e**-x). Far below 0, e**-x = inf gives the right answer, 0."""
    out = xp(x).negative(x, out=_like(x, out))
    xp(x).exp(out, out=out)
    out += 1
    return xp(x).divide(1, out, out=out)


def sigmoid_gradient(y: Array, c: Array, out: Array | None = None) -> Array:
    """c y (1 - y)."""
    out = xp(y).subtract(1, y, out=_like(y, out))
    out *= y
    out *= c
    return out


def tanh_gradient(y: Array, c: Array, out: Array | None = None) -> Array:
    """c (1 - y^2)."""
    out = xp(y).multiply(y, y, out=_like(y, out))
    xp(y).subtract(1, out, out=out)
    out *= c
    return out


def rectified_gradient(x: Array, c: Array, out: Array | None = None, *, slope: float) -> Array:
    """c where x > 0, else slope c."""
    if xp(x) is not np:
        return xp(x).where(x > 0, c, slope * c if slope else 0)
    if slope == 0:  # a choice, not a product: an infinite c must not become NaN
        return masked(c, x > 0, out)
    out = np.multiply(x > 0, x.dtype.type(1 - slope), out=_like(x, out))
    out += slope
    out *= c
    return out


def _like(x: Array, out: Array | None) -> Array:
    return xp(x).empty_like(x) if out is None else out
