"""Which dtype numbers take: what a Tensor is made of, and what each op computes in and returns.

An array keeps its dtype in a Tensor. Python numbers have none of their own: alone they make float32 (integers int64,
truth values bool), beside arrays they follow them, also in lists. What an op does is said by @op(dtypes=..), once:

| dtypes  | whole numbers and booleans        | float16                | which ops
|---------|-----------------------------------|------------------------|--------------------------------------------
| "numpy" | stay; beyond their range they     | stays                  | + - * **, abs, maximum, clip, relu;
|         | wrap around, as NumPy's           |                        | whatever moves or selects elements
| "sums"  | the same; booleans are counted    | summed up in float32,  | sum, prod, products of matrices,
|         |                                   | the result rounded     | convolutions
| "real"  | become float32, or the floating   | computed in float32,   | /, roots, exponentials, angles, norms,
|         | dtype beside                      | the result rounded     | softmax, sigmoid, sampling

float32 and float64 stay what they are, in every op. Different dtypes promote as NumPy's: float32 + float64 and
float32 + int64 are float64, float32 + int16 is float32. A Python float never makes float64: int64 * 0.5 is float32.
A gradient has the dtype of its input. Functions that are made of ops, as losses, means and normalisations, turn whole
numbers into real ones first: uint8 pictures differ by what their numbers say. Pooling and sampling refuse them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .backend import Array, is_array

FLOAT32, FLOAT64 = np.dtype(np.float32), np.dtype(np.float64)


def own(data: Any, beside: Any = None) -> Array:
    """Return a copy of data as an array of real numbers, in the machine's byte order.

    Python floats, alone or in lists, become float32, arrays keep their dtype, also in lists. Python floats and integers
    take the floating dtype beside instead, if one is given: that of the arrays which they are computed with.
    TypeError for what are no real numbers.
    """
    if isinstance(data, np.ma.MaskedArray):
        raise TypeError("Tensor: got a masked array, whose mask would be lost; fill it first, as by data.filled(0)")
    dtypes = _dtypes_in(data)
    on_cpu = not is_array(data) or isinstance(data, np.ndarray | np.generic)
    array = np.array(data) if on_cpu else data.copy()
    if array.dtype.kind not in "fiub":
        raise TypeError(f"Tensor: got {array.dtype} data; real numbers are needed")
    if not dtypes and beside is not None and array.dtype.kind in "iuf":
        return array.astype(beside)
    if array.dtype == np.float64 and array.dtype not in dtypes:
        return array.astype(np.float32)
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array


def floating(xs: Iterable[Any]) -> Any:
    """Return the dtype that the floating-point arrays and Tensors among xs promote to; None if there are none."""
    dtypes = [x.dtype for x in xs if getattr(x, "dtype", np.dtype(bool)).kind == "f"]
    return np.result_type(*dtypes) if dtypes else None


def _widen_sums(arrays: list) -> Any:
    """Make int64 of booleans, and float32 of float16, in place. Return the dtype to round the result to, or None."""
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
    """Make real numbers of whole ones, and float32 of float16, in place. Return the dtype to round to, or None."""
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
    """Make float32 of float16, in place, where no operand is wider."""
    if floating(arrays) != np.float16:
        return None
    for i, a in enumerate(arrays):
        if getattr(a, "dtype", None) == np.float16:
            arrays[i] = a.astype(np.float32)
    return np.float16


def rounded(out: Array, arrays: list, narrow: Any) -> Array:
    """Return the result out, computed from arrays, as float16 if they were widened; a Python float made no float64."""
    if narrow:
        return out.astype(narrow)
    return out.astype(np.float32) if out.dtype.char == "d" and floating(arrays) != np.float64 else out


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
