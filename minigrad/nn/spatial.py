"""Layers for images without parameters: resizing, exchanging pixels and channels, dropout of whole channels."""

from __future__ import annotations

from .. import ops
from ..kernels.geometry import Pair
from ..tensor import Tensor
from .layers import Dropout
from .module import Module


class Upsample(Module):
    """Resize images: (N,C,H,W) -> (N,C,oh,ow), to a size or by a factor. See mg.upsample."""

    def __init__(
        self,
        size: int | Pair | None = None,
        scale_factor: float | tuple[float, float] | None = None,
        mode: str = "nearest",
        align_corners: bool = False,
    ):
        if (size is None) == (scale_factor is None):
            raise ValueError(f"Upsample: size is {size}, scale_factor {scale_factor}; give exactly one of them")
        self.size, self.scale_factor, self.mode, self.align_corners = size, scale_factor, mode, align_corners

    def forward(self, x: Tensor) -> Tensor:
        return ops.upsample(x, self.scale_factor, self.mode, self.align_corners, size=self.size)


class PixelShuffle(Module):
    """Turn r*r channels into blocks of r x r pixels: (N, C r r, H, W) -> (N, C, H r, W r), r being upscale_factor."""

    def __init__(self, upscale_factor: int):
        self.upscale_factor = upscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return ops.pixel_shuffle(x, self.upscale_factor)


class PixelUnshuffle(Module):
    """Turn blocks of r x r pixels into r*r channels: (N, C, H r, W r) -> (N, C r r, H, W), r being downscale_factor."""

    def __init__(self, downscale_factor: int):
        self.downscale_factor = downscale_factor

    def forward(self, x: Tensor) -> Tensor:
        return ops.pixel_unshuffle(x, self.downscale_factor)


class Dropout2d(Dropout):
    """Dropout of whole channels of each example (N,C,..). Tompson et al. 2015.

    Neighbouring pixels are alike, so that dropping single ones would hide little.
    """

    def forward(self, x: Tensor) -> Tensor:
        x = x if isinstance(x, Tensor) else Tensor(x)
        if not self.training or self.p == 0:
            return x
        return self._drop(x, (*x.shape[:2], *[1] * (x.ndim - 2)))
