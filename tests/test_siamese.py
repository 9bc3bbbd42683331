"""The siamese network: its losses against the formulas, pair by pair."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor
from models.siamese import EPS, LOSSES, Siamese, contrastive_loss, distance, pair_loss, slide_loss


def losses_by_hand(e, labels, loss, margin):
    """Sum over single pairs, each kind with half of the weight."""
    sums = {True: [], False: []}
    for i in range(len(e)):
        for j in range(i):
            d, y = math.dist(e[i], e[j]), labels[i] != labels[j]
            slide = (d - margin * y) ** 2
            contrastive = max(0, margin - d) ** 2 if y else d**2
            sums[y].append(slide if loss == "slide" else contrastive)
    return sum(sum(kind) / len(kind) for kind in sums.values()) / 2


def test_the_encoder_makes_an_embedding_of_every_image(rng):
    model = Siamese((3, 8, 12), 5, rng=rng)
    assert model(Tensor(rng.random((2, 3, 8, 12), np.float32))).shape == (2, 5)


def test_the_encoder_ignores_brightness_and_contrast(rng):
    model, x = Siamese((1, 8, 8), rng=rng), rng.random((2, 1, 8, 8), np.float32)
    np.testing.assert_allclose(model(Tensor(x)).numpy(), model(Tensor(0.3 * x + 0.5)).numpy(), atol=0.02)


def test_images_that_pooling_cannot_halve_twice_are_refused(rng):
    with pytest.raises(ValueError, match="30 x 32; both must be multiples of 4"):
        Siamese((1, 30, 32), rng=rng)


def test_the_distance_is_the_euclidean_norm(rng):
    a, b = rng.normal(size=(4, 1, 3)), rng.normal(size=(5, 3))
    expected = [[math.dist(p[0], q) for q in b] for p in a]
    np.testing.assert_allclose(distance(Tensor(a), Tensor(b)).numpy(), expected, atol=1e-5)


def test_equal_embeddings_have_a_gradient_of_zero_and_not_nan():
    e = Tensor(np.ones((2, 3)), requires_grad=True)
    d = distance(e, Tensor(np.ones(3)))
    assert np.allclose(d.numpy(), EPS**0.5)
    d.sum().backward()
    assert (e.grad.numpy() == 0).all()


@pytest.mark.parametrize("d, y, slide, contrastive", [(1, 0, 1, 1), (1, 1, 1, 1), (3, 1, 1, 0), (2, 1, 0, 0)])
def test_the_losses_of_single_pairs_are_the_formulas_of_the_slide_and_of_hadsell(d, y, slide, contrastive):
    d, y = Tensor(np.array([float(d)])), Tensor(np.array([float(y)]))
    assert slide_loss(d, y, 2.0).item() == slide and contrastive_loss(d, y, 2.0).item() == contrastive


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_of_a_batch_gives_each_kind_of_pair_half_of_the_weight(loss, rng):
    e, labels = rng.normal(size=(7, 3)), np.array([0, 1, 1, 2, 0, 1, 2])
    ours = pair_loss(lambda x: x, Tensor(e), Tensor.wrap(labels), loss, margin=2.0).item()
    assert ours == pytest.approx(losses_by_hand(e, labels, loss, 2.0), rel=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_gradient_of_the_loss_passes_the_check(loss, rng):
    labels = Tensor.wrap(np.array([0, 1, 1, 0]))
    mg.gradcheck(lambda e: pair_loss(lambda x: x, e, labels, loss, margin=2.0), [rng.normal(size=(4, 3))])


def test_of_two_classes_only_each_images_nearest_count(rng):
    e, labels = np.array([[0.0], [1.0], [1.5], [9.0], [0.2]]), np.array([0, 1, 1, 2, 0])
    nearest = [1.0, 0.8, 1.3, 7.5, 0.8]  # from the images to their nearest of another class
    same = [0.2, 0.5]
    expected = (np.mean(np.square(same)) + np.mean([max(0, 2 - d) ** 2 for d in nearest])) / 2
    ours = pair_loss(lambda x: x, Tensor(e), Tensor.wrap(labels), margin=2.0, hardest=0.2).item()
    assert ours == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("labels", [[1, 1, 1], [0, 1, 2], [0, 0, 1]])
@pytest.mark.parametrize("hardest", [0.7, 1.0])
def test_a_batch_that_lacks_some_pairs_has_a_finite_loss(labels, hardest, rng):
    e = Tensor(rng.normal(size=(3, 2)), requires_grad=True)
    pair_loss(lambda x: x, e, Tensor.wrap(np.array(labels)), hardest=hardest).backward()
    assert np.isfinite(e.grad.numpy()).all()


@pytest.mark.parametrize("hardest", [0, 1.5, float("nan")])
def test_a_share_of_hard_pairs_beyond_all_or_none_is_refused(hardest):
    with pytest.raises(ValueError, match="hardest is .*; it must be a share in"):
        pair_loss(lambda x: x, Tensor(np.zeros((2, 2))), Tensor.wrap(np.arange(2)), hardest=hardest)


def test_an_unknown_loss_is_refused(rng):
    with pytest.raises(ValueError, match="unknown loss 'triplet'; it must be one of 'contrastive', 'slide'"):
        pair_loss(lambda x: x, Tensor(np.zeros((2, 2))), Tensor.wrap(np.arange(2)), "triplet")
