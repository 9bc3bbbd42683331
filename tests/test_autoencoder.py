"""The autoencoder's networks and its loss."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor
from models.autoencoder import ConvAutoencoder, DenseAutoencoder, reconstruction_loss


@pytest.fixture(params=["dense", "conv"])
def model(request, rng):
    if request.param == "dense":
        return DenseAutoencoder(3, image_shape=(1, 4, 6), rng=rng)
    return ConvAutoencoder(3, image_shape=(2, 8, 16), rng=rng)


@pytest.fixture
def x(model, rng):
    shape = (1, 4, 6) if isinstance(model, DenseAutoencoder) else (2, 8, 16)
    return Tensor(rng.random((5, *shape)))


def test_images_become_codes_and_codes_images_between_0_and_1(model, x):
    code = model.encode(x)
    assert code.shape == (5, 3)
    output = model.decode(code).numpy()
    assert output.shape == x.shape and output.min() > 0 and output.max() < 1
    np.testing.assert_array_equal(model(x).numpy(), output)
    np.testing.assert_allclose(model.decode_logits(code).numpy(), np.log(output / (1 - output)), rtol=0, atol=1e-5)


def test_the_squared_error_is_the_mean_over_pixels_and_batch(model, x):
    expected = np.mean((model(x).numpy() - x.numpy()) ** 2)
    assert reconstruction_loss(model, x).item() == pytest.approx(expected, rel=1e-6)


def test_the_cross_entropy_is_that_of_pixels_as_probabilities(model, x):
    p, t = model(x).numpy().astype(np.float64), x.numpy()
    expected = -np.mean(t * np.log(p) + (1 - t) * np.log(1 - p))
    assert reconstruction_loss(model, x, "bce").item() == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("distance", ["mse", "bce"])
def test_the_gradient_of_the_loss_is_right(distance, model, x):
    model.to(dtype=np.float64)
    assert mg.gradcheck(lambda x: reconstruction_loss(model, x, distance), [x.numpy()[:1]], rtol=1e-5)


def test_an_unknown_distance_is_refused(model, x):
    with pytest.raises(ValueError, match="unknown distance 'l3'; it must be 'mse' or 'bce'"):
        reconstruction_loss(model, x, "l3")


def test_the_convolutional_network_has_the_layers_of_the_lecture(rng):
    shapes = {name: p.shape for name, p in ConvAutoencoder(5, rng=rng).named_parameters() if p.ndim > 1}
    assert shapes == {
        "down.0.weight": (16, 1, 4, 4),
        "down.1.weight": (32, 16, 4, 4),
        "down.2.weight": (64, 32, 4, 4),
        "squeeze.weight": (5, 64 * 4 * 4),
        "widen.weight": (64 * 4 * 4, 5),
        "up.0.weight": (64, 32, 4, 4),
        "up.1.weight": (32, 16, 4, 4),
        "up.2.weight": (16, 1, 4, 4),
    }


def test_a_convolutional_network_starts_dark(rng):
    output = ConvAutoencoder(32, rng=rng)(Tensor(rng.random((20, 1, 32, 32), np.float32))).numpy()
    assert math.isclose(output.mean(), 0.12, abs_tol=0.05)


def test_sides_that_cannot_be_halved_three_times_are_refused(rng):
    with pytest.raises(ValueError, match="images are 28 x 28; three halvings need multiples of 8: pad them"):
        ConvAutoencoder(2, image_shape=(1, 28, 28), rng=rng)
