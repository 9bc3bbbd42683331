"""Moving elements without changing them. Each rule is the move back."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from ..backend import xp
from ..op import as_tensor, op, unbroadcast
from ..tensor import Tensor


@op
def reshape(x, /, shape):
    """The elements of x, in order, in another shape; one length may be -1."""
    return x.reshape(shape)


reshape.defvjp(x=lambda g, out, x, shape: g.reshape(x.shape))


@op
def transpose(x, /, axes=None):
    """x with its axes in the order of axes; reversed if None."""
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
    axes = list(range(x.ndim))
    axis1, axis2 = check_axis("swapaxes", axis1, x.ndim), check_axis("swapaxes", axis2, x.ndim)
    axes[axis1], axes[axis2] = axis2, axis1
    return transpose(x, tuple(axes))


@op
def broadcast_to(x, /, shape):
    """x repeated along new leading axes and along axes of length 1, to shape."""
    return xp(x).broadcast_to(x, shape)


broadcast_to.defvjp(x=lambda g, out, x, shape: unbroadcast(g, x))


def squeeze(x, axis=None):
    """x without the given axes, which must have length 1; without all such axes if None."""
    x = _tensor(x)
    axes = [i for i, n in enumerate(x.shape) if n == 1] if axis is None else check_axes("squeeze", axis, x.ndim)
    for i in axes:
        if x.shape[i] != 1:
            raise ValueError(f"squeeze: axis {i} of shape {x.shape} has length {x.shape[i]}; only length 1 can go")
    return reshape(x, tuple(n for i, n in enumerate(x.shape) if i not in axes))


def unsqueeze(x, axis):
    """x with a new axis of length 1 at position axis of the result."""
    x = _tensor(x)
    axis = check_axis("unsqueeze", axis, x.ndim + 1)
    return reshape(x, (*x.shape[:axis], 1, *x.shape[axis:]))


@op
def concatenate(*xs, axis=0):
    """Join xs along an axis. concatenate([x, y], axis=0), shapes equal but for that axis."""
    for i, x in enumerate(xs):
        if np.ndim(x) == 0:
            raise ValueError(f"concatenate: xs[{i}] has no axes; to join numbers, use stack, or write [x] for x")
    check_axis("concatenate", axis, xs[0].ndim)
    return xp(xs[0]).concatenate(xs, axis=axis)


def _concatenate_rule(g, out, i, xs, axis):
    start = sum(x.shape[axis] for x in xs[:i])
    return g[(slice(None),) * (axis % g.ndim) + (slice(start, start + xs[i].shape[axis]),)]


concatenate.defvjp(xs=_concatenate_rule)


def stack(xs, axis=0):
    """Join xs, all of one shape, along a new axis."""
    xs = [as_tensor(x, xs) for x in xs]
    if len({x.shape for x in xs}) != 1:
        raise ValueError(f"stack: got the shapes {[x.shape for x in xs]}; one or more, all equal, are needed")
    return concatenate([unsqueeze(x, axis) for x in xs], axis=check_axis("stack", axis, xs[0].ndim + 1))


def split(x, indices_or_sections, axis=0):
    """Cut x along an axis into equal sections (an int), or before each of the given indices. A list of views."""
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
    return [x[(slice(None),) * axis + (slice(a, b),)] for a, b in itertools.pairwise(bounds)]


def pad(x, pad_width, mode="constant", constant_values=0.0):
    """Surround x with more elements: pad_width ((before, after), ...) an axis, or one pair or number for all.

    mode "constant" fills with constant_values, "edge" repeats the border, "reflect" mirrors about it.
    ValueError for negative widths, and for a reflection wider than the axis allows.
    """
    x = _tensor(x)
    widths = [tuple(pair) for pair in np.broadcast_to(np.asarray(pad_width, int), (x.ndim, 2)).tolist()]
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad: widths {widths} are negative; to cut, index x")
    if not any(n for pair in widths for n in pair):
        return x
    if mode == "constant":
        return _pad_constant(x, tuple(widths), constant_values)
    if mode not in ("edge", "reflect"):
        raise ValueError(f"pad: mode {mode!r} is none of 'constant', 'edge', 'reflect'")
    for axis, (n, pair) in enumerate(zip(x.shape, widths)):
        if pair == (0, 0):
            continue
        if max(pair) >= n if mode == "reflect" else n == 0:
            raise ValueError(f"pad: axis {axis} of length {n} is too short to {mode} {max(pair)} elements")
        x = take(x, np.pad(np.arange(n), pair, mode=mode), axis)
    return x


def _pad_constant(x, widths, value):
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, widths))
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(x.shape, widths))
    out = scatter(x, index=inside, shape=shape)
    if value == 0:
        return out
    border = xp(x.data).full(shape, value, x.dtype)
    border[inside] = 0
    return out + border


@op
def roll(x, /, shift, axis=None):
    """x rotated by shift places along an axis or several; elements that leave at the end return at the start."""
    return xp(x).roll(x, shift, axis)


roll.defvjp(x=lambda g, out, x, shift, axis: roll(g, -shift if np.ndim(shift) == 0 else tuple(-n for n in shift), axis))


@op
def flip(x, /, axis=None):
    """x in reverse order along an axis, several or all."""
    return xp(x).flip(x, axis)


flip.defvjp(x=lambda g, out, x, axis: flip(g, axis))


@op
def getitem(x, /, index):
    """x[index], basic or advanced: slices, None, Ellipsis, integers, integer arrays, a boolean mask."""
    return x[index]


getitem.defvjp(x=lambda g, out, x, index: scatter(g, index, x.shape))


@op
def scatter(x, /, index, shape):
    """Zeros of the given shape with x added at index, repeated places adding up: the adjoint of getitem."""
    out = xp(x).zeros(shape, np.float32 if x.dtype == np.float16 else x.dtype)  # a sum, as sum's
    parts = index if isinstance(index, tuple) else (index,)
    if all(i is None or i is ... or isinstance(i, int | slice) or getattr(i, "dtype", None) == "bool" for i in parts):
        out[index] = x  # slices and masks name no place twice
    else:
        xp(x).add.at(out, index, x)
    return out.astype(x.dtype, copy=False)


scatter.defvjp(x=lambda g, out, x, index, shape: g[index])


def take(x, indices, axis=None):
    """The elements of x at integer indices along an axis; of x made flat if None."""
    x = _tensor(x)
    if axis is None:
        return x.reshape(-1)[indices]
    return x[(slice(None),) * check_axis("take", axis, x.ndim) + (indices,)]


def gather(x, index, axis):
    """Pick one element a place along an axis: out[i, j] = x[index[i, j], j] for axis 0. index has x.ndim axes."""
    x = _tensor(x)
    index = index.data if isinstance(index, Tensor) else xp(x.data).asarray(index)
    axis = check_axis("gather", axis, x.ndim)
    if index.ndim != x.ndim:
        raise ValueError(f"gather: index has {index.ndim} axes, x has {x.ndim}; they must be equal")
    places = list(xp(x.data).ogrid[tuple(slice(n) for n in index.shape)])  # each place's own coordinates ...
    places[axis] = index  # ... but for the one along axis
    return x[tuple(places)]


@op(dtypes="sums")
def cumsum(x, /, axis=None):
    """Sums of the elements of x up to and including each, along an axis; of x made flat if None."""
    return xp(x).cumsum(x, axis)


cumsum.defvjp(x=lambda g, out, x, axis: flip(cumsum(flip(g, axis), axis), axis).reshape(x.shape))


def check_axis(name: str, axis: int, ndim: int) -> int:
    """Return axis counted from 0; ValueError, naming the op, if there is no such axis."""
    if not isinstance(axis, int | np.integer) or not -ndim <= axis < ndim:
        raise ValueError(f"{name}: axis {axis} is not among the axes {-ndim} to {ndim - 1} of {ndim} axes")
    return axis % ndim


def check_axes(name: str, axis: int | Sequence[int] | None, ndim: int) -> tuple[int, ...]:
    """Return a set of axes (one, several, or None for all) as a sorted tuple counted from 0."""
    if axis is None:
        return tuple(range(ndim))
    axes = [check_axis(name, i, ndim) for i in ([axis] if isinstance(axis, int | np.integer) else axis)]
    if len(set(axes)) < len(axes):
        raise ValueError(f"{name}: axis {axis} names an axis twice")
    return tuple(sorted(axes))


def _tensor(x) -> Tensor:
    return x if isinstance(x, Tensor) else Tensor(x)
