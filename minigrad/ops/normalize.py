"""Batch, layer, group and instance normalisation: they differ in the axes that share a mean and a variance."""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels import standardize as kernels
from ..modes import mode
from ..op import op, real, unbroadcast
from ..profile import timed
from ..tensor import Tensor
from .arithmetic import sum_of_products, unbroadcast_product
from .elementwise import reciprocal, sqrt
from .reduce import mean, sum
from .shape import check_axes, reshape


def standardize(x, axis, eps=1e-5):
    """(x - mean) / sqrt(var + eps), with the mean and variance over axis, one or several; the shape of x.

    Ioffe & Szegedy 2015, arXiv 1502.03167.
    """
    (x,) = real(x)
    axis = check_axes("standardize", axis, x.ndim)
    return standardize_by(x, axis, eps, *moments(x, axis))


def moments(x, axis):
    """Return the mean and the variance of x over axis as arrays, whose axes stay with length 1. At least float32."""
    (x,) = real(x)
    data = x.data.astype(np.float32) if x.dtype == np.float16 else x.data
    with timed("moments") as call:  # no op, as it returns arrays, but a pass over memory that a profile should show
        found = kernels.moments(data, axis)
        call.arrays, call.result = [data], found[0]
    return found


# mean and var are parameters, so that they are computed once for out, its gradient and what a layer keeps of them. But
# they follow x, and the rules know it


@op(dtypes="real")
def standardize_by(x, /, axis, eps, mean, var):
    """(x - mean) / sqrt(var + eps), where mean and var are those of x itself over axis."""
    return kernels.standardize(x, mean, xp(x).sqrt(var + eps))


standardize_by.defvjp(
    x=lambda g, out, x, axis, eps, mean, var: standardize_gradient(g, out, deviation(x, axis, eps, mean, var), axis)
)


@op(dtypes="real")
def deviation(x, /, axis, eps, mean, var):
    """sqrt(var + eps), where mean and var are those of x over axis."""
    return xp(x).sqrt(var + eps)


# d/dx sqrt(var + eps) = (x - mean) / (n sqrt(var + eps)), and that fraction is the standardised x
deviation.defvjp(
    x=lambda g, out, x, axis, eps, mean, var: (
        g * standardize_by(x, axis, eps, mean, var) * (1 / math.prod([x.shape[i] for i in axis]))
    )
)


@op(dtypes="real")
def standardize_gradient(c, y, s, /, axis):
    """(c - mean(c) - y mean(c y)) / s, what x receives from a cotangent c of y = (x - mean) / s; means over axis.

    y does not change when x is shifted or scaled, as mean and s follow. So the parts of c along the constant direction
    and along y itself have no effect, and are projected away.
    """
    return kernels.standardize_gradient(c, y, s, axis)


def _standardize_gradient_y(g, out, c, y, s, axis):
    return -(g * mean(c * y, axis, keepdims=True) + c * mean(g * y, axis, keepdims=True)) / s


standardize_gradient.defvjp(
    c=lambda g, out, c, y, s, axis: standardize_gradient(g, y, s, axis),
    y=_standardize_gradient_y,
    s=lambda g, out, c, y, s, axis: -sum(g * out, axis, keepdims=True) / s,
)


@op(dtypes="real")
def normalize_by(x, w, b, /, axis, eps, mean, var):
    """w (x - mean) / sqrt(var + eps) + b. mean and var are those of x over axis, along which w and b are constant."""
    return kernels.normalize(x, mean, xp(x).sqrt(var + eps), w, b)


def _normalize_shared(g, out, x, w, b, axis, eps, mean, var):
    """Return what x receives, and the sums over axis of g times the standardised x, and of g."""
    if mode.recording or x.dtype == np.float16:
        y, s = standardize_by(x, axis, eps, mean, var), deviation(x, axis, eps, mean, var)
        return standardize_gradient(g * w, y, s, axis), sum_of_products(g, y, axis), sum(g, axis, keepdims=True)
    with timed("normalize_gradients") as call:  # the same numbers at one visit to memory, but not differentiable
        found = kernels.normalize_gradients(g.data, x.data, mean, xp(mean).sqrt(var + eps), w.data, axis)
        call.arrays, call.result = [g.data, x.data], found[0]
    return [Tensor.wrap(array) for array in found]


normalize_by.share(_normalize_shared)
normalize_by.defvjp(
    x=lambda g, out, x, w, b, axis, eps, mean, var, shared: shared[0],
    w=lambda g, out, x, w, b, axis, eps, mean, var, shared: unbroadcast(shared[1], w),
    b=lambda g, out, x, w, b, axis, eps, mean, var, shared: unbroadcast(shared[2], b),
)


