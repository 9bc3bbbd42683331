"""Optimizers: they turn gradients into steps.

optimizer = Adam(model.parameters(), lr=1e-3)
for x, y in batches:
    optimizer.zero_grad()
    loss(model(x), y).backward()
    optimizer.step()
"""

from .clip import clip_grad_norm, clip_grad_value
from .first_order import SGD, Adam, AdamW, RMSprop
from .lbfgs import LBFGS
from .muon import Muon
from .optimizer import Optimizer

__all__ = ["LBFGS", "SGD", "Adam", "AdamW", "Muon", "Optimizer", "RMSprop", "clip_grad_norm", "clip_grad_value"]
