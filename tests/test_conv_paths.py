"""Every way that a convolution may take, each called by name, against sums over a dense tensor made in plain loops."""

import functools

import numpy as np
import pytest

from minigrad.kernels import conv as kernels
from minigrad.kernels import gather, layout, matmul, spread, winograd
from minigrad.kernels.geometry import Geometry
from tests.kernel_parts import ORDERS, assert_close, cut, cut_into, in_order, spoiled

# geometry; N, C, O; the ways that conv2d and conv_transpose2d take, and whose channels conv2d_weight gathers
CASES = {
    "fewer inputs than outputs": (Geometry((7, 6), (3, 3), padding=((1, 0), (0, 2))), 2, 2, 3, "gather spread x"),
    "more inputs than outputs": (Geometry((7, 6), (2, 3), padding=((1, 0), (0, 2))), 3, 5, 2, "spread gather g"),
    "as many inputs as outputs": (Geometry((6, 5), (3, 2), padding=((2, 1), (1, 0))), 2, 3, 3, "gather gather x"),
    "a kernel one column wide": (Geometry((7, 5), (3, 1), padding=((2, 1), (0, 0))), 2, 5, 2, "gather gather g"),
    "a kernel one column wide, more outputs": (
        Geometry((7, 5), (3, 1), padding=((0, 1), (0, 0))),
        2,
        2,
        5,
        "gather gather x",
    ),
    "one tap": (Geometry((3, 5), (1, 1)), 2, 4, 3, "gather gather g"),
    "one pixel": (Geometry((1, 1), (1, 1)), 1, 1, 1, "gather gather x"),
    "one row": (Geometry((1, 9), (1, 4), padding=((0, 0), (1, 2))), 3, 1, 2, "gather spread x"),
    "nothing": (Geometry((5, 4), (3, 3), padding=((1, 1), (1, 1))), 0, 2, 3, "gather spread x"),
    "stride": (Geometry((9, 8), (3, 2), (2, 3), ((1, 0), (0, 1))), 2, 3, 2, "gather spread x"),
    "stride that skips the last rows and columns": (
        Geometry((10, 11), (3, 4), (3, 2), ((2, 0), (1, 0))),
        2,
        2,
        3,
        "gather spread x",
    ),
    "stride over the kernel": (Geometry((9, 8), (1, 2), (4, 3), ((0, 2), (1, 0))), 3, 2, 3, "gather spread x"),
    "dilation down": (Geometry((9, 6), (3, 2), padding=((3, 1), (1, 0)), dilation=(2, 1)), 2, 3, 2, "gather gather g"),
    "dilation across": (
        Geometry((6, 9), (2, 3), padding=((1, 0), (2, 3)), dilation=(1, 3)),
        2,
        2,
        3,
        "gather gather x",
    ),
    "dilation and fewer outputs": (
        Geometry((9, 8), (2, 3), padding=((1, 0), (0, 1)), dilation=(2, 1)),
        2,
        5,
        2,
        "gather gather g",
    ),
    "dilation in groups": (
        Geometry((7, 8), (3, 2), padding=((1, 2), (0, 1)), dilation=(1, 2), groups=2),
        2,
        4,
        6,
        "gather gather x",
    ),
    "dilation and stride": (Geometry((11, 13), (3, 3), (2, 4), ((3, 1), (0, 5)), (4, 2)), 2, 3, 4, "gather spread x"),
    "a last row of padding that alone exceeds the kernel": (
        Geometry((5, 6), (3, 3), padding=((0, 3), (1, 0))),
        2,
        5,
        2,
        "gather spread x",
    ),
    "a last column of padding that alone exceeds the kernel": (
        Geometry((5, 6), (3, 3), padding=((0, 1), (1, 4))),
        2,
        5,
        2,
        "gather spread x",
    ),
    "first rows of padding that exceed the kernel": (
        Geometry((5, 6), (2, 3), padding=((4, 0), (1, 0))),
        2,
        5,
        2,
        "gather spread x",
    ),
    "first columns of padding that exceed the kernel": (
        Geometry((5, 6), (3, 2), padding=((1, 0), (3, 0))),
        2,
        5,
        2,
        "gather spread x",
    ),
    "more padding than image": (Geometry((2, 3), (2, 3), (1, 2), ((3, 4), (5, 4))), 2, 2, 3, "gather spread x"),
    "a kernel larger than the image": (Geometry((3, 4), (5, 6), (1, 2), ((2, 2), (3, 1))), 2, 3, 2, "gather spread x"),
    "groups": (Geometry((7, 6), (3, 2), (1, 1), ((1, 0), (0, 1)), groups=3), 2, 6, 3, "spread gather g"),
    "depthwise": (Geometry((6, 5), (3, 3), (2, 1), ((1, 1), (1, 1)), groups=4), 2, 4, 8, "gather spread x"),
    "depthwise, two groups of four rows at once": (
        Geometry((8, 5), (3, 3), padding=((1, 1), (1, 1)), groups=4),
        2,
        4,
        4,
        "gather gather x",
    ),
    "depthwise, three rows at once, in strides and dilated": (
        Geometry((19, 6), (3, 2), (2, 1), ((1, 2), (1, 0)), (2, 1), 3),
        2,
        3,
        3,
        "gather spread x",
    ),
    "depthwise, two rows at once, dilated": (
        Geometry((14, 5), (2, 3), padding=((1, 0), (2, 3)), dilation=(5, 2), groups=2),
        3,
        2,
        2,
        "gather gather x",
    ),
    "one filter, five rows at once": (Geometry((11, 6), (3, 2), (2, 1)), 2, 3, 1, "gather spread x"),
    "one filter, seven rows at once": (Geometry((10, 5), (4, 1)), 2, 3, 1, "gather gather g"),
    "one filter, eleven rows, one at a time": (Geometry((13, 4), (3, 3)), 2, 1, 1, "gather gather x"),
    "more filters than numbers in a row": (Geometry((5, 3), (2, 2)), 1, 4, 5, "gather spread x"),
    "Winograd": (Geometry((9, 7), (3, 3), padding=((1, 2), (0, 1))), 2, 16, 17, "winograd winograd x"),
    "Winograd without padding": (Geometry((10, 4), (3, 2)), 1, 18, 16, "winograd winograd g"),
    "Winograd one column wide": (Geometry((6, 5), (3, 1), padding=((0, 1), (0, 0))), 3, 16, 16, "winograd winograd x"),
    "Winograd wholly in padding at its ends": (
        Geometry((2, 4), (3, 4), padding=((6, 7), (3, 1))),
        2,
        16,
        16,
        "winograd spread x",
    ),
    "Winograd in groups": (
        Geometry((8, 5), (3, 3), padding=((1, 0), (2, 1)), groups=2),
        2,
        34,
        32,
        "winograd winograd g",
    ),
    "many channels and three rows, but dilated": (
        Geometry((7, 9), (3, 2), padding=((1, 1), (1, 0)), dilation=(1, 3)),
        2,
        16,
        16,
        "gather gather x",
    ),
    "many channels and three rows, but dilated downwards": (
        Geometry((8, 5), (3, 2), padding=((1, 1), (1, 0)), dilation=(2, 1)),
        2,
        16,
        17,
        "gather gather x",
    ),
    "many channels and three rows, but in strides": (
        Geometry((10, 6), (3, 3), (1, 2), ((1, 1), (1, 1))),
        2,
        16,
        16,
        "gather spread x",
    ),
    "many channels, but two rows": (Geometry((8, 6), (2, 3), padding=((1, 0), (1, 1))), 2, 17, 16, "spread gather g"),
    "three rows, but fifteen channels": (
        Geometry((8, 6), (3, 3), padding=((1, 0), (1, 2))),
        2,
        15,
        16,
        "gather spread x",
    ),
    "three rows, but fifteen filters": (
        Geometry((8, 6), (3, 3), padding=((1, 0), (1, 2))),
        2,
        16,
        15,
        "spread gather g",
    ),
    "three rows, but of three results": (
        Geometry((5, 6), (3, 3), padding=((0, 0), (1, 0))),
        2,
        17,
        16,
        "spread winograd g",
    ),
}
of_each_case = pytest.mark.parametrize("case", CASES)
of_each_dtype = pytest.mark.parametrize("dtype", ["float32", "float64"])


