"""PSNR, SSIM and gradient energy against direct loops."""

import math

import numpy as np
import pytest

from demos.evaluation.images import gradient_energy, psnr, ssim


def test_psnr_is_computed_from_the_error_over_all_images(rng):
    x, truth = rng.random((2, 3, 2, 4, 5))
    total = 0.0
    for index in np.ndindex(x.shape):
        total += (x[index] - truth[index]) ** 2
    assert psnr(x, truth) == pytest.approx(10 * math.log10(x.size / total), abs=1e-12)


def test_an_error_of_a_tenth_is_20_decibels_and_none_infinitely_many(rng):
    x = rng.random((1, 1, 4, 4))
    assert psnr(x + 0.1, x) == pytest.approx(20)
    assert psnr(x, x) == math.inf


def direct_ssim(x, y):
    """The formula of Wang et al. 2004 for two images, window by window."""
    weights = np.array([[math.exp(-(i * i + j * j) / 4.5) for j in range(-5, 6)] for i in range(-5, 6)])
    weights /= weights.sum()
    values = []
    for top in range(x.shape[0] - 10):
        for left in range(x.shape[1] - 10):
            a, b = x[top : top + 11, left : left + 11], y[top : top + 11, left : left + 11]
            mean_a, mean_b = (weights * a).sum(), (weights * b).sum()
            var_a, var_b = (weights * (a - mean_a) ** 2).sum(), (weights * (b - mean_b) ** 2).sum()
            covariance = (weights * (a - mean_a) * (b - mean_b)).sum()
            luminance = (2 * mean_a * mean_b + 1e-4) / (mean_a**2 + mean_b**2 + 1e-4)
            values.append(luminance * (2 * covariance + 9e-4) / (var_a + var_b + 9e-4))
    return np.mean(values)


def test_ssim_is_the_mean_over_whole_windows(rng):
    x = rng.random((2, 3, 13, 16))
    y = (x + 0.2 * rng.standard_normal(x.shape)).clip(0, 1)
    expected = np.mean([direct_ssim(a, b) for m, n in zip(x, y) for a, b in zip(m, n)])
    assert ssim(x, y) == pytest.approx(expected, abs=1e-12)


def test_ssim_is_1_for_the_same_image_and_negative_for_its_negative(rng):
    x = rng.random((1, 1, 12, 12), np.float32)
    assert ssim(x, x) == pytest.approx(1, abs=1e-9)
    assert ssim(1 - x, x) < 0


@pytest.mark.parametrize("measure", [psnr, ssim])
def test_images_of_different_shapes_are_refused(measure):
    with pytest.raises(ValueError, match=rf"{measure.__name__}: x is \(1, 12, 12\) and the truth \(12, 12\)"):
        measure(np.zeros((1, 12, 12)), np.zeros((12, 12)))


def test_ssim_refuses_images_smaller_than_its_window():
    with pytest.raises(ValueError, match="must be 11 or longer"):
        ssim(np.zeros((1, 1, 10, 28)), np.zeros((1, 1, 10, 28)))


def test_gradient_energy_is_the_mean_square_of_steps_down_and_across(rng):
    x = rng.random((3, 4, 5))
    down = [(x[c, i + 1, j] - x[c, i, j]) ** 2 for c in range(3) for i in range(3) for j in range(5)]
    across = [(x[c, i, j + 1] - x[c, i, j]) ** 2 for c in range(3) for i in range(4) for j in range(4)]
    assert gradient_energy(x) == pytest.approx(sum(down) / len(down) + sum(across) / len(across))
