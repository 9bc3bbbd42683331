"""Every way through the kernels beside convolution, whole and in blocks, against loops over single numbers."""

import functools
import itertools
import threading

import numpy as np
import pytest

from minigrad.kernels import geometry, grid_sample, layout, matmul, pool, threads
from minigrad.kernels.geometry import Geometry
from tests.kernel_parts import ORDERS, assert_close, cut, cut_into, in_order

of_each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])

# ---- geometry --------------------------------------------------------------------------------------------------------


def test_inside_is_the_range_of_steps_that_fall_on_an_axis():
    for first, step, size, n in itertools.product(range(-7, 8), (1, 2, 3, 5), range(5), range(6)):
        start, stop = geometry.inside(first, step, size, n)
        assert [*range(start, stop)] == [i for i in range(n) if 0 <= first + i * step < size]
        assert 0 <= start <= stop <= n


def test_the_output_counts_the_places_where_the_whole_kernel_lies_on_the_padded_image():
    rng = np.random.default_rng(0)
    for _ in range(300):
        (kh, kw), (sh, sw), (dh, dw) = (tuple(int(n) for n in rng.integers(1, 5, 2)) for _ in range(3))
        padding = tuple((int(a), int(b)) for a, b in rng.integers(0, 4, (2, 2)))
        size = (kh - 1) * dh + int(rng.integers(1, 9)), (kw - 1) * dw + int(rng.integers(1, 9))
        down = [h for h in range(0, size[0] + sum(padding[0]), sh) if h + (kh - 1) * dh < size[0] + sum(padding[0])]
        across = [v for v in range(0, size[1] + sum(padding[1]), sw) if v + (kw - 1) * dw < size[1] + sum(padding[1])]
        geo = Geometry(size, (kh, kw), (sh, sw), padding, (dh, dw))
        assert geo.output == (len(down), len(across))
        assert geo.extent == (dh * kh - dh + 1, dw * kw - dw + 1)


def test_a_pair_is_a_number_twice_or_two_numbers_the_vertical_one_first():
    assert geometry.pair("stride", 2, 1) == (2, 2) and geometry.pair("stride", (1, 3), 1) == (1, 3)
    assert geometry.padding_pairs("padding", 2) == ((2, 2), (2, 2))
    assert geometry.padding_pairs("padding", (0, 3)) == ((0, 0), (3, 3))
    assert geometry.padding_pairs("padding", ((0, 1), (2, 3))) == ((0, 1), (2, 3))
    for value in (0, (1, 0), (1, 2, 3), 1.5):
        with pytest.raises(ValueError, match="stride is .* must be a whole number from 1, or two"):
            geometry.pair("stride", value, 1)
    with pytest.raises(ValueError, match="padding is .* from 0"):
        geometry.padding_pairs("padding", ((0, 1), (-1, 0)))


# ---- order in memory -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(17, 4, 3, 2), (9, 1, 2, 5), (8, 3, 2, 2), (1, 2, 3, 4), (0, 2, 3, 4), (3, 0, 2, 2)])
@pytest.mark.parametrize("order", ORDERS)
def test_the_batch_is_laid_innermost_by_a_copy_only_where_it_is_not_there_yet(order, shape, monkeypatch):
    cut(monkeypatch, 3, layout)
    x = in_order(np.arange(float(np.prod(shape))).reshape(shape), order)
    laid = layout.chwn(x)
    assert laid.shape == (*shape[1:], shape[0]) and laid.dtype == x.dtype and laid.flags.c_contiguous
    for n, image in enumerate(x):
        assert np.array_equal(laid[..., n], image)
    assert np.array_equal(layout.nchw(laid), x) and np.shares_memory(layout.nchw(laid), laid) == (x.size > 0)
    if order == "batch innermost" and x.size > 0:
        assert np.shares_memory(laid, x)


@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(
    "groups, rows, fit", [(1, 7, 3), (1, 7, 0), (2, 5, 5), (3, 4, 9), (7, 2, 4), (7, 2, 1), (2, 3, 99)]
)
def test_blocks_visit_every_row_of_every_group_once_and_fit(groups, rows, fit, threads, monkeypatch):
    monkeypatch.setattr(layout, "thread_count", lambda: threads)
    monkeypatch.setattr(layout, "parallel", cut_into(threads))
    visits = np.zeros((groups, rows), int)

    def visit(some, first, count):
        assert (some.stop - some.start) * count <= max(1, fit)
        visits[some, first : first + count] += 1

    layout.for_blocks(visit, groups, rows, fit, 1.0)
    assert (visits == 1).all()


