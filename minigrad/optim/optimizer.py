"""What the first-order optimizers share: the parameters, their state, and the walk over both in small pieces."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterable
from numbers import Real
from typing import Any

import numpy as np

from ..backend import Array, device_of, to_device, xp
from ..kernels.blocks import LARGE, in_blocks
from ..profile import timed_step
from ..tensor import Tensor

CHUNK = 2**14
# leaves that require gradients, each once; or groups of them, {"params": leaves, "lr": .., "weight_decay": ..}
Parameters = Iterable[Tensor] | Iterable[dict[str, Any]]


class Optimizer:
    """What the first-order optimizers share: the parameters, their state, and the walk over them.

    A subclass names its state (under each name, zeros like every parameter) and defines update(t, lr, x, g, *state),
    which changes x and the state in place; t counts the parameter's steps from 1, and the arrays have the same shape.
    ValueError unless lr > 0 and weight_decay >= 0. For a float16 parameter, update sees float32 copies, and the state
    is float32, because the square of a gradient below 0.0002 is 0 in float16.

    Parameters may come in groups: [{"params": encoder.parameters(), "lr": 1e-4}, {"params": head.parameters()}]. A
    group's lr and weight_decay replace the optimizer's. A schedule that sets .lr scales all groups alike.
    """

    update: Callable[..., None]

    def __init__(self, parameters: Parameters, lr: float, weight_decay: float, state: list[str]):
        self.lr = self._number("lr", lr, zero=False)
        self.weight_decay = self._number("weight_decay", weight_decay)

        # each parameter with the numbers of its group
        flat: list[Tensor] = []
        self.lr_factors: list[float] = []  # the group's lr / self.lr
        self.weight_decays: list[float] = []
        for group in _groups(type(self).__name__, parameters):
            xs = list(group["params"])
            flat += xs
            self.lr_factors += [self._number("lr of a group", group.get("lr", self.lr)) / self.lr] * len(xs)
            decay = self._number("weight_decay of a group", group.get("weight_decay", self.weight_decay))
            self.weight_decays += [decay] * len(xs)

        # an optimizer that resumes from a saved state must have been made with the same numbers
        numbers = {name: value for name, value in vars(self).items() if isinstance(value, int | float | list | tuple)}
        self.made_with = {"class": type(self).__name__, **numbers}

        self.parameters = check_parameters(type(self).__name__, flat)
        self.state_names = state
        self.state: dict[str, Array] = {"steps": np.zeros(len(self.parameters), np.int64)}
        for name in state:
            self.state |= {f"{name}.{i}": xp(x.data).zeros_like(widened(x.data)) for i, x in enumerate(self.parameters)}

    @timed_step
    def step(self) -> None:
        """Update, in place, every parameter that has a gradient.

        ValueError, with nothing changed, if lr is negative or not finite, or if a gradient differs from its parameter
        in shape, dtype or device.
        """
        self.lr = self._number("lr", self.lr)  # as a float: a NumPy scalar from a schedule would widen float32
        ready = [(i, x.data, x.grad.data) for i, x in enumerate(self.parameters) if x.grad is not None]

        # check all of them before the first one changes
        for i, x, g in ready:
            self._check_alike(i, x, g)

        for i, x, g in ready:
            self.state["steps"][i] += 1
            t = self.state["steps"][i].item()
            lr, weight_decay = self.lr * self.lr_factors[i], self.weight_decays[i]

            # piece by piece, in float32 if the parameter is float16
            update = functools.partial(self._update_piece, t, lr, weight_decay)
            wide = widened(x)
            self.in_pieces(update, wide, widened(g), *self._state_of(i))
            if wide is not x:
                x[...] = wide
            self.parameters[i].mark_changed()

    def in_pieces(self, update: Callable[..., None], x: Array, g: Array, *state: Array) -> None:
        """Call update on a parameter, its gradient and its state: piece by piece, as no number depends on others."""
        in_pieces(update, x, g, *state)

    def _update_piece(self, t: int, lr: float, weight_decay: float, x: Array, g: Array, *state: Array) -> None:
        if weight_decay:
            g = self.decay(weight_decay, lr, x, g)
        self.update(t, lr, x, g, *state)

    def decay(self, weight_decay: float, lr: float, x: Array, g: Array) -> Array:
        """Return the gradient plus that of the penalty weight_decay / 2 |x|^2."""
        return g + weight_decay * x

    def zero_grad(self) -> None:
        """Clear the gradients; otherwise the next backward() adds to them."""
        for x in self.parameters:
            x.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return copies of the step counts, "steps", and of the state, "m.0", "m.1" and so on.

        Another optimizer that was made with the same arguments, see made_with, resumes from them bit for bit.
        """
        return {name: to_device(a, "cpu").copy() for name, a in self.state.items()}

    def load_state_dict(self, arrays: dict[str, np.ndarray]) -> None:
        """Set the state to what state_dict returned.

        ValueError, with nothing changed, if names, shapes or dtypes differ, or if a step count is negative.
        """
        for name in sorted(self.state.keys() | arrays.keys()):
            got, own = _kind(arrays.get(name)), _kind(self.state.get(name))
            if got != own:
                raise ValueError(
                    f"{type(self).__name__}: {name!r} is {got} in the loaded state, {own} here; both optimizers must"
                    " have the same class, options and parameters"
                )
        if (arrays["steps"] < 0).any():
            raise ValueError(f"{type(self).__name__}: the loaded state has a negative step count; it is damaged")
        for name, a in self.state.items():
            a[...] = to_device(arrays[name], device_of(a))

    def bytes_moved(self) -> int:
        """Return the bytes that a step reads and writes: the gradients once, parameters and state twice."""
        stepped = [(i, x) for i, x in enumerate(self.parameters) if x.grad is not None]
        return sum(3 * x.data.nbytes + 2 * sum(a.nbytes for a in self._state_of(i)) for i, x in stepped)

    def _state_of(self, i: int) -> list[Array]:
        return [self.state[f"{name}.{i}"] for name in self.state_names]

    def _check_alike(self, i: int, x: Array, g: Array) -> None:
        state_dtype = np.float32 if x.dtype == np.float16 else x.dtype
        for what, a in zip(["gradient", *self.state_names], [g, *self._state_of(i)]):
            dtype = x.dtype if what == "gradient" else state_dtype
            if (a.shape, a.dtype, device_of(a)) != (x.shape, dtype, device_of(x)):
                raise ValueError(
                    f"{type(self).__name__}: parameter {i} is {_kind(x)} on {device_of(x)}, its {what} is {_kind(a)} on"
                    f" {device_of(a)}; they must agree. Convert a model before you make its optimizer"
                )

    def _number(self, name: str, value: float, below: float = math.inf, zero: bool = True) -> float:
        return check_number(f"{type(self).__name__}: {name}", value, below, zero)


