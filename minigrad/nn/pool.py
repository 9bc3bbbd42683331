"""Pooling layers, for images and for signals."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..kernels.geometry import Pair
from ..tensor import Tensor
from .module import Module


class MaxPool2d(Module):
    """Largest pixel of each window: (N,C,H,W) -> (N,C,oh,ow). See mg.max_pool2d."""

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        *,
        ceil_mode: bool = False,
    ):
        self.kernel_size, self.stride, self.padding, self.ceil_mode = kernel_size, stride, padding, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return ops.max_pool2d(x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)


class AvgPool2d(Module):
    """Mean of each window: (N,C,H,W) -> (N,C,oh,ow). See mg.avg_pool2d."""

    def __init__(
        self,
        kernel_size: int | Pair,
        stride: int | Pair | None = None,
        padding: int | Pair = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        return ops.avg_pool2d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AdaptiveAvgPool2d(Module):
    """Mean of each of oh x ow windows: (N,C,H,W) -> (N,C,oh,ow), (oh,ow) = output_size. See mg.adaptive_avg_pool2d."""

    def __init__(self, output_size: int | Pair):
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return ops.adaptive_avg_pool2d(x, self.output_size)


class MaxPool1d(Module):
    """Largest number of each window: (N,C,L) -> (N,C,l). See mg.max_pool1d."""

    def __init__(self, kernel_size: Any, stride: Any = None, padding: Any = 0, *, ceil_mode: bool = False):
        self.kernel_size, self.stride, self.padding, self.ceil_mode = kernel_size, stride, padding, ceil_mode

    def forward(self, x: Tensor) -> Tensor:
        return ops.max_pool1d(x, self.kernel_size, self.stride, self.padding, ceil_mode=self.ceil_mode)


class AvgPool1d(Module):
    """Mean of each window: (N,C,L) -> (N,C,l). See mg.avg_pool1d."""

    def __init__(
        self,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
    ):
        self.kernel_size, self.stride, self.padding = kernel_size, stride, padding
        self.ceil_mode, self.count_include_pad = ceil_mode, count_include_pad

    def forward(self, x: Tensor) -> Tensor:
        return ops.avg_pool1d(x, self.kernel_size, self.stride, self.padding, self.ceil_mode, self.count_include_pad)


class AdaptiveAvgPool1d(Module):
    """Mean of each of output_size windows: (N,C,L) -> (N,C,output_size). See mg.adaptive_avg_pool1d."""

    def __init__(self, output_size: int):
        self.output_size = output_size

    def forward(self, x: Tensor) -> Tensor:
        return ops.adaptive_avg_pool1d(x, self.output_size)