# ---- matrix products -------------------------------------------------------------------------------------------------

PRODUCTS = {  # shapes, and the length of the axis that is cut among the threads
    "tall": ((7, 3), (3, 5), 7),
    "square": ((5, 4), (4, 5), 5),
    "wide": ((3, 4), (4, 8), 8),
    "one row": ((1, 6), (6, 5), 5),
    "one column": ((5, 6), (6, 1), 5),
    "a column and a row": ((4, 1), (1, 3), 4),
    "stacks of columns and of rows": ((3, 2, 1), (3, 1, 4), 3),
    "nothing to sum": ((4, 0), (0, 3), 4),
    "no rows": ((0, 4), (4, 3), 3),
    "stacks": ((4, 2, 3), (4, 3, 5), 4),
    "stacks of stacks": ((3, 2, 2, 4), (3, 2, 4, 3), 3),
    "stacks of one, tall": ((1, 6, 3), (1, 3, 4), 6),
    "stacks of one, wide": ((1, 2, 3), (1, 3, 7), 7),
    "a stack and a matrix": ((3, 4, 2), (2, 5), 1),
    "a matrix and a stack": ((4, 2), (3, 2, 5), 1),
    "stacks that broadcast": ((3, 1, 2, 4), (1, 2, 4, 3), 1),
    "stacks of one and of many": ((1, 2, 4), (3, 4, 3), 1),
    "stacks of many and of one": ((3, 2, 4), (1, 4, 3), 1),
    "as many stacks, but of one and of many": ((3, 1, 2, 4), (3, 2, 4, 3), 1),
    "a matrix and a vector": ((4, 3), (3,), 1),
    "a vector and a matrix": ((3,), (3, 4), 1),
    "two vectors": ((6,), (6,), 1),
}


def matmul_by_loops(x, y):
    """Multiply the last two axes one number at a time."""
    rows, columns = np.atleast_2d(x), y[:, None] if y.ndim == 1 else y
    stack = np.broadcast_shapes(rows.shape[:-2], columns.shape[:-2])
    rows, columns = (np.broadcast_to(a, (*stack, *a.shape[-2:])) for a in (rows, columns))
    out = np.zeros((*stack, rows.shape[-2], columns.shape[-1]))
    for i, j, k in np.ndindex(rows.shape[-2], columns.shape[-1], rows.shape[-1]):
        out[..., i, j] += rows[..., i, k].astype(float) * columns[..., k, j].astype(float)
    axes = ([-2] if x.ndim == 1 else []) + ([-1] if y.ndim == 1 else [])
    return out.squeeze(tuple(axes))


@pytest.mark.parametrize("dtypes", ["ff", "dd", "fd", "df", "ll", "ld"])
@pytest.mark.parametrize("case", PRODUCTS)
def test_a_product_is_cut_along_the_longer_side_of_its_result_or_between_matrices(case, dtypes, rng, monkeypatch):
    *shapes, length = PRODUCTS[case]
    x, y = (rng.integers(-9, 9, shape).astype(dtype) for shape, dtype in zip(shapes, dtypes))
    cut(monkeypatch, 3, matmul)
    inner, lengths = matmul.parallel, []
    monkeypatch.setattr(matmul, "parallel", lambda f, n, work: (lengths.append(n), inner(f, n, work)))
    for a, b in itertools.product((x, np.asfortranarray(x), x[::-1].copy()[::-1]), (y, np.asfortranarray(y))):
        out = matmul.matmul(a, b)
        assert np.array_equal(out, matmul_by_loops(x, y)) and out.dtype == np.result_type(x, y)
    assert set(lengths) == {length}


# ---- pooling ---------------------------------------------------------------------------------------------------------

