"""Padding: an array surrounded by more elements."""

from __future__ import annotations

import numpy as np

from ..backend import xp
from ..tensor import Tensor
from .shape import scatter, take


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

    # padding an axis is a selection: pad its indices, and take those. So the gradient is take's
    for axis, (n, pair) in enumerate(zip(x.shape, widths)):
        if pair == (0, 0):
            continue
        too_short = max(pair) >= n if mode == "reflect" else n == 0
        if too_short:
            raise ValueError(f"pad: mode {mode!r} cannot add {max(pair)} elements to axis {axis} of length {n}")
        x = take(x, np.pad(np.arange(n), pair, mode=mode), axis)
    return x


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
