"""What is timed by itself: convolutions of this course's models and of networks they borrow, and passes over arrays."""

from __future__ import annotations

from typing import NamedTuple

from minigrad.kernels.geometry import Geometry

KERNELS = ("conv2d", "conv_transpose2d", "conv2d_weight")


class Shape(NamedTuple):
    """Images (N,C,H,H), a kernel (O,C,k,k), its stride and padding."""

    N: int
    C: int
    H: int
    O: int
    k: int
    stride: int
    padding: int

    @property
    def geometry(self) -> Geometry:
        p = self.padding
        return Geometry((self.H, self.H), (self.k, self.k), (self.stride, self.stride), ((p, p), (p, p)))

    @property
    def work(self) -> float:
        """Floating-point operations, two a product, of the convolution and of both its adjoints."""
        oh, ow = self.geometry.output
        return 2.0 * self.N * self.O * oh * ow * self.C * self.k**2

    @property
    def traffic(self) -> float:
        """Bytes of float32 that each of them must read or write at least once: x, w and y."""
        oh, ow = self.geometry.output
        return 4.0 * (self.N * (self.C * self.H**2 + self.O * oh * ow) + self.O * self.C * self.k**2)

    def __str__(self) -> str:
        return f"{self.N}x{self.C}x{self.H}x{self.H} to {self.O}, k{self.k} s{self.stride} p{self.padding}"


CPU = [
    Shape(128, 1, 32, 16, 4, 2, 1),  # the convolutional autoencoder
    Shape(128, 16, 16, 32, 4, 2, 1),
    Shape(128, 32, 8, 64, 4, 2, 1),
    Shape(32, 3, 64, 16, 4, 2, 1),  # the variational one for faces
    Shape(32, 64, 8, 128, 4, 2, 1),
    Shape(64, 32, 32, 16, 3, 1, 1),
    Shape(128, 32, 14, 64, 3, 1, 1),  # the siamese network
    Shape(1, 64, 128, 64, 3, 1, 1),  # VGG
    Shape(1, 128, 64, 128, 3, 1, 1),
    Shape(1, 3, 224, 64, 3, 2, 0),  # SqueezeNet
    Shape(1, 128, 55, 16, 1, 1, 0),
    Shape(1, 16, 55, 64, 3, 1, 1),
]
GPU = [*CPU, Shape(32, 64, 112, 64, 3, 1, 1), Shape(32, 256, 28, 256, 3, 1, 1)]

SIZE = (2048, 2048)  # 16 MiB of float32, more than a cache holds
UNARY = ("relu", "exp", "tanh", "sigmoid", "gelu", "softmax", "layer_norm", "square")

# passes over arrays of this size -> how many of them each must read or write, at least
PASSES = {
    **dict.fromkeys(UNARY, 2),
    **dict.fromkeys(("add", "multiply", "where"), 3),
    **dict.fromkeys(("sum", "sum of columns", "sum of rows", "max of rows", "variance of columns"), 1),
    **{f"{name}, gradient": 3 for name in UNARY},
    **{"SGD": 3, "SGD with momentum": 5, "Adam": 7},  # parameters, gradients and averages
}

# the sizes that grow, one at a time, of a training step of two 3x3 convolutions; the others keep those of BASE
BASE = {"batch": 32, "channels": 16, "pixels a side": 32}
GROWTH = {"batch": (1, 4, 16, 64, 256), "channels": (4, 16, 64, 256), "pixels a side": (8, 16, 32, 64, 128)}
