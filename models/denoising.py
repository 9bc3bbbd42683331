"""The denoising autoencoder: corrupt x, and ask for the clean x back. Vincent et al., ICML 2008 and JMLR 2010.

    x~ = noise(x),  L = d(x, D(E(x~)))

d is the mean squared error. The average of L over images and noise is least if D(E(x~)) is E[x | x~], the mean of all
images that x~ may have been, each weighted by how likely it is and by how likely the noise turns it into x~. Copying,
the best that a plain autoencoder can do, keeps the noise and pays for it.

Why this learns the manifold: among all arrays of pixels, images lie near a thin curved sheet, and noise moves them off
it. To answer with a mean of images is to step back to the sheet, so the network has to learn where it lies. For
Gaussian noise of variance s^2 that is not clipped, with p the density of noisy images,

    E[x | x~] = x~ + s^2 grad log p(x~)        (Miyasawa 1961; Vincent 2011):

the step goes up the gradient of the log density, towards the sheet.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

Noise = Callable[[Tensor, np.random.Generator], Tensor]


def gaussian(x: Tensor, rng: np.random.Generator, sigma: float = 0.5) -> Tensor:
    """Add N(0, sigma^2) to every number, and clip to [0, 1]."""
    noise = rng.standard_normal(x.shape, np.float32) * sigma
    return mg.clip(x + Tensor(noise).to(x.device), 0, 1)


def darken(x: Tensor, rng: np.random.Generator, size: int = 8, margin: int = 4) -> Tensor:
    """Set a size x size block at a random place, at least `margin` pixels from every edge, to 0. x (N, C, H, W)."""
    H, W = x.shape[2:]
    if size + 2 * margin > min(H, W):
        raise ValueError(f"darken: images are {H} x {W}; a block of {size} and margins of {margin} do not fit in")
    i, j = np.ogrid[:H, :W]
    top, left = (rng.integers(margin, n - margin - size, (len(x), 1, 1, 1), endpoint=True) for n in (H, W))
    block = (top <= i) & (i < top + size) & (left <= j) & (j < left + size)  # (N, 1, H, W)
    return x * Tensor(~block).to(x.device)


def dropout(x: Tensor, rng: np.random.Generator, p: float = 0.5) -> Tensor:
    """Set every number to 0 with probability p; the others stay as they are."""
    return x * Tensor(rng.random(x.shape, np.float32) >= p).to(x.device)


def sometimes(noise: Noise, p: float) -> Noise:
    """Corrupt each image with probability p only, so that the network has seen clean ones too."""

    def spoil(x: Tensor, rng: np.random.Generator) -> Tensor:
        spoiled = rng.random((len(x), *[1] * (x.ndim - 1))) < p
        return mg.where(Tensor(spoiled).to(x.device), noise(x, rng), x)

    return spoil


NOISES: dict[str, Noise] = {"gaussian": gaussian, "block": darken, "dropout": dropout}


def denoising_loss(model: nn.Module, x: Tensor, noise: Noise, rng: np.random.Generator) -> Tensor:
    """The loss above, the mean over pixels and batch, with noise that rng draws anew in every call."""
    return mg.mse_loss(model(noise(x, rng)), x)
