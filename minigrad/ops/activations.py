"""Activation functions of neural networks, elementwise. tanh and sigmoid are in elementwise.py."""

from __future__ import annotations

import functools
import math

import numpy as np

from ..kernels import formulas
from ..kernels.blocks import elementwise
from ..op import op, real
from .arithmetic import where
from .elementwise import clip, exp, sigmoid, sigmoid_gradient, square, tanh


@op
def relu(x, /):
    """max(x, 0); the gradient at 0 is 0."""
    return elementwise(np.maximum, x, x.dtype.type(0))


relu.defvjp(x=lambda g, out, x: rectified_gradient(g, x, 0.0))


@op(dtypes="real")
def leaky_relu(x, /, slope=0.01):
    """x where x > 0, else slope * x."""
    return elementwise(functools.partial(formulas.leaky_relu, slope=slope), x)


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
    return elementwise(functools.partial(formulas.elu, alpha=alpha), x)


elu.defvjp(x=lambda g, out, x, alpha: elu_gradient(g, x, alpha))


@op(dtypes="real")
def elu_gradient(c, x, /, alpha):
    """c where x > 0, else c alpha e**x: the gradient of sum c * elu(x)."""
    return elementwise(functools.partial(formulas.elu_gradient, alpha=alpha), x, c)


# min(x, 0) = -relu(-x) keeps the unused e^x above 0 finite
elu_gradient.defvjp(
    c=lambda g, out, c, x, alpha: elu_gradient(g, x, alpha),
    x=lambda g, out, c, x, alpha: where(x <= 0, g * c, 0.0) * alpha * exp(-relu(-x)),
)


@op(dtypes="real")
def softplus(x, /):
    """log(1 + e**x) = max(x, 0) + log(1 + e**-|x|), which cannot overflow."""
    return elementwise(formulas.softplus, x)


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


@op(dtypes="real")
def silu(x, /):
    """x * sigmoid(x), also called swish. Elfwing et al. 2018, arXiv 1702.03118."""
    return elementwise(formulas.silu, x)


silu.defvjp(x=lambda g, out, x: silu_gradient(g, x))


@op(dtypes="real")
def silu_gradient(c, x, /):
    """c s (1 + x (1 - s)), where s = sigmoid(x): the gradient of sum c * silu(x)."""
    return elementwise(formulas.silu_gradient, x, c)


def _silu_gradient_x(g, out, c, x):
    # s' = s (1 - s), and so the second derivative of x s is s' (2 + x (1 - 2 s))
    s = sigmoid(x)
    return g * c * sigmoid_gradient(2.0 + x * (1.0 - 2.0 * s), s)


silu_gradient.defvjp(c=lambda g, out, c, x: silu_gradient(g, x), x=_silu_gradient_x)


def hardtanh(x, min=-1.0, max=1.0):
    """x limited to [min, max], by default [-1, 1]: a tanh made of straight lines."""
    return clip(x, min, max)
