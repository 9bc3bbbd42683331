"""A NaN or an infinity reaches the windows that hold it and no others, by every way a convolution may take."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

import minigrad as mg
from minigrad.kernels import conv as kernels
from minigrad.kernels import gather, threads, winograd
from minigrad.kernels.geometry import Geometry

GEOMETRY = Geometry((9, 7), (3, 3), padding=((1, 2), (0, 1)))


@pytest.fixture(params=[1, 2], ids=["one thread", "two threads"])
def problem(request, monkeypatch, rng):
    """Inputs that take Winograd's form, in float64 by the definition too; on one thread and on two."""
    monkeypatch.setattr(threads, "thread_count", lambda: request.param)
    monkeypatch.setattr(threads, "SMALL", 1)
    x, w = rng.normal(size=(2, 16, 9, 7)), rng.normal(size=(17, 16, 3, 3))
    monkeypatch.setattr(winograd, "CHANNELS", 16)
    assert winograd.pays(x.transpose(1, 2, 3, 0), w, GEOMETRY)
    return x, w


def by_definition(x, w):
    """Multiply each window of the padded image by each filter."""
    windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), *GEOMETRY.padding)), (3, 3), axis=(2, 3))
    with np.errstate(invalid="ignore"):
        return np.einsum("ncpqij,ocij->nopq", windows, w)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0, 0), (1, 15, 4, 3), (1, 7, 8, 6)], ids=str)
def test_a_pixel_that_is_not_finite_reaches_its_own_windows_only(problem, number, place):
    x, w = problem
    x[place] = number
    y = kernels.conv2d(x, w, GEOMETRY)
    np.testing.assert_allclose(y, by_definition(x, w), atol=1e-12)
    assert 0 < (~np.isfinite(y)).sum() <= 17 * 9


@pytest.mark.parametrize("number", [np.nan, np.inf])
@pytest.mark.parametrize("place", [(0, 0, 0, 0), (9, 3, 1, 2), (16, 15, 2, 1)], ids=str)
@pytest.mark.filterwarnings("ignore:invalid value")  # an infinite weight on the padding's zeros: NaN by definition
def test_a_weight_that_is_not_finite_reaches_its_own_filter_as_by_definition(problem, number, place):
    x, w = problem
    w[place] = number
    y = kernels.conv2d(x, w, GEOMETRY)
    np.testing.assert_allclose(y, by_definition(x, w), atol=1e-12)
    assert np.isfinite(np.delete(y, place[0], axis=1)).all()


def test_numbers_too_large_for_the_sums_of_winograds_form_are_convolved_directly(problem):
    x, w = problem
    x[0, 0, 4, 3] = 1e308  # times 5, in B
    y = kernels.conv2d(x, w / 20, GEOMETRY)
    np.testing.assert_allclose(y, by_definition(x, w / 20), rtol=1e-12, atol=1e-12)
    assert np.isfinite(y).all()


def test_the_gradient_of_a_convolution_keeps_an_infinite_cotangent_in_its_window(problem):
    _, w = problem
    g = np.ones((2, 17, *GEOMETRY.output))
    g[1, 4, 3, 2] = np.inf
    gx = kernels.conv_transpose2d(g, w, GEOMETRY)
    infinite = np.argwhere(~np.isfinite(gx[1, 0]))
    assert (~np.isfinite(gx)).sum() == 16 * 9 and np.isfinite(gx[0]).all()
    np.testing.assert_array_equal([infinite.min(axis=0), infinite.max(axis=0)], [[2, 2], [4, 4]])


def test_finite_numbers_are_convolved_once(problem, monkeypatch):
    monkeypatch.setattr(gather, "convolve", None)  # would fail
    x, w = problem
    np.testing.assert_allclose(kernels.conv2d(x, w, GEOMETRY), by_definition(x, w), atol=1e-11)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_the_holes_of_a_dilated_kernel_take_nothing_from_a_cotangent_that_is_not_finite(number, stride, rng):
    x = mg.Tensor(rng.normal(size=(1, 2, 9, 9)), requires_grad=True)
    w = rng.uniform(0.5, 1.5, size=(3, 2, 3, 3))
    y = mg.conv2d(x, w, stride=stride, dilation=2)
    g = np.ones(y.shape)
    g[0, 1, 2 // stride, 2 // stride] = number
    touched = np.zeros((9, 9), bool)
    touched[2:7:2, 2:7:2] = True
    np.testing.assert_array_equal(np.isfinite(mg.grad(y, x, g).data[0, 0]), ~touched)


def test_the_bias_is_added_where_the_direct_way_is_gone_instead(problem, rng):
    x, w = problem
    x[0, 0, 0, 0] = np.nan
    b = rng.normal(size=17)
    y = kernels.conv2d(x, w, GEOMETRY, b)
    np.testing.assert_allclose(y, by_definition(x, w) + b[:, None, None], atol=1e-12)
    assert np.isfinite(y).any()

    wide, g, c = Geometry((9, 9), (2, 3), (2, 1), dilation=(2, 2)), np.ones((1, 3, 4, 5)), rng.normal(size=2)
    g[0, 0, 0, 0] = np.nan
    y = kernels.conv_transpose2d(g, np.ones((3, 2, 2, 3)), wide, c)
    np.testing.assert_allclose(y[0, :, 8, 8], 3 + c)


@pytest.mark.parametrize("number", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", range(8))
def test_rows_that_one_product_gives_keep_to_the_pixels_they_see(number, row, rng):
    x, w, b = rng.normal(size=(1, 2, 8, 5)), rng.uniform(0.5, 1.5, size=(2, 1, 3, 3)), rng.normal(size=2)
    geo = Geometry((8, 5), (3, 3), padding=((1, 1), (0, 0)), groups=2)
    x[0, 1, row, 1] = number
    y = kernels.conv2d(x, w, geo, b)
    touched = np.zeros((2, 8, 3), bool)
    touched[1, max(0, row - 1) : row + 2, :2] = True
    np.testing.assert_array_equal(np.isfinite(y[0]), ~touched)
    x[0, 1, row, 1] = 0
    np.testing.assert_allclose(y[0][~touched], kernels.conv2d(x, w, geo, b)[0][~touched])
