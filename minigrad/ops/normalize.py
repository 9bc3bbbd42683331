"""Batch, layer, group and instance normalisation: they differ in the axes that share a mean and a variance."""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels.total import total
from ..op import op, real
from .elementwise import sqrt
from .reduce import mean, var
from .shape import check_axes, reshape


@op(dtypes="real")
def standardize(x, /, axis, eps=1e-5):
    """(x - mean) / sqrt(var + eps), with the mean and variance over axis, one or several; the shape of x.

    Ioffe & Szegedy 2015, arXiv 1502.03167.
    """
    axis = check_axes("standardize", axis, x.ndim)
    if x.dtype == np.float16:  # sums and squares may be too large for it where the result is not
        return standardize.forward(x.astype(np.float32), axis, eps).astype(np.float16)
    n = math.prod([x.shape[i] for i in axis])
    centred = x - total(x, axis, True) / n
    return centred / xp(x).sqrt(total(centred * centred, axis, True) / n + eps)


def _standardize_rule(g, out, x, axis, eps):
    # out does not change when x is shifted or scaled, as mean and variance follow; so the parts of g along the constant
    # direction 1 and along out itself have no effect, and are projected away
    shift = mean(g, axis, keepdims=True)
    scale = out * mean(g * out, axis, keepdims=True)
    deviation = sqrt(var(x, axis, keepdims=True) + eps)
    return (g - shift - scale) / deviation


standardize.defvjp(x=_standardize_rule)


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
    mean, var, w, b = (_per_channel(t, x) for t in (mean, var, w, b))
    if mean is not None:
        return _affine((x - mean) / sqrt(var + eps), w, b)
    return _affine(standardize(x, (0, *range(2, x.ndim)), eps), w, b)


def group_norm(x, num_groups, w=None, b=None, *, eps=1e-5):
    """Standardise each group of channels of each example, then scale by w and shift by b. x (N,C,..) -> (N,C,..).

    w, b: (C), or (N,C) for separate ones per example, or None. ValueError if num_groups does not divide C.
    Wu & He 2018, arXiv 1803.08494.
    """
    N, C = x.shape[:2]
    if num_groups < 1 or C % num_groups:
        raise ValueError(f"group_norm: {num_groups} groups do not divide {C} channels; choose a divisor of {C}")
    groups = reshape(x, (N, num_groups, C // num_groups, *x.shape[2:]))  # (N,C,..) -> (N, groups, C/groups, ..)
    standard = standardize(groups, tuple(range(2, groups.ndim)), eps).reshape(x.shape)
    return _affine(standard, _per_channel(w, x), _per_channel(b, x))


def instance_norm(x, *, w=None, b=None, eps=1e-5):
    """Standardise each channel of each example, then scale by w and shift by b. x (N,C,..) -> (N,C,..).

    w, b: (C), or (N,C) for separate ones per example (conditional: one pair per style), or None.
    Ulyanov et al. 2016, arXiv 1607.08022; Dumoulin et al. 2017, arXiv 1610.07629.
    """
    return group_norm(x, x.shape[1], w, b, eps=eps)


def _per_channel(t, x):
    """Give t, (C) or (N,C), trailing axes of length 1, so that it broadcasts against x (N,C,..); in x's dtype."""
    if t is None:
        return None
    _, t = real(x, t)
    return reshape(t, (*t.shape, *[1] * (x.ndim - 2)))


def _affine(x, w, b):
    """Return w x + b, without what is None."""
    if w is not None:
        x = x * real(x, w)[1]
    if b is not None:
        x = x + real(x, b)[1]
    return x
