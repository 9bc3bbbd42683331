"""Activation functions of neural networks, elementwise. tanh and sigmoid are in elementwise.py."""

from __future__ import annotations

import functools
import math

import numpy as np

from ..backend import xp
from ..kernels import formulas
from ..kernels.blocks import elementwise
from ..op import op, real
from .arithmetic import where
from .elementwise import clip, exp, sigmoid, square, tanh


@op
def relu(x, /):
    """max(x, 0); the gradient at 0 is 0."""
    return elementwise(np.maximum, x, x.dtype.type(0))


relu.defvjp(x=lambda g, out, x: rectified_gradient(g, x, 0.0))


@op(dtypes="real")
def leaky_relu(x, /, slope=0.01):
    """x where x > 0, else slope * x."""
    if 0 < slope <= 1:  # the same values, several times as fast
        return xp(x).maximum(x, slope * x)
    return xp(x).where(x > 0, x, slope * x)


leaky_relu.defvjp(x=lambda g, out, x, slope: rectified_gradient(g, x, slope))


@op(dtypes="real")
def rectified_gradient(c, x, /, slope):
    """c where x > 0, else slope * c: the gradient of sum c * leaky_relu(x), or of relu if slope is 0."""
    return elementwise(functools.partial(formulas.rectified_gradient, slope=slope), x, c)


# the factor, 1 or slope, is constant between kinks
rectified_gradient.defvjp(c=lambda g, out, c, x, slope: rectified_gradient(g, x, slope), x=None)


@op(dtypes="real")
def elu(x, /, alpha=1.0):
    """x where x > 0, else alpha * (e**x - 1). Clevert et al. 2016, arXiv 1511.07289."""
    return xp(x).maximum(x, 0) + alpha * xp(x).expm1(xp(x).minimum(x, 0))


def _elu_rule(g, out, x, alpha):
    # the slope is 1 above 0 and alpha e^x below; min(x, 0) = -relu(-x) keeps the unused e^x above 0 finite
    above, below = where(x > 0, g, 0.0), where(x <= 0, g, 0.0)
    return above + below * alpha * exp(-relu(-x))


elu.defvjp(x=_elu_rule)


@op(dtypes="real")
def softplus(x, /):
    """log(1 + e**x) = max(x, 0) + log(1 + e**-|x|), which cannot overflow."""
    return xp(x).maximum(x, 0) + xp(x).log1p(xp(x).exp(-1.0 * xp(x).abs(x)))


# d/dx log(1 + e^x) = e^x / (1 + e^x) = sigmoid(x)
softplus.defvjp(x=lambda g, out, x: g * sigmoid(x))


def gelu(x, approximate="none"):
    """x * P(Z < x) for a standard normal Z. approximate: "none", or "tanh" to replace erf by a tanh of a cubic.

    Hendrycks & Gimpel 2016, arXiv 1606.08415.
    """
    (x,) = real(x)
    if approximate == "tanh":
        cubic = x + 0.044715 * (x * x * x)
        return x * (0.5 + 0.5 * tanh(math.sqrt(2 / math.pi) * cubic))
    if approximate != "none":
        raise ValueError(f"gelu: unknown approximate {approximate!r}; choose 'none' or 'tanh'")
    return gelu_by_erf(x)


@op(dtypes="real")
def gelu_by_erf(x, /):
    """x P(Z < x), where P(Z < x) = (1 + erf(x / sqrt(2))) / 2."""
    return elementwise(formulas.gelu, x)


gelu_by_erf.defvjp(x=lambda g, out, x: gelu_gradient(g, x))


@op(dtypes="real")
def gelu_gradient(c, x, /):
    """c (P(Z < x) + x p(x)): the gradient of sum c * gelu(x). p is the density of Z, e**(-x*x/2) / sqrt(2 pi)."""
    return elementwise(formulas.gelu_gradient, x, c)


gelu_gradient.defvjp(
    c=lambda g, out, c, x: gelu_gradient(g, x),
    # P' = p and p' = -x p, so the derivative of P + x p is p + p - x^2 p
    x=lambda g, out, c, x: g * c * (2.0 - square(x)) * exp(-0.5 * square(x)) * (1 / math.sqrt(2 * math.pi)),
)


def silu(x):
    """x * sigmoid(x), also called swish. Elfwing et al. 2018, arXiv 1702.03118."""
    (x,) = real(x)
    return x * sigmoid(x)


def hardtanh(x, min=-1.0, max=1.0):
    """x limited to [min, max], by default [-1, 1]: a tanh made of straight lines."""
    return clip(x, min, max)
