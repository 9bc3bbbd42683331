"""The definitions of the kernels against SciPy and dense matrices; and the fast kernels against the definitions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage, signal

from minigrad.kernels import conv, definitions, grid_sample, pool
from minigrad.kernels.geometry import Geometry
from minigrad.ops.pool import sum_pool2d

pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2)
ONE, ONES = st.just(1), st.just((1, 1))
few = settings(max_examples=40)  # the definitions are slow


@st.composite
def geometries(draw, groups=ONE, dilation=ONES, padding=paddings):
    """A kernel that fits into an image with its padding."""
    kernel, dilation, padding = draw(pairs), draw(dilation), draw(padding)
    least = [d * (k - 1) + 1 - sum(p) for k, d, p in zip(kernel, dilation, padding)]
    size = tuple(max(1, n) + draw(st.integers(0, 3)) for n in least)
    return Geometry(size, kernel, draw(pairs), padding, dilation, draw(groups))


@st.composite
def convolutions(draw):
    """A geometry, and x, w, g that fit it."""
    geo = draw(geometries(st.integers(1, 3), pairs))
    N, C, O = draw(pairs)[0], draw(st.integers(1, 2)), draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shapes = (N, C * geo.groups, *geo.input), (O * geo.groups, C, *geo.kernel), (N, O * geo.groups, *geo.output)
    return geo, *(rng.normal(size=shape) for shape in shapes)


# ---- convolution -----------------------------------------------------------------------------------------------------


def correlated(x, w, geo):
    """Return the convolution of x with w, channel by channel, by SciPy: the dilated kernel, then every so many."""
    (O, C, kh, kw), (dh, dw), (sh, sw) = w.shape, geo.dilation, geo.stride
    wide = np.zeros((O, C, dh * (kh - 1) + 1, dw * (kw - 1) + 1))
    wide[:, :, ::dh, ::dw] = w
    x = np.pad(x, ((0, 0), (0, 0), *geo.padding))
    sets = np.split(x, geo.groups, axis=1)
    images = [
        [
            sum(
                signal.correlate2d(plane, kernel, "valid")
                for plane, kernel in zip(sets[o * geo.groups // O][n], wide[o])
            )
            for o in range(O)
        ]
        for n in range(len(x))
    ]
    return np.array(images)[:, :, ::sh, ::sw]


def matrix(f, shape):
    """Return the matrix of a linear map of arrays of that shape."""
    units = np.eye(int(np.prod(shape))).reshape(-1, *shape)
    return np.stack([f(unit).ravel() for unit in units], axis=1)


@few
@given(convolutions())
def test_conv2d_is_the_correlation_of_scipy_with_any_stride_padding_dilation_and_groups(problem):
    geo, x, w, _ = problem
    np.testing.assert_allclose(definitions.conv2d(x, w, geo), correlated(x, w, geo), atol=1e-12)


@few
@given(convolutions())
def test_the_adjoints_of_conv2d_are_the_transposed_matrices_of_scipys_correlation(problem):
    geo, x, w, g = problem
    by_x = matrix(lambda x: correlated(x, w, geo), x.shape).T @ g.ravel()
    np.testing.assert_allclose(definitions.conv_transpose2d(g, w, geo), by_x.reshape(x.shape), atol=1e-11)
    by_w = matrix(lambda w: correlated(x, w, geo), w.shape).T @ g.ravel()
    np.testing.assert_allclose(definitions.conv2d_weight(x, g, geo), by_w.reshape(w.shape), atol=1e-11)


@few
@given(convolutions())
def test_the_fast_convolutions_agree_with_their_definitions(problem):
    geo, x, w, g = problem
    for name, a, b in (("conv2d", x, w), ("conv_transpose2d", g, w), ("conv2d_weight", x, g)):
        want = getattr(definitions, name)(a, b, geo)
        np.testing.assert_allclose(getattr(conv, name)(a, b, geo), want, atol=1e-11, err_msg=name)


def test_the_fast_convolutions_agree_with_their_definitions_in_winograds_form_too(rng):
    geo = Geometry((6, 4), (3, 2), padding=((1, 0), (0, 1)))
    x, w, g = rng.normal(size=(1, 16, 6, 4)), rng.normal(size=(17, 16, 3, 2)), rng.normal(size=(1, 17, 5, 4))
    np.testing.assert_allclose(conv.conv2d(x, w, geo), definitions.conv2d(x, w, geo), atol=1e-11)
    want = definitions.conv_transpose2d(g, w, geo)
    np.testing.assert_allclose(conv.conv_transpose2d(g, w, geo), want, atol=1e-11)


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "conv2d_weight"])
def test_the_definitions_keep_float32_and_promote_beside_float64(name):
    arrays = np.ones((2, 1, 1, 1, 1), np.float32)
    convolve, geo = getattr(definitions, name), Geometry((1, 1), (1, 1))
    assert convolve(*arrays, geo).dtype == np.float32
    assert convolve(arrays[0], arrays[1].astype(float), geo).dtype == np.float64


# ---- pooling ---------------------------------------------------------------------------------------------------------

POOLED = st.tuples(*[st.tuples(st.integers(0, 1), st.integers(0, 1))] * 2)


@st.composite
def poolings(draw):
    """A geometry whose windows each hold a pixel, x with many equal ones, and g."""
    geo = draw(geometries(padding=POOLED))
    if any(max(p) > k // 2 for p, k in zip(geo.padding, geo.kernel)):
        geo = Geometry(tuple(n + 1 for n in geo.input), geo.kernel, geo.stride)
    size = draw(pairs)
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x = rng.integers(-2, 2, (*size, *geo.input)).astype(float)
    return geo, x, rng.normal(size=(*size, *geo.output))


def windows(x, geo, fill):
    """Return every window of x, the padding filled: (N,C,oh,ow,kh kw)."""
    x = np.pad(x, ((0, 0), (0, 0), *geo.padding), constant_values=fill)
    every = np.lib.stride_tricks.sliding_window_view(x, geo.kernel, axis=(2, 3))
    chosen = every[:, :, :: geo.stride[0], :: geo.stride[1]]
    return chosen.reshape(*chosen.shape[:4], -1)


@few
@given(poolings())
def test_max_pooling_takes_the_first_of_the_largest_of_each_window(problem):
    geo, x, _ = problem
    y, winner = definitions.max_pool2d(x, geo), definitions.max_pool2d_winners(x, geo)
    seen = windows(x, geo, -np.inf)
    np.testing.assert_array_equal(y, seen.max(axis=-1))
    np.testing.assert_array_equal(winner, seen.argmax(axis=-1))


@few
@given(poolings())
def test_the_gradient_of_max_pooling_goes_to_the_winners(problem):
    geo, x, g = problem
    winner = definitions.max_pool2d_winners(x, geo)
    picked = np.take_along_axis(windows(x, geo, 0.0), winner[..., None], axis=-1)  # adjoint to what is judged
    np.testing.assert_allclose((definitions.max_pool2d_scatter(g, winner, geo) * x).sum(), (g * picked[..., 0]).sum())


@few
@given(poolings())
def test_sum_pooling_is_a_correlation_with_ones(problem):
    geo, x, _ = problem
    ones = np.ones((1, 1, *geo.kernel))
    planes = x.reshape(-1, 1, *geo.input)
    want = correlated(planes, ones, geo).reshape(*x.shape[:2], *geo.output)
    np.testing.assert_allclose(definitions.sum_pool2d(x, geo), want, atol=1e-12)


@few
@given(poolings())
def test_the_fast_poolings_agree_with_their_definitions(problem):
    geo, x, g = problem
    np.testing.assert_array_equal(pool.max_pool2d(x, geo), definitions.max_pool2d(x, geo))
    winner = definitions.max_pool2d_winners(x, geo)
    np.testing.assert_array_equal(pool.max_pool2d_winners(x, geo), winner)
    want = definitions.max_pool2d_scatter(g, winner, geo)
    np.testing.assert_allclose(pool.max_pool2d_scatter(g, winner, geo), want, atol=1e-12)
    np.testing.assert_allclose(sum_pool2d(x, geo), definitions.sum_pool2d(x, geo), atol=1e-12)


def test_a_nan_and_minus_infinity_win_as_they_are_defined_to(rng):
    geo = Geometry((5, 4), (3, 2), (1, 2), ((1, 1), (0, 0)))
    x = np.full((1, 1, 5, 4), -np.inf)
    x[0, 0, 1:3, 1] = np.nan
    y, winner = definitions.max_pool2d(x, geo), definitions.max_pool2d_winners(x, geo)
    np.testing.assert_array_equal(pool.max_pool2d(x, geo), y)
    np.testing.assert_array_equal(pool.max_pool2d_winners(x, geo), winner)
    assert np.isnan(y[0, 0, :4, 0]).all() and winner[0, 0, :, 0].tolist() == [5, 3, 1, 1, 0]


# ---- sampling --------------------------------------------------------------------------------------------------------

# SciPy's names of the same borders, without and with align_corners
BORDERS = {"zeros": ("grid-constant",) * 2, "border": ("nearest",) * 2, "reflection": ("reflect", "mirror")}


@st.composite
def samplings(draw):
    """An image, a grid that reaches beyond it, g, and how to sample."""
    N, C, H, W, oh, ow = (draw(st.integers(1, n)) for n in (2, 2, 4, 4, 3, 3))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x, grid, g = rng.normal(size=(N, C, H, W)), rng.uniform(-3, 3, size=(N, oh, ow, 2)), rng.normal(size=(N, C, oh, ow))
    return x, grid, g, draw(st.sampled_from(sorted(BORDERS))), draw(st.booleans())


def mapped(x, grid, padding_mode, align_corners):
    """Return x (N,C,H,W) at the points of grid, by SciPy."""
    along, down = (
        (grid[..., axis] + 1) / 2 * (n - 1) if align_corners else ((grid[..., axis] + 1) * n - 1) / 2
        for axis, n in enumerate((x.shape[3], x.shape[2]))
    )
    mode = BORDERS[padding_mode][align_corners]
    return np.array(
        [
            [ndimage.map_coordinates(plane, [h, v], order=1, mode=mode) for plane in image]
            for image, h, v in zip(x, down, along)
        ]
    )


@few
@given(samplings())
def test_grid_sample_reads_between_pixels_as_scipy_does(problem):
    x, grid, _, *how = problem
    np.testing.assert_allclose(definitions.grid_sample(x, grid, *how), mapped(x, grid, *how), atol=1e-12)


@few
@given(samplings())
def test_the_gradient_to_the_image_is_the_transposed_matrix_of_scipys_sampling(problem):
    x, grid, g, *how = problem
    want = matrix(lambda x: mapped(x, grid, *how), x.shape).T @ g.ravel()
    got = definitions.grid_sample_input(g, grid, x.shape, *how)
    np.testing.assert_allclose(got, want.reshape(x.shape), atol=1e-11)


@few
@given(samplings())
def test_the_gradient_to_the_grid_is_the_slope_of_scipys_samples(problem):
    x, grid, g, *how = problem
    slopes = []
    for step in np.eye(2) * 1e-6:  # the samples are linear between kinks, which no point of these comes near
        change = (mapped(x, grid + step, *how) - mapped(x, grid - step, *how)) / 2e-6
        slopes.append((g * change).sum(axis=1))
    got = definitions.grid_sample_grid(g, x, grid, *how)
    np.testing.assert_allclose(got, np.stack(slopes, axis=-1), atol=1e-7)


@few
@given(samplings())
def test_the_fast_samplings_agree_with_their_definitions(problem):
    x, grid, g, *how = problem
    calls = {"grid_sample": (x, grid), "grid_sample_input": (g, grid, x.shape), "grid_sample_grid": (g, x, grid)}
    for name, args in calls.items():
        want = getattr(definitions, name)(*args, *how)
        np.testing.assert_allclose(getattr(grid_sample, name)(*args, *how), want, atol=1e-11, err_msg=name)


@pytest.mark.parametrize("padding_mode", sorted(BORDERS))
def test_at_a_kink_the_slope_is_the_one_that_the_fast_kernel_takes(padding_mode):
    """On pixels and at the border, where a slope has two answers, both give the same one."""
    x, g = np.array([[[[3.0, 5.0, 9.0]]]]), np.ones((1, 1, 1, 7))
    grid = np.zeros((1, 1, 7, 2))
    grid[0, 0, :, 0] = [-3, -2, -1, 0, 1, 2, 3]  # pixels -2 to 4 with align_corners
    slopes = definitions.grid_sample_grid(g, x, grid, padding_mode, True)
    np.testing.assert_array_equal(slopes, grid_sample.grid_sample_grid(g, x, grid, padding_mode, True))
    beyond = {"zeros": [0, 3, 2, 4, -9, 0, 0], "border": [0, 0, 0, 4, 0, 0, 0], "reflection": [0, -4, 0, 4, 0, -4, 0]}
    assert slopes[0, 0, :, 0].tolist() == beyond[padding_mode]
