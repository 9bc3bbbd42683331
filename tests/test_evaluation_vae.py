"""What judges generated images and latent codes, against independent computations of the same."""

import itertools
from argparse import Namespace

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.stats import multivariate_normal

import minigrad as mg
from demos.evaluation.frechet import Classifier, class_entropy, fit_classifier, frechet_distance, judge
from demos.evaluation.likelihood import (
    aggregate_posterior,
    bernoulli_mixture,
    binarise,
    bound,
    monte_carlo_kl,
    posterior,
)
from demos.run import Run
from minigrad import Tensor
from models.vae import DenseVAE

SHAPE = (1, 4, 3)


def bits(rng, n, p=0.5):
    return (rng.random((n, *SHAPE)) < p).astype(np.float32)


def test_frechet_distance_is_the_textbook_formula_with_a_matrix_root(rng):
    a, b = rng.normal(size=(50, 4)), rng.normal(size=(40, 4)) @ rng.normal(size=(4, 4)) + 1
    s, t = np.cov(a.T), np.cov(b.T)
    expected = np.square(a.mean(0) - b.mean(0)).sum() + np.trace(s + t - 2 * np.real(sqrtm(s @ t)))
    np.testing.assert_allclose(frechet_distance(a, b), expected, rtol=1e-6)
    np.testing.assert_allclose(frechet_distance(b, a), expected, rtol=1e-6)


def test_frechet_distance_is_zero_for_equal_rows_and_the_squared_shift_for_shifted_ones(rng):
    a = np.repeat(rng.normal(size=(30, 3)), 2, axis=1)  # six features of rank three
    np.testing.assert_allclose(frechet_distance(a, a[::-1]), 0, atol=1e-6)
    np.testing.assert_allclose(frechet_distance(a, a + 2), 6 * 4, rtol=1e-6)


def test_frechet_distance_refuses_rows_without_a_covariance():
    with pytest.raises(ValueError, match="1 and 5 rows; a covariance needs at least 2"):
        frechet_distance(np.ones((1, 3)), np.ones((5, 3)))


def test_class_entropy_counts_decisions():
    assert class_entropy(np.eye(4)) == pytest.approx(np.log(4))
    assert class_entropy(np.tile([0.3, 0.4, 0.3], (5, 1))) == 0


def test_a_classifier_learns_and_judges_real_images_better_than_noise(rng, tmp_path):
    labels = np.arange(400) % 10
    x = np.zeros((400, 1, 8, 8), np.float32)
    x[range(400), 0, 1 + labels // 5 * 4, 1 + labels % 5] = 1
    x += rng.random(x.shape, np.float32) * 0.2
    options = {"out": tmp_path, "device": "cpu", "seed": 0, "quick": False, "resume": False}
    model = fit_classifier(x[:300], labels[:300], Run("test", Namespace(**options)), 60)
    real, noise = judge(model, x[:300], x[300:]), judge(model, rng.random((100, 1, 8, 8), np.float32), x[300:])
    assert real.confident > 0.9 and real.entropy == pytest.approx(np.log(10))
    assert real.frechet < noise.frechet and real.entropy > noise.entropy
    again = fit_classifier(x[:300], labels[:300], Run("test", Namespace(**options | {"resume": True})), 60)
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(model.parameters(), again.parameters(), strict=True))


def test_features_are_the_input_of_the_last_layer(rng):
    model, x = Classifier((1, 28, 28), rng=rng).eval(), Tensor(rng.random((2, 1, 28, 28), np.float32))
    assert model.features(x).shape == (2, 64)
    np.testing.assert_allclose(model(x).numpy(), model.head(model.features(x)).numpy())


def test_binarised_pixels_are_white_as_often_as_they_are_bright(rng):
    x = np.float32([0, 0.25, 0.7, 1])
    drawn = binarise(Tensor(np.tile(x, (40_000, 1))), rng).numpy()
    assert drawn.dtype == np.float32 and set(np.unique(drawn)) == {0, 1}
    np.testing.assert_allclose(drawn.mean(axis=0), x, atol=0.01)
    assert (drawn[:, 0] == 0).all() and (drawn[:, 3] == 1).all()


