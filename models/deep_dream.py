"""Deep dream: whatever a layer sees in a photo, more of it. Mordvintsev, Olah & Tyka, Google Research blog 2015.

    x <- x + r g / mean |g|,    g = d/dx mean of a(x)**2,    a: the activations of a layer

A layer's parts have one size in pixels. So that they appear in many sizes, the photo is shrunk again and again, octave
by octave, and dreamt over from the smallest to the largest:

    x_k = p_k + resize(d_{k-1});  some steps as above;  d_k = x_k - p_k    p_k: the photo at size k, d_k: what was added

Before each step the image is shifted at random around its edges, and back after it: what a network computes at strides
leaves a grid otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import minigrad as mg
from minigrad import Tensor

from .features import Features
from .visualize import Objective

SMALLEST = 32  # pixels along the shorter side of the first octave: below, deep layers see nothing


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
    """Dream over a photo (1, 3, H, W) in [0, 1]; yield every octave, of which the last has the photo's size.

    ratio: of the sizes of two octaves. rate: r above, the mean change of a colour in a step. jitter: largest shift, in
    pixels. ValueError unless there is an octave and the first is 32 pixels high and wide, or for a layer that is none.
    """
    if octaves < 1 or ratio <= 1:
        raise ValueError(f"dream: {octaves} octaves of ratio {ratio}; give 1 octave or more, and a ratio above 1")
    H, W = photo.shape[2:]
    if min(H, W) / ratio ** (octaves - 1) < SMALLEST:
        raise ValueError(
            f"dream: {octaves} octaves of a photo {H} x {W} begin below {SMALLEST} pixels; take fewer, or a larger one"
        )
    photos = [photo]
    for k in range(1, octaves):
        photos.insert(0, resize(photos[0], (round(H / ratio**k), round(W / ratio**k))))
    objective, detail = Objective(features, layer, "layer"), photos[0] * 0
    for p in photos:
        x = mg.clip(p + resize(detail, p.shape[2:]), 0, 1)
        before = objective(x).item()
        for _ in range(steps):
            x = _step(objective, x, rate, rng.integers(-jitter, jitter + 1, 2))
        detail = x - p
        yield Octave(x, before, objective(x).item())


def _step(objective: Objective, x: Tensor, rate: float, shift: np.ndarray) -> Tensor:
    """Take one step, seen shifted by (rows, columns), and stay within [0, 1]."""
    seen = Tensor(mg.roll(x, tuple(shift), (2, 3)).data, requires_grad=True)
    g = mg.grad(objective(seen).sum(), seen)
    moved = seen.detach() + g * (rate / (mg.abs(g).mean().item() + 1e-12))  # where nothing answers, g is 0
    return mg.roll(mg.clip(moved, 0, 1), tuple(-shift), (2, 3))


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Images (N, C, H, W) at another size, bilinearly, edge on edge."""
    whole = np.tile(np.eye(2, 3, dtype=x.dtype), (len(x), 1, 1))
    return mg.grid_sample(x, mg.affine_grid(whole, (*x.shape[:2], *size)).to(x.device), padding_mode="border")
