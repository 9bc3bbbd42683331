"""The classifier, and what its encoder is pre-trained by."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor
from models.classifier import Classifier, Encoder, Restorer, rectified, restoring_loss


def silent(h, rng):
    """No noise."""
    return h


def half(h, rng):
    return h * 0.5


@pytest.fixture
def encoder(rng):
    return Encoder(12, (7, 5), rng=rng).to(dtype=np.float64)


@pytest.fixture
def x(rng):
    return rng.random((6, 1, 3, 4))


def arrays(layer):
    return layer.weight.numpy(), layer.bias.numpy()


def test_the_encoder_is_two_layers_with_a_relu_each(encoder, x):
    h = x.reshape(6, 12)
    for w, b in map(arrays, encoder.layers):
        h = np.maximum(h @ w.T + b, 0)
    np.testing.assert_allclose(encoder(Tensor(x)).numpy(), h, rtol=1e-12)


def test_the_network_of_the_slide_is_784_500_120_10(rng):
    network = Classifier(Encoder(784, rng=rng), 10, rng=rng)
    shapes = [p.shape for p in network.parameters() if p.ndim == 2]
    assert shapes == [(500, 784), (120, 500), (10, 120)]
    assert network(Tensor(rng.random((3, 1, 28, 28), np.float32))).shape == (3, 10)


def test_scores_start_close_to_each_other(rng):
    network = Classifier(Encoder(784, rng=rng), 10, rng=rng)
    p = mg.softmax(network(Tensor(rng.random((50, 1, 28, 28), np.float32))), axis=1).numpy()
    assert p.max() < 0.5


def test_a_restorer_mirrors_its_layers_and_teaches_those_of_the_encoder_itself(encoder, x, rng):
    restorer = Restorer(encoder.layers, rng=rng).to(dtype=np.float64)
    assert [layer.weight.shape for layer in restorer.decoder] == [(7, 5), (12, 7)]
    restoring_loss(restorer, Tensor(x), silent, rng, pixels=True).backward()
    assert all(np.any(layer.weight.grad.numpy()) for layer in encoder.layers)


def test_a_greedy_step_leaves_the_other_layers_alone(encoder, rng):
    restorer = Restorer(encoder.layers[1:], rng=rng).to(dtype=np.float64)
    restoring_loss(restorer, Tensor(rng.random((6, 7))), silent, rng, pixels=False).backward()
    assert encoder.layers[0].weight.grad is None and encoder.layers[1].weight.grad is not None


def test_pixels_are_compared_by_cross_entropy_with_the_clean_ones(encoder, x, rng):
    restorer = Restorer(encoder.layers, rng=rng).to(dtype=np.float64)
    found = restoring_loss(restorer, Tensor(x), half, rng, pixels=True).item()
    clean = x.reshape(6, 12)
    p = 1 / (1 + np.exp(-restorer(Tensor(clean / 2)).numpy()))
    assert found == pytest.approx(-np.mean(clean * np.log(p) + (1 - clean) * np.log(1 - p)), rel=1e-9)


def test_hidden_units_are_compared_by_squared_error_with_what_is_never_negative(encoder, rng):
    restorer, h = Restorer(encoder.layers[1:], rng=rng).to(dtype=np.float64), rng.random((6, 7))
    found = restoring_loss(restorer, Tensor(h), half, rng, pixels=False).item()
    output = np.maximum(restorer(Tensor(h / 2)).numpy(), 0)
    assert found == pytest.approx(np.mean((output - h) ** 2), rel=1e-9)


@pytest.mark.parametrize("pixels", [True, False])
def test_the_gradient_of_the_loss_is_right(pixels, encoder, rng):
    restorer = Restorer(encoder.layers[1:], rng=rng).to(dtype=np.float64)
    mg.gradcheck(lambda h: restoring_loss(restorer, h, half, rng, pixels=pixels), [rng.random((2, 7))])


def test_no_layers_change_nothing(rng):
    h = Tensor(rng.normal(size=(2, 3)))
    assert rectified([], h) is h
