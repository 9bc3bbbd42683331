"""The noises of the denoising autoencoder, its loss, and the linear filter that it is compared with."""

import argparse

import numpy as np
import pytest

import minigrad as mg
from demos import denoising
from demos.run import Run
from minigrad import Tensor, nn
from models.denoising import NOISES, darken, denoising_loss, dropout, gaussian, sometimes


def spoiled(noise, x, rng, **options):
    return noise(Tensor(x), rng, **options).numpy()


def test_gaussian_noise_has_its_deviation_where_nothing_is_clipped(rng):
    x = np.full((10, 1, 40, 40), 0.5, np.float32)
    error = spoiled(gaussian, x, rng, sigma=0.1) - 0.5
    assert abs(error.mean()) < 0.005 and error.std() == pytest.approx(0.1, rel=0.02)


def test_gaussian_noise_is_clipped_at_both_ends(rng):
    out = spoiled(gaussian, np.full((10, 1, 40, 40), 0.5, np.float32), rng)
    assert out.min() == 0 and out.max() == 1
    assert np.mean(out == 0) == pytest.approx(0.159, abs=0.01)  # a normal number lies under -sigma so often


def test_a_block_of_8_by_8_is_dark_and_the_rest_untouched(rng):
    x = rng.uniform(0.5, 1, (200, 2, 28, 20))
    out = spoiled(darken, x, rng)
    dark = out == 0
    assert np.all(dark.sum(axis=(2, 3)) == 64) and np.all(dark[:, 0] == dark[:, 1])
    np.testing.assert_array_equal(out[~dark], x[~dark])
    for image in dark[:, 0]:
        rows, columns = np.nonzero(image)
        assert np.ptp(rows) == np.ptp(columns) == 7


def test_blocks_fall_on_every_place_within_the_margin_and_nowhere_else(rng):
    dark = spoiled(darken, np.ones((3000, 1, 28, 20)), rng, margin=4)[:, 0] == 0
    first = {(int(rows[0]), int(columns[0])) for rows, columns in map(np.nonzero, dark)}
    assert first == {(i, j) for i in range(4, 17) for j in range(4, 9)}


def test_a_block_that_does_not_fit_is_refused(rng):
    with pytest.raises(ValueError, match="images are 28 x 15; a block of 8 and margins of 4 do not fit in"):
        darken(Tensor(np.ones((1, 1, 28, 15))), rng)


def test_dropout_sets_pixels_to_0_and_does_not_scale_the_others(rng):
    x = rng.uniform(0.5, 1, (10, 1, 40, 40))
    out = spoiled(dropout, x, rng, p=0.3)
    assert np.mean(out == 0) == pytest.approx(0.3, abs=0.02)
    np.testing.assert_array_equal(out[out > 0], x[out > 0])


def test_some_images_stay_clean(rng):
    x = rng.random((2000, 1, 16, 16))
    changed = (spoiled(sometimes(gaussian, 0.85), x, rng) != x).mean(axis=(1, 2, 3))
    assert np.mean(changed > 0) == pytest.approx(0.85, abs=0.03)
    assert np.all((changed == 0) | (changed > 0.9))


@pytest.mark.parametrize("noise", NOISES.values(), ids=NOISES)
def test_noise_comes_anew_from_the_generator_passed_in_and_from_nothing_else(noise, rng):
    x = rng.random((4, 1, 28, 28), np.float32)
    one, again, other = (spoiled(noise, x, np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert one.dtype == np.float32
    np.testing.assert_array_equal(one, again)
    assert np.any(one != other)


def test_the_loss_sees_spoiled_images_and_asks_for_clean_ones(rng):
    x = rng.random((3, 1, 16, 16))
    same = nn.Sequential()  # copies what it is given
    loss = denoising_loss(same, Tensor(x), gaussian, np.random.default_rng(1)).item()
    assert loss == pytest.approx(np.mean((spoiled(gaussian, x, np.random.default_rng(1)) - x) ** 2), rel=1e-6)


def test_the_gradient_of_the_loss_is_right(rng):
    model = nn.Linear(16, 16, rng=rng).to(dtype=np.float64)
    x = rng.random((2, 1, 16, 16))

    def loss(weight):
        model.weight = weight
        return denoising_loss(model, Tensor(x), dropout, np.random.default_rng(1))

    assert mg.gradcheck(loss, [rng.standard_normal((16, 16))])


def test_the_frame_is_black_and_comes_off_again(rng):
    x = rng.uniform(0.5, 1, (2, 1, 28, 28))
    seen = []

    class Spy(nn.Module):
        def forward(self, x):
            seen.append(x.numpy())
            return x

    np.testing.assert_array_equal(denoising.Framed(Spy())(Tensor(x)).numpy(), x)
    assert seen[0].shape == (2, 1, 32, 32) and np.count_nonzero(seen[0]) == x.size


def test_the_linear_filter_is_wieners_for_gaussian_signals(rng):
    factors, sigma = rng.standard_normal((6, 6)) / 20, 0.1
    x = 0.5 + (rng.standard_normal((40000, 6)) @ factors).reshape(-1, 1, 2, 3)
    new = 0.5 + (rng.standard_normal((50, 6)) @ factors).reshape(-1, 1, 2, 3)
    filtered = denoising.linear_filter(x, lambda x, rng: x + sigma * Tensor(rng.standard_normal(x.shape)), rng)(new)
    covariance = factors.T @ factors
    wiener = 0.5 + (new.reshape(50, 6) - 0.5) @ np.linalg.inv(covariance + sigma**2 * np.eye(6)) @ covariance
    np.testing.assert_allclose(filtered.reshape(50, 6), wiener.clip(0, 1), rtol=0, atol=0.01)


@pytest.mark.parametrize("model, bends", [("dense", True), ("conv", False)])
def test_images_are_bent_for_the_dense_network_alone(model, bends, rng, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(denoising, "bend", lambda x, rng, **options: seen.append(len(x)) or x)
    options = {"seed": 0, "epochs": 1, "quick": False, "device": "cpu", "out": tmp_path, "resume": False}
    run = Run("denoising", argparse.Namespace(model=model, **options), epochs=1)
    x = rng.random((40, 1, 28, 28), np.float32)
    _, history = denoising.fit("plain", None, x, run)
    assert len(history) == 1 and sum(seen) == bends * len(x)
