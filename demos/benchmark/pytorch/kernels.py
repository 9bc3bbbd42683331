"""Single kernels."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from demos.benchmark.shapes import Shape


def kernel(name: str, shape: Shape, device: str) -> Callable[[], None]:
    """Return a call of the kernel, for conv2d_weight the part of the convolution's backward that gives it."""
    s, p, geo = shape.stride, shape.padding, shape.geometry
    x = torch.randn(shape.N, shape.C, *geo.input, device=device)
    y = torch.randn(shape.N, shape.O, *geo.output, device=device)
    w = torch.randn(shape.O, shape.C, *geo.kernel, device=device)
    # what a stride leaves over at the end of the image: the size that conv2d came from is not the smallest possible
    extra = (shape.H + 2 * p - shape.k) % s
    calls: dict[str, Callable] = {
        "conv2d": lambda: F.conv2d(x, w, stride=s, padding=p),
        "conv_transpose2d": lambda: F.conv_transpose2d(y, w, stride=s, padding=p, output_padding=extra),
        "conv2d_weight": lambda: torch.nn.grad.conv2d_weight(x, w.shape, y, stride=s, padding=p),
    }

    def call() -> None:
        with torch.no_grad():
            calls[name]()
        if device != "cpu":
            torch.cuda.synchronize()

    return call
