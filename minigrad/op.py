"""@op: how an array function becomes differentiable.

    @op
    def multiply(x, w, /):
        return x * w

    multiply.defvjp(
        x=lambda g, out, x, w: unbroadcast(g * w, x),
        w=lambda g, out, x, w: unbroadcast(g * x, w))

The forward function sees arrays (and Python numbers as they are). Arguments before the "/", or a "*xs", are inputs; the
rest are parameters, which are never differentiated. Each input has one rule, or None where there is nothing to
differentiate. A rule sees the cotangent g of the output, the output, all inputs and all parameters, arrays being
Tensors now, and returns what its input receives: the vector-Jacobian product (VJP) that tensor.py explains. unbroadcast
sums it back to the input's shape. What the rules of an op have in common, share() has computed once for all of them.

What happens, in order, when y = x * w is computed:

 1. Tensor.__mul__ looks "multiply" up and calls it with the Tensors x and w: Op.__call__ below.
 2. Parameters, if the op has any, are told apart from inputs (signature.py). Inputs that are arrays or lists become
    Tensors.
 3. The forward function computes with the arrays, x.data * w.data; the result is wrapped in a Tensor y.
 4. If x or w requires a gradient, and recording is not switched off, y remembers the op, its inputs and parameters.

And when the walk back from some result reaches y, with y's cotangent g:

 5. pull_back calls the rule of each input that is needed. That of x computes g * w, which is a call of this same op.
 6. If the walk is recorded (create_graph=True), the product remembers how it was made, as in step 4, so it can be
    differentiated in turn: with respect to w it gives g, with respect to g it gives w. As rules are made of ops, this
    goes on to any order, except behind the few ops that declare order=1.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from .anomaly import check_finite
from .backend import check_same_device, is_array
from .changes import kept
from .dtypes import FLOAT32, WIDEN, floating, own, rounded
from .modes import mode
from .profile import timed
from .signature import Signature
from .tensor import Tensor

REGISTRY: dict[str, Op] = {}
_SCALARS = (float, int, bool, type(None))  # inputs that stay as they are; None is an optional one that was omitted


class Op:
    """A differentiable array function: its forward, and one gradient rule per differentiable input."""

    def __init__(self, forward: Callable, order: int | None, dtypes: str):
        self.name, self.forward, self.order = forward.__name__, forward, order
        self.__name__, self.__doc__, self.__wrapped__ = self.name, forward.__doc__, forward
        if dtypes not in WIDEN:
            raise ValueError(f"@op {self.name}: dtypes is {dtypes!r}; it must be 'numpy', 'sums' or 'real'")
        self.dtypes, self.widen = dtypes, WIDEN[dtypes]
        self.signature = Signature(forward)
        self.inputs, self.params = self.signature.inputs, self.signature.params
        self.variadic = self.signature.variadic
        self.inputs_alone = not self.params and not self.variadic
        self.rules: dict[str, Callable | None] = {}
        self.shared: Callable | None = None  # what the rules have in common
        self.always_depends = False  # has every input a rule?

    def share(self, shared: Callable) -> None:
        """Call shared(g, out, *inputs, *params) once on each walk back, and give its result to every rule, as `shared`.

        To be called before defvjp. TypeError for an op with inputs *xs or with order=1.
        """
        if self.variadic or self.order is not None:
            raise TypeError(f"{self.name}.share: its rules cannot share work, as it has inputs *xs or order=1")
        self.shared = shared

    def defvjp(self, **rules: Callable | None) -> None:
        """Set the gradient rule of every input; None for an input whose gradient is zero or that is not numeric.

        A rule's arguments must be (g, out, *inputs, *params), by name; (g, out, i, xs, *params) for inputs *xs.
        """
        if list(rules) != self.inputs:
            raise TypeError(f"{self.name}.defvjp: rules for {list(rules)}; the inputs, in order, are {self.inputs}")
        expected = ["g", "out", *(["i"] if self.variadic else []), *self.inputs, *self.params]
        expected += ["shared"] if self.shared else []
        for name, rule in rules.items():
            if rule is not None and list(inspect.signature(rule).parameters) != expected:
                raise TypeError(f"{self.name}.defvjp: the rule for {name} must take ({', '.join(expected)})")
        self.rules = rules
        self.always_depends = None not in rules.values()

    def __call__(self, *args: Any, **params: Any) -> Tensor:
        """Compute the op on Tensors, arrays and Python numbers, and record it if a gradient may be wanted."""
        # which arguments are inputs, which parameters? (where there are inputs alone, there is nothing to ask)
        if params or not self.inputs_alone or len(args) != len(self.inputs):
            args, params = self.signature.bind(args, params)

        # the arrays in the Tensors; are there any Tensors, does one require a gradient, is there a Python float?
        arrays, any_tensor, tracked, has_float = [], False, False, False
        for x in args:
            if isinstance(x, Tensor):
                arrays.append(x.data)
                any_tensor = True
                if x._requires_grad:
                    tracked = True
            elif type(x) in _SCALARS:
                arrays.append(x)
                if type(x) is float:
                    has_float = True
            else:  # an array or a list: begin again with Tensors
                return self(*[x if type(x) in _SCALARS else as_tensor(x, args) for x in args], **params)
        if not any_tensor:
            return self(*self._made_tensors(args), **params)
        if "cupy" in sys.modules:
            check_same_device(self.name, arrays)

        # compute, in the dtype that dtypes.py chooses
        narrow = self.widen(arrays) if self.widen else None
        watched = mode.watched
        out = Tensor.wrap(self._timed(arrays, params) if watched else self.forward(*arrays, **params))
        if narrow or (has_float and out.data.dtype is not FLOAT32):
            out.data = rounded(out.data, arrays, narrow)
        if watched and mode.anomaly:
            check_finite(self.name, out, args)

        # remember
        if tracked and mode.recording and out.data.dtype.kind == "f" and (self.always_depends or self._depends(args)):
            out.record(self, args, kept(params) if params else params)
        return out

    def pull_back(self, g: Tensor, out: Tensor, useful: set[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (input, what it receives) for the inputs of out whose ids are in useful. g: the cotangent of out."""
        inputs, params = out._inputs, out._params
        usual = self.order is None and not mode.watched
        if self.shared:
            shared = self.shared if usual else functools.partial(self._watched, "all inputs", self.shared)
            params = params | {"shared": shared(g, out, *inputs, **params)}
        for i, x in enumerate(inputs):
            if id(x) not in useful or not x._requires_grad:
                continue
            name = self.inputs[0 if self.variadic else i]
            rule = self.rules[name]
            if rule is None:
                continue
            arguments = (i, inputs) if self.variadic else inputs
            rule = rule if usual else functools.partial(self._watched, name, rule)
            gx = rule(g, out, *arguments, **params)
            if gx.data.shape != x.data.shape:
                raise RuntimeError(
                    f"{self.name}: the rule for {name} gave shape {gx.shape}, the input has {x.shape};"
                    " sum over broadcast axes with unbroadcast"
                )
            yield x, gx if gx.data.dtype == x.data.dtype else gx.astype(x.data.dtype)

    def _timed(self, arrays: list, params: dict[str, Any]) -> Any:
        """Compute forward for the open profiles."""
        with timed(self.name) as found:
            found.result = self.forward(*arrays, **params)
            found.arrays, found.params = arrays, params
        return found.result

    def _made_tensors(self, inputs: tuple) -> list:
        """Return Python numbers as Tensors, for exp(1.0); inputs that were left out stay None."""
        needed = len(inputs) - self.signature.optional
        return [x if x is None and i >= needed else Tensor(x) for i, x in enumerate(inputs)]

    def _depends(self, inputs: tuple) -> bool:
        """Return whether some input that requires a gradient has a rule for it."""
        if not self.rules:
            raise TypeError(f"{self.name}: a gradient is wanted, but it has no rules; give it {self.name}.defvjp(..)")
        return any(
            isinstance(x, Tensor) and x._requires_grad and self.rules[name] is not None
            for x, name in zip(inputs, self.inputs)
        )

    def _watched(self, name: str, rule: Callable, g: Tensor, out: Tensor, *arguments: Any, **params: Any) -> Any:
        """Run the rule for an input where more is asked: under detect_anomaly or profile, of an op with order=1."""
        outer, recording = mode.rule, mode.recording
        mode.rule, mode.recording = (self.name, name), recording and self.order is None
        try:
            with timed("(rule itself)"):
                gx = rule(g, out, *arguments, **params)
        finally:
            mode.rule, mode.recording = outer, recording
        if recording and self.order is not None:  # the result raises if it is differentiated again
            return refuse_gradient(gx, *[x for x in (g, *out._inputs) if isinstance(x, Tensor)], of=self.name)
        return gx

    def __reduce__(self) -> tuple:
        """Pickle the op by its name, as functions are: the rules need not be pickled."""
        return _registered, (self.forward.__module__, self.name)

    def __deepcopy__(self, memo: dict) -> Op:
        return self

    def __repr__(self) -> str:
        return f"<op {self.name}>"


