"""Tensor and the reverse walk: automatic differentiation on one page.

The idea, by hand. Let x = 3 and w = 2, and compute z from them in two steps:

    y = x * w = 6
    z = y * y = 36

How fast does z change with x? By the chain rule, the slopes along the way are multiplied. The slope of z with respect
to y is 2 y = 12, that of y with respect to x is w = 2, so z changes 12 * 2 = 24 times as fast as x.

Reverse mode finds such slopes from the end. Pair every number with a second one, its *cotangent*: how fast z changes as
that number changes. The cotangent of z itself is 1. Then go back through the steps, the last one first:

    z = y * y    the cotangent of z is 1; y appears twice, and each occurrence receives 1 * y = 6, 12 in total
    y = x * w    the cotangent of y is 12; x receives 12 * w = 24, and w receives 12 * x = 36

One walk back has found both slopes, dz/dx = 24 and dz/dw = 36, and would have found a million of them just as well,
which is why networks are trained this way. Each step back does two things. An operation turns the cotangent of its
output into what each input receives, and a number that is used in several places adds up what it receives from each.

With arrays, the first of these is called a *vector-Jacobian product*, or VJP. Think of arrays as flattened: the
Jacobian J of an operation holds the slope of every output element with respect to every input element, the cotangent g
has one number for each output element, and the input receives g J. J is never written out: for y = x * w, element by
element, g J is just g * w. Each op, as operations are called here, supplies its own vector-Jacobian products; they are
its rules, see op.py.

So a Tensor is an array that remembers how it was made: by which op, of which inputs. Together these records form a
graph, from the result back to the *leaves*, the tensors that have no such record. backward() walks that graph, and what
a leaf has received when the walk is over is its *gradient*.

Why stop at first derivatives? A rule such as g * w is itself computed by ops on Tensors. With create_graph=True the
walk back is recorded like any other computation: dz/dx = 24 remembers that it was made as (1 * y + 1 * y) * w, and can
be walked back in turn. Check: z = x**2 w**2, so dz/dx = 2 x w**2, whose slopes with respect to x and w are 2 w**2 = 8
and 4 x w = 24.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Any

import numpy as np

from . import changes
from .backend import Array, is_array, xp
from .dtypes import own
from .interop import Interop
from .methods import Methods, ops
from .modes import walking

_adding = threading.Lock()  # held while a leaf's .grad is read and replaced: no thread's addition gets lost


class Tensor(Methods, Interop):
    """An array that remembers how it was made, so that gradients can flow back through it.

    data: numbers, nested lists or an array; copied. Python floats become float32, arrays keep their dtype.
    requires_grad: True for a leaf whose gradient is wanted; floating point only.
    TypeError for data that are not real numbers, and for integers that require gradients.
    """

    data: Array
    grad: Tensor | None = None  # of a leaf: what backward() has added up
    _requires_grad: bool = False

    # the memory of how it was made
    _op: Any = None  # by which op; None for a leaf
    _inputs: tuple = ()  # of what: Tensors and Python scalars
    _params: dict[str, Any] = {}  # with which parameters, such as an axis
    _serial: int = 0  # when: later results have larger numbers; 0 for a leaf

    def __init__(self, data: Any, requires_grad: bool = False):
        self.data = data.data.copy() if isinstance(data, Tensor) else own(data)
        self.requires_grad = requires_grad

    @classmethod
    def wrap(cls, data: Array) -> Tensor:
        """Return a Tensor around the array data, which is not copied."""
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

    def backward(self, g: Any = None, create_graph: bool = False) -> None:
        """For every leaf that this tensor depends on, add the gradient with respect to it to the leaf's .grad.

        g: the cotangent to start from, of this tensor's shape; 1 for a tensor of one element. create_graph: make .grad
        differentiable again. ValueError if nothing requires a gradient, or g is missing or of another shape.
        """
        order = self.ancestors()
        leaves = [t for t in order if t._op is None]
        with walking(create_graph):
            for leaf, gx in zip(leaves, reverse(order, leaves, g)):
                if gx is not None:
                    with _adding:
                        leaf.grad = gx if leaf.grad is None else leaf.grad + gx

    def ancestors(self) -> list[Tensor]:
        """List this tensor and all tensors it was made from that require gradients, newest first.

        An input is always older than what is made of it, so this order meets every tensor after all of its users.
        """
        seen, stack = {id(self): self}, [self]
        while stack:
            for x in stack.pop()._inputs:
                if isinstance(x, Tensor) and x._requires_grad and id(x) not in seen:
                    seen[id(x)] = x
                    stack.append(x)
        return sorted(seen.values(), key=attrgetter("_serial"), reverse=True)

    def detach(self) -> Tensor:
        """Return a tensor that shares this one's data and forgets how it was made."""
        return Tensor.wrap(self.data)

    def mark_changed(self) -> None:
        """Note that the data were changed in place: older graphs that read them or a view refuse to be walked."""
        changes.note(self.data)

    @property
    def requires_grad(self) -> bool:
        """Whether gradients flow to this tensor. It can be set on a floating-point leaf."""
        return self._requires_grad

    @requires_grad.setter
    def requires_grad(self, wanted: bool) -> None:
        if wanted and self.data.dtype.kind != "f":
            raise TypeError(f"Tensor: {self.data.dtype} cannot require gradients; convert to float32 or float64 first")
        if self._op is not None and not wanted:
            raise ValueError(f"Tensor: a result of {self._op.name} requires gradients as its inputs do; use .detach()")
        self._requires_grad = bool(wanted)

    # fmt: off
    # an operator is an op: `ops` holds the functions that the package ops/ defines. Comparisons are in methods.py
    def __add__(self, y: Any) -> Tensor: return ops.add(self, y)
    def __radd__(self, y: Any) -> Tensor: return ops.add(y, self)
    def __sub__(self, y: Any) -> Tensor: return ops.subtract(self, y)
    def __rsub__(self, y: Any) -> Tensor: return ops.subtract(y, self)
    def __mul__(self, y: Any) -> Tensor: return ops.multiply(self, y)
    def __rmul__(self, y: Any) -> Tensor: return ops.multiply(y, self)
    def __truediv__(self, y: Any) -> Tensor: return ops.divide(self, y)
    def __rtruediv__(self, y: Any) -> Tensor: return ops.divide(y, self)
    def __floordiv__(self, y: Any) -> Tensor: return ops.floor_divide(self, y)
    def __rfloordiv__(self, y: Any) -> Tensor: return ops.floor_divide(y, self)
    def __mod__(self, y: Any) -> Tensor: return ops.remainder(self, y)
    def __rmod__(self, y: Any) -> Tensor: return ops.remainder(y, self)
    def __pow__(self, y: Any) -> Tensor: return ops.power(self, y)
    def __rpow__(self, y: Any) -> Tensor: return ops.power(y, self)
    def __matmul__(self, y: Any) -> Tensor: return ops.matmul(self, y)
    def __rmatmul__(self, y: Any) -> Tensor: return ops.matmul(y, self)
    def __neg__(self) -> Tensor: return ops.negative(self)
    # fmt: on


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
    with walking(create_graph):
        grads = reverse(y.ancestors(), xs, g)
    zeros = [Tensor.wrap(xp(x.data).zeros_like(x.data)) if gx is None else gx for x, gx in zip(xs, grads)]
    return zeros[0] if one else zeros


