"""Judge what light and what paint made of an image, where the truth is known."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

DARK = 0.02  # added to the luminance, whose logarithm is taken


def scale_invariant_mse(estimate: np.ndarray, truth: np.ndarray, mask: np.ndarray) -> np.ndarray:
    """Mean squared error within the mask after the best factor for every image -> (N,).

    estimate and truth (N, C, H, W), mask (N, 1, H, W). Shading times albedo leaves a factor open, so that
    none is held against an estimate. Grosse et al., ICCV 2009.
    """
    weight = np.broadcast_to(mask, truth.shape).astype(np.float64)
    along, square = (np.sum(weight * estimate * other, axis=(1, 2, 3)) for other in (truth, estimate))
    factor = along / np.maximum(square, 1e-12)
    error = np.square(factor.reshape(-1, 1, 1, 1) * estimate - truth)
    return np.sum(weight * error, axis=(1, 2, 3)) / np.sum(weight, axis=(1, 2, 3))


def retinex(x: np.ndarray, sigma: float) -> tuple[np.ndarray, np.ndarray]:
    """What changes slowly is light: images (N, C, H, W) -> shading (N, 1, H, W), albedo (N, C, H, W).

    The shading is a Gaussian blur, `sigma` pixels wide, of the logarithm of the luminance. After Land & McCann 1971.
    """
    luminance = np.log(x.mean(axis=1, keepdims=True) + DARK)
    shading = np.exp(gaussian_filter(luminance, (0, 0, sigma, sigma)))
    return shading, x / shading
