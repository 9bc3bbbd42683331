"""Sums and means keep their digits: against sums in float64, along every axis, in every layout, of few and of many."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.kernels.total import ROWS, total

EPS = 2.0**-24  # the rounding error of one float32 operation


def layouts(a):
    """Yield the numbers of a in every order of its axes in memory, reversed, and with gaps between them."""
    for order in itertools.permutations(range(a.ndim)):
        back = np.argsort(order)
        yield np.ascontiguousarray(a.transpose(order)).transpose(back)
    yield np.flip(np.ascontiguousarray(np.flip(a, 0)), 0)
    wide = np.full([2 * n for n in a.shape], np.nan, a.dtype)
    wide[(slice(None, None, 2),) * a.ndim] = a
    yield wide[(slice(None, None, 2),) * a.ndim]


def subsets(ndim):
    return itertools.chain(*(itertools.combinations(range(ndim), n) for n in range(ndim + 1)))


SHAPES = [(5000, 3), (3, 5000), (40, 1, 200, 3), (1, 30, 31, 7), (ROWS + 1, 2), (2 * ROWS - 1, 2), (ROWS**2 + 1, 2)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_a_sum_is_the_exact_one_within_sixteen_roundings_in_every_layout(shape, rng):
    a = rng.uniform(0.5, 1.5, size=shape).astype(np.float32)
    for x in layouts(a):
        for axes in subsets(a.ndim):
            exact = a.astype(np.float64).sum(axis=axes, keepdims=True)
            np.testing.assert_allclose(total(x, axes, True), exact, rtol=16 * EPS)


@pytest.mark.parametrize("shape", [(300, 2, 3), (2, 300, 3), (0, 300), (300, 0)], ids=str)
@pytest.mark.parametrize("keepdims", [True, False])
def test_total_has_the_axes_and_shapes_of_numpys_sum(shape, keepdims):
    x = np.ones(shape)
    for axis in (None, 0, 1, -1, (0, 1), (-1, 0)):
        np.testing.assert_array_equal(total(x, axis, keepdims), x.sum(axis=axis, keepdims=keepdims))
        assert np.shape(total(x, axis, keepdims)) == x.sum(axis=axis, keepdims=keepdims).shape


def test_the_sum_of_2_to_the_25_ones_down_the_leading_axis_is_2_to_the_25():
    x = mg.Tensor.wrap(np.ones((2**25, 2), np.float32))
    np.testing.assert_array_equal(x.sum(axis=0).data, [2**25] * 2)  # one running sum would stay at 2**24


@pytest.mark.parametrize("shape", [(2**25, 2), (2, 2**25), (2**25,)], ids=str)
def test_a_number_that_is_repeated_by_broadcasting_is_multiplied(shape):
    x = mg.broadcast_to(mg.Tensor([0.1]), shape)
    np.testing.assert_allclose(x.sum(axis=int(np.argmax(shape))).data, np.float32(0.1) * 2**25, rtol=EPS)


def test_rows_repeated_by_broadcasting_are_summed_along_themselves(rng):
    row = rng.uniform(0.5, 1.5, size=5000).astype(np.float32)
    exact = row.sum(dtype=np.float64)
    for x in (np.broadcast_to(row, (3, 5000)).T, np.broadcast_to(row[:, None], (5000, 3))):
        np.testing.assert_allclose(total(x, 0), [exact] * 3, rtol=16 * EPS)
        np.testing.assert_allclose(total(x), exact * 3, rtol=16 * EPS)


ROWS_OF_NOISE = 500_000


@pytest.fixture(scope="module")
def rows():
    """Rows of N(100, 1), whose sum is large beside their scatter."""
    return np.random.default_rng(0).normal(100, 1, size=(ROWS_OF_NOISE, 2)).astype(np.float32)


def test_mean_and_variance_of_many_rows_keep_their_digits(rows):
    exact = rows.astype(np.float64)
    np.testing.assert_allclose(mg.mean(rows, axis=0).data, exact.mean(axis=0), rtol=16 * EPS)
    np.testing.assert_allclose(mg.var(rows, axis=0).data, exact.var(axis=0), rtol=16 * EPS)
    np.testing.assert_allclose(mg.std(rows, axis=0).data, exact.std(axis=0), rtol=16 * EPS)


def test_batch_norm_of_many_rows_keeps_the_digits_of_its_statistics_and_its_output(rows):
    exact = rows.astype(np.float64)
    layer = nn.BatchNorm1d(2, momentum=1.0)
    y = layer(mg.Tensor(rows)).data
    np.testing.assert_allclose(layer.running_mean.data, exact.mean(axis=0), rtol=16 * EPS)
    np.testing.assert_allclose(layer.running_var.data, exact.var(axis=0, ddof=1), rtol=16 * EPS)
    standard = (exact - exact.mean(axis=0)) / np.sqrt(exact.var(axis=0) + layer.eps)
    np.testing.assert_allclose(y, standard, rtol=0, atol=2e-5)  # 100 has an error of 4e-6 beside a scatter of 1


def test_softmax_logsumexp_and_norm_of_many_rows_keep_their_digits(rows):
    e = np.exp(np.float64(rows - 100))
    np.testing.assert_allclose(mg.softmax(rows, axis=0).data, e / e.sum(axis=0), rtol=1e-5)
    np.testing.assert_allclose(mg.logsumexp(rows - 100, axis=0).data, np.log(e.sum(axis=0)), rtol=16 * EPS)
    np.testing.assert_allclose(mg.norm(rows, axis=0).data, np.linalg.norm(np.float64(rows), axis=0), rtol=16 * EPS)


def zeros(*shape):
    return np.zeros(shape, np.float32)


BIASED = {
    "linear": ((ROWS_OF_NOISE, 2), lambda b: mg.linear(zeros(ROWS_OF_NOISE, 1), zeros(2, 1), b)),
    "add": ((ROWS_OF_NOISE, 2), lambda b: b + zeros(ROWS_OF_NOISE, 2)),
    "conv1d": ((ROWS_OF_NOISE, 2, 1), lambda b: mg.conv1d(zeros(ROWS_OF_NOISE, 1, 1), zeros(2, 1, 1), b)),
}


@pytest.mark.parametrize("name", BIASED)
def test_the_gradient_of_a_bias_keeps_its_digits(name, rows):
    shape, f = BIASED[name]
    b = mg.Tensor(np.zeros(2, np.float32), requires_grad=True)
    gb = mg.grad(f(b), b, rows.reshape(shape))
    np.testing.assert_allclose(gb.data, rows.astype(np.float64).sum(axis=0), rtol=16 * EPS)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_mean_of_ones_is_1_whatever_their_count(dtype):
    for n in range(1, 200):  # 49 * (1 / 49) is less than 1
        ones = np.ones((1, 1, 1, n), dtype)
        assert mg.mean(ones).item() == 1 and mg.mse_loss(ones, 0 * ones).item() == 1
        assert mg.avg_pool2d(ones, (1, n)).item() == 1 and mg.gram_matrix(ones).item() == 1
        assert mg.adaptive_avg_pool2d(ones, 1).item() == 1


def test_a_mean_in_float16_may_be_of_numbers_whose_sum_is_too_large_for_it():
    x = np.full((100, 700), 1000, np.float16)
    assert mg.mean(x).dtype == np.float16 and mg.mean(x).item() == 1000
    assert mg.var(x + 10 * (np.arange(700) % 2).astype(np.float16)).item() == 25
    assert mg.std(x + 10 * (np.arange(700) % 2).astype(np.float16)).item() == 5
    assert mg.avg_pool2d(x[None, None], (10, 70)).data.max() == 1000
    assert mg.standardize(x, axis=1).data.max() == 0
