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

WHOLE = 8  # exponents up to here are products: four at most


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


def whole_power(x: Array, out: Array | None = None, *, y: int) -> Array:
    """x ** y for a whole y, of size WHOLE at most, by products; NumPy's takes a hundred times as long where x < 0.

    The digits of |y| in base 2, read from the left, say how: each squares what there is, and a 1 multiplies by x.
    """
    out = _like(x, out)
    base = x if y >= 0 else xp(x).divide(1, x)
    out[...] = base if y else 1
    for digit in f"{abs(y):b}"[1:]:
        out *= out
        if digit == "1":
            out *= base
    return out


def abs_gradient(x: Array, c: Array, out: Array | None = None) -> Array:
    """c times the sign of x; 0 where x is 0, whatever c is there."""
    if xp(x) is not np:
        return xp(x).where(x == 0, 0, c) * xp(x).sign(x)
    out = masked(c, x != 0, out)
    out *= np.sign(x)
    return out


def huber(d: Array, out: Array | None = None, *, delta: float) -> Array:
    """d^2 / 2 for |d| <= delta, delta (|d| - delta / 2) beyond."""
    # limited is d, or delta with the sign of d, and one formula gives both branches: d (d - d/2), delta (|d| - delta/2)
    limited = xp(d).clip(d, -delta, delta)
    out = xp(d).multiply(limited, -0.5, out=_like(d, out))
    out += d
    out *= limited
    return out


def softplus(x: Array, out: Array | None = None) -> Array:
    """log(1 + e**x) = max(x, 0) + log(1 + e**-|x|), which cannot overflow."""
    out = xp(x).abs(x, out=_like(x, out))
    xp(x).negative(out, out=out)
    xp(x).exp(out, out=out)
    xp(x).log1p(out, out=out)
    out += xp(x).maximum(x, 0)
    return out


def logistic_loss(x: Array, target: Array, out: Array | None = None) -> Array:
    """softplus(x) - target x."""
    out = softplus(x, out)
    out -= x * target
    return out


def elu(x: Array, out: Array | None = None, *, alpha: float) -> Array:
    """x where x > 0, else alpha (e**x - 1)."""
    out = xp(x).minimum(x, 0, out=_like(x, out))
    xp(x).expm1(out, out=out)
    out *= alpha
    out += xp(x).maximum(x, 0)
    return out


def elu_gradient(x: Array, c: Array, out: Array | None = None, *, alpha: float) -> Array:
    """c where x > 0, else c alpha e**x."""
    out = xp(x).minimum(x, 0, out=_like(x, out))
    xp(x).exp(out, out=out)
    if alpha != 1:  # 1 + (alpha - 1) where x <= 0
        out *= xp(x).where(x > 0, 1, alpha).astype(x.dtype)
    out *= c
    return out


def silu(x: Array, out: Array | None = None) -> Array:
    """x s(x), s being the sigmoid."""
    out = sigmoid(x, out)
    out *= x
    return out


def silu_gradient(x: Array, c: Array, out: Array | None = None) -> Array:
    """c times the derivative of x s(x), s (1 + x (1 - s))."""
    s = sigmoid(x)
    out = xp(x).subtract(1, s, out=_like(x, out))
    out *= x
    out += 1
    out *= s
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


def leaky_relu(x: Array, out: Array | None = None, *, slope: float) -> Array:
    """x where x > 0, else slope x."""
    out = xp(x).multiply(x, slope, out=_like(x, out))
    if 0 < slope <= 1:
        return xp(x).maximum(x, out, out=out)
    out[...] = xp(x).where(x > 0, x, out)
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
