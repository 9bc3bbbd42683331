"""The training loop: batches, progress, checkpoints; Ctrl-C and --resume."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from minigrad import Tensor, keep_memory, nn, no_grad, saving, schedules
from minigrad.kernels.layout import chwn, nchw

from .prefetch import prefetched
from .resume import environment, fingerprint, go_on
from .step import PLAIN, Step, batches
from .team import team

SECONDS_BETWEEN_SAVES = 5
BAR = "{l_bar}{bar:20}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_inv_fmt}{postfix}]"


def train(
    model: nn.Module, loss: Callable[..., Tensor], arrays: tuple[np.ndarray, ...], optimizer: Any, *,
    epochs: int, rng: np.random.Generator, batch_size: int = 128, decay: bool = True, warm_up: int = 0,
    step: Step = PLAIN, path: Path, resume: bool = False, settings: dict[str, Any], label: str = "",
    device: str = "cpu",
) -> list[float]:  # fmt: skip
    """Minimise loss(*batch) over batches of arrays and return the mean loss of every epoch.

    arrays: of equal length, in memory or in a file (data/mapped.py), cut into batches together, each batch a Tensor on
    device. rng shuffles them; a model that draws random numbers draws from the same one. decay: the learning rate falls
    from the optimizer's to 0 along a cosine. warm_up: steps over which it first rises, to a share of that curve. step:
    what a batch does to the model. After an epoch, but only every few seconds, all of the state goes to path; resume
    continues from there, and a run that was stopped ends with the same bits as one that was not, in the same
    environment (resume.py). If mpiexec has started several processes, they share every batch (team.py). settings: what
    the run depends on. ValueError if a run under other settings, or on other data, is resumed.
    """
    keep_memory()
    n, steps = len(arrays[0]), -(-len(arrays[0]) // batch_size)
    schedule = schedules.cosine(optimizer.lr, max(1, epochs * steps))
    if warm_up:
        schedule = schedules.warm_up(schedule, warm_up)
    who = team(step, model, optimizer, rng)
    rngs = {"train": who.shuffler}
    run = {"settings": settings, "data": fingerprint(arrays), "environment": environment(device)} if who.leads else {}
    first, history = who.begin(
        lambda: go_on(path, model, optimizer, rngs, run) if resume and path.exists() else (0, [])
    )
    read = functools.partial(_read, arrays)
    count, due = first * steps, 0.0  # steps taken; the time from which on a save is due
    model.train()
    options = {"desc": label, "unit": "step", "mininterval": 0.5, "bar_format": BAR, "disable": not who.leads}
    with tqdm(total=epochs * steps, initial=count, **options) as bar:
        for epoch in range(first, epochs):
            total = 0.0
            order = who.batches(n, batch_size)
            for index, batch in zip(order, read(map(who.mine, order))):
                if decay:
                    optimizer.lr = schedule(count)
                value = who.take(index, loss, [Tensor.wrap(a).to(device) for a in batch], optimizer)
                total += len(index) * value
                count += 1
                bar.set_postfix_str(f"epoch {epoch + 1}/{epochs}, loss {value:.4g}", refresh=False)
                bar.update()
            history.append(total / n)
            if who.leads and (time.monotonic() >= due or epoch + 1 == epochs):
                saving.save_training(path, model, optimizer, epoch + 1, rngs, {"history": history, **run})
                due = time.monotonic() + SECONDS_BETWEEN_SAVES
    model.eval()
    return history


def _read(arrays: tuple[Any, ...], order: Iterator[np.ndarray]) -> Iterator[list[np.ndarray]]:
    """Yield the rows of arrays; by a thread that reads ahead, where they come from a file."""

    def rows_of(rows: np.ndarray) -> list[np.ndarray]:
        return [as_kernels_do(a[rows]) for a in arrays]

    in_memory = all(isinstance(a, np.ndarray) for a in arrays)
    return map(rows_of, order) if in_memory else prefetched(rows_of, order)


def as_kernels_do(x: np.ndarray) -> np.ndarray:
    """Lay images x (N, C, H, W) out in memory as C, H, W, N once, before every layer has to; others stay."""
    return nchw(chwn(x)) if x.ndim == 4 else x


def apply(f: Callable[[Tensor], Tensor], x: np.ndarray, batch_size: int = 500, device: str = "cpu") -> np.ndarray:
    """Compute f on all of x, a batch at a time and without recording -> one array."""
    with no_grad():
        return np.concatenate([f(Tensor.wrap(x[i]).to(device)).to("cpu").numpy() for i in batches(len(x), batch_size)])
