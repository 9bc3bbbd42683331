"""Batches, and steps down a loss."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from demos.training import as_kernels_do
from minigrad import Tensor, nn, optim


def images(rng: np.random.Generator, N: int, C: int, H: int) -> Tensor:
    """Draw a batch that lies in memory as the training loop lays it."""
    return Tensor.wrap(as_kernels_do(rng.random((N, C, H, H), np.float32)))


def training(model: nn.Module, loss: Callable[[], Tensor], max_norm: float = math.inf) -> Callable[[], None]:
    """Return a step of Adam down the loss; the gradients are clipped where there is a largest norm."""
    optimizer = optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        if max_norm < math.inf:
            optim.clip_grad_norm(optimizer.parameters, max_norm)
        optimizer.step()

    return step
