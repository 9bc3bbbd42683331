"""Layers without state between calls: maps, activations, dropout."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .. import ops
from ..backend import xp
from ..tensor import Tensor
from . import init
from .module import Module, Parameter


class Linear(Module):
    """x w^T + b: (.., in_features) -> (.., out_features). weight (out, in), bias (out), both U(+-1/sqrt(in))."""

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: np.random.Generator):
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear: {in_features} to {out_features} features; both must be at least 1")
        bound = 1 / math.sqrt(in_features)
        self.weight = Parameter(init.uniform((out_features, in_features), rng, bound))
        self.bias = Parameter(init.uniform((out_features,), rng, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return ops.linear(x, self.weight, self.bias)

    def multiply_adds(self, x: Tensor, out: Tensor) -> int:
        return out.size * self.weight.shape[1]


class Embedding(Module):
    """One learned row an integer: (..) of integers in [0, num_embeddings) -> (.., embedding_dim). weight ~ N(0, 1)."""

    def __init__(self, num_embeddings: int, embedding_dim: int, *, rng: np.random.Generator):
        self.weight = Parameter(init.normal((num_embeddings, embedding_dim), rng, std=1.0))

    def forward(self, index: Any) -> Tensor:
        rows = index.data if isinstance(index, Tensor) else np.asarray(index)
        n = len(self.weight)
        if rows.dtype.kind not in "iu":
            raise TypeError(f"Embedding: got {rows.dtype} indices; integers are needed")
        if rows.size and not (rows.min() >= 0 and rows.max() < n):
            raise IndexError(f"Embedding: indices from {rows.min()} to {rows.max()}; there are rows 0 to {n - 1}")
        return self.weight[rows]


class Flatten(Module):
    """(N, ..) -> (N, product of the rest)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.reshape(x.shape[0], math.prod(x.shape[1:]))


class Dropout(Module):
    """In training, set each element to 0 with probability p and scale the rest by 1 / (1 - p); else do nothing.

    Srivastava et al. 2014.
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is {p}; it must lie in [0, 1)")
        self.p, self.rng = p, rng

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return self._drop(x, x.shape)

    def _drop(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Draw for each element of shape, which broadcasts against x, whether it is kept."""
        kept = self.rng.random(shape, np.float32) >= self.p
        return ops.where(Tensor.wrap(xp(x.data).asarray(kept)), x, 0.0) * (1 / (1 - self.p))


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
