"""Linear and embedding layers, layers that reshape, and dropout."""

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
    """x w^T + b: (.., in_features) -> (.., out_features).

    weight (out, in) and bias (out) are drawn from U(-1/sqrt(in), 1/sqrt(in)), as in PyTorch.
    """

    def __init__(self, in_features: int, out_features: int, bias: bool = True, *, rng: np.random.Generator):
        if in_features < 1 or out_features < 1:
            raise ValueError(f"Linear: {in_features} to {out_features} features; both numbers must be at least 1")
        bound = 1 / math.sqrt(in_features)
        self.weight = Parameter(init.uniform((out_features, in_features), rng, bound))
        self.bias = Parameter(init.uniform((out_features,), rng, bound)) if bias else None

    def forward(self, x: Tensor) -> Tensor:
        return ops.linear(x, self.weight, self.bias)

    def multiply_adds(self, x: Tensor, out: Tensor) -> int:
        return out.size * self.weight.shape[1]


class Embedding(Module):
    """A learned vector for each integer: (..) in [0, num_embeddings) -> (.., embedding_dim). weight from N(0, 1)."""

    def __init__(self, num_embeddings: int, embedding_dim: int, *, rng: np.random.Generator):
        self.weight = Parameter(init.normal((num_embeddings, embedding_dim), rng, std=1.0))

    def forward(self, index: Any) -> Tensor:
        rows = index.data if isinstance(index, Tensor) else np.asarray(index)
        n = len(self.weight)
        if rows.dtype.kind not in "iu":
            raise TypeError(f"Embedding: got {rows.dtype} indices; they must be integers")
        if rows.size and not (rows.min() >= 0 and rows.max() < n):
            raise IndexError(f"Embedding: indices from {rows.min()} to {rows.max()}; there are rows 0 to {n - 1}")
        return self.weight[rows]


class Identity(Module):
    """x unchanged: a stand-in for a layer that is left out."""

    def forward(self, x: Tensor) -> Tensor:
        return x


class Flatten(Module):
    """Flatten each example: (N, a, b, ..) -> (N, a b ..)."""

    def forward(self, x: Tensor) -> Tensor:
        return ops.reshape(x, (x.shape[0], math.prod(x.shape[1:])))


class Unflatten(Module):
    """Split axis dim into axes of unflattened_size: Unflatten(1, (64, 4, 4)) turns (N, 1024) into (N, 64, 4, 4)."""

    def __init__(self, dim: int, unflattened_size: tuple[int, ...]):
        self.dim, self.unflattened_size = dim, tuple(unflattened_size)

    def forward(self, x: Tensor) -> Tensor:
        axis = self.dim + x.ndim if self.dim < 0 else self.dim
        length = math.prod(self.unflattened_size)
        if not 0 <= axis < x.ndim or length != x.shape[axis]:
            raise ValueError(
                f"Unflatten: x has shape {x.shape}; its axis {self.dim} must have length {length} to become"
                f" {self.unflattened_size}"
            )
        return ops.reshape(x, (*x.shape[:axis], *self.unflattened_size, *x.shape[axis + 1 :]))


class Dropout(Module):
    """In training, set each element to 0 with probability p and scale the rest by 1 / (1 - p).

    The scaling keeps the mean as it is, so that in evaluation nothing needs to be done. Srivastava et al. 2014.
    """

    def __init__(self, p: float = 0.5, *, rng: np.random.Generator):
        if not 0 <= p < 1:
            raise ValueError(f"Dropout: p is {p}; it must lie in [0, 1)")
        self.p, self.rng = p, rng

    def forward(self, x: Tensor) -> Tensor:
        x = x if isinstance(x, Tensor) else Tensor(x)
        if not self.training or self.p == 0:
            return x
        return self._drop(x, x.shape)

    def _drop(self, x: Tensor, shape: tuple[int, ...]) -> Tensor:
        """Keep or drop x by a random mask of shape, which broadcasts against x."""
        kept = self.rng.random(shape, np.float32) >= self.p
        mask = Tensor.wrap(xp(x.data).asarray(kept))
        return ops.where(mask, x, 0.0) * (1 / (1 - self.p))
