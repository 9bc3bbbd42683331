"""Judge an image by the true one: squared error, signal-to-noise ratio, structural similarity. Images lie in [0, 1]."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import correlate1d

RADIUS, SIGMA = 5, 1.5  # of the Gaussian window, 11 x 11
C1, C2 = 0.01**2, 0.03**2  # keep flat and dark windows from 0 / 0


def mse(x: np.ndarray, truth: np.ndarray) -> float:
    """Mean squared error of images of shapes that broadcast."""
    return float(np.mean(np.square(x - truth), dtype=np.float64))


def gradient_energy(x: np.ndarray) -> float:
    """Mean squared difference of neighbouring pixels, down and across, of images (.., H, W): how sharp they are."""
    return float(sum(np.mean(np.square(np.diff(x, axis=axis)), dtype=np.float64) for axis in (-2, -1)))


def psnr(x: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio in decibels, 10 log10(1 / MSE), infinite where x is the truth; peak 1.

    The mean squared error is that of all images (N, C, H, W) together: 0.1 to 0.5 dB lower than a mean of the
    images' own ratios. ValueError if the shapes differ.
    """
    _check("psnr", x, truth)
    error = np.mean(np.square(x.astype(np.float64) - truth))
    return float(-10 * np.log10(error)) if error else np.inf


def ssim(x: np.ndarray, truth: np.ndarray) -> float:
    """Structural similarity, 1 where x is the truth: mean over all images, channels and windows of (N, C, H, W).

    In a window, of weights that fall off as a Gaussian, with means m, variances v and covariance c of x and truth y:

        (2 m_x m_y + C1) (2 c + C2) / ((m_x^2 + m_y^2 + C1) (v_x + v_y + C2))

    C1 = .01^2, C2 = .03^2 for peak 1; windows of 11 x 11, sigma 1.5, that lie wholly inside. Wang, Bovik, Sheikh &
    Simoncelli 2004. ValueError if the shapes differ or a side is shorter than a window.
    """
    _check("ssim", x, truth)
    if x.ndim < 2 or min(x.shape[-2:]) <= 2 * RADIUS:
        raise ValueError(f"ssim: images are {x.shape}; the last two axes must be {2 * RADIUS + 1} or longer")
    a, b = x.astype(np.float64), truth.astype(np.float64)
    mean_a, mean_b = _smooth(a), _smooth(b)
    var_a, var_b, covariance = _smooth(a * a) - mean_a**2, _smooth(b * b) - mean_b**2, _smooth(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    similarity = luminance * (2 * covariance + C2) / (var_a + var_b + C2)
    return float(similarity.mean())


def _smooth(x: np.ndarray) -> np.ndarray:
    """Average x over each whole window: (.., H, W) -> (.., H - 10, W - 10)."""
    weights = np.exp(-np.square(np.arange(-RADIUS, RADIUS + 1)) / (2 * SIGMA**2))
    weights /= weights.sum()
    inside = slice(RADIUS, -RADIUS)
    return correlate1d(correlate1d(x, weights, axis=-1), weights, axis=-2)[..., inside, inside]


def _check(name: str, x: np.ndarray, truth: np.ndarray) -> None:
    if x.shape != truth.shape or not x.size:
        raise ValueError(f"{name}: x is {x.shape} and the truth {truth.shape}; they must be equal, and not empty")
