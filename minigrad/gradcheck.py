"""The gradient check: every derivative that reverse mode computes is compared with differences of the function.

For random cotangents c, reverse mode computes the gradient of the number phi(x) = sum of c * f(x). The slope of phi
along each element of x can also be measured, by differences. Four values of phi are enough for most elements. Where
they disagree with the gradient, or show a bend, differences.py looks closer: it tells a kink from a curve, and shrinks
the step until the slope settles. Second order is the same check applied to the gradient itself, as a function of the
inputs and the cotangents; and so on.
"""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from .differences import ROUGH, STEP, careful_slope, quick_slope
from .op import Op
from .tensor import Tensor, grad

EPS = float(np.finfo(np.float64).eps)
UNSETTLED = 1e-3  # differences whose error exceeds this fraction of the slope prove nothing


class GradcheckError(AssertionError):
    """A gradient disagrees with the differences. Attributes: op, argument, index, analytic and numeric value."""

    def __init__(
        self, message: str, where: tuple[str, str, tuple], analytic: float = math.nan, numeric: float = math.nan
    ):
        super().__init__(message)
        self.op, self.argument, self.index = where
        self.analytic, self.numeric = analytic, numeric


class KinkError(GradcheckError):
    """The function has no derivative at this input: it has a kink or a jump within two steps."""


class _Bounds(NamedTuple):
    """How far to step, how far off a gradient may be, and the size of the numbers that phi sums."""

    step: float | None
    rtol: float
    atol: float
    total: float = 0.0


def gradcheck(
    f: Callable,
    inputs: Sequence[Any],
    order: int = 1,
    *,
    step: float | None = None,
    rtol: float = 1e-6,
    atol: float = 0.0,
    rng: np.random.Generator | None = None,
) -> bool:
    """Check the gradients of f at inputs, up to the given order, against differences; return True.

    f: takes Tensors, returns a Tensor or a sequence of them. inputs: float64 arrays or Tensors, each of which is
    checked, and integer or boolean ones, which stay constant. rng draws the cotangents.
    step: how far an element x is moved at first, 1e-3 max(1, |x|) by default; smaller steps follow where needed.
    GradcheckError if |analytic - numeric| > atol + rtol * |numeric| + the error of the differences, if that error is
    too large to tell, or if f or a rule overwrites what it was given. KinkError if f is not smooth within two steps.
    TypeError or ValueError if nothing can be checked.
    """
    if order < 1:
        raise ValueError(f"gradcheck: order is {order}; it must be at least 1")
    if step is not None and not 0 < step < math.inf:
        raise ValueError(f"gradcheck: step is {step}; it must be a number above 0")
    rng = rng or np.random.default_rng(0)
    arrays, names = _checked_inputs(f, inputs)
    name = getattr(f, "__name__", type(f).__name__)
    bounds = _Bounds(step, rtol, atol)
    plain = f
    for n in range(1, order + 1):
        bounds = _check_first_order(f, plain, arrays, names, name, bounds, rng)
        if n < order:
            f, arrays, names = _gradient_as_function(f, arrays, names, rng)
            plain = functools.partial(f, create_graph=False)  # differences differentiate no more
            name = f"gradient of {name}"
    return True


def _checked_inputs(f: Callable, inputs: Sequence[Any]) -> tuple[list[np.ndarray], list[str]]:
    """Return copies of the inputs as arrays, and their names, if there is anything to check."""
    if isinstance(inputs, Tensor | np.ndarray):
        raise TypeError("gradcheck: inputs is one array; give a list of the arguments of f, such as [x]")
    arrays = [np.array(x.data if isinstance(x, Tensor) else x) for x in inputs]
    names = _argument_names(f, len(arrays))
    for name, a in zip(names, arrays):
        if a.dtype.kind == "f" and a.dtype != np.float64:
            raise TypeError(f"gradcheck: {name} is {a.dtype}; differences need float64")
    if not any(a.dtype.kind == "f" for a in arrays):
        raise TypeError("gradcheck: no floating-point input, so there is nothing to check")
    if not any(a.size for a in arrays if a.dtype.kind == "f"):
        raise ValueError("gradcheck: every floating-point input is empty, so there is nothing to check")
    return arrays, names


def _check_first_order(f, plain, arrays, names, name, bounds, rng) -> _Bounds:
    """Check the gradient of every floating-point element of arrays; return the bounds for the next order.

    plain: f for the differences, whose results need have no gradient.
    """
    tensors = _tensors(arrays)
    outputs = _outputs(f(*tensors))
    if not any(y.size for y in outputs):
        raise ValueError(f"gradcheck: {name} returns no floating-point numbers, so there is nothing to check")
    _check_unchanged(name, names, arrays, tensors)

    # the gradient by reverse mode, which may not overwrite anything either
    values = [y.data.copy() for y in outputs]
    cotangents = [rng.normal(size=y.shape) for y in outputs]
    given = [Tensor(c) for c in cotangents]
    gradients = _gradient(outputs, [t for t in tensors if t.requires_grad], given)
    more = [f"{what} {i}" for what in ("output", "cotangent") for i in range(len(outputs))]
    _check_unchanged(
        f"gradient of {name}", [*names, *more], [*arrays, *values, *cotangents], [*tensors, *outputs, *given]
    )

    # a sum is rounded in proportion to its largest terms, which may be much larger than the sum and its gradient
    totals = [float(np.abs(c * y).sum()) for c, y in zip(cotangents, values)]
    bounds = bounds._replace(total=max([bounds.total, *filter(math.isfinite, totals)]))

    # the slope by differences, element by element
    checked = [(argument, a) for argument, a in zip(names, arrays) if a.dtype.kind == "f"]
    with np.errstate(all="ignore"):  # a step may leave the domain of f, which is not f's fault
        for (argument, a), dx in zip(checked, gradients):
            size = float(np.abs(dx.data[np.isfinite(dx.data)]).max(initial=0.0))
            for index in np.ndindex(a.shape):
                phi = _Phi(plain, arrays, values, cotangents, a, index)
                _check_element(phi, (name, argument, index), float(dx.data[index]), size, bounds)
    return bounds