def widened(a: Array) -> Array:
    """Return a, or its float32 copy if a is float16."""
    return a.astype(np.float32) if a.dtype == np.float16 else a


def in_pieces(f: Callable[..., None], x: Array, g: Array, *state: Array) -> None:
    """Call f on matching pieces of arrays of one shape, all but g to be changed, until all has been visited.

    Large arrays are shared among the cores, in blocks. Of others a piece has at most CHUNK elements: a view, or buffers
    that nditer copies back where an array is strided or in another order than the rest. Small arrays come whole, as on
    a GPU all do, because there launching a kernel costs more than memory does.
    """
    if xp(x) is not np or (x.size <= CHUNK and x.ndim > 0):
        f(x, g, *state)
    elif x.size >= LARGE:
        in_blocks(f, x, g, *state)
    else:
        flags, access = ["external_loop", "buffered", "zerosize_ok"], [["readwrite"], ["readonly"]]
        access += [["readwrite"]] * len(state)
        with np.nditer([x, g, *state], flags, access, buffersize=CHUNK) as pieces:  # type: ignore[arg-type]
            for piece in pieces:
                f(*piece)


def _kind(a: Array | None) -> str:
    return "missing" if a is None else f"{a.dtype} {a.shape}"


def _groups(who: str, parameters: Parameters) -> list[dict[str, Any]]:
    """Return the parameters as groups: dicts unchanged, once their keys are checked, or all Tensors in one group."""
    if isinstance(parameters, Tensor):
        raise TypeError(f"{who}: got one Tensor; give a list, as [x]")
    items: list[Any] = list(parameters)
    if not any(isinstance(item, dict) for item in items):
        return [{"params": items}]
    for i, group in enumerate(items):
        if not isinstance(group, dict) or not {"params"} <= group.keys() <= {"params", "lr", "weight_decay"}:
            got = sorted(group) if isinstance(group, dict) else f"a {type(group).__name__}"
            raise ValueError(
                f"{who}: group {i} is {got}; it must be a dict with 'params' and, optionally, 'lr' and 'weight_decay'"
            )
    return items


def check_parameters(who: str, parameters: Parameters) -> list[Tensor]:
    """Return the parameters as a list, which must hold at least one leaf that requires gradients, and each once."""
    if isinstance(parameters, Tensor):
        raise TypeError(f"{who}: got one Tensor; give a list, as [x]")
    xs: list[Any] = list(parameters)
    if not xs:
        raise ValueError(f"{who}: got no parameters; give model.parameters() or a list of Tensors")
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor):
            raise TypeError(f"{who}: parameter {i} is a {type(x).__name__}; give one flat list of Tensors")
        if not x.requires_grad:
            raise ValueError(f"{who}: parameter {i} does not require gradients; make it with requires_grad=True")
        if x._op is not None:
            raise ValueError(f"{who}: parameter {i} is a result of {x._op.name}; give leaves, only they have a .grad")
        if any(x is other for other in xs[:i]):
            raise ValueError(f"{who}: parameter {i} was given twice; give each once")
    return xs


def check_number(what: str, value: float, below: float = math.inf, zero: bool = True) -> float:
    """Return value as a float; ValueError unless it is a number in [0, below), or in (0, below) if zero is False."""
    if not isinstance(value, Real) or not 0 <= value < below or not (value or zero):
        raise ValueError(f"{what} is {value!r}; it must be a number in {'[' if zero else '('}0, {below})")
    return float(value)
