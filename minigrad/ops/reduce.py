"""Many elements into one: sums, products, norms and extremes.

axis is an int, several ints, or None for all axes; keepdims keeps the reduced axes with length 1.
"""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels.total import total
from ..op import as_tensor, op, real
from ..tensor import Tensor
from .arithmetic import where
from .padding import pad
from .shape import broadcast_to, check_axes, flip, reshape, unsqueeze


@op(dtypes="sums")
def sum(x, /, axis=None, keepdims=False):
    """Sum of elements."""
    return total(x, checked_axis("sum", axis, x), keepdims)


sum.defvjp(x=lambda g, out, x, axis, keepdims: broadcast_to(restore_axes(g, x, axis), x.shape))


def mean(x, axis=None, keepdims=False):
    """Arithmetic mean. ValueError if there are no elements."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    n = _count("mean", x, axis)
    if x.dtype == np.float16:  # the sum may be too large where the mean is not
        return mean(x.astype(np.float32), axis, keepdims).astype(np.float16)
    return sum(x, axis, keepdims) / n


def var(x, axis=None, keepdims=False, ddof=0):
    """Sum of squared distances from the mean, divided by the count minus ddof (1: the unbiased estimate)."""
    (x,) = real(x)
    n = _count("var", x, axis)
    if n <= ddof:
        raise ValueError(f"var: ddof is {ddof}; it must be less than the number of elements, {n}")
    if x.dtype == np.float16:  # squares may be too large or too small where their mean is not
        return var(x.astype(np.float32), axis, keepdims, ddof).astype(np.float16)
    deviation = x - mean(x, axis, keepdims=True)
    return sum(deviation * deviation, axis, keepdims) / (n - ddof)


def std(x, axis=None, keepdims=False, ddof=0):
    """Square root of var; where it is 0, the gradient is 0."""
    (x,) = real(x)
    n = _count("std", x, axis)
    if n <= ddof:
        raise ValueError(f"std: ddof is {ddof}; it must be less than the number of elements, {n}")
    if x.dtype == np.float16:  # as in var
        return std(x.astype(np.float32), axis, keepdims, ddof).astype(np.float16)
    deviation = x - mean(x, axis, keepdims=True)
    return norm(deviation, axis=axis, keepdims=keepdims) / math.sqrt(n - ddof)


@op
def max(x, /, axis=None, keepdims=False):
    """Largest element; if several are equal, they share the gradient."""
    return x.max(axis=checked_axis("max", axis, x), keepdims=keepdims)


@op
def min(x, /, axis=None, keepdims=False):
    """Smallest element; if several are equal, they share the gradient."""
    return x.min(axis=checked_axis("min", axis, x), keepdims=keepdims)


def _extreme_rule(g, out, x, axis, keepdims):
    out = restore_axes(out, x, axis)
    hits = x == out  # constant
    if bool((out.data != out.data).any()):  # NaN beats every number, but equals nothing, not even itself
        hits = hits | (x != x)
    share = restore_axes(g, x, axis) / sum(hits, axis, keepdims=True)
    return where(hits, share.astype(x.dtype), 0.0)


max.defvjp(x=_extreme_rule)
min.defvjp(x=_extreme_rule)


@op(dtypes="sums")
def prod(x, /, axis=None, keepdims=False):
    """Product of elements."""
    return x.prod(axis=checked_axis("prod", axis, x), keepdims=keepdims)


def _prod_rule(g, out, x, axis, keepdims):
    # d/dx_i is the product of all other elements: out / x_i, unless out is 0, or so small or large that digits are lost
    g = restore_axes(g, x, axis)
    size = xp(out.data).abs(out.data)
    limits = np.finfo(out.dtype)
    if bool(((size >= limits.tiny) & (size <= limits.max)).all()):
        return g * restore_axes(out, x, axis) / x

    # otherwise multiply the others up; the reduced axes become one, at the end: (kept.., n)
    axes = check_axes("prod", axis, x.ndim)
    kept = tuple(i for i in range(x.ndim) if i not in axes)
    order = (*kept, *axes)
    rows = x.transpose(order).reshape((*(x.shape[i] for i in kept), _count("prod", x, axis)))
    others = _products_of_others(rows)

    # and back into the order of x
    others = others.reshape(tuple(x.shape[i] for i in order))
    back = tuple(sorted(range(x.ndim), key=order.__getitem__))
    return g * others.transpose(back)


def _products_of_others(x):
    """Return, for each element, the product of all others along the last axis: (.., n) -> (.., n), in memory O(n).

    By pairs: the others of an element are its partner and all other pairs, whose product is the same problem for the
    products of the pairs, half as long.
    """
    n = x.shape[-1]
    if n == 1:
        return Tensor.wrap(xp(x.data).ones_like(x.data))  # a product of nothing
    even = pad(x, ((0, 0),) * (x.ndim - 1) + ((0, n % 2),), constant_values=1.0)
    pairs = reshape(even, (*x.shape[:-1], -1, 2))  # (.., n/2, 2)
    other_pairs = _products_of_others(pairs[..., 0] * pairs[..., 1])
    partners = flip(pairs, -1)
    return reshape(partners * unsqueeze(other_pairs, -1), even.shape)[..., :n]


prod.defvjp(x=_prod_rule)


@op(dtypes="real")
def norm(x, /, *, axis=None, keepdims=False):
    """Euclidean length sqrt(sum x**2); the gradient at the zero vector is 0.

    axis must be named, because the second argument of NumPy's and PyTorch's norm is the order.
    """
    return xp(x).sqrt(total(x * x, checked_axis("norm", axis, x), keepdims))


def _norm_rule(g, out, x, axis, keepdims):
    # d/dx |x| = x / |x|, and 0 at the zero vector, where that would be 0 / 0
    zero = out == 0  # constant
    per_length = where(zero, 0.0, g) / where(zero, 1.0, out)
    return restore_axes(per_length, x, axis) * x


norm.defvjp(x=_norm_rule)


def argmax(x, axis=None):
    """Index of the largest element along an axis, or in the flattened x if None. An integer tensor: no gradient."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    return Tensor.wrap(x.data.argmax(axis))


def argmin(x, axis=None):
    """Index of the smallest element along an axis, or in the flattened x if None. An integer tensor: no gradient."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    return Tensor.wrap(x.data.argmin(axis))


def any(x, axis=None, keepdims=False):
    """Is any element along an axis nonzero? A boolean tensor: no gradient."""
    x = as_tensor(x).data
    return Tensor.wrap(x.any(axis=checked_axis("any", axis, x), keepdims=keepdims))


def all(x, axis=None, keepdims=False):
    """Are all elements along an axis nonzero? A boolean tensor: no gradient."""
    x = as_tensor(x).data
    return Tensor.wrap(x.all(axis=checked_axis("all", axis, x), keepdims=keepdims))


def checked_axis(name, axis, x):
    """Return axis as NumPy expects it, a list as a tuple; ValueError, with the op's name, if x lacks it."""
    check_axes(name, axis, x.ndim)
    return tuple(axis) if isinstance(axis, list) else axis


def restore_axes(g, x, axis):
    """Give a reduced tensor its axes back, with length 1, so that it broadcasts against x: the adjoint of dropping."""
    axes = check_axes("reduce", axis, x.ndim)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape))
    return g if g.shape == shape else reshape(g, shape)


def _count(name, x, axis):
    """Return how many elements are reduced to one."""
    n = math.prod(x.shape[i] for i in check_axes(name, axis, x.ndim))
    if n == 0:
        raise ValueError(f"{name}: x has shape {x.shape}, no elements along axis {axis}; at least one is needed")
    return n
