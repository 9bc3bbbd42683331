"""The gradient check: every derivative an op claims against the slope that its values show.

For random cotangents c the scalar phi(x) = sum of c * f(x) has the gradient that reverse mode computes; its slope
along each element is measured by differences, (-phi(2h) + 8 phi(h) - 8 phi(-h) + phi(-2h)) / 12h, whose error is of
fourth order in h. Second order is the same check applied to the gradient itself, as a function of inputs and
cotangents; and so on.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .op import Op
from .tensor import Tensor, grad

ROUGH = 1e-4  # a slope that changes by more than this part of itself within the step is a kink
STEP = 1e-3  # relative to the size of the element: truncation error ~ STEP**4, rounding error ~ 1e-16 / STEP


class GradcheckError(AssertionError):
    """A gradient disagrees with the differences of the function: op, argument, index, analytic and numeric value."""

    def __init__(self, message: str, op: str, argument: str, index: tuple, analytic: float, numeric: float):
        super().__init__(message)
        self.op, self.argument, self.index, self.analytic, self.numeric = op, argument, index, analytic, numeric


class KinkError(GradcheckError):
    """The function has no derivative at this input: it bends or jumps within the step."""


def gradcheck(
    f: Callable,
    inputs: Sequence[Any],
    order: int = 1,
    *,
    rtol: float = 1e-6,
    atol: float = 1e-6,
    rng: np.random.Generator | None = None,
) -> bool:
    """Check the gradients of f at inputs, up to the given order, against differences; return True.

    f: takes Tensors, returns a Tensor or a sequence of them. inputs: float64 arrays or Tensors, each of which is
    checked, and integer or boolean ones, which stay constant. rng draws the cotangents.
    GradcheckError where |analytic - numeric| > atol + rtol * |numeric|; KinkError where f is not smooth.
    """
    if order < 1:
        raise ValueError(f"gradcheck: order is {order}; it must be at least 1")
    rng = rng or np.random.default_rng(0)
    if isinstance(inputs, Tensor | np.ndarray):
        raise TypeError("gradcheck: inputs is one array; give a list of the arguments of f, as [x]")
    arrays = [np.array(x.data if isinstance(x, Tensor) else x) for x in inputs]
    names = _argument_names(f, len(arrays))
    for name, a in zip(names, arrays):
        if a.dtype.kind == "f" and a.dtype != np.float64:
            raise TypeError(f"gradcheck: {name} is {a.dtype}; differences need float64")
    if not any(a.dtype.kind == "f" for a in arrays):
        raise TypeError("gradcheck: no floating-point input, so there is nothing to check")
    name = getattr(f, "__name__", type(f).__name__)
    for n in range(1, order + 1):
        _check_first_order(f, arrays, names, name, rtol, atol, rng)
        if n < order:
            f, arrays, names = _gradient_as_function(f, arrays, names, rng)
            name = f"gradient of {name}"
    return True


def _check_first_order(f, arrays, names, name, rtol, atol, rng) -> None:
    tensors = _tensors(arrays)
    outputs = _outputs(f(*tensors))
    cotangents = [rng.normal(size=y.shape) for y in outputs]
    variables = [t for t in tensors if t.requires_grad]
    grads = iter(_gradient(outputs, variables, map(Tensor, cotangents)))

    def phi() -> float:
        return sum(float((c * y.data).sum()) for c, y in zip(cotangents, _outputs(f(*_tensors(arrays)))))

    here = phi()
    for argument, a in zip(names, arrays):
        if a.dtype.kind != "f":
            continue
        analytic = next(grads).data
        for index in np.ndindex(a.shape):
            numeric, roughness = _slope(phi, here, a, index)
            agree = math.isfinite(numeric) and abs(analytic[index] - numeric) <= atol + rtol * abs(numeric)
            if not agree or roughness > ROUGH * (1 + abs(numeric)):
                _fail(name, argument, index, float(analytic[index]), numeric, roughness)


def _slope(phi: Callable[[], float], here: float, a: np.ndarray, index: tuple) -> tuple[float, float]:
    """Return the slope of phi along a[index], and how far phi is from smooth there, in units of slope."""
    x = a[index]
    h = STEP * max(1.0, abs(x))
    values = []
    for steps in (-2, -1, 1, 2):
        a[index] = x + steps * h
        values.append(phi())
    a[index] = x
    mm, m, p, pp = values
    slope = (mm - 8 * m + 8 * p - pp) / (12 * h)
    # right minus left slope: h f'' where f is smooth, so it doubles with the step; where f bends it does not
    bend, bend2 = (p - 2 * here + m) / h, (pp - 2 * here + mm) / (2 * h)
    # the slope across: nearly the same for both steps where f is smooth, halved where f jumps
    across, across2 = (p - m) / (2 * h), (pp - mm) / (4 * h)
    jump = abs(across - across2) if abs(across2) < 0.75 * abs(across) else 0.0
    return slope, max(abs(bend2 - 2 * bend), jump)


def _fail(name, argument, index, analytic, numeric, roughness) -> None:
    at = f"{name}: {argument}[{', '.join(map(str, index))}]"
    if roughness > ROUGH * (1 + abs(numeric)):
        raise KinkError(
            f"{at} is at or near a kink: the slope jumps by about {roughness:.3g} there, so there is no gradient to"
            f" check (analytic {analytic:.9g}, numeric {numeric:.9g}); move the input away from it",
            name, argument, index, analytic, numeric,
        )  # fmt: skip
    raise GradcheckError(
        f"{at}: analytic {analytic:.9g}, numeric {numeric:.9g}, difference {abs(analytic - numeric):.3g}",
        name, argument, index, analytic, numeric,
    )  # fmt: skip


def _gradient_as_function(f, arrays, names, rng) -> tuple[Callable, list[np.ndarray], list[str]]:
    """Return the gradient of f as a function of f's inputs and the cotangents, with a point to check it at."""
    count = len(arrays)

    def gradient(*inputs: Tensor) -> list[Tensor]:
        outputs = _outputs(f(*inputs[:count]))
        return _gradient(outputs, [x for x in inputs[:count] if x.requires_grad], inputs[count:], create_graph=True)

    outputs = _outputs(f(*_tensors(arrays)))
    cotangents = [rng.normal(size=y.shape) for y in outputs]
    more = ["g"] if len(outputs) == 1 else [f"g{i}" for i in range(len(outputs))]
    return gradient, [*arrays, *cotangents], [*names, *more]


