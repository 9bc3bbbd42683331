"""Convolution against its definition in nested loops, SciPy, and the sparse matrix of lecture slides."""

import multiprocessing
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import signal

import minigrad as mg
from minigrad import nn
from minigrad.kernels import conv as kernels
from minigrad.kernels import threads, winograd
from minigrad.kernels.geometry import Geometry
from minigrad.kernels.matmul import matmul


def conv2d_by_loops(x, w, geo):
    """Add every product up, one at a time."""
    (N, _, H, W), (O, Cg, kh, kw) = x.shape, w.shape
    (sh, sw), (dh, dw), ((top, _), (left, _)) = geo.stride, geo.dilation, geo.padding
    y = np.zeros((N, O, *geo.output))
    for n, o, p, q, c, i, j in np.ndindex(N, O, *geo.output, Cg, kh, kw):
        h, v = p * sh + i * dh - top, q * sw + j * dw - left
        if 0 <= h < H and 0 <= v < W:
            y[n, o, p, q] += w[o, c, i, j] * x[n, o // (O // geo.groups) * Cg + c, h, v]
    return y


def in_layout(a, layout):
    """Return a with the same elements and another order in memory."""
    if layout == "batch innermost":
        return np.ascontiguousarray(a.transpose(1, 2, 3, 0)).transpose(3, 0, 1, 2)
    if layout == "Fortran":
        return np.asfortranarray(a)
    if layout == "strided":
        big = np.zeros((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)
        big[..., ::2] = a
        return big[..., ::2]
    return a[:, :, ::-1].copy()[:, :, ::-1] if layout == "reversed" else a


pairs = st.tuples(st.integers(1, 3), st.integers(1, 3))
paddings = st.tuples(*[st.tuples(st.integers(0, 2), st.integers(0, 2))] * 2)


@st.composite
def problems(draw):
    """A geometry with arrays x, w, g that fit it, in any memory layout."""
    groups, kernel, dilation, padding = draw(st.integers(1, 3)), draw(pairs), draw(pairs), draw(paddings)
    least = [d * (k - 1) + 1 - sum(p) for k, d, p in zip(kernel, dilation, padding)]
    size = tuple(max(1, n) + draw(st.integers(0, 3)) for n in least)
    geo = Geometry(size, kernel, draw(pairs), padding, dilation, groups)
    N, C, O = draw(st.integers(1, 3)), draw(st.integers(1, 2)), draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 99)))
    shapes = (N, C * groups, *size), (O * groups, C, *kernel), (N, O * groups, *geo.output)
    layouts = st.sampled_from(["plain", "batch innermost", "Fortran", "strided", "reversed"])
    return geo, *(in_layout(rng.normal(size=shape), draw(layouts)) for shape in shapes)


@given(problems())
def test_all_kernels_agree_with_nested_loops_and_are_adjoint_to_each_other(problem):
    geo, x, w, g = problem
    before = [a.copy() for a in (x, w, g)]
    y = conv2d_by_loops(x, w, geo)
    np.testing.assert_allclose(kernels.conv2d(x, w, geo), y, atol=1e-10)
    # linear maps with the right adjoint are the adjoint: <g, C x> = <C^T g, x> = <W(x, g), w>
    by_x, by_w = kernels.conv_transpose2d(g, w, geo), kernels.conv2d_weight(x, g, geo)
    scale = np.abs(g).sum() * np.abs(x).max() * np.abs(w).sum()
    assert abs((by_x * x).sum() - (g * y).sum()) < 1e-12 * scale + 1e-12
    assert abs((by_w * w).sum() - (g * y).sum()) < 1e-12 * scale + 1e-12
    assert by_x.shape == x.shape and by_w.shape == w.shape
    assert all(np.array_equal(a, b) for a, b in zip(before, (x, w, g))), "inputs are not changed"


