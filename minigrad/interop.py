"""What other code asks of a Tensor: NumPy's functions, DLPack, copies and pickles."""

from __future__ import annotations

import copy
import inspect
from typing import TYPE_CHECKING, Any

import numpy as np

from . import changes
from .instead import FUNCTIONS
from .methods import data_of, ops


class Interop:
    """The methods of Tensor that other libraries call."""

    if TYPE_CHECKING:  # Tensor has these
        data: Any
        requires_grad: bool
        wrap: Any
        ancestors: Any
        _op: Any

        def numpy(self) -> np.ndarray: ...

    # ---- NumPy ---------------------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Let np.exp(tensor), and operators with a NumPy array on the left, run the op of that name."""
        name = _OWN_NAMES.get(ufunc.__name__, ufunc.__name__)
        if method == "__call__" and not options:
            if hasattr(ops, name):
                return getattr(ops, name)(*inputs)
            if name in _CONSTANT:
                return self.wrap(ufunc(*map(data_of, inputs)))
        call = name if method == "__call__" else f"{name}.{method}"
        raise TypeError(
            f"np.{call} is not differentiable here{' with ' + ', '.join(options) if options else ''};"
            f" use an op, mg.NAME, or the array: np.{call}(x.numpy())"
        )

    def __array_function__(self, function: Any, types: Any, args: tuple, options: dict) -> Any:
        """Let np.sum(tensor) and its like run the function of that name, and np.allclose and its like the arrays'."""
        name = function.__name__
        if name in _PLAIN:
            return function(*map(data_of, args), **{key: data_of(value) for key, value in options.items()})
        own = getattr(ops, _OWN_NAMES.get(name, name), None)
        # np.linalg.norm is not mg.norm: its second argument is an order, not an axis
        plain = function.__module__ == "numpy"
        if plain and own is not None:
            args, options = _own_arguments(function, own, args, options)
            return own(*args, **options)
        call = f"{function.__module__}.{name}".replace("numpy", "np", 1)
        hint = FUNCTIONS[name] if plain and name in FUNCTIONS else "an op, mg.NAME"
        raise TypeError(f"{call} is not differentiable here; use {hint}, or the array: {call}(x.numpy())")

    # ---- DLPack --------------------------------------------------------------------------------------------------

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise TypeError("a Tensor that requires gradients is not exported; export x.detach()")
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.data.__dlpack_device__()

    # ---- copies and pickles --------------------------------------------------------------------------------------

    def __copy__(self) -> Any:
        twin = object.__new__(type(self))
        twin.__dict__.update(self.__dict__)
        return twin

    def __deepcopy__(self, memo: dict) -> Any:
        """Copy the tensor and its graph, oldest first, so that every input has its copy and no recursion is needed."""
        for t in reversed(self.ancestors()):
            if id(t) not in memo:
                twin = memo[id(t)] = object.__new__(type(t))
                twin.__dict__.update(copy.deepcopy(t.__dict__, memo))
                if changed := changes.last_change(t.data):  # an old graph stays old
                    changes.note_at(twin.data, changed)
        return memo[id(self)]

    def __getstate__(self) -> dict:
        """Return what a pickle holds: the data, .grad, and whether gradients are wanted."""
        if self._op is not None:
            raise TypeError(f"a Tensor that {self._op} made is not pickled, for its graph; pickle x.detach()")
        return self.__dict__


# NumPy's names for what has another one here
_OWN_NAMES = {"absolute": "abs", "amax": "max", "amin": "min", "expand_dims": "unsqueeze"}
_OWN_NAMES |= {"ravel": "flatten", "rint": "round"}
# elementwise functions that are constant almost everywhere
_CONSTANT = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal", "isnan", "isinf", "isfinite"}
_CONSTANT |= {f"{kind}_{name}" for kind in ("bitwise", "logical") for name in ("and", "or", "xor")}
_CONSTANT |= {"invert", "logical_not"}
_PLAIN = {"allclose", "isclose", "array_equal", "array_repr", "array_str", "array2string", "shape", "ndim", "size"}
_REDUCTIONS = {"sum", "prod", "mean", "std", "var", "max", "min", "argmax", "argmin", "any", "all", "cumsum"}
_KEYWORDS = {"a_min": "min", "a_max": "max", "correction": "ddof"}


def _own_arguments(function: Any, own: Any, args: tuple, options: dict) -> tuple[tuple, dict]:
    """Translate a call of a NumPy function into one of our own: its keywords, and the order of its arguments."""
    if own.__name__ in _REDUCTIONS:  # np.sum(x, 0, float): the third argument is a dtype there
        names = list(inspect.signature(function).parameters)
        args, options = args[:1], dict(zip(names[1:], args[1:])) | options
    options = {_KEYWORDS.get(name, name): value for name, value in options.items()}
    if options.get("out", ...) is None:
        del options["out"]
    if "dtype" in options and "dtype" not in inspect.signature(own).parameters:
        dtype = options.pop("dtype")
        args = args if dtype is None else (args[0].astype(dtype), *args[1:])
    return args, options
