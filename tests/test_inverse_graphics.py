"""Deep inverse graphics: what is held, what the loss demands and refuses."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor
from models.conv_vae import ConvVAE
from models.inverse_graphics import hold, inverse_graphics_loss
from models.vae import negative_elbo

ACTIVE = np.array([[True, False, False, False], [False, False, True, True]])


@pytest.fixture
def model(rng):
    return ConvVAE(4, image_shape=(3, 16, 16), width=2, rng=rng)


def test_inactive_numbers_of_a_code_become_their_mean_over_the_batch_and_active_ones_stay():
    z = [[[1.0, 10.0], [3.0, 30.0]], [[5.0, 7.0], [6.0, 9.0]]]
    held = hold(z, [[[True, False]], [[False, True]]])
    assert held.numpy().tolist() == [[[1, 20], [3, 20]], [[5.5, 7], [5.5, 9]]]


def test_what_inactive_numbers_receive_is_their_distance_from_the_mean_whatever_comes_from_above():
    z = Tensor([[1.0, 10.0], [3.0, 30.0]], requires_grad=True)
    for g in ([[2.0, 5.0], [-1.0, 7.0]], [[2.0, 0.0], [-1.0, -3.0]]):
        received = mg.grad(hold(z, [[True, False]], kappa=0.5), z, Tensor(g))
        assert received.numpy().tolist() == [[2, -5], [-1, 5]]


def test_with_every_number_active_the_loss_is_that_of_the_plain_autoencoder(model, rng):
    x = rng.random((2, 3, 3, 16, 16), np.float32)
    model.rng = np.random.default_rng(5)
    ours = inverse_graphics_loss(model, Tensor(x), Tensor(np.ones((2, 4), bool)))
    model.rng = np.random.default_rng(5)
    assert ours.item() == pytest.approx(negative_elbo(model, Tensor(x.reshape(6, 3, 16, 16))).item(), rel=1e-6)


def test_the_decoder_tells_images_of_a_batch_apart_by_active_numbers_alone(model, rng, monkeypatch):
    seen = []
    monkeypatch.setattr(model, "draw", lambda mean, log_variance: seen.append(mean.numpy()) or mean)
    inverse_graphics_loss(model, Tensor(rng.random((2, 3, 3, 16, 16), np.float32)), Tensor(ACTIVE))
    spread = np.ptp(seen[0].reshape(2, 3, 4), axis=1)
    np.testing.assert_array_equal(spread > 1e-6, ACTIVE)


def test_the_loss_reaches_every_parameter_that_is_learned(model, rng):
    inverse_graphics_loss(model, Tensor(rng.random((2, 3, 3, 16, 16), np.float32)), Tensor(ACTIVE)).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and np.isfinite(parameter.grad.numpy()).all(), name


@pytest.mark.parametrize(
    ("shape", "active", "message"),
    [
        ((2, 1, 3, 16, 16), (2, 4), r"x is \(2, 1, 3, 16, 16\); it must be \(B, n, C, H, W\) with n of at least 2"),
        ((2, 3, 16, 16), (2, 4), r"x is \(2, 3, 16, 16\); it must be \(B, n, C, H, W\)"),
        ((2, 3, 3, 16, 16), (2, 3), r"active is \(2, 3\); it must be \(2, 4\), bool"),
        ((2, 3, 3, 16, 16), (6, 4), r"active is \(6, 4\); it must be \(2, 4\), bool"),
    ],
)
def test_batches_of_other_shapes_are_refused(model, shape, active, message):
    with pytest.raises(ValueError, match=f"inverse_graphics_loss: {message}"):
        inverse_graphics_loss(model, Tensor(np.zeros(shape, np.float32)), Tensor(np.zeros(active, bool)))
