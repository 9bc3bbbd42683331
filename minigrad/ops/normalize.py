"""Zero mean and unit variance: what batch, layer and instance normalisation share."""

from __future__ import annotations

from ..backend import xp
from ..op import op
from .elementwise import sqrt
from .reduce import mean, var


@op
def standardize(x, /, axis, eps=1e-5):
    """(x - mean) / sqrt(var + eps), mean and variance taken over axis (an int or several); the shape of x.

    Ioffe & Szegedy 2015, arXiv 1502.03167.
    """
    centred = x - x.mean(axis=axis, keepdims=True)
    return centred / xp(x).sqrt((centred * centred).mean(axis=axis, keepdims=True) + eps)


def _standardize_rule(g, out, x, axis, eps):
    # x moves its own mean and variance too: what of g lies along 1 and along out has no effect
    free = g - mean(g, axis, keepdims=True) - out * mean(g * out, axis, keepdims=True)
    return free / sqrt(var(x, axis, keepdims=True) + eps)


standardize.defvjp(x=_standardize_rule)


def layer_norm(x, w=None, b=None, *, axis=-1, eps=1e-5):
    """Standardize each example over axis, then scale by w and shift by b. Ba et al. 2016, arXiv 1607.06450.

    w, b: None, or tensors that broadcast against the normalised axes.
    """
    return _affine(standardize(x, axis, eps), w, b)


def batch_norm(x, mean=None, var=None, w=None, b=None, *, eps=1e-5):
    """Standardize each channel (axis 1), then scale by w and shift by b. x (N,C,..), the others (C) or None.

    By the batch's own mean and variance, as in training, or by given ones, as in evaluation.
    """
    C = (-1, *[1] * (x.ndim - 2))
    mean, var, w, b = (None if t is None else t.reshape(C) for t in (mean, var, w, b))
    own = mean is None
    return _affine(standardize(x, (0, *range(2, x.ndim)), eps) if own else (x - mean) / sqrt(var + eps), w, b)


def _affine(x, w, b):
    x = x if w is None else x * w
    return x if b is None else x + b
