"""Operators of two inputs that broadcast together, and conversions between dtypes and devices.

Broadcasting repeats an input along some axes; its adjoint, unbroadcast, adds the gradient up along them.
"""

from __future__ import annotations

import functools

import numpy as np

from ..backend import device_of, xp
from ..backend import to_device as move
from ..kernels import formulas
from ..kernels.blocks import elementwise
from ..kernels.masked import chosen, masked
from ..kernels.total import total_of_products
from ..op import op, repeated_axes, unbroadcast
from ..tensor import Tensor


@op
def add(x, y, /):
    """x + y."""
    return elementwise(np.add, x, y)


add.defvjp(
    x=lambda g, out, x, y: unbroadcast(g, x),
    y=lambda g, out, x, y: unbroadcast(g, y),
)


@op
def subtract(x, y, /):
    """x - y."""
    try:
        return elementwise(np.subtract, x, y)
    except TypeError:  # NumPy refuses this of booleans alone
        raise TypeError("subtract: x and y are boolean; use x ^ y to see where they differ") from None


subtract.defvjp(
    x=lambda g, out, x, y: unbroadcast(g, x),
    y=lambda g, out, x, y: unbroadcast(-g, y),
)


@op
def multiply(x, y, /):
    """x * y, elementwise."""
    return elementwise(np.multiply, x, y)


multiply.defvjp(
    x=lambda g, out, x, y: unbroadcast_product(g, y, x),
    y=lambda g, out, x, y: unbroadcast_product(g, x, y),
)


def unbroadcast_product(g, y, x):
    """unbroadcast(g * y, x), without a product as large as g where x was repeated to the shape of both."""
    if g.data.shape == x.data.shape or not isinstance(y, Tensor) or g.data.shape != y.data.shape:
        return unbroadcast(g * y, x)
    return sum_of_products(g, y, repeated_axes(g, x)).reshape(x.shape)


@op(dtypes="sums")
def sum_of_products(x, y, /, axis):
    """The sum of x * y along axes, which stay with length 1; x and y have one shape."""
    return total_of_products(x, y, axis)


sum_of_products.defvjp(x=lambda g, out, x, y, axis: g * y, y=lambda g, out, x, y, axis: g * x)


@op(dtypes="real")
def divide(x, y, /):
    """x / y, elementwise."""
    return elementwise(np.divide, x, y)


divide.defvjp(
    x=lambda g, out, x, y: unbroadcast(g / y, x),
    # d/dy x / y = -x / y^2 = -out / y
    y=lambda g, out, x, y: unbroadcast(-g * out / y, y),
)


@op
def negative(x, /):
    """-x."""
    try:
        return elementwise(np.negative, x)
    except TypeError:  # as in subtract
        raise TypeError("negative: x is boolean; use ~x for its opposite") from None


negative.defvjp(x=lambda g, out, x: -g)


@op
def power(x, y, /):
    """x ** y, elementwise. NaN for a negative x with a fractional y."""
    if isinstance(y, float | int) and x.dtype.kind == "f" and abs(y) <= formulas.WHOLE and y == int(y):
        return elementwise(functools.partial(formulas.whole_power, y=int(y)), x)
    try:
        return x**y
    except OverflowError:  # NumPy's, whose text names neither
        raise ValueError(f"power: the exponent is {y}, which {x.dtype} does not hold; convert x first") from None


def _power_base(g, out, x, y):
    # d/dx x^y = y x^(y-1)
    if not isinstance(y, Tensor):
        return unbroadcast(g * y * x ** (y - 1), x) if y != 0 else where(False, g, 0.0)
    # at x = y = 0 the formula reads 0 * 0^-1 = NaN, but x^0 is constant: a base of 1 gives the right answer, 0
    base = where((x == 0) & (y == 0), 1.0, x)
    return unbroadcast(where(y == 0, 0.0, g) * y * base ** (y - 1), x)


