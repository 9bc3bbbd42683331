"""The straightest map of colours: what it reaches, and that no other map that reaches it moves colours less."""

import numpy as np
import pytest

from models.colour_transfer import EPS, match_colours, straightest_map


def covariance(rng, scale):
    a = rng.normal(0, scale, (3, 3))
    return a @ a.T


def test_the_map_turns_one_covariance_into_the_other_and_is_symmetric_and_positive(rng):
    a, b = covariance(rng, 0.3), covariance(rng, 0.2)
    T = straightest_map(a, b)
    np.testing.assert_allclose(T @ (a + EPS * np.eye(3)) @ T.T, b + EPS * np.eye(3), atol=1e-12)
    np.testing.assert_allclose(T, T.T, atol=1e-12)
    assert np.linalg.eigvalsh(T).min() > 0


def test_no_other_map_with_that_covariance_moves_colours_less(rng):
    a, b = covariance(rng, 0.3), covariance(rng, 0.2)

    def moved(T):
        return np.trace((T - np.eye(3)) @ (a + EPS * np.eye(3)) @ (T - np.eye(3)).T)

    T = straightest_map(a, b)
    root = np.linalg.cholesky(b + EPS * np.eye(3))
    for _ in range(20):
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        other = root @ turn @ np.linalg.inv(np.linalg.cholesky(a + EPS * np.eye(3)))
        np.testing.assert_allclose(other @ (a + EPS * np.eye(3)) @ other.T, b + EPS * np.eye(3), atol=1e-9)
        assert moved(other) >= moved(T)


def test_equal_covariances_leave_colours_alone(rng):
    a = covariance(rng, 0.3)
    np.testing.assert_allclose(straightest_map(a, a), np.eye(3), atol=1e-9)


@pytest.fixture
def pictures(rng):
    image = (0.5 + 0.05 * rng.normal(size=(3, 12, 10))).astype("f")
    like = (np.array([0.3, 0.5, 0.6])[:, None, None] + 0.04 * rng.normal(size=(3, 9, 8))).astype("f")
    return image, like


def test_each_region_takes_mean_and_covariance_of_its_own(pictures):
    image, like = pictures
    masks, like_masks = np.zeros((2, 1, 12, 10)), np.zeros((2, 1, 9, 8))
    masks[0, 0, :6] = masks[1, 0, 6:] = like_masks[0, 0, :, :4] = like_masks[1, 0, :, 4:] = 1
    like[:, :, 4:] += 0.2
    result = match_colours(image, like, masks, like_masks)
    assert result.shape == image.shape and result.dtype == image.dtype
    for mask, like_mask in zip(masks[:, 0] == 1, like_masks[:, 0] == 1):
        got, wanted = result[:, mask], like[:, like_mask]
        np.testing.assert_allclose(got.mean(1), wanted.mean(1), atol=1e-5)
        np.testing.assert_allclose(np.cov(got, ddof=0), np.cov(wanted, ddof=0), atol=2e-4)


def test_what_no_mask_covers_stays_and_what_two_cover_is_averaged(pictures):
    image, like = pictures
    everything, half = np.ones((1, 1, 12, 10)), np.zeros((1, 1, 12, 10))
    half[..., :5] = 1
    like_mask = np.ones((1, 1, 9, 8))
    result = match_colours(image, like, half, like_mask)
    np.testing.assert_array_equal(result[..., 5:], image[..., 5:])
    one = match_colours(image, like, everything, like_mask)
    twice = match_colours(image, like, everything.repeat(2, 0), like_mask.repeat(2, 0))
    np.testing.assert_allclose(twice, one, atol=1e-6)
