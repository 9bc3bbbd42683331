"""Deep dream: whatever a layer sees in a photo, amplified. Mordvintsev, Olah & Tyka, Google Research blog 2015.

    x <- x + r g / mean |g|,    g = d/dx mean of a(x)**2,    a: the activations of a layer

The features of a layer have a fixed size in pixels. To make them appear in many sizes, the photo is shrunk repeatedly,
octave by octave, and the dream goes from the smallest to the largest:

    x_k = p_k + resize(d_{k-1});  some steps as above;  d_k = x_k - p_k    p_k: the photo at size k, d_k: the changes

Before each step the image is shifted cyclically by a random amount, and back after it; otherwise the strides of the
network would leave a grid. The loop over octaves and steps is in demos/pixels.py.
"""

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad import Tensor

from .visualize import Objective

SMALLEST = 32  # pixels along the shorter side of the first octave: in smaller images deep layers see nothing


def octaves_of(photo: Tensor, octaves: int, ratio: float) -> list[Tensor]:
    """Shrink a photo (1, 3, H, W) -> p_1, p_2, .., from the smallest to the photo itself.

    ratio: of the sizes of neighbouring octaves. ValueError unless there is an octave and the first one is at least 32
    pixels high and wide.
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
        # each from the next larger one: shrinking the photo at once would skip pixels
        photos.insert(0, resize(photos[0], (round(H / ratio**k), round(W / ratio**k))))
    return photos


def moved(objective: Objective, x: Tensor, rate: float, shift: np.ndarray) -> Tensor:
    """Move x (1, 3, H, W) one step up the objective, seen shifted by (rows, columns), within [0, 1]."""
    seen = Tensor(mg.roll(x, tuple(shift), (2, 3)).data, requires_grad=True)
    g = mg.grad(objective(seen).sum(), seen)
    size = mg.abs(g).mean().item() + 1e-12  # if nothing is activated, g is 0
    y = mg.clip(seen.detach() + g * (rate / size), 0, 1)
    return mg.roll(y, tuple(-shift), (2, 3))


def resize(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize images (N, C, H, W) bilinearly, edge to edge."""
    whole = np.tile(np.eye(2, 3, dtype=x.dtype), (len(x), 1, 1))
    grid = mg.affine_grid(whole, (*x.shape[:2], *size))
    return mg.grid_sample(x, grid.to(x.device), padding_mode="border")
