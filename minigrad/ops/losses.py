"""Losses. reduction: "mean" over all elements, "sum" of them, or "none" to leave one loss an element.

A sum over features and a mean over the batch, as variational autoencoders want, is loss(..., "sum") / len(x).
"""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..op import op, unbroadcast
from ..tensor import Tensor
from .arithmetic import where
from .elementwise import abs, exp, sigmoid, square
from .matmul import row_products
from .reduce import log_softmax, sum
from .shape import gather, reshape


def mse_loss(x, target, reduction="mean"):
    """Squared difference (x - target)**2; shapes equal."""
    _check_shapes("mse_loss", x, target)
    return _reduce("mse_loss", square(x - target), reduction)


def l1_loss(x, target, reduction="mean"):
    """Absolute difference |x - target|; shapes equal."""
    _check_shapes("l1_loss", x, target)
    return _reduce("l1_loss", abs(x - target), reduction)


def huber_loss(x, target, reduction="mean", delta=1.0):
    """d**2 / 2 for a difference |d| <= delta, delta (|d| - delta / 2) beyond; shapes equal. Huber 1964."""
    _check_shapes("huber_loss", x, target)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta is {delta}; it must be positive")
    d = x - target
    loss = where(abs(d).detach() <= delta, square(d) * 0.5, (abs(d) - 0.5 * delta) * delta)
    return _reduce("huber_loss", loss, reduction)


@op
def logistic_loss(x, target, /):
    """-t log s(x) - (1 - t) log(1 - s(x)) = max(x, 0) - x t + log(1 + e**-|x|), s the sigmoid: it cannot overflow."""
    return xp(x).maximum(x, 0) - x * target + xp(x).log1p(xp(x).exp(-xp(x).abs(x)))


logistic_loss.defvjp(
    x=lambda g, out, x, target: unbroadcast(g * (sigmoid(x) - target), x),
    target=lambda g, out, x, target: unbroadcast(-g * x, target),
)


def binary_cross_entropy_with_logits(x, target, reduction="mean"):
    """Cross entropy of a Bernoulli variable of probability sigmoid(x) and targets in [0, 1]; shapes equal. In nats."""
    _check_shapes("binary_cross_entropy_with_logits", x, target)
    return _reduce("binary_cross_entropy_with_logits", logistic_loss(x, target), reduction)


def cross_entropy(x, target, reduction="mean", ignore_index=-100):
    """-log softmax(x)[target], in nats. x (N,C,..) scores, target (N,..) integer classes in [0, C).

    Targets equal to ignore_index count neither in the loss nor in its mean.
    """
    return nll_loss(log_softmax(x, axis=1), target, reduction, ignore_index)


def nll_loss(x, target, reduction="mean", ignore_index=-100):
    """-x[target] for log-probabilities x (N,C,..) and integer classes target (N,..); see cross_entropy."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    classes = target.data if isinstance(target, Tensor) else xp(x.data).asarray(target)
    if classes.dtype.kind not in "iu" or classes.shape != x.shape[:1] + x.shape[2:]:
        raise ValueError(
            f"nll_loss: target is {classes.dtype} of shape {classes.shape}; for x of shape {x.shape}"
            f" integers of shape {x.shape[:1] + x.shape[2:]} are needed"
        )
    counted = classes != ignore_index
    C = x.shape[1]
    given = classes[counted]
    if bool(((given < 0) | (given >= C)).any()):
        raise ValueError(f"nll_loss: classes from {given.min()} to {given.max()}; x has 0 to {C - 1}")
    picked = gather(x, (classes * counted)[:, None], axis=1).reshape(classes.shape)  # ignored ones pick class 0 ...
    loss = where(counted, -picked, 0.0)  # ... and are dropped: a product with 0 would let an infinity through
    if reduction == "mean":
        n = int(counted.sum())
        if n == 0:
            raise ValueError("nll_loss: every target is ignored, so there is no mean; use reduction='sum'")
        return sum(loss) * (1.0 / n)
    return _reduce("nll_loss", loss, reduction)


def gaussian_kl(mean, log_variance, prior_mean=0.0, prior_log_variance=0.0, reduction="mean"):
    """Kullback-Leibler divergence, in nats, of N(mean, e**log_variance) from a Gaussian prior, one a dimension.

    1/2 (lp - l + (e**l + (m - mp)**2) / e**lp - 1); for the standard normal prior
    -1/2 (1 + l - m**2 - e**l). Kingma & Welling 2014, arXiv 1312.6114, appendix B.
    """
    _check_shapes("gaussian_kl", mean, log_variance)
    ratio = exp(log_variance - prior_log_variance)
    number = isinstance(prior_log_variance, float | int)
    precision = math.exp(-prior_log_variance) if number else exp(-prior_log_variance)
    distance = square(mean - prior_mean) * precision
    return _reduce("gaussian_kl", (ratio + distance - 1.0 - log_variance + prior_log_variance) * 0.5, reduction)


def total_variation(x, order=2):
    """Sum of squared differences between neighbouring pixels, vertical and horizontal, of x (..,H,W).

    Absolute differences with order=1. A sum over everything: divide by x.size for the mean. Rudin et al. 1992.
    """
    if order not in (1, 2):
        raise ValueError(f"total_variation: order is {order}; it must be 1 (absolute) or 2 (squared)")
    size = abs if order == 1 else square
    return sum(size(x[..., 1:, :] - x[..., :-1, :])) + sum(size(x[..., 1:] - x[..., :-1]))


def gram_matrix(x):
    """Inner products of the channels of each example, divided by C H W. x (N,C,H,W) -> (N,C,C).

    What style transfer compares. Gatys et al. 2016; divided as in Johnson et al. 2016, arXiv 1603.08155.
    """
    N, C, H, W = x.shape
    return row_products(reshape(x, (N, C, H * W))) * (1.0 / (C * H * W))


def _check_shapes(name, x, target):
    """Refuse to broadcast: (N,1) against (N) would quietly compare everything with everything."""
    shapes = [np.shape(t.data if isinstance(t, Tensor) else t) for t in (x, target)]
    if shapes[0] != shapes[1]:
        raise ValueError(f"{name}: shapes {shapes[0]} and {shapes[1]}; they must be equal")


def _reduce(name, loss, reduction):
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: reduction {reduction!r} is none of 'mean', 'sum', 'none'")
