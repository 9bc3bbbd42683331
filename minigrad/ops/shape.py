"""Moving elements without changing them. Each gradient rule moves them back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ..backend import xp
from ..kernels.rows import sum_rows
from ..op import as_tensor, op, unbroadcast
from ..tensor import Tensor

# ---- axes ------------------------------------------------------------------------------------------------------------


@op
def reshape(x, /, shape):
    """The elements of x, in order, in another shape. One length may be -1: whatever makes the sizes equal."""
    return x.reshape(shape)


reshape.defvjp(x=lambda g, out, x, shape: g.reshape(x.shape))


@op
def transpose(x, /, axes=None):
    """x with its axes in the given order; in reverse order if None."""
    return x.transpose(axes)


def _transpose_rule(g, out, x, axes):
    if axes is None:
        return transpose(g)
    back = sorted(range(x.ndim), key=[axis % x.ndim for axis in axes].__getitem__)  # the inverse permutation
    return transpose(g, tuple(back))


transpose.defvjp(x=_transpose_rule)


def swapaxes(x, axis1, axis2):
    """x with two axes exchanged."""
    x = _tensor(x)
    axis1 = check_axis("swapaxes", axis1, x.ndim)
    axis2 = check_axis("swapaxes", axis2, x.ndim)
    axes = list(range(x.ndim))
    axes[axis1], axes[axis2] = axis2, axis1
    return transpose(x, tuple(axes))


@op
def broadcast_to(x, /, shape):
    """x repeated along new leading axes, and along its axes of length 1, until it has the given shape."""
    return xp(x).broadcast_to(x, shape)


broadcast_to.defvjp(x=lambda g, out, x, shape: unbroadcast(g, x))


def squeeze(x, axis=None):
    """x without the given axes, which must have length 1; without all such axes if None."""
    x = _tensor(x)
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else check_axes("squeeze", axis, x.ndim)
    for i in axes:
        if x.shape[i] != 1:
            raise ValueError(f"squeeze: axis {i} of shape {x.shape} has length {x.shape[i]}; it must have length 1")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def unsqueeze(x, axis):
    """x with a new axis of length 1, at position axis of the result."""
    x = _tensor(x)
    axis = check_axis("unsqueeze", axis, x.ndim + 1)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


# ---- joining and splitting -------------------------------------------------------------------------------------------


@op
def concatenate(*xs, axis=0):
    """Join xs along an existing axis; their shapes must be equal except there. concatenate([x, y], axis=0)."""
    for i, x in enumerate(xs):
        if np.ndim(x) == 0:
            raise ValueError(f"concatenate: xs[{i}] has no axes; join numbers with stack, or write [x] for x")
    check_axis("concatenate", axis, xs[0].ndim)
    return xp(xs[0]).concatenate(xs, axis=axis)


def _concatenate_rule(g, out, i, xs, axis):
    # the part of g that lies where xs[i] went
    start = sum(x.shape[axis] for x in xs[:i])
    stop = start + xs[i].shape[axis]
    return g[_along(axis % g.ndim, slice(start, stop))]


concatenate.defvjp(xs=_concatenate_rule)


def stack(xs, axis=0):
    """Join xs, at least one and all of one shape, along a new axis."""
    xs = [as_tensor(x, xs) for x in xs]
    if len({x.shape for x in xs}) != 1:
        raise ValueError(f"stack: got the shapes {[x.shape for x in xs]}; give at least one, and all equal")
    axis = check_axis("stack", axis, xs[0].ndim + 1)
    return concatenate([unsqueeze(x, axis) for x in xs], axis=axis)


def split(x, indices_or_sections, axis=0):
    """Cut x along an axis into equal sections (an int), or before each of the given indices -> a list of views."""
    x = _tensor(x)
    axis = check_axis("split", axis, x.ndim)
    n = x.shape[axis]
    if isinstance(indices_or_sections, int | np.integer):
        sections = indices_or_sections
        if sections < 1 or n % sections:
            raise ValueError(f"split: {n} elements on axis {axis} do not divide into {sections} equal sections")
        cuts = range(n // sections, n, n // sections)
    else:
        cuts = indices_or_sections
    bounds = [0, *cuts, n]
    return [x[_along(axis, slice(start, stop))] for start, stop in itertools.pairwise(bounds)]


# ---- order -----------------------------------------------------------------------------------------------------------


@op
def roll(x, /, shift, axis=None):
    """x rotated by shift places along one axis or several; what leaves at the end comes in at the start."""
    return xp(x).roll(x, shift, axis)


def _roll_rule(g, out, x, shift, axis):
    back = -shift if np.ndim(shift) == 0 else tuple(-n for n in shift)
    return roll(g, back, axis)


roll.defvjp(x=_roll_rule)


@op
def flip(x, /, axis=None):
    """x in reverse order along an axis, several or all."""
    return xp(x).flip(x, axis)


flip.defvjp(x=lambda g, out, x, axis: flip(g, axis))


# ---- indexing --------------------------------------------------------------------------------------------------------


@op
def getitem(x, /, index):
    """x[index], basic or advanced: slices, None, Ellipsis, integers, integer arrays, or a boolean mask."""
    return x[index]


getitem.defvjp(x=lambda g, out, x, index: scatter(g, index, x.shape))


@op
def scatter(x, /, index, shape):
    """Zeros of the given shape with x added at index: the adjoint of getitem. What lands on one place is summed up."""
    if isinstance(x, np.ndarray):
        summed = sum_rows(x, index if isinstance(index, tuple) else (index,), shape)
        if summed is not None:
            return summed
    out = xp(x).zeros(shape, np.float32 if x.dtype == np.float16 else x.dtype)  # float16 is summed in float32
    parts = index if isinstance(index, tuple) else (index,)
    if all(_names_no_place_twice(part) for part in parts):
        out[index] = x  # several times as fast as add.at
    else:
        xp(x).add.at(out, index, x)
    return out.astype(x.dtype, copy=False)


def _names_no_place_twice(part) -> bool:
    """Tell whether a part of an index is a slice, one integer or a mask; an array of integers may repeat itself."""
    if part is None or part is ... or isinstance(part, int | slice):
        return True
    return getattr(part, "dtype", None) == "bool"


scatter.defvjp(x=lambda g, out, x, index, shape: g[index])


def take(x, indices, axis=None):
    """The elements of x at integer indices along an axis; of the flattened x if None."""
    x = _tensor(x)
    if axis is None:
        return x.reshape(-1)[indices]
    return x[_along(check_axis("take", axis, x.ndim), indices)]


def take_along_axis(x, indices, axis):
    """Pick elements along an axis: out[i, j] = x[indices[i, j], j] for axis 0. Of the flattened x if axis is None.

    indices has as many axes as x, and but for axis the same lengths, or 1. ValueError, IndexError.
    """
    x = _tensor(x)
    if axis is None:
        x, axis = x.reshape(-1), 0
    indices = indices.data if isinstance(indices, Tensor) else xp(x.data).asarray(indices)
    axis = check_axis("take_along_axis", axis, x.ndim)
    if indices.ndim != x.ndim:
        raise ValueError(f"take_along_axis: indices has {indices.ndim} axes, x has {x.ndim}; they must be equal")
    places = list(xp(x.data).ogrid[tuple(slice(n) for n in x.shape)])  # each place's own coordinates ...
    places[axis] = indices  # ... but for the one along axis
    return x[tuple(places)]


@op(dtypes="sums")
def cumsum(x, /, axis=None):
    """Running sums along an axis, each including its own element; of the flattened x if None."""
    return xp(x).cumsum(x, axis)


# element j counts in every sum from j on, so its gradient is the sum of g from j on: a cumsum from the other end
cumsum.defvjp(x=lambda g, out, x, axis: flip(cumsum(flip(g, axis), axis), axis).reshape(x.shape))


# ---- arguments -------------------------------------------------------------------------------------------------------


def check_axis(name: str, axis: int, ndim: int) -> int:
    """Return axis counted from 0; ValueError, naming the op, if there is no such axis."""
    if not isinstance(axis, int | np.integer) or not -ndim <= axis < ndim:
        raise ValueError(f"{name}: axis is {axis}; with {ndim} axes it must be an integer from {-ndim} to {ndim - 1}")
    return axis % ndim


def check_axes(name: str, axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return axes (one, several, or None for all) as a sorted tuple counted from 0; ValueError if one occurs twice."""
    if axis is None:
        return tuple(range(ndim))
    axes = [check_axis(name, i, ndim) for i in ([axis] if isinstance(axis, int | np.integer) else axis)]
    if len(set(axes)) < len(axes):
        raise ValueError(f"{name}: axis is {axis}, which names an axis twice; name each once")
    return tuple(sorted(axes))


def _along(axis: int, index) -> tuple:
    """Return what to index with to apply index to one axis and leave those before and after it whole."""
    return (slice(None),) * axis + (index,)


def _tensor(x) -> Tensor:
    return x if isinstance(x, Tensor) else Tensor(x)