@given(st.data())
def test_winograds_form_agrees_with_nested_loops_and_is_taken_for_the_transposed_convolution_too(data):
    groups, padding = data.draw(st.integers(1, 2)), data.draw(paddings)
    kernel = (3, data.draw(st.integers(3, 4)))
    size = data.draw(st.tuples(st.integers(6, 14), st.integers(4, 7)))
    geo = Geometry(size, kernel, (1, 1), padding, (1, 1), groups)
    rng = np.random.default_rng(data.draw(st.integers(0, 99)))
    N, C, O = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 2), st.integers(1, 2)))
    shapes = (N, C * groups, *size), (O * groups, C, *kernel), (N, O * groups, *geo.output)
    layouts = st.sampled_from(["plain", "batch innermost", "strided", "reversed"])
    x, w, g = (in_layout(rng.normal(size=shape), data.draw(layouts)) for shape in shapes)
    y, taken = conv2d_by_loops(x, w, geo), []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(winograd, "CHANNELS", 1)
        fast = winograd.convolve
        patch.setattr(winograd, "convolve", lambda *args: taken.append(fast(*args)))
        np.testing.assert_allclose(kernels.conv2d(x, w, geo), y, atol=1e-10)
        back = kernels.conv_transpose2d(g, w, geo)
    assert len(taken) == 2
    assert abs((back * x).sum() - (g * y).sum()) < 1e-10 * (1 + np.abs(g).sum())


def test_whole_numbers_are_convolved_exactly(rng):
    """Winograd's form has fractions in it: integers, many channels or not, go the direct way."""
    x, w = rng.integers(-9, 9, (1, 16, 6, 6)), rng.integers(-9, 9, (16, 16, 3, 3))
    geo = Geometry((6, 6), (3, 3))
    assert np.array_equal(kernels.conv2d(x, w, geo), conv2d_by_loops(x, w, geo))


@given(problems())
def test_all_kernels_agree_with_the_matrix_and_its_transpose(problem):
    geo, x, w, g = problem
    options = {"stride": geo.stride, "padding": geo.padding, "dilation": geo.dilation, "groups": geo.groups}
    C = mg.conv_matrix(w, geo.input, **options)
    y = mg.conv2d(x, w, **options).numpy()
    np.testing.assert_allclose(y.reshape(len(x), -1), x.reshape(len(x), -1) @ C.T, atol=1e-10)
    np.testing.assert_allclose(
        kernels.conv_transpose2d(g, w, geo).reshape(len(x), -1), g.reshape(len(x), -1) @ C, atol=1e-10
    )


@given(problems())
def test_folding_is_the_adjoint_of_unfolding(problem):
    geo, x, _, _ = problem
    columns = kernels.im2col(x, geo)
    other = np.random.default_rng(1).normal(size=columns.shape)
    np.testing.assert_allclose((columns * other).sum(), (x * kernels.col2im(other, geo)).sum(), atol=1e-10)


def test_conv2d_is_the_correlation_of_scipy(rng):
    x, w = rng.normal(size=(9, 8)), rng.normal(size=(3, 4))
    y = mg.conv2d(x[None, None], w[None, None]).numpy()[0, 0]
    np.testing.assert_allclose(y, signal.correlate2d(x, w, "valid"), atol=1e-12)
    full = mg.conv_transpose2d(x[None, None], w[None, None]).numpy()[0, 0]
    np.testing.assert_allclose(full, signal.convolve2d(x, w, "full"), atol=1e-12)


def test_conv1d_is_conv2d_of_one_row(rng):
    x, w, b = rng.normal(size=(2, 3, 11)), rng.normal(size=(4, 3, 3)), rng.normal(size=4)
    y = mg.conv1d(x, w, b, stride=2, padding=1, dilation=2).numpy()
    expected = mg.conv2d(x[:, :, None], w[:, :, None], b, stride=(1, 2), padding=(0, 1), dilation=(1, 2)).numpy()
    np.testing.assert_array_equal(y, expected[:, :, 0])


