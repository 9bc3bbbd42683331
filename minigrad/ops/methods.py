"""The operators and methods of Tensor: each is an op, spelled as NumPy users expect. Grafted on at import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import tensor
from ..backend import gpu
from ..op import REGISTRY, Op
from . import arithmetic, elementwise, reduce, shape
from .matmul import matmul

if TYPE_CHECKING:
    from ..tensor import Tensor


class Methods:
    """What Tensor can do beyond remembering; see tensor.py for the rest."""

    if TYPE_CHECKING:  # Tensor has these
        data: Any
        requires_grad: bool
        shape: Any
        ndim: Any
        dtype: Any
        device: Any

    # fmt: off
    def __add__(self, y: Any) -> Tensor: return arithmetic.add(self, y)
    def __radd__(self, y: Any) -> Tensor: return arithmetic.add(y, self)
    def __sub__(self, y: Any) -> Tensor: return arithmetic.subtract(self, y)
    def __rsub__(self, y: Any) -> Tensor: return arithmetic.subtract(y, self)
    def __mul__(self, y: Any) -> Tensor: return arithmetic.multiply(self, y)
    def __rmul__(self, y: Any) -> Tensor: return arithmetic.multiply(y, self)
    def __truediv__(self, y: Any) -> Tensor: return arithmetic.divide(self, y)
    def __rtruediv__(self, y: Any) -> Tensor: return arithmetic.divide(y, self)
    def __pow__(self, y: Any) -> Tensor: return arithmetic.power(self, y)
    def __rpow__(self, y: Any) -> Tensor: return arithmetic.power(y, self)
    def __matmul__(self, y: Any) -> Tensor: return matmul(self, y)
    def __rmatmul__(self, y: Any) -> Tensor: return matmul(y, self)
    def __neg__(self) -> Tensor: return arithmetic.negative(self)
    def __abs__(self) -> Tensor: return elementwise.abs(self)

    # comparisons are constant almost everywhere, so they are no ops: boolean tensors without a gradient
    def __eq__(self, y: Any) -> Tensor: return _compare(self.data == _data(y))  # type: ignore[override]
    def __ne__(self, y: Any) -> Tensor: return _compare(self.data != _data(y))  # type: ignore[override]
    def __lt__(self, y: Any) -> Tensor: return _compare(self.data < _data(y))
    def __le__(self, y: Any) -> Tensor: return _compare(self.data <= _data(y))
    def __gt__(self, y: Any) -> Tensor: return _compare(self.data > _data(y))
    def __ge__(self, y: Any) -> Tensor: return _compare(self.data >= _data(y))
    def __and__(self, y: Any) -> Tensor: return _compare(self.data & _data(y))
    def __or__(self, y: Any) -> Tensor: return _compare(self.data | _data(y))
    def __invert__(self) -> Tensor: return _compare(~self.data)
    __hash__ = object.__hash__  # a tensor is itself, whatever it holds

    def exp(self) -> Tensor: return elementwise.exp(self)
    def log(self) -> Tensor: return elementwise.log(self)
    def sqrt(self) -> Tensor: return elementwise.sqrt(self)
    def abs(self) -> Tensor: return elementwise.abs(self)
    def clip(self, min: Any = None, max: Any = None) -> Tensor: return elementwise.clip(self, min, max)
    def astype(self, dtype: Any) -> Tensor: return arithmetic.astype(self, dtype)
    def to(self, device: str) -> Tensor: return arithmetic.to_device(self, device)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Tensor: return reduce.sum(self, axis, keepdims)
    def mean(self, axis: Any = None, keepdims: bool = False) -> Tensor: return reduce.mean(self, axis, keepdims)
    def max(self, axis: Any = None, keepdims: bool = False) -> Tensor: return reduce.max(self, axis, keepdims)
    def min(self, axis: Any = None, keepdims: bool = False) -> Tensor: return reduce.min(self, axis, keepdims)
    def prod(self, axis: Any = None, keepdims: bool = False) -> Tensor: return reduce.prod(self, axis, keepdims)
    def argmax(self, axis: int | None = None) -> Tensor: return reduce.argmax(self, axis)
    def argmin(self, axis: int | None = None) -> Tensor: return reduce.argmin(self, axis)
    def var(self, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
        return reduce.var(self, axis, keepdims, ddof)

    def reshape(self, *lengths: Any) -> Tensor: return shape.reshape(self, _one_tuple(lengths))
    def transpose(self, *axes: Any) -> Tensor: return shape.transpose(self, _one_tuple(axes) if axes else None)
    def swapaxes(self, axis1: int, axis2: int) -> Tensor: return shape.swapaxes(self, axis1, axis2)
    def squeeze(self, axis: Any = None) -> Tensor: return shape.squeeze(self, axis)
    def unsqueeze(self, axis: int) -> Tensor: return shape.unsqueeze(self, axis)
    def cumsum(self, axis: int) -> Tensor: return shape.cumsum(self, axis)
    @property
    def T(self) -> Tensor: return shape.transpose(self)
    # fmt: on

    def __getitem__(self, index: Any) -> Tensor:
        parts = tuple(_index(i) for i in index) if isinstance(index, tuple) else _index(index)
        return shape.getitem(self, parts)

    def __setitem__(self, index: Any, value: Any) -> None:
        raise TypeError(
            "a Tensor is not changed in place, for the gradients that need its old value; build a new one with"
            " mg.where(mask, value, x) or mg.concatenate, or change the array of a leaf,"
            " x.data[index] = value, and call x.mark_changed()"
        )

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len() of a Tensor without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Tensor]:
        return (self[i] for i in range(len(self)))

    def __bool__(self) -> bool:
        if self.data.size != 1:
            raise ValueError(f"the truth of {self.data.size} elements is ambiguous; use (x > 0).data.any() or .all()")
        return bool(self.data)

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        if self.dtype.kind not in "iu":
            raise TypeError(f"a Tensor of {self.dtype} is no index; only integers are")
        return self.item()

    def __format__(self, spec: str) -> str:
        return format(self.item() if self.data.size == 1 and spec else str(self), spec)

    def __repr__(self) -> str:
        text = np.array2string(self.numpy(), separator=", ", prefix="Tensor(")
        device = "" if self.device == "cpu" else f", device={self.device!r}"
        return f"Tensor({text}, dtype={self.dtype}{device}{', requires_grad=True' if self.requires_grad else ''})"

    def item(self) -> Any:
        """Return the only element as a Python number; ValueError if there are more."""
        if self.data.size != 1:
            raise ValueError(f"item: the tensor has shape {self.shape}, so {self.data.size} elements; it must have one")
        return self.data.item()

    def numpy(self) -> np.ndarray:
        """Return the elements as a NumPy array: on the CPU a read-only view of .data, else a copy of it.

        A view follows what changes .data, as an optimizer's steps do; .numpy().copy() keeps what is there now.
        """
        array = self.data.view() if isinstance(self.data, np.ndarray) else self.data.get()
        array.flags.writeable = False
        return array

    # ---- other libraries ---------------------------------------------------------------------------------------

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.numpy(), dtype, copy=copy)

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Let np.exp(tensor), and operators with a NumPy array on the left, run the op of that name."""
        name = {"absolute": "abs"}.get(ufunc.__name__, ufunc.__name__)
        if method == "__call__" and not options:
            if name in REGISTRY:
                return REGISTRY[name](*inputs)
            if name in _COMPARISONS:
                return _compare(ufunc(*map(_data, inputs)))
        call = name if method == "__call__" else f"{name}.{method}"
        raise TypeError(
            f"np.{call} is not differentiable here{' with ' + ', '.join(options) if options else ''};"
            f" use an op, mg.NAME, or the array: np.{call}(x.numpy())"
        )

    def __array_function__(self, function: Any, types: Any, args: tuple, options: dict) -> Any:
        """Let np.sum(tensor) and its like run the function of that name, and np.allclose and its like the arrays'."""
        import minigrad

        name = function.__name__
        if name in _PLAIN:
            return function(*[_data(x) for x in args], **options)
        own = getattr(minigrad, {"amax": "max", "amin": "min", "expand_dims": "unsqueeze"}.get(name, name), None)
        # np.linalg.norm is not mg.norm: its second argument is an order, not an axis
        plain = function.__module__ == "numpy"
        if plain and (isinstance(own, Op) or getattr(own, "__module__", "").startswith("minigrad.ops")):
            return own(*args, **options)  # type: ignore[misc]
        call = f"{function.__module__}.{name}".replace("numpy", "np", 1)
        raise TypeError(f"{call} is not differentiable here; use an op, mg.NAME, or the array: {call}(x.numpy())")

    def __dlpack__(self, **options: Any) -> Any:
        if self.requires_grad:
            raise TypeError("a Tensor that requires gradients is not exported; export x.detach()")
        return self.data.__dlpack__(**options)

    def __dlpack_device__(self) -> Any:
        return self.data.__dlpack_device__()


