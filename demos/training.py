"""The training loop: batches, progress, checkpoints; Ctrl-C and --resume."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from minigrad import Tensor, keep_memory, nn, no_grad, optim, saving, schedules
from minigrad.kernels.layout import chwn, nchw

from .resume import environment, fingerprint, go_on

SECONDS_BETWEEN_SAVES = 5
BAR = "{l_bar}{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_inv_fmt}{postfix}]"


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


def train(
    model: nn.Module, loss: Callable[..., Tensor], arrays: tuple[np.ndarray, ...], optimizer: Any, *,
    epochs: int, rng: np.random.Generator, batch_size: int = 128, decay: bool = True, step: Step = PLAIN,
    path: Path, resume: bool = False, settings: dict[str, Any], label: str = "", device: str = "cpu",
) -> list[float]:  # fmt: skip
    """Minimise loss(*batch) over batches of arrays and return the mean loss of every epoch.

    arrays: of equal length, cut into batches together, each batch a Tensor on device. rng shuffles them; a model that
    draws random numbers draws from the same one. decay: the learning rate falls from the optimizer's to 0 along a
    cosine. step: what a batch does to the model. After an epoch, but only every few seconds, all of the state goes to
    path; resume continues from there, and a run that was stopped ends with the same bits as one that was not, in the
    same environment (resume.py). settings: what the run depends on. ValueError if a run under other settings, or on
    other data, is resumed.
    """
    keep_memory()
    n, steps = len(arrays[0]), -(-len(arrays[0]) // batch_size)
    schedule = schedules.cosine(optimizer.lr, max(1, epochs * steps))
    rngs, run = {"train": rng}, {"settings": settings, "data": fingerprint(arrays), "environment": environment(device)}
    first, history = go_on(path, model, optimizer, rngs, run) if resume and path.exists() else (0, [])
    count, due = first * steps, 0.0  # steps taken; the time from which on a save is due
    model.train()
    with tqdm(total=epochs * steps, initial=count, desc=label, unit="step", mininterval=0.5, bar_format=BAR) as bar:
        for epoch in range(first, epochs):
            total = 0.0
            for index in batches(n, batch_size, rng):
                if decay:
                    optimizer.lr = schedule(count)
                value = step(loss, [Tensor.wrap(as_kernels_do(a[index])).to(device) for a in arrays], optimizer)
                total += len(index) * value
                count += 1
                bar.set_postfix_str(f"epoch {epoch + 1}/{epochs}, loss {value:.4g}", refresh=False)
                bar.update()
            history.append(total / n)
            if time.monotonic() >= due or epoch + 1 == epochs:
                saving.save_training(path, model, optimizer, epoch + 1, rngs, {"history": history, **run})
                due = time.monotonic() + SECONDS_BETWEEN_SAVES
    model.eval()
    return history


def as_kernels_do(x: np.ndarray) -> np.ndarray:
    """Lay images x (N, C, H, W) out in memory as C, H, W, N once, before every layer has to; others stay."""
    return nchw(chwn(x)) if x.ndim == 4 else x


def apply(f: Callable[[Tensor], Tensor], x: np.ndarray, batch_size: int = 500, device: str = "cpu") -> np.ndarray:
    """Compute f on all of x, a batch at a time and without recording -> one array."""
    with no_grad():
        return np.concatenate([f(Tensor.wrap(x[i]).to(device)).to("cpu").numpy() for i in batches(len(x), batch_size)])
