"""Formulas of several steps, whole and in blocks, against SciPy in float64."""

import numpy as np
import pytest
from scipy import special

import minigrad as mg
from minigrad.kernels import blocks, formulas

POINTS = np.concatenate([np.linspace(-9, 9, 4001), [0.0, -0.0, 1e-38, -1e-20, 30.0, -30.0]])
C = np.random.default_rng(5).normal(size=POINTS.size)
DENSITY = np.exp(-POINTS * POINTS / 2) / np.sqrt(2 * np.pi)
Y = POINTS / 10
BELOW = np.minimum(POINTS, 0)

FORMULAS = {  # inputs, values
    "erf": ((POINTS,), special.erf(POINTS)),
    "normal_cdf": ((POINTS,), special.ndtr(POINTS)),
    "gelu": ((POINTS,), POINTS * special.ndtr(POINTS)),
    "gelu_gradient": ((POINTS, C), C * (special.ndtr(POINTS) + POINTS * DENSITY)),
    "sigmoid": ((POINTS,), special.expit(POINTS)),
    "rectified_gradient slope 0.0": ((POINTS, C), np.where(POINTS > 0, C, 0)),
    "rectified_gradient slope 0.3": ((POINTS, C), np.where(POINTS > 0, C, 0.3 * C)),
    "sigmoid_gradient": ((Y, C), C * Y * (1 - Y)),
    "tanh_gradient": ((Y, C), C * (1 - Y * Y)),
    "abs_gradient": ((POINTS, C), C * np.sign(POINTS)),
    "leaky_relu slope 0.3": ((POINTS,), np.where(POINTS > 0, POINTS, 0.3 * POINTS)),
    "leaky_relu slope 3": ((POINTS,), np.where(POINTS > 0, POINTS, 3 * POINTS)),
    "softplus": ((POINTS,), np.logaddexp(0, POINTS)),
    "logistic_loss": ((POINTS, C), np.logaddexp(0, POINTS) - C * POINTS),
    "silu": ((POINTS,), POINTS * special.expit(POINTS)),
    "silu_gradient": ((POINTS, C), C * special.expit(POINTS) * (1 + POINTS * special.expit(-POINTS))),
    "huber delta 0.7": ((POINTS,), special.huber(0.7, POINTS)),
    **{f"elu alpha {a}": ((POINTS,), np.where(POINTS > 0, POINTS, a * special.expm1(BELOW))) for a in (1, 0.7)},
    **{f"elu_gradient alpha {a}": ((POINTS, C), np.where(POINTS > 0, C, C * a * np.exp(BELOW))) for a in (1, 0.7)},
    **{f"whole_power y {n}": ((Y,), Y**n) for n in (0, 1, 2, 3, 4, 5, 6, 7, 8)},
    **{f"whole_power y {n}": ((1 + C * C,), (1 + C * C) ** n) for n in (-1, -2, -3, -8)},
}


@pytest.mark.parametrize("into", ["an array of its own", "an array that is given"])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", FORMULAS)
def test_a_formula_fills_out_and_changes_nothing_else(name, dtype, into):
    inputs, want = FORMULAS[name]
    xs = [x.astype(dtype) for x in inputs]
    out = np.full(POINTS.shape, np.nan, dtype) if into == "an array that is given" else None
    name, *option = name.split()
    number = {option[0]: int(option[1]) if option[0] == "y" else float(option[1])} if option else {}
    got = getattr(formulas, name)(*xs, out=out, **number)
    assert got.dtype == dtype and (out is None or got is out)
    np.testing.assert_allclose(got, want, rtol=8 * np.finfo(dtype).eps, atol=16 * np.finfo(dtype).eps)
    assert all(np.array_equal(x, given.astype(dtype)) for x, given in zip(xs, inputs))


def units(x, largest):
    """Return by how many units in the last place erf(x) is wrong at most."""
    want = special.erf(x.astype(np.float64))
    error = np.abs(formulas.erf(x).astype(np.float64) - want)
    return (error / np.spacing(np.abs(want).astype(np.float32))).max() <= largest


def test_erf_of_float32_is_within_some_two_units_in_the_last_place():
    assert units(np.linspace(-4.5, 4.5, 1_000_001, dtype=np.float32), 2.3)
    assert units(np.logspace(-37, 0, 100_001, dtype=np.float32), 2.3)


def test_erf_keeps_the_sign_of_zero_and_knows_its_limits():
    x = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e30], np.float32)
    y = formulas.erf(x)
    np.testing.assert_array_equal(y, [0, 0, 1, -1, np.nan, 1])
    assert not np.signbit(y[0]) and np.signbit(y[1])


def test_whole_powers_of_negative_numbers_zeros_and_infinities_are_numpys():
    x = np.array([-2.5, -1, -0.0, 0.0, np.inf, -np.inf, np.nan, 1e-13, -3e9])
    for dtype in ("f", "d"):
        for n in (0, 1, 2, 3, -1, -2, -3, 3.0, 8, 9, 2.5):
            with np.errstate(all="ignore"):
                got, want = mg.power(x.astype(dtype), n).numpy(), x.astype(dtype) ** n
            assert got.dtype == dtype
            np.testing.assert_allclose(got, want, rtol=8 * np.finfo(dtype).eps, err_msg=f"{dtype} {n}")


UNARY = [
    mg.abs,
    mg.arctan,
    mg.cos,
    mg.cosh,
    mg.elu,
    mg.erf,
    mg.exp,
    mg.expm1,
    mg.gelu,
    mg.leaky_relu,
    mg.reciprocal,
    mg.relu,
    mg.sigmoid,
    mg.silu,
    mg.sin,
    mg.sinh,
    mg.softplus,
    mg.square,
    mg.tan,
    mg.tanh,
]


@pytest.mark.parametrize("f", [*UNARY, mg.softmax], ids=lambda f: f.__name__)
def test_large_arrays_get_the_same_values_and_gradients_in_blocks(f, rng, monkeypatch):
    data, c = rng.normal(size=(2, 6, 5, 3)).astype("f")
    x = mg.Tensor(data, requires_grad=True)
    whole = f(x), mg.grad(f(x), x, c)
    monkeypatch.setattr(blocks, "LARGE", 1)
    monkeypatch.setattr(blocks, "BLOCK", 20)
    cut = f(x), mg.grad(f(x), x, c)
    for one, other in zip(whole, cut):
        np.testing.assert_allclose(one.data, other.data, rtol=0, atol=1e-6)


@pytest.mark.parametrize("f", UNARY, ids=lambda f: f.__name__)
def test_a_function_of_a_large_array_is_cut_for_all_cores(f, rng, monkeypatch):
    cut = []
    monkeypatch.setattr(blocks, "parallel", lambda some, n, work: (cut.append(n), some(0, n)))
    monkeypatch.setattr(blocks, "LARGE", 1)
    monkeypatch.setattr(blocks, "BLOCK", 20)
    f(mg.Tensor(rng.normal(size=(6, 20))))
    assert cut == [6]


def test_a_gradient_of_a_sum_whose_cotangent_is_one_number_repeated():
    x = mg.Tensor(np.linspace(-1, 1, 6, dtype="f").reshape(2, 3).T, requires_grad=True)
    slopes = {mg.sigmoid: lambda x: special.expit(x) * special.expit(-x), mg.tanh: lambda x: 1 - np.tanh(x) ** 2}
    for f, slope in slopes.items():
        dx = mg.grad(f(x).sum() * 2.0, x)
        np.testing.assert_allclose(dx.data, 2 * slope(x.data), atol=1e-6)
        assert dx.data.strides == x.data.strides
