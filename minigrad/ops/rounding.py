"""Rounding, and division with remainder. Rounded numbers are constant between their jumps: no gradient."""

from __future__ import annotations

import numpy as np

from ..backend import xp
from ..op import op, unbroadcast


@op
def floor(x, /):
    """The largest integer that does not exceed x. Constant almost everywhere: no gradient."""
    return xp(x).floor(x) if x.dtype.kind == "f" else x.copy()


@op
def ceil(x, /):
    """The smallest integer that is not less than x. Constant almost everywhere: no gradient."""
    return xp(x).ceil(x) if x.dtype.kind == "f" else x.copy()


@op
def round(x, /, decimals=0):
    """x rounded to a number of decimals, halves to the even neighbour. Constant almost everywhere: no gradient."""
    return xp(x).round(x if x.dtype != bool else x.astype(np.int8), decimals)  # NumPy makes float16 of booleans


@op
def floor_divide(x, y, /):
    """x // y, the largest integer that does not exceed x / y. Constant almost everywhere: no gradient."""
    return x // y


floor.defvjp(x=None)
ceil.defvjp(x=None)
round.defvjp(x=None)
floor_divide.defvjp(x=None, y=None)


@op
def remainder(x, y, /):
    """x % y = x - y * (x // y), which has the sign of y."""
    return x % y


# x // y is constant almost everywhere, so the slopes are 1 and -(x // y)
remainder.defvjp(
    x=lambda g, out, x, y: unbroadcast(g, x),
    y=lambda g, out, x, y: unbroadcast(-g * floor_divide(x, y), y),
)
