"""Gradients at corners: where a function's slope is 0 by choice, its gradient is 0, whatever the cotangent.

The square root has an infinite slope at 0, so sqrt(relu(x)) hands relu an infinite cotangent there; 0 * inf is NaN.
"""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.kernels.masked import chosen, masked
from models.relu import redirected_relu, relu

ONES, EVERY = np.ones(4, bool), [-np.inf, np.inf, np.nan, 2.0]  # cotangents of every kind

FLAT = {  # functions, and where their slope is 0 by choice
    "abs at 0": (mg.abs, 0.0),
    "relu below 0": (mg.relu, -1.0),
    "relu at 0": (mg.relu, 0.0),
    "leaky_relu of slope 0": (lambda x: mg.leaky_relu(x, 0), -1.0),
    "clip below": (lambda x: mg.clip(x, 1.0), 0.5),
    "clip above": (lambda x: mg.clip(x, None, 1.0), 1.5),
    "clip between arrays": (lambda x: mg.clip(x, np.full(4, 1.0), np.full(4, 2.0)), 2.5),
    "hardtanh": (mg.hardtanh, 2.0),
    "maximum, the smaller": (lambda x: mg.maximum(x, 0.0), -1.0),
    "maximum, the smaller on the right": (lambda x: mg.maximum(np.zeros(4), x), -1.0),
    "minimum, the larger": (lambda x: mg.minimum(x, 0.0), 1.0),
    "minimum, the larger on the right": (lambda x: mg.minimum(np.zeros(4), x), 1.0),
    "where, the other": (lambda x: mg.where(~ONES, x, 0.0), 1.0),
    "where, the other on the right": (lambda x: mg.where(ONES, 0.0, x), 1.0),
    "x ** 0": (lambda x: x**0, 2.0),
    "x ** y at y = 0": (lambda x: x ** mg.Tensor(np.zeros(4)), 2.0),
    "x ** y by y at x = 0": (lambda y: mg.Tensor(np.zeros(4)) ** y, 2.0),
    "norm of nothing but zeros": (lambda x: mg.norm(x.reshape(4, 1), axis=1), 0.0),
}


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("name", FLAT)
def test_a_slope_of_0_blocks_every_cotangent(name, dtype):
    f, at = FLAT[name]
    x = mg.Tensor(np.full(4, at, dtype), requires_grad=True)
    gx = mg.grad(f(x), x, np.array(EVERY, dtype))
    np.testing.assert_array_equal(gx.data, np.zeros(4))
    assert gx.dtype == dtype


LINEAR = {  # and where their slope is 1
    "relu": (mg.relu, 1.0),
    "leaky_relu": (lambda x: mg.leaky_relu(x, 0.0), 1.0),
    "elu": (mg.elu, 1.0),
    "clip": (lambda x: mg.clip(x, 0.0, 2.0), 1.0),
    "maximum": (lambda x: mg.maximum(x, 0.0), 1.0),
    "minimum": (lambda x: mg.minimum(x, 2.0), 1.0),
    "where": (lambda x: mg.where(ONES, x, 0.0), 1.0),
    "where on the right": (lambda x: mg.where(~ONES, 0.0, x), 1.0),
    "max of one": (lambda x: mg.max(x.reshape(4, 1), axis=1), 1.0),
}


@pytest.mark.parametrize("name", LINEAR)
def test_a_slope_of_1_passes_every_cotangent(name):
    f, at = LINEAR[name]
    x = mg.Tensor(np.full(4, at), requires_grad=True)
    np.testing.assert_array_equal(mg.grad(f(x), x, np.array(EVERY)).data, EVERY)