def _check_unchanged(name, names, before: list[np.ndarray], after: list[Tensor]) -> None:
    """Raise GradcheckError if numbers that f or a rule was given have been overwritten."""
    for argument, a, t in zip(names, before, after):
        same = (a == t.data) | ((a != a) & (t.data != t.data))  # NaN stays NaN
        if not same.all():
            index = tuple(int(i) for i in np.argwhere(~same)[0])
            raise GradcheckError(
                f"{name} overwrites {argument}: [{', '.join(map(str, index))}] was {a[index]:.9g} and is"
                f" {t.data[index]:.9g}; compute on a copy",
                (name, argument, index),
            )


class _Phi:
    """The change of phi as a function of t, by which one element of the inputs is moved."""

    def __init__(self, f, arrays, values, cotangents, a, index):
        self.f, self.arrays, self.values, self.cotangents, self.a, self.index = f, arrays, values, cotangents, a, index
        self.x = float(a[index])

    def __call__(self, t: float) -> float:
        self.a[self.index] = self.x + t
        outputs = _outputs(self.f(*_tensors(self.arrays)))
        self.a[self.index] = self.x
        # subtract before summing, so that outputs that do not depend on the element add no rounding
        parts = zip(self.cotangents, outputs, self.values)
        return sum(float((c * (y.data - here)).sum()) for c, y, here in parts)


def _check_element(phi: _Phi, where: tuple, analytic: float, size: float, bounds: _Bounds) -> None:
    """Raise unless analytic is the slope of phi. where: (op, argument, index). size: of the argument's gradient."""
    # most elements pass on four values of phi
    h = bounds.step or STEP * max(1.0, abs(phi.x))
    numeric, roughness = quick_slope(phi, h)
    agree = math.isfinite(numeric) and abs(analytic - numeric) <= bounds.rtol * abs(numeric)
    if agree and roughness <= ROUGH * abs(numeric):
        return

    # the others get a slope with an estimate of its error
    rounding = EPS * (bounds.total + abs(phi.x) * size)
    numeric, error, jump = careful_slope(phi, h, rounding, bounds.rtol, size)
    floor = 16 * (rounding / h + EPS * size) + bounds.atol  # differences below it are rounding
    found = f"analytic {analytic:.9g}, numeric {numeric:.9g}"
    at = "{}: {}[{}]".format(where[0], where[1], ", ".join(map(str, where[2])))
    if jump:
        raise KinkError(
            f"{at} is at or near a kink: the slope jumps by about {jump:.3g}, so there is no gradient to check"
            f" ({found}); move the input away from it, or give a smaller step",
            where,
            analytic,
            numeric,
        )
    if math.isfinite(numeric) and error > UNSETTLED * max(abs(numeric), abs(analytic)) + floor:
        raise GradcheckError(
            f"{at}: the differences do not settle: {found}, give or take {error:.3g}; choose another step",
            where,
            analytic,
            numeric,
        )
    if not abs(analytic - numeric) <= bounds.rtol * abs(numeric) + error + floor:
        raise GradcheckError(f"{at}: {found}, difference {abs(analytic - numeric):.3g}", where, analytic, numeric)


def _gradient_as_function(f, arrays, names, rng) -> tuple[Callable, list[np.ndarray], list[str]]:
    """Return the gradient of f as a function of f's inputs and cotangents, with a point to check it at and names."""
    count = len(arrays)

    def gradient(*inputs: Tensor, create_graph: bool = True) -> list[Tensor]:
        outputs = _outputs(f(*inputs[:count]))
        return _gradient(outputs, [x for x in inputs[:count] if x.requires_grad], inputs[count:], create_graph)

    outputs = _outputs(f(*_tensors(arrays)))
    cotangents = [rng.normal(size=y.shape) for y in outputs]
    more = ["g"] if len(outputs) == 1 else [f"g{i}" for i in range(len(outputs))]
    return gradient, [*arrays, *cotangents], [*names, *more]


def _gradient(outputs, variables, cotangents, create_graph=False) -> list[Tensor]:
    """Sum the gradients of all outputs; those that depend on no variable add nothing."""
    total = [Tensor(np.zeros(x.shape)) for x in variables]
    for y, g in zip(outputs, cotangents):
        if y.requires_grad:
            total = [t + dx for t, dx in zip(total, grad(y, variables, g, create_graph))]
    return total


def _tensors(arrays: list[np.ndarray]) -> list[Tensor]:
    return [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]


def _outputs(y: Any) -> list[Tensor]:
    """Return the floating-point outputs, which can have a gradient."""
    outputs = [y] if isinstance(y, Tensor) else y
    if not isinstance(outputs, list | tuple) or not all(isinstance(t, Tensor) for t in outputs):
        raise TypeError(f"gradcheck: f must return a Tensor, or a list or tuple of them; got a {type(y).__name__}")
    return [t for t in outputs if t.dtype.kind == "f"]


def _argument_names(f: Callable, count: int) -> list[str]:
    """Name the arguments of f as its signature does, or x0, x1, ... if it names too few."""
    if isinstance(f, Op) and not f.variadic:
        return f.inputs[:count]
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    if any(p.kind is p.VAR_POSITIONAL for p in parameters) or len(parameters) < count:
        return [f"x{i}" for i in range(count)]
    return [p.name for p in parameters[:count]]
