"""Losses of classification: the negative log-probability of the right class."""

from __future__ import annotations

from ..backend import xp
from ..op import real
from ..tensor import Tensor
from .arithmetic import where
from .losses import reduced
from .reduce import sum
from .shape import take_along_axis
from .softmax import log_softmax


def cross_entropy(x, target, *, weight=None, ignore_index=-100, reduction="mean", label_smoothing=0.0):
    """-log softmax(x)[target], in nats. x (N,C,..) scores, target (N,..) integer classes in [0, C).

    A single example may be given as x (C) and one class. Targets equal to ignore_index count neither in the loss nor
    in its mean. weight (C), constant: how much an example of each class counts in both.
    label_smoothing in [0, 1]: the share of the target that is spread evenly over all classes (Szegedy et al. 2016).
    """
    if not 0 <= label_smoothing <= 1:
        raise ValueError(f"cross_entropy: label_smoothing is {label_smoothing}; it must lie in [0, 1]")
    x, classes = _classified("cross_entropy", x, target, ignore_index)
    log_p = log_softmax(x, axis=_class_axis(x))
    return _class_loss("cross_entropy", log_p, classes, weight, ignore_index, reduction, label_smoothing)


def nll_loss(x, target, *, weight=None, ignore_index=-100, reduction="mean"):
    """-x[target] for log-probabilities x (N,C,..) and integer classes target (N,..). Arguments as for cross_entropy."""
    x, classes = _classified("nll_loss", x, target, ignore_index)
    return _class_loss("nll_loss", x, classes, weight, ignore_index, reduction, 0.0)


def _class_axis(x):
    """(N,C,..) has its classes along axis 1, a single example (C) along axis 0."""
    return min(1, x.ndim - 1)


def _classified(name, x, target, ignore_index):
    """Return x as a Tensor and the classes as an array, once it is clear that they fit each other."""
    (x,) = real(x)
    if x.ndim == 0:
        raise ValueError(f"{name}: x is a single number; it must hold scores, of shape (N,C,..) or (C)")
    classes = target.data if isinstance(target, Tensor) else xp(x.data).asarray(target)
    axis = _class_axis(x)
    wanted = x.shape[:axis] + x.shape[axis + 1 :]
    if classes.dtype.kind not in "iu" or classes.shape != wanted:
        raise ValueError(
            f"{name}: target is {classes.dtype} of shape {classes.shape}; for x of shape {x.shape} it must hold"
            f" integers of shape {wanted}"
        )
    C = x.shape[axis]
    given = classes[classes != ignore_index]
    if bool(((given < 0) | (given >= C)).any()):
        raise ValueError(f"{name}: classes from {given.min()} to {given.max()}; x has scores of classes 0 to {C - 1}")
    return x, classes


def _class_loss(name, log_p, classes, weight, ignore_index, reduction, smoothing):
    """Pick the log-probability of each target, weight it and reduce: what cross_entropy and nll_loss share."""
    axis = _class_axis(log_p)
    C = log_p.shape[axis]
    weight = xp(log_p.data).ones(C, log_p.dtype) if weight is None else _class_weights(name, weight, log_p)

    # ignored targets pick class 0 for now, which always exists
    counted = classes != ignore_index
    safe = classes * counted
    share = weight[safe]
    picked = take_along_axis(log_p, xp(safe).expand_dims(safe, axis), axis).reshape(classes.shape)
    loss = -picked * share

    # the rest of the target lies evenly on all classes: the mean of their losses
    if smoothing:
        spread = sum(log_p * weight.reshape(C, *[1] * (log_p.ndim - axis - 1)), axis) / C
        loss = loss * (1.0 - smoothing) - spread * smoothing

    # drop the ignored ones by a choice: a product with 0 would turn an infinity into NaN
    loss = where(counted, loss, 0.0)
    if reduction != "mean":
        return reduced(name, loss, reduction)
    total = float((share * counted).sum())
    if total == 0:
        raise ValueError(f"{name}: every target is ignored or weighs 0, so there is no mean; use reduction='sum'")
    return sum(loss) / total


def _class_weights(name, weight, log_p):
    weight = xp(log_p.data).asarray(weight.data if isinstance(weight, Tensor) else weight, log_p.dtype)
    C = log_p.shape[_class_axis(log_p)]
    if weight.shape != (C,):
        raise ValueError(f"{name}: weight has shape {weight.shape}; it must be ({C},), one number per class")
    return weight