@pytest.mark.parametrize(
    "f",
    [
        mg.relu,
        lambda x: mg.clip(x, 0.5),
        lambda x: mg.maximum(x, 0.5) - 0.5,
        lambda x: mg.max(mg.stack([x, np.zeros(4, np.float32)]), axis=0),
        lambda x: mg.max_pool2d(mg.stack([x, np.zeros(4, np.float32)], axis=1).reshape(1, 1, 4, 2), (1, 2)),
    ],
    ids=["relu", "clip", "maximum", "max", "max_pool2d"],
)
def test_the_square_root_of_a_function_that_is_flat_below_0_has_no_nan_in_its_gradient(f):
    x = mg.Tensor([-1.0, -2.0, -0.5, 4.0], requires_grad=True)
    with np.errstate(divide="ignore"):  # the slope of the square root at 0
        gx = mg.grad(mg.sqrt(f(x)).sum(), x).data
    np.testing.assert_array_equal(gx[:3], np.zeros(3))
    assert 0 < gx[3] < np.inf


@pytest.mark.parametrize("f", [mg.max, mg.min], ids=["max", "min"])
def test_an_infinite_cotangent_of_an_extreme_reaches_it_alone(f):
    x = mg.Tensor([[1.0, 3.0, 2.0], [3.0, 1.0, 2.0]], requires_grad=True)
    gx = mg.grad(f(x, axis=1), x, np.array([np.inf, 5.0], np.float32))
    expected = np.where(x.data == f(x, axis=1, keepdims=True).data, [[np.inf], [5.0]], 0.0)
    np.testing.assert_array_equal(gx.data, expected)


def test_the_gradient_of_a_maximum_that_is_nan_goes_to_the_nans():
    x = mg.Tensor([[1.0, np.nan, 2.0, np.nan], [1.0, 2.0, 2.0, 0.0]], requires_grad=True)
    np.testing.assert_array_equal(mg.grad(mg.max(x, axis=1).sum(), x).data, [[0, 0.5, 0, 0.5], [0, 0.5, 0.5, 0]])


