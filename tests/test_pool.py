"""Pooling against nested loops, for all that Hypothesis can think of."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

import minigrad as mg
from minigrad import nn
from minigrad.kernels import pool as kernels
from minigrad.kernels import threads
from minigrad.kernels.geometry import Geometry
from minigrad.ops.pool import max_pool2d_gather, max_pool2d_scatter, sum_pool2d, sum_unpool2d


@st.composite
def poolings(draw):
    """Draw an image with many equal pixels, and how to pool it."""
    shape = [draw(st.integers(1, n)) for n in (2, 2, 7, 7)]
    kernel, stride = ([draw(st.integers(1, 4)) for _ in range(2)] for _ in range(2))
    padding = [draw(st.integers(0, k // 2)) for k in kernel]
    assume(all(n + 2 * p >= k for n, p, k in zip(shape[2:], padding, kernel)))
    x = np.random.default_rng(draw(st.integers(0, 99))).integers(-2, 3, size=shape).astype(float)
    return x, tuple(kernel), tuple(stride), tuple(padding), draw(st.booleans())


def windows(n, kernel, stride, padding, ceil_mode):
    """Return the ranges that the windows cover along an axis of n pixels, padding included."""
    starts = [i for i in range(-padding, n, stride) if i + kernel <= n + padding]
    following = starts[-1] + stride
    if ceil_mode and starts[-1] + kernel < n + padding and following < n:
        starts.append(following)
    return [range(i, i + kernel) for i in starts]


def pool(x, kernel, stride, padding, ceil_mode, f):
    """Return f(plane, rows, columns) for every window of every plane."""
    rows, columns = (windows(*axis, ceil_mode) for axis in zip(x.shape[2:], kernel, stride, padding))
    return np.array([[[[f(plane, i, j) for j in columns] for i in rows] for plane in image] for image in x])


def winner(plane, rows, columns):
    """Return the position of the first of the largest pixels of a window."""
    H, W = plane.shape
    inside = [(i, j) for i, j in itertools.product(rows, columns) if 0 <= i < H and 0 <= j < W]
    i, j = max(inside, key=lambda place: plane[place])
    return i * W + j


@given(poolings(), st.integers(0, 99))
def test_max_pool2d_picks_the_first_of_the_largest_and_its_gradient_goes_there(pooling, seed):
    x, *how = pooling
    index = pool(x, *how, winner)
    planes = x.reshape(*x.shape[:2], -1)
    t = mg.Tensor(x, requires_grad=True)
    y = mg.max_pool2d(t, *how[:-1], ceil_mode=how[-1])
    np.testing.assert_array_equal(y.data, [[p[i] for p, i in zip(*pair)] for pair in zip(planes, index)])
    g = np.random.default_rng(seed).normal(size=y.shape)
    expected = np.zeros_like(planes)
    for n, c, i, j in np.ndindex(g.shape):
        expected[n, c, index[n, c, i, j]] += g[n, c, i, j]
    np.testing.assert_allclose(mg.grad(y, t, g).data, expected.reshape(x.shape), rtol=1e-13, atol=1e-13)


@given(poolings(), st.booleans())
def test_avg_pool2d_is_the_mean_of_each_window(pooling, count_include_pad):
    x, kernel, stride, padding, ceil_mode = pooling

    def average(plane, rows, columns):
        counted = 1
        for n, p, window in zip(plane.shape, padding, (rows, columns)):
            margin = p if count_include_pad else 0
            counted *= sum(-margin <= i < n + margin for i in window)
        rows, columns = (slice(max(window[0], 0), window[-1] + 1) for window in (rows, columns))
        return plane[rows, columns].sum() / counted

    y = mg.avg_pool2d(x, kernel, stride, padding, ceil_mode, count_include_pad)
    np.testing.assert_allclose(y.data, pool(x, kernel, stride, padding, ceil_mode, average), rtol=1e-13, atol=1e-13)


@given(poolings(), st.integers(0, 99))
def test_spreading_and_summing_windows_are_adjoint(pooling, seed):
    x, kernel, stride, padding, _ = pooling
    geo = Geometry(x.shape[2:], kernel, stride, tuple((p, p) for p in padding))
    total = sum_pool2d(x, geo)
    y = np.random.default_rng(seed).normal(size=total.shape)
    assert np.vdot(y, total.data) == pytest.approx(np.vdot(sum_unpool2d(y, geo).data, x))


def test_gathering_and_scattering_are_adjoint_where_windows_overlap(rng):
    geo = Geometry((5, 6), (3, 3), (1, 2))
    x, y = rng.normal(size=(2, 3, 5, 6)), rng.normal(size=(2, 3, 3, 2))
    winner = kernels.max_pool2d_winners(x, geo)
    assert np.vdot(y, max_pool2d_gather(x, winner, geo).data) == pytest.approx(
        np.vdot(max_pool2d_scatter(y, winner, geo).data, x)
    )


def test_a_scatter_reaches_every_pixel_where_padding_shifts_the_windows(rng):
    geo = Geometry((6, 6), (3, 3), (3, 3), ((1, 1), (1, 1)))
    x = rng.normal(size=(1, 1, 6, 6))
    y, winner = kernels.max_pool2d(x, geo), kernels.max_pool2d_winners(x, geo)
    out = kernels.max_pool2d_scatter(y, winner, geo)
    want = np.zeros((8, 8))
    for p, q in np.ndindex(2, 2):
        i, j = divmod(int(winner[0, 0, p, q]), 3)
        want[3 * p + i, 3 * q + j] = y[0, 0, p, q]
    np.testing.assert_array_equal(out[0, 0], want[1:-1, 1:-1])


def test_pools_of_a_small_image_are_those_of_pytorch():
    x = mg.Tensor([[[[1.0, 5.0, 2.0, 0.0], [3.0, 4.0, 8.0, 6.0], [7.0, 9.0, 2.0, 1.0]]]])
    assert mg.max_pool2d(x, 2).data.tolist() == [[[[5, 8]]]]
    assert mg.max_pool2d(x, 2, ceil_mode=True).data.tolist() == [[[[5, 8], [9, 2]]]]
    assert mg.max_pool2d(x, 3, 2, 1).data.tolist() == [[[[5, 8], [9, 9]]]]
    assert mg.avg_pool2d(x, 2, ceil_mode=True).data.tolist() == [[[[3.25, 4.0], [8.0, 1.5]]]]
    assert mg.avg_pool2d(x, 2, 2, 1).data.tolist() == [[[[0.25, 1.75, 0.0], [2.5, 5.75, 1.75]]]]
    assert mg.avg_pool2d(x, 2, 2, 1, count_include_pad=False).data.tolist() == [[[[1, 3.5, 0], [5, 5.75, 3.5]]]]
    assert mg.adaptive_avg_pool2d(x, 1).data.tolist() == [[[[4.0]]]]


def test_padding_never_wins_and_a_nan_always_does():
    x = np.full((1, 1, 4, 3), -np.inf)
    x[0, 0, 3, 1] = np.nan
    geo = Geometry((4, 3), (3, 3), (2, 2), ((1, 1), (1, 1)))
    y, winner = kernels.max_pool2d(x, geo), kernels.max_pool2d_winners(x, geo)
    np.testing.assert_array_equal(y, [[[[-np.inf, -np.inf], [np.nan, np.nan]]]])
    assert winner.tolist() == [[[[4, 3], [8, 6]]]]


def test_windows_of_more_pixels_than_a_byte_can_count():
    x = np.arange(400.0).reshape(1, 1, 20, 20)
    geo = Geometry((20, 20), (17, 18), (3, 1))
    y, winner = kernels.max_pool2d(x, geo), kernels.max_pool2d_winners(x, geo)
    assert y.tolist() == [[[[337, 338, 339], [397, 398, 399]]]]
    assert (winner == 17 * 18 - 1).all()


@pytest.mark.parametrize("kernel, stride", [(2, 2), (3, 1)])
def test_cutting_the_work_into_parts_leaves_no_trace(kernel, stride, rng, monkeypatch):
    x = rng.normal(size=(7, 5, 31, 30)).astype(np.float32)
    geo = Geometry((31, 30), (kernel, kernel), (stride, stride), ((1, 0), (0, 1)))

    def results():
        y, winner = kernels.max_pool2d(x, geo), kernels.max_pool2d_winners(x, geo)
        return y, winner, kernels.max_pool2d_scatter(y, winner, geo)

    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "1")
    whole = results()
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "3")
    monkeypatch.setattr(threads, "SMALL", 0)
    monkeypatch.setattr(kernels, "BLOCK", 2000)
    assert all(np.array_equal(a, b) for a, b in zip(whole, results()))


@pytest.mark.parametrize("size", [(1, 1), (1, 3), (2, 3), (4, 6), (7, 6), (9, 13), 5])
def test_adaptive_pooling_averages_windows_that_cover_the_image(size, rng):
    x = rng.normal(size=(2, 3, 7, 6))
    oh, ow = (size, size) if isinstance(size, int) else size
    expected = np.empty((2, 3, oh, ow))
    for i, j in np.ndindex(oh, ow):
        rows = slice(math.floor(i * 7 / oh), math.ceil((i + 1) * 7 / oh))
        columns = slice(math.floor(j * 6 / ow), math.ceil((j + 1) * 6 / ow))
        expected[:, :, i, j] = x[:, :, rows, columns].mean(axis=(2, 3))
    np.testing.assert_allclose(mg.adaptive_avg_pool2d(x, size).data, expected, rtol=1e-12, atol=1e-14)
    assert mg.adaptive_avg_pool2d(x.astype(np.float32), size).dtype == np.float32
    np.testing.assert_allclose(nn.AdaptiveAvgPool2d(size)(mg.Tensor(x)), expected, rtol=1e-12, atol=1e-14)


@given(poolings())
def test_signals_are_pooled_as_images_one_pixel_high(pooling):
    x, (_, kernel), (_, stride), (_, padding), ceil_mode = pooling
    x = x[:, :, 0]
    how = [(1, kernel), (1, stride), (0, padding), ceil_mode]
    largest = pool(x[:, :, None], *how, lambda plane, i, j: max(plane[0, k] for k in j if 0 <= k < plane.shape[1]))
    y = mg.max_pool1d(x, kernel, stride, padding, ceil_mode=ceil_mode)
    assert np.array_equal(y.data, largest[:, :, 0])
    for with_padding in (True, False):
        expected = mg.avg_pool2d(x[:, :, None], *how, with_padding).data[:, :, 0]
        assert np.array_equal(mg.avg_pool1d(x, (kernel,), stride, padding, ceil_mode, with_padding).data, expected)
    means = [[[part.mean() for part in np.split(row, len(row))] for row in image] for image in x]
    np.testing.assert_allclose(mg.adaptive_avg_pool1d(x, x.shape[2]).data, means, rtol=1e-15)


def test_layers_pool_as_their_functions_do(rng):
    x = mg.Tensor(rng.normal(size=(2, 3, 7, 6)))
    assert np.array_equal(nn.MaxPool2d(3, 2, 1, ceil_mode=True)(x), mg.max_pool2d(x, 3, 2, 1, ceil_mode=True))
    assert np.array_equal(nn.MaxPool2d((2, 3))(x), mg.max_pool2d(x, (2, 3)))
    assert np.array_equal(nn.AvgPool2d(3, (2, 1), 1, True, False)(x), mg.avg_pool2d(x, 3, (2, 1), 1, True, False))
    np.testing.assert_allclose(nn.AdaptiveAvgPool2d(1)(x), x.data.mean(axis=(2, 3), keepdims=True))
    assert repr(nn.MaxPool2d(3, 2)) == "MaxPool2d(kernel_size=3, stride=2, padding=0, ceil_mode=False)"


X = np.ones((1, 2, 4, 5))
ERRORS = [
    (
        "axes",
        lambda: mg.max_pool2d(X[0], 2),
        r"max_pool2d: x is float64 of shape \(2, 4, 5\); it must be floating-point",
    ),
    (
        "integers",
        lambda: mg.avg_pool2d(X.astype(int), 2),
        r"avg_pool2d: x is int64 of shape \(1, 2, 4, 5\); it must be float",
    ),
    (
        "whole numbers",
        lambda: mg.max_pool2d(X.astype(int), 2),
        r"max_pool2d: x is int64 of shape \(1, 2, 4, 5\); it must be float",
    ),
    ("padding", lambda: mg.max_pool2d(X, 3, padding=2), r"padding is \(2, 2\); it must be at most half of the kernel"),
    (
        "window",
        lambda: mg.max_pool2d(X, (6, 2)),
        r"the window \(6, 2\) is larger than images of size \(4, 5\) with padding \(0, 0\)",
    ),
    ("kernel", lambda: mg.avg_pool2d(X, 0), "avg_pool2d: kernel_size is 0; it must be a whole number from 1"),
    ("stride", lambda: mg.avg_pool2d(X, 2, 0), "avg_pool2d: stride is 0; it must be a whole number from 1"),
    ("negative padding", lambda: mg.avg_pool2d(X, 2, 1, -1), "avg_pool2d: padding is -1; it must be a whole number"),
    (
        "adaptive",
        lambda: mg.adaptive_avg_pool2d(X, (2, 0)),
        r"output_size is \(2, 0\); it must be a whole",
    ),
    ("adaptive of nothing", lambda: mg.adaptive_avg_pool2d(X[:, :, :0], 2), "it must have pixels to average"),
    (
        "signals",
        lambda: mg.max_pool1d(X, 2),
        r"max_pool1d: x is float64 of shape \(1, 2, 4, 5\); it must be .*, \(N,C,L\)",
    ),
    ("signals' kernel", lambda: mg.avg_pool1d(X[0], (2, 2)), r"avg_pool1d: kernel_size is \(2, 2\); it must be"),
    ("signals' window", lambda: mg.max_pool1d(X[0], 6), r"the window \(1, 6\) is larger than images of size \(1,"),
    ("signals' size", lambda: mg.adaptive_avg_pool1d(X[0], 0), "adaptive_avg_pool1d: output_size is 0; it must"),
]


@pytest.mark.parametrize(("f", "text"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_a_wrong_call_says_what_is_wrong(f, text):
    with pytest.raises(ValueError, match=text):
        f()


def test_an_empty_batch_is_pooled_and_differentiated():
    x = mg.Tensor(np.zeros((0, 2, 4, 4)), requires_grad=True)
    mg.max_pool2d(x, 2).sum().backward()
    assert x.grad.shape == x.shape