def as_tensor(x: Any, beside: Iterable = ()) -> Tensor:
    """Return x as a Tensor. Python numbers, also in lists, take the dtype of the floating-point numbers beside them."""
    return x if isinstance(x, Tensor) else Tensor.wrap(own(x, None if is_array(x) else floating(beside)))


def real(*xs: Any) -> list[Tensor]:
    """Return xs as Tensors of real numbers, as an op with dtypes="real" sees them: how losses and statistics begin."""
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
    """Return the op of this name, importing the module that defines it first."""
    importlib.import_module(module)
    if name not in REGISTRY:
        raise LookupError(f"op {name} is not defined at the top of module {module}, so it cannot be unpickled")
    return REGISTRY[name]


def _refuse_gradient(*xs, of):
    """Return xs[0] unchanged. The others are recorded only so that a later walk passes through here and raises."""
    return xs[0]


def _raise_order(g, out, i, xs, of):
    raise NotImplementedError(f"{of}: its gradient rule cannot be differentiated again; second order is not available")


refuse_gradient = Op(_refuse_gradient, None, "numpy")
refuse_gradient.defvjp(xs=_raise_order)


def unbroadcast(g: Tensor, x: Tensor) -> Tensor:
    """Sum g over the axes along which x was broadcast, which undoes broadcasting on the way back. -> x's shape."""
    if g.data.shape == x.data.shape:
        return g
    return g.sum(axis=repeated_axes(g, x), keepdims=True).reshape(x.shape)


def repeated_axes(g: Tensor, x: Tensor) -> tuple[int, ...]:
    """Return the axes of g along which x was repeated to its shape."""
    lead = g.ndim - x.ndim
    repeated = [lead + axis for axis, n in enumerate(x.shape) if n == 1 and g.shape[lead + axis] != 1]
    return *range(lead), *repeated
