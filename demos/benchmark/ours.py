"""Training steps through minigrad: name -> a function that builds the model and returns one step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from minigrad import Tensor, keep_memory, optim
from models.vae import DenseVAE, negative_elbo

keep_memory()
BATCH = 128


def dense_vae() -> Callable[[], None]:
    """784-500-120-5-120-500-784, batch 128, Adam."""
    rng = np.random.default_rng(0)
    model = DenseVAE(5, rng=rng)
    optimizer = optim.Adam(model.parameters(), 1e-3)
    x = Tensor.wrap(rng.random((BATCH, 1, 28, 28), np.float32))

    def step() -> None:
        optimizer.zero_grad()
        negative_elbo(model, x).backward()
        optimizer.step()

    return step


STEPS = {"dense_vae": dense_vae}
