"""Losses. reduction: "mean" over all elements, "sum" of them, or "none" to leave one loss an element.

A sum over features and a mean over the batch, as variational autoencoders want, is loss(..., "sum") / len(x).
"""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..op import op, real, unbroadcast
from ..tensor import Tensor
from .arithmetic import maximum, where
from .elementwise import abs, clip, exp, sigmoid, square
from .matmul import row_products
from .reduce import log_softmax, sum
from .shape import gather, reshape


def mse_loss(x, target, reduction="mean"):
    """Squared difference (x - target)**2; shapes equal."""
    x, target = _alike("mse_loss", x, target)
    return _reduce("mse_loss", square(x - target), reduction)


def l1_loss(x, target, reduction="mean"):
    """Absolute difference |x - target|; shapes equal."""
    x, target = _alike("l1_loss", x, target)
    return _reduce("l1_loss", abs(x - target), reduction)


def huber_loss(x, target, reduction="mean", delta=1.0):
    """d**2 / 2 for a difference |d| <= delta, delta (|d| - delta / 2) beyond; shapes equal. Huber 1964."""
    x, target = _alike("huber_loss", x, target)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta is {delta}; it must be positive")
    d = x - target
    limited = clip(d, -delta, delta)  # to d itself, or to delta with the sign of d: one formula for both branches
    return _reduce("huber_loss", limited * (d - limited * 0.5), reduction)


def smooth_l1_loss(x, target, reduction="mean", beta=1.0):
    """d**2 / (2 beta) for a difference |d| < beta, |d| - beta / 2 beyond: huber_loss / beta. Girshick 2015."""
    if not beta > 0:
        raise ValueError(f"smooth_l1_loss: beta is {beta}; it must be positive; beta -> 0 is l1_loss")
    return huber_loss(x, target, reduction, delta=beta) / beta


@op(dtypes="real")
def logistic_loss(x, target, /):
    """-t log s(x) - (1 - t) log(1 - s(x)) = max(x, 0) - x t + log(1 + e**-|x|), s the sigmoid: it cannot overflow."""
    return xp(x).maximum(x, 0) - x * target + xp(x).log1p(xp(x).exp(-xp(x).abs(x)))


logistic_loss.defvjp(
    x=lambda g, out, x, target: unbroadcast(g * (sigmoid(x) - target), x),
    target=lambda g, out, x, target: unbroadcast(-g * x, target),
)


def binary_cross_entropy_with_logits(x, target, reduction="mean"):
    """Cross entropy of a Bernoulli variable of probability sigmoid(x) and targets in [0, 1]; shapes equal. In nats."""
    x, target = _alike("binary_cross_entropy_with_logits", x, target)
    return _reduce("binary_cross_entropy_with_logits", logistic_loss(x, target), reduction)


@op(dtypes="real")
def bernoulli_loss(x, target, /):
    """-t log p - (1 - t) log(1 - p) for probabilities p = x in [0, 1]; each logarithm is held at -100 or above."""
    with np.errstate(divide="ignore"):  # log 0 = -inf, which the limit turns into -100
        log_p = xp(x).maximum(xp(x).log(x), -100.0)
        log_q = xp(x).maximum(xp(x).log1p(-x), -100.0)
    return -(target * log_p + (log_q - target * log_q))  # 1.0 - target would make float64 of integers


bernoulli_loss.defvjp(
    # -t / p + (1 - t) / (1 - p) = (p - t) / (p (1 - p)), kept finite where p is 0 or 1
    x=lambda g, out, x, target: unbroadcast(g * (x - target) / maximum(x * (1.0 - x), 1e-12), x),
    # log(1 - p) - log p, by the loss itself at t = 1 and t = 0
    target=lambda g, out, x, target: unbroadcast(g * (bernoulli_loss(x, 1.0) - bernoulli_loss(x, 0.0)), target),
)


def binary_cross_entropy(x, target, reduction="mean"):
    """Cross entropy of a Bernoulli variable of probability x and targets, both in [0, 1]; shapes equal. In nats.

    Of scores, binary_cross_entropy_with_logits is more accurate. ValueError for an x outside [0, 1].
    """
    x, target = _alike("binary_cross_entropy", x, target)
    if x.size and not bool(((x.data >= 0) & (x.data <= 1)).all()):
        raise ValueError(
            f"binary_cross_entropy: x lies in [{x.data.min()}, {x.data.max()}]; probabilities lie in [0, 1]."
            " For scores there is binary_cross_entropy_with_logits"
        )
    return _reduce("binary_cross_entropy", bernoulli_loss(x, target), reduction)