POOLS = {
    "side by side": Geometry((6, 8), (2, 4), (2, 4)),
    "side by side, and a row beyond": Geometry((7, 4), (2, 2), (2, 2)),
    "side by side, and a column beyond": Geometry((4, 7), (2, 3), (2, 3)),
    "side by side from the padding on": Geometry((6, 6), (3, 3), (3, 3), ((1, 1), (0, 0))),
    "side by side across, padding at the right": Geometry((4, 5), (2, 3), (2, 3), ((0, 0), (0, 1))),
    "side by side, and rows of padding below": Geometry((5, 4), (2, 2), (2, 2), ((0, 1), (0, 0))),
    "overlapping": Geometry((7, 6), (3, 2), (2, 1), ((1, 0), (0, 1))),
    "gaps between windows": Geometry((8, 9), (2, 1), (3, 4), ((1, 1), (0, 0))),
    "the whole image": Geometry((3, 5), (3, 5)),
    "one pixel": Geometry((1, 1), (1, 1)),
    "one row": Geometry((1, 7), (1, 3), (1, 2), ((0, 0), (1, 1))),
    "255 numbers": Geometry((16, 18), (15, 17)),
    "256 numbers": Geometry((17, 17), (16, 16)),
}


def windows(geo):
    """Yield the position of each window and its pixels in reading order: (number, h, v), without padding."""
    (H, W), (kh, kw), (sh, sw), ((top, _), (left, _)) = geo.input, geo.kernel, geo.stride, geo.padding
    for p, q in np.ndindex(geo.output):
        places = [(i * kw + j, p * sh + i - top, q * sw + j - left) for i, j in np.ndindex(kh, kw)]
        yield p, q, [(number, h, v) for number, h, v in places if 0 <= h < H and 0 <= v < W]


PIECES = {"single channels": (3, 1), "blocks": (1, 2), "parts": (2, 3), "whole": (1, 9)}


@pytest.fixture(params=PIECES)
def channels(request, monkeypatch):
    """channels(x) lets the five channels of x be cut into parts, and these into blocks of no more than a few."""
    parts, block = PIECES[request.param]
    cut(monkeypatch, parts, pool, layout)
    return lambda x: monkeypatch.setattr(pool, "BLOCK", block * x[:, 0].size)


@of_each_dtype
@pytest.mark.parametrize("case", POOLS)
def test_max_pooling_takes_the_first_of_the_largest_and_goes_back_there(case, dtype, channels, rng):
    geo = POOLS[case]
    x = rng.integers(-3, 3, (2, 5, *geo.input)).astype(dtype) - 4  # many equals, all of them below 0
    g = rng.integers(1, 9, (2, 5, *geo.output)).astype(dtype)
    y, number, back = np.empty(g.shape), np.empty(g.shape, int), np.zeros(x.shape)
    for p, q, places in windows(geo):
        for n, c in np.ndindex(2, 5):
            first, h, v = max(places, key=lambda place: (x[n, c, place[1], place[2]], -place[0]))
            y[n, c, p, q], number[n, c, p, q] = x[n, c, h, v], first
            back[n, c, h, v] += g[n, c, p, q]

    channels(x)
    for order in ORDERS:
        xs, gs = in_order(x, order), in_order(g, order)
        out, winner = pool.max_pool2d(xs, geo), pool.max_pool2d_winners(xs, geo)
        assert np.array_equal(out, y) and out.dtype == dtype
        assert np.array_equal(winner, number)
        spread = pool.max_pool2d_scatter(gs, in_order(winner, order), geo)
        assert np.array_equal(spread, back) and spread.dtype == dtype
        assert np.array_equal(xs, x) and np.array_equal(gs, g)


@of_each_dtype
@pytest.mark.parametrize("case", ["side by side", "overlapping", "255 numbers", "256 numbers"])
def test_a_nan_is_the_largest_pixel_of_each_window_that_it_is_in_and_of_no_other(case, dtype, channels, rng):
    geo = POOLS[case]
    x = rng.normal(size=(1, 5, *geo.input)).astype(dtype)
    h, v = geo.input[0] // 2, geo.input[1] // 2
    x[0, 3, h, v] = np.nan
    channels(x)
    y, winner = pool.max_pool2d(x, geo), pool.max_pool2d_winners(x, geo)
    for p, q, places in windows(geo):
        held = [number for number, *pixel in places if pixel == [h, v]]
        assert np.isnan(y[0, :, p, q]).tolist() == [False, False, False, bool(held), False]
        assert winner[0, 3, p, q] in (held or range(x[0, 0].size))


# ---- sampling --------------------------------------------------------------------------------------------------------

