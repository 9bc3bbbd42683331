"""The CUDA kernels, through the host code that launches them, against definitions by nested loops.

Kernel source executed on the CPU: every test runs three times, with the threads of a block in three orders. Where there
is a GPU every test also runs on it; MINIGRAD_REQUIRE_GPU=1 in the environment makes it a failure that there is none.
"""

import functools
import itertools
import math
import os
import shutil

import numpy as np
import pytest

from minigrad.backend import gpu
from minigrad.kernels import conv_cuda, grid_sample_cuda, launch, pool_cuda
from minigrad.kernels.geometry import Geometry
from tests.cuda_on_cpu import cpu_module, sanitize

ORDERS = {"ascending": cpu_module(seed=0), "descending": cpu_module(seed=1), "shuffled": cpu_module(seed=7)}
DTYPES = ["float32", "float64"]
PRODUCTS = [(dtype, tile) for dtype in DTYPES for tile in (None, *conv_cuda.TILES[dtype])]  # None: the plain kernels


def reason_without_gpu():
    """Say why there is no GPU to test on; "" where there is one, or has to be."""
    if os.environ.get("MINIGRAD_REQUIRE_GPU") == "1":
        return ""
    try:
        gpu()
    except RuntimeError as error:
        return str(error)
    return ""


@pytest.mark.skipif(reason_without_gpu() != "", reason=reason_without_gpu() or "there is a GPU")
def test_the_kernels_are_tested_on_a_gpu_too():
    assert gpu().cuda.runtime.getDeviceCount() > 0


@pytest.fixture(params=[*ORDERS] if reason_without_gpu() else [*ORDERS, "gpu"])
def run(request, monkeypatch):
    """run(f, *args) calls f with the arrays among args on one of the devices, and returns NumPy arrays."""
    if request.param == "gpu":
        move = gpu().asarray
    elif shutil.which("g++") is None:
        pytest.skip("g++ is not installed, so no kernel runs on the CPU")
    else:
        monkeypatch.setattr(launch, "provider", ORDERS[request.param])
        move = np.asarray

    def run(f, *args):
        result = f(*(move(arg) if isinstance(arg, np.ndarray) else arg for arg in args))
        arrays = result if isinstance(result, tuple) else (result,)
        arrays = tuple(array if isinstance(array, np.ndarray) else array.get() for array in arrays)
        return arrays if isinstance(result, tuple) else arrays[0]

    return run


@pytest.fixture(params=PRODUCTS, ids=lambda p: p[0] + ("-plain" if p[1] is None else f"-{p[1].rows}x{p[1].columns}"))
def dtype(request, monkeypatch):
    """A dtype, with a way to compute convolutions in it, which here even the smallest ones take."""
    dtype, tile = request.param
    monkeypatch.setattr(conv_cuda, "choose_tile", lambda *_: tile)
    monkeypatch.setattr(conv_cuda, "PART", 16)  # so that the weight gradient is summed in parts
    return dtype


def assert_close(got, want, dtype):
    """Compare with float64 numbers, to within what rounding explains."""
    assert got.dtype == dtype
    np.testing.assert_allclose(got, want, rtol=0, atol=64 * np.finfo(dtype).eps * max(1.0, abs(want).max(initial=0)))


# ---- convolution -----------------------------------------------------------------------------------------------------

