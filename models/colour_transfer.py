"""Colours of one picture for another: the straightest map that gives them the same mean and the same covariance.

Pitié & Kokaram 2007, "The linear Monge-Kantorovitch linear colour mapping for example-based colour transfer". Colours
are taken as points in three dimensions, with mean m and covariance A in the one picture, n and B in the other. Of all
affine maps that turn the former into the latter, one moves the points least, by the sum of squared distances:

    t(x) = T (x - m) + n,   T = A^-1/2 (A^1/2 B A^1/2)^1/2 A^-1/2

T is symmetric and positive, so that no hue is turned further than it has to be. As the map is affine, it leaves every
edge where it was: a photograph stays one.
"""

from __future__ import annotations

import numpy as np

EPS = 1e-4  # a variance below every camera's noise, (1/100)^2: colours that do not vary are not blown up


def match_colours(image: np.ndarray, like: np.ndarray, masks: np.ndarray, like_masks: np.ndarray) -> np.ndarray:
    """Give each region of an image the colours of the same region of another picture -> (3, H, W), clipped to [0, 1].

    image (3, H, W), like (3, h, w), in [0, 1]; masks (R, 1, H, W), like_masks (R, 1, h, w), of weights. Where masks
    overlap, as soft ones do, the maps are averaged; where there is none, the image stays as it is.
    """
    pixels = image.reshape(3, -1).astype(np.float64)
    others = like.reshape(3, -1).astype(np.float64)
    total, covered = np.zeros_like(pixels), np.zeros(pixels.shape[1])
    for mask, like_mask in zip(masks.reshape(len(masks), -1), like_masks.reshape(len(like_masks), -1), strict=True):
        mean, wanted = np.average(pixels, 1, mask), np.average(others, 1, like_mask)
        T = straightest_map(np.cov(pixels, aweights=mask, ddof=0), np.cov(others, aweights=like_mask, ddof=0))
        total += mask * (T @ (pixels - mean[:, None]) + wanted[:, None])
        covered += mask
    result = np.where(covered > 0, total / np.maximum(covered, 1e-12), pixels)
    return result.clip(0, 1).reshape(image.shape).astype(image.dtype)


def straightest_map(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return T of two covariances (3, 3): T a T = b, symmetric and positive; EPS is added to both diagonals."""
    a, b = a + EPS * np.eye(len(a)), b + EPS * np.eye(len(b))
    root, inverse = _power(a, 0.5), _power(a, -0.5)
    return inverse @ _power(root @ b @ root, 0.5) @ inverse


def _power(a: np.ndarray, p: float) -> np.ndarray:
    """Return a**p of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh(a)
    return (vectors * values**p) @ vectors.T
