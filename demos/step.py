"""The batches of an epoch, and what one does to the model: a step, cut where gradients are ready and not yet used."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from minigrad import Tensor, optim


def batches(n: int, size: int, rng: np.random.Generator | None = None) -> Iterator[np.ndarray]:
    """Yield index arrays that cover range(n), `size` at a time: in order, or shuffled by rng."""
    order = np.arange(n) if rng is None else rng.permutation(n)
    return (order[i : i + size] for i in range(0, n, size))


class Step:
    """What one batch does to the model: gradients are computed, then changed or left alone, then used.

    A subclass overrides `gradients` to add up those of several smaller batches, and `ready`, which is called when all
    gradients are there and none is used yet: to clip them, or to add those of other processes.
    """

    def __call__(self, loss: Callable[..., Tensor], batch: list[Tensor], optimizer: Any) -> float:
        """Take the step -> the loss before it."""
        optimizer.zero_grad()
        value = self.gradients(loss, batch)
        self.ready(optimizer)
        optimizer.step()
        return value

    def gradients(self, loss: Callable[..., Tensor], batch: list[Tensor]) -> float:
        """Add the gradient of the loss to that of every parameter -> the loss. On return the graph is freed."""
        value = loss(*batch)
        value.backward()
        return value.item()

    def ready(self, optimizer: Any) -> None:
        """Change the gradients of the optimizer's parameters; here they stay as they are."""


PLAIN = Step()


class ClippedStep(Step):
    """A step that gradients of joint norm above max_norm, which a steep place of the loss gives, cannot throw far."""

    def __init__(self, max_norm: float):
        self.max_norm = max_norm

    def ready(self, optimizer: Any) -> None:
        optim.clip_grad_norm(optimizer.parameters, self.max_norm)
