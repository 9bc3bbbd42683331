"""The methods and comparisons of Tensor, each under the name that NumPy gives it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from .backend import device_of
from .dtypes import floating, own
from .instead import METHODS

ops: Any = SimpleNamespace()  # the functions of minigrad.ops: made of Tensors, they come later and fill it themselves


class Methods:
    """What a Tensor can do beside remembering how it was made; it knows functions by their names in `ops` alone."""

    if TYPE_CHECKING:  # Tensor has these
        data: Any
        requires_grad: bool
        wrap: Any

    # fmt: off
    @property
    def shape(self) -> tuple[int, ...]: return self.data.shape
    @property
    def ndim(self) -> int: return self.data.ndim
    @property
    def size(self) -> int: return self.data.size
    @property
    def dtype(self) -> np.dtype: return self.data.dtype
    @property
    def device(self) -> str: return device_of(self.data)

    # comparisons are constant almost everywhere, so they are no ops: boolean tensors without a gradient
    def __eq__(self, y: Any) -> Any: return self.wrap(self.data == _beside(self, y))
    def __ne__(self, y: Any) -> Any: return self.wrap(self.data != _beside(self, y))
    def __lt__(self, y: Any) -> Any: return self.wrap(self.data < _beside(self, y))
    def __le__(self, y: Any) -> Any: return self.wrap(self.data <= _beside(self, y))
    def __gt__(self, y: Any) -> Any: return self.wrap(self.data > _beside(self, y))
    def __ge__(self, y: Any) -> Any: return self.wrap(self.data >= _beside(self, y))
    def __and__(self, y: Any) -> Any: return self.wrap(self.data & data_of(y))
    def __or__(self, y: Any) -> Any: return self.wrap(self.data | data_of(y))
    def __xor__(self, y: Any) -> Any: return self.wrap(self.data ^ data_of(y))
    __rand__, __ror__, __rxor__ = __and__, __or__, __xor__
    def __invert__(self) -> Any: return self.wrap(~self.data)
    __hash__ = object.__hash__  # a tensor is itself, whatever it holds

    def exp(self) -> Any: return ops.exp(self)
    def log(self) -> Any: return ops.log(self)
    def sqrt(self) -> Any: return ops.sqrt(self)
    def __abs__(self) -> Any: return ops.abs(self)
    def abs(self) -> Any: return ops.abs(self)
    def clip(self, min: Any = None, max: Any = None) -> Any: return ops.clip(self, min, max)
    def astype(self, dtype: Any) -> Any: return ops.astype(self, dtype)
    def to(self, device: str) -> Any: return ops.to_device(self, device)

    def sum(self, axis: Any = None, keepdims: bool = False) -> Any: return ops.sum(self, axis, keepdims)
    def mean(self, axis: Any = None, keepdims: bool = False) -> Any: return ops.mean(self, axis, keepdims)
    def max(self, axis: Any = None, keepdims: bool = False) -> Any: return ops.max(self, axis, keepdims)
    def min(self, axis: Any = None, keepdims: bool = False) -> Any: return ops.min(self, axis, keepdims)
    def prod(self, axis: Any = None, keepdims: bool = False) -> Any: return ops.prod(self, axis, keepdims)
    def argmax(self, axis: int | None = None) -> Any: return ops.argmax(self, axis)
    def argmin(self, axis: int | None = None) -> Any: return ops.argmin(self, axis)
    def var(self, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Any:
        return ops.var(self, axis, keepdims, ddof)
    def std(self, axis: Any = None, keepdims: bool = False, ddof: int = 0) -> Any:
        return ops.std(self, axis, keepdims, ddof)
    def norm(self, *, axis: Any = None, keepdims: bool = False) -> Any:
        return ops.norm(self, axis=axis, keepdims=keepdims)
    def any(self, axis: Any = None, keepdims: bool = False) -> Any: return ops.any(self, axis, keepdims)
    def all(self, axis: Any = None, keepdims: bool = False) -> Any: return ops.all(self, axis, keepdims)

    def reshape(self, *lengths: Any) -> Any: return ops.reshape(self, _one_tuple(lengths))
    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        return ops.flatten(self, start_dim, end_dim)
    def transpose(self, *axes: Any) -> Any: return ops.transpose(self, _one_tuple(axes) if axes else None)
    def swapaxes(self, axis1: int, axis2: int) -> Any: return ops.swapaxes(self, axis1, axis2)
    def squeeze(self, axis: Any = None) -> Any: return ops.squeeze(self, axis)
    def unsqueeze(self, axis: int) -> Any: return ops.unsqueeze(self, axis)
    def cumsum(self, axis: int | None = None) -> Any: return ops.cumsum(self, axis)
    @property
    def T(self) -> Any: return ops.transpose(self)
    # fmt: on

    if not TYPE_CHECKING:  # which would take every name for an attribute

        def __getattr__(self, name: str) -> Any:
            """Say what to write for a method that other libraries have."""
            function = not name.startswith("_") and hasattr(ops, name)
            hint = METHODS.get(name, f"mg.{name}(x)" if function else "")
            raise AttributeError(f"Tensor has no {name}{hint and '; write '}{hint}", name=name, obj=self)

    def __getitem__(self, index: Any) -> Any:
        parts = tuple(_index(i) for i in index) if isinstance(index, tuple) else _index(index)
        return ops.getitem(self, parts)

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

    def __iter__(self) -> Iterator[Any]:
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


def _beside(x: Any, y: Any) -> Any:
    """Return the array of y to compare x with; the numbers of a list take the dtype of x, as a number alone does."""
    return own(y, floating([x])) if isinstance(y, list | tuple) else data_of(y)


def data_of(x: Any) -> Any:
    """Return the array of a Tensor; anything else as it is."""
    return x.data if isinstance(x, Methods) else x
