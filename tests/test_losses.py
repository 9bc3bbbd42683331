"""Losses against numbers that PyTorch 2.13 gives for the same arguments, and what they refuse."""

import numpy as np
import pytest

import minigrad as mg

SCORES = mg.Tensor(np.array([[0.2, -1.0, 3.0], [1.0, 0.5, -2.0], [0.0, 2.0, 1.0]]))
CLASSES = [2, 0, 1]
WEIGHT = [0.5, 2.0, 1.0]
A = mg.Tensor(np.array([[1.0, 2.0, 3.0], [-1.0, 0.0, 0.5]]))
B = mg.Tensor(np.array([[0.5, -1.0, 2.0], [1.0, 1.0, 1.0]]))
C = mg.Tensor(np.array([[0.0, 2.5, 1.0], [-1.0, -1.0, 2.0]]))


@pytest.mark.parametrize(
    "loss, expected",
    [
        (lambda: mg.cross_entropy(SCORES, CLASSES, weight=WEIGHT), 0.3267604450599655),
        (lambda: mg.cross_entropy(SCORES, CLASSES, label_smoothing=0.3), 0.77278468147888),
        (
            lambda: mg.cross_entropy(SCORES, CLASSES, weight=WEIGHT, label_smoothing=0.3, ignore_index=0),
            0.6444230581033803,
        ),
        (lambda: mg.cross_entropy(SCORES[0], 2), 0.07615117764997655),
        (lambda: mg.nll_loss(SCORES, CLASSES, weight=WEIGHT), -2.142857142857143),
        (lambda: mg.smooth_l1_loss(A, B, beta=0.6), 1.0361111111111112),
        (lambda: mg.cosine_similarity(A, B).sum(), 0.524890659167824 - 0.25819888974716115),
        (lambda: mg.cosine_embedding_loss(A, B, [1, -1], margin=-0.6), 0.40845522554261504),
        (lambda: mg.triplet_margin_loss(A, B, C, margin=2.0), 2.699392772641401),
        (lambda: mg.triplet_margin_loss(A, B, C, margin=2.0, p=1), 2.9999990000000003),
    ],
)
def test_losses_are_those_of_pytorch(loss, expected):
    np.testing.assert_allclose(loss().item(), expected, rtol=1e-12)


def test_binary_cross_entropy_of_probabilities_stays_finite_at_0_and_1():
    p = mg.Tensor(np.array([0.0, 0.2, 1.0, 0.7]), requires_grad=True)
    losses = mg.binary_cross_entropy(p, np.array([0.0, 1.0, 0.0, 0.25]), "none")
    np.testing.assert_allclose(losses, [0.0, 1.6094379124341003, 100.0, 0.992148339229135], rtol=1e-14)
    assert np.isfinite(mg.grad(losses.sum(), p).numpy()).all()


def test_binary_cross_entropy_of_probabilities_and_of_their_scores_agree(rng):
    scores, target = rng.normal(size=(2, 3)), rng.random((2, 3))
    of_scores = mg.binary_cross_entropy_with_logits(mg.Tensor(scores), target)
    of_probabilities = mg.binary_cross_entropy(mg.sigmoid(mg.Tensor(scores)), target)
    np.testing.assert_allclose(of_scores.item(), of_probabilities.item(), rtol=1e-12)


def test_a_class_of_weight_zero_counts_like_an_ignored_one():
    ignored = mg.cross_entropy(SCORES, CLASSES, ignore_index=0)
    weightless = mg.cross_entropy(SCORES, CLASSES, weight=[0, 1, 1])
    assert ignored.item() == weightless.item()


@pytest.mark.parametrize(
    "loss, expected", [(mg.mse_loss, 2.5), (mg.l1_loss, 1.5), (mg.huber_loss, 1.0), (mg.smooth_l1_loss, 1.0)]
)
def test_losses_take_lists(loss, expected):
    assert loss([[1.0, 2.0]], [[2.0, 4.0]]).item() == expected


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: mg.cross_entropy(SCORES, CLASSES, label_smoothing=1.5), "label_smoothing is 1.5; it must lie in"),
        (lambda: mg.cross_entropy(SCORES, CLASSES, weight=[1.0]), r"weight has shape \(1,\); it must be \(3,\)"),
        (lambda: mg.cross_entropy(SCORES, CLASSES, weight=[0.0] * 3), "every target is ignored or weighs 0"),
        (lambda: mg.cross_entropy(mg.Tensor(1.0), 0), "x is a single number"),
        (lambda: mg.binary_cross_entropy(A, A), "probabilities lie in"),
        (lambda: mg.smooth_l1_loss(A, B, beta=0), "beta is 0; it must be positive"),
        (lambda: mg.cosine_embedding_loss(A, B, [1, 0]), "it must hold 1 or -1 for each pair"),
        (lambda: mg.triplet_margin_loss(A, B, C, p=3), "p is 3; it must be 1 or 2"),
    ],
)
def test_wrong_arguments_of_losses_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
