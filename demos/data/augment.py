"""Make more of few images: bend them at random, and graft one onto another."""

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad import Tensor, no_grad

from .glyphs import CONTROL, warp


def bend(
    x: Tensor, rng: np.random.Generator, *, affine: float, shift: float, elastic: float, mirror: bool = False
) -> Tensor:
    """See every image of x (N, C, S, S) through a warp of its own -> the same shape. Simard, Steinkraus & Platt 2003.

    affine: largest rotation (radians), shear (x per y) and logarithm of the scale along each axis; shift: largest
    shift, and elastic: of each control point, in frame units (the image is 2 wide); all drawn uniformly. With mirror,
    half of the images are turned left to right. Beyond its edge an image goes on as it is there.
    """
    N, _, S, _ = x.shape
    angle, shear = rng.uniform(-affine, affine, (2, N))
    scale = np.exp(rng.uniform(-affine, affine, (N, 1, 2)))
    cos, sin = np.cos(angle), np.sin(angle)
    linear = (
        np.array([[cos, shear * cos - sin], [sin, shear * sin + cos]]).transpose(2, 0, 1) * scale
    )  # (2,2,N)->(N,2,2)
    maps = np.concatenate([linear, rng.uniform(-shift, shift, (N, 2, 1))], axis=2)
    grid = warp(maps, rng.uniform(-elastic, elastic, (N, 2, CONTROL, CONTROL)), S)
    if mirror:
        grid[..., 0] *= rng.choice([-1, 1], (N, 1, 1))
    with no_grad():
        return mg.grid_sample(x, Tensor(grid.astype(np.float32)).to(x.device), padding_mode="border")


def graft(x: Tensor, labels: Tensor, rng: np.random.Generator, *, share: float, classes: int) -> tuple[Tensor, Tensor]:
    """Put parts of other images in the place of parts of about a share of x -> images (N, C, S, S), labels (N,).

    The lower or the right part, about half, comes from another image of the batch. What has parts of two of the
    `classes`, labels 0 to classes - 1, is of a class of its own, one for each (first, second, which half): few classes
    become many. After CutMix, Yun et al. 2019, whose labels are mixtures.
    """
    N, S = len(x), x.shape[-1]
    other, chosen = rng.permutation(N), rng.random(N) < share
    cut, across = rng.integers(round(0.4 * S), round(0.6 * S) + 1, (N, 1, 1)), rng.integers(0, 2, N)
    rows, columns = np.indices((S, S))
    own = np.where(across[:, None, None], columns, rows) < cut  # (N, S, S)
    own |= ~chosen[:, None, None]
    old = labels.to("cpu").numpy()
    new = classes * (1 + 2 * old + across) + old[other]
    new = np.where(chosen & (old != old[other]), new, old)
    with no_grad():
        mixed = mg.where(Tensor(own[:, None]).to(x.device), x, x[other])
    return mixed, Tensor.wrap(new).to(x.device)
