"""The map between N(0, I) and a mixture of Gaussians: exact both ways, and normal where the mixture's draws go in."""

import numpy as np
import pytest
from scipy.stats import kstest, norm

from models.rosenblatt import RosenblattMap, gaussian_divergence

WEIGHTS = np.array([0.3, 0.7])
MEANS = np.array([[-3.0, 0.0, 1.0], [2.0, 1.0, -1.0]])
ROOTS = np.array([[[1, 0, 0], [0.5, 0.6, 0], [0.1, -0.7, 0.4]], [[0.5, 0, 0], [-0.3, 0.8, 0], [0.9, 0.2, 1.5]]])


@pytest.fixture
def mixture():
    return RosenblattMap(WEIGHTS, MEANS, ROOTS @ ROOTS.transpose(0, 2, 1))


def draws(n, rng):
    which = rng.choice(2, n, p=WEIGHTS)
    return MEANS[which] + np.einsum("nij,nj->ni", ROOTS[which], rng.standard_normal((n, 3)))


def test_there_and_back_is_the_identity_even_far_out(mixture, rng):
    u = np.concatenate([rng.standard_normal((50, 3)), [[6.0, -6.0, 6.0], [-7.0, 7.0, 0.0]]])
    np.testing.assert_allclose(mixture.normals(mixture.codes(u)), u, atol=1e-6)


def test_draws_of_the_mixture_become_standard_normal(mixture, rng):
    u = mixture.normals(draws(4000, rng))
    assert all(kstest(column, norm.cdf).pvalue > 1e-3 for column in u.T)
    assert np.abs(np.cov(u.T) - np.eye(3)).max() < 0.1
    assert kstest(u @ [0.6, -0.64, 0.48], norm.cdf).pvalue > 1e-3  # no dependence that covariances do not see


def test_normals_become_draws_of_the_mixture(mixture, rng):
    ours, theirs = mixture.codes(rng.standard_normal((4000, 3))), draws(4000, rng)
    for direction in rng.standard_normal((5, 3)):
        assert kstest(ours @ direction, theirs @ direction).pvalue > 1e-3


def test_of_one_gaussian_the_map_is_its_triangular_root(rng):
    u = rng.standard_normal((20, 3))
    single = RosenblattMap(np.ones(1), MEANS[:1], (ROOTS @ ROOTS.transpose(0, 2, 1))[:1])
    np.testing.assert_allclose(single.codes(u), MEANS[0] + u @ ROOTS[0].T, atol=1e-10)


def test_the_divergence_of_moments_is_that_of_the_formula_and_zero_for_standard_ones():
    z = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]]) * 0.75**0.5  # covariance I
    assert gaussian_divergence(z) == pytest.approx(0, abs=1e-12)
    assert gaussian_divergence(2 * z + [3, 0]) == pytest.approx((9 + 8 - 2 - np.log(16)) / 2)
