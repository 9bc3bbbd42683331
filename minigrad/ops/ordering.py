"""Elements in order of size. Where each comes from is constant, so a gradient goes back there."""

from __future__ import annotations

from ..backend import xp
from ..op import as_tensor, op
from ..tensor import Tensor
from .shape import check_axis, gather


@op
def sort(x, /, axis=-1):
    """x in ascending order along an axis. The other way round is flip(sort(x), -1)."""
    return xp(x).sort(x, axis=check_axis("sort", axis, x.ndim))


def _sort_rule(g, out, x, axis):
    places = argsort(argsort(x, axis), axis)  # constant: where each element of x went
    return gather(g, places, axis=axis)


sort.defvjp(x=_sort_rule)


def argsort(x, axis=-1):
    """The indices of the elements in ascending order along an axis, equal ones as they stand. Integers: no gradient."""
    x = as_tensor(x).data
    return Tensor.wrap(xp(x).argsort(x, axis=check_axis("argsort", axis, x.ndim), kind="stable"))


def topk(x, k, axis=-1):
    """The k largest elements along an axis in descending order, and their indices: of equal ones the first."""
    x = as_tensor(x)
    axis = check_axis("topk", axis, x.ndim)
    n = x.shape[axis]
    if not 0 <= k <= n:
        raise ValueError(f"topk: k is {k}; axis {axis} has {n} elements")
    # ascending from the end, read from its end: so that the first of equal elements comes first
    reverse = (slice(None),) * axis + (slice(None, None, -1),)
    index = n - 1 - argsort(x.data[reverse], axis).data[reverse]
    index = index[(slice(None),) * axis + (slice(k),)]
    return gather(x, index, axis=axis), Tensor.wrap(index)