MODES = [*itertools.product(["zeros", "border", "reflection"], [False, True])]
of_each_mode = pytest.mark.parametrize("mode, align_corners", MODES)
IMAGES = {"wide": (4, 3, 3, 5), "tall": (3, 2, 6, 2), "one column": (2, 1, 3, 1), "one pixel": (2, 2, 1, 1)}


def place(c, n, mode, align_corners):
    """Return where c in [-1, 1] lies among the pixels 0, .., n - 1, by walking back from beyond the border."""
    p = (c + 1) / 2 * (n - 1) if align_corners else ((c + 1) * n - 1) / 2
    low, high = (0, n - 1) if align_corners else (-0.5, n - 0.5)
    while mode == "reflection" and high > low and not low <= p <= high:
        p = 2 * low - p if p < low else 2 * high - p
    return p if mode == "zeros" else min(max(p, 0), n - 1)


def weights(point, size, mode, align_corners):
    """Return how much of each pixel of an image of that size is seen at a point (x, y)."""
    h, v = (place(c, n, mode, align_corners) for c, n in zip((point[1], point[0]), size))
    down, across = (np.maximum(0, 1 - np.abs(p - np.arange(n))) for p, n in zip((h, v), size))
    return np.outer(down, across)


@functools.cache
def sampled(image, mode, align_corners):
    """Return x, grid, g, and the samples of x at grid with their gradients, from weights pixel by pixel."""
    N, C, H, W = IMAGES[image]
    rng = np.random.default_rng(H)
    x, grid, g = rng.normal(size=(N, C, H, W)), rng.uniform(-3.2, 3.2, (N, 4, 3, 2)), rng.normal(size=(N, C, 4, 3))
    x, grid, g = (a.astype("f").astype(float) for a in (x, grid, g))
    out, by_x, by_grid = np.empty(g.shape), np.zeros(x.shape), np.empty(grid.shape)
    for n, i, j in np.ndindex(N, 4, 3):
        seen = weights(grid[n, i, j], (H, W), mode, align_corners)
        out[n, :, i, j] = (x[n] * seen).sum(axis=(1, 2))
        by_x[n] += g[n, :, i, j, None, None] * seen
        for axis in range(2):  # the samples are linear between pixels: differences are derivatives
            step = np.eye(2)[axis] * 1e-5
            ahead, behind = (weights(grid[n, i, j] + s, (H, W), mode, align_corners) for s in (step, -step))
            by_grid[n, i, j, axis] = (g[n, :, i, j] @ (x[n] * (ahead - behind)).sum(axis=(1, 2))) / 2e-5
    return x, grid, g, out, by_x, by_grid


@pytest.fixture(params=["blocks", "single images", "channels", "whole"])
def images(request, monkeypatch):
    """How points and images are cut: not at all; into one part, of blocks of some; into two; by channels."""
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "9" if request.param == "channels" else "1")
    if request.param != "whole":
        cut(monkeypatch, 1 if request.param == "blocks" else 2, grid_sample)
        monkeypatch.setattr(grid_sample, "BLOCK", 29 if request.param == "blocks" else 5)  # 12 points an image
    return request.param


@of_each_dtype
@of_each_mode
@pytest.mark.parametrize("image", IMAGES)
def test_sampling_and_its_gradients_weigh_pixels_by_their_distance(image, mode, align_corners, dtype, images):
    x, grid, g, out, by_x, by_grid = sampled(image, mode, align_corners)
    for order in ORDERS:
        xs, gs, points = (in_order(a.astype(dtype), order) for a in (x, g, grid))
        assert_close(grid_sample.grid_sample(xs, points, mode, align_corners), out, dtype)
        assert_close(grid_sample.grid_sample_input(gs, points, x.shape, mode, align_corners), by_x, dtype)
        slopes = grid_sample.grid_sample_grid(gs, xs, points, mode, align_corners)
        assert_close(slopes, by_grid, dtype, 32 if dtype == "float32" else 1e7)  # the differences' own rounding


def test_corners_that_are_known_are_not_found_again(rng, monkeypatch):
    x, g, grid = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2, 3, 6, 7)), rng.uniform(-1, 1, (2, 6, 7, 2))
    calls = {"grid_sample": (x, grid), "grid_sample_grid": (g, x, grid), "grid_sample_input": (g, grid, x.shape)}
    found = {name: getattr(grid_sample, name)(*args, "zeros", True) for name, args in calls.items()}
    corners = grid_sample.find_corners(grid, (4, 5), "zeros", True)
    monkeypatch.setattr(grid_sample, "find_corners", None)
    for name, args in calls.items():
        assert np.array_equal(getattr(grid_sample, name)(*args, "zeros", True, corners), found[name])


