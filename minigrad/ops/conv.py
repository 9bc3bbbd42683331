"""Convolution: one trilinear form in three roles.

    T(x, w, g) = sum of g * (w correlated with x)

convolve = dT/dg, convolve_transposed = dT/dx, convolve_weight = dT/dw. Each is linear in its two arguments, and its two
gradients are the other two ops: the three are closed under differentiation, so six one-line rules give every order.
Users call conv2d and conv_transpose2d, which have PyTorch's arguments. Dumoulin & Visin, arXiv 1603.07285.
"""

from __future__ import annotations

import itertools

import numpy as np

from ..kernels import kernels_for
from ..kernels.geometry import Geometry, padding_pairs, pair
from ..op import as_tensor, op
from ..tensor import Tensor
from .padding import pad
from .reduce import sum


@op(dtypes="sums")
def convolve(x, w, b=None, /, geo=None):
    """Slide w over x. x (N,C,H,W), w (O,C/groups,kh,kw), b (O) or None -> (N,O,oh,ow)."""
    return kernels_for("conv", x).conv2d(x, w, geo, b)


@op(dtypes="sums")
def convolve_transposed(y, w, b=None, /, geo=None):
    """Spread y over the windows it came from. y (N,O,oh,ow), w (O,C/groups,kh,kw), b (C) or None -> (N,C,H,W)."""
    return kernels_for("conv", y).conv_transpose2d(y, w, geo, b)


@op(dtypes="sums")
def convolve_weight(x, y, /, geo):
    """Correlate x with y. x (N,C,H,W), y (N,O,oh,ow) -> (O,C/groups,kh,kw)."""
    return kernels_for("conv", x).conv2d_weight(x, y, geo)


convolve.defvjp(
    x=lambda g, out, x, w, b, geo: convolve_transposed(g, w, geo=geo),
    w=lambda g, out, x, w, b, geo: convolve_weight(x, g, geo=geo),
    b=lambda g, out, x, w, b, geo: sum(g, (0, 2, 3)),
)
convolve_transposed.defvjp(
    y=lambda g, out, y, w, b, geo: convolve(g, w, geo=geo),
    w=lambda g, out, y, w, b, geo: convolve_weight(g, y, geo=geo),
    b=lambda g, out, y, w, b, geo: sum(g, (0, 2, 3)),
)
convolve_weight.defvjp(
    x=lambda g, out, x, y, geo: convolve_transposed(y, g, geo=geo),
    y=lambda g, out, x, y, geo: convolve(x, g, geo=geo),
)


# ---- with PyTorch's arguments ----------------------------------------------------------------------------------------


