"""Descent and ascent on pixels: pictures that a loss prefers, that activate a network, that a network dreams of.

paint     lowers a loss over the pixels of a picture, by L-BFGS or Adam: style transfer
ascend    raises an objective over the sines that an image is made of, by Adam: feature visualisation
dream     raises the activations of a layer over pixels, octave by octave, by steps of one size: deep dream
"""

from __future__ import annotations

import time
import tracemalloc
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

import minigrad as mg
from demos.training import BAR
from minigrad import Tensor, nn, optim, schedules
from models.deep_dream import moved, octaves_of, resize
from models.features import Features
from models.relu import redirected_relu
from models.visualize import FourierImage, Objective, transform

OPTIMIZERS = ("lbfgs", "adam")
HISTORY = 20  # steps by which L-BFGS approximates the curvature
PAINT_RATE = 0.05  # of Adam when painting; falls to 0 along a cosine
RANGE = 300.0  # the penalty on leaving [0, 1]: this times the loss at the start times the mean squared excess
PREVIEW = 10  # evaluations from one preview to the next
ASCENT_RATE = 0.05  # of Adam in ascent
REDIRECTED = 16  # steps of ascent in which gradients pass silent ReLUs


# ---- painting --------------------------------------------------------------------------------------------------------


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
    evaluations and, at the end or when interrupted, with the best (L-BFGS) or the last (Adam), clipped to [0, 1].
    """
    x = nn.Parameter(Tensor(start).to(device).data)
    unit, history = max(loss(x).item(), 1e-12), []
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
                preview(_picture(x))
            return value

        try:
            _minimise(x, evaluate, optimizer, evaluations)
        finally:
            preview(_picture(x))
    return _picture(x), history


def _picture(x: Tensor) -> np.ndarray:
    return x.to("cpu").numpy().clip(0, 1)


class _Enough(Exception):
    """All evaluations are used up."""


def _minimise(x: nn.Parameter, evaluate: Callable[[], Tensor], optimizer: str, evaluations: int) -> None:
    """Move x until all evaluations are used up, or L-BFGS finds nothing better."""
    if optimizer == "lbfgs":
        try:
            optim.LBFGS([x], max_iterations=evaluations, history=HISTORY).step(evaluate)
        except _Enough:
            return
    elif optimizer == "adam":
        adam, rate = optim.Adam([x], PAINT_RATE), schedules.cosine(PAINT_RATE, evaluations)
        for step in range(evaluations):
            adam.lr = rate(step)
            _step(adam, evaluate)
    else:
        raise ValueError(
            f"paint: unknown optimizer {optimizer!r}; it must be one of {', '.join(map(repr, OPTIMIZERS))}"
        )


def _step(optimizer: optim.Adam, evaluate: Callable[[], Tensor]) -> Tensor:
    """Take one step; evaluate computes a value and its gradients -> this value."""
    optimizer.zero_grad()
    value = evaluate()
    optimizer.step()
    return value


def estimate(
    loss: Callable[[Tensor], Tensor], trial: np.ndarray, pixels: int, optimizer: str = "lbfgs", device: str = "cpu"
) -> tuple[float, float]:
    """Estimate what painting so many pixels takes, from a small trial: megabytes at once, seconds per evaluation.

    loss is that of pictures as large as the trial (1, 3, h, w); both costs grow with the pixels. The memory of a GPU is
    not counted.
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
    kept = 2 * HISTORY + 8 if optimizer == "lbfgs" else 2  # numbers that the optimizer keeps for every variable
    return (scale * peak + 3 * pixels * kept * 8) / 1e6, scale * min(times)


# ---- feature visualisation -------------------------------------------------------------------------------------------


def ascend(
    image: FourierImage, objective: Objective, signs: Sequence[float], *, steps: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """Raise (sign 1) or lower (sign -1) the objective of each image by `steps` steps of Adam; yield f, (N,), at each.

    f is that of the transformed images. It is best to fix the network's own parameters: requires_grad = False.
    """
    adam = optim.Adam(image.parameters(), ASCENT_RATE)
    s = Tensor(np.asarray(signs, np.float32)).to(image.t.device)
    for step in range(steps):

        def evaluate(redirected: bool = step < REDIRECTED) -> Tensor:
            f = objective(transform(image(), rng))
            with redirected_relu() if redirected else nullcontext():
                (-s * f).sum().backward()
            return f

        yield _step(adam, evaluate).numpy()


# ---- deep dream ------------------------------------------------------------------------------------------------------


class Octave(NamedTuple):
    """An image (1, 3, H, W) in [0, 1], and the objective mean a**2 before and after the steps at its size."""

    image: Tensor
    before: float
    after: float


def dream(
    features: Features,
    layer: str,
    photo: Tensor,
    *,
    octaves: int = 4,
    ratio: float = 1.4,
    steps: int = 10,
    rate: float = 1.5 / 255,
    jitter: int = 32,
    rng: np.random.Generator,
) -> Iterator[Octave]:
    """Dream over a photo (1, 3, H, W) in [0, 1]; yield every octave, the last of which has the photo's size.

    ratio: of the sizes of neighbouring octaves. rate: r in models/deep_dream.py, the mean change of a colour in a step.
    jitter: largest shift, in pixels. ValueError for an unknown layer, or as octaves_of says.
    """
    objective = Objective(features, layer, "layer")
    photos = octaves_of(photo, octaves, ratio)
    changes = photos[0] * 0
    for p in photos:
        x = mg.clip(p + resize(changes, p.shape[2:]), 0, 1)
        before = objective(x).item()
        for _ in range(steps):
            x = moved(objective, x, rate, rng.integers(-jitter, jitter + 1, 2))
        changes = x - p
        yield Octave(x, before, objective(x).item())
