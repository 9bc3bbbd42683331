"""Many elements into one: sums, extremes, and the softmax family.

axis is an int, several ints, or None for all axes; keepdims keeps the reduced axes with length 1.
"""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels.total import total
from ..op import as_tensor, op, real, unbroadcast
from ..tensor import Tensor
from .arithmetic import where
from .elementwise import exp, sigmoid
from .shape import broadcast_to, check_axes, flip, pad, reshape, unsqueeze


@op(dtypes="sums")
def sum(x, /, axis=None, keepdims=False):
    """Sum of elements."""
    return total(x, _known("sum", axis, x), keepdims)


sum.defvjp(x=lambda g, out, x, axis, keepdims: broadcast_to(_restore(g, x, axis), x.shape))


def mean(x, axis=None, keepdims=False):
    """Arithmetic mean. ValueError over no elements."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    n = _count("mean", x, axis)
    if x.dtype == np.float16:  # the sum may be too large where the mean is not
        return mean(x.astype(np.float32), axis, keepdims).astype(np.float16)
    return sum(x, axis, keepdims) / n


def var(x, axis=None, keepdims=False, ddof=0):
    """Mean squared distance from the mean, over the count minus ddof (1: the unbiased estimate)."""
    (x,) = real(x)
    n = _count("var", x, axis)
    if n <= ddof:
        raise ValueError(f"var: ddof {ddof} leaves nothing to divide by, of {n} elements")
    if x.dtype == np.float16:  # squares may be too large or too small where their mean is not
        return var(x.astype(np.float32), axis, keepdims, ddof).astype(np.float16)
    deviation = x - mean(x, axis, keepdims=True)
    return sum(deviation * deviation, axis, keepdims) / (n - ddof)


def std(x, axis=None, keepdims=False, ddof=0):
    """Root of the mean squared distance from the mean, over the count minus ddof; the gradient at 0 is 0."""
    (x,) = real(x)
    n = _count("std", x, axis)
    if n <= ddof:
        raise ValueError(f"std: ddof {ddof} leaves nothing to divide by, of {n} elements")
    if x.dtype == np.float16:  # as in var
        return std(x.astype(np.float32), axis, keepdims, ddof).astype(np.float16)
    return norm(x - mean(x, axis, keepdims=True), axis=axis, keepdims=keepdims) / math.sqrt(n - ddof)


@op
def max(x, /, axis=None, keepdims=False):
    """Largest element; equal ones share the gradient."""
    return x.max(axis=_known("max", axis, x), keepdims=keepdims)


@op
def min(x, /, axis=None, keepdims=False):
    """Smallest element; equal ones share the gradient."""
    return x.min(axis=_known("min", axis, x), keepdims=keepdims)


def _extreme_rule(g, out, x, axis, keepdims):
    out = _restore(out, x, axis)
    hits = x == out  # constant
    if bool((out.data != out.data).any()):  # a NaN is largest, and equal to nothing
        hits = hits | (x != x)
    share = _restore(g, x, axis) / sum(hits, axis, keepdims=True)
    return where(hits, share.astype(x.dtype), 0.0)


max.defvjp(x=_extreme_rule)
min.defvjp(x=_extreme_rule)


@op(dtypes="sums")
def prod(x, /, axis=None, keepdims=False):
    """Product of elements."""
    return x.prod(axis=_known("prod", axis, x), keepdims=keepdims)


def _prod_rule(g, out, x, axis, keepdims):
    # d/dx_i is the product of all others: out / x_i, unless out is 0 or so small or large that its digits are lost
    g, size = _restore(g, x, axis), xp(out.data).abs(out.data)
    limits = np.finfo(out.dtype)
    if bool(((size >= limits.tiny) & (size <= limits.max)).all()):
        return g * _restore(out, x, axis) / x
    axes = check_axes("prod", axis, x.ndim)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    rows = x.transpose((*kept, *axes)).reshape((*(x.shape[i] for i in kept), _count("prod", x, axis)))
    others = _products_of_others(rows).reshape(tuple(x.shape[i] for i in (*kept, *axes)))
    back = tuple(sorted(range(x.ndim), key=(*kept, *axes).__getitem__))
    return g * others.transpose(back)


def _products_of_others(x):
    """Return the product of all elements but one along the last axis, for each: (.., n) -> (.., n), in memory O(n)."""
    n = x.shape[-1]
    if n == 1:
        return Tensor.wrap(xp(x.data).ones_like(x.data))
    # the others of an element are its neighbour and the others of the pair that both belong to
    even = pad(x, ((0, 0),) * (x.ndim - 1) + ((0, n % 2),), constant_values=1.0)
    pairs = reshape(even, (*x.shape[:-1], -1, 2))
    outside = _products_of_others(pairs[..., 0] * pairs[..., 1])
    return reshape(flip(pairs, -1) * unsqueeze(outside, -1), even.shape)[..., :n]


prod.defvjp(x=_prod_rule)


@op(dtypes="real")
def logsumexp(x, /, axis=None, keepdims=False):
    """log sum e**x, without overflow: the largest element is taken out first. -inf where all elements are, or none."""
    axis = _known("logsumexp", axis, x)
    top = _largest(x, axis)
    top = xp(x).where(xp(x).isfinite(top), top, 0)
    e = xp(x).exp(x - top)
    with np.errstate(divide="ignore"):  # log 0 = -inf is the right answer
        out = xp(x).log(total(e, axis, True)) + top
    return out if keepdims else out.squeeze(axis)


# d/dx log sum e^x = softmax(x) = e^(x - out), but where out is large its rounding would be a factor of the gradient
logsumexp.defvjp(x=lambda g, out, x, axis, keepdims: _restore(g, x, axis) * softmax(x, axis))


@op(dtypes="real")
def logaddexp(x, y, /):
    """log(e**x + e**y), elementwise, without overflow."""
    return xp(x if not isinstance(x, float | int) else y).logaddexp(x, y)


def _logaddexp_rule(g, out, x, y):
    # e^x / (e^x + e^y) = 1 / (1 + e^(y - x)); two equal infinities, which have no difference, share alike
    same = (x == y) & (abs(out) == math.inf)
    return g * sigmoid(where(same, 0.0, x) - where(same, 0.0, y))


logaddexp.defvjp(
    x=lambda g, out, x, y: unbroadcast(_logaddexp_rule(g, out, x, y), x),
    y=lambda g, out, x, y: unbroadcast(_logaddexp_rule(g, out, y, x), y),
)


@op(dtypes="real")
def softmax(x, /, axis=-1):
    """e**x / sum e**x along an axis (or several)."""
    axis = _known("softmax", axis, x)
    e = xp(x).exp(x - _largest(x, axis))
    return e / total(e, axis, True)


softmax.defvjp(x=lambda g, out, x, axis: out * (g - sum(g * out, axis, keepdims=True)))


@op(dtypes="real")
def log_softmax(x, /, axis=-1):
    """x - log sum e**x along an axis (or several)."""
    axis = _known("log_softmax", axis, x)
    shifted = x - _largest(x, axis)
    if not x.size:
        return shifted
    return shifted - xp(x).log(total(xp(x).exp(shifted), axis, True))


log_softmax.defvjp(x=lambda g, out, x, axis: g - exp(out) * sum(g, axis, keepdims=True))


@op(dtypes="real")
def norm(x, /, *, axis=None, keepdims=False):
    """Euclidean length sqrt(sum x**2); the gradient at the zero vector is 0.

    axis goes by name: the second argument of NumPy's and PyTorch's norm is an order.
    """
    return xp(x).sqrt(total(x * x, _known("norm", axis, x), keepdims))


def _norm_rule(g, out, x, axis, keepdims):
    zero = out == 0  # constant
    return _restore(where(zero, 0.0, g) / where(zero, 1.0, out), x, axis) * x


norm.defvjp(x=_norm_rule)


def argmax(x, axis=None):
    """Index of the largest element along an axis, of x made flat if None. An integer tensor: no gradient."""
    return Tensor.wrap((x.data if isinstance(x, Tensor) else Tensor(x).data).argmax(axis))


def argmin(x, axis=None):
    """Index of the smallest element along an axis, of x made flat if None. An integer tensor: no gradient."""
    return Tensor.wrap((x.data if isinstance(x, Tensor) else Tensor(x).data).argmin(axis))


def any(x, axis=None, keepdims=False):
    """Is an element along an axis other than 0? A boolean tensor: no gradient."""
    x = as_tensor(x).data
    return Tensor.wrap(x.any(axis=_known("any", axis, x), keepdims=keepdims))


def all(x, axis=None, keepdims=False):
    """Are all elements along an axis other than 0? A boolean tensor: no gradient."""
    x = as_tensor(x).data
    return Tensor.wrap(x.all(axis=_known("all", axis, x), keepdims=keepdims))


def _known(name, axis, x):
    """Return axis as NumPy takes it, a list as a tuple, after a check that x has it."""
    check_axes(name, axis, x.ndim)
    return tuple(axis) if isinstance(axis, list) else axis


def _largest(x, axis):
    """Return the largest elements along axis, 0 where there are none; floats, as unsigned integers would wrap below."""
    if x.size:
        return 1.0 * x.max(axis=axis, keepdims=True)
    return 1.0 * x.sum(axis=axis, keepdims=True)


def _restore(g, x, axis):
    """Give a reduced tensor its axes back, with length 1, so that it broadcasts against x."""
    axes = check_axes("reduce", axis, x.ndim)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return g if g.shape == shape else reshape(g, shape)


def _count(name, x, axis):
    """Return how many elements are reduced to one."""
    n = 1
    for i in check_axes(name, axis, x.ndim):
        n *= x.shape[i]
    if n == 0:
        raise ValueError(f"{name}: no elements along axis {axis} of shape {x.shape}")
    return n
