"""Optimizers: how gradients become steps.

    optimizer = Adam(model.parameters(), lr=1e-3)
    for x, y in batches:
        optimizer.zero_grad()
        loss(model(x), y).backward()
        optimizer.step()

Each update() below is its paper's formula. It sees the parameters in pieces that fit the processor's cache, so that
its temporaries are small and quick to come by.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from numbers import Real
from typing import Any

import numpy as np

from .backend import Array, device_of, to_device, xp
from .tensor import Tensor

CHUNK = 2**14  # elements: an update's pieces share a cache, and its temporaries stay below the 128 KiB from which on
# malloc may fetch fresh memory from the system for each, which costs more than the arithmetic
Parameters = Iterable[Tensor]  # leaves that require gradients, each once; else TypeError or ValueError


class Optimizer:
    """What the first-order optimizers share: the parameters, their state, and the walk over them.

    A subclass names its state (for each name, zeros like each parameter) and defines update(t, x, g, *state), which
    changes x and the state in place: t counts the parameter's steps from 1, the others are arrays of one shape.
    lr > 0 and weight_decay >= 0, else ValueError.
    """

    update: Callable[..., None]

    def __init__(self, parameters: Parameters, lr: float, weight_decay: float, state: list[str]):
        self.parameters = _checked(type(self).__name__, parameters)
        self.lr = self._number("lr", lr, zero=False)
        self.weight_decay = self._number("weight_decay", weight_decay)
        self.state_names = state
        self.state: dict[str, Array] = {"steps": np.zeros(len(self.parameters), np.int64)}
        for name in state:
            self.state |= {f"{name}.{i}": xp(x.data).zeros_like(x.data) for i, x in enumerate(self.parameters)}

    def step(self) -> None:
        """Update, in place, every parameter that has a gradient.

        ValueError, with nothing changed, if lr is negative or not finite, or a gradient is not like its parameter.
        """
        self.lr = self._number("lr", self.lr)  # a float: NumPy scalars, as schedules may give, widen float32
        ready = [(i, x.data, x.grad.data) for i, x in enumerate(self.parameters) if x.grad is not None]
        for i, x, g in ready:
            self._check_alike(i, x, g)
        for i, x, g in ready:
            self.state["steps"][i] += 1
            for x_chunk, g_chunk, *state in _chunks(x, g, *self._state_of(i)):
                if self.weight_decay:
                    g_chunk = self.decay(x_chunk, g_chunk)
                self.update(self.state["steps"][i].item(), x_chunk, g_chunk, *state)

    def decay(self, x: Array, g: Array) -> Array:
        """Return the gradient with that of the penalty weight_decay / 2 |x|^2 added."""
        return g + self.weight_decay * x

    def zero_grad(self) -> None:
        """Forget the gradients: backward() adds to those it finds."""
        for x in self.parameters:
            x.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of the step counts, "steps", and of the state, "m.0", "m.1" and so on.

        With them, and made with the same arguments, another optimizer goes on bit for bit.
        """
        return {name: to_device(a, "cpu").copy() for name, a in self.state.items()}

    def load_state_dict(self, arrays: dict[str, np.ndarray]) -> None:
        """Take over what state_dict returned. ValueError, with nothing changed, if names, shapes or dtypes differ."""
        for name in sorted(self.state.keys() | arrays.keys()):
            got, own = _kind(arrays.get(name)), _kind(self.state.get(name))
            if got != own:
                raise ValueError(
                    f"{type(self).__name__}: {name!r} is {got} in the loaded state, {own} here; the optimizers' kind, "
                    "options and parameters must be the same"
                )
        for name, a in self.state.items():
            a[...] = to_device(arrays[name], device_of(a))

    def _state_of(self, i: int) -> list[Array]:
        return [self.state[f"{name}.{i}"] for name in self.state_names]

    def _check_alike(self, i: int, x: Array, g: Array) -> None:
        for what, a in zip(["gradient", *self.state_names], [g, *self._state_of(i)]):
            if (a.shape, a.dtype, device_of(a)) != (x.shape, x.dtype, device_of(x)):
                raise ValueError(
                    f"{type(self).__name__}: parameter {i} is {_kind(x)} on {device_of(x)}, its {what} {_kind(a)} on "
                    f"{device_of(a)}; they must be alike. Convert a model before you make its optimizer"
                )

    def _number(self, name: str, value: float, below: float = math.inf, zero: bool = True) -> float:
        return _number(f"{type(self).__name__}: {name}", value, below, zero)


class SGD(Optimizer):
    """Step against the gradient, or, with momentum, along its decaying sum v.

    x <- x - lr g, or v <- momentum v + g; x <- x - lr v, or, with nesterov, x <- x - lr (g + momentum v).
    momentum in [0, 1), else ValueError. Robbins & Monro 1951; Polyak 1964; Sutskever et al. 2013 for nesterov.
    """

    def __init__(
        self, parameters: Parameters, lr: float, momentum: float = 0, nesterov: bool = False, weight_decay: float = 0
    ):
        self.momentum = self._number("momentum", momentum, below=1)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs momentum, which is 0; try momentum=0.9")
        super().__init__(parameters, lr, weight_decay, ["v"] if momentum else [])

    def update(self, t, x, g, v=None):
        if v is not None:
            v *= self.momentum
            v += g
            g = g + self.momentum * v if self.nesterov else v
        x -= self.lr * g


