"""Which dtype numbers take."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .backend import Array, is_array


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


def _dtypes_in(data: Any) -> set[np.dtype]:
    """Return the dtypes of the arrays and NumPy scalars in data; Python numbers have none."""
    if not isinstance(data, list | tuple):
        return {data.dtype} if hasattr(data, "dtype") else set()
    types = set(map(type, data))
    if any(hasattr(kind, "requires_grad") for kind in types):
        raise TypeError("Tensor: got a list of Tensors; join them with mg.stack or mg.concatenate")
    return set() if types <= {float, int, bool} else set().union(*map(_dtypes_in, data))
