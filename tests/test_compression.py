"""The compressor: its densities, its loss, and codes of pictures and signals of any size."""

import numpy as np
import pytest
from scipy.stats import logistic

import minigrad as mg
from minigrad import Tensor
from models.compression import Compressor, log_mass, rate_distortion

WEIGHTS = (0.01, 0.04, 0.16)


def model_of(dims=2, channels=1, **options):
    options = {"widths": (3,), "code": 2, "weights": WEIGHTS, "rng": np.random.default_rng(1)} | options
    model = Compressor(channels, dims=dims, **options).to(dtype=np.float64)
    rng = np.random.default_rng(2)
    for parameter in (model.log_gain, model.shares, model.centres, model.log_scales):
        parameter.data[...] += 0.3 * rng.standard_normal(parameter.shape)
    return model


def test_the_mass_of_an_integer_is_that_of_the_density_around_it():
    y, scale = np.linspace(-8, 0, 33), np.array([[0.2], [1.0], [5.0]])
    expected = np.log(logistic.cdf((y + 0.5) / scale) - logistic.cdf((y - 0.5) / scale))
    mass = log_mass(Tensor(y), Tensor(np.log(scale))).numpy()
    np.testing.assert_allclose(mass, expected, rtol=1e-9)
    np.testing.assert_allclose(log_mass(Tensor(-y), Tensor(np.log(scale))).numpy(), mass, rtol=1e-12)


def test_the_mass_far_out_in_a_tail_is_not_lost():
    far = log_mass(Tensor(np.array([1e4])), Tensor(np.array([-3.0]))).numpy()
    np.testing.assert_allclose(far, -(1e4 - 0.5) * np.exp(3), rtol=1e-6)


def test_the_probabilities_of_all_integers_add_up_to_1():
    model, integers = model_of(code=1), np.arange(-400.0, 401).reshape(-1, 1, 1)
    for rate in range(3):
        bits = model.bits(Tensor(integers), np.full(801, rate)).numpy()
        assert np.exp2(-bits).sum() == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("dims, sides", [(2, (5, 9)), (2, (8, 8)), (2, (1, 1)), (1, (13,)), (1, (16,))])
def test_any_size_is_encoded_and_comes_back(dims, sides, rng):
    model = model_of(dims, channels=3)
    x, rate = Tensor(rng.random((2, 3, *sides)) - 0.5), np.array([0, 2])
    code = model.encode(x, rate)
    assert code.shape == (2, 2, *(-(-n // 4) for n in sides))
    assert model.decode(code, rate, sides).shape == x.shape


def test_a_picture_is_padded_with_its_edge(rng):
    model = model_of()
    x = rng.random((1, 1, 6, 7))
    whole = np.pad(x, ((0, 0), (0, 0), (0, 2), (0, 1)), mode="edge")
    rate = np.zeros(1, int)
    assert np.array_equal(model.encode(Tensor(x), rate).numpy(), model.encode(Tensor(whole), rate).numpy())


def test_a_finer_rate_multiplies_the_code_and_the_decoder_divides_again(rng):
    model = Compressor(1, (3,), 2, WEIGHTS, rng=rng)
    x = Tensor(rng.random((3, 1, 8, 8), np.float32))
    codes = [model.encode(x, np.full(3, r)).numpy() for r in range(3)]
    np.testing.assert_allclose(codes[1], 2 * codes[0], rtol=1e-5)  # errors weigh 4 times as much
    np.testing.assert_allclose(codes[2], 4 * codes[0], rtol=1e-5)
    decoded = [model.decode(Tensor(c), np.full(3, r), (8, 8)).numpy() for r, c in enumerate(codes)]
    np.testing.assert_allclose(decoded[0], decoded[2], rtol=1e-3, atol=1e-5)


def test_the_loss_is_the_formula(rng):
    model, x = model_of(), rng.random((4, 1, 8, 12)) - 0.5
    loss = rate_distortion(model, Tensor(x), np.random.default_rng(5)).item()
    again = np.random.default_rng(5)
    rate = again.integers(3, size=4)
    code = model.encode(Tensor(x), rate).numpy()
    noisy = code + (again.random(code.shape, np.float32) - np.float32(0.5))
    expected = 0
    shares, centres, scales = (t.numpy().reshape(3, 2, 3) for t in (model.shares, model.centres, model.log_scales))
    decoded = model.decode(Tensor(noisy), rate, (8, 12)).numpy()
    for n, r in enumerate(rate):
        bits = 0
        for c, i, j in np.ndindex(*noisy.shape[1:]):
            part = np.exp(shares[r, c]) / np.exp(shares[r, c]).sum()
            from_centre, scale = noisy[n, c, i, j] - centres[r, c], np.exp(scales[r, c])
            mass = logistic.cdf((from_centre + 0.5) / scale) - logistic.cdf((from_centre - 0.5) / scale)
            bits -= np.log2(part @ mass)
        error = np.mean((255 * (decoded[n] - x[n])) ** 2)
        expected += (bits / 96 + WEIGHTS[r] * error) / np.sqrt(WEIGHTS[r]) / 4
    assert loss == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("dims", [1, 2])
def test_the_gradient_is_that_of_the_loss(dims, rng):
    model = model_of(dims, widths=(2,), code=2, weights=WEIGHTS[:2])
    x = Tensor(rng.random((2, 1, *(4, 4)[:dims])) - 0.5)
    names = ["log_gain", "log_ungain", "shares", "centres", "log_scales"]

    def loss(*parameters):
        for name, parameter in zip(names, parameters):
            setattr(model, name, parameter)
        return rate_distortion(model, x, np.random.default_rng(7)) * 0.01

    assert mg.gradcheck(loss, [getattr(model, name).numpy() for name in names], order=2)


def test_training_makes_codes_cheaper_and_pictures_better(rng):
    model = Compressor(1, (8,), 4, WEIGHTS, rng=rng)
    i, j = np.mgrid[:16, :16] / 16
    x = (0.4 * np.sin(rng.uniform(0, 6, (32, 1, 1, 1)) * i + rng.uniform(0, 6, (32, 1, 1, 1)) * j)).astype(np.float32)
    optimizer = mg.optim.Muon(model.parameters(), 1e-2)
    losses = []
    for _ in range(60):
        optimizer.zero_grad()
        loss = rate_distortion(model, Tensor(x), rng)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert np.mean(losses[-5:]) < 0.2 * np.mean(losses[:5])
