"""The operators and methods of Tensor: each is an op, spelled as NumPy users expect. Grafted on at import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..tensor import Tensor
from . import arithmetic, arrange, elementwise, instead, reduce, rounding, shape
from .interop import Interop, data_of
from .matmul import matmul


class Methods(Interop):
    """What Tensor can do beyond remembering; see tensor.py for the rest."""

    if TYPE_CHECKING:  # Tensor has these
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
    def __floordiv__(self, y: Any) -> Tensor: return rounding.floor_divide(self, y)
    def __rfloordiv__(self, y: Any) -> Tensor: return rounding.floor_divide(y, self)
    def __mod__(self, y: Any) -> Tensor: return rounding.remainder(self, y)
    def __rmod__(self, y: Any) -> Tensor: return rounding.remainder(y, self)
    def __pow__(self, y: Any) -> Tensor: return arithmetic.power(self, y)
    def __rpow__(self, y: Any) -> Tensor: return arithmetic.power(y, self)
    def __matmul__(self, y: Any) -> Tensor: return matmul(self, y)
    def __rmatmul__(self, y: Any) -> Tensor: return matmul(y, self)
    def __neg__(self) -> Tensor: return arithmetic.negative(self)
    def __abs__(self) -> Tensor: return elementwise.abs(self)

    # comparisons are constant almost everywhere, so they are no ops: boolean tensors without a gradient
    def __eq__(self, y: Any) -> Tensor: return Tensor.wrap(self.data == data_of(y))  # type: ignore[override]
    def __ne__(self, y: Any) -> Tensor: return Tensor.wrap(self.data != data_of(y))  # type: ignore[override]
    def __lt__(self, y: Any) -> Tensor: return Tensor.wrap(self.data < data_of(y))
    def __le__(self, y: Any) -> Tensor: return Tensor.wrap(self.data <= data_of(y))
    def __gt__(self, y: Any) -> Tensor: return Tensor.wrap(self.data > data_of(y))
    def __ge__(self, y: Any) -> Tensor: return Tensor.wrap(self.data >= data_of(y))
    def __and__(self, y: Any) -> Tensor: return Tensor.wrap(self.data & data_of(y))
    def __or__(self, y: Any) -> Tensor: return Tensor.wrap(self.data | data_of(y))
    def __xor__(self, y: Any) -> Tensor: return Tensor.wrap(self.data ^ data_of(y))
    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    def __invert__(self) -> Tensor: return Tensor.wrap(~self.data)
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
    def std(self, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Tensor:
        return reduce.std(self, axis, keepdims, ddof)
    def norm(self, *, axis: Any = None, keepdims: bool = False) -> Tensor:
        return reduce.norm(self, axis=axis, keepdims=keepdims)
    def any(self, axis: Any = None, keepdims: bool = False) -> Tensor: return reduce.any(self, axis, keepdims)
    def all(self, axis: Any = None, keepdims: bool = False) -> Tensor: return reduce.all(self, axis, keepdims)

    def reshape(self, *lengths: Any) -> Tensor: return shape.reshape(self, _one_tuple(lengths))
    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        return arrange.flatten(self, start_dim, end_dim)
    def transpose(self, *axes: Any) -> Tensor: return shape.transpose(self, _one_tuple(axes) if axes else None)
    def swapaxes(self, axis1: int, axis2: int) -> Tensor: return shape.swapaxes(self, axis1, axis2)
    def squeeze(self, axis: Any = None) -> Tensor: return shape.squeeze(self, axis)
    def unsqueeze(self, axis: int) -> Tensor: return shape.unsqueeze(self, axis)
    def cumsum(self, axis: int | None = None) -> Tensor: return shape.cumsum(self, axis)
    @property
    def T(self) -> Tensor: return shape.transpose(self)
    # fmt: on

    if not TYPE_CHECKING:  # which would take every name for an attribute

        def __getattr__(self, name: str) -> Any:
            """Say what to write for a method that other libraries have."""
            from .. import ops

            function = not name.startswith("_") and callable(getattr(ops, name, None))
            hint = instead.METHODS.get(name, f"mg.{name}(x)" if function else "")
            raise AttributeError(f"Tensor has no {name}{hint and '; write '}{hint}", name=name, obj=self)

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
            raise ValueError(f"the truth of {self.data.size} elements is ambiguous; use x.any() or x.all()")
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

    def tolist(self) -> Any:
        """Return the elements as Python numbers, in nested lists."""
        return self.data.tolist()

    def numpy(self) -> np.ndarray:
        """Return the elements as a NumPy array: on the CPU a read-only view of .data, else a copy of it.

        A view follows what changes .data, as an optimizer's steps do; .numpy().copy() keeps what is there now.
        """
        array = self.data.view() if isinstance(self.data, np.ndarray) else self.data.get()
        array.flags.writeable = False
        return array


def _index(i: Any) -> Any:
    """Return one part of an index with tensors and lists as arrays."""
    i = data_of(i)
    if isinstance(i, list) and not np.size(i):
        return np.array(i, int)  # x[[]]; NumPy takes an empty list for floats
    return np.array(i) if isinstance(i, list) else i


def _one_tuple(arguments: tuple) -> tuple:
    """x.reshape(2, 3) means x.reshape((2, 3))."""
    return tuple(arguments[0]) if len(arguments) == 1 and isinstance(arguments[0], list | tuple) else arguments


for _name, _method in [*vars(Interop).items(), *vars(Methods).items()]:
    if callable(_method) or isinstance(_method, property):
        setattr(Tensor, _name, _method)