@pytest.mark.parametrize("stride", [2, 1], ids=["side by side", "overlapping"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("g", [np.inf, np.nan], ids=["infinite", "NaN"])
def test_a_cotangent_that_is_not_finite_reaches_only_the_pixel_that_won_its_window(stride, dtype, g):
    x = mg.Tensor(np.array([[1, 2, 9, 3], [0, 3, 1, 2], [7, 0, 1, 8], [0, 1, 2, 0]], dtype)[None, None], True)
    y = mg.max_pool2d(x, 2, stride)
    cotangent = np.ones(y.shape, dtype)
    cotangent[0, 0, 0, 0] = g  # won by the 3 in the second row
    gx = mg.grad(y, x, cotangent).data[0, 0]
    expected = mg.grad(y, x, np.ones(y.shape, dtype)).data[0, 0]
    expected[1, 1] = g
    np.testing.assert_array_equal(gx, expected)


@pytest.mark.parametrize("layer", [nn.Dropout, nn.Dropout2d])
def test_what_dropout_drops_gets_no_gradient_and_causes_no_nan(layer, rng):
    x = mg.Tensor(np.full((20, 5, 1), np.inf), requires_grad=True)
    y = layer(0.5, rng=rng)(x)
    assert set(np.unique(y.data)) == {0.0, np.inf}
    gx = mg.grad(y, x, np.full(x.shape, np.inf))
    np.testing.assert_array_equal(gx.data, y.data)


def test_the_gradient_of_huber_loss_stays_within_delta_to_infinity():
    x = mg.Tensor([-np.inf, -1e30, -3.0, -0.5, 0.0, 0.5, 3.0, 1e30, np.inf], requires_grad=True)
    loss = mg.huber_loss(x, np.zeros(9, np.float32), "sum", delta=2.0)
    np.testing.assert_array_equal(mg.grad(loss, x).data, [-2, -2, -2, -0.5, 0, 0.5, 2, 2, 2])


def test_the_second_derivative_of_huber_loss_is_1_within_delta_and_0_beyond():
    x = mg.Tensor([-3.0, -1.0, 0.0, 1.0, 3.0], requires_grad=True)
    dx = mg.grad(mg.huber_loss(x, np.zeros(5, np.float32), "sum", delta=2.0), x, create_graph=True)
    np.testing.assert_array_equal(mg.grad(dx.sum(), x).data, [0, 1, 1, 1, 0])


def test_a_redirected_relu_of_a_live_image_is_a_relu_to_infinite_cotangents_too():
    x = mg.Tensor([[-1.0, 2.0, 0.0]], requires_grad=True)
    with redirected_relu():
        gx = mg.grad(relu(x), x, np.array([[np.inf, 3.0, np.inf]], np.float32))
    np.testing.assert_array_equal(gx.data, [[0, 3, 0]])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("order", ["C", "F"])
def test_masked_keeps_the_bits_where_the_mask_is_true_and_gives_0_elsewhere(dtype, order):
    kinds = [np.nan, np.inf, -np.inf, -0.0, 1.5, np.finfo(dtype).max, np.finfo(dtype).smallest_subnormal]
    x = np.array([kinds, kinds], dtype, order=order)
    for mask in (np.array([[True], [False]]), np.arange(14).reshape(2, 7) % 2 == 0, True, False):
        with np.errstate(invalid="ignore"):  # comparing NaNs
            expected = np.where(mask, x, 0)
        got = masked(x, mask)
        np.testing.assert_array_equal(got, expected)
        assert got.dtype == dtype and not np.signbit(got[~np.broadcast_to(mask, x.shape)]).any()


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
def test_masked_fills_an_array_that_is_no_neighbour_of_its_input(dtype):
    x, out = np.array([np.inf, 2, 3, np.nan], dtype), np.full(8, 7, dtype)
    masked(x, np.array([False, True, True, False]), out=out[::2])
    np.testing.assert_array_equal(out, [0, 7, 2, 7, 3, 7, 0, 7])


def test_a_mask_of_more_rows_repeats_its_input():
    got = masked(np.array([[np.inf, 2.0]]), np.array([[True, True], [False, True]]))
    np.testing.assert_array_equal(got, [[np.inf, 2], [0, 2]])


def test_masked_lies_in_memory_as_its_input_or_where_that_is_one_number_repeated_as_the_mask():
    x = np.ones((3, 4, 5), np.float32).transpose(2, 0, 1)
    assert masked(x, np.ones(x.shape, bool)).strides == x.strides
    repeated = np.broadcast_to(np.float32(1), x.shape)
    assert masked(repeated, x > 0).strides == x.strides
    assert masked(x, x > 0).base is None  # memory of its own: a gradient need not be copied again


ODD = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, 1e-40, -3.5, 65504.0])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("shapes", [((8, 8), (8, 8)), ((1, 8), (8, 1)), ((8,), (8, 8))], ids=str)
def test_chosen_by_a_mask_keeps_every_bit_of_either(dtype, shapes, rng):
    with np.errstate(over="ignore"):
        x, y = (rng.choice(ODD, shape).astype(dtype) for shape in shapes)
    mask = rng.random((8, 8)) < 0.5
    for a, b, m in ((x, y, mask), (x.T, y.T, mask.T), (x, -np.inf, mask), (2.5, y, mask), (x[..., ::-1], y, mask[:1])):
        got, want = chosen(m, a, b), np.where(m, a, b).astype(dtype)
        assert got.dtype == dtype and got.shape == want.shape and got.tobytes() == want.tobytes()
        assert got.base is None


def test_where_of_large_arrays_chooses_by_bits_and_of_others_by_numpy(rng, monkeypatch):
    taken = []
    monkeypatch.setattr("minigrad.ops.arithmetic.chosen", lambda *args: (taken.append(len(args[1])), chosen(*args))[1])
    for n in (100, 10_000):
        x, y, mask = rng.normal(size=n).astype("f"), rng.normal(size=n).astype("f"), rng.random(n) < 0.5
        for other in (y, y.astype(float)):
            np.testing.assert_array_equal(mg.where(mask, x, other).data, np.where(mask, x, other))
    assert taken == [10_000]
