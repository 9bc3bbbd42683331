"""Zero mean and unit variance: what batch, layer, group and instance normalisation share."""

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
    """(x - mean) / sqrt(var + eps), mean and variance taken over axis (an int or several); the shape of x.

    Ioffe & Szegedy 2015, arXiv 1502.03167.
    """
    axis = check_axes("standardize", axis, x.ndim)
    if x.dtype == np.float16:  # sums and squares may be too large where the result is not
        return standardize.forward(x.astype(np.float32), axis, eps).astype(np.float16)
    n = math.prod([x.shape[i] for i in axis])
    centred = x - total(x, axis, True) / n
    return centred / xp(x).sqrt(total(centred * centred, axis, True) / n + eps)


def _standardize_rule(g, out, x, axis, eps):
    # x moves its own mean and variance too: what of g lies along 1 and along out has no effect
    free = g - mean(g, axis, keepdims=True) - out * mean(g * out, axis, keepdims=True)
    return free / sqrt(var(x, axis, keepdims=True) + eps)


standardize.defvjp(x=_standardize_rule)


def layer_norm(x, *, axis=-1, w=None, b=None, eps=1e-5):
    """Standardize each example over axis, then scale by w and shift by b. Ba et al. 2016, arXiv 1607.06450.

    w, b: None, or tensors that broadcast against the normalised axes.
    """
    return _affine(standardize(x, axis, eps), w, b)


def batch_norm(x, mean=None, var=None, w=None, b=None, *, eps=1e-5):
    """Standardize each channel (axis 1), then scale by w and shift by b. x (N,C,..), the others (C) or None.

    By the batch's own mean and variance, as in training, or by given ones, as in evaluation.
    """
    if (mean is None) != (var is None):
        raise ValueError("batch_norm: got one of mean and var; give both, or neither for the batch's own")
    (x,) = real(x)
    mean, var, w, b = (_per_channel(t, x) for t in (mean, var, w, b))
    own = mean is None
    return _affine(standardize(x, (0, *range(2, x.ndim)), eps) if own else (x - mean) / sqrt(var + eps), w, b)


def group_norm(x, num_groups, w=None, b=None, *, eps=1e-5):
    """Standardize each group of channels of each example, then scale by w and shift by b. x (N,C,..) -> (N,C,..).

    w, b: (C), or (N,C) for each example its own, or None. ValueError if the channels do not divide into num_groups.
    Wu & He 2018, arXiv 1803.08494.
    """
    N, C = x.shape[:2]
    if num_groups < 1 or C % num_groups:
        raise ValueError(f"group_norm: {C} channels do not divide into {num_groups} groups")
    groups = reshape(x, (N, num_groups, C // num_groups, *x.shape[2:]))
    standard = standardize(groups, tuple(range(2, groups.ndim)), eps).reshape(x.shape)
    return _affine(standard, _per_channel(w, x), _per_channel(b, x))


def instance_norm(x, *, w=None, b=None, eps=1e-5):
    """Standardize each channel of each example, then scale by w and shift by b. x (N,C,..) -> (N,C,..).

    w, b: (C), or (N,C) for each example its own (conditional: one pair a style), or None.
    Ulyanov et al. 2016, arXiv 1607.08022; Dumoulin et al. 2017, arXiv 1610.07629.
    """
    return group_norm(x, x.shape[1], w, b, eps=eps)


def _per_channel(t, x):
    """Give t, (C) or (N,C), axes of length 1 so that it broadcasts against x (N,C,..), in real numbers as x."""
    if t is None:
        return None
    _, t = real(x, t)
    return reshape(t, (*t.shape, *[1] * (x.ndim - 2)))


def _affine(x, w, b):
    x = x if w is None else x * real(x, w)[1]
    return x if b is None else x + real(x, b)[1]
