"""Activation functions as layers, with PyTorch's names and argument names."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..tensor import Tensor
from .module import Module, Parameter


class ReLU(Module):
    """max(x, 0)."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.relu(x)


class LeakyReLU(Module):
    """x above 0, negative_slope * x below."""

    def __init__(self, negative_slope: float = 0.01):
        self.negative_slope = negative_slope

    def forward(self, x: Tensor) -> Tensor:
        return ops.leaky_relu(x, self.negative_slope)


class ELU(Module):
    """x above 0, alpha * (e**x - 1) below."""

    def __init__(self, alpha: float = 1.0):
        self.alpha = alpha

    def forward(self, x: Tensor) -> Tensor:
        return ops.elu(x, self.alpha)


class GELU(Module):
    """x * P(Z < x) for a standard normal Z."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.gelu(x)


class Sigmoid(Module):
    """1 / (1 + e**-x)."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.sigmoid(x)


class Tanh(Module):
    """Hyperbolic tangent."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.tanh(x)


class Softplus(Module):
    """log(1 + e**x)."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.softplus(x)


class Softmax(Module):
    """e**x / sum e**x along axis dim."""

    def __init__(self, dim: int = -1):
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return ops.softmax(x, self.dim)


class Hardtanh(Module):
    """x limited to [min_val, max_val]."""

    def __init__(self, min_val: float = -1.0, max_val: float = 1.0):
        self.min_val, self.max_val = min_val, max_val

    def forward(self, x: Tensor) -> Tensor:
        return ops.hardtanh(x, self.min_val, self.max_val)


class SiLU(Module):
    """x / (1 + e**-x), also called swish."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.silu(x)


class LogSoftmax(Module):
    """Logarithm of e**x / sum e**x along axis dim."""

    def __init__(self, dim: int = -1):
        self.dim = dim

    def forward(self, x: Tensor) -> Tensor:
        return ops.log_softmax(x, self.dim)


class PReLU(Module):
    """x above 0, weight * x below: a leaky ReLU whose slope is learned.

    num_parameters: 1 for all channels together, or C for one slope per channel of (N,C,..).
    He et al. 2015, arXiv 1502.01852.
    """

    def __init__(self, num_parameters: int = 1, init: float = 0.25):
        self.weight = Parameter(np.full(num_parameters, init, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        n = len(self.weight)
        if n > 1 and (x.ndim < 2 or x.shape[1] != n):
            raise ValueError(f"PReLU: x has shape {x.shape}; its axis 1 must have length {n}")
        slope = self.weight.reshape(n, *[1] * (x.ndim - 2)) if n > 1 else self.weight  # (C,1,..) against (N,C,..)
        return ops.relu(x) - slope * ops.relu(-x)  # max(x, 0) + slope min(x, 0)
