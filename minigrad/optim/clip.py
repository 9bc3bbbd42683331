"""Clipping gradients, between backward() and step()."""

from __future__ import annotations

import math

from ..backend import xp
from .optimizer import Parameters, check_number, check_parameters, widened


def clip_grad_norm(parameters: Parameters, max_norm: float) -> float:
    """Scale all gradients, in place, so that their joint Euclidean norm is at most max_norm; return the old norm.

    g <- g max_norm / |g| if |g| > max_norm > 0. FloatingPointError, with nothing changed, if |g| is not finite.
    Pascanu, Mikolov & Bengio 2013.
    """
    max_norm = check_number("clip_grad_norm: max_norm", max_norm, zero=False)
    grads = [x.grad.data for x in check_parameters("clip_grad_norm", parameters) if x.grad is not None]
    # not linalg.norm, whose dot product wakes the threads of BLAS: see kernels/threads.py
    norm = math.hypot(*[float(xp(g).sqrt((g * g).sum())) for g in map(widened, grads)])
    if not math.isfinite(norm):
        raise FloatingPointError(f"clip_grad_norm: the norm is {norm}; use detect_anomaly() to find the op behind it")
    if norm > max_norm:
        for g in grads:
            g *= max_norm / norm
    return norm


def clip_grad_value(parameters: Parameters, clip_value: float) -> None:
    """Limit all elements of the gradients, in place, to [-clip_value, clip_value], clip_value > 0. NaN stays NaN."""
    clip_value = check_number("clip_grad_value: clip_value", clip_value, zero=False)
    grads = [x.grad.data for x in check_parameters("clip_grad_value", parameters) if x.grad is not None]
    for g in grads:
        xp(g).clip(g, -clip_value, clip_value, out=g)
