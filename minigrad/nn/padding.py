"""Layers that surround images with more pixels: (N,C,H,W) -> (N, C, H + top + bottom, W + left + right)."""

from __future__ import annotations

from typing import Any

from .. import ops
from ..tensor import Tensor
from .module import Module


class _Padding(Module):
    """What the padding layers share. padding: one number, or (left, right, top, bottom), as in PyTorch."""

    mode = "constant"
    value = 0.0

    def __init__(self, padding: int | tuple[int, int, int, int]):
        sides = (padding,) * 4 if isinstance(padding, int) else tuple(padding)
        if len(sides) != 4:
            raise ValueError(
                f"{type(self).__name__}: padding is {padding!r}; it must be one number, or (left, right, top, bottom)"
            )
        self.padding = sides

    def forward(self, x: Tensor) -> Tensor:
        left, right, top, bottom = self.padding
        widths = ((0, 0),) * (x.ndim - 2) + ((top, bottom), (left, right))
        return ops.pad(x, widths, self.mode, self.value)


class ZeroPad2d(_Padding):
    """Surround with zeros."""


class ConstantPad2d(_Padding):
    """Surround with a number."""

    def __init__(self, padding: Any, value: float):
        super().__init__(padding)
        self.value = value


class ReflectionPad2d(_Padding):
    """Mirror about the border, which is not repeated: c b | a b c."""

    mode = "reflect"


class ReplicationPad2d(_Padding):
    """Repeat the border: a a | a b c."""

    mode = "edge"
