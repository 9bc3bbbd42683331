"""Functions of one input, elementwise."""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels import formulas
from ..kernels.blocks import elementwise
from ..op import op
from .arithmetic import where


@op(dtypes="real")
def exp(x, /):
    """e**x."""
    return elementwise(np.exp, x)


exp.defvjp(x=lambda g, out, x: g * out)


@op(dtypes="real")
def expm1(x, /):
    """e**x - 1, accurate where x is near 0."""
    return elementwise(np.expm1, x)


expm1.defvjp(x=lambda g, out, x: g * (out + 1.0))


@op(dtypes="real")
def log(x, /):
    """Natural logarithm of x > 0."""
    return elementwise(np.log, x)


log.defvjp(x=lambda g, out, x: g / x)


@op(dtypes="real")
def log2(x, /):
    """Logarithm of x > 0 to the base 2."""
    return elementwise(np.log2, x)


log2.defvjp(x=lambda g, out, x: g / x * (1 / math.log(2)))


@op(dtypes="real")
def log1p(x, /):
    """log(1 + x) of x > -1, accurate where x is near 0."""
    return elementwise(np.log1p, x)


log1p.defvjp(x=lambda g, out, x: g / (x + 1.0))


@op(dtypes="real")
def sqrt(x, /):
    """Square root of x >= 0; its gradient at 0 is infinite."""
    return elementwise(np.sqrt, x)


sqrt.defvjp(x=lambda g, out, x: g * 0.5 / out)


@op
def square(x, /):
    """x**2."""
    return elementwise(np.multiply, x, x)


# 2 x comes first: behind a sum, g is one number repeated along every axis, and 2 g would not be laid out in memory as x
square.defvjp(x=lambda g, out, x: g * (2.0 * x))


@op(dtypes="real")
def reciprocal(x, /):
    """1 / x."""
    return elementwise(np.divide, 1.0, x)


reciprocal.defvjp(x=lambda g, out, x: -g * square(out))


@op
def abs(x, /):
    """|x|; the gradient at 0 is 0."""
    return elementwise(np.abs, x)


abs.defvjp(x=lambda g, out, x: abs_gradient(g, x))


@op(dtypes="real")
def abs_gradient(c, x, /):
    """c times the sign of x, 0 at 0 whatever c is there: the gradient of sum c * abs(x)."""
    return elementwise(formulas.abs_gradient, x, c)


abs_gradient.defvjp(c=lambda g, out, c, x: abs_gradient(g, x), x=None)  # the sign is constant but for a jump


@op
def sign(x, /):
    """-1, 0 or 1. Constant almost everywhere: no gradient."""
    return xp(x).sign(x if x.dtype != bool else x.astype(np.int8))


sign.defvjp(x=None)


@op(dtypes="real")
def tanh(x, /):
    """Hyperbolic tangent."""
    return elementwise(np.tanh, x)


# d/dx tanh(x) = 1 - tanh(x)^2
tanh.defvjp(x=lambda g, out, x: tanh_gradient(g, out))


@op(dtypes="real")
def tanh_gradient(c, y, /):
    """c (1 - y**2): the gradient of sum c * tanh(x), where y = tanh(x). One op, as it is taken so often."""
    return elementwise(formulas.tanh_gradient, y, c)


tanh_gradient.defvjp(c=lambda g, out, c, y: tanh_gradient(g, y), y=lambda g, out, c, y: g * c * (-2.0 * y))


@op(dtypes="real")
def sigmoid(x, /):
    """1 / (1 + e**-x)."""
    with np.errstate(over="ignore"):
        return elementwise(formulas.sigmoid, x)


# d/dx s(x) = e^-x / (1 + e^-x)^2 = s(x) (1 - s(x))
sigmoid.defvjp(x=lambda g, out, x: sigmoid_gradient(g, out))


@op(dtypes="real")
def sigmoid_gradient(c, y, /):
    """c y (1 - y): the gradient of sum c * sigmoid(x), where y = sigmoid(x). One op, as it is taken so often."""
    return elementwise(formulas.sigmoid_gradient, y, c)


sigmoid_gradient.defvjp(c=lambda g, out, c, y: sigmoid_gradient(g, y), y=lambda g, out, c, y: g * c * (1.0 - 2.0 * y))


@op(dtypes="real")
def erf(x, /):
    """The error function 2/sqrt(pi) * integral of e**(-t*t) from 0 to x."""
    return elementwise(formulas.erf, x)


erf.defvjp(x=lambda g, out, x: g * (2.0 / math.sqrt(math.pi)) * exp(-square(x)))


@op
def clip(x, /, min=None, max=None):
    """x limited to [min, max], each a number or None; at a limit the gradient passes, as it does between them."""
    if min is None and max is None:
        raise ValueError("clip: min and max are both None; give at least one")
    if x.dtype.kind != "f" and float in (type(min), type(max)):
        x = x.astype(np.float32)  # a Python float turns integers into float32, here as everywhere
    return xp(x).clip(x, min, max)


def _inside(x, min, max):
    """Tell where clip leaves x unchanged."""
    above = x >= (-math.inf if min is None else min)
    below = x <= (math.inf if max is None else max)
    return above & below


clip.defvjp(x=lambda g, out, x, min, max: where(_inside(x, min, max), g, 0.0))