class RMSprop(Optimizer):
    """Divide the gradient by its recent size, the root of a running mean s of its square.

    s <- alpha s + (1 - alpha) g^2; d = g / (sqrt(s) + eps); x <- x - lr d, or v <- momentum v + d; x <- x - lr v.
    alpha and momentum in [0, 1), eps > 0, else ValueError. Tieleman & Hinton 2012, Coursera lecture 6.5.
    """

    def __init__(
        self, parameters: Parameters, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0,
    ):  # fmt: skip
        self.alpha = self._number("alpha", alpha, below=1)
        self.eps = self._number("eps", eps, zero=False)
        self.momentum = self._number("momentum", momentum, below=1)
        super().__init__(parameters, lr, weight_decay, ["s", "v"] if momentum else ["s"])

    def update(self, t, x, g, s, v=None):
        s += (1 - self.alpha) * (g * g - s)
        d = g / (xp(s).sqrt(s) + self.eps)
        if v is not None:
            v *= self.momentum
            v += d
            d = v
        x -= self.lr * d


class Adam(Optimizer):
    """Step along a running mean m of the gradient, divided by the root of a running mean s of its square.

    m <- b1 m + (1 - b1) g; s <- b2 s + (1 - b2) g^2; x <- x - lr m' / (sqrt(s') + eps), where m' = m / (1 - b1^t) and
    s' = s / (1 - b2^t) undo the pull of the zeros that m and s start from.
    b1 and b2 in [0, 1), eps > 0, else ValueError. Kingma & Ba 2015.
    """

    def __init__(
        self, parameters: Parameters, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0,
    ):  # fmt: skip
        b1, b2 = betas
        self.betas = self._number("betas[0]", b1, below=1), self._number("betas[1]", b2, below=1)
        self.eps = self._number("eps", eps, zero=False)
        super().__init__(parameters, lr, weight_decay, ["m", "s"])

    def update(self, t, x, g, m, s):
        b1, b2 = self.betas
        m += (1 - b1) * (g - m)
        s += (1 - b2) * (g * g - s)
        x -= self.lr / (1 - b1**t) * m / (xp(s).sqrt(s / (1 - b2**t)) + self.eps)


class AdamW(Adam):
    """Adam whose weight decay stays out of m and s: x <- (1 - lr weight_decay) x, then Adam's step.

    Loshchilov & Hutter 2019.
    """

    def __init__(
        self, parameters: Parameters, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):  # fmt: skip
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def decay(self, x, g):
        x *= 1 - self.lr * self.weight_decay
        return g


class LBFGS:
    """Minimize a smooth loss without noise, such as that of one image, by Newton-like steps.

    The last `history` changes of the parameters and of their gradient stand in for the inverse Hessian. The end is
    after max_iterations, once no element of the gradient exceeds tolerance, or when the loss falls no further.
    Needs SciPy; the vector of all parameters is float64. Liu & Nocedal 1989; Zhu, Byrd, Lu & Nocedal 1997.
    """

    def __init__(self, parameters: Parameters, max_iterations: int = 100, history: int = 10, tolerance: float = 1e-7):
        for name, value in {"max_iterations": max_iterations, "history": history}.items():
            if not isinstance(value, int) or value < 1:
                raise ValueError(f"LBFGS: {name} is {value!r}; it must be a whole number from 1")
        self.parameters = _checked("LBFGS", parameters)
        self.max_iterations, self.history = max_iterations, history
        self.tolerance = _number("LBFGS: tolerance", tolerance)

    def step(self, closure: Callable[[], Tensor], callback: Callable[[int, float], Any] = lambda *_: None) -> float:
        """Run a whole minimization, leave the parameters at the best point met, even after an error; return its loss.

        closure: computes the loss, calls its backward() and returns it; the gradients are cleared beforehand.
        callback(iteration, loss): called after each iteration, from 1; may raise StopIteration, which ends the step.
        FloatingPointError if the loss is not finite, RuntimeError if there are no gradients, TypeError for no Tensor.
        """
        from scipy.optimize import minimize

        best_loss, best = math.inf, _flat([x.data for x in self.parameters])
        iterations = itertools.count(1)

        def evaluate(point: np.ndarray) -> tuple[float, np.ndarray]:
            nonlocal best_loss, best
            self._place(point)
            loss, g = self._evaluate(closure)
            if loss < best_loss:
                best_loss, best = loss, point.copy()
            return loss, g

        def report(intermediate_result: Any) -> None:  # SciPy knows this form by the argument's name
            callback(next(iterations), float(intermediate_result.fun))

        limits = {"maxiter": self.max_iterations, "maxfun": math.inf, "gtol": self.tolerance, "ftol": 0}
        options = {"maxcor": self.history, **limits}
        try:
            minimize(evaluate, best, jac=True, method="L-BFGS-B", callback=report, options=options)
        finally:
            self._place(best)
        return best_loss

    def zero_grad(self) -> None:
        """Forget the gradients."""
        for x in self.parameters:
            x.grad = None

    def _evaluate(self, closure: Callable[[], Tensor]) -> tuple[float, np.ndarray]:
        """Return the loss and its gradient, one vector for all parameters."""
        self.zero_grad()
        loss = closure()
        if not isinstance(loss, Tensor):
            raise TypeError(f"LBFGS: the closure returned a {type(loss).__name__}; it must return the loss, a Tensor")
        if all(x.grad is None for x in self.parameters):
            raise RuntimeError("LBFGS: no parameter has a gradient; the closure must call loss.backward()")
        if not math.isfinite(loss.item()):
            raise FloatingPointError(f"LBFGS: the loss is {loss.item()}; detect_anomaly() names the op it comes from")
        return loss.item(), _flat([np.zeros(x.shape) if x.grad is None else x.grad.data for x in self.parameters])

    def _place(self, point: np.ndarray) -> None:
        """Copy the vector of all parameters into them."""
        start = 0
        for x in self.parameters:
            x.data[...] = to_device(point[start : start + x.size].reshape(x.shape), x.device)
            start += x.size