_COMPARISONS = {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}
_PLAIN = {"allclose", "isclose", "array_equal", "array_repr", "array_str", "array2string", "shape", "ndim", "size"}


def from_dlpack(x: Any) -> Tensor:
    """Return a Tensor that shares the memory of x, an array of any library that speaks DLPack."""
    kind, _ = x.__dlpack_device__()
    if kind == 1:  # kDLCPU
        return tensor.Tensor.wrap(np.from_dlpack(x))
    return tensor.Tensor.wrap(gpu().from_dlpack(x))


def _compare(answer: Any) -> Tensor:
    return tensor.Tensor.wrap(answer)


def _data(x: Any) -> Any:
    return x.data if isinstance(x, tensor.Tensor) else x


def _index(i: Any) -> Any:
    """Return one part of an index with tensors and lists as arrays, copied: a later change moves no gradient."""
    i = _data(i)
    return np.array(i) if isinstance(i, list | np.ndarray) else i


def _one_tuple(arguments: tuple) -> tuple:
    """x.reshape(2, 3) means x.reshape((2, 3))."""
    return tuple(arguments[0]) if len(arguments) == 1 and isinstance(arguments[0], list | tuple) else arguments


for _name, _method in vars(Methods).items():
    if callable(_method) or isinstance(_method, property):
        setattr(tensor.Tensor, _name, _method)
