"""Sorting. Where each element comes from is constant, so gradients are moved back to there."""

from __future__ import annotations

from ..backend import xp
from ..op import as_tensor, op
from ..tensor import Tensor
from .shape import check_axis, take_along_axis


@op
def sort(x, /, axis=-1):
    """x in ascending order along an axis. For descending order, flip(sort(x), -1)."""
    return xp(x).sort(x, axis=check_axis("sort", axis, x.ndim))


def _sort_rule(g, out, x, axis):
    # argsort is a permutation, and its own argsort the inverse one: where each element of x went
    places = argsort(argsort(x, axis), axis)  # constant
    return take_along_axis(g, places, axis)


sort.defvjp(x=_sort_rule)


def argsort(x, axis=-1):
    """The indices that sort x along an axis; equal elements keep their order. An integer tensor: no gradient."""
    x = as_tensor(x).data
    return Tensor.wrap(xp(x).argsort(x, axis=check_axis("argsort", axis, x.ndim), kind="stable"))


def topk(x, k, axis=-1):
    """The k largest elements along an axis, in descending order, and their indices; of equal elements, the first."""
    x = as_tensor(x)
    axis = check_axis("topk", axis, x.ndim)
    n = x.shape[axis]
    if not 0 <= k <= n:
        raise ValueError(f"topk: k is {k}; axis {axis} has {n} elements, so it must be from 0 to {n}")
    # sort x reversed and reverse the result: of equal elements, which keep their order, the first then comes first
    before = (slice(None),) * axis
    reverse = (*before, slice(None, None, -1))
    index = n - 1 - argsort(x.data[reverse], axis).data[reverse]
    index = index[(*before, slice(k))]
    return take_along_axis(x, index, axis), Tensor.wrap(index)
