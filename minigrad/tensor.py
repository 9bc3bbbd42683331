"""Tensor and the reverse walk: the whole of automatic differentiation.

A Tensor is an array that remembers how it was made: the op, the op's inputs and its parameters. Those memories are
the graph. Reverse mode walks it from the result back to the leaves, newest tensor first, and at each step asks the op
how a change of its output flows to its inputs. What the ops are, this file does not know: see op.py.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from . import changes
from .backend import Array, device_of, is_array, xp
from .dtypes import own

if TYPE_CHECKING:  # the operators and methods that ops/methods.py adds to Tensor at import
    from .op import Op
    from .ops.methods import Methods
else:
    Methods = object


class _Mode(threading.local):
    recording = True  # do results remember how they were made?
    anomaly = False  # is every result searched for NaN and infinity?
    rule: tuple[str, str] | None = None  # the (op, input) whose gradient rule is running, for the anomaly report


mode = _Mode()
_adding = threading.Lock()  # held while a leaf's .grad is read and replaced: no thread's addition gets lost


class Tensor(Methods):
    """An array with a memory of its making, so that gradients can flow back through it.

    data: numbers, nested lists or an array; copied. Python floats become float32, arrays keep their dtype.
    requires_grad: True for a leaf whose gradient is wanted; floating point only.
    TypeError for data that are not real numbers, and for integers that require gradients.
    """

    data: Array
    _requires_grad: bool = False
    grad: Tensor | None = None
    _op: Op | None = None  # what made it; None for a leaf
    _inputs: tuple = ()  # of what: Tensors and Python scalars
    _params: dict[str, Any] = {}
    _serial: int = 0  # when: later results have larger numbers; 0 for a leaf

    def __init__(self, data: Any, requires_grad: bool = False):
        self.data = data.data.copy() if isinstance(data, Tensor) else own(data)
        self.requires_grad = requires_grad

    @classmethod
    def wrap(cls, data: Array) -> Tensor:
        """Return a Tensor around data, which is not copied: for results that nobody else holds."""
        if not isinstance(data, np.ndarray):
            if not is_array(data):
                raise TypeError(f"Tensor: an op's forward must return an array, got a {type(data).__name__}")
            data = np.asarray(data) if isinstance(data, np.generic) else data
        t = object.__new__(Tensor)
        t.data = data
        return t

    def record(self, op: Any, inputs: tuple, params: dict[str, Any]) -> None:
        """Remember that op made this tensor from inputs under params."""
        self._requires_grad, self._op, self._inputs, self._params = True, op, inputs, params
        self._serial = next(changes.clock)

    def mark_changed(self) -> None:
        """Note that the data were changed in place: older graphs that read them or a view refuse to be walked."""
        changes.note(self.data)

    def backward(self, g: Any = None, create_graph: bool = False) -> None:
        """Add the gradient of this tensor with respect to every leaf it depends on to that leaf's .grad.

        g: the cotangent, of this tensor's shape; 1 for a tensor of one element. create_graph: make .grad
        differentiable again. ValueError if nothing requires a gradient, or g is missing or of another shape.
        """
        leaves = [t for t in ancestors(self) if t._op is None]
        with recording(create_graph):
            for leaf, gx in zip(leaves, reverse(self, leaves, g)):
                if gx is not None:
                    with _adding:
                        leaf.grad = gx if leaf.grad is None else leaf.grad + gx

    def detach(self) -> Tensor:
        """Return a tensor that shares this one's data and forgets how it was made."""
        return Tensor.wrap(self.data)

    @property
    def requires_grad(self) -> bool:
        """Is the gradient of this tensor wanted? Of a leaf of floating-point numbers it can be set."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and self.data.dtype.kind != "f":
            raise TypeError(f"Tensor: {self.data.dtype} cannot require gradients; convert to float32 or float64 first")
        if self._op is not None and not wanted:
            raise ValueError(f"Tensor: a result of {self._op.name} requires gradients as its inputs do; use .detach()")
        self._requires_grad = bool(wanted)

    @property
    def shape(self) -> tuple[int, ...]:
        return self.data.shape

    @property
    def ndim(self) -> int:
        return self.data.ndim

    @property
    def size(self) -> int:
        return self.data.size

    @property
    def dtype(self) -> np.dtype:
        return self.data.dtype

    @property
    def device(self) -> str:
        return device_of(self.data)


def grad(y: Tensor, xs: Any, g: Any = None, create_graph: bool = False) -> Any:
    """Return the gradient of y with respect to xs, one Tensor or a sequence of them; .grad stays as it is.

    Zeros where y does not depend on an x. g and create_graph as in Tensor.backward.
    ValueError if y or an x does not require gradients.
    """
    one = isinstance(xs, Tensor)
    xs = [xs] if one else list(xs)
    for i, x in enumerate(xs):
        if not isinstance(x, Tensor) or not x.requires_grad:
            raise ValueError(f"grad: xs[{i}] does not require gradients; make it with requires_grad=True")
    with recording(create_graph):
        grads = reverse(y, xs, g)
    zeros = [Tensor.wrap(xp(x.data).zeros_like(x.data)) if gx is None else gx for x, gx in zip(xs, grads)]
    return zeros[0] if one else zeros


def reverse(y: Tensor, xs: Sequence[Tensor], g: Any, as_leaves: bool = False) -> list[Tensor | None]:
    """Walk from y back to xs and return each x's gradient, None for an x that y does not depend on.

    as_leaves: do not walk on behind an x, as if it had not been made of anything.
    """
    order = ancestors(y)
    _check_unchanged(order)
    useful = {id(x) for x in xs}  # the tensors through which something wanted is reached
    for t in reversed(order):
        if any(id(x) in useful for x in t._inputs):
            useful.add(id(t))
    cotangents = {id(y): _seed(y, g)}
    found: dict[int, Tensor | None] = dict.fromkeys(id(x) for x in xs)
    for t in order:
        gt = cotangents.pop(id(t), None)  # popped, so that each is freed as soon as it has been used
        if gt is None:
            continue
        if id(t) in found:
            found[id(t)] = gt
            if as_leaves:
                continue
        if t._op is not None:
            for x, gx in t._op.pull_back(gt, t, useful):
                sofar = cotangents.get(id(x))
                cotangents[id(x)] = gx if sofar is None else sofar + gx
    held = {id(t.data) for made in order for t in (made, *made._inputs, g) if isinstance(t, Tensor)}
    return [None if gx is None else _own_memory(gx, held) for gx in (found[id(x)] for x in xs)]


def ancestors(y: Tensor) -> list[Tensor]:
    """List y and all tensors it was made from that require gradients, newest first.

    An input is always older than what is made of it, so this order meets every tensor after all of its users.
    """
    seen, stack = {id(y): y}, [y]
    while stack:
        for x in stack.pop()._inputs:
            if isinstance(x, Tensor) and x._requires_grad and id(x) not in seen:
                seen[id(x)] = x
                stack.append(x)
    return sorted(seen.values(), key=lambda t: -t._serial if t._op else 0)


def _check_unchanged(order: list[Tensor]) -> None:
    """Raise RuntimeError if what a rule would read has changed since it was recorded: it would see other numbers."""
    for made in order:
        if made._op is None or made._serial > changes.latest:
            continue
        for t in (made, *made._inputs):
            if isinstance(t, Tensor) and changes.last_change(t.data) > made._serial:
                raise RuntimeError(
                    f"{made._op}: the data of an input were changed in place, as by an optimizer's step, after this"
                    " graph was recorded; call backward() before step(), or compute the result anew"
                )


def _seed(y: Tensor, g: Any) -> Tensor:
    """Return the cotangent that the walk starts from."""
    if not y.requires_grad:
        raise ValueError("backward: this result depends on no tensor that requires gradients")
    if g is None:
        if y.size != 1:
            raise ValueError(f"backward: a result of shape {y.shape} needs a cotangent g; or reduce it, as by .sum()")
        return Tensor.wrap(xp(y.data).ones_like(y.data))
    g = g if isinstance(g, Tensor) else Tensor.wrap(own(g, y.dtype))
    if g.shape != y.shape:
        raise ValueError(f"backward: g has shape {g.shape}, the result {y.shape}; they must be equal")
    return g if g.dtype == y.dtype else g.astype(y.dtype)


def _own_memory(g: Tensor, held: set[int]) -> Tensor:
    """Return g, or a copy if something else holds its memory: the caller, the graph or another gradient."""
    if g.data.base is not None or id(g.data) in held:
        g = g + 0
    held.add(id(g.data))
    return g


@contextmanager
def recording(on: bool) -> Iterator[None]:
    before, mode.recording = mode.recording, on
    try:
        yield
    finally:
        mode.recording = before


def no_grad() -> Any:
    """Return a context in which results do not remember how they were made: for evaluation and for updates."""
    return recording(False)
