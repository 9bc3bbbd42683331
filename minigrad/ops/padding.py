"""Padding: an array surrounded by more elements."""

from __future__ import annotations

import numpy as np

from ..backend import xp
from ..op import op
from ..tensor import Tensor
from .shape import scatter


def pad(x, pad_width, mode="constant", constant_values=0.0):
    """Surround x with more elements. pad_width: (before, after) for each axis, or one pair or number for all axes.

    mode "constant" fills with constant_values, "edge" repeats the border, "reflect" mirrors about it.
    ValueError for negative widths, and for a reflection wider than the axis allows.
    """
    x = x if isinstance(x, Tensor) else Tensor(x)
    widths = [tuple(pair) for pair in np.broadcast_to(np.asarray(pad_width, int), (x.ndim, 2)).tolist()]
    if any(n < 0 for pair in widths for n in pair):
        raise ValueError(f"pad: negative widths in {widths}; to cut elements off, index x")
    if not any(n for pair in widths for n in pair):
        return x
    if mode == "constant":
        return _pad_constant(x, tuple(widths), constant_values)
    if mode not in ("edge", "reflect"):
        raise ValueError(f"pad: unknown mode {mode!r}; choose 'constant', 'edge' or 'reflect'")

    for axis, (n, pair) in enumerate(zip(x.shape, widths)):
        too_short = max(pair) >= n if mode == "reflect" else n == 0
        if any(pair) and too_short:
            raise ValueError(f"pad: mode {mode!r} cannot add {max(pair)} elements to axis {axis} of length {n}")
    return extend(x, tuple(widths), mode)


def _pad_constant(x, widths, value):
    """Put x into the middle of zeros; for another value add a border of it, which is constant."""
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, widths))
    inside = tuple(slice(before, before + n) for n, (before, _) in zip(x.shape, widths))
    out = scatter(x, index=inside, shape=shape)
    if value == 0:
        return out
    border = xp(x.data).full(shape, value, x.dtype)
    border[inside] = 0
    return out + border


# ---- borders made of x itself: each is a copy of a line of x, so its gradient goes back to that line -----------------


@op
def extend(x, /, widths, mode):
    """Surround x with copies of its own lines, "edge" or "reflect"."""
    shape = tuple(before + n + after for n, (before, after) in zip(x.shape, widths))
    out = xp(x).empty_like(x, shape=shape)  # it lies in memory as x does
    out[tuple(slice(before, before + n) for n, (before, _) in zip(x.shape, widths))] = x
    for axis, (n, pair) in enumerate(zip(x.shape, widths)):
        for line, source in _borders(n, pair, mode):
            out[_line(axis, line)] = out[_line(axis, pair[0] + source)]
    return out


@op
def fold_back(x, /, widths, mode):
    """Add every line of the border to the line that it is a copy of, and cut it off: the adjoint of extend."""
    out = x.astype(np.float32) if x.dtype == np.float16 else x  # float16 is summed in float32
    for axis, pair in enumerate(widths):
        if any(pair):
            n = out.shape[axis] - sum(pair)
            middle = out[_line(axis, slice(pair[0], pair[0] + n))].copy(order="K")
            for line, source in _borders(n, pair, mode):
                middle[_line(axis, source)] += out[_line(axis, line)]
            out = middle
    return out.astype(x.dtype, copy=False)


extend.defvjp(x=lambda g, out, x, widths, mode: fold_back(g, widths, mode))
fold_back.defvjp(x=lambda g, out, x, widths, mode: extend(g, widths, mode))


def _borders(n, pair, mode):
    """List the lines that a border adds to an axis of length n: (its place when padded, the place in x of its copy)."""
    places = np.pad(np.arange(n), pair, mode=mode).tolist()
    return [(i, places[i]) for i in (*range(pair[0]), *range(pair[0] + n, len(places)))]


def _line(axis, where):
    """The index of one line, or of a slice, along an axis."""
    return (slice(None),) * axis + (where,)
