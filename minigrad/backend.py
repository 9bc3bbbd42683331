"""Where arrays live: NumPy on the CPU, CuPy on a GPU, and one clear error where there is no GPU."""

from __future__ import annotations

import ctypes
import functools
import re
import sys
from types import ModuleType
from typing import Any

import numpy as np

Array = Any  # a numpy.ndarray or a cupy.ndarray


def xp(x: Array) -> ModuleType:
    """Return the module that computes on x: numpy, or cupy for an array on a GPU."""
    if isinstance(x, np.ndarray | np.generic | int | float):
        return np
    if not is_array(x):
        raise TypeError(f"got a {type(x).__name__} instead of an array or a Tensor; convert it first")
    return sys.modules["cupy"]


def is_array(x: Any) -> bool:
    """Tell whether x is a NumPy or CuPy array or scalar."""
    if isinstance(x, np.ndarray | np.generic):
        return True
    cupy = sys.modules.get("cupy")
    return cupy is not None and isinstance(x, cupy.ndarray)


def device_of(x: Array) -> str:
    """Name the device that holds the array x: "cpu", "cuda:0", "cuda:1", ..."""
    return "cpu" if isinstance(x, np.ndarray) else f"cuda:{x.device.id}"


def to_device(x: Array, device: str) -> Array:
    """Return the array x on device ("cpu", "cuda" or "cuda:N"), or x itself if it is already there.

    ValueError for an unknown device, RuntimeError if there is no such GPU.
    """
    match = re.fullmatch(r"cpu|cuda(?::(\d+))?", device) if isinstance(device, str) else None
    if match is None:
        raise ValueError(f"unknown device {device!r}; choose 'cpu', 'cuda', 'cuda:0', 'cuda:1', ...")
    if device == "cpu":
        return x if isinstance(x, np.ndarray) else x.get()
    cupy, number = gpu(), int(match.group(1) or 0)
    count = cupy.cuda.runtime.getDeviceCount()
    if number >= count:
        raise RuntimeError(f"device: got {device!r}, but this machine has {count} GPU(s), numbered from 0")
    with cupy.cuda.Device(number):
        return cupy.asarray(x)


@functools.cache
def gpu() -> ModuleType:
    """Return cupy, once it has compiled and run a kernel and read its result back; RuntimeError with the reason if not.

    `import cupy` succeeds on machines without a GPU, and so does building a kernel: only running one proves anything.
    """
    try:
        import cupy
    except ImportError as error:
        raise RuntimeError(
            "no GPU: CuPy is not installed; pip install cupy-cuda13x[ctk] for CUDA 13, cupy-cuda12x for CUDA 12"
        ) from error
    try:
        three = cupy.RawKernel('extern "C" __global__ void three(int* x) { *x = 3; }', "three")
        x = cupy.zeros(1, np.int32)
        three((1,), (1,), (x,))
        answer = x.get()[0]
    except Exception as error:  # a missing driver, device or compiler: each raises something else
        raise RuntimeError(f"no GPU: CuPy cannot run a kernel here ({type(error).__name__}: {error})") from error
    if answer != 3:
        raise RuntimeError(f"no GPU: a kernel that writes 3 wrote {answer}; check the driver")
    return cupy


def keep_memory() -> bool:
    """Let the C library keep freed memory for the next allocation instead of returning it to the system.

    A training step frees and allocates the same arrays again and again. By default glibc returns large ones to the
    system each time, and the next use of every page of them is a page fault. This affects the whole process, which then
    never shrinks, so it is left to you to call. True if it was done (Linux with glibc), False elsewhere.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform == "linux" else None
    if mallopt is None:
        return False
    M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))


def check_same_device(name: str, arrays: list[Array]) -> None:
    """Raise ValueError if the operands of the op `name` lie on more than one device."""
    devices = {device_of(a) for a in arrays if hasattr(a, "ndim")}
    if len(devices) > 1:
        raise ValueError(f"{name}: operands on {' and '.join(sorted(devices))}; move them together with .to(device)")
