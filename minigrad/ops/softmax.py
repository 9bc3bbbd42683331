"""The softmax family: probabilities from scores, and sums of exponentials that do not overflow.

All of them first subtract the largest element, which changes no softmax: e**(x - c) / sum e**(x - c) is the same for
every c, and no exponent is then above 0.
"""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels import softmax as kernels
from ..kernels.total import total
from ..op import op, unbroadcast
from .arithmetic import where
from .elementwise import exp, sigmoid
from .reduce import checked_axis, restore_axes, sum
from .shape import check_axes


@op(dtypes="real")
def logsumexp(x, /, axis=None, keepdims=False):
    """log sum e**x = c + log sum e**(x - c), where c is the largest element. -inf if all are, or if there are none."""
    axis = checked_axis("logsumexp", axis, x)
    x = _floating(x)
    top = x.max(axis=axis, keepdims=True) if x.size else x.sum(axis=axis, keepdims=True)
    top = xp(x).where(xp(x).isfinite(top), top, 0)  # inf - inf would be NaN
    e = xp(x).exp(x - top)
    with np.errstate(divide="ignore"):  # log 0 = -inf is the right answer
        out = xp(x).log(total(e, axis, True)) + top
    return out if keepdims else out.squeeze(axis)


# d/dx log sum e^x = softmax(x). That is also e^(x - out), but the rounding of a large out would scale the gradient
logsumexp.defvjp(x=lambda g, out, x, axis, keepdims: restore_axes(g, x, axis) * softmax(x, axis))


@op(dtypes="real")
def logaddexp(x, y, /):
    """log(e**x + e**y), elementwise, without overflow."""
    return xp(x if not isinstance(x, float | int) else y).logaddexp(x, y)


def _logaddexp_rule(g, out, x, y):
    # e^x / (e^x + e^y) = 1 / (1 + e^(y - x)) = sigmoid(x - y); two equal infinities, whose difference is NaN, share
    same = (x == y) & (abs(out) == math.inf)
    return g * sigmoid(where(same, 0.0, x) - where(same, 0.0, y))


logaddexp.defvjp(
    x=lambda g, out, x, y: unbroadcast(_logaddexp_rule(g, out, x, y), x),
    y=lambda g, out, x, y: unbroadcast(_logaddexp_rule(g, out, y, x), y),
)


@op(dtypes="real")
def softmax(x, /, axis=-1):
    """e**x / sum e**x along an axis (or several)."""
    return kernels.softmax(_floating(x), check_axes("softmax", axis, x.ndim))


# d out_i / dx_j = out_i (1 if i = j else 0) - out_i out_j, so g J = out (g - sum g out)
softmax.defvjp(x=lambda g, out, x, axis: softmax_gradient(g, out, axis))


@op(dtypes="real")
def softmax_gradient(c, y, /, axis):
    """y (c - sum c y): the gradient of sum c * softmax(x), where y = softmax(x). One op: attention needs it often."""
    return kernels.softmax_gradient(c, y, check_axes("softmax", axis, y.ndim))


softmax_gradient.defvjp(
    c=lambda g, out, c, y, axis: softmax_gradient(g, y, axis),
    y=lambda g, out, c, y, axis: g * (c - sum(c * y, axis, keepdims=True)) - c * sum(g * y, axis, keepdims=True),
)


@op(dtypes="real")
def log_softmax(x, /, axis=-1):
    """x - log sum e**x along an axis (or several)."""
    return kernels.log_softmax(_floating(x), check_axes("log_softmax", axis, x.ndim))


# d out_i / dx_j = (1 if i = j else 0) - softmax_j, so g J = g - softmax sum g
log_softmax.defvjp(x=lambda g, out, x, axis: g - exp(out) * sum(g, axis, keepdims=True))


def _floating(x):
    """Return whole numbers as floats: unsigned ones would wrap when the largest is subtracted."""
    return x if x.dtype.kind == "f" else 1.0 * x
