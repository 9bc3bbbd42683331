"""Steps down a loss."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import nn


def training(model: nn.Module, loss: Callable[[], torch.Tensor], max_norm: float = math.inf) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        if max_norm < math.inf:
            nn.utils.clip_grad_norm_(model.parameters(), max_norm)
        optimizer.step()

    return step