def _power_exponent(g, out, x, y):
    # d/dy x^y = x^y log x, which tends to 0 as x does
    slope = where(x == 0, 1.0, x).log() if isinstance(x, Tensor) else float(np.log(x or 1.0))
    return unbroadcast(where(x == 0, 0.0, g) * out * slope, y)


power.defvjp(x=_power_base, y=_power_exponent)


@op
def maximum(x, y, /):
    """The larger of x and y, elementwise; where they are equal, each gets half of the gradient."""
    return xp(x if not isinstance(x, float | int) else y).maximum(x, y)


maximum.defvjp(
    x=lambda g, out, x, y: unbroadcast(_winners_share(g, x > y, x == y), x),
    y=lambda g, out, x, y: unbroadcast(_winners_share(g, y > x, x == y), y),
)


@op
def minimum(x, y, /):
    """The smaller of x and y, elementwise; where they are equal, each gets half of the gradient."""
    return xp(x if not isinstance(x, float | int) else y).minimum(x, y)


minimum.defvjp(
    x=lambda g, out, x, y: unbroadcast(_winners_share(g, x < y, x == y), x),
    y=lambda g, out, x, y: unbroadcast(_winners_share(g, y < x, x == y), y),
)


def _winners_share(g, won, tied):
    """Keep g where won, and half of it where tied; both masks are constant."""
    return where(won, g, 0.0) + where(tied, g * 0.5, 0.0)


@op
def where(condition, x, y, /):
    """x where condition is true, else y; all three broadcast together."""
    # most calls are gradients that set to 0 what was not chosen; a kernel does that faster than np.where
    if _is_zero(y) and _is_mask_of(condition, x):
        return masked(x, condition)
    if _is_zero(x) and _is_mask_of(condition, y):
        return masked(y, np.logical_not(condition))

    if _are_alike(condition, x, y):
        return chosen(condition, x, y)

    first_array = next((a for a in (condition, x) if not isinstance(a, float | int)), y)
    out = xp(first_array).where(condition, x, y)

    # a choice between two Python floats is float32, as they are elsewhere
    numbers = isinstance(x, float | int) and isinstance(y, float | int)
    return out.astype(np.float32) if numbers and out.dtype == np.float64 else out


where.defvjp(
    condition=None,
    # a choice, not a product with the mask: 0 * inf would carry NaN into the branch that was not taken
    x=lambda g, out, condition, x, y: unbroadcast(where(condition, g, 0.0), x),
    y=lambda g, out, condition, x, y: unbroadcast(where(condition, 0.0, g), y),
)


MANY = 1 << 13  # elements: below this np.where is as fast


def _is_zero(x):
    return isinstance(x, float | int) and x == 0


def _is_mask_of(condition, x):
    """Tell whether the fast CPU kernel can apply condition to x."""
    if not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        return False
    return isinstance(condition, bool) or condition.dtype == bool


def _are_alike(condition, x, y):
    """Tell whether the fast CPU kernel can choose between x and y: large enough, and floating-point of one dtype."""
    if not isinstance(condition, np.ndarray) or condition.dtype != bool or condition.size < MANY:
        return False
    arrays = [a for a in (x, y) if not isinstance(a, float | int)]
    if not all(isinstance(a, np.ndarray) and a.dtype.kind == "f" and a.itemsize <= 8 for a in arrays):
        return False
    return len({a.dtype for a in arrays}) == 1


@op
def astype(x, /, dtype):
    """x converted to another dtype of real numbers. The gradient is converted back to x's own."""
    out = x.astype(dtype)
    if out.dtype.kind not in "fiub":
        raise TypeError(f"astype: {out.dtype} holds no real numbers; use a float, integer or bool dtype")
    return out


astype.defvjp(x=lambda g, out, x, dtype: g.astype(x.dtype))


@op
def to_device(x, /, device):
    """x on device "cpu", "cuda" or "cuda:N". The gradient is moved back to x's own device."""
    return move(x, device)


to_device.defvjp(x=lambda g, out, x, device: to_device(g, device_of(x.data)))
