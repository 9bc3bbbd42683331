"""Trigonometric and hyperbolic functions, elementwise. Angles are in radians."""

from __future__ import annotations

import numpy as np

from ..backend import xp
from ..kernels.blocks import elementwise
from ..op import op, unbroadcast
from .elementwise import sqrt, square


@op(dtypes="real")
def sin(x, /):
    """Sine of x in radians."""
    return elementwise(np.sin, x)


sin.defvjp(x=lambda g, out, x: g * cos(x))


@op(dtypes="real")
def cos(x, /):
    """Cosine of x in radians."""
    return elementwise(np.cos, x)


cos.defvjp(x=lambda g, out, x: -g * sin(x))


@op(dtypes="real")
def tan(x, /):
    """Tangent of x in radians."""
    return elementwise(np.tan, x)


tan.defvjp(x=lambda g, out, x: g * (1.0 + square(out)))


@op(dtypes="real")
def arcsin(x, /):
    """The angle in [-pi/2, pi/2] whose sine is x in [-1, 1]; at both ends the gradient is infinite."""
    return elementwise(np.arcsin, x)


arcsin.defvjp(x=lambda g, out, x: g / sqrt(1.0 - square(x)))


@op(dtypes="real")
def arccos(x, /):
    """The angle in [0, pi] whose cosine is x in [-1, 1]; at both ends the gradient is infinite."""
    return elementwise(np.arccos, x)


arccos.defvjp(x=lambda g, out, x: -g / sqrt(1.0 - square(x)))


@op(dtypes="real")
def arctan(x, /):
    """The angle in [-pi/2, pi/2] whose tangent is x."""
    return elementwise(np.arctan, x)


arctan.defvjp(x=lambda g, out, x: g / (1.0 + square(x)))


@op(dtypes="real")
def arctan2(y, x, /):
    """The angle in [-pi, pi] from the direction (1, 0) to the point (x, y); y comes first, as in NumPy."""
    return xp(x if not isinstance(x, float | int) else y).arctan2(y, x)


# the angle grows along (-y, x), across the radius, by 1 / radius
arctan2.defvjp(
    y=lambda g, out, y, x: unbroadcast(g * x / (x * x + y * y), y),
    x=lambda g, out, y, x: unbroadcast(-g * y / (x * x + y * y), x),
)


@op(dtypes="real")
def sinh(x, /):
    """Hyperbolic sine (e**x - e**-x) / 2."""
    return elementwise(np.sinh, x)


sinh.defvjp(x=lambda g, out, x: g * cosh(x))


@op(dtypes="real")
def cosh(x, /):
    """Hyperbolic cosine (e**x + e**-x) / 2."""
    return elementwise(np.cosh, x)


cosh.defvjp(x=lambda g, out, x: g * sinh(x))