def test_one_component_is_the_model_of_independent_pixels(rng):
    train, test = bits(rng, 60, 0.2), bits(rng, 20, 0.3)
    p = (train.sum(axis=0) + 1) / 62
    expected = -np.where(test == 1, np.log(p), np.log(1 - p)).sum(axis=(1, 2, 3)).mean()
    assert bernoulli_mixture(train, test, 1, rng) == pytest.approx(expected, rel=1e-5)


def test_a_mixture_tells_two_kinds_of_images_apart(rng):
    which = rng.random((2000, 1, 1, 1)) < 0.5
    x = (rng.random((2000, *SHAPE)) < np.where(which, 0.9, 0.1)).astype(np.float32)
    entropy = np.log(2) - 12 * (0.9 * np.log(0.9) + 0.1 * np.log(0.1))  # of a fair choice and 12 pixels
    assert bernoulli_mixture(x[:1000], x[1000:], 2, rng) == pytest.approx(entropy, abs=0.2)
    assert bernoulli_mixture(x[:1000], x[1000:], 1, rng) == pytest.approx(12 * np.log(2), abs=0.1)


def test_a_mixture_is_a_distribution_its_probabilities_sum_to_one(rng):
    train = bits(rng, 30, 0.4)[:, :, :1]
    every = np.array(list(itertools.product([0, 1], repeat=3)), np.float32).reshape(8, 1, 1, 3)
    nats = [bernoulli_mixture(train, x[None], 3, np.random.default_rng(0)) for x in every]
    assert np.exp(-np.array(nats)).sum() == pytest.approx(1, rel=1e-5)


def test_the_bound_exceeds_minus_log_p_found_by_integrating_over_codes(rng):
    model, x = DenseVAE(2, image_shape=SHAPE, rng=rng), bits(rng, 5)
    surprise, divergence = bound(model, x, draws=50)
    z = Tensor(rng.standard_normal((20_000, 2), np.float32))
    p = model.decode(z).numpy()[:, None]
    likelihood = np.where(x == 1, p, 1 - p).prod(axis=(2, 3, 4))  # (codes, images)
    assert divergence > 0 and surprise + divergence > -np.log(likelihood.mean(axis=0)).mean()


def test_monte_carlo_divergence_agrees_with_the_closed_form_and_says_how_closely(rng):
    mean, log_variance = rng.normal(size=(20, 3)), rng.normal(size=(20, 3))
    closed = mg.gaussian_kl(Tensor(mean), Tensor(log_variance), reduction="sum").item() / 20
    value, error = monte_carlo_kl(mean, log_variance, 2000, rng)
    assert abs(value - closed) < 4 * error and error < 0.01 * closed


def test_the_posterior_is_the_encoders_mean_and_log_variance(rng):
    model, x = DenseVAE(2, image_shape=SHAPE, rng=rng), bits(rng, 7)
    for found, expected in zip(posterior(model, x), model.encode(Tensor(x)), strict=True):
        np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6)


def test_the_aggregate_of_codes_is_measured_where_they_are_used_and_where_not(rng):
    n = 50_000
    covariance = [[0.5, 0.3, 0], [0.3, 1.0, 0], [0, 0, 0]]
    mean = multivariate_normal([0.4, 0, 0], covariance, allow_singular=True, seed=rng).rvs(n)
    log_variance = np.tile(np.log([0.1, 0.5, 1.0]), (n, 1))
    found = aggregate_posterior(mean, log_variance, rng)
    assert found.active == 2
    np.testing.assert_allclose(found[1:], [0.4, 0.6, 1.5, 0.3 / np.sqrt(0.6 * 1.5)], atol=0.02)