def normalize(x, axis, eps, mean, var, w, b):
    """Return x (N,C,..), whose mean and variance over axis are given, standardised; times w plus b, (C), (N,C) or None.

    No axis may be that of the channels, 1; nor 0, if w and b are (N,C).
    """
    w, b = _per_channel(w, x), _per_channel(b, x)
    if w is not None and b is not None and x.dtype == w.dtype == b.dtype:
        return normalize_by(x, w, b, axis, eps, mean, var)
    return _affine(standardize_by(x, axis, eps, mean, var), w, b)


def layer_norm(x, *, axis=-1, w=None, b=None, eps=1e-5):
    """Standardise each example over axis, then scale by w and shift by b. Ba et al. 2016, arXiv 1607.06450.

    w, b: None, or tensors that broadcast against the normalised axes.
    """
    return _affine(standardize(x, axis, eps), w, b)


def batch_norm(x, mean=None, var=None, w=None, b=None, *, eps=1e-5):
    """Standardise each channel (axis 1), then scale by w and shift by b. x (N,C,..), the others (C) or None.

    It takes the batch's own mean and variance, as in training, or given ones, as in evaluation.
    """
    if (mean is None) != (var is None):
        raise ValueError("batch_norm: got only one of mean and var; give both, or neither for the batch's own")
    (x,) = real(x)
    if mean is None:
        axis = (0, *range(2, x.ndim))
        mean, var = moments(x, axis)
        return normalize(x, axis, eps, mean, var, w, b)
    # w (x - mean) / s + b is one product and one sum for each element, the rest is for each channel
    scale = reciprocal(sqrt(_per_channel(var, x) + eps))
    if w is not None:
        scale = _per_channel(w, x) * scale
    shift = -_per_channel(mean, x) * scale
    return _affine(x, scale, shift if b is None else shift + _per_channel(b, x))


def group_norm(x, num_groups, w=None, b=None, *, eps=1e-5):
    """Standardise each group of channels of each example, then scale by w and shift by b. x (N,C,..) -> (N,C,..).

    w, b: (C), or (N,C) for separate ones per example, or None. ValueError if num_groups does not divide C.
    Wu & He 2018, arXiv 1803.08494.
    """
    N, C = x.shape[:2]
    if num_groups < 1 or C % num_groups:
        raise ValueError(f"group_norm: {num_groups} groups do not divide {C} channels; choose a divisor of {C}")
    if num_groups == C:
        (x,) = real(x)
        axis = tuple(range(2, x.ndim))
        mean, var = moments(x, axis)
        return normalize(x, axis, eps, mean, var, w, b)
    groups = reshape(x, (N, num_groups, C // num_groups, *x.shape[2:]))  # (N,C,..) -> (N, groups, C/groups, ..)
    standard = standardize(groups, tuple(range(2, groups.ndim)), eps).reshape(x.shape)
    return affine_channels(standard, w, b)


def instance_norm(x, *, w=None, b=None, eps=1e-5):
    """Standardise each channel of each example, then scale by w and shift by b. x (N,C,..) -> (N,C,..).

    w, b: (C), or (N,C) for separate ones per example (conditional: one pair per style), or None.
    Ulyanov et al. 2016, arXiv 1607.08022; Dumoulin et al. 2017, arXiv 1610.07629.
    """
    return group_norm(x, x.shape[1], w, b, eps=eps)


# ---- scales and shifts -----------------------------------------------------------------------------------------------


@op(dtypes="real")
def scale_and_shift(x, w, b, /):
    """w x + b, where w and b broadcast against x."""
    return kernels.scale_and_shift(x, w, b)


scale_and_shift.defvjp(
    x=lambda g, out, x, w, b: g * w,
    w=lambda g, out, x, w, b: unbroadcast_product(g, x, w),
    b=lambda g, out, x, w, b: unbroadcast(g, b),
)


def affine_channels(x, w, b):
    """Return w x + b for x (N,C,..), w and b (C) or (N,C), or None."""
    return _affine(x, _per_channel(w, x), _per_channel(b, x))


def _per_channel(t, x):
    """Give t, (C) or (N,C), trailing axes of length 1, so that it broadcasts against x (N,C,..); in x's dtype."""
    if t is None:
        return None
    _, t = real(x, t)
    return reshape(t, (*t.shape, *[1] * (x.ndim - 2)))


def _affine(x, w, b):
    """Return w x + b, without what is None."""
    if w is not None and b is not None:
        x, w, b = real(x, w, b)
        if np.broadcast_shapes(x.shape, w.shape, b.shape) == x.shape:
            return scale_and_shift(x, w, b)
    if w is not None:
        x = x * real(x, w)[1]
    if b is not None:
        x = x + real(x, b)[1]
    return x