def positions(n, extent, stride, padding):
    """Return where, counted from the first pixel, the kernel stands along an axis of n pixels."""
    before, after = padding
    return [p for p in range(-before, n + after, stride) if p + extent <= n + after]


@functools.cache
def dense(geo):
    """Return S (oh,ow,kh,kw,H,W): 1 where the kernel's tap (i,j) lies on pixel (h,v) at position (p,q), else 0."""
    (kh, kw), (dh, dw), (H, W) = geo.kernel, geo.dilation, geo.input
    down = positions(H, (kh - 1) * dh + 1, geo.stride[0], geo.padding[0])
    across = positions(W, (kw - 1) * dw + 1, geo.stride[1], geo.padding[1])
    S = np.zeros((len(down), len(across), kh, kw, H, W))
    for p, q, i, j in np.ndindex(S.shape[:4]):
        h, v = down[p] + i * dh, across[q] + j * dw
        if 0 <= h < H and 0 <= v < W:
            S[p, q, i, j, h, v] = 1
    return S


@functools.cache
def definitions(case):
    """Return x, w, g, biases for O and C channels, and conv2d(x, w), conv_transpose2d(g, w), conv2d_weight(x, g)."""
    geo, N, C, O, _ = CASES[case]
    S, G, rng = dense(geo), geo.groups, np.random.default_rng(len(case))
    shapes = (N, G, C // G, *geo.input), (G, O // G, C // G, *geo.kernel), (N, G, O // G, *S.shape[:2])
    x, w, g = (rng.normal(size=shape).astype("f").astype(float) for shape in shapes)
    windows = np.tensordot(x, S, axes=([3, 4], [4, 5]))  # (N,G,C,oh,ow,kh,kw)
    y = np.einsum("nkcpqij,kocij->nkopq", windows, w, optimize=True)
    by_w = np.einsum("nkcpqij,nkopq->kocij", windows, g, optimize=True)
    spread = np.einsum("nkopq,kocij->nkcpqij", g, w, optimize=True)
    by_x = np.tensordot(spread, S, axes=([3, 4, 5, 6], [0, 1, 2, 3]))
    x, by_x = (a.reshape(N, C, *geo.input) for a in (x, by_x))
    w, by_w = (a.reshape(O, C // G, *geo.kernel) for a in (w, by_w))
    g, y = (a.reshape(N, O, *S.shape[:2]) for a in (g, y))
    return x, w, g, rng.normal(size=O), rng.normal(size=C), y, by_x, by_w


@pytest.fixture
def ways(monkeypatch):
    """The ways that convolutions have taken, in order, each with the number of channels that it started from."""
    taken = []

    def watch(module, name, way):
        run = getattr(module, name)

        def watched(x, *rest):
            taken.append((way, x.shape[1]))
            return run(x, *rest)

        monkeypatch.setattr(module, name, watched)

    watch(winograd, "convolve", "winograd")
    watch(gather, "convolve", "gather")
    watch(gather, "correlate", "correlate")
    watch(spread, "convolve_transposed", "spread")
    return taken


@pytest.fixture(params=["blocks", "single rows", "whole"])
def pieces(request, monkeypatch):
    """How the work is cut: into two parts, of blocks of some rows; into three, of blocks of one row; not at all."""
    if request.param != "whole":
        modules = gather, spread, winograd, layout, matmul
        cut(monkeypatch, 2 if request.param == "blocks" else 3, *modules)
        few = 300 if request.param == "blocks" else 1
        monkeypatch.setattr(gather, "LINES", few)
        monkeypatch.setattr(spread, "LINES", few)
    return request.param


def in_orders(*arrays):
    """Yield the arrays in every order in memory, each time no two neighbours in the same one."""
    orders = [*ORDERS]
    for first in range(len(orders)):
        yield [in_order(a, orders[(first + i) % len(orders)]) for i, a in enumerate(arrays)]


@pytest.fixture(autouse=True)
def sixteen_channels(monkeypatch):
    """Let Winograd's form take 16 channels, for the sake of the dense tensors."""
    monkeypatch.setattr(winograd, "CHANNELS", 16)


# ---- every way, in every case ----------------------------------------------------------------------------------------


def set_line(monkeypatch, pieces, geo, N):
    """Let Winograd's form work on one tile of four rows at a time, or on two."""
    if pieces != "whole":
        row = N * max(geo.output[1], geo.input[1])
        monkeypatch.setattr(winograd, "LINE", row if pieces == "single rows" else 2 * row)


@of_each_dtype
@of_each_case
def test_conv2d_takes_the_way_that_is_named_and_adds_the_bias(case, dtype, pieces, ways, monkeypatch):
    geo, N, C, _, named = CASES[case]
    x, w, _, b, _, y, _, _ = definitions(case)
    set_line(monkeypatch, pieces, geo, N)
    for xs, ws in in_orders(x.astype(dtype), w.astype(dtype)):
        for bias in (None, b.astype(dtype)):
            out = kernels.conv2d(xs, ws, geo, bias)
            assert_close(out, y if bias is None else y + bias[:, None, None], dtype)
            assert out.transpose(1, 2, 3, 0).flags.c_contiguous
    assert set(ways) == {(named.split()[0], C // geo.groups)}


@of_each_dtype
@of_each_case
def test_conv_transpose2d_takes_the_way_that_is_named_and_adds_the_bias(case, dtype, pieces, ways, monkeypatch):
    geo, N, _, O, named = CASES[case]
    _, w, g, _, b, _, by_x, _ = definitions(case)
    set_line(monkeypatch, pieces, geo, N)
    for gs, ws in in_orders(g.astype(dtype), w.astype(dtype)):
        for bias in (None, b.astype(dtype)):
            out = kernels.conv_transpose2d(gs, ws, geo, bias)
            assert_close(out, by_x if bias is None else by_x + bias[:, None, None], dtype)
            assert out.transpose(1, 2, 3, 0).flags.c_contiguous
    assert set(ways) == {(named.split()[1], O // geo.groups)}


@of_each_dtype
@of_each_case
def test_conv2d_weight_gathers_the_side_of_fewer_channels_where_it_may(case, dtype, pieces, ways):
    geo, _, C, O, named = CASES[case]
    x, _, g, _, _, _, _, by_w = definitions(case)
    for xs, gs in in_orders(x.astype(dtype), g.astype(dtype)):
        out = kernels.conv2d_weight(xs, gs, geo)
        assert_close(out, by_w, dtype)
        assert out.flags.c_contiguous
    assert set(ways) == {("correlate", (C if named.split()[2] == "x" else O) // geo.groups)}


@of_each_case
def test_columns_hold_the_pixels_under_the_kernel_and_go_back_there(case):
    geo, N, C, _, _ = CASES[case]
    x = definitions(case)[0]
    S = dense(geo).transpose(2, 3, 0, 1, 4, 5)
    S = S.reshape(S.shape[0] * S.shape[1], S.shape[2] * S.shape[3], -1)  # (kh kw, oh ow, HW)
    columns = np.einsum("nch,tph->nctp", x.reshape(N, C, S.shape[2]), S)
    assert_close(kernels.im2col(x, geo), columns.reshape(N, C * len(S), S.shape[1]), "float64")
    image = np.einsum("nctp,tph->nch", columns, S)
    assert_close(kernels.col2im(columns.reshape(N, C * len(S), S.shape[1]), geo), image.reshape(x.shape), "float64")


# ---- what the cases do not tell --------------------------------------------------------------------------------------


@of_each_dtype
@pytest.mark.parametrize("O, width, N", [(31, 6, 20), (33, 6, 20), (70, 6, 20), (34, 102, 70)])
def test_the_gradient_of_many_filters_is_had_a_few_at_a_time_where_products_are_small(O, width, N, dtype, rng):
    geo = Geometry((3, width), (3, 3))
    x, g = rng.normal(size=(N, 16, 3, width)), rng.normal(size=(N, O, 1, width - 2))
    by_w = np.stack([np.tensordot(g[:, :, 0], x[:, :, :, j : j + width - 2], axes=([0, 2], [0, 3])) for j in range(3)])
    assert_close(kernels.conv2d_weight(x.astype(dtype), g.astype(dtype), geo), by_w.transpose(1, 2, 3, 0), dtype, 500)


def test_the_gradient_of_the_weight_has_the_same_bits_whichever_part_ends_first(rng, monkeypatch):
    geo = Geometry((23, 6), (3, 3))
    x, g = rng.normal(size=(2, 3, 23, 6)).astype("f"), rng.normal(size=(2, 4, 21, 4)).astype("f")
    monkeypatch.setattr(gather, "LINES", 1)
    monkeypatch.setattr(layout, "parallel", lambda f, n, work: [f(start, start + 1) for start in range(n)])
    forwards = kernels.conv2d_weight(x, g, geo)
    monkeypatch.setattr(layout, "parallel", cut_into(21))
    assert kernels.conv2d_weight(x, g, geo).tobytes() == forwards.tobytes()


@of_each_dtype
@pytest.mark.parametrize("line, images", [(1, 1), (5, 2), (6, 3), (21, 64), (70, 64)])
def test_winograds_form_cuts_long_rows_into_pixels_and_images(line, images, dtype, rng, ways, monkeypatch):
    cut(monkeypatch, 3, layout)
    monkeypatch.setattr(winograd, "scratch", spoiled(winograd.scratch))
    monkeypatch.setattr(winograd, "LINE", line)
    monkeypatch.setattr(winograd, "IMAGES", images)
    x, w, b = rng.normal(size=(5, 16, 9, 7)), rng.normal(size=(16, 16, 3, 2)), rng.normal(size=16)
    y = kernels.conv2d(
        *(a.astype(dtype) for a in (x, w)), Geometry((9, 7), (3, 2), padding=((1, 0), (0, 2))), b.astype(dtype)
    )
    padded = np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 2)))
    want = sum(
        np.einsum("oc,ncpq->nopq", w[:, :, i, j], padded[:, :, i : i + 8, j : j + 8])
        for i in range(3)
        for j in range(2)
    )
    assert_close(y, want + b[:, None, None], dtype)
    assert ways == [("winograd", 16)]


def test_winograds_form_is_for_48_channels_and_more(rng, ways, monkeypatch):
    monkeypatch.undo()  # the sixteen of the other tests
    geo = Geometry((6, 6), (3, 3))
    for C, O, pays in ((48, 48, True), (47, 48, False), (48, 47, False)):
        assert winograd.pays(rng.normal(size=(C, 6, 6, 2)), rng.normal(size=(O, C, 3, 3)), geo) is pays


@pytest.mark.parametrize("rows, at_once", [(4, 4), (8, 4), (9, 3), (6, 3), (10, 2), (5, 5), (7, 7), (11, 1), (1, 1)])
def test_a_single_filter_gives_several_rows_at_once(rows, at_once, rng, monkeypatch):
    taken = []
    run = gather._convolve
    monkeypatch.setattr(gather, "_convolve", lambda *args: (taken.append(args[-1]), run(*args)))
    x, w = rng.normal(size=(2, 3, rows + 2, 5)), rng.normal(size=(3, 1, 3, 3))
    y = kernels.conv2d(x, w, Geometry((rows + 2, 5), (3, 3), groups=3))
    want = sum(w[:, 0, i, j, None, None] * x[:, :, i : i + rows, j : j + 3] for i in range(3) for j in range(3))
    assert_close(y, want, "float64")
    assert taken == [at_once]


MIXED = [
    ("float32", "float64"),
    ("float64", "float32"),
    ("int64", "int64"),
    ("int64", "float32"),
    ("float16", "float16"),
]


@pytest.mark.parametrize("one, two", MIXED)
@pytest.mark.parametrize("case", ["Winograd", "many channels, but two rows", "stride", "more inputs than outputs"])
def test_operands_of_two_dtypes_meet_in_the_wider_one_and_never_in_winograds_form(case, one, two, ways):
    geo, *_ = CASES[case]
    x, w, g, b, c, *_ = ((4 * a).round() for a in definitions(case)[:5])  # whole numbers, whose sums are exact
    S = dense(geo)
    windows = np.tensordot(x, S, axes=([2, 3], [4, 5]))
    y = np.einsum("ncpqij,ocij->nopq", windows, w, optimize=True)
    by_x = np.einsum("nopq,ocij,pqijhv->nchv", g, w, S, optimize=True)
    by_w = np.einsum("ncpqij,nopq->ocij", windows, g, optimize=True)
    for bias in ("float32", "float64"):
        wide = np.result_type(one, two, bias)
        out = kernels.conv2d(x.astype(one), w.astype(two), geo, b.astype(bias))
        assert out.dtype == wide and np.array_equal(out, y + b[:, None, None])
        out = kernels.conv_transpose2d(g.astype(one), w.astype(two), geo, c.astype(bias))
        assert out.dtype == wide and np.array_equal(out, by_x + c[:, None, None])
    assert "winograd" not in dict(ways)
    if one != "float16":  # whose whole numbers end at 2048
        out = kernels.conv2d_weight(x.astype(one), g.astype(two), geo)
        assert out.dtype == np.result_type(one, two) and np.array_equal(out, by_w)


def test_a_bias_of_another_dtype_widens_winograds_form(ways):
    geo, *_ = CASES["Winograd"]
    x, w, _, b, _, y, *_ = definitions("Winograd")
    out = kernels.conv2d(x.astype("f"), w.astype("f"), geo, b)
    assert out.dtype == np.float64 and ways == [("winograd", 16)]
    assert_close(out.astype("f"), y + b[:, None, None], "float32")


def test_no_kernel_changes_what_it_is_given(rng):
    for case in CASES:
        geo, arrays = CASES[case][0], definitions(case)
        x, w, g, b, c = (a.copy() for a in arrays[:5])
        kernels.conv2d(x, w, geo, b)
        kernels.conv_transpose2d(g, w, geo, c)
        kernels.conv2d_weight(x, g, geo)
        assert all(np.array_equal(*pair) for pair in zip((x, w, g, b, c), arrays))
