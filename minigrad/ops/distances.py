"""Similarity of vectors, and losses that draw vectors together or push them apart."""

from __future__ import annotations

from ..tensor import Tensor
from .activations import relu
from .arithmetic import maximum, where
from .elementwise import abs, sqrt, square
from .losses import reduced, same_shapes
from .reduce import sum


def cosine_similarity(x, y, axis=1, eps=1e-8):
    """Cosine of the angle between x and y along axis: x . y / (|x| |y|), each norm at least eps. Equal shapes."""
    x, y = same_shapes("cosine_similarity", x, y)
    return sum(x * y, axis) / (_length(x, axis, eps) * _length(y, axis, eps))


def cosine_embedding_loss(x, y, target, margin=0.0, reduction="mean"):
    """1 - cos(x, y) where target is 1, max(0, cos(x, y) - margin) where it is -1. x, y (N,D), target (N)."""
    cosine = cosine_similarity(x, y)
    target = target if isinstance(target, Tensor) else Tensor(target)
    if target.shape != cosine.shape or not bool(((target.data == 1) | (target.data == -1)).all()):
        raise ValueError(
            f"cosine_embedding_loss: target has shape {target.shape}; it must hold 1 or -1 for each pair, in shape"
            f" {cosine.shape}"
        )
    loss = where(target == 1, 1.0 - cosine, relu(cosine - margin))
    return reduced("cosine_embedding_loss", loss, reduction)


def triplet_margin_loss(anchor, positive, negative, margin=1.0, p=2, eps=1e-6, reduction="mean"):
    """max(0, d(a, p) - d(a, n) + margin), d being the p-norm of the difference along the last axis. Equal shapes.

    eps is added to each difference, because a norm has no gradient at 0. Schroff et al. 2015, arXiv 1503.03832.
    """
    if p not in (1, 2):
        raise ValueError(f"triplet_margin_loss: p is {p}; it must be 1 or 2")
    anchor, positive = same_shapes("triplet_margin_loss", anchor, positive)
    anchor, negative = same_shapes("triplet_margin_loss", anchor, negative)
    near = _distance(anchor - positive + eps, p)
    far = _distance(anchor - negative + eps, p)
    return reduced("triplet_margin_loss", relu(near - far + margin), reduction)


def _length(x, axis, eps):
    """Return the Euclidean norm, or eps where that is larger: limited before the root, whose slope at 0 is infinite."""
    return sqrt(maximum(sum(square(x), axis), eps * eps))


def _distance(d, p):
    return sum(abs(d), -1) if p == 1 else sqrt(sum(square(d), -1))
