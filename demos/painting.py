"""Pictures as variables: the pixels that a loss likes best, found by L-BFGS or Adam."""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

import minigrad as mg
from demos.training import BAR
from minigrad import Tensor, nn, optim, schedules

HISTORY = 20  # of L-BFGS: steps that stand in for the curvature
RATE = 0.05  # of Adam, falling to 0 by a cosine
RANGE = 300.0  # what pixels pay for leaving [0, 1]: this times the loss at the start times their mean squared excess
PREVIEW = 10  # evaluations from one preview to the next
OPTIMIZERS = ("lbfgs", "adam")


def paint(
    loss: Callable[[Tensor], Tensor],
    start: np.ndarray,
    *,
    evaluations: int,
    optimizer: str = "lbfgs",
    device: str = "cpu",
    preview: Callable[[np.ndarray], None] = lambda picture: None,
    label: str = "",
) -> tuple[np.ndarray, list[float]]:
    """Minimise loss over the pixels of a picture (1, 3, H, W) in [0, 1] -> the picture, the loss at every evaluation.

    An evaluation is the loss and its gradient. start: the first picture. preview is called with the picture every few
    evaluations, and at the end or when interrupted with the best (L-BFGS) or the last (Adam), within [0, 1].
    """
    x = nn.Parameter(Tensor(start).to(device).data)
    unit, history = max(loss(x).item(), 1e-12), []

    def picture() -> np.ndarray:
        return x.to("cpu").numpy().clip(0, 1)

    with tqdm(total=evaluations, desc=label, unit="evaluation", mininterval=0.5, bar_format=BAR) as bar:

        def evaluate() -> Tensor:
            if len(history) == evaluations:
                raise _Enough
            excess = mg.square(x - mg.clip(x, 0.0, 1.0).detach()).mean()
            value = loss(x) + excess * (RANGE * unit)
            value.backward()
            history.append(value.item())
            bar.set_postfix_str(f"loss {history[-1]:.4g}", refresh=False)
            bar.update()
            if len(history) % PREVIEW == 0:
                preview(picture())
            return value

        try:
            _minimise(x, evaluate, optimizer, evaluations)
        finally:
            preview(picture())
    return picture(), history


class _Enough(Exception):
    """All evaluations are used up."""


def _minimise(x: nn.Parameter, evaluate: Callable[[], Tensor], optimizer: str, evaluations: int) -> None:
    """Move x until evaluate has had enough."""
    if optimizer == "lbfgs":
        try:
            optim.LBFGS([x], max_iterations=evaluations, history=HISTORY).step(evaluate)
        except _Enough:
            return
    elif optimizer == "adam":
        adam, rate = optim.Adam([x], RATE), schedules.cosine(RATE, evaluations)
        for step in range(evaluations):
            adam.zero_grad()
            adam.lr = rate(step)
            evaluate()
            adam.step()
    else:
        raise ValueError(f"paint: optimizer {optimizer!r} is none of {', '.join(map(repr, OPTIMIZERS))}")


def estimate(
    loss: Callable[[Tensor], Tensor], trial: np.ndarray, pixels: int, optimizer: str = "lbfgs", device: str = "cpu"
) -> tuple[float, float]:
    """Guess what painting so many pixels takes, from a small trial: megabytes at once, seconds an evaluation.

    loss and trial (1, 3, h, w) belong together; both costs grow with the pixels. A GPU's own memory is not counted.
    """
    x, scale = nn.Parameter(Tensor(trial).to(device).data), pixels / (trial.shape[2] * trial.shape[3])
    tracemalloc.start()
    try:
        loss(x).backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    times = []
    for _ in range(2):
        start = time.perf_counter()
        loss(x).backward()
        times.append(time.perf_counter() - start)
    kept = 2 * HISTORY + 8 if optimizer == "lbfgs" else 2  # numbers that the optimiser keeps of every variable
    return (scale * peak + 3 * pixels * kept * 8) / 1e6, scale * min(times)
