"""Which dtype a Tensor has, and which one each op computes in and returns.

An array keeps its dtype in a Tensor. Python numbers have none of their own: alone, floats make float32 (integers int64,
booleans bool); beside arrays they take the arrays' dtype, also in lists. For each op, @op(dtypes=..) says what it does:

| dtypes  | whole numbers and booleans        | float16                | which ops
|---------|-----------------------------------|------------------------|--------------------------------------------
| "numpy" | stay; beyond their range they     | stays                  | + - * **, abs, maximum, clip, relu;
|         | wrap around, as NumPy's           |                        | whatever moves or selects elements
| "sums"  | the same; booleans are counted    | summed in float32,     | sum, prod, products of matrices,
|         |                                   | the result rounded     | convolutions
| "real"  | become float32, or the floating   | computed in float32,   | /, roots, exponentials, angles, norms,
|         | dtype beside                      | the result rounded     | softmax, sigmoid, sampling

float32 and float64 stay what they are in every op. Different dtypes promote as in NumPy: float32 + float64 and
float32 + int64 are float64, float32 + int16 is float32. A Python float never makes float64: int64 * 0.5 is float32.
A gradient has the dtype of its input. Functions composed of ops, such as losses, means and normalisations, convert
whole numbers into real ones first: a difference of uint8 images does not wrap around. Pooling and sampling refuse them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .backend import Array, is_array

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def own(data: Any, beside: Any = None) -> Array:
    """Return a copy of data as an array of real numbers, in the machine's byte order.

    Python floats become float32, and arrays keep their dtype, both also in lists. If the floating dtype beside is
    given, that of the arrays they are combined with, Python floats and integers take it instead.
    TypeError for anything but real numbers.
    """
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError("Tensor: got a masked array, whose mask would be lost; fill it first, as with data.filled(0)")
    dtypes = _dtypes_in(data)  # empty if there are Python numbers alone

    on_cpu = not is_array(data) or isinstance(data, np.ndarray | np.generic)
    array = np.array(data) if on_cpu else data.copy()
    if array.dtype.kind not in "fiub":
        raise TypeError(f"Tensor: got {array.dtype} data; they must be real numbers")

    if not dtypes and beside is not None and array.dtype.kind in "iuf":
        return array.astype(beside)
    if array.dtype == np.float64 and array.dtype not in dtypes:
        return array.astype(np.float32)
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array


def floating(xs: Iterable[Any]) -> Any:
    """Return the dtype to which the floating-point arrays and Tensors among xs promote; None if there are none."""
    dtypes = [x.dtype for x in xs if getattr(x, "dtype", np.dtype(bool)).kind == "f"]
    return np.result_type(*dtypes) if dtypes else None


def _widen_sums(arrays: list) -> Any:
    """Turn booleans into int64 and float16 into float32, in the list. Return the dtype to round the result to, or None.

    Nearly always there is nothing to do, which the first loop finds out at little cost.
    """
    for a in arrays:
        dtype = getattr(a, "dtype", FLOAT32)
        if dtype is not FLOAT32 and dtype is not FLOAT64 and dtype.char in "?e":
            break
    else:
        return None  # as nearly always
    for i, a in enumerate(arrays):
        if a.__class__ not in _PYTHON and a.dtype.char == "?":
            arrays[i] = a.astype(np.int64)
    return _widen(arrays)


def _widen_real(arrays: list) -> Any:
    """Turn whole numbers into real ones and float16 into float32, in the list. Return the dtype to round to, or None.

    As in _widen_sums, the first loop is for the common case.
    """
    for a in arrays:
        dtype = getattr(a, "dtype", FLOAT32)
        if dtype is not FLOAT32 and dtype is not FLOAT64:
            break
    else:
        return None  # as nearly always
    dtype = floating(arrays) or np.dtype(np.float32)
    for i, a in enumerate(arrays):
        if a.__class__ not in _PYTHON and a.dtype.kind != "f":
            arrays[i] = a.astype(dtype)
    return _widen(arrays)


def _widen(arrays: list) -> Any:
    """Turn float16 into float32, in the list, if no operand is wider."""
    if floating(arrays) != np.float16:
        return None
    for i, a in enumerate(arrays):
        if getattr(a, "dtype", None) == np.float16:
            arrays[i] = a.astype(np.float32)
    return np.float16


def rounded(out: Array, arrays: list, narrow: Any) -> Array:
    """Return out, the result for arrays, as float16 if they were widened; a Python float alone makes no float64."""
    if narrow:
        return out.astype(narrow)
    by_a_python_float = out.dtype.char == "d" and floating(arrays) != np.float64
    return out.astype(np.float32) if by_a_python_float else out


_PYTHON = {float, int, bool, type(None)}
WIDEN: dict[str, Callable[[list], Any] | None] = {"numpy": None, "sums": _widen_sums, "real": _widen_real}


def _dtypes_in(data: Any) -> set[np.dtype]:
    """Return the dtypes of the arrays and NumPy scalars in data; Python numbers have none."""
    if not isinstance(data, list | tuple):
        return {data.dtype} if hasattr(data, "dtype") else set()
    types = set(map(type, data))
    if any(hasattr(kind, "requires_grad") for kind in types):
        raise TypeError("Tensor: got a list of Tensors; join them with mg.stack or mg.concatenate")
    return set() if types <= {float, int, bool} else set().union(*map(_dtypes_in, data))
