"""Functions of functions: gradients, Jacobians, Hessians, and products with them.

Each takes a function f of Tensors and returns a function that differentiates f with respect to its first argument.
All follow in a few lines from one fact: a gradient is computed by ops, so it can be differentiated again. So they nest:
hessian(hessian(f)) gives fourth derivatives. Arguments may be arrays. The selection is that of the library autograd.
vmap is left out, since without a batching rule for every op it would only be a Python loop.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .modes import mode
from .op import as_tensor
from .ops import reshape, stack, sum
from .tensor import Tensor, grad


def value_and_grad(f: Callable) -> Callable:
    """Turn f into (x, ..) -> (f(x, ..), its gradient with respect to x). f must return a Tensor of one element."""

    def both(x: Any, *rest: Any) -> tuple[Tensor, Tensor]:
        variable, again = _variable(x)
        y = _result("value_and_grad", f(variable, *rest))
        if y.size != 1:
            raise ValueError(f"value_and_grad: f returned shape {y.shape}; it must be one number, or use jacobian")
        return y, _slopes(y, variable, None, again)

    return both


def jacobian(f: Callable) -> Callable:
    """Turn f into (x, ..) -> all partial derivatives dy_i / dx_j of y = f(x, ..), of shape (*y.shape, *x.shape).

    It takes one walk back for each element of y: a cotangent that is 1 there and 0 elsewhere picks a row of the matrix.
    """

    def rows(x: Any, *rest: Any) -> Tensor:
        variable, again = _variable(x)
        y = _result("jacobian", f(variable, *rest))
        units = np.eye(y.size, dtype=y.dtype).reshape(y.size, *y.shape)  # the rows of the identity, in y's shape
        found = [_slopes(y, variable, Tensor(unit).to(y.device), again) for unit in units]
        if not found:
            return Tensor(np.zeros((*y.shape, *variable.shape), y.dtype)).to(y.device)
        return reshape(stack(found), (*y.shape, *variable.shape))

    return rows


def hessian(f: Callable) -> Callable:
    """Turn f, which returns one number, into (x, ..) -> its second derivatives, of shape (*x.shape, *x.shape)."""
    return jacobian(lambda *args: value_and_grad(f)(*args)[1])


def hvp(f: Callable) -> Callable:
    """Turn f, which returns one number, into (x, v, ..) -> H v, its Hessian times v, of x's shape.

    H v is the gradient of (gradient of f) . v, so it costs only a few gradients, and H is never written out.
    Pearlmutter 1994.
    """

    def product(x: Any, v: Any, *rest: Any) -> Tensor:
        direction = _alike("hvp", x, v)
        return value_and_grad(lambda x, *rest: sum(value_and_grad(f)(x, *rest)[1] * direction))(x, *rest)[1]

    return product


def jvp(f: Callable) -> Callable:
    """Turn f into (x, v, ..) -> (f(x, ..), J v): the value, and how it changes as x moves along v (forward mode).

    Reverse mode computes u -> J^T u, which is linear in u. The gradient of (J^T u) . v with respect to u, at any u, is
    J v: two walks back take the place of one forwards.
    """

    def pair(x: Any, v: Any, *rest: Any) -> tuple[Tensor, Tensor]:
        direction = _alike("jvp", x, v)
        variable, again = _variable(x)
        y = _result("jvp", f(variable, *rest))
        u = Tensor(np.zeros(y.shape, y.dtype), requires_grad=True).to(y.device)
        back = _slopes(y, variable, u, again=True)  # J^T u, as a function of u
        return y, _slopes(sum(back * direction), u, None, again)

    return pair


def _variable(x: Any) -> tuple[Tensor, bool]:
    """Return x as a Tensor to differentiate by, and whether it belongs to a graph that wants to differentiate again."""
    x = as_tensor(x)
    if x.dtype.kind != "f":
        raise TypeError(f"transforms: the argument to differentiate by is {x.dtype}; give floating-point numbers")
    if x.requires_grad and mode.recording:
        return reshape(x, x.shape), True  # an alias of x: if f reads x from elsewhere too, that stays constant
    leaf = x.detach()
    leaf.requires_grad = True
    return leaf, False


def _result(name: str, y: Any) -> Tensor:
    if not isinstance(y, Tensor):
        raise TypeError(f"{name}: f returned a {type(y).__name__}; it must return a Tensor")
    return y


def _slopes(y: Tensor, x: Tensor, g: Tensor | None, again: bool) -> Tensor:
    """Return the gradient of y with respect to x; zeros where y does not depend on it."""
    return grad(y, x, g, create_graph=again) if y.requires_grad else x.detach() * 0.0


def _alike(name: str, x: Any, v: Any) -> Tensor:
    """Return the direction v, which must have the shape of x."""
    x, v = as_tensor(x), as_tensor(v, [as_tensor(x)])
    if v.shape != x.shape:
        raise ValueError(f"{name}: v has shape {v.shape}, x {x.shape}; they must be equal")
    return v