def test_places_are_counted_in_long_numbers_only_where_there_are_very_many():
    centres = np.zeros((2, 1, 1, 2))
    few = grid_sample.find_corners(centres, (3, 5), "zeros", True).places
    assert few.dtype == np.int32 and few.tolist() == [[17, 18, 24, 25], [52, 53, 59, 60]]
    many = grid_sample.find_corners(centres, (2**15 + 1, 2**15 + 1), "zeros", True).places
    width = 2**15 + 3
    first = (2**14 + 1) * width + 2**14 + 1
    assert many.dtype == np.int64
    corners = [first, first + 1, first + width, first + width + 1]
    assert many.tolist() == [corners, [place + width**2 for place in corners]]


@pytest.mark.parametrize(
    "mode, at, slope", [("zeros", -2, 3.0), ("zeros", 2, 0.0), ("border", -1, 0.0), ("border", 1, 0.0)]
)
def test_at_the_rim_the_slope_is_the_one_to_the_right_and_beyond_a_border_none(mode, at, slope):
    x = np.array([[[[3.0, 5.0, 9.0]]]])
    grid, g = np.array([[[[at, 0.0]]]]), np.ones((1, 1, 1, 1))
    assert grid_sample.grid_sample_grid(g, x, grid, mode, True)[0, 0, 0, 0] == slope


def test_a_point_that_is_no_number_is_a_nan_that_keeps_to_itself(images):
    x, grid = np.ones((3, 2, 3, 4)), np.zeros((3, 2, 2, 2))
    grid[1, 0, 1, 0] = np.nan
    y = grid_sample.grid_sample(x, grid, "border", False)
    assert np.argwhere(np.isnan(y)).tolist() == [[1, 0, 0, 1], [1, 1, 0, 1]]
    assert (y[~np.isnan(y)] == 1).all()


# ---- parts of a range, and scratch memory ----------------------------------------------------------------------------


def parts_of(n, work):
    """Return the parts of range(n) that parallel calls for, in order, and the threads that they ran in."""
    seen = []
    threads.parallel(lambda start, stop: seen.append((start, stop, threading.get_ident())), n, work)
    return sorted(part[:2] for part in seen), {part[2] for part in seen}


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_every_thread_has_one_part_as_long_as_the_others_and_the_parts_join(count, monkeypatch):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", str(count))
    for n in (1, 2, 3, 7, 12, 100):
        parts, _ = parts_of(n, work=threads.SMALL)
        assert len(parts) == min(count, n)
        assert parts[0][0] == 0 and parts[-1][1] == n
        assert all(stop == start for (_, stop), (start, _) in itertools.pairwise(parts))
        lengths = [stop - start for start, stop in parts]
        assert max(lengths) - min(lengths) <= 1
    assert parts_of(0, work=1e9)[0] == [(0, 0)]


@pytest.mark.parametrize("work", [0, threads.ASLEEP - 1, threads.ASLEEP, threads.SMALL - 1])
def test_a_little_work_is_done_at_once_where_it_is_called_for(work, monkeypatch):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "3")
    assert parts_of(10, work) == ([(0, 10)], {threading.get_ident()})


def test_scratch_memory_is_kept_by_name_and_by_thread_and_grows():
    dtype = np.dtype("f")
    first = threads.scratch("a test's", dtype, 4, 5)
    first[...] = 7
    assert first.shape == (4, 5) and first.dtype == dtype and first.flags.c_contiguous
    assert np.shares_memory(first, threads.scratch("a test's", np.dtype("d"), 2, 5))  # as many bytes
    assert not np.shares_memory(first, threads.scratch("another test's", dtype, 4, 5))

    elsewhere = []
    thread = threading.Thread(target=lambda: elsewhere.append(threads.scratch("a test's", dtype, 4, 5)))
    thread.start()
    thread.join()
    assert not np.shares_memory(first, elsewhere[0])

    more = threads.scratch("a test's", np.dtype("d"), 4, 5)
    assert more.shape == (4, 5) and more.dtype == np.float64 and not np.shares_memory(first, more)
    assert np.shares_memory(more, threads.scratch("a test's", dtype, 3))
