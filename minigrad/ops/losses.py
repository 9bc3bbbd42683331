"""Losses between an output and its target, and terms that are added to them.

reduction: "mean" or "sum" over all elements, or "none" for one loss per element. A sum over features and a mean over
the batch, which variational autoencoders need, is loss(..., "sum") / len(x).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from ..backend import xp
from ..kernels import formulas
from ..kernels.blocks import elementwise
from ..op import op, real, unbroadcast
from .arithmetic import maximum
from .elementwise import abs, clip, exp, sigmoid, square
from .matmul import row_products
from .reduce import sum
from .shape import reshape


def mse_loss(x, target, reduction="mean"):
    """Squared difference (x - target)**2. Equal shapes."""
    x, target = same_shapes("mse_loss", x, target)
    return reduced("mse_loss", square(x - target), reduction)


def l1_loss(x, target, reduction="mean"):
    """Absolute difference |x - target|. Equal shapes."""
    x, target = same_shapes("l1_loss", x, target)
    return reduced("l1_loss", abs(x - target), reduction)


def huber_loss(x, target, reduction="mean", delta=1.0):
    """d**2 / 2 for a difference |d| <= delta, delta (|d| - delta / 2) beyond. Equal shapes. Huber 1964."""
    x, target = same_shapes("huber_loss", x, target)
    if not delta > 0:
        raise ValueError(f"huber_loss: delta is {delta}; it must be positive")
    return reduced("huber_loss", huber(x - target, delta), reduction)


@op(dtypes="real")
def huber(d, /, delta):
    """d**2 / 2 for |d| <= delta, delta (|d| - delta / 2) beyond."""
    return elementwise(functools.partial(formulas.huber, delta=delta), d)


huber.defvjp(d=lambda g, out, d, delta: g * clip(d, -delta, delta))


def smooth_l1_loss(x, target, reduction="mean", beta=1.0):
    """d**2 / (2 beta) for a difference |d| < beta, |d| - beta / 2 beyond: huber_loss / beta. Girshick 2015."""
    if not beta > 0:
        raise ValueError(f"smooth_l1_loss: beta is {beta}; it must be positive (for beta -> 0 use l1_loss)")
    return huber_loss(x, target, reduction, delta=beta) / beta


@op(dtypes="real")
def logistic_loss(x, target, /):
    """-t log s(x) - (1 - t) log(1 - s(x)), s being the sigmoid; max(x, 0) - x t + log(1 + e**-|x|) cannot overflow."""
    return elementwise(formulas.logistic_loss, x, target)


# d/dx = s(x) - t; the loss is linear in t
logistic_loss.defvjp(
    x=lambda g, out, x, target: unbroadcast(g * (sigmoid(x) - target), x),
    target=lambda g, out, x, target: unbroadcast(-g * x, target),
)


def binary_cross_entropy_with_logits(x, target, reduction="mean"):
    """Cross entropy between targets in [0, 1] and probabilities sigmoid(x), in nats. Equal shapes."""
    x, target = same_shapes("binary_cross_entropy_with_logits", x, target)
    return reduced("binary_cross_entropy_with_logits", logistic_loss(x, target), reduction)


@op(dtypes="real")
def bernoulli_loss(x, target, /):
    """-t log p - (1 - t) log(1 - p) for probabilities p = x in [0, 1]; no logarithm goes below -100."""
    with np.errstate(divide="ignore"):  # log 0 = -inf, which the limit turns into -100
        log_p = xp(x).maximum(xp(x).log(x), -100.0)
        log_q = xp(x).maximum(xp(x).log1p(-x), -100.0)
    return -(target * log_p + (log_q - target * log_q))  # not (1.0 - target): integers would become float64


bernoulli_loss.defvjp(
    # d/dp = -t / p + (1 - t) / (1 - p) = (p - t) / (p (1 - p)), kept finite where p is 0 or 1
    x=lambda g, out, x, target: unbroadcast(g * (x - target) / maximum(x * (1.0 - x), 1e-12), x),
    # d/dt = log(1 - p) - log p, which is the loss at t = 1 minus the loss at t = 0, with the same limits
    target=lambda g, out, x, target: unbroadcast(g * (bernoulli_loss(x, 1.0) - bernoulli_loss(x, 0.0)), target),
)


def binary_cross_entropy(x, target, reduction="mean"):
    """Cross entropy between targets and probabilities x, both in [0, 1], in nats. Equal shapes.

    For scores, binary_cross_entropy_with_logits is more accurate. ValueError if x leaves [0, 1].
    """
    x, target = same_shapes("binary_cross_entropy", x, target)
    if x.size and not bool(((x.data >= 0) & (x.data <= 1)).all()):
        raise ValueError(
            f"binary_cross_entropy: x lies in [{x.data.min()}, {x.data.max()}]; probabilities lie in [0, 1],"
            " for scores use binary_cross_entropy_with_logits"
        )
    return reduced("binary_cross_entropy", bernoulli_loss(x, target), reduction)


def gaussian_kl(mean, log_variance, prior_mean=0.0, prior_log_variance=0.0, reduction="mean"):
    """Kullback-Leibler divergence, in nats, of N(mean, e**log_variance) from a Gaussian prior, for each dimension.

    1/2 (lp - l + (e**l + (m - mp)**2) / e**lp - 1), m and l being the mean and the log-variance, mp and lp the prior's.
    For the standard normal prior: -1/2 (1 + l - m**2 - e**l). Kingma & Welling 2014, arXiv 1312.6114, appendix B.
    """
    mean, log_variance = same_shapes("gaussian_kl", mean, log_variance)
    prior_mean, prior_log_variance = (
        p if isinstance(p, float | int) else real(mean, p)[1] for p in (prior_mean, prior_log_variance)
    )
    number = isinstance(prior_log_variance, float | int)
    precision = math.exp(-prior_log_variance) if number else exp(-prior_log_variance)
    ratio = exp(log_variance - prior_log_variance)
    distance = square(mean - prior_mean) * precision
    kl = (ratio + distance - 1.0 - log_variance + prior_log_variance) * 0.5
    return reduced("gaussian_kl", kl, reduction)


def total_variation(x, order=2):
    """Sum of squared differences between vertical and between horizontal neighbours in x (..,H,W).

    order=1 takes absolute differences. Divide by x.size for a mean. Rudin et al. 1992.
    """
    if order not in (1, 2):
        raise ValueError(f"total_variation: order is {order}; it must be 1 (absolute) or 2 (squared)")
    (x,) = real(x)
    size = abs if order == 1 else square
    vertical = sum(size(x[..., 1:, :] - x[..., :-1, :]))
    horizontal = sum(size(x[..., 1:] - x[..., :-1]))
    return vertical + horizontal


def gram_matrix(x):
    """Inner products between the channels of each example, divided by C H W. x (N,C,H,W) -> (N,C,C).

    Style transfer compares them. Gatys et al. 2016; scaled as in Johnson et al. 2016, arXiv 1603.08155.
    """
    if x.ndim != 4:
        raise ValueError(f"gram_matrix: x has shape {x.shape}; it needs four axes, (N,C,H,W)")
    (x,) = real(x)
    N, C, H, W = x.shape
    return row_products(reshape(x, (N, C, H * W))) / (C * H * W)


def same_shapes(name, x, target):
    """Return both as Tensors of real numbers. No broadcasting: (N,1) and (N) would compare every pair of examples."""
    x, target = real(x, target)
    if x.shape != target.shape:
        raise ValueError(f"{name}: shapes {x.shape} and {target.shape}; they must be equal")
    return x, target


def reduced(name, loss, reduction):
    """Return the mean or the sum of the loss, or all of it."""
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return sum(loss)
    if reduction == "none":
        return loss
    raise ValueError(f"{name}: unknown reduction {reduction!r}; choose 'mean', 'sum' or 'none'")
