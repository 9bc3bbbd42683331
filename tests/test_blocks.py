"""Large arrays are computed in blocks on all cores: every element once, the same numbers as at once, in any layout."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.kernels import blocks, threads
from minigrad.kernels import softmax as softmax_kernels
from minigrad.kernels import standardize as kernels
from minigrad.kernels.blocks import BLOCK, LARGE, elementwise, in_blocks, laid_out_as
from minigrad.kernels.total import PIECE, total, total_of_products
from minigrad.ops.normalize import normalize_by

SHAPE = (5, 7, 150, 131)  # more than two blocks, none of whose sides divides the next
AXES = [(0, 2, 3), (1, 2, 3), (2, 3), (3,), (0,), (0, 1, 2, 3)]


def layouts(a):
    """Yield a in three orders of memory: as it is, with its first axis innermost, and with gaps."""
    yield a
    yield np.ascontiguousarray(a.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
    wide[..., ::2] = a
    yield wide[..., ::2]


def large(rng, dtype=np.float32):
    a = rng.standard_normal(SHAPE).astype(dtype)
    assert a.size > LARGE and a.size > 2 * BLOCK
    return a


@pytest.mark.parametrize("axes", [None, (1,), (2, 3), ()], ids=str)
def test_every_element_is_visited_once(axes):
    visits, by_channel = np.zeros(SHAPE, np.int8), np.zeros((7, 1, 1))

    def visit(visits, by_channel, number, nothing):
        assert number == 3.0 and nothing is None
        visits += 1
        if axes == (1,):
            by_channel += 1

    in_blocks(visit, visits, by_channel, 3.0, None, axes=axes)
    assert (visits == 1).all()
    assert axes != (1,) or (by_channel == 1).all()  # cut along with the rest


@pytest.mark.parametrize("dtype", [np.float32, np.float64], ids=lambda d: d.__name__)
@pytest.mark.parametrize("f", [np.add, np.subtract, np.multiply, np.divide], ids=lambda f: f.__name__)
def test_arithmetic_in_blocks_is_numpys_bit_for_bit(f, dtype, rng):
    for x in layouts(large(rng, dtype)):
        for y in (
            large(rng, dtype),
            rng.random((7, 1, 1)).astype(dtype),
            rng.random((5, 1, 150, 1)).astype(dtype),
            0.7,
        ):
            for a, b in ((x, y), (y, x)):
                out = elementwise(f, a, b)
                assert out.dtype == dtype
                np.testing.assert_array_equal(out, f(a, b))


def test_two_dtypes_whole_numbers_and_larger_results_are_left_to_numpy(rng):
    x = large(rng)
    for y in (x.astype(np.float64), (100 * x).astype(np.int32), rng.random((2, 1, 1, 1, 1)).astype(np.float32)):
        expected = x + y
        out = elementwise(np.add, x, y)
        assert out.dtype == expected.dtype
        np.testing.assert_array_equal(out, expected)


def test_errstate_of_the_caller_counts_on_every_core(rng, monkeypatch):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "2")
    x = large(rng)
    with np.errstate(divide="ignore"):
        assert np.isinf(elementwise(np.divide, x, np.zeros_like(x))).all()
    with np.errstate(divide="raise"):
        for at in (0, -1):  # in the first part, and in the last
            y = np.ones_like(x)
            y.flat[at] = 0
            with pytest.raises(FloatingPointError):
                elementwise(np.divide, x, y)


@pytest.mark.parametrize("axes", AXES, ids=str)
def test_sums_and_sums_of_products_are_those_in_float64(axes, rng):
    a, b = (np.abs(large(rng)) + np.float32(0.5) for _ in range(2))
    exact = (a.astype(np.float64) * b).sum(axis=axes, keepdims=True)
    for x, y in itertools.product(layouts(a), layouts(b)):
        np.testing.assert_allclose(total_of_products(x, y, axes), exact, rtol=1e-5)
    for x in layouts(a):
        np.testing.assert_allclose(total(x, axes, True), a.sum(axis=axes, keepdims=True, dtype=np.float64), rtol=2e-6)


@pytest.mark.parametrize("shape", [(6, 4, 40, 50), (20, 3, 5, 30), (9, 300, 2, 7)], ids=str)
@pytest.mark.parametrize("axes", [*AXES, (1,), (1, 2), (0, 2)], ids=str)
def test_sums_of_few_along_any_axes_are_those_in_float64(shape, axes, rng):
    a, b = rng.uniform(0.5, 1.5, (2, *shape)).astype("f")
    wide, other = a.astype(np.float64), b.astype(np.float64)
    for x, y in itertools.product(layouts(a), layouts(b)):
        products = total_of_products(x, y, axes)
        np.testing.assert_allclose(products, (wide * other).sum(axis=axes, keepdims=True), rtol=2e-6)
        np.testing.assert_allclose(total(x, axes, True), wide.sum(axis=axes, keepdims=True), rtol=2e-6)


def test_statistics_lie_in_memory_as_what_they_are_of(rng):
    """Else every step along the innermost axis of the one is a jump through the other."""
    x = next(itertools.islice(layouts(large(rng)), 1, None))  # the first axis innermost
    found = [*kernels.moments(x, (2, 3)), total_of_products(x, x, (2, 3)), total(x, (2, 3), True)]
    for a in found:
        assert a.shape == (5, 7, 1, 1) and a.strides[0] == a.itemsize < a.strides[1]

    # a graph keeps copies of what is no tensor
    w = mg.Tensor(np.ones((7, 1, 1), "f"), requires_grad=True)
    out = normalize_by(mg.Tensor.wrap(x), w, w, (2, 3), 0.1, *found[:2])
    for a, kept in zip(found, (out._params["mean"], out._params["var"])):
        assert kept is not a and kept.strides[:2] == a.strides[:2]


def test_what_broadcasts_is_laid_out_as_what_it_is_broadcast_to():
    x = np.zeros((5, 6, 7)).transpose(2, 0, 1)
    for shape in ((7, 5, 1), (7, 1, 6), (1, 5, 6)):
        a = np.random.default_rng(0).normal(size=shape)
        found = laid_out_as(x, a)
        np.testing.assert_array_equal(found, a)
        assert np.argsort(found.strides).tolist() == np.argsort(np.empty_like(x, shape=shape).strides).tolist()
    same = np.zeros((5, 6))
    assert laid_out_as(x, same) is same and laid_out_as(x, x) is x and laid_out_as(x, 0.5) == 0.5


def test_a_part_of_a_kernel_is_not_cut_again(rng, monkeypatch):
    monkeypatch.setattr(blocks, "LARGE", 1)
    monkeypatch.setattr(blocks, "BLOCK", 10)
    monkeypatch.setattr(threads, "ASLEEP", 0)
    outer, inner = [], []

    def block(a):
        outer.append(a.shape)
        in_blocks(lambda a: inner.append(a.shape), a)

    in_blocks(block, np.zeros((4, 20)))
    assert outer == inner == [(1, 20)] * 4


@pytest.mark.parametrize("length", [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 3])
def test_scalar_products_of_any_length_count_every_number(length, rng):
    x, y = rng.integers(1, 9, (2, 3, length)).astype(np.float64)
    np.testing.assert_array_equal(total_of_products(x, y, (1,)), (x * y).sum(axis=1, keepdims=True))


@pytest.mark.parametrize("axes", [(3,), (0,), (1, 2), (0, 1, 2, 3)], ids=str)
@pytest.mark.parametrize("small", [True, False])
def test_softmax_its_logarithm_and_its_gradient_follow_the_formulas(axes, small, rng):
    a, c = (large(rng)[:2, :, :9, :8] if small else large(rng) for _ in range(2))
    scores, g = (100 + 5 * a).astype(np.float64), c.astype(np.float64)
    e = np.exp(scores - 100)
    y = e / e.sum(axis=axes, keepdims=True)
    gx = y * (g - (g * y).sum(axis=axes, keepdims=True))

    for x, cotangent in zip(layouts(scores.astype(np.float32)), reversed(list(layouts(c)))):
        out = softmax_kernels.softmax(x, axes)
        assert out.dtype == np.float32
        np.testing.assert_allclose(out, y, rtol=1e-4, atol=1e-12)
        np.testing.assert_allclose(softmax_kernels.log_softmax(x, axes), np.log(y), rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(softmax_kernels.softmax_gradient(cotangent, out, axes), gx, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("axes", [(0, 2, 3), (2, 3), (1, 2, 3), (3,), (1,)], ids=str)
@pytest.mark.parametrize("small", [True, False])
def test_what_is_standardised_and_its_gradient_follow_the_formulas(axes, small, rng):
    a, c = (large(rng)[:2, :, :9, :8] if small else large(rng) for _ in range(2))
    exact, g = 3 + 2 * a.astype(np.float64), c.astype(np.float64)
    mean, var = exact.mean(axis=axes, keepdims=True), exact.var(axis=axes, keepdims=True)
    y = (exact - mean) / np.sqrt(var + 1e-5)
    mean_gy = (g * y).mean(axis=axes, keepdims=True)
    gx = (g - g.mean(axis=axes, keepdims=True) - y * mean_gy) / np.sqrt(var + 1e-5)

    for x, cotangent in zip(layouts(exact.astype(np.float32)), reversed(list(layouts(c)))):
        found_mean, found_var = kernels.moments(x, axes)
        np.testing.assert_allclose(found_mean, mean, rtol=1e-5)
        np.testing.assert_allclose(found_var, var, rtol=1e-5)
        out = kernels.standardize(x, found_mean, np.sqrt(found_var + 1e-5))
        np.testing.assert_allclose(out, y, rtol=1e-4, atol=1e-5)
        found = kernels.standardize_gradient(cotangent, out, np.sqrt(found_var + 1e-5), axes)
        np.testing.assert_allclose(found, gx, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("axes", [(0, 2, 3), (2, 3)], ids=str)
@pytest.mark.parametrize("small", [True, False])
def test_what_is_normalised_and_its_gradients_follow_the_formulas(axes, small, rng):
    a, c = (large(rng)[:2, :, :9, :8] if small else large(rng) for _ in range(2))
    exact, g = 3 + 2 * a.astype(np.float64), c.astype(np.float64)
    w, b = rng.normal(size=(2, 1, a.shape[1], 1, 1))
    mean, var = exact.mean(axis=axes, keepdims=True), exact.var(axis=axes, keepdims=True)
    deviation = np.sqrt(var + 1e-5)
    y = (exact - mean) / deviation
    sum_gy, sum_g = ((g * factor).sum(axis=axes, keepdims=True) for factor in (y, 1))
    n = np.prod([a.shape[i] for i in axes])
    gx = w * (g - sum_g / n - y * sum_gy / n) / deviation

    w, b, mean, deviation = (array.astype(np.float32) for array in (w, b, mean, deviation))
    for x, cotangent in zip(layouts(exact.astype(np.float32)), reversed(list(layouts(c)))):
        np.testing.assert_allclose(kernels.normalize(x, mean, deviation, w, b), w * y + b, rtol=1e-4, atol=1e-5)
        found = kernels.normalize_gradients(cotangent, x, mean, deviation, w, axes)
        for got, want in zip(found, (gx, sum_gy, sum_g)):
            np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5 * np.abs(want).max())


@pytest.mark.parametrize("norm", [mg.batch_norm, mg.instance_norm, lambda x, w, b: mg.group_norm(x, 2, w, b)])
def test_normalisation_has_the_same_gradients_whether_they_are_differentiable_or_not(norm, rng):
    x, w, b = (mg.Tensor(rng.normal(size=shape), requires_grad=True) for shape in ((3, 2, 4, 5), 2, 2))
    out = norm(x, w=w, b=b)
    g = rng.normal(size=out.shape)
    for once, again in zip(mg.grad(out, [x, w, b], g), mg.grad(out, [x, w, b], g, create_graph=True)):
        np.testing.assert_allclose(once.data, again.data, rtol=1e-12, atol=1e-12)


def test_normalisation_with_scales_and_shifts_is_one_op_that_makes_all_gradients_at_one_visit(rng):
    x = mg.Tensor(rng.normal(size=(3, 4, 5, 6)).astype(np.float32))
    for norm in (nn.BatchNorm2d(4), nn.InstanceNorm2d(4, affine=True)):
        with mg.profile() as p:
            norm(x).sum().backward()
        of_rules = [(row.op, row.of, row.calls) for row in p.rows if row.of.startswith("normalize_by")]
        assert ("normalize_gradients", "normalize_by.all inputs", 1) in of_rules
        assert "standardize_by" not in [row.op for row in p.rows]


def test_scale_and_shift_takes_weights_of_any_broadcasting_shape(rng):
    x = large(rng)
    for w in (rng.random((7, 1, 1)).astype(np.float32), rng.random((5, 7, 1, 1)).astype(np.float32)):
        np.testing.assert_allclose(kernels.scale_and_shift(x, w, w + 1), x * w + (w + 1), rtol=1e-6)
    wide = rng.random((7, 1, 1))
    assert kernels.scale_and_shift(x, wide, wide).dtype == np.float64


def test_results_are_the_same_bits_on_one_core_and_on_two(rng, monkeypatch):
    x, w = large(rng), rng.random(7).astype(np.float32)

    def compute():
        leaf, scale = mg.Tensor(x, requires_grad=True), mg.Tensor(w, requires_grad=True)
        y = mg.batch_norm(leaf, w=scale, b=scale)
        (mg.relu(y) * y).sum().backward()
        return y.data, leaf.grad.data, scale.grad.data

    results = []
    for count in "12":
        monkeypatch.setenv("MINIGRAD_NUM_THREADS", count)
        results.append(compute())
    for one, two in zip(*results):
        np.testing.assert_array_equal(one, two)
