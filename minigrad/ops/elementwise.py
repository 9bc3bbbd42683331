"""Functions of one input, elementwise."""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..op import op, real
from .arithmetic import where


@op(dtypes="real")
def exp(x, /):
    """e**x."""
    return xp(x).exp(x)


exp.defvjp(x=lambda g, out, x: g * out)


@op(dtypes="real")
def expm1(x, /):
    """e**x - 1, accurate where x is near 0."""
    return xp(x).expm1(x)


expm1.defvjp(x=lambda g, out, x: g * (out + 1.0))


@op(dtypes="real")
def log(x, /):
    """Natural logarithm of x > 0."""
    return xp(x).log(x)


log.defvjp(x=lambda g, out, x: g / x)


@op(dtypes="real")
def log2(x, /):
    """Logarithm of x > 0 to the base 2."""
    return xp(x).log2(x)


log2.defvjp(x=lambda g, out, x: g / x * (1 / math.log(2)))


@op(dtypes="real")
def log1p(x, /):
    """log(1 + x) of x > -1, accurate where x is near 0."""
    return xp(x).log1p(x)


log1p.defvjp(x=lambda g, out, x: g / (x + 1.0))


@op(dtypes="real")
def sqrt(x, /):
    """Square root of x >= 0; its gradient at 0 is infinite."""
    return xp(x).sqrt(x)


sqrt.defvjp(x=lambda g, out, x: g * 0.5 / out)


@op
def square(x, /):
    """x**2."""
    return x * x


# 2 x first: the cotangent of a sum is one number repeated, whose double would lie in no order that suits x
square.defvjp(x=lambda g, out, x: g * (2.0 * x))


@op(dtypes="real")
def reciprocal(x, /):
    """1 / x."""
    return 1.0 / x


reciprocal.defvjp(x=lambda g, out, x: -g * square(out))


@op
def abs(x, /):
    """|x|; the gradient at 0 is 0."""
    return xp(x).abs(x)


abs.defvjp(x=lambda g, out, x: where(x == 0, 0.0, g) * sign(x))


@op
def sign(x, /):
    """-1, 0 or 1. Constant almost everywhere: no gradient."""
    return xp(x).sign(x if x.dtype != bool else x.astype(np.int8))


sign.defvjp(x=None)


@op(dtypes="real")
def tanh(x, /):
    """Hyperbolic tangent."""
    return xp(x).tanh(x)


tanh.defvjp(x=lambda g, out, x: g * (1.0 - square(out)))


@op(dtypes="real")
def sigmoid(x, /):
    """1 / (1 + e**-x)."""
    with np.errstate(over="ignore"):  # e**-x = inf far below 0 gives the right answer, 0
        return 1.0 / (1.0 + xp(x).exp(-1.0 * x))  # not -x, which wraps unsigned integers


sigmoid.defvjp(x=lambda g, out, x: g * out * (1.0 - out))


@op(dtypes="real")
def softplus(x, /):
    """log(1 + e**x) = max(x, 0) + log(1 + e**-|x|), which cannot overflow."""
    return xp(x).maximum(x, 0) + xp(x).log1p(xp(x).exp(-1.0 * xp(x).abs(x)))


softplus.defvjp(x=lambda g, out, x: g * sigmoid(x))


@op
def relu(x, /):
    """max(x, 0); the gradient at 0 is 0."""
    return xp(x).maximum(x, xp(x).zeros_like(x))  # NumPy takes twice as long against a scalar


# a choice, not a product with the mask: where the slope is 0 an infinite g must not become NaN
relu.defvjp(x=lambda g, out, x: where(x > 0, g, 0.0))


@op(dtypes="real")
def leaky_relu(x, /, slope=0.01):
    """x where x > 0, else slope * x."""
    if 0 < slope <= 1:  # the same, and several times as fast
        return xp(x).maximum(x, slope * x)
    return xp(x).where(x > 0, x, slope * x)


def _leaky_relu_rule(g, out, x, slope):
    if slope == 0:
        return where(x > 0, g, 0.0)
    return g * ((x > 0) * (1.0 - slope) + slope).detach().astype(g.dtype)


leaky_relu.defvjp(x=_leaky_relu_rule)


@op(dtypes="real")
def elu(x, /, alpha=1.0):
    """x where x > 0, else alpha * (e**x - 1). Clevert et al. 2016, arXiv 1511.07289."""
    return xp(x).maximum(x, 0) + alpha * xp(x).expm1(xp(x).minimum(x, 0))


# below 0 the slope is alpha e^x; -relu(-x) = min(x, 0) keeps e^x finite above
elu.defvjp(x=lambda g, out, x, alpha: where(x > 0, g, 0.0) + where(x <= 0, g, 0.0) * alpha * exp(-relu(-x)))


@op(dtypes="real")
def erf(x, /):
    """The error function 2/sqrt(pi) * integral of e**(-t*t) from 0 to x."""
    if xp(x) is np:
        from scipy import special
    else:
        from cupyx.scipy import special
    return special.erf(x)


erf.defvjp(x=lambda g, out, x: g * (2.0 / math.sqrt(math.pi)) * exp(-square(x)))


def gelu(x, approximate="none"):
    """x * P(Z < x) for a standard normal Z; by tanh instead of erf with approximate="tanh".

    Hendrycks & Gimpel 2016, arXiv 1606.08415.
    """
    (x,) = real(x)
    if approximate == "tanh":
        return x * (0.5 + 0.5 * tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))))
    if approximate != "none":
        raise ValueError(f"gelu: approximate {approximate!r} is none of 'none', 'tanh'")
    return x * (0.5 + 0.5 * erf(x * math.sqrt(0.5)))


def silu(x):
    """x * sigmoid(x), also called swish. Elfwing et al. 2018, arXiv 1702.03118."""
    (x,) = real(x)
    return x * sigmoid(x)


@op
def clip(x, /, min=None, max=None):
    """x limited to [min, max], numbers or None; the gradient at a limit is that of the inside."""
    if min is None and max is None:
        raise ValueError("clip: min and max are both None; give at least one")
    if x.dtype.kind != "f" and float in (type(min), type(max)):
        x = x.astype(np.float32)  # as beside a Python float everywhere
    return xp(x).clip(x, min, max)


def _inside(x, min, max):
    """Tell where clip leaves x as it is."""
    above, below = x >= (-math.inf if min is None else min), x <= (math.inf if max is None else max)
    return above & below


clip.defvjp(x=lambda g, out, x, min, max: where(_inside(x, min, max), g, 0.0))


def hardtanh(x, min=-1.0, max=1.0):
    """x limited to [min, max], by default [-1, 1]: the straight-line tanh."""
    return clip(x, min, max)
