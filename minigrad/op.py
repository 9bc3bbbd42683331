"""@op: how an array function becomes differentiable.

    @op
    def multiply(x, y, /):
        return x * y

    multiply.defvjp(
        x=lambda g, out, x, y: unbroadcast(g * y, x),
        y=lambda g, out, x, y: unbroadcast(g * x, y))

The forward function sees arrays. Arguments before the "/" (or a "*xs") are inputs; the rest are parameters, which are
never differentiated. A rule sees Tensors: the cotangent g, the output, all inputs, all parameters; it returns the
cotangent of its input. As rules are made of ops, they can be differentiated in turn, to any order. What an op does with
whole numbers and with float16 is said by @op(dtypes=..): the table stands in dtypes.py.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .backend import check_same_device, is_array, xp
from .changes import kept
from .dtypes import WIDEN, floating, own, rounded
from .modes import mode
from .tensor import Tensor

REGISTRY: dict[str, Op] = {}


class Op:
    """A differentiable array function: its forward, and one gradient rule per differentiable input."""

    def __init__(self, forward: Callable, order: int | None, dtypes: str):
        self.name, self.forward, self.order = forward.__name__, forward, order
        if dtypes not in WIDEN:
            raise ValueError(f"@op {self.name}: dtypes is {dtypes!r}; it must be 'numpy', 'sums' or 'real'")
        self.dtypes, self.widen = dtypes, WIDEN[dtypes]
        self.__name__, self.__doc__, self.__wrapped__ = self.name, forward.__doc__, forward
        parameters = inspect.signature(forward).parameters.values()
        self.variadic = any(p.kind is p.VAR_POSITIONAL for p in parameters)
        self.inputs = [p.name for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.VAR_POSITIONAL)]
        self.params = [p.name for p in parameters if p.name not in self.inputs]
        self.defaults = {p.name: p.default for p in parameters if p.name in self.params and p.default is not p.empty}
        self.by_position = sum(p.kind is p.POSITIONAL_OR_KEYWORD for p in parameters)
        self.optional = sum(p.default is not p.empty for p in parameters if p.kind is p.POSITIONAL_ONLY)
        self.rules: dict[str, Callable | None] = {}
        if not self.inputs:
            raise TypeError(f"@op {self.name}: no inputs; put '/' after the arrays among the arguments: (x, /, axis)")

    def defvjp(self, **rules: Callable | None) -> None:
        """Set the gradient rule of every input; None for an input whose gradient is zero or that is no number.

        A rule's arguments must be (g, out, *inputs, *params), by name; (g, out, i, xs, *params) for inputs *xs.
        """
        if list(rules) != self.inputs:
            raise TypeError(f"{self.name}.defvjp: rules for {list(rules)}; the inputs, in order, are {self.inputs}")
        expected = ["g", "out", *(["i"] if self.variadic else []), *self.inputs, *self.params]
        for name, rule in rules.items():
            if rule is not None and list(inspect.signature(rule).parameters) != expected:
                raise TypeError(f"{self.name}.defvjp: the rule for {name} must take ({', '.join(expected)})")
        self.rules = rules

    def __call__(self, *args: Any, **params: Any) -> Tensor:
        """Compute the op on Tensors, arrays and Python scalars, and record it if a gradient may be wanted."""
        if params or self.params or self.variadic or len(args) != len(self.inputs):
            args, params = self._bind(args, params)
        inputs = tuple([x if isinstance(x, Tensor) or type(x) in _SCALARS else as_tensor(x, args) for x in args])
        arrays, tracked, some, fraction = [], False, False, False
        for x in inputs:
            if isinstance(x, Tensor):
                arrays.append(x.data)
                some, tracked = True, tracked or x._requires_grad
            else:
                arrays.append(x)
                fraction = fraction or type(x) is float
        if not some:  # exp(1.0)
            needed = len(inputs) - self.optional
            return self(*[x if x is None and i >= needed else Tensor(x) for i, x in enumerate(inputs)], **params)
        if "cupy" in sys.modules:
            check_same_device(self.name, arrays)
        narrow = self.widen(arrays) if self.widen else None
        out = Tensor.wrap(self.forward(*arrays, **params))
        if narrow or fraction:
            out.data = rounded(out.data, arrays, narrow)
        if mode.anomaly:
            self._check_finite(out, inputs)
        if tracked and mode.recording and out.data.dtype.kind == "f" and self._depends(inputs):
            out.record(self, inputs, kept(params) if params else params)
        return out

    def pull_back(self, g: Tensor, out: Tensor, useful: set[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (input, its cotangent) for each input of out that is useful, from the cotangent g of out."""
        inputs, params = out._inputs, out._params
        for i, x in enumerate(inputs):
            if id(x) not in useful or not x._requires_grad:
                continue
            name = self.inputs[0 if self.variadic else i]
            rule = self.rules[name]
            if rule is None:
                continue
            outer, mode.rule = mode.rule, (self.name, name)
            try:
                gx = self._apply(rule, g, out, *((i, inputs) if self.variadic else inputs), **params)
            finally:
                mode.rule = outer
            if gx.data.shape != x.data.shape:
                raise RuntimeError(
                    f"{self.name}: the rule for {name} gave shape {gx.shape}, the input has {x.shape};"
                    " sum over broadcast axes with unbroadcast"
                )
            yield x, gx if gx.data.dtype == x.data.dtype else gx.astype(x.data.dtype)

    def __reduce__(self) -> tuple:
        """Pickle the op by its name, as functions are: the rules need not be pickled."""
        return _registered, (self.forward.__module__, self.name)

    def __deepcopy__(self, memo: dict) -> Op:
        return self

    def _bind(self, args: tuple, params: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Split a call into its inputs and its parameters with their defaults."""
        if self.variadic:
            together = bool(args) and isinstance(args[0], list | tuple)  # concatenate([x, y], 1): NumPy's way
            args, rest = (tuple(args[0]), args[1:]) if together else (args, ())
            if not args or len(rest) > len(self.params):
                raise TypeError(f"{self.name}{inspect.signature(self.forward)}: needs at least one input, in one list")
        else:
            n = len(self.inputs)
            if named := [name for name in self.inputs if name in params]:
                raise TypeError(f"{self.name}: {', '.join(named)} is an input; give it by its position")
            if len(args) < n - self.optional or len(args) > n + self.by_position:
                raise TypeError(f"{self.name}{inspect.signature(self.forward)}: got {len(args)} positional arguments")
            args, rest = args[:n] + (None,) * (n - len(args)), args[n:]
        if rest:
            given = dict(zip(self.params, rest))
            if twice := given.keys() & params.keys():
                raise TypeError(f"{self.name}: got {', '.join(sorted(twice))} twice, by position and by name")
            params = given | params
        if self.params:
            params = self.defaults | params if params else self.defaults
        for name, value in params.items():
            if isinstance(value, Tensor):
                raise TypeError(
                    f"{self.name}: {name} is a parameter, which is never differentiated; give a number or array"
                )
        if len(params) != len(self.params) or any(name not in params for name in self.params):
            raise TypeError(f"{self.name}{inspect.signature(self.forward)}: got the parameters {sorted(params)}")
        return args, params

    def _depends(self, inputs: tuple) -> bool:
        """Tell whether an input that requires a gradient has a rule for it."""
        if not self.rules:
            raise TypeError(f"{self.name}: a gradient is wanted, but it has no rules; give it {self.name}.defvjp(..)")
        if None not in self.rules.values():
            return True
        return any(
            isinstance(x, Tensor) and x._requires_grad and self.rules[name] is not None
            for x, name in zip(inputs, self.inputs)
        )

    def _apply(self, rule: Callable, g: Tensor, out: Tensor, *args: Any, **params: Any) -> Tensor:
        """Run a rule; behind an op of limited order the result refuses to be differentiated again."""
        if self.order is None or not mode.recording:
            return rule(g, out, *args, **params)
        mode.recording = False
        try:
            gx = rule(g, out, *args, **params)
        finally:
            mode.recording = True
        return refuse_gradient(gx, *[x for x in (g, *out._inputs) if isinstance(x, Tensor)], of=self.name)

    def _check_finite(self, out: Tensor, inputs: tuple) -> None:
        """Raise FloatingPointError if out holds the first NaN or infinity."""
        if out.data.dtype.kind != "f" or bool(xp(out.data).isfinite(out.data).all()):
            return
        given = [x.data for x in inputs if isinstance(x, Tensor) and x.data.dtype.kind == "f"]
        blame = "made" if all(bool(xp(a).isfinite(a).all()) for a in given) else "was given, and passes on,"
        where = ", in the gradient rule of {} for {},".format(*mode.rule) if mode.rule else ""
        shapes = ", ".join(str(a.shape) for a in given)
        raise FloatingPointError(f"{self.name}{where} {blame} a NaN or infinity; inputs of shape {shapes}")

    def __repr__(self) -> str:
        return f"<op {self.name}>"


_SCALARS = (float, int, bool, type(None))


def as_tensor(x: Any, beside: Iterable = ()) -> Tensor:
    """Return x as a Tensor. Python numbers, also in lists, take the dtype of the floating-point numbers beside them."""
    return x if isinstance(x, Tensor) else Tensor.wrap(own(x, None if is_array(x) else floating(beside)))


def real(*xs: Any) -> list[Tensor]:
    """Return xs as Tensors of real numbers, as an op with dtypes="real" sees them: losses and statistics begin so."""
    tensors = [as_tensor(x, xs) for x in xs]
    dtype = floating(tensors) or np.float32
    return [t if t.data.dtype.kind == "f" else t.astype(dtype) for t in tensors]


def op(forward: Callable | None = None, *, order: int | None = None, dtypes: str = "numpy") -> Any:
    """Make an array function an Op and enter it in the REGISTRY.

    dtypes: what it does with whole numbers and with float16, "numpy", "sums" or "real"; see dtypes.py.
    order=1: its rules are not differentiable themselves, and differentiating them raises instead of being wrong.
    """
    if forward is None:
        return lambda forward: op(forward, order=order, dtypes=dtypes)
    if forward.__name__ in REGISTRY:
        raise ValueError(f"@op {forward.__name__}: an op of this name exists already; names are unique")
    made = REGISTRY[forward.__name__] = Op(forward, order, dtypes)
    return made


def _registered(module: str, name: str) -> Op:
    """Return the op of this name, after an import of the module that defines it."""
    importlib.import_module(module)
    if name not in REGISTRY:
        raise LookupError(f"op {name} is not defined at the top of module {module}, so it cannot be unpickled")
    return REGISTRY[name]


def _refuse_gradient(*xs, of):
    """Return the first input; its other inputs are what a gradient of it would have to flow to."""
    return xs[0]


def _raise_order(g, out, i, xs, of):
    raise NotImplementedError(f"{of}: its gradient rule cannot be differentiated again; second order is not available")


refuse_gradient = Op(_refuse_gradient, None, "numpy")
refuse_gradient.defvjp(xs=_raise_order)


def unbroadcast(g: Tensor, x: Tensor) -> Tensor:
    """Sum g over the axes along which x was broadcast: the adjoint of broadcasting. Any shape -> x's shape."""
    if g.data.shape == x.data.shape:
        return g
    lead = g.ndim - x.ndim
    repeated = [lead + axis for axis, n in enumerate(x.shape) if n == 1 and g.shape[lead + axis] != 1]
    return g.sum(axis=(*range(lead), *repeated), keepdims=True).reshape(x.shape)