def clip_grad_norm(parameters: Parameters, max_norm: float) -> float:
    """Scale all gradients, in place, so that their joint Euclidean norm is at most max_norm; return the norm before.

    g <- g max_norm / |g| where |g| > max_norm > 0. FloatingPointError, with nothing changed, if |g| is not finite.
    Pascanu, Mikolov & Bengio 2013.
    """
    max_norm = _number("clip_grad_norm: max_norm", max_norm, zero=False)
    grads = [x.grad.data for x in _checked("clip_grad_norm", parameters) if x.grad is not None]
    norm = math.hypot(*[float(xp(g).linalg.norm(g)) for g in grads])
    if not math.isfinite(norm):
        raise FloatingPointError(f"clip_grad_norm: the norm is {norm}; detect_anomaly() names the op it comes from")
    if norm > max_norm:
        for g in grads:
            g *= max_norm / norm
    return norm


def clip_grad_value(parameters: Parameters, clip_value: float) -> None:
    """Limit every element of the gradients, in place, to [-clip_value, clip_value]; clip_value > 0. NaN stays NaN."""
    clip_value = _number("clip_grad_value: clip_value", clip_value, zero=False)
    grads = [x.grad.data for x in _checked("clip_grad_value", parameters) if x.grad is not None]
    for g in grads:
        xp(g).clip(g, -clip_value, clip_value, out=g)


def _chunks(x: Array, g: Array, *state: Array) -> Iterator[tuple[Array, ...]]:
    """Yield matching flat pieces, of at most CHUNK elements, of arrays of one shape.

    They are views; of an array that is strided, or lies in another order than the rest, buffers, which nditer copies
    back. On a GPU, where launching a kernel costs more than memory, the arrays come whole.
    """
    if xp(x) is not np:
        yield x, g, *state
        return
    access: Any = [["readwrite"], ["readonly"], *[["readwrite"]] * len(state)]
    with np.nditer([x, g, *state], ["external_loop", "buffered", "zerosize_ok"], access, buffersize=CHUNK) as pieces:
        yield from pieces


def _flat(arrays: list[Array]) -> np.ndarray:
    return np.concatenate([to_device(a, "cpu").astype(np.float64).reshape(-1) for a in arrays])


def _kind(a: Array | None) -> str:
    return "missing" if a is None else f"{a.dtype} {a.shape}"


def _checked(who: str, parameters: Parameters) -> list[Tensor]:
    """Return the parameters as a list: different leaf Tensors that require gradients, at least one."""
    if isinstance(parameters, Tensor):
        raise TypeError(f"{who}: got one Tensor; give a list, as [x]")
    xs = list(parameters)
    if not xs:
        raise ValueError(f"{who}: got no parameters; give model.parameters() or a list of Tensors")
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor):
            raise TypeError(f"{who}: parameter {i} is a {type(x).__name__}; give one flat list of Tensors")
        if not x.requires_grad:
            raise ValueError(f"{who}: parameter {i} does not require gradients; make it with requires_grad=True")
        if x._op is not None:
            raise ValueError(f"{who}: parameter {i} is a result of {x._op.name}; only leaves have a .grad")
        if any(x is other for other in xs[:i]):
            raise ValueError(f"{who}: parameter {i} was given before; give each once")
    return xs


def _number(what: str, value: float, below: float = math.inf, zero: bool = True) -> float:
    """Return value as a float; ValueError unless it is a number in [0, below), or in (0, below) without zero."""
    if not isinstance(value, Real) or not 0 <= value < below or not (value or zero):
        raise ValueError(f"{what} is {value!r}; it must be a number in {'[' if zero else '('}0, {below})")
    return float(value)