def _gradient(outputs, variables, cotangents, create_graph=False) -> list[Tensor]:
    """Sum the gradients of all outputs; zero for outputs that depend on no variable."""
    total = [Tensor(np.zeros(x.shape)) for x in variables]
    for y, g in zip(outputs, cotangents):
        if y.requires_grad:
            total = [t + dx for t, dx in zip(total, grad(y, variables, g, create_graph))]
    return total


def _tensors(arrays: list[np.ndarray]) -> list[Tensor]:
    return [Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]


def _outputs(y: Any) -> list[Tensor]:
    """Return the outputs that are numbers with a gradient."""
    outputs = [y] if isinstance(y, Tensor) else y
    if not isinstance(outputs, list | tuple) or not all(isinstance(t, Tensor) for t in outputs):
        raise TypeError(f"gradcheck: f must return a Tensor, or a list or tuple of them; got a {type(y).__name__}")
    return [t for t in outputs if t.dtype.kind == "f"]


def _argument_names(f: Callable, count: int) -> list[str]:
    """Name the arguments of f as its signature does, as x0, x1, ... where it does not."""
    if isinstance(f, Op) and not f.variadic:
        return f.inputs[:count]
    try:
        parameters = list(inspect.signature(f).parameters.values())
    except (TypeError, ValueError):
        parameters = []
    if any(p.kind is p.VAR_POSITIONAL for p in parameters) or len(parameters) < count:
        return [f"x{i}" for i in range(count)]
    return [p.name for p in parameters[:count]]