def reverse(
    order: list[Tensor],
    xs: Sequence[Tensor],
    g: Any,
    as_leaves: bool = False,
    take: Callable[[Tensor, Tensor], Any] | None = None,
) -> list[Tensor | None]:
    """Walk from order[0] back to xs and return each x's gradient, None for an x that it does not depend on.

    order: a result and its ancestors. g: the cotangent of the result. as_leaves: stop at each x, as if it were a leaf
    (recompute.py replaces parts of a graph). take(x, its gradient), if given, is called during the walk, as soon as it
    comes to an x, and has to copy what it keeps; nothing is returned then (distributed/ sends gradients meanwhile).
    """
    changes.check(order)
    wanted = {id(x) for x in xs}
    found = _walk(order, _first_cotangent(order[0], g), wanted, as_leaves, take)
    held = {id(t.data) for t in order}
    held |= {id(t.data) for made in order for t in made._inputs if isinstance(t, Tensor) and not t._requires_grad}
    held |= {id(g.data)} if isinstance(g, Tensor) else set()
    return [_unshared(found[id(x)], held) if id(x) in found else None for x in xs]


def _walk(
    order: list[Tensor], g: Tensor, wanted: set[int], as_leaves: bool, take: Callable[[Tensor, Tensor], Any] | None
) -> dict[int, Tensor]:
    """The reverse walk. order: a result and its ancestors, newest first -> {id: cotangent} of the wanted tensors."""
    useful = _on_the_way(order, wanted)
    cotangents, found = {id(order[0]): g}, {}
    for t in order:
        gt = cotangents.pop(id(t), None)  # popped, so that each is freed as soon as it has been used
        if gt is None:
            continue
        if id(t) in wanted:
            if take is None:
                found[id(t)] = gt
            else:
                take(t, gt)
        if t._op is None or (as_leaves and id(t) in wanted):
            continue
        for x, gx in t._op.pull_back(gt, t, useful):
            sofar = cotangents.get(id(x))
            cotangents[id(x)] = gx if sofar is None else sofar + gx  # what several uses send back adds up
    return found


# ---- guards of the walk ----------------------------------------------------------------------------------------------


def _on_the_way(order: list[Tensor], wanted: set[int]) -> set[int]:
    """Return the ids of the tensors through which something wanted is reached: no rule need run for the others."""
    useful = set(wanted)
    for t in reversed(order):
        if not useful.isdisjoint(map(id, t._inputs)):
            useful.add(id(t))
    return useful


def _first_cotangent(y: Tensor, g: Any) -> Tensor:
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


def _unshared(g: Tensor, held: set[int]) -> Tensor:
    """Return g, or a copy if its memory may be shared: with the caller, the graph or another gradient."""
    if g.data.base is not None or id(g.data) in held:
        g = g + 0
    held.add(id(g.data))
    return g
