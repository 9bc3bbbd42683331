"""Pooling of signals: a signal is an image one pixel high."""

from __future__ import annotations

from ..op import as_tensor
from .conv1d import one
from .pool import adaptive_avg_pool2d, avg_pool2d, max_pool2d
from .shape import squeeze, unsqueeze


def max_pool1d(x, kernel_size, stride=None, padding=0, *, ceil_mode=False):
    """Largest number of each window: x (N,C,L) -> (N,C,l). Arguments and errors as for max_pool2d."""
    windows = _windows("max_pool1d", kernel_size, stride, padding)
    out = max_pool2d(_signals("max_pool1d", x), *windows, ceil_mode=ceil_mode)
    return squeeze(out, 2)  # (N,C,1,l) -> (N,C,l)


def avg_pool1d(x, kernel_size, stride=None, padding=0, ceil_mode=False, count_include_pad=True):
    """Mean of each window: x (N,C,L) -> (N,C,l). Arguments and errors as for avg_pool2d."""
    windows = _windows("avg_pool1d", kernel_size, stride, padding)
    options = {"ceil_mode": ceil_mode, "count_include_pad": count_include_pad}
    out = avg_pool2d(_signals("avg_pool1d", x), *windows, **options)
    return squeeze(out, 2)


def adaptive_avg_pool1d(x, output_size):
    """Mean of each of output_size windows: x (N,C,L) -> (N,C,output_size). See adaptive_avg_pool2d."""
    n = one("adaptive_avg_pool1d: output_size", output_size, 1)
    return squeeze(adaptive_avg_pool2d(_signals("adaptive_avg_pool1d", x), (1, n)), 2)


def _windows(name, kernel_size, stride, padding):
    """Return the kernel size, stride and padding of windows one pixel high."""
    kernel = (1, one(f"{name}: kernel_size", kernel_size, 1))
    strides = None if stride is None else (1, one(f"{name}: stride", stride, 1))
    return kernel, strides, (0, one(f"{name}: padding", padding, 0))


def _signals(name, x):
    """Return x with an axis of height 1: (N,C,L) -> (N,C,1,L)."""
    x = as_tensor(x)
    if x.ndim != 3 or x.dtype.kind != "f":
        raise ValueError(f"{name}: x is {x.dtype} of shape {x.shape}; it must be floating-point signals, (N,C,L)")
    return unsqueeze(x, 2)