CASES = {  # geometry, N, C, O
    "3x3": (Geometry((7, 6), (3, 3), padding=((1, 1), (1, 1))), 2, 3, 5),
    "1x1": (Geometry((3, 5), (1, 1)), 2, 9, 17),
    "all at once": (Geometry((7, 9), (3, 2), (2, 3), ((1, 0), (2, 1)), (2, 1), 2), 2, 4, 6),
    "stride over kernel": (Geometry((9, 8), (1, 2), (4, 3), ((0, 2), (1, 0))), 1, 2, 3),
    "stride over image": (Geometry((2, 3), (2, 2), (3, 5)), 2, 2, 3),
    "dilation and stride share a factor": (Geometry((11, 13), (3, 3), (2, 4), ((3, 1), (0, 5)), (4, 2)), 2, 3, 4),
    "depthwise": (Geometry((6, 5), (3, 3), padding=((1, 1), (1, 1)), groups=4), 2, 4, 8),
    "kernel over image": (Geometry((3, 4), (5, 6), padding=((2, 2), (3, 1)), stride=(1, 2)), 2, 3, 2),
    "several tiles": (Geometry((8, 7), (1, 2), padding=((0, 0), (1, 0))), 3, 70, 130),
    "several tiles in strides": (Geometry((17, 15), (2, 3), (2, 1), ((1, 0), (1, 1)), groups=2), 2, 132, 10),
}
of_each_case = pytest.mark.parametrize("case", CASES)


def taps(geo):
    """Yield (position, tap, pixel), each (vertical, horizontal), wherever a tap of the kernel lies on a pixel."""
    for position in np.ndindex(geo.output):
        for tap in np.ndindex(geo.kernel):
            numbers = zip(position, geo.stride, tap, geo.dilation, geo.padding)
            pixel = tuple(p * stride + r * dilation - before for p, stride, r, dilation, (before, _) in numbers)
            if all(0 <= n < size for n, size in zip(pixel, geo.input)):
                yield position, tap, pixel


