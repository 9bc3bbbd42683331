"""L-BFGS: all parameters as one long vector, which SciPy minimises over."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..backend import Array, to_device
from ..profile import timed_step
from ..tensor import Tensor
from .optimizer import Parameters, check_number, check_parameters


class LBFGS:
    """Minimise a smooth loss without noise, such as that of one image, by Newton-like steps.

    The last `history` changes of the parameters and of their gradient stand in for the inverse Hessian. It stops after
    max_iterations, once no element of the gradient exceeds tolerance, or when the loss falls no further.
    Needs SciPy; the vector of all parameters is float64. Liu & Nocedal 1989; Zhu, Byrd, Lu & Nocedal 1997.
    """

    def __init__(self, parameters: Parameters, max_iterations: int = 100, history: int = 10, tolerance: float = 1e-7):
        for name, value in {"max_iterations": max_iterations, "history": history}.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"LBFGS: {name} is {value!r}; it must be a positive integer")
        self.parameters = check_parameters("LBFGS", parameters)
        self.max_iterations, self.history = max_iterations, history
        self.tolerance = check_number("LBFGS: tolerance", tolerance)

    @timed_step
    def step(self, closure: Callable[[], Tensor], callback: Callable[[int, float], Any] = lambda *_: None) -> float:
        """Run a whole minimisation, leave the parameters at the best point found, also on an error; return its loss.

        closure: computes the loss, calls its backward() and returns it; the gradients are cleared beforehand.
        callback(iteration, loss): called after each iteration, from 1; it may raise StopIteration to end the step.
        FloatingPointError if the loss is not finite, RuntimeError if there are no gradients, TypeError if closure
        returns no Tensor.
        """
        from scipy.optimize import minimize

        best_loss = math.inf
        best = _flat([x.data for x in self.parameters])
        iterations = itertools.count(1)

        # SciPy asks for the loss and gradient at points of its choice, the last of which need not be the best
        def evaluate(point: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal best_loss, best
            self._place(point)
            loss, g = self._evaluate(closure)
            if loss < best_loss:
                best_loss, best = loss, point.copy()
            return loss, g

        def report(intermediate_result: Any) -> None:  # SciPy recognises this form by the argument's name
            callback(next(iterations), float(intermediate_result.fun))

        limits = {"maxiter": self.max_iterations, "maxfun": math.inf, "gtol": self.tolerance, "ftol": 0}
        options = {"maxcor": self.history, **limits}
        try:
            minimize(evaluate, best, jac=True, method="L-BFGS-B", callback=report, options=options)
        finally:
            self._place(best)
        return best_loss

    def zero_grad(self) -> None:
        """Clear the gradients."""
        for x in self.parameters:
            x.grad = None

    def bytes_moved(self) -> int:
        """Return 0: SciPy does not tell what it reads and writes."""
        return 0

    def _evaluate(self, closure: Callable[[], Tensor]) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient, as one vector for all parameters."""
        self.zero_grad()
        loss = closure()
        if not isinstance(loss, Tensor):
            raise TypeError(f"LBFGS: the closure returned a {type(loss).__name__}; it must return the loss, a Tensor")
        if all(x.grad is None for x in self.parameters):
            raise RuntimeError("LBFGS: no parameter has a gradient; the closure must call loss.backward()")
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"LBFGS: the loss is {loss.item()}; use detect_anomaly() to find the op behind it")
        grads = [np.zeros(x.shape) if x.grad is None else x.grad.data for x in self.parameters]
        return loss.item(), _flat(grads)

    def _place(self, point: np.ndarray) -> None:
        """Copy the pieces of the vector into the parameters."""
        start = 0
        for x in self.parameters:
            x.data[...] = to_device(point[start : start + x.size].reshape(x.shape), x.device)
            x.mark_changed()
            start += x.size


def _flat(arrays: list[Array]) -> np.ndarray:
    return np.concatenate([to_device(a, "cpu").astype(np.float64).reshape(-1) for a in arrays])