@pytest.mark.parametrize("size", [(5, 6), (6, 5), (7, 8)])
def test_output_padding_chooses_between_the_sizes_that_have_the_same_output(size, rng):
    w, options = rng.normal(size=(2, 3, 3, 3)), {"stride": (2, 3), "padding": 1}
    x = rng.normal(size=(1, 3, *size))
    y = mg.conv2d(x, w, **options)
    base = [(n - 1) * s - 2 + 3 for n, s in zip(y.shape[2:], (2, 3))]
    extra = tuple(n - m for n, m in zip(size, base))
    assert mg.conv_transpose2d(y, w, output_padding=extra, **options).shape == x.shape


def test_an_output_padding_beyond_the_stride_differentiates_too(rng):
    x, w = rng.normal(size=(1, 2, 2, 3)), rng.normal(size=(2, 1, 2, 2))
    f = lambda x, w: mg.conv_transpose2d(x, w, dilation=3, output_padding=(2, 1), stride=(1, 2))  # noqa: E731
    assert f(x, w).shape == (1, 1, (2 - 1) + 3 + 1 + 2, (3 - 1) * 2 + 3 + 1 + 1)
    assert mg.gradcheck(f, [x, w], order=2)


def test_empty_batches_and_biases_of_another_dtype(rng):
    x = mg.Tensor(np.zeros((0, 2, 5, 5)), requires_grad=True)
    y = mg.conv2d(x, rng.normal(size=(3, 2, 3, 3)))
    y.sum().backward()
    assert y.shape == (0, 3, 3, 3) and x.grad.shape == x.shape
    many = np.zeros((0, 16, 8, 8)), np.zeros((16, 16, 3, 3))  # as many channels as Winograd's form is for
    assert mg.conv2d(*many).shape == (0, 16, 6, 6) and mg.conv_transpose2d(*many).shape == (0, 16, 10, 10)
    image, kernel = np.ones((1, 1, 2, 2), int), np.ones((1, 1, 1, 1), int)
    assert mg.conv2d(image, kernel, np.array([0.5])).numpy().tolist() == [[[[1.5, 1.5], [1.5, 1.5]]]]
    assert mg.conv_transpose2d(image.astype("f"), kernel.astype("f"), np.array([0.5])).dtype == np.float64


def test_a_large_convolution_runs_on_all_threads_to_the_same_bits(rng, monkeypatch):
    geo = Geometry((40, 36), (3, 3), (1, 1), ((1, 1), (1, 1)))
    x, w = rng.normal(size=(8, 16, 40, 36)).astype("f"), rng.normal(size=(16, 16, 3, 3)).astype("f")
    g = rng.normal(size=(8, 16, 40, 36)).astype("f")
    runs = [
        (kernels.conv2d(x, w, geo), kernels.conv_transpose2d(g, w, geo), kernels.conv2d_weight(x, g, geo))
        for _ in range(3)
    ]
    for run in runs[1:]:
        assert all(a.tobytes() == b.tobytes() for a, b in zip(runs[0], run))
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "1")
    for a, b in zip(runs[0], (kernels.conv2d(x, w, geo), kernels.conv_transpose2d(g, w, geo))):
        np.testing.assert_allclose(a, b, atol=1e-4)


def test_float32_stays_within_a_few_roundings_of_float64(rng):
    geo = Geometry((20, 20), (3, 3), (1, 1), ((1, 1), (1, 1)))
    x, w, g = rng.normal(size=(2, 32, 20, 20)), rng.normal(size=(24, 32, 3, 3)), rng.normal(size=(2, 24, 20, 20))
    for f, a, b in ((kernels.conv2d, x, w), (kernels.conv_transpose2d, g, w), (kernels.conv2d_weight, x, g)):
        exact, single = f(a, b, geo), f(a.astype("f"), b.astype("f"), geo)
        assert single.dtype == np.float32
        # the error of a sum of n products is at most about n roundings of the sum of their sizes; 8 are plenty
        assert np.abs(single - exact).max() < 8 * np.finfo("f").eps * f(np.abs(a), np.abs(b), geo).max()


