"""Sampling and resizing against scipy.ndimage and plain loops; what normalises and compares images against formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

import minigrad as mg
from minigrad import nn
from minigrad.kernels import grid_sample as kernels
from minigrad.kernels import threads
from minigrad.kernels.grid_sample import find_corners as find
from minigrad.ops import resample

# scipy's names of the same borders, without and with align_corners
NDIMAGE = {"zeros": ("grid-constant",) * 2, "border": ("nearest",) * 2, "reflection": ("reflect", "mirror")}


def pixels(c, n, align_corners):
    """Return the pixel, counted from 0, that c in [-1, 1] means."""
    return (c + 1) / 2 * (n - 1) if align_corners else ((c + 1) * n - 1) / 2


def read(plane, grid, padding_mode, align_corners):
    """Return a plane (H,W) at the points of grid (oh,ow,2), by scipy."""
    H, W = plane.shape
    at = [pixels(grid[..., 1], H, align_corners), pixels(grid[..., 0], W, align_corners)]
    return ndimage.map_coordinates(plane, at, order=1, mode=NDIMAGE[padding_mode][align_corners])


@st.composite
def samplings(draw):
    """Draw an image, a grid that reaches beyond it, and how to sample."""
    N, C, H, W, oh, ow = (draw(st.integers(1, n)) for n in (2, 3, 5, 5, 4, 4))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    x, grid = rng.normal(size=(N, C, H, W)), rng.uniform(-3, 3, size=(N, oh, ow, 2))
    return x, grid, draw(st.sampled_from(sorted(NDIMAGE))), draw(st.booleans())


def named(how):
    """Return how to sample as the options of mg.grid_sample."""
    return dict(zip(("padding_mode", "align_corners"), how))


@given(samplings())
def test_grid_sample_reads_between_pixels_as_scipy_does(sampling):
    x, grid, *how = sampling
    expected = [[read(plane, points, *how) for plane in image] for image, points in zip(x, grid)]
    np.testing.assert_allclose(mg.grid_sample(x, grid, **named(how)).data, expected, rtol=1e-12, atol=1e-12)


@given(samplings(), st.integers(0, 99))
def test_the_gradient_of_grid_sample_to_the_image_is_the_transposed_matrix_of_sampling(sampling, seed):
    x, grid, *how = sampling
    H, W = x.shape[2:]
    y = np.random.default_rng(seed).normal(size=(*x.shape[:2], *grid.shape[1:3]))
    units = np.eye(H * W).reshape(-1, H, W)
    expected = np.zeros_like(x)
    for n, points in enumerate(grid):
        matrix = np.array([read(unit, points, *how) for unit in units])  # (HW,oh,ow)
        expected[n] = np.einsum("pij,cij->cp", matrix, y[n]).reshape(x.shape[1:])
    t = mg.Tensor(x, requires_grad=True)
    np.testing.assert_allclose(
        mg.grad(mg.grid_sample(t, grid, **named(how)), t, y).data, expected, rtol=1e-11, atol=1e-11
    )


@pytest.mark.parametrize("align_corners", [False, True])
@pytest.mark.parametrize("mode, beyond", [("zeros", 0.0), ("border", 6.0)])
def test_beyond_the_border_nothing_moves(mode, beyond, align_corners):
    x = mg.Tensor([[[[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]]], requires_grad=True)
    grid = mg.Tensor([[[[3.5, 4.0], [2.5, 9.0]]]], requires_grad=True)
    y = mg.grid_sample(x, grid, padding_mode=mode, align_corners=align_corners)
    dx, dgrid = mg.grad(y.sum(), [x, grid])
    assert y.data.tolist() == [[[[beyond, beyond]]]]
    assert not dgrid.data.any()
    assert dx.data.sum() == (2 if mode == "border" else 0)


def test_samples_of_a_small_image_are_those_of_pytorch():
    x = mg.Tensor([[[[1.0, 2.0, 4.0], [8.0, 16.0, 32.0]]]], requires_grad=True)
    grid = mg.Tensor([[[[0.25, -0.25], [-1.0, 0.75], [1.25, 0.5]]]], requires_grad=True)
    # mode, align_corners: samples, gradient of their sum to the grid (x, y), as PyTorch 2.13 has them
    literals = {
        ("zeros", False): ([7.5625, 3.0, 4.0], [[8.25, 19.25], [9.0, -4.0], [-48.0, -4.0]]),
        ("border", False): ([7.5625, 8.0, 32.0], [[8.25, 19.25], [0.0, 0.0], [0.0, 0.0]]),
        ("reflection", False): ([7.5625, 8.0, 32.0], [[8.25, 19.25], [0.0, 0.0], [0.0, 0.0]]),
        ("zeros", True): ([9.0625, 7.125, 18.75], [[7.25, 8.75], [7.125, 3.5], [-25.0, 10.5]]),
        ("border", True): ([9.0625, 7.125, 25.0], [[7.25, 8.75], [0.0, 3.5], [0.0, 14.0]]),
        ("reflection", True): ([9.0625, 7.125, 21.875], [[7.25, 8.75], [0.0, 3.5], [-12.5, 12.25]]),
    }
    for how, (values, slopes) in literals.items():
        y = mg.grid_sample(x, grid, **named(how))
        assert y.data.ravel().tolist() == values
        assert mg.grad(y.sum(), grid).data[0, 0].tolist() == slopes


@given(samplings(), st.integers(0, 99))
def test_the_nearest_mode_reads_one_pixel_and_its_gradient_goes_there(sampling, seed):
    x, grid, padding_mode, align_corners = sampling
    H, W = x.shape[2:]

    def index(c, n):
        """Return the pixel nearest to c, -1 for none."""
        p = pixels(c, n, align_corners)
        if padding_mode == "reflection":  # one mirror image after another
            low, high = (0, n - 1) if align_corners else (-0.5, n - 0.5)
            while n > 1 and not low <= p <= high:
                p = 2 * low - p if p < low else 2 * high - p
        if padding_mode != "zeros":
            p = min(max(p, 0), n - 1)
        i = round(p)  # halves to even, as PyTorch
        return i if 0 <= i < n else -1

    y = np.random.default_rng(seed).normal(size=(*x.shape[:2], *grid.shape[1:3]))
    expected, gradient = np.zeros_like(y), np.zeros_like(x)
    for n, i, j in np.ndindex(*grid.shape[:3]):
        row, column = index(grid[n, i, j, 1], H), index(grid[n, i, j, 0], W)
        if row >= 0 and column >= 0:
            expected[n, :, i, j] = x[n, :, row, column]
            gradient[n, :, row, column] += y[n, :, i, j]
    t, points = mg.Tensor(x, requires_grad=True), mg.Tensor(grid, requires_grad=True)
    out = mg.grid_sample(t, points, mode="nearest", padding_mode=padding_mode, align_corners=align_corners)
    assert np.array_equal(out.data, expected)
    dx, dgrid = mg.grad(out, [t, points], y)
    np.testing.assert_allclose(dx.data, gradient, rtol=1e-13, atol=1e-13)
    assert not dgrid.data.any()


def test_corners_are_found_once_for_the_samples_and_both_gradients(rng, monkeypatch):
    found = []
    monkeypatch.setattr(resample, "find_corners", lambda *args: found.append(find(*args)) or found[-1])
    monkeypatch.setattr(kernels, "find_corners", None)
    x, grid = mg.Tensor(rng.normal(size=(2, 3, 4, 5))), mg.Tensor(rng.uniform(-1, 1, (2, 6, 7, 2)))
    x.requires_grad = grid.requires_grad = True
    mg.grid_sample(x, grid).sum().backward()
    assert len(found) == 1 and x.grad is not None and grid.grad is not None


def test_half_precision_is_sampled_in_single_precision_and_rounded(rng):
    x, grid = (a.astype(np.float16) for a in (rng.normal(size=(2, 3, 4, 5)), rng.uniform(-1, 1, (2, 6, 7, 2))))
    y = mg.grid_sample(x, grid)
    wide = mg.grid_sample(x.astype(np.float32), grid.astype(np.float32))
    assert y.dtype == np.float16 and np.array_equal(y.data, wide.data.astype(np.float16))


def test_a_point_between_pixels_reads_the_one_of_even_index():
    x = np.arange(4.0).reshape(1, 1, 1, 4)
    grid = np.stack([(2 * np.array([[0.5, 1.5, 2.5, -0.5, 3.5]]) + 1) / 4 - 1, np.zeros((1, 5))], axis=-1)[None]
    assert mg.grid_sample(x, grid, mode="nearest").data.ravel().tolist() == [0.0, 2.0, 2.0, 0.0, 0.0]


def test_a_point_that_is_nan_reads_nan_and_disturbs_no_other():
    x = mg.Tensor(np.ones((1, 2, 3, 3)), requires_grad=True)
    y = mg.grid_sample(x, np.array([[[[np.nan, 0.0], [0.0, 0.0]]]]))
    np.testing.assert_array_equal(y.data, [[[[np.nan, 1.0]]] * 2])
    assert np.isnan(mg.grad(y.sum(), x).data).any()
    y = mg.grid_sample(x, np.array([[[[np.nan, 0.0], [0.0, 0.0]]]]), mode="nearest")
    np.testing.assert_array_equal(y.data, [[[[np.nan, 1.0]]] * 2])


def test_cutting_the_sampling_into_parts_leaves_no_trace(rng, monkeypatch):
    x, grid = rng.normal(size=(7, 3, 40, 30)), rng.uniform(-1.2, 1.2, size=(7, 50, 40, 2))
    y = rng.normal(size=(7, 3, 50, 40))
    how = ("zeros", False)

    def results():
        return (
            kernels.grid_sample(x, grid, *how),
            kernels.grid_sample_grid(y, x, grid, *how),
            kernels.grid_sample_input(y, grid, x.shape, *how),
        )

    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "1")
    whole = results()
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "3")
    monkeypatch.setattr(threads, "SMALL", 0)
    monkeypatch.setattr(kernels, "BLOCK", 2 * 3 * 50 * 40)
    assert all(np.array_equal(a, b) for a, b in zip(whole, results()))


@pytest.mark.parametrize("align_corners", [False, True])
def test_the_identity_leaves_an_image_as_it_is_and_a_shift_moves_it_by_pixels(align_corners, rng):
    x = rng.normal(size=(2, 3, 4, 5))
    shift = 2 / (5 - align_corners)  # one pixel of five
    theta = np.array([[[1.0, 0, 0], [0, 1, 0]], [[1, 0, shift], [0, 1, 0]]])
    y = mg.grid_sample(x, mg.affine_grid(theta, x.shape, align_corners), align_corners=align_corners).data
    np.testing.assert_allclose(y[0], x[0], atol=1e-12)
    np.testing.assert_allclose(y[1, ..., :-1], x[1, ..., 1:], atol=1e-12)
    np.testing.assert_allclose(y[1, ..., -1], 0, atol=1e-12)


def test_affine_grid_maps_the_centre_of_every_pixel(rng):
    theta = rng.normal(size=(2, 2, 3))
    for align_corners in (False, True):
        grid = mg.affine_grid(theta, (2, 7, 3, 4), align_corners).data
        for n, i, j in np.ndindex(2, 3, 4):
            centre = (2 * j / 3 - 1, 2 * i / 2 - 1, 1) if align_corners else ((2 * j + 1) / 4 - 1, (2 * i - 2) / 3, 1)
            np.testing.assert_allclose(grid[n, i, j], theta[n] @ centre, atol=1e-12)
    assert mg.affine_grid(theta[:1], (1, 1, 1, 1), True).data.tolist() == [[[theta[0, :, 2].tolist()]]]


# ---- resizing --------------------------------------------------------------------------------------------------------


@given(st.tuples(*[st.integers(1, 4)] * 4), st.tuples(*[st.integers(1, 3)] * 2))
def test_nearest_upsampling_repeats_pixels(shape, factors):
    x = np.random.default_rng(0).normal(size=shape)
    expected = x.repeat(factors[0], axis=2).repeat(factors[1], axis=3)
    assert np.array_equal(mg.upsample(x, factors).data, expected)


@given(st.tuples(*[st.integers(1, 5)] * 4), st.tuples(*[st.sampled_from([0.5, 0.7, 1, 1.4, 2, 3])] * 2), st.booleans())
def test_bilinear_upsampling_reads_between_pixels(shape, factors, align_corners):
    x = np.random.default_rng(0).normal(size=shape)
    axes = []
    for n, factor in zip(shape[2:], factors):
        m = int(n * factor)
        if m == 0:
            with pytest.raises(ValueError, match="upsample: scale_factor .* leaves nothing of 1 pixels"):
                mg.upsample(x, factors, "bilinear", align_corners)
            return
        axes.append(np.arange(m) * ((n - 1) / max(m - 1, 1)) if align_corners else (np.arange(m) + 0.5) / factor - 0.5)
    at = np.meshgrid(*axes, indexing="ij")
    expected = [[ndimage.map_coordinates(plane, at, order=1, mode="nearest") for plane in image] for image in x]
    y = mg.upsample(x, factors, "bilinear", align_corners).data
    np.testing.assert_allclose(y, expected, rtol=1e-12, atol=1e-12)


def test_one_number_scales_both_axes(rng):
    assert mg.upsample(rng.normal(size=(1, 1, 2, 3)), np.int64(2), "bilinear").shape == (1, 1, 4, 6)
    x = rng.normal(size=(1, 2, 3, 4))
    assert mg.upsample(x).shape == mg.upsample(x, 2, "bilinear").shape == (1, 2, 6, 8)
    assert mg.upsample(x, 1.5, "bilinear").shape == (1, 2, 4, 6)


def test_pixel_shuffle_lays_channels_out_as_pixels_and_unshuffle_takes_them_back(rng):
    x = rng.normal(size=(2, 18, 3, 2))
    y = mg.pixel_shuffle(x, 3).data
    assert y.shape == (2, 2, 9, 6)
    for n, c, i, j in np.ndindex(y.shape):
        assert y[n, c, i, j] == x[n, c * 9 + i % 3 * 3 + j % 3, i // 3, j // 3]
    assert np.array_equal(mg.pixel_unshuffle(y, 3).data, x)


# ---- statistics of images --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("groups", [1, 2, 4])
def test_group_norm_standardizes_groups_of_channels(groups, rng):
    x, w, b = rng.normal(2, 3, size=(3, 4, 5, 2)), rng.normal(size=4), rng.normal(size=4)
    y = mg.group_norm(x, groups, mg.Tensor(w), mg.Tensor(b)).data
    for n in range(3):
        for channels in np.split(np.arange(4), groups):
            part = x[n, channels]
            standard = (part - part.mean()) / np.sqrt(part.var() + 1e-5)
            np.testing.assert_allclose(y[n, channels], standard * w[channels, None, None] + b[channels, None, None])


def test_instance_norm_takes_weights_of_each_examples_own(rng):
    x, w, b = rng.normal(2, 3, size=(3, 4, 5, 2)), rng.normal(size=(3, 4)), rng.normal(size=(3, 4))
    y = mg.instance_norm(x, w=mg.Tensor(w), b=mg.Tensor(b), eps=0.1).data
    for n, c in np.ndindex(3, 4):
        plane = x[n, c]
        np.testing.assert_allclose(y[n, c], (plane - plane.mean()) / np.sqrt(plane.var() + 0.1) * w[n, c] + b[n, c])


def test_total_variation_sums_over_neighbours(rng):
    x = rng.normal(size=(2, 1, 3, 4))
    for order in (1, 2):
        down = sum(abs(x[n, 0, i + 1, j] - x[n, 0, i, j]) ** order for n, i, j in np.ndindex(2, 2, 4))
        across = sum(abs(x[n, 0, i, j + 1] - x[n, 0, i, j]) ** order for n, i, j in np.ndindex(2, 3, 3))
        assert mg.total_variation(mg.Tensor(x), order).item() == pytest.approx(down + across)


def test_gram_matrix_holds_mean_products_of_channels(rng):
    x = rng.normal(size=(2, 3, 4, 5))
    y = mg.gram_matrix(mg.Tensor(x)).data
    for n, i, j in np.ndindex(2, 3, 3):
        assert y[n, i, j] == pytest.approx((x[n, i] * x[n, j]).sum() / (3 * 4 * 5))


# ---- layers ----------------------------------------------------------------------------------------------------------


def test_layers_call_their_functions(rng):
    x = mg.Tensor(rng.normal(size=(2, 4, 3, 2)))
    assert np.array_equal(nn.Upsample(scale_factor=(2, 3))(x), mg.upsample(x, (2, 3)))
    assert np.array_equal(nn.Upsample(None, 1.5, "bilinear", True)(x), mg.upsample(x, 1.5, "bilinear", True))
    assert np.array_equal(nn.PixelShuffle(2)(x), mg.pixel_shuffle(x, 2))
    np.testing.assert_allclose(nn.GroupNorm(2, 4)(x), mg.group_norm(x, 2), rtol=1e-12)
    np.testing.assert_allclose(nn.InstanceNorm2d(4)(x), mg.instance_norm(x), rtol=1e-12)
    assert np.array_equal(nn.BatchNorm2d(4)(x), nn.BatchNorm1d(4)(x.reshape(2, 4, 6)).reshape(x.shape))


def test_state_dict_keys_are_those_of_pytorch():
    statistics = ["running_mean", "running_var", "num_batches_tracked"]
    assert list(nn.BatchNorm2d(3).state_dict()) == ["weight", "bias", *statistics]
    assert list(nn.GroupNorm(1, 3).state_dict()) == list(nn.InstanceNorm2d(3, affine=True).state_dict())
    assert list(nn.GroupNorm(1, 3).state_dict()) == ["weight", "bias"]
    assert not nn.GroupNorm(1, 3, affine=False).state_dict() and not nn.InstanceNorm2d(3).state_dict()


def test_dropout2d_drops_whole_channels_and_keeps_the_mean(rng):
    layer, x = nn.Dropout2d(0.25, rng=rng), mg.Tensor(np.ones((100, 50, 2, 3), np.float32))
    y = layer(x)
    assert y.dtype == np.float32
    assert np.array_equal(y.data, np.broadcast_to(y.data[..., :1, :1], x.shape))
    assert set(np.unique(y.data)) == {np.float32(0), np.float32(4 / 3)} and abs(y.data.mean() - 1) < 0.02
    assert layer.eval()(x) is x


# ---- errors ----------------------------------------------------------------------------------------------------------

X, GRID = np.ones((2, 3, 4, 5)), np.zeros((2, 6, 7, 2))
F = mg.Tensor(X)
ERRORS = [
    ("axes", lambda: mg.grid_sample(X[0], GRID), ValueError, r"x has shape \(3, 4, 5\), grid \(2, 6, 7, 2\); they"),
    ("batch", lambda: mg.grid_sample(X, GRID[:1]), ValueError, r"grid \(1, 6, 7, 2\); they must be \(N,C,H,W\) and"),
    ("no pixels", lambda: mg.grid_sample(X[:, :, :0], GRID), ValueError, r"x has shape \(2, 3, 0, 5\)"),
    ("dtypes", lambda: mg.grid_sample(X, GRID.astype("f")), TypeError, "x is float64, grid float32; both need"),
    (
        "mode",
        lambda: mg.grid_sample(X, GRID, padding_mode="wrap"),
        ValueError,
        "unknown padding_mode 'wrap'; choose 'zeros',",
    ),
    (
        "theta",
        lambda: mg.affine_grid(np.ones((1, 2, 3)), X.shape),
        ValueError,
        r"for size \(2, 3, 4, 5\) it must be \(2, 2",
    ),
    (
        "sampling",
        lambda: mg.grid_sample(X, GRID, mode="cubic"),
        ValueError,
        "unknown mode 'cubic'; choose 'bilinear' or 'nearest'",
    ),
    (
        "upsample axes",
        lambda: mg.upsample(X[0]),
        ValueError,
        r"upsample: x has shape \(3, 4, 5\); it needs four axes, \(N,C,H,W\)",
    ),
    (
        "factor",
        lambda: mg.upsample(X, 1.5),
        ValueError,
        r"scale_factor is \(1.5, 1.5\); it must be a whole number from 1",
    ),
    ("aligned", lambda: mg.upsample(X, 2, "nearest", True), ValueError, "align_corners needs mode 'bilinear';"),
    (
        "upsample mode",
        lambda: mg.upsample(X, 2, "cubic"),
        ValueError,
        "unknown mode 'cubic'; choose 'nearest' or 'bilinear'",
    ),
    ("shuffle", lambda: mg.pixel_shuffle(X, 2), ValueError, "pixel_shuffle: x has 3 channels; it must have a"),
    (
        "shuffle by 0",
        lambda: mg.pixel_shuffle(X, 0),
        ValueError,
        "pixel_shuffle: x has .*, the factor is 0; they must be",
    ),
    ("shuffle axes", lambda: mg.pixel_shuffle(X[0], 1), ValueError, r"pixel_shuffle: x has shape \(3, 4, 5\)"),
    (
        "unshuffle",
        lambda: mg.pixel_unshuffle(X, 2),
        ValueError,
        "pixel_unshuffle: x has 4 x 5 pixels; both must be multiples of 2",
    ),
    ("groups", lambda: mg.group_norm(X, 2), ValueError, "group_norm: 2 groups do not divide 3 channels; choose"),
    (
        "GroupNorm",
        lambda: nn.GroupNorm(2, 3),
        ValueError,
        "GroupNorm: 2 groups do not divide 3 channels; choose a divisor",
    ),
    ("channels", lambda: nn.InstanceNorm2d(4)(F), ValueError, "InstanceNorm2d: x has .* its axis 1 must have length 4"),
    ("BatchNorm2d", lambda: nn.BatchNorm2d(3)(F[0]), ValueError, "BatchNorm2d: x has .*; it needs 4 axes"),
    ("order", lambda: mg.total_variation(F, 3), ValueError, "total_variation: order is 3; it must be 1"),
]


@pytest.mark.parametrize(("f", "error", "text"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_a_wrong_call_says_what_is_wrong(f, error, text):
    with pytest.raises(error, match=text):
        f()


def test_no_points_are_sampled_and_whole_numbers_are_not_truncated():
    x, grid = (
        mg.Tensor(np.ones((1, 2, 4, 4)), requires_grad=True),
        mg.Tensor(np.zeros((1, 0, 3, 2)), requires_grad=True),
    )
    y = mg.grid_sample(x, grid)
    y.sum().backward()
    assert y.shape == (1, 2, 0, 3) and x.grad.shape == x.shape and grid.grad.shape == grid.shape
    with pytest.raises(TypeError, match="fractions would be lost"):
        mg.upsample(np.arange(4).reshape(1, 1, 2, 2), 2, "bilinear")
    with pytest.raises(TypeError, match="fractions would be lost"):
        mg.affine_grid(np.array([[[1, 0, 0], [0, 1, 0]]]), (1, 1, 2, 2))
