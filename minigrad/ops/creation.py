"""New tensors: constants, or leaves with requires_grad=True. float32 unless a dtype is given."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..backend import gpu, xp
from ..op import as_tensor
from ..tensor import Tensor


def zeros(shape, dtype=np.float32, *, requires_grad=False):
    """Zeros of a given shape, an int or a sequence of ints."""
    return Tensor(np.zeros(shape, dtype), requires_grad)


def ones(shape, dtype=np.float32, *, requires_grad=False):
    """Ones of a given shape, an int or a sequence of ints."""
    return Tensor(np.ones(shape, dtype), requires_grad)


def full(shape, fill_value, dtype=None, *, requires_grad=False):
    """A tensor filled with one number, in that number's dtype if None; a Python float makes float32."""
    value = Tensor(fill_value).data
    return Tensor(np.full(shape, value, dtype or value.dtype), requires_grad)


def arange(start, stop=None, step=1, dtype=None, *, requires_grad=False):
    """The numbers from start up to, but not including, stop; arange(n) starts at 0. Integers make int64."""
    start, stop = (0, start) if stop is None else (start, stop)
    numbers = np.arange(start, stop, step, dtype=dtype)
    # Python floats become float32, as everywhere; NumPy scalars keep their dtype
    python_floats = not any(hasattr(n, "dtype") for n in (start, stop, step))
    if dtype is None and numbers.dtype == np.float64 and python_floats:
        numbers = numbers.astype(np.float32)
    return Tensor(numbers, requires_grad)


def zeros_like(x, dtype=None):
    """Zeros with the shape and device of x, and its dtype unless another is given."""
    x = as_tensor(x).data
    return Tensor.wrap(xp(x).zeros_like(x, dtype))


def ones_like(x, dtype=None):
    """Ones with the shape and device of x, and its dtype unless another is given."""
    x = as_tensor(x).data
    return Tensor.wrap(xp(x).ones_like(x, dtype))


def full_like(x, fill_value, dtype=None):
    """A tensor filled with one number, with the shape and device of x, and its dtype unless another is given."""
    x = as_tensor(x).data
    return Tensor.wrap(xp(x).full_like(x, fill_value, dtype))


def one_hot(index, num_classes, dtype=np.float32):
    """Vectors of zeros with a 1 at the index given: integers (..) in [0, num_classes) -> (.., num_classes)."""
    classes = as_tensor(index).data
    if classes.dtype.kind not in "iu":
        raise TypeError(f"one_hot: got {classes.dtype} indices; they must be integers")
    if classes.size and not (classes.min() >= 0 and classes.max() < num_classes):
        raise IndexError(
            f"one_hot: indices from {classes.min()} to {classes.max()}; there are classes 0 to {num_classes - 1}"
        )
    ones = classes[..., None] == xp(classes).arange(num_classes)  # (..,1) against (num_classes)
    return Tensor.wrap(ones.astype(dtype))


def from_dlpack(x: Any) -> Tensor:
    """Return a Tensor that shares the memory of x, an array of any library that supports DLPack."""
    kind, _ = x.__dlpack_device__()
    if kind == 1:  # kDLCPU
        return Tensor.wrap(np.from_dlpack(x))
    return Tensor.wrap(gpu().from_dlpack(x))
