"""The same training steps in PyTorch, with its defaults."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

BATCH = 128


def dense_vae() -> Callable[[], None]:
    """784-500-120-5-120-500-784, batch 128, Adam."""
    torch.manual_seed(0)
    encoder = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 120), nn.ReLU())
    mean, log_variance = nn.Linear(120, 5), nn.Linear(120, 5)
    decoder = nn.Sequential(nn.Linear(5, 120), nn.ReLU(), nn.Linear(120, 500), nn.ReLU(), nn.Linear(500, 784))
    parameters = [p for part in (encoder, mean, log_variance, decoder) for p in part.parameters()]
    optimizer = torch.optim.Adam(parameters, 1e-3)
    x = torch.rand(BATCH, 784)

    def step() -> None:
        optimizer.zero_grad()
        h = encoder(x)
        m, v = mean(h), log_variance(h)
        logits = decoder(m + torch.exp(0.5 * v) * torch.randn_like(m))
        kl = -0.5 * (1 + v - m.square() - v.exp()).sum()
        loss = (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + kl) / BATCH
        loss.backward()
        optimizer.step()

    return step


STEPS = {"dense_vae": dense_vae}