def cross_entropy(x, target, *, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """-log softmax(x)[target], in nats. x (N,C,..) scores, target (N,..) integer classes in [0, C).

    One example alone may come as x (C) and a single class. Targets equal to ignore_index count neither in the loss nor
    in its mean. weight (C), constant: how much an example of each class counts, in the loss and in its mean.
    label_smoothing in [0, 1]: the share of the target that is spread evenly over all classes (Szegedy et al. 2016).
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is {label_smoothing}; it must lie in [0, 1]")
    x, classes = _classified("cross_entropy", x, target, ignore_index)
    log_p = log_softmax(x, axis=_class_axis(x))
    return _class_loss("cross_entropy", log_p, classes, weight, ignore_index, reduction, label_smoothing)


def nll_loss(x, target, *, weight=None, ignore_index=-100, reduction="mean"):
    """-x[target] for log-probabilities x (N,C,..) and integer classes target (N,..); see cross_entropy."""
    x, classes = _classified("nll_loss", x, target, ignore_index)
    return _class_loss("nll_loss", x, classes, weight, ignore_index, reduction, 0.0)


def _class_axis(x):
    """(N,C,..) has its classes along axis 1, a single example (C) along axis 0."""
    return min(1, x.ndim - 1)


def _classified(name, x, target, ignore_index):
    """Return x as a Tensor and the classes as an array, after a check that they fit each other."""
    (x,) = real(x)
    if x.ndim == 0:
        raise ValueError(f"{name}: x is a single number; scores of shape (N,C,..) or (C) are needed")
    classes = target.data if isinstance(target, Tensor) else xp(x.data).asarray(target)
    axis = _class_axis(x)
    wanted = x.shape[:axis] + x.shape[axis + 1 :]
    if classes.dtype.kind not in "iu" or classes.shape != wanted:
        raise ValueError(
            f"{name}: target is {classes.dtype} of shape {classes.shape}; for x of shape {x.shape}"
            f" integers of shape {wanted} are needed"
        )
    C = x.shape[axis]
    given = classes[classes != ignore_index]
    if bool(((given < 0) | (given >= C)).any()):
        raise ValueError(f"{name}: classes from {given.min()} to {given.max()}; x has 0 to {C - 1}")
    return x, classes


def _class_loss(name, log_p, classes, weight, ignore_index, reduction, smoothing):
    """Pick, weigh and reduce: what cross_entropy and nll_loss share."""
    axis = _class_axis(log_p)
    C = log_p.shape[axis]
    weight = xp(log_p.data).ones(C, log_p.dtype) if weight is None else _class_weights(name, weight, log_p)

    counted = classes != ignore_index
    safe = classes * counted  # ignored ones pick class 0 ...
    share = weight[safe]
    picked = gather(log_p, xp(safe).expand_dims(safe, axis), axis).reshape(classes.shape)
    loss = -picked * share
    if smoothing:
        spread = sum(log_p * weight.reshape(C, *[1] * (log_p.ndim - axis - 1)), axis) / C
        loss = loss * (1.0 - smoothing) - spread * smoothing
    loss = where(counted, loss, 0.0)  # ... and are dropped: a product with 0 would let an infinity through

    if reduction != "mean":
        return _reduce(name, loss, reduction)
    total = float((share * counted).sum())
    if total == 0:
        raise ValueError(f"{name}: every target is ignored or weighs 0, so there is no mean; use reduction='sum'")
    return sum(loss) / total


def _class_weights(name, weight, log_p):
    weight = xp(log_p.data).asarray(weight.data if isinstance(weight, Tensor) else weight, log_p.dtype)
    C = log_p.shape[_class_axis(log_p)]
    if weight.shape != (C,):
        raise ValueError(f"{name}: weight has shape {weight.shape}; want ({C},), one number a class")
    return weight


def gaussian_kl(mean, log_variance, prior_mean=0.0, prior_log_variance=0.0, reduction="mean"):
    """Kullback-Leibler divergence, in nats, of N(mean, e**log_variance) from a Gaussian prior, one a dimension.

    1/2 (lp - l + (e**l + (m - mp)**2) / e**lp - 1); for the standard normal prior
    -1/2 (1 + l - m**2 - e**l). Kingma & Welling 2014, arXiv 1312.6114, appendix B.
    """
    mean, log_variance = _alike("gaussian_kl", mean, log_variance)
    prior_mean, prior_log_variance = (
        p if isinstance(p, float | int) else real(mean, p)[1] for p in (prior_mean, prior_log_variance)
    )
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
    (x,) = real(x)
    size = abs if order == 1 else square
    return sum(size(x[..., 1:, :] - x[..., :-1, :])) + sum(size(x[..., 1:] - x[..., :-1]))


def gram_matrix(x):
    """Inner products of the channels of each example, divided by C H W. x (N,C,H,W) -> (N,C,C).

    What style transfer compares. Gatys et al. 2016; divided as in Johnson et al. 2016, arXiv 1603.08155.
    """
    if x.ndim != 4:
        raise ValueError(f"gram_matrix: x has shape {x.shape}; want four axes, (N,C,H,W)")
    (x,) = real(x)
    N, C, H, W = x.shape
    return row_products(reshape(x, (N, C, H * W))) / (C * H * W)


def _alike(name, x, target):
    """Return both as Tensors of real numbers. No broadcasting: (N,1) against (N) would compare all with all."""
    x, target = real(x, target)
    if x.shape != target.shape:
        raise ValueError(f"{name}: shapes {x.shape} and {target.shape}; they must be equal")
    return x, target


def _reduce(name, loss, reduction):
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: reduction {reduction!r} is none of 'mean', 'sum', 'none'")
