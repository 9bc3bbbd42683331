"""Deformations as sums of positive increments: no row or column can fold back. Shu et al., arXiv 1806.06503.

A warp W says, for every pixel p of an image, where in a template to look it up: image(p) = T(W(p)). A decoder whose
output is W itself could tear and fold the template. Here its output is the increment from pixel to pixel, d > 0,

    W_x(i, j) = -1 - 2 / (width - 1) + sum over n <= j of d_x(i, n)
    W_y(i, j) = -1 - 2 / (height - 1) + sum over m <= i of d_y(m, j)

clipped to [-1, 1]. So neighbours keep their order: left stays left, and above stays above. Places are (x, y), with -1
and 1 at the centres of the outer pixels. Constant increments of 2 / (width - 1) and 2 / (height - 1) make the identity.
"""

from __future__ import annotations

import math

import numpy as np

import minigrad as mg
from minigrad import Tensor

LARGEST = 5.0  # increments stay below 5 / size: two and a half pixels of the template


def identity_grid(size: int) -> np.ndarray:
    """Return the warp that changes nothing: (size, size, 2) float32, the (x, y) of every pixel."""
    centres = np.linspace(-1, 1, size, dtype=np.float32)
    return np.stack(np.meshgrid(centres, centres), axis=-1)


def increments(logits: Tensor) -> Tensor:
    """Turn logits (N, 2, size, size) into increments between 0 and 5 / size, by a sigmoid."""
    return mg.sigmoid(logits) * (LARGEST / logits.shape[-1])


def identity_logit(size: int) -> float:
    """Return the logit of the identity's increment, 2 / (size - 1): a bias to start from. The bias 0 is a zoom."""
    share = 2 * size / (LARGEST * (size - 1))  # .406 at 64 pixels
    return math.log(share / (1 - share))


def integral_warp(steps: Tensor) -> Tensor:
    """Sum up positive increments (N, 2, H, W), along x and along y -> the warp W above, (N, H, W, 2) in [-1, 1].

    For mg.grid_sample(.., align_corners=True).
    """
    H, W = steps.shape[2:]
    x = mg.cumsum(steps[:, 0], axis=2) - (1 + 2 / (W - 1))
    y = mg.cumsum(steps[:, 1], axis=1) - (1 + 2 / (H - 1))
    return mg.clip(mg.stack([x, y], axis=3), -1.0, 1.0)


def look_up(texture: Tensor, warp: Tensor) -> Tensor:
    """Return the image T(W(p)): texture (N, C, h, w), warp (N, H, W, 2) -> (N, C, H, W); bilinear, 0 outside."""
    return mg.grid_sample(texture, warp, align_corners=True)


def displacement(warp: Tensor) -> Tensor:
    """Return W - W0, with W0 the identity: (N, size, size, 2) -> (N, 2, size, size)."""
    identity = Tensor.wrap(identity_grid(warp.shape[1]).astype(warp.dtype)).to(warp.device)
    return (warp - identity).transpose(0, 3, 1, 2)
