"""Neighbours, pairs and few shots, on codes small enough to judge by hand."""

import math

import numpy as np
import pytest

from demos.evaluation.neighbours import (
    few_shot_accuracy,
    knn_accuracy,
    nearest,
    pair_auc,
    pair_distances,
    pair_roc,
    precision,
)

LINE = np.array([[0.0], [1.0], [3.0], [7.0]])


def test_the_nearest_are_found_nearest_first_and_without_the_query():
    assert nearest(LINE, 2).tolist() == [[1, 2], [0, 2], [1, 0], [2, 1]]


def test_images_are_compared_pixel_by_pixel():
    assert nearest(LINE.reshape(4, 1, 1, 1), 1).tolist() == [[1], [0], [1], [2]]


@pytest.mark.parametrize("n", [0, 4])
def test_more_neighbours_than_there_are_others_are_refused(n):
    with pytest.raises(ValueError, match=f"{n} neighbours of 4 images; n must be from 1 to 3"):
        nearest(LINE, n)


def test_precision_is_the_share_of_neighbours_of_the_query_s_class():
    assert precision(np.array([[1, 2], [0, 2], [0, 1]]), np.array([5, 5, 6])) == pytest.approx(2 / 6)


def test_the_k_nearest_vote():
    x, labels = np.array([[0.0], [1.0], [1.2], [9.0]]), np.array([0, 1, 1, 0])
    assert knn_accuracy(x, labels, np.array([[0.2], [8.0]]), np.array([0, 0])) == 1
    assert knn_accuracy(x, labels, np.array([[0.2], [8.0]]), np.array([0, 0]), k=3) == 0


def test_every_pair_is_measured_once(rng):
    x, labels = rng.normal(size=(6, 3)), np.array([0, 0, 1, 1, 2, 2])
    distance, different = pair_distances(x, labels)
    pairs = [(i, j) for i in range(6) for j in range(i + 1, 6)]
    np.testing.assert_allclose(distance, [math.dist(x[i], x[j]) for i, j in pairs])
    assert different.tolist() == [labels[i] != labels[j] for i, j in pairs]


def test_the_area_under_the_roc_curve_is_the_share_of_pairs_of_pairs_in_the_right_order(rng):
    distance, different = rng.random(30), rng.random(30) < 0.4
    wins = [(a > b) for a in distance[different] for b in distance[~different]]
    assert pair_auc(distance, different) == pytest.approx(np.mean(wins))
    assert np.trapezoid(*pair_roc(distance, different)[::-1]) == pytest.approx(np.mean(wins))


def test_few_shots_suffice_for_separate_classes_and_not_for_noise(rng):
    labels = np.arange(90) % 3
    apart = labels[:, None] * 10 + rng.normal(size=(90, 2))
    assert few_shot_accuracy(apart, labels, shots=1, rng=rng) > 0.99
    assert few_shot_accuracy(rng.normal(size=(90, 2)), labels, shots=1, rng=rng) == pytest.approx(1 / 3, abs=0.05)


def test_few_shot_accuracy_repeats_with_its_rng(rng):
    x, labels = rng.normal(size=(30, 2)), np.arange(30) % 3
    a, b = (few_shot_accuracy(x, labels, shots=2, episodes=5, rng=np.random.default_rng(1)) for _ in range(2))
    assert a == b


@pytest.mark.parametrize("shots", [0, 3])
def test_shots_that_leave_no_image_to_classify_are_refused(shots, rng):
    with pytest.raises(ValueError, match=f"{shots} shots; the smallest class has 3 images"):
        few_shot_accuracy(np.zeros((6, 1)), np.arange(6) % 2, shots=shots, rng=rng)
