"""The linear autoencoder is PCA up to a basis; what the demos measure by linear means."""

import numpy as np
import pytest

import minigrad as mg
from demos.evaluation.linear import PCA, largest_angle, ridge_r2
from demos.linear_autoencoder import same_covariance, turn
from minigrad import Tensor, optim
from models.linear import LinearAutoencoder, squared_error

FEATURES, CODE = 12, 3


def model_of(tied, seed=0):
    model = LinearAutoencoder(CODE, features=FEATURES, tied=tied, rng=np.random.default_rng(seed))
    return model.to(dtype=np.float64)


@pytest.fixture
def x(rng):
    """Centred examples whose variance falls by a third from one hidden direction to the next."""
    axes = np.linalg.qr(rng.standard_normal((FEATURES, FEATURES)))[0]
    examples = rng.standard_normal((200, FEATURES)) * 1.5 ** -np.arange(FEATURES) @ axes
    return examples - examples.mean(axis=0)


@pytest.mark.parametrize("tied", [False, True])
def test_the_loss_is_the_formula(tied, x):
    model = model_of(tied)
    A, B = model.encoder.weight.numpy(), model.basis().numpy()
    assert B.shape == (FEATURES, CODE) and (not tied or np.array_equal(B, A.T))
    expected = np.mean([(row - B @ (A @ row)) ** 2 for row in x])
    assert squared_error(model, Tensor(x)).item() == pytest.approx(expected, rel=1e-12)


def test_free_weights_are_two_parameters_and_tied_ones_one():
    assert [sum(1 for _ in model_of(tied).parameters()) for tied in (False, True)] == [2, 1]


@pytest.mark.parametrize("tied", [False, True])
def test_the_gradient_is_that_of_the_loss(tied, x):
    model = model_of(tied)
    parameters = [p.numpy() for p in model.parameters()]

    def loss(*values):
        model.encoder.weight = values[0]
        if not tied:
            model.decoder.weight = values[1]
        return squared_error(model, Tensor(x[:5]))

    assert mg.gradcheck(loss, parameters, order=2)


def test_another_basis_of_the_code_gives_the_same_output(rng, x):
    model = model_of(tied=False)
    before, Q = model(Tensor(x)).numpy(), rng.standard_normal((CODE, CODE))
    A, B = model.encoder.weight.numpy(), model.decoder.weight.numpy()
    model.load_state_dict({"encoder.weight": Q @ A, "decoder.weight": B @ np.linalg.inv(Q)})
    np.testing.assert_allclose(model(Tensor(x)).numpy(), before, rtol=0, atol=1e-10)


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_descent_from_anywhere_ends_at_the_subspace_of_pca(tied, seed, x):
    model, pca, batch = model_of(tied, seed), PCA(x, CODE), Tensor(x)

    def loss():
        value = squared_error(model, batch)
        value.backward()
        return value

    reached = optim.LBFGS(model.parameters(), 200, tolerance=1e-8).step(loss)
    assert reached == pytest.approx(np.mean((x - pca.reconstruct(x)) ** 2), rel=1e-6)
    assert largest_angle(model.basis().numpy(), pca.components.T) < 0.1
    if tied:
        W = model.encoder.weight.numpy()
        np.testing.assert_allclose(W @ W.T, np.eye(CODE), rtol=0, atol=1e-4)


@pytest.mark.parametrize("n", [7, 200])
def test_fewer_rows_of_the_same_covariance_have_the_same_loss(n, x):
    model, few = model_of(tied=False), same_covariance(x[:n])
    assert few.shape == (min(n, FEATURES), FEATURES)
    assert squared_error(model, Tensor(few)).item() == pytest.approx(squared_error(model, Tensor(x[:n])).item())


def test_turning_a_basis_of_the_same_span_gives_the_axes_back(rng):
    axes = np.linalg.qr(rng.standard_normal((FEATURES, CODE)))[0]
    np.testing.assert_allclose(turn(axes @ rng.standard_normal((CODE, CODE)), axes), axes, rtol=0, atol=1e-10)


def test_the_largest_angle_is_that_of_the_one_direction_that_was_tilted():
    tilt = np.radians(30)
    a = np.eye(4)[:, :2]
    b = np.array([[3, 0, 0, 0], [1, np.cos(tilt), np.sin(tilt), 0]]).T
    assert largest_angle(a, b) == pytest.approx(30)
    assert largest_angle(a, a @ np.array([[1, 2], [3, 4]])) == pytest.approx(0, abs=1e-5)


def test_pca_spends_its_components_on_the_largest_variance(rng):
    x = rng.standard_normal((500, 2, 2)) * np.array([[9, 1], [4, 2]]) + 5
    pca = PCA(x, 2)
    np.testing.assert_allclose(np.abs(pca.components), [[1, 0, 0, 0], [0, 0, 1, 0]], atol=0.05)
    assert pca.encode(x).shape == (500, 2) and pca.reconstruct(x).shape == x.shape
    np.testing.assert_allclose(PCA(x, 4).reconstruct(x), x, rtol=0, atol=1e-10)


def test_a_probe_reads_off_what_is_linear_in_the_code_and_nothing_else(rng):
    x, other = rng.standard_normal((600, 2, 3)), rng.standard_normal(600)
    linear = x.reshape(600, 6) @ rng.standard_normal(6) * 100 - 7
    noisy = x[:, 0, 0] + rng.standard_normal(600)  # half of the variance
    y = np.stack([linear, noisy, other, x[:, 0, 0] ** 2], axis=1)
    r2 = ridge_r2(x[:400], y[:400], x[400:], y[400:])
    assert r2[0] > 0.999 and r2[1] == pytest.approx(0.5, abs=0.15) and np.all(r2[2:] < 0.05)
    np.testing.assert_allclose(ridge_r2(x[:400], linear[:400], x[400:], linear[400:]), r2[:1])