X, W = np.zeros((2, 4, 5, 6)), np.zeros((6, 2, 3, 3))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: mg.conv2d(X, W), r"x has 4 channels, w expects 2; w must be \(O, 4/groups, kh, kw\)"),
        (lambda: mg.conv2d(X[0], W), r"x has shape \(4, 5, 6\); it needs four axes, \(N,C,H,W\)"),
        (lambda: mg.conv2d(X, W[0]), r"w has shape .* it needs four axes, \(O,C/groups,kh,kw\)"),
        (lambda: mg.conv2d(X, W, groups=0), "groups is 0"),
        (lambda: mg.conv2d(X, W[:5], groups=2), "2 groups do not divide the 5 rows of w;"),
        (lambda: mg.conv2d(X, W, groups=2, stride=0), "conv2d: stride is 0; it must be a whole number from 1"),
        (lambda: mg.conv2d(X, W, groups=2, padding=-1), "conv2d: padding is -1; it must be a whole number from 0"),
        (lambda: mg.conv2d(X, W, groups=2, dilation=(1, 2, 3)), "conv2d: dilation is"),
        (
            lambda: mg.conv2d(X, W, groups=2, dilation=4),
            r"the kernel spans \(9, 9\), more than x, \(5, 6\), with its padding",
        ),
        (lambda: mg.conv2d(X, W, np.zeros(3), groups=2), r"it must be \(6,\), one number per output channel"),
        (lambda: mg.conv_transpose2d(X, W), "x has 4 channels; w must be"),
        (lambda: mg.conv_transpose2d(X, W[:4], output_padding=1), "output_padding is"),
        (lambda: mg.conv_transpose2d(X[:, :, :1, :1], W[:4], padding=2), r"leaves an output of \(-1, -1\); reduce it"),
        (lambda: mg.unfold(X, 7), r"the kernel spans \(7, 7\)"),
        (lambda: mg.fold(np.zeros((1, 9, 5)), (5, 5), 3), r"it must be \(N, C \* 9, 3 \* 3\)"),
        (
            lambda: mg.conv1d(X[0], W),
            r"conv1d: x has shape \(4, 5, 6\), w \(6, 2, 3, 3\); both need three axes, \(N,C,L\)",
        ),
        (lambda: mg.conv1d(X[0], W[0]), "conv2d: x has 5 channels, w expects 3"),
        (lambda: nn.Conv2d(4, 4, 3, groups=0, rng=np.random.default_rng(0)), "0 groups do not divide"),
        (
            lambda: nn.Conv2d(3, 4, 3, groups=2, rng=np.random.default_rng(0)),
            r"2 groups do not divide the channels \(4, 3\)",
        ),
    ],
)
def test_a_wrong_call_says_what_is_wrong(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_layers_have_the_weights_of_pytorch_and_count_their_work(rng):
    conv, up = nn.Conv2d(4, 6, (3, 2), 2, 1, groups=2, rng=rng), nn.ConvTranspose2d(6, 4, 4, 2, 1, rng=rng)
    assert conv.state_dict()["weight"].shape == (6, 2, 3, 2) and up.state_dict()["weight"].shape == (6, 4, 4, 4)
    assert conv.state_dict()["bias"].shape == (6,) and up.state_dict()["bias"].shape == (4,)
    x = mg.Tensor(np.zeros((2, 4, 8, 8)))
    y = conv(x)
    assert y.shape == (2, 6, 4, 5) and up(y).shape == (2, 4, 8, 10)
    assert conv.multiply_adds(x, y) == 2 * 6 * 4 * 5 * (2 * 3 * 2)
    assert up.multiply_adds(y, up(y)) == 2 * 6 * 4 * 5 * (4 * 4 * 4)
    assert nn.Conv1d(2, 3, 5, padding=2, rng=rng)(mg.Tensor(np.zeros((1, 2, 9)))).shape == (1, 3, 9)


# ---- threads ---------------------------------------------------------------------------------------------------------


def test_parts_cover_the_range_once_and_errors_come_through():
    seen = []
    threads.parallel(lambda a, b: seen.extend(range(a, b)), 100, work=1e9)
    assert sorted(seen) == list(range(100))

    def fail(start, stop):
        if start:
            raise KeyError("from a worker")

    if threads.thread_count() > 1:
        with pytest.raises(KeyError, match="from a worker"):
            threads.parallel(fail, 100, work=1e9)
    threads.parallel(lambda a, b: seen.clear(), 100, work=1e9)  # and the pool goes on working
    assert seen == []


def test_after_an_interruption_the_next_call_waits_for_its_own_parts():
    if threads.thread_count() < 2:
        pytest.skip("one core: there is no second thread")
    started, release, finished = threading.Event(), threading.Event(), []

    def interrupted(start, stop):
        if start:
            started.set()
            release.wait(10)  # still at work when the first part is interrupted
        else:
            started.wait(10)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        threads.parallel(interrupted, 100, work=1e9)

    def slow(start, stop):
        if start:
            release.set()
            time.sleep(0.1)
        finished.append(start)

    threading.Timer(0.05, release.set).start()
    threads.parallel(slow, 100, work=1e9)
    assert len(finished) == min(threads.thread_count(), 100)


def test_calls_within_parts_and_from_other_threads_run_where_they_are():
    counts = []

    def nested(start, stop):
        threads.parallel(lambda a, b: counts.append(b - a), 10, work=1e9)

    others = [threading.Thread(target=threads.parallel, args=(nested, 8, 1e9)) for _ in range(4)]
    for thread in others:
        thread.start()
    for thread in others:
        thread.join(timeout=30)
    assert not any(thread.is_alive() for thread in others) and sum(counts) >= 40


def test_the_number_of_threads_of_blas_is_left_as_it_was():
    before = [library.get_num_threads() for library in threads._blas()]
    during = []
    threads.parallel(lambda a, b: during.append([x.get_num_threads() for x in threads._blas()]), 100, work=1e9)
    assert all(n == 1 for numbers in during for n in numbers)
    assert [library.get_num_threads() for library in threads._blas()] == before


@pytest.mark.parametrize("shapes", [[(64, 64), (64, 64)], [(3, 64, 64), (3, 64, 64)], [(3, 64, 64), (64, 64)]])
def test_a_product_of_middle_size_does_not_wake_the_threads_of_blas(shapes, rng, monkeypatch):
    """They would spin beside our own for a while after it: on two cores the kernels that follow take twice as long."""
    multiply, during = np.matmul, []

    def watched(*args, **options):
        during.extend(library.get_num_threads() for library in threads._blas())
        return multiply(*args, **options)

    x, y = (rng.standard_normal(shape) for shape in shapes)
    assert x.size * y.shape[-1] < threads.SMALL
    monkeypatch.setattr(np, "matmul", watched)
    assert np.array_equal(matmul(x, y), multiply(x, y))
    assert during and set(during) == {1}


def test_a_wrong_number_of_threads_is_refused(monkeypatch):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "many")
    with pytest.raises(ValueError, match="MINIGRAD_NUM_THREADS is 'many'"):
        threads.thread_count()


def _convolve_in_child(queue):
    geo = Geometry((40, 40), (3, 3))
    queue.put(kernels.conv2d(np.ones((4, 16, 40, 40)), np.ones((8, 16, 3, 3)), geo).sum())


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_process_starts_threads_of_its_own():
    context = multiprocessing.get_context("fork")
    threads.parallel(lambda a, b: None, 100, work=1e9)  # the parent's threads are there
    queue = context.Queue()
    child = context.Process(target=_convolve_in_child, args=(queue,))
    child.start()
    assert queue.get(timeout=60) == 4 * 8 * 38 * 38 * 16 * 9
    child.join(timeout=60)
    assert child.exitcode == 0