@functools.cache
def operands(case):
    """Random x, w and g."""
    geo, N, C, O = CASES[case]
    rng = np.random.default_rng(0)
    shapes = (N, C, *geo.input), (O, C // geo.groups, *geo.kernel), (N, O, *geo.output)
    return [rng.standard_normal(shape).astype(np.float32) for shape in shapes]


@functools.cache
def definitions(case):
    """conv2d(x, w), conv_transpose2d(g, w) and conv2d_weight(x, g), all from T = sum of g * w * x."""
    geo, N, C, O = CASES[case]
    G = geo.groups
    shapes = (N, G, C // G, *geo.input), (G, O // G, C // G, *geo.kernel), (N, G, O // G, *geo.output)
    x, w, g = (array.astype(np.float64).reshape(shape) for array, shape in zip(operands(case), shapes))
    by_x, by_w, by_g = np.zeros_like(x), np.zeros_like(w), np.zeros_like(g)
    for (p, q), (r, t), (h, v) in taps(geo):
        for group in range(G):
            x_, w_, g_ = x[:, group, :, h, v], w[group, :, :, r, t], g[:, group, :, p, q]  # (N,C), (O,C), (N,O)
            by_g[:, group, :, p, q] += x_ @ w_.T
            by_x[:, group, :, h, v] += g_ @ w_
            by_w[group, :, :, r, t] += g_.T @ x_
    return by_g.reshape(N, O, *geo.output), by_x.reshape(N, C, *geo.input), by_w.reshape(O, -1, *geo.kernel)


@of_each_case
def test_conv2d_is_its_definition(case, run, dtype):
    x, w, _ = (array.astype(dtype) for array in operands(case))
    assert_close(run(conv_cuda.conv2d, x, w, CASES[case][0]), definitions(case)[0], dtype)


@of_each_case
def test_conv_transpose2d_is_its_definition(case, run, dtype):
    _, w, g = (array.astype(dtype) for array in operands(case))
    assert_close(run(conv_cuda.conv_transpose2d, g, w, CASES[case][0]), definitions(case)[1], dtype)


@of_each_case
def test_conv2d_weight_is_its_definition(case, run, dtype):
    x, _, g = (array.astype(dtype) for array in operands(case))
    assert_close(run(conv_cuda.conv2d_weight, x, g, CASES[case][0]), definitions(case)[2], dtype)


@of_each_case
def test_the_three_convolutions_are_derivatives_of_one_form(case, run, dtype):
    x, w, g = (array.astype(dtype) for array in operands(case))
    geo = CASES[case][0]
    forms = (
        np.vdot(g, run(conv_cuda.conv2d, x, w, geo)),
        np.vdot(x, run(conv_cuda.conv_transpose2d, g, w, geo)),
        np.vdot(w, run(conv_cuda.conv2d_weight, x, g, geo)),
    )
    scale = np.vdot(abs(g), abs(definitions(case)[0]))
    np.testing.assert_allclose(forms, forms[0], rtol=0, atol=64 * np.finfo(dtype).eps * scale)


@of_each_case
@pytest.mark.parametrize("dtype", DTYPES)
def test_im2col_copies_the_pixels_under_the_kernel(case, dtype, run):
    geo, x = CASES[case][0], operands(case)[0].astype(dtype)
    want = np.zeros((*x.shape[:2], *geo.kernel, *geo.output), dtype)
    for (p, q), (r, t), (h, v) in taps(geo):
        want[:, :, r, t, p, q] = x[:, :, h, v]
    np.testing.assert_array_equal(run(conv_cuda.im2col, x, geo), want.reshape(len(x), -1, math.prod(geo.output)))


@of_each_case
@pytest.mark.parametrize("dtype", DTYPES)
def test_col2im_adds_each_column_to_the_pixels_it_came_from(case, dtype, run, rng):
    geo, N, C, _ = CASES[case]
    columns = rng.standard_normal((N, C, *geo.kernel, *geo.output)).astype(dtype)
    want = np.zeros((N, C, *geo.input))
    for (p, q), (r, t), (h, v) in taps(geo):
        want[:, :, h, v] += columns[:, :, r, t, p, q]
    assert_close(run(conv_cuda.col2im, columns.reshape(N, -1, math.prod(geo.output)), geo), want, dtype)


def test_convolutions_add_a_bias(run):
    geo = CASES["3x3"][0]
    x, w, g = operands("3x3")
    assert_close(run(conv_cuda.conv2d, x, w, geo, w[:, 0, 0, 0]), definitions("3x3")[0] + w[:, :1, :1, 0], "float32")
    b = x[0, :, 0, 0]
    assert_close(run(conv_cuda.conv_transpose2d, g, w, geo, b), definitions("3x3")[1] + b[:, None, None], "float32")


@pytest.mark.parametrize("there, wanted", [("float64", "float64"), ("float16", "float32"), ("int64", "float64")])
def test_a_bias_of_another_dtype_promotes_as_a_sum_does(there, wanted, run):
    geo = CASES["3x3"][0]
    x, w, g = operands("3x3")
    for f, images, channels in [(conv_cuda.conv2d, x, g.shape[1]), (conv_cuda.conv_transpose2d, g, x.shape[1])]:
        b = (np.arange(channels) + 1 / 3).astype(there)
        y = run(f, images, w, geo, b)
        assert y.dtype == wanted
        np.testing.assert_array_equal(y, run(f, images, w, geo) + b[:, None, None])


@pytest.mark.parametrize("layout", [lambda a: np.asfortranarray(a), lambda a: np.repeat(a, 2, axis=-1)[..., ::2]])
def test_operands_may_lie_in_memory_as_they_like(layout, run):
    geo = CASES["all at once"][0]
    x, w, g = map(layout, operands("all at once"))
    by_g, by_x, by_w = definitions("all at once")
    assert_close(run(conv_cuda.conv2d, x, w, geo), by_g, "float32")
    assert_close(run(conv_cuda.conv_transpose2d, g, w, geo), by_x, "float32")
    assert_close(run(conv_cuda.conv2d_weight, x, g, geo), by_w, "float32")


def test_no_images_give_no_results_and_a_weight_gradient_of_zeros(run):
    geo = CASES["3x3"][0]
    x, w, g = operands("3x3")
    assert run(conv_cuda.conv2d, x[:0], w, geo).shape == (0, *g.shape[1:])
    assert run(conv_cuda.conv_transpose2d, g[:0], w, geo).shape == (0, *x.shape[1:])
    np.testing.assert_array_equal(run(conv_cuda.conv2d_weight, x[:0], g[:0], geo), np.zeros_like(w))


@pytest.mark.parametrize(
    "sizes, tile",
    [
        ((8, 100_000, 1000, 1), None),  # a tile would be mostly empty rows
        ((512, 8, 1000, 1), None),  # columns
        ((512, 100_000, 9, 1), None),  # depth
        ((512, 100_000, 1000, 65536), None),  # more products than a grid has layers
        ((64, 100_000, 1000, 1), (64, 128, 128)),  # half of a large tile's rows
        ((512, 1000, 1000, 1), (64, 128, 128)),  # too few blocks for all multiprocessors
        ((512, 1000, 1000, 9), (128, 128, 256)),
        ((512, 100_000, 1000, 1), (128, 128, 256)),
    ],
)
def test_the_tile_suits_the_product(sizes, tile):
    assert conv_cuda.choose_tile(np.dtype("float32"), *sizes) == tile


# ---- pooling ---------------------------------------------------------------------------------------------------------

WINDOWS = [
    Geometry((7, 9), (2, 2), (2, 2)),
    Geometry((7, 9), (3, 2), (2, 1), ((1, 0), (0, 1))),
    Geometry((5, 6), (3, 3), (1, 2), ((1, 1), (1, 1)), (1, 2)),
    Geometry((4, 3), (2, 1), (3, 2), ((0, 1), (0, 0))),
    Geometry((3, 3), (2, 2), (2, 2), ((2, 1), (2, 1))),  # the first windows hold nothing but padding
]


def images(geo, dtype):
    """Images full of equal pixels, with a NaN, two in one window, and a plane of -inf."""
    x = np.random.default_rng(0).integers(0, 4, (2, 3, *geo.input)).astype(dtype)
    x[0, 0, 1, 1:] = np.nan
    x[1, 1] = -np.inf
    return x


def largest(x, geo):
    """max_pool2d by its definition."""
    out = np.full((*x.shape[:2], *geo.output), -np.inf, x.dtype)
    winner = np.full(out.shape, -1, np.int32)
    for nc in np.ndindex(x.shape[:2]):
        for position, (i, j), (h, v) in taps(geo):
            at, pixel = (*nc, *position), x[(*nc, h, v)]
            if winner[at] < 0 or pixel > out[at] or (math.isnan(pixel) and not math.isnan(out[at])):
                out[at], winner[at] = pixel, i * geo.kernel[1] + j
    return out, winner


@pytest.mark.parametrize("geo", WINDOWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_max_pool2d_finds_the_first_of_the_largest(geo, dtype, run):
    x = images(geo, dtype)
    out, winner = run(pool_cuda.max_pool2d, x, geo), run(pool_cuda.max_pool2d_winners, x, geo)
    want, first = largest(x, geo)
    assert out.dtype == dtype and winner.dtype == np.int32
    np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(winner, first)


def test_float16_is_pooled_in_float32_which_holds_it_exactly(run):
    x = images(WINDOWS[0], "float16")
    out, winner = run(pool_cuda.max_pool2d, x, WINDOWS[0]), run(pool_cuda.max_pool2d_winners, x, WINDOWS[0])
    want, first = largest(x, WINDOWS[0])
    assert out.dtype == np.float16
    np.testing.assert_array_equal(out, want)
    np.testing.assert_array_equal(winner, first)


@pytest.mark.parametrize("geo", WINDOWS)
@pytest.mark.parametrize("dtype", DTYPES)
def test_max_pool2d_scatter_adds_each_number_where_its_window_has_its_largest(geo, dtype, run, rng):
    _, winner = largest(images(geo, dtype), geo)
    g = rng.standard_normal(winner.shape).astype(dtype)
    want = np.zeros((*winner.shape[:2], *geo.input))
    for nc in np.ndindex(winner.shape[:2]):
        for position, (i, j), (h, v) in taps(geo):
            if winner[(*nc, *position)] == i * geo.kernel[1] + j:
                want[(*nc, h, v)] += g[(*nc, *position)]
    assert_close(run(pool_cuda.max_pool2d_scatter, g, winner, geo), want, dtype)


# ---- sampling --------------------------------------------------------------------------------------------------------

of_each_mode = pytest.mark.parametrize(
    "mode, align_corners", list(itertools.product(["zeros", "border", "reflection"], [False, True]))
)


def position(coordinate, n, mode, align_corners):
    """Where a coordinate in [-1, 1] lies along n pixels, as PyTorch has it."""
    p = (coordinate + 1) / 2 * (n - 1) if align_corners else ((coordinate + 1) * n - 1) / 2
    low, high = (0, n - 1) if align_corners else (-0.5, n - 0.5)
    while mode == "reflection" and low < high and not low <= p <= high:
        p = 2 * low - p if p < low else 2 * high - p
    return p if mode == "zeros" else min(max(p, 0), n - 1)


def corners(point, size, mode, align_corners):
    """Yield the pixels (h, v) around a point (x, y) of the grid, and their weights."""
    p, q = (position(c, n, mode, align_corners) for c, n in zip(point[::-1], size))
    for h, v in itertools.product((math.floor(p), math.floor(p) + 1), (math.floor(q), math.floor(q) + 1)):
        if 0 <= h < size[0] and 0 <= v < size[1]:
            yield h, v, (1 - abs(p - h)) * (1 - abs(q - v))


def sampled(x, grid, *how):
    """grid_sample by its definition."""
    out = np.zeros((*x.shape[:2], *grid.shape[1:3]))
    for n, p, q in np.ndindex(grid.shape[:3]):
        for h, v, weight in corners(grid[n, p, q], x.shape[2:], *how):
            out[n, :, p, q] += weight * x[n, :, h, v]
    return out


def sampling(dtype, align_corners, size=(5, 4)):
    """Random x, grid and g; points within and without the image, none near a kink, be it at a pixel or halfway."""
    rng = np.random.default_rng(0)
    steps = rng.integers([-6, -6], [11, 10], (2, 6, 7, 2)) + rng.uniform(0.1, 0.4, (2, 6, 7, 2))  # in pixels, (y, x)
    n = np.array(size)
    grid = (2 * steps / np.maximum(n - 1, 1) - 1 if align_corners else (2 * steps + 1) / n - 1)[..., ::-1]
    arrays = rng.standard_normal((2, 3, *size)), grid, rng.standard_normal((2, 3, 6, 7))
    return [np.ascontiguousarray(array, dtype) for array in arrays]


@of_each_mode
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("size", [(5, 4), (1, 3)])
def test_grid_sample_is_its_definition(size, dtype, mode, align_corners, run):
    x, grid, _ = sampling(dtype, align_corners, size)
    out = run(grid_sample_cuda.grid_sample, x, grid, mode, align_corners)
    assert_close(out, sampled(x, grid, mode, align_corners), dtype)


@of_each_mode
@pytest.mark.parametrize("dtype", DTYPES)
def test_grid_sample_input_adds_each_number_to_the_pixels_it_was_read_from(dtype, mode, align_corners, run):
    x, grid, g = sampling(dtype, align_corners)
    want = np.zeros(x.shape)
    for n, p, q in np.ndindex(grid.shape[:3]):
        for h, v, weight in corners(grid[n, p, q], x.shape[2:], mode, align_corners):
            want[n, :, h, v] += weight * g[n, :, p, q]
    got = run(grid_sample_cuda.grid_sample_input, g, grid, x.shape, mode, align_corners)
    assert_close(got, want, dtype)
    out = run(grid_sample_cuda.grid_sample, x, grid, mode, align_corners)  # its adjoint
    np.testing.assert_allclose(np.vdot(x, got), np.vdot(out, g), rtol=64 * np.finfo(dtype).eps)


@of_each_mode
@pytest.mark.parametrize("dtype", DTYPES)
def test_grid_sample_grid_is_the_slope_of_grid_sample(dtype, mode, align_corners, run):
    x, grid, g = sampling(dtype, align_corners)
    got = run(grid_sample_cuda.grid_sample_grid, g, x, grid, mode, align_corners)
    assert got.dtype == dtype
    step = 1e-2  # the slope is constant this far
    for axis in range(2):
        shift = np.zeros(2)
        shift[axis] = step
        ends = (sampled(x, grid.astype(np.float64) + sign * shift, mode, align_corners) for sign in (1, -1))
        want = (g * np.subtract(*ends)).sum(1) / (2 * step)
        np.testing.assert_allclose(got[..., axis], want, rtol=0, atol=2e-5 if dtype == "float32" else 1e-11)


def test_any_number_of_points_may_fall_on_one_pixel(run):
    g, grid = np.ones((1, 2, 40, 50), np.float32), np.full((1, 40, 50, 2), 9, np.float32)
    got = run(grid_sample_cuda.grid_sample_input, g, grid, (1, 2, 3, 3), "border", True)
    want = np.zeros((1, 2, 3, 3))
    want[..., -1, -1] = g[0, 0].size
    np.testing.assert_array_equal(got, want)


def test_a_nan_in_the_grid_gives_nan_and_an_infinity_lies_outside(run):
    x = np.ones((1, 1, 3, 4), np.float32)
    grid = np.array([[np.nan, 0], [np.inf, 0], [0, -np.inf], [0, 0]], np.float32).reshape(1, 1, 4, 2)
    out = run(grid_sample_cuda.grid_sample, x, grid, "zeros", False)
    np.testing.assert_array_equal(out.ravel(), [np.nan, 0, 0, 1])
    slopes = run(grid_sample_cuda.grid_sample_grid, np.ones_like(out), x, grid, "zeros", False)
    np.testing.assert_array_equal(slopes[0, 0, 1:], np.zeros((3, 2)))


def test_points_outside_have_nothing_to_do_with_the_pixels_at_the_rim(run):
    x = np.full((1, 1, 2, 2), np.inf, np.float32)
    out = run(grid_sample_cuda.grid_sample, x, np.full((1, 1, 1, 2), -9, np.float32), "zeros", False)
    assert out.item() == 0
    grid = np.array([-9, 0], np.float32).reshape(1, 1, 1, 2)
    spread = run(grid_sample_cuda.grid_sample_input, x[:, :, :1, :1], grid, (1, 1, 2, 2), "zeros", False)
    np.testing.assert_array_equal(spread, np.zeros((1, 1, 2, 2)))


# ---- all of them -----------------------------------------------------------------------------------------------------


def results(run):
    """Every function's result, on operands that split sums over blocks and threads."""
    geo, windows = CASES["several tiles"][0], WINDOWS[1]
    x, w, g = operands("several tiles")
    yield run(conv_cuda.conv2d, x, w, geo)
    yield run(conv_cuda.conv_transpose2d, g, w, geo)
    yield run(conv_cuda.conv2d_weight, x, g, geo)
    yield run(conv_cuda.col2im, run(conv_cuda.im2col, x, geo), geo)
    pixels = images(windows, "float32")
    out, winner = run(pool_cuda.max_pool2d, pixels, windows), run(pool_cuda.max_pool2d_winners, pixels, windows)
    yield run(pool_cuda.max_pool2d_scatter, out, winner, windows)
    x, grid, g = sampling("float32", False)
    how = "border", False
    yield run(grid_sample_cuda.grid_sample, x, grid, *how)
    yield run(grid_sample_cuda.grid_sample_grid, g, x, grid, *how)
    yield run(grid_sample_cuda.grid_sample_input, g, grid, x.shape, *how)


def test_results_repeat_bit_for_bit(run, monkeypatch):
    monkeypatch.setattr(conv_cuda, "PART", 16)
    once = [result.tobytes() for result in results(run)]
    if launch.provider in ORDERS.values():
        monkeypatch.setattr(launch, "provider", ORDERS["shuffled"])
    assert once == [result.tobytes() for result in results(run)]


def test_other_dtypes_and_unequal_ones_are_errors(run):
    x, w, g = operands("3x3")
    geo = CASES["3x3"][0]
    with pytest.raises(TypeError, match="conv2d: got float32 and float64; all operands must be float32"):
        run(conv_cuda.conv2d, x, w.astype(np.float64), geo)
    with pytest.raises(TypeError, match="conv2d_weight: got float16"):
        run(conv_cuda.conv2d_weight, x.astype(np.float16), g.astype(np.float16), geo)
    with pytest.raises(TypeError, match="max_pool2d: got int64"):
        run(pool_cuda.max_pool2d, x.astype(np.int64), geo)


def test_sizes_beyond_an_int_are_errors(run):
    x = np.zeros((1, 1, 1, 1), np.float32)
    geo = Geometry((1, 2**31), (1, 1))
    with pytest.raises(ValueError, match="conv2d: positions is 2147483648; the GPU's kernels count to"):
        run(conv_cuda.conv2d, np.broadcast_to(x, (2**11, 1, 1, 1)), x, Geometry((2**10, 2**10), (1, 1)))
    for f in (conv_cuda.im2col, pool_cuda.max_pool2d):
        with pytest.raises(ValueError, match="pixels of an image is 2147483648; the GPU's kernels count to"):
            run(f, x, geo)
    with pytest.raises(ValueError, match="grid_sample_input: pixels of an image"):
        run(grid_sample_cuda.grid_sample_input, x, np.zeros((1, 1, 1, 2), np.float32), (1, 1, 1, 2**31), "zeros", False)


def test_an_unknown_padding_mode_is_an_error(run):
    with pytest.raises(ValueError, match="unknown padding_mode 'wrap'; choose 'zeros', 'border' or 'reflection'"):
        x, grid, _ = sampling("float32", False)
        run(grid_sample_cuda.grid_sample, x, grid, "wrap", False)


# ---- sanitizers ------------------------------------------------------------------------------------------------------


def every_kernel():
    """Launch every kernel once a dtype, small; a sanitizer watches."""
    rng = np.random.default_rng(0)
    geo, N, C, O = CASES["all at once"]
    pooling = Geometry((5, 6), (3, 2), (2, 1), ((1, 0), (0, 1)))
    for dtype in DTYPES:
        shapes = (N, C, *geo.input), (O, C // geo.groups, *geo.kernel), (N, O, *geo.output)
        x, w, g = (rng.normal(size=shape).astype(dtype) for shape in shapes)
        for tile in (None, conv_cuda.TILES[dtype][-1]):
            conv_cuda.choose_tile = lambda *_, tile=tile: tile
            conv_cuda.conv2d(x, w, geo)
            conv_cuda.conv_transpose2d(g, w, geo)
            conv_cuda.conv2d_weight(x, g, geo)
        conv_cuda.col2im(conv_cuda.im2col(x, geo), geo)
        image = rng.normal(size=(2, 2, 5, 6)).astype(dtype)
        winner = pool_cuda.max_pool2d_winners(image, pooling)
        pool_cuda.max_pool2d_scatter(pool_cuda.max_pool2d(image, pooling), winner, pooling)
        grid = rng.uniform(-1.3, 1.3, size=(2, 3, 4, 2)).astype(dtype)
        sampled = grid_sample_cuda.grid_sample(image, grid, "reflection", False)
        grid_sample_cuda.grid_sample_grid(sampled, image, grid, "zeros", True)
        grid_sample_cuda.grid_sample_input(sampled, grid, image.shape, "border", False)


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed, so no kernel runs on the CPU")
@pytest.mark.parametrize("sanitizer", sanitize.FLAGS)
def test_the_sanitizers_find_nothing_in_any_kernel(sanitizer):
    try:
        assert sanitize.report(sanitizer, "tests.test_cuda_kernels:every_kernel", seed=2) == ""
    except sanitize.NoSanitizer as error:
        pytest.skip(str(error))
