"""Convolution layers. Weights and biases are drawn from U(-1/sqrt(fan in), 1/sqrt(fan in)), as in PyTorch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..kernels.geometry import pair
from ..ops.conv1d import one
from ..tensor import Tensor
from . import init
from .module import Module, Parameter


class _Convolution(Module):
    """What the convolution layers share: their parameters."""

    weight: Parameter
    bias: Parameter | None

    def _draw(self, channels: tuple[int, int], outputs: int, kernel: Any, groups: int, bias: bool, rng: Any) -> None:
        """Draw the weight (channels[0], channels[1]/groups, *kernel) and the bias (outputs)."""
        name = type(self).__name__
        if groups < 1 or any(n < 1 or n % groups for n in channels):
            raise ValueError(f"{name}: {groups} groups do not divide the channels {channels}; choose a common divisor")
        shape = (channels[0], channels[1] // groups, *kernel)
        bound = 1 / math.sqrt(math.prod(shape[1:]))
        self.weight = Parameter(init.uniform(shape, rng, bound))
        self.bias = Parameter(init.uniform((outputs,), rng, bound)) if bias else None


class Conv2d(_Convolution):
    """Slide learned kernels over images: (N, in, H, W) -> (N, out, oh, ow). weight (out, in/groups, kh, kw).

    Arguments as for mg.conv2d.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, *, rng: np.random.Generator,
    ):  # fmt: skip
        self.options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        kernel = pair("Conv2d: kernel_size", kernel_size, 1)
        self._draw((out_channels, in_channels), out_channels, kernel, groups, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        return ops.conv2d(x, self.weight, self.bias, **self.options)

    def multiply_adds(self, x: Tensor, out: Tensor) -> int:
        return self.weight.size * out.size // out.shape[1]


class ConvTranspose2d(_Convolution):
    """Add up learned kernels, scaled by the inputs: (N, in, h, w) -> (N, out, H, W). weight (in, out/groups, kh, kw).

    Arguments as for mg.conv_transpose2d.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, *, rng: np.random.Generator,
    ):  # fmt: skip
        self.options = {"stride": stride, "padding": padding, "output_padding": output_padding}
        self.options |= {"groups": groups, "dilation": dilation}
        kernel = pair("ConvTranspose2d: kernel_size", kernel_size, 1)
        self._draw((in_channels, out_channels), out_channels, kernel, groups, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        return ops.conv_transpose2d(x, self.weight, self.bias, **self.options)

    def multiply_adds(self, x: Tensor, out: Tensor) -> int:
        return self.weight.size * x.size // x.shape[1]


class Conv1d(_Convolution):
    """Slide learned kernels along signals: (N, in, L) -> (N, out, l). weight (out, in/groups, k).

    Arguments as for mg.conv1d.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        dilation: Any = 1, groups: int = 1, bias: bool = True, *, rng: np.random.Generator,
    ):  # fmt: skip
        self.options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        kernel = one("Conv1d: kernel_size", kernel_size, 1)
        self._draw((out_channels, in_channels), out_channels, (kernel,), groups, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        return ops.conv1d(x, self.weight, self.bias, **self.options)

    def multiply_adds(self, x: Tensor, out: Tensor) -> int:
        return self.weight.size * out.size // out.shape[1]


class ConvTranspose1d(_Convolution):
    """Add up learned kernels, scaled by the inputs: (N, in, l) -> (N, out, L). weight (in, out/groups, k).

    Arguments as for mg.conv_transpose1d.
    """

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: Any, stride: Any = 1, padding: Any = 0,
        output_padding: Any = 0, groups: int = 1, bias: bool = True, dilation: Any = 1, *, rng: np.random.Generator,
    ):  # fmt: skip
        self.options = {"stride": stride, "padding": padding, "output_padding": output_padding}
        self.options |= {"groups": groups, "dilation": dilation}
        kernel = one("ConvTranspose1d: kernel_size", kernel_size, 1)
        self._draw((in_channels, out_channels), out_channels, (kernel,), groups, bias, rng)

    def forward(self, x: Tensor) -> Tensor:
        return ops.conv_transpose1d(x, self.weight, self.bias, **self.options)

    def multiply_adds(self, x: Tensor, out: Tensor) -> int:
        return self.weight.size * x.size // x.shape[1]