def conv2d(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Slide w over x. x (N,C,H,W), w (O,C/groups,kh,kw), b (O) or None -> (N,O,oh,ow).

    stride, dilation: an int or (vertical, horizontal). padding: an int, (vertical, horizontal),
    ((top, bottom), (left, right)), "valid" for none, or "same" for an output of x's size (only with stride 1).
    oh = floor((H + top + bottom - dh (kh - 1) - 1) / sh) + 1, where sh is the vertical stride and dh the dilation.
    ValueError if channels, groups or sizes do not fit.
    """
    x, w = _tensors("conv2d", x, w, b)
    if isinstance(padding, str):
        padding = _padding_by_name("conv2d", padding, w.shape[2:], stride, dilation)
    geo = _geometry("conv2d", x.shape[2:], w.shape[2:], stride, padding, dilation, groups)
    O, C = w.shape[0], w.shape[1] * geo.groups
    if x.shape[1] != C:
        raise ValueError(
            f"conv2d: x has {x.shape[1]} channels, w expects {C}; w must be (O, {x.shape[1]}/groups, kh, kw), but is"
            f" {w.shape} with {geo.groups} groups"
        )
    _check_outputs("conv2d", O, b, geo, O)
    if min(geo.output) < 1:
        raise ValueError(f"conv2d: the kernel spans {geo.extent}, more than x, {x.shape[2:]}, with its padding")
    return convolve(x, w, b, geo)


def conv_transpose2d(x, w, b=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Spread x over windows weighted by w: the adjoint of conv2d. x (N,O,h,w), w (O,C/groups,kh,kw) -> (N,C,H,W).

    H = (h - 1) sh - top - bottom + dh (kh - 1) + 1 + output_padding. With a stride, conv2d maps several heights H to
    the same h; output_padding, less than the stride or the dilation, chooses between them. Other arguments and errors
    as for conv2d.
    """
    x, w = _tensors("conv_transpose2d", x, w, b)
    geo = _geometry("conv_transpose2d", (1, 1), w.shape[2:], stride, padding, dilation, groups)

    # output_padding, of which whole strides become zeros at the end of x
    extra = pair("conv_transpose2d: output_padding", output_padding, 0)
    if any(e >= max(s, d) for e, s, d in zip(extra, geo.stride, geo.dilation)):
        raise ValueError(
            f"conv_transpose2d: output_padding is {extra}; it must be less than the stride, {geo.stride}, or the"
            f" dilation, {geo.dilation}"
        )
    x = pad(x, ((0, 0), (0, 0), *((0, e // s) for e, s in zip(extra, geo.stride))))
    extra = tuple(e % s for e, s in zip(extra, geo.stride))

    # the output's size: windows at all positions of x, without the padding
    H, W = (
        (n - 1) * s - before - after + span + e
        for n, s, (before, after), span, e in zip(x.shape[2:], geo.stride, geo.padding, geo.extent, extra)
    )
    if min(H, W) < 1:
        raise ValueError(f"conv_transpose2d: padding {geo.padding} leaves an output of ({H}, {W}); reduce it")
    if x.shape[1] != w.shape[0]:
        raise ValueError(f"conv_transpose2d: x has {x.shape[1]} channels; w must be ({x.shape[1]}, C/groups, kh, kw)")
    _check_outputs("conv_transpose2d", w.shape[0], b, geo, w.shape[1] * geo.groups)
    geo = Geometry((H, W), geo.kernel, geo.stride, geo.padding, geo.dilation, geo.groups)
    return convolve_transposed(x, w, b, geo)


# ---- columns ---------------------------------------------------------------------------------------------------------


@op
def im2col(x, /, geo):
    """Lay the window under each kernel position out as a column. (N,C,H,W) -> (N, C kh kw, oh ow)."""
    return kernels_for("conv", x).im2col(x, geo)


@op(dtypes="sums")
def col2im(x, /, geo):
    """Add columns up at the pixels that they come from: the adjoint of im2col. (N, C kh kw, oh ow) -> (N,C,H,W)."""
    return kernels_for("conv", x).col2im(x, geo)


im2col.defvjp(x=lambda g, out, x, geo: col2im(g, geo))
col2im.defvjp(x=lambda g, out, x, geo: im2col(g, geo))


def unfold(x, kernel_size, *, dilation=1, padding=0, stride=1):
    """Lay windows out as columns: conv2d is then w.reshape(O, -1) @ columns. x (N,C,H,W) -> (N, C kh kw, oh ow)."""
    (x,) = _tensors("unfold", x)
    kernel = pair("unfold: kernel_size", kernel_size, 1)
    geo = _geometry("unfold", x.shape[2:], kernel, stride, padding, dilation, 1)
    if min(geo.output) < 1:
        raise ValueError(f"unfold: the kernel spans {geo.extent}, more than x, {x.shape[2:]}, with its padding")
    return im2col(x, geo)


def fold(x, output_size, kernel_size, *, dilation=1, padding=0, stride=1):
    """Add columns up at the pixels that unfold took them from. x (N, C kh kw, oh ow) -> (N, C, *output_size)."""
    x = x if isinstance(x, Tensor) else Tensor(x)
    kernel = pair("fold: kernel_size", kernel_size, 1)
    size = pair("fold: output_size", output_size, 1)
    geo = _geometry("fold", size, kernel, stride, padding, dilation, 1)
    (kh, kw), (oh, ow) = kernel, geo.output
    if x.ndim != 3 or x.shape[1] % (kh * kw) or x.shape[2] != oh * ow:
        raise ValueError(f"fold: x has shape {x.shape}; it must be (N, C * {kh * kw}, {oh} * {ow})")
    return col2im(x, geo)


def conv_matrix(w, input_size, *, stride=1, padding=0, dilation=1, groups=1):
    """Write conv2d with the kernel w as a sparse matrix A: conv2d(x, w) = (A @ x.ravel()).reshape(O, oh, ow).

    w (O,C/groups,kh,kw), an array; x (C,H,W) with (H,W) = input_size -> a scipy.sparse array (O oh ow, C H W). Its
    transpose is the transposed convolution.
    """
    from scipy import sparse

    w = np.asarray(w.numpy() if isinstance(w, Tensor) else w)
    size = pair("conv_matrix: input_size", input_size, 1)
    geo = _geometry("conv_matrix", size, w.shape[2:], stride, padding, dilation, groups)
    O, C = len(w), w.shape[1] * geo.groups
    positions = geo.output[0] * geo.output[1]
    # which pixel, counted from 1, lies under each weight at each position? 0 stands for the padding
    pixels = np.arange(1, C * size[0] * size[1] + 1, dtype=np.float64).reshape(1, C, *size)
    under = kernels_for("conv", pixels).im2col(pixels, geo)[0].astype(np.int64).reshape(geo.groups, -1, positions)

    # a row for each output: the weights of its channel, in the columns of the pixels under them
    rows, columns, values = [], [], []
    for o, p in itertools.product(range(O), range(positions)):
        taps = under[o // (O // geo.groups), :, p]
        inside = taps > 0
        rows.append(np.full(inside.sum(), o * positions + p))
        columns.append(taps[inside] - 1)
        values.append(w[o].ravel()[inside])
    entries = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    return sparse.csr_array(entries, shape=(O * positions, C * size[0] * size[1]))


# ---- checks ----------------------------------------------------------------------------------------------------------


def _tensors(name, *xs):
    """Return x and w as tensors, after checking that they have four axes; the bias only takes part in their dtype."""
    tensors = [as_tensor(x, xs) for x in xs[:2]]
    for letter, axes, t in zip("xw", ("(N,C,H,W)", "(O,C/groups,kh,kw)"), tensors):
        if t.ndim != 4:
            raise ValueError(f"{name}: {letter} has shape {t.shape}; it needs four axes, {axes}")
    return tensors


def _geometry(name, size, kernel, stride, padding, dilation, groups):
    if not isinstance(groups, int | np.integer) or groups < 1:
        raise ValueError(f"{name}: groups is {groups!r}; it must be a positive integer")
    if 0 in kernel:
        raise ValueError(f"{name}: the kernel is {kernel}; it must be at least (1, 1)")
    return Geometry(
        tuple(size),
        tuple(kernel),
        pair(f"{name}: stride", stride, 1),
        padding_pairs(f"{name}: padding", padding),
        pair(f"{name}: dilation", dilation, 1),
        int(groups),
    )


def _padding_by_name(name, padding, kernel, stride, dilation):
    """Return the padding that "same" or "valid" stands for; of an odd number, bottom and right get one pixel more."""
    if padding == "valid":
        return 0
    if padding != "same":
        raise ValueError(f"{name}: padding is {padding!r}; it must be a number, pairs, 'same' or 'valid'")
    if pair(f"{name}: stride", stride, 1) != (1, 1):
        raise ValueError(f"{name}: padding 'same' needs stride 1, got {stride}; give the padding as numbers")
    total = [d * (k - 1) for k, d in zip(kernel, pair(f"{name}: dilation", dilation, 1))]
    return tuple((n // 2, n - n // 2) for n in total)


def _check_outputs(name, O, b, geo, channels):
    if O % geo.groups:
        raise ValueError(f"{name}: {geo.groups} groups do not divide the {O} rows of w; choose a divisor of {O}")
    if b is None:
        return
    shape = tuple(np.shape(b.data if isinstance(b, Tensor) else b))
    if shape != (channels,):
        raise ValueError(f"{name}: b has shape {shape}; it must be ({channels},), one number per output channel")
