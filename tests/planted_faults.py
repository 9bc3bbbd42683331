"""Faults of a single line, as people make them, for the tests of the NumPy kernels to find; and what plants them.

FAULTS: a file of minigrad/kernels; the tests that are to find what is planted there, by their file, tests/test_NAME.py,
and as pytest's -k selects them; then what stands in the kernel's file exactly once, and what takes its place. A fault
gets a process of its own, which imports the package with that one module changed and runs those tests until one fails.

To plant more, add a line. What changes no result, such as blocks of another size, is no fault.
"""

import importlib
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
KERNELS = ROOT / "minigrad" / "kernels"

FAULTS = {
    ("conv.py", "conv_paths", "conv2d_takes"): [
        ("winograd.convolve(xs, ws, bs, outs, geo)", "winograd.convolve(xs, ws, None, outs, geo)"),
        ("spread.convolve_transposed(xs, _turn(ws), bs,", "spread.convolve_transposed(xs, _turn(ws), None,"),
        ("gather.convolve(xs, ws, bs, outs, geo)", "gather.convolve(xs, ws, None, outs, geo)"),
        ("outs.shape[1] < xs.shape[1] and geo.kernel[1] > 1", "outs.shape[1] > xs.shape[1] and geo.kernel[1] > 1"),
        ("geo.kernel[1] > 1 and geo.dilation == (1, 1)", "geo.kernel[1] > 1"),
        ("(down - 1 - top, down - 1 - bottom)", "(down - 1 - bottom, down - 1 - top)"),
        ("min(*padding[0], *padding[1]) < 0", "min(padding[0][0], padding[1][0]) < 0"),
        ("min(*padding[0], *padding[1]) < 0", "min(*padding[0], padding[1][0]) < 0"),
        ("[..., ::-1, ::-1]", "[..., ::-1]"),
        ("Geometry(geo.output, geo.kernel, (1, 1), padding,", "Geometry(geo.input, geo.kernel, (1, 1), padding,"),
    ],
    ("conv.py", "conv_paths", "conv_transpose2d_takes"): [
        ("winograd.convolve(gs, _turn(ws), bs, outs, turned)", "winograd.convolve(gs, _turn(ws), None, outs, turned)"),
        ("spread.convolve_transposed(gs, ws, bs, outs, geo)", "spread.convolve_transposed(gs, ws, None, outs, geo)"),
        ("gather.convolve(gs, _turn(ws), bs, outs, turned)", "gather.convolve(gs, _turn(ws), None, outs, turned)"),
        ("(gs.shape[1] <= outs.shape[1] or geo.kernel[1] == 1", "(gs.shape[1] <= outs.shape[1] and geo.kernel[1] == 1"),
        ("or geo.kernel[1] == 1 or geo.dilation != (1, 1))", "or geo.kernel[1] == 1)"),
        ("padding, geo.dilation, geo.groups)", "padding, (1, 1), geo.groups)"),
        (
            "(down, across), ((top, bottom), (left, right)) = geo.extent",
            "(down, across), ((top, bottom), (left, right)) = geo.kernel",
        ),
        ("wide[:, :, :: geo.dilation[0], :: geo.dilation[1]]", "wide[:, :, :: geo.dilation[1], :: geo.dilation[0]]"),
        ("geo.stride, geo.padding, (1, 1), geo.groups)", "geo.stride, geo.padding, (1, 1))"),
    ],
    ("conv.py", "conv_paths", "conv2d_weight"): [
        ("out = _turn(gather.correlate(gs, xs, turned))", "out = gather.correlate(gs, xs, turned)"),
        ("if turned and gs.shape[1] < xs.shape[1]:", "if gs.shape[1] < xs.shape[1]:"),
    ],
    ("conv.py", "conv_paths", "two_dtypes"): [
        ("np.result_type(x, w, *([] if b is None else [b]))", "np.result_type(x, w)"),
        ("np.result_type(g, w, *([] if b is None else [b]))", "w.dtype"),
        ("*geo.kernel), np.result_type(x, g))", "*geo.kernel), x.dtype)"),
    ],
    ("conv.py", "conv_paths", "columns_hold"): [
        ("columns[:, :, i, j, down, along] = x[", "columns[:, :, kh - 1 - i, j, down, along] = x["),
        ("x[:, :, rows, pixels] += columns", "x[:, :, rows, pixels] = columns"),
        ("return columns.reshape(N, C * kh * kw, oh * ow)", "return columns.reshape(N, C * kh * kw, oh * ow)[:, ::-1]"),
    ],
    ("geometry.py", "conv_paths", "columns_hold"): [
        ("k * geo.dilation[axis] - geo.padding", "k - geo.padding"),
        ("slice(pixel + start * stride,", "slice(pixel + start,"),
        ("pixel + stop * stride, stride)", "pixel + stop * stride - 1, stride)"),
    ],
    ("definitions.py", "definitions", "conv"): [
        ("y[n, o, p, q] += w[o, c, i, j] * x[n, first + c,", "y[n, o, p, q] += w[o, c, i, j] * x[n, c,"),
        (
            "* x[n, first + c, p * sh + i * dh, q * sw + j * dw]\n    return y",
            "* x[n, first + c, p * sh + i, q * sw + j]\n    return y",
        ),
        (
            "x[n, first + c, p * sh + i * dh, q * sw + j * dw] += w",
            "x[n, first + c, p * sh + i * dw, q * sw + j * dh] += w",
        ),
        ("] += w[o, c, i, j] * g[n, o, p, q]", "] = w[o, c, i, j] * g[n, o, p, q]"),
        ("w[o, c, i, j] += g[n, o, p, q] * x[", "w[o, c, i, j] = g[n, o, p, q] * x["),
        ("x.shape[1] // geo.groups\n", "x.shape[1]\n"),
        ("x[:, :, top : top + H, left : left + W]", "x[:, :, left : left + H, top : top + W]"),
    ],
    ("definitions.py", "definitions", "pooling"): [
        ("np.full((*x.shape[:2], *geo.output), -np.inf, x.dtype)", "np.zeros((*x.shape[:2], *geo.output), x.dtype)"),
        ("if winner[n, c, p, q] < 0 and is_pixel", "if is_pixel"),
        ("< 0 and is_pixel[at] and equal", "< 0 and equal"),
        ("winner[n, c, p, q] = i * kw + j", "winner[n, c, p, q] = i * kh + j"),
        ("x[n, c, p * sh + i, q * sw + j] += g", "x[n, c, p * sh + i, q * sw + j] = g"),
        ("y[n, c, p, q] += x[n, c, p * sh + i, q * sw + j]", "y[n, c, p, q] += x[n, c, p + i, q + j]"),
    ],
    ("definitions.py", "definitions", "minus_infinity"): [
        ("np.maximum(y[n, c, p, q], x[", "np.fmax(y[n, c, p, q], x["),
    ],
    ("definitions.py", "definitions", "grid_sample or gradient_to or samplings"): [
        (
            "out[n, c, p, q] += _tent(row - h) * _tent(column - v)",
            "out[n, c, p, q] += _tent(row - v) * _tent(column - h)",
        ),
        ("gx[n, c, h, v] += g", "gx[n, c, h, v] = g"),
        (
            "pull * _tent(row - h) * _tent_slope(column - v) * column_by_x",
            "pull * _tent_slope(column - v) * column_by_x",
        ),
        ("_tent_slope(row - h) * _tent(column - v) * row_by_y", "_tent_slope(row - h) * _tent(column - v)"),
        ("return max(0.0, 1 - abs(t))", "return 1 - abs(t)"),
        ("(0.0, n - 1.0) if align_corners else (-0.5, n - 0.5)", "(0.0, n - 1.0) if align_corners else (0.0, n)"),
        ("2 * mirror - place, -slope", "2 * mirror - place, slope"),
        ("slope if within else 0.0", "slope"),
    ],
    ("definitions.py", "definitions", "at_a_kink"): [
        ("if -1 <= t < 0:", "if -1 < t <= 0:"),
        ("within = 0 < place < n - 1", "within = 0 <= place <= n - 1"),
    ],
    ("conv.py", "conv_not_finite", "holes_of_a_dilated"): [
        ("not np.isfinite(g).all()", "np.isnan(g).any()"),
    ],
    ("conv.py", "conv_not_finite", "bias_is_added"): [("(0 if b is None else b[:, None, None])", "0")],
    ("formulas.py", "formulas", "fills_out"): [
        ("np.clip(x, -ONE, ONE)", "np.clip(x, 0, ONE)"),
        ("for coefficient in R[1:-1]:", "for coefficient in R[2:-1]:"),
        ("out += R[-1]", "out += R[-2]"),
        ("out *= x\n    out += x", "out *= x"),
        ("if x.dtype != np.float32:", "if False:"),
        ("math.sqrt(0.5), out)", "math.sqrt(0.5))"),
        ("out *= 0.5", "out *= 0.25"),
        ("density *= -0.5", "density *= 0.5"),
        ("1 / math.sqrt(2 * math.pi)", "1 / math.sqrt(math.pi)"),
        ("density *= x", "density += x"),
        ("out += density\n    out *= c", "out += density"),
        ("negative(x, out=_like(x, out))", "negative(x, out=x)"),
        ("divide(1, out, out=out)", "divide(1, out)"),
        ("out *= y\n    out *= c", "out *= c"),
        ("masked(c, x > 0, out)", "masked(c, x > 0)"),
        ("x.dtype.type(1 - slope)", "x.dtype.type(1)"),
        ("out += slope\n    out *= c", "out += slope"),
        ("multiply(y, y, out=_like(y, out))", "multiply(y, y, out=y)"),
        ("xp(y).subtract(1, out, out=out)\n    out *= c", "xp(y).subtract(1, out, out=out)"),
    ],
    ("formulas.py", "formulas", "fills_out or whole_powers"): [
        ("base = x if y >= 0 else xp(x).divide(1, x)", "base = x"),
        ("out[...] = base if y else 1", "out[...] = base"),
        ('f"{abs(y):b}"[1:]', 'f"{abs(y):b}"'),
        ("out *= base", "out *= out"),
        ("x != 0, out)\n    out *= np.sign(x)", "x != 0, out)"),
        ("masked(c, x != 0, out)", "masked(c, x > 0, out)"),
        ("multiply(limited, -0.5", "multiply(limited, 0.5"),
        ("out += d\n    out *= limited", "out += d\n    out *= d"),
        ("negative(out, out=out)\n    xp(x).exp(out, out=out)\n    xp(x).log1p", "exp(out, out=out)\n    xp(x).log1p"),
        ("out -= x * target", "out += x * target"),
        ("out *= alpha\n    out += xp(x).maximum(x, 0)", "out += xp(x).maximum(x, 0)"),
        ("if alpha != 1:", "if False:"),
        ("where(x > 0, 1, alpha)", "where(x > 0, alpha, 1)"),
        ("out = sigmoid(x, out)\n    out *= x", "out = sigmoid(x, out)\n    out *= out"),
        ("subtract(1, s, out=_like(x, out))", "subtract(1, s, out=s)"),
        ("out += 1\n    out *= s", "out *= s"),
        ("if 0 < slope <= 1:", "if True:"),
    ],
    ("formulas.py", "formulas", "units"): [
        ("-1.2747862647017359e-06", "-1.2757862647017359e-06"),
        ("ONE = 4.1", "ONE = 3.7"),
    ],
    ("layout.py", "kernel_paths", "blocks_visit"): [
        ("max(1, fit), max(1, fit // rows)", "max(1, fit), max(1, fit)"),
        ("min(step, stop - row)", "step"),
        ("min(k + together, stop)", "k + 1"),
        ("slice(k, k + 1)), rows,", "slice(0, 1)), rows,"),
    ],
    ("gather.py", "conv_paths", "conv2d_takes"): [
        ("if b is not None:", "if b is not None and which.start == 0:"),
        ("part += b[some, None]", "part += b[:1, None]"),
        ("_seen(geo, at_once, r)] = w.swapaxes(2, 3)", "_seen(geo, at_once, r)] = w.reshape(w.swapaxes(2, 3).shape)"),
        ("matrix[:, 0, :, r, _seen(geo, at_once, r)]", "matrix[:, 0, :, r, _seen(geo, at_once, 0)]"),
        ("stride - geo.padding[0][0], d", "stride - geo.padding[0][1], d"),
        ("geo.dilation[0] if at_once == 1 else 1\n", "geo.dilation[0]\n"),
        ("start = phase + top * d", "start = phase + top"),
        ("start = phase + top * d", "start = top * d"),
        ("phase: int = phase)", "phase: int = 0)"),
        ("range(min(d, tiles))", "range(min(1, tiles))"),
        ("(count - 1) * d + 1, d), windows)", "(count - 1) * d + 1, 1), windows)"),
        ('scratch("lines", x.dtype, ', 'scratch("lines", np.dtype("f"), '),
        ("_fill(lines, x[some], start", "_fill(lines, x[: len(lines)], start"),
        ("strides=(each, stride * far, near, one)", "strides=(each, far, near, one)"),
        ("(at_once - 1) * geo.stride[0] + geo.extent[0]", "(at_once - 1) + geo.extent[0]"),
        ("(at_once - 1) * geo.stride[0] + geo.extent[0]", "(at_once - 1) * geo.stride[0] + geo.kernel[0]"),
        ("step = 1 if at_once == 1 else geo.dilation[0]", "step = 1"),
        ("first = r * geo.stride[0]", "first = r"),
        ("inside(first, step, x.shape[2], lines.shape[1])", "inside(first, 1, x.shape[2], lines.shape[1])"),
        ("if top > 0 or bottom < lines.shape[1]:", "if top > 0:"),
        ("lines[:, :top] = lines[:, bottom:] = 0", "lines[:, bottom:] = 0"),
        ("if along.start > 0 or along.stop < lines.shape[4]:", "if along.start > 0:"),
        ("part[..., : along.start, :] = part[..., along.stop :, :] = 0", "part[..., : along.start, :] = 0"),
        ("x[:, :, first + top * step :", "x[:, :, first + top :"),
        ("first + bottom * step : step]", "first + bottom * step]"),
    ],
    ("gather.py", "conv_paths", "conv2d_weight"): [
        ("for o in range(0, part.shape[3], step)]", "for o in range(0, part.shape[3] - step + 1, step)]"),
        ("sums[0, first] += sums[top, first]", "sums[0, first] = sums[top, first]"),
        ("sums[top, some.start] = np.concatenate(", "sums[top, 0] = np.concatenate("),
        ("sums[top, some.start] = (part @", "sums[0, some.start] = (part @"),
        (".transpose(0, 4, 2, 1, 3)", ".transpose(0, 4, 2, 3, 1)"),
        ("total[:, _seen(geo, at_once, r), ..., r]", "total[:, _seen(geo, at_once, 0), ..., r]"),
        ("for r in range(1, at_once):", "for r in range(1, at_once - 1):"),
        ("np.concatenate(parts)", "np.concatenate(parts[::-1])"),
    ],
    ("gather.py", "conv_paths", "many_filters"): [
        ("part[..., o : o + step]", "part[..., :step]"),
    ],
    ("gather.py", "conv_paths", "same_bits"): [
        ("for top, first in sorted(sums):", "for top, first in list(sums):"),
    ],
    ("gather.py", "conv_paths", "several_rows"): [
        ("if geo.output[0] % n == 0), 1)", "if geo.output[0] >= n), 1)"),
        ("if filters == 1 else 1", "if filters == 0 else 1"),
        ("ROWS = 4, 3, 2, 7, 5", "ROWS = 4, 3, 2, 5"),
    ],
    ("gather.py", "conv_not_finite", "rows_that_one"): [
        ("finite = np.isfinite(out[:, :, ::at_once].sum())", "finite = True"),
        ("out[:, :, ::at_once].sum()", "out[:, :, : out.shape[2] // 2].sum()"),
        ("_convolve(x, w, b, out, geo, 1)", "_convolve(x, w, None, out, geo, 1)"),
    ],
    ("spread.py", "conv_paths", "conv_transpose2d_takes"): [
        ("phases[:, i % stride, rows - 1 - i // stride]", "phases[:, i % stride, i // stride]"),
        ("np.zeros((G, 1, C, 1, 1), out.dtype) if b is None else", "np.zeros((G, 1, C, 1, 1), out.dtype) if True else"),
        ("part, bias[some], rows,", "part, bias[:1], rows,"),
        ("geo.stride[0], geo.padding[0][0], ow * N", "geo.stride[0], geo.padding[0][1], ow * N"),
        ("(H - 1 + above) // stride", "(H - 1) // stride"),
        ("q = first + start", "q = first"),
        ("q - rows_met + 1, count, rows_met", "q - rows_met, count, rows_met"),
        ("_windows(g[some], q", "_windows(g[: some.stop - some.start], q"),
        ("if top > 0 or bottom < lines.shape[1]:", "if bottom < lines.shape[1]:"),
        ("lines[:, :top] = lines[:, bottom:] = 0", "lines[:, :top] = 0"),
        ("g[:, :, first + top : first + bottom]", "g[:, :, top:bottom]"),
        (
            "for phase in range(stride):\n            row",
            "for phase in range(min(stride, geo.kernel[0])):\n            row",
        ),
        ("row = q * stride + phase - above", "row = q * stride + phase"),
        (
            "np.matmul(phases[some, phase, None], windows[:, top:bottom],",
            "np.matmul(phases[some, phase, None], windows[:, : bottom - top],",
        ),
        ("phases[some, phase, None]", "phases[:1, phase, None]"),
        ("out[some, :, row + top * stride :", "out[some, :, row + top :"),
        ("slice((phase - left) % stride,", "slice((phase - left) % stride + stride,"),
        ("taps(geo, 1) if tap[0] % stride == phase", "taps(geo, 1) if tap[0] == phase"),
        ("for phase in range(stride):\n        every", "for phase in range(1, stride):\n        every"),
        ("covering[0] if covering else", "sharing[0] if sharing else"),
        ("if tap is not start]", "if tap is not sharing[0]]"),
        ("np.add(b, 0 if j is None else", "np.add(0, 0 if j is None else"),
        ("np.add(part, product[..., j, positions, :], out=part)", "np.add(b, product[..., j, positions, :], out=part)"),
    ],
    ("winograd.py", "conv_paths", "conv2d_takes"): [
        ("[0, 1, -1, 2, -2, 0]", "[0, 1, -1, 2, 2, 0]"),
        ("[0, -2, -1, 2, 1, 0]", "[0, -2, -1, 2, -1, 0]"),
        ("[-1 / 6, 1 / 6, -1 / 6]", "[-1 / 6, 1 / 6, 1 / 6]"),
        ("geo.stride == geo.dilation == (1, 1)", "geo.stride == (1, 1)"),
        ("geo.stride == geo.dilation == (1, 1)", "geo.dilation == (1, 1)"),
        ("min(w.shape[:2]) >= CHANNELS", "max(w.shape[:2]) >= CHANNELS"),
        ("min(w.shape[:2]) >= CHANNELS", "min(w.shape[:2]) > CHANNELS"),
        ("geo.output[0] >= 4", "geo.output[0] >= 3"),
        ("geo.kernel[0] == 3", "geo.kernel[0] in (2, 3)"),
        ("(top, _), (left, _) = geo.padding", "(_, top), (left, _) = geo.padding"),
        ("w.transpose(2, 0, 1, 3)", "w.transpose(2, 1, 0, 3)"),
        ("np.zeros((G, O, 1), out.dtype) if b is None else b", "np.zeros((G, O, 1), out.dtype)"),
        ("out[k], *piece", "out[0], *piece"),
        ("weights[k], bias[k]", "weights[0], bias[k]"),
        ("weights[k], bias[k]", "weights[k], bias[0]"),
        ("inside(above, 1, H, len(lines))", "inside(above + top, 1, H, len(lines))"),
        ("lines[:upper] = lines[lower:] = 0", "lines[:upper] = 0"),
        ("if begin > 0 or end < wide:", "if begin > 0:"),
        ("lines[:, :, :begin] = lines[:, :, end:] = 0", "lines[:, :, :begin] = 0"),
        ("4 * first - top, pixels", "4 * first, pixels"),
        ('scratch("mixed", ', 'scratch("lines", '),
        ("columns[:, :, j] = mixed[:, :, :, j : j + ow]", "columns[:, :, j] = mixed[:, :, :, :ow]"),
        ("out[:, 4 * first : 4 * (first + count)", "out[:, : 4 * count"),
        ("results.transpose(1, 2, 0, 3, 4)", "results.transpose(1, 0, 2, 3, 4)"),
        ("-(-oh // 4)", "oh // 4"),
    ],
    ("winograd.py", "conv_paths", "two_dtypes"): [
        ("x.dtype == w.dtype and w.dtype in", "w.dtype in"),
        ("w.dtype in (np.float32, np.float64)", 'w.dtype.kind == "f"'),
    ],
    ("winograd.py", "conv_paths", "long_rows"): [
        ("slice(m, m + n)", "slice(0, n)"),
        ("divmod(first, len(pieces))", "(first // len(pieces), 0)"),
        ("pixels.start - left", "-left"),
        ("pixels, images]  # the", "pixels, :]  # the"),
    ],
    ("winograd.py", "conv_paths", "48_channels"): [
        ("CHANNELS = 48", "CHANNELS = 47"),
        ("CHANNELS = 48", "CHANNELS = 49"),
    ],
    ("winograd.py", "conv_not_finite", "not_finite"): [
        ("out[:, 0].sum() + out[:, :, 0, 0].sum()", "out[:, 0].sum()"),
        ("out[:, 0].sum() + out[:, :, 0, 0].sum()", "out[:, :, 0, 0].sum()"),
    ],
    ("winograd.py", "conv_not_finite", "bias_is_added"): [
        ("gather.convolve(x, w, b, out, geo)", "gather.convolve(x, w, None, out, geo)")
    ],
    ("geometry.py", "kernel_paths", "the_output"): [
        ("return dh * (kh - 1) + 1, dw * (kw - 1) + 1", "return dw * (kh - 1) + 1, dh * (kw - 1) + 1"),
        ("(n + sum(pad) - extent) // stride + 1", "-((extent - n - sum(pad)) // stride) + 1"),
        ("n + sum(pad) - extent", "n + 2 * pad[0] - extent"),
    ],
    ("geometry.py", "kernel_paths", "inside"): [
        ("-(first // step)", "-first // step"),
        ("(size - 1 - first) // step + 1", "(size - first) // step"),
        ("max(start, min(n, (size - 1 - first) // step + 1))", "min(n, (size - 1 - first) // step + 1)"),
    ],
    ("geometry.py", "kernel_paths", "a_pair"): [
        ("and n >= least", "and n > least"),
        ("(vertical, vertical), (horizontal, horizontal)", "(vertical, horizontal), (vertical, horizontal)"),
    ],
    ("layout.py", "kernel_paths", "batch_is_laid"): [
        ("if view.flags.c_contiguous:", "if x.flags.c_contiguous:"),
        ("range(0, view.shape[3], AT_ONCE)", "range(0, view.shape[3] - 7, AT_ONCE)"),
        ("out[start:stop, ..., n : n + AT_ONCE]", "out[: stop - start, ..., n : n + AT_ONCE]"),
        ("np.empty(view.shape, view.dtype)", 'np.empty(view.shape, "f")'),
        ("x.transpose(3, 0, 1, 2)", "x.transpose(3, 0, 2, 1)"),
    ],
    ("matmul.py", "kernel_paths", "a_product"): [
        ("len(x) == len(y) == 1", "len(x) == 1"),
        ("x.shape[:-2] == y.shape[:-2]", "len(x) == len(y)"),
        ("elif m >= n:", "elif m <= n:"),
        ("product(x[start:stop], y[start:stop],", "product(x[start:stop], y[: stop - start],"),
        ("np.multiply if x.shape[-1] == 1", "np.multiply if x.shape[-1] >= 1"),
        ("y, out=out[start:stop])", "y, out=out[: stop - start])"),
        ("out=out[:, start:stop])", "out=out[:, : stop - start])"),
        ("np.empty((*x.shape[:-1], n), np.result_type(x, y))", "np.empty((*x.shape[:-1], n), x.dtype)"),
    ],
    ("pool.py", "kernel_paths", "max_pooling"): [
        ("out[part] = -np.inf", "out[part] = 0"),
        ("yield i * geo.kernel[1] + j,", "yield i * geo.kernel[0] + j,"),
        ("from_end.dtype.type(count - number)", "from_end.dtype.type(number + 1)"),
        ("np.min_scalar_type(count)", "np.min_scalar_type(count - 1)"),
        ("geo.kernel == geo.stride and not any(map(any, geo.padding))", "geo.kernel == geo.stride"),
        ("geo.input == tuple(n * k for n, k in zip(geo.output, geo.kernel))", "geo.kernel[0] > 0"),
        ("for c in range(start, stop, step):", "for c in range(0, stop, step):"),
        ("slice(c, min(c + step, stop))", "slice(c, c + step)"),
        ("in taps(geo, 1)", "in taps(geo, 0)"),
        ("(rows, columns), (down, along)", "(rows, columns), (rows, columns)"),
    ],
    ("pool.py", "kernel_paths", "a_nan"): [
        ("np.maximum(best, x[(part, *pixels)], out=best)", "np.fmax(best, x[(part, *pixels)], out=best)"),
        ("if not from_end.all():", "if not from_end.any():"),
    ],
    ("pool.py", "corners", "a_cotangent"): [
        ("hit += masked(g[at], won)", "hit += g[at] * won"),
        ("masked(g[at], won, out=hit)", "np.multiply(g[at], won, out=hit)"),
    ],
    ("masked.py", "corners", "mask"): [
        ("np.where(mask, x, 0)", "x * mask"),
        ("np.multiply(x.view(bits), mask, out=out.view(bits))", "np.multiply(x, mask, out=out)"),
        ("mask if 0 in x.strides else x", "x"),
        ("if x.itemsize > 8:", "if x.itemsize > 16:"),
        ("shape=np.broadcast(x, mask).shape", "shape=x.shape"),
        ("first ^ second, mask", "first ^ second, True"),
        ("whole ^= second", "whole ^= first"),
        ("like.dtype).view(bits)", "float).view(bits)"),
    ],
    ("blocks.py", "blocks", "visited or arithmetic or two_dtypes or errstate"): [
        ("(block + 1) * step)", "(block + 1) * step - 1)"),
        ("-(-n // step), PASS", "n // step, PASS"),
        ("x.ndim < -from_end or x.shape[from_end] == 1", "x.ndim < -from_end"),
        ("slice(None)] * (-from_end - 1)", "slice(None)] * -from_end"),
        ("range(first.ndim) if axes is None else axes", "range(first.ndim)"),
        ("with np.errstate(**errors):", "with np.errstate():"),
        ("if not alike or np.broadcast_shapes", "if np.broadcast_shapes"),
        ("if not alike or np.broadcast_shapes(*[a.shape for a in arrays]) != x.shape:", "if not alike:"),
    ],
    ("blocks.py", "blocks", "softmax or standardised"): [("if i not in axis])", "])")],
    ("standardize.py", "blocks", "normalised"): [
        ("laid_out_as(x, w / deviation)", "1 / deviation"),
        ("        out *= factor\n        out += b\n", "        out *= factor\n"),
        ("sum_gy[...] = total_of_products(g, y, axis)", "sum_gy[...] = total_of_products(g, g, axis)"),
        ("sum_g[...] = total(g, axis, True)", "sum_g[...] = total(y, axis, True)"),
        ("out *= sum_gy / -n", "out *= sum_gy / n"),
        ("out -= sum_g / n", "out += sum_g / n"),
        ("        out += g\n", ""),
        ("out *= w * factor", "out *= factor"),
        ("(axis, block, out, g, x, mean,", "((), block, out, g, x, mean,"),
    ],
    ("standardize.py", "blocks", "standardised or scale_and_shift"): [
        ("mean[...] = total(x, axis, True) / n", "mean[...] = total(x, axis, True)"),
        ("var[...] = total_of_products(centred, centred, axis) / n", "var[...] = total_of_products(x, x, axis) / n"),
        ("block, out, x, mean, 1 / deviation)", "block, out, x, mean, deviation)"),
        ("along = total_of_products(g, y, axis) / n", "along = total_of_products(g, g, axis) / n"),
        ("        out += shift\n", ""),
        ("(axis, block, out, g, y, 1 / deviation)", "((), block, out, g, y, 1 / deviation)"),
        ("x, w, out=out)\n        out += b\n", "x, w, out=out)\n"),
        ("if not x.dtype == w.dtype == b.dtype:", "if False:"),
    ],
    ("softmax.py", "blocks", "softmax"): [
        ("x, top, out=out)\n    xp", "x, 0, out=out)\n    xp"),
        ("out /= total(out, axis, True)", "out /= total(out, axis, True) + 1"),
        ("        xp(x).subtract(x, top, out=out)  # first", "        out -= top  # first"),
        ("        out -= log_sum\n", ""),
        (
            "in_blocks_of_whole(axis, block, out, x)\n    return out\n\n\ndef log",
            "block(out, x[:1])\n    return out\n\n\ndef log",
        ),
        (
            "in_blocks_of_whole(axis, block, out, x)\n    return out\n\n\ndef exp",
            "in_blocks_of_whole((), block, out, x)\n    return out\n\n\ndef exp",
        ),
        ("total_of_products(g, y, axis)", "total_of_products(g, g, axis)"),
        ("        out *= y\n", ""),
        ("in_blocks_of_whole(axis, block, out, g, y)", "in_blocks_of_whole((), block, out, g, y)"),
    ],
    ("total.py", "blocks", "sums or statistics"): [
        ("[i for i in every if i not in axes]), axes)", "[i for i in every if i not in axes]), axes) * 1.01"),
        ("for part in (factor, every)", "for part in (x, every)"),
        ("return _total(_few((x, y), tuple(few)), axes)", "return _few((x, y), tuple(few))"),
        ("np.empty_like(x, shape=[1 if i in axes", "np.empty(dtype=x.dtype, shape=[1 if i in axes"),
        ("np.empty_like(x, shape=[1 if i in inner", "np.empty(dtype=x.dtype, shape=[1 if i in inner"),
    ],
    ("blocks.py", "blocks", "broadcasts or cut_again or numpys_bit"): [
        ("and not inside_part()", ""),
        ("x.ndim < first.ndim or not 1 < x.size < first.size", "x.ndim < first.ndim"),
        ("np.empty_like(first, x.dtype, shape=x.shape)", "np.empty(x.shape, x.dtype)"),
        ("out[...] = x\n", "out[...] = 0\n"),
        ("not isinstance(x, np.ndarray) or x.ndim < first.ndim or", "not isinstance(x, np.ndarray) or"),
    ],
    ("total.py", "blocks", "sums or scalar_products"): [
        ("out += np.vecdot(x[:, :main]", "out = np.vecdot(x[:, :main]"),
        ("np.vecdot(x[:, main:], y[:, main:])", "np.vecdot(x[:, main + 1 :], y[:, main + 1 :])"),
        ("sums.transpose(sorted(range(x.ndim), key=order.__getitem__))", "sums.transpose(order)"),
        ("out if len(inner) == len(axes) else _total(out, axes)", "out"),
    ],
    ("total.py", "total", "total_has or repeated or sixteen"): [
        ("return out if keepdims else out.squeeze(axes)", "return out"),
        ("tuple([i % x.ndim for i in axes])", "tuple(axes)"),
        ("* x.dtype.type(repeats)", "* 1"),
        ("if i in axes and x.strides[i] == 0 else", "if x.strides[i] == 0 else"),
        ("i if i <= axis else i + 1", "i if i < axis else i + 1"),
        ("if i != longest", "if i > longest"),
        ("slice(blocks * length, None)", "slice(blocks * length + 1, None)"),
        ("rest.sum(axis=axes, keepdims=True) if rest.shape[axis] else out", "0"),
        ("if i not in axes or (run and", "if i not in axes and (run and"),
        ("if i not in run]", "if i in run]"),
    ],
    ("rows.py", "rows", "rows or place or indices"): [
        (' or places.dtype.kind not in "iu"', ""),
        (" or not all(map(_is_whole, before))", ""),
        ("and part == slice(None)", ""),
        ("*range(axis), *range(axis + places.ndim, x.ndim))", "*range(axis + places.ndim, x.ndim), *range(axis))"),
        ("*range(1, axis + 1), 0,", "0, *range(1, axis + 1),"),
        ("x.dtype not in (np.float32, np.float64) or ", ""),
        ("places[places < 0] += V", "places[places < 0] = 0"),
        ("np.ones(N, x.dtype)", "np.ones(N)"),
        ("rows.reshape(N, -1)", 'rows.reshape(N, -1, order="F")'),
    ],
    ("recurrent.py", "recurrent", "states_are or linear_recurrences"): [
        ("            v[:2] += ut[:2]", "            v[:2] += ut[1:]"),
        ("            n *= r", "            n *= z"),
        ("            n += ut[2]", "            n += ut[1]"),
        (
            "module.subtract(state, n, out=new)\n            new *= z",
            "module.subtract(state, n, out=new)\n            new *= r",
        ),
        ("(E[t, a, :, start:stop] * v).sum(axis=0)", "E[t, a, 0, start:stop] * v[0]"),
        ("(D[t, a, :, start:stop] * state)", "(D[t, :, a, start:stop] * state)"),
        (
            "module.multiply(D[t, a, :, start:stop], state[a], out=term)",
            "module.multiply(D[t, :, a, start:stop], state[a], out=term)",
        ),
        ("out=back if a else v)", "out=v)"),
        ("for k in range(K):", "for k in range(K - 1):"),
        (".reshape(-1, H, H).swapaxes(1, 2)", ".reshape(-1, H, H)"),
        ("x += 0.5", "x += 0.25"),
        ("new[ended] = state[ended]", "new[~ended] = state[~ended]"),
        (
            "h.shape, xp(u)\n    w, b = by_gate(w, H), b.reshape(3, 1, H)",
            "h.shape, xp(u)\n    w, b = by_gate(w, H), b.reshape(3, 1, H)[::-1]",
        ),
        ("        parallel(part, N, work // 4)", "        part(0, N - 1)"),
    ],
    ("recurrent.py", "recurrent", "linear_recurrences"): [
        (
            "out = q.copy()\n\n    def part(start: int, stop: int) -> None:\n        v, back",
            "out = q\n\n    def part(start: int, stop: int) -> None:\n        v, back",
        ),
        ("reversed(range(T)):\n            state, new", "range(T):\n            state, new"),
    ],
    ("recurrent.py", "recurrent", "gradient_of_a_layer"): [
        ("backward = w.reshape(3, H, H)", "backward = w.T.reshape(3, H, H)"),
        ("gvt[:, ended] = gu_nt[ended] = 0", "gvt[:, ended] = 0"),
        ("gvt[:, ended] = gu_nt[ended] = 0", "gu_nt[ended] = 0"),
        ("            gu_nt *= G\n", ""),
        ("zt[ended] = 1", "zt[ended] = 0"),
        ("G *= zt", "G *= gu_nt"),
        ("(*back, g[t, start:stop])", "(*back[:2], g[t, start:stop])"),
        ("gh[start:stop] = G", "gh[start:stop] = g[0, start:stop]"),
        ("G = g[T, start:stop].copy()", "G = g[T, start:stop]"),
        ("weights_receive(gv, states[:-1])", "weights_receive(gv, states[1:])"),
        ("    gv[:, 2] = gu_n ", "    gv[:, 1] = gu_n "),
        ("gates = v[:, :2] + u[start:stop, :2]", "gates = v[:, :2] + u[start:stop, 1:]"),
        ("by_n = (1 - z) * (1 - n * n)", "by_n = z * (1 - n * n)"),
        ("by_n * v_n, r * (1 - r)", "by_n * n, r * (1 - r)"),
        ("module.multiply(before - n, z", "module.multiply(n - before, z"),
        ("module.multiply(by_n, r, out", "module.multiply(by_n, z, out"),
        ("in_parts(part, u, T, 4 * T", "in_parts(part, u, T - 1, 4 * T"),
        ("gb[k] = total(received, 0)", "gb[k] = received[0]"),
        ("received = module.ascontiguousarray(gv[:, k])", "received = module.ascontiguousarray(gv[:, 0])"),
        ("in_parts(part, gv, K, 4", "in_parts(part, gv, K - 1, 4"),
    ],
    ("lstm.py", "recurrent", "states_are"): [
        ("i, f, g, o = v", "f, i, g, o = v"),
        ("i, f, g, o = v", "i, f, o, g = v"),
        (
            "v += u[t, :, start:stop]\n            sigmoid_in_place(v[:2])",
            "v += u[t, :, start:stop]\n            sigmoid_in_place(v[:1])",
        ),
        ("f *= state[1]", "f *= state[0]"),
        ("new[0] *= o", "new[0] *= i"),
        ("new[:, ended] = state[:, ended]", "new[:1, ended] = state[:1, ended]"),
        (
            "h.shape, xp(u)\n    w, b = by_gate(w, H), b.reshape(4, 1, H)",
            "h.shape, xp(u)\n    w, b = by_gate(w, H), b.reshape(4, 1, H)[::-1]",
        ),
    ],
    ("lstm.py", "recurrent", "gradient_of_a_layer"): [
        ("backward = w.reshape(4, H, H)", "backward = w.T.reshape(4, H, H)"),
        ("G = g[T, :, start:stop].copy()", "G = g[T, :, start:stop]"),
        ("gut[:, ended] = 0", "gut[:3, ended] = 0"),
        ("gut[3] *= G[0]", "gut[3] *= G[1]"),
        ("            G[1] += term\n", ""),
        ("gut[:3] *= G[1]", "gut[:2] *= G[1]"),
        ("module.sum(back, axis=0", "module.sum(back[1:], axis=0"),
        ("            G[1] *= f[t, start:stop]\n", ""),
        ("G[:, ended] = held", "G[0, ended] = held[0]"),
        ("G += g[t, :, start:stop]", "G[0] += g[t, 0, start:stop]"),
        ("first[:, start:stop] = G", "first[:, start:stop] = g[0, :, start:stop]"),
        ("weights_receive(gu, states[:-1, 0])", "weights_receive(gu, states[:-1, 1])"),
        ("module.matmul(states[start:stop, :1], forward)", "module.matmul(states[start:stop, 1:], forward)"),
        ("v += u[start:stop]", "v -= u[start:stop]"),
        ("states[start + 1 : stop + 1, 1]", "states[start:stop, 1]"),
        ("module.multiply(new, i * (1 - i), out", "module.multiply(f, i * (1 - i), out"),
        ("states[start:stop, 1], f * (1 - f)", "states[start:stop, 0], f * (1 - f)"),
        ("module.multiply(i, 1 - new * new, out", "module.multiply(i, 1 - new, out"),
        ("module.multiply(shown, o * (1 - o), out", "module.multiply(shown, i * (1 - i), out"),
        ("1 - shown * shown", "1 + shown * shown"),
        ("gates_f[start:stop] = f", "gates_f[start:stop] = i"),
        ("in_parts(part, u, T, 4 * T", "in_parts(part, u, T - 1, 4 * T"),
    ],
    ("recurrent_definitions.py", "recurrent", "of_pytorch or states_are or recurrences or jacobian or adjoint"): [
        ("(1 - z) * new + z * out[t, n, i] if", "z * new + (1 - z) * out[t, n, i] if"),
        ("u[t, 2, n, i] + r * v[2]", "r * (u[t, 2, n, i] + v[2])"),
        ("_sigmoid(f) * out[t, 1, n, j]", "_sigmoid(i) * out[t, 1, n, j]"),
        ("_sigmoid(o) * math.tanh(cell), cell)", "_sigmoid(o) * cell, cell)"),
        ('"aibj,ai->bj"', '"aibj,bj->ai"'),
        ("t = T - 1 - t", "pass"),
        ("if i == j:", "if True:"),
        ("range(K if b == 0 else 0)", "range(K)"),
        ("E[a, k, i] * w[k * H + i, j]", "E[a, k, i] * w[k * H + j, i]"),
        ("return b[row] + sum(", "return sum("),
        ("1 / (1 + math.exp(-x))", "1 / (1 + math.exp(x))"),
    ],
    ("grid_sample.py", "kernel_paths", "sampling"): [
        ("out[c, some] = matrix @ pixels[c]", "out[c, some] = matrix @ pixels[0]"),
        ("twist = s11 - s10 - s01 + s00", "twist = s11 - s10 - s01 - s00"),
        ("s10 - s00 + (w01 + w11) * twist", "s10 - s00 + (w10 + w11) * twist"),
        ("slopes[some, 1], out=out[some, 1]", "slopes[some, 0], out=out[some, 1]"),
        ("places[some] - images.start * plane", "places[some] * 0"),
        ("out[c, images] = padded[:, 1:-1, 1:-1]", "out[c, images] = padded[:, :-2, 1:-1]"),
        ("spread(slice(0, N), range(start, stop))", "spread(slice(0, N), range(start, start + 1))"),
        ("spread(images, range(C))", "spread(images, range(1))"),
        ("[(above, left), (above, a), (b, left), (b, a)]", "[(above, left), (b, left), (above, a), (b, a)]"),
        ("first += before[some]", "first += before[0]"),
        ("padded[:, start:stop, 1:-1, 1:-1] = x", "padded[:, start:stop, 1:-1, :-2] = x"),
        ("first *= W + 2", "first *= W"),
        ("return 0, 1, W + 2, W + 3", "return 0, 1, W + 1, W + 2"),
        ("(n - 1) / 2 if align_corners else n / 2", "n / 2 if align_corners else (n - 1) / 2"),
        ("p += (n + 1) / 2", "p += n / 2"),
        ("p.clip(0, n + 1, out=p)", "p.clip(0, n, out=p)"),
        ('padding_mode == "reflection" and scale > 0', 'padding_mode == "reflection"'),
        ("(1, n - 1) if align_corners else (0.5, n)", "(0, n - 1) if align_corners else (0.5, n)"),
        ("% (2 * span)", "% span"),
        ("where((from_mirror >= 0) == (phase < span),", "where(phase < span,"),
        ("return p.clip(1, n, out=p), slope * inside", "return p.clip(1, n, out=p), slope"),
        ("plane = (size[0] + 2) * (size[1] + 2)", "plane = size[0] * size[1]"),
    ],
    ("grid_sample.py", "kernel_paths", "places_are_counted"): [
        ("np.int32 if most < 1 << 31 else np.int64", "np.int32"),
        ("np.int32 if most < 1 << 31 else np.int64", "np.int64"),
        ("max(N * plane, 4 * N * oh * ow)", "4 * N * oh * ow"),
    ],
    ("grid_sample.py", "kernel_paths", "corners_that_are_known"): [
        ("corners = corners or find_corners(", "corners = find_corners("),
        ("places, weights, slopes = corners or find_corners(", "places, weights, slopes = find_corners("),
        ("places, weights, _ = corners or find_corners(", "places, weights, _ = find_corners("),
    ],
    ("grid_sample.py", "kernel_paths", "at_the_rim"): [
        ("(p >= 0) & (p < n + 1)", "(p > 0) & (p < n + 1)"),
        ("(p > 1) & (p < n)", "(p >= 1) & (p < n)"),
    ],
    ("threads.py", "kernel_paths", "every_thread"): [
        ("[n * i // count for i in range(count + 1)]", "[n // count * i for i in range(count + 1)]"),
        ("min(thread_count(), n)", "thread_count()"),
        ("work >= SMALL", "work > SMALL"),
    ],
    ("threads.py", "kernel_paths", "scratch_memory"): [
        ("if name not in memory or memory[name].size < size:", "if name not in memory:"),
        ("class _Own(threading.local):", "class _Own:"),
    ],
    ("threads.py", "threads", "part"): [
        ("while len(answers) <= len(rest):", "while len(answers) < len(rest):"),
        ("_take()  # left by", "break  # left by"),
        ("raise error", "return"),
    ],
    ("threads.py", "conv", "of_blas"): [
        ("[1] * len(setters)", "before"),
        ("        list(undo)", "        pass"),
    ],
}

BROKEN = 99  # the exit status of a process that did not get as far as pytest's own
PATIENCE = 60  # seconds for one fault: one that hangs has not been found


def planted(file, right, wrong):
    """Return the text of minigrad/kernels/file with a fault in it. LookupError if its place is not there just once."""
    text = (KERNELS / file).read_text(encoding="utf-8")
    if text.count(right) != 1:
        raise LookupError(f"{file} holds {text.count(right)} times, not once: {right}")
    return text.replace(right, wrong)


class Planted(importlib.machinery.SourceFileLoader):
    """Import one module of the kernels from another text than that of its file."""

    def __init__(self, file, text):
        super().__init__(f"minigrad.kernels.{file.removesuffix('.py')}", str(KERNELS / file))
        self.text = text

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name == self.name else None

    def get_code(self, name):
        return compile(self.text, self.path, "exec", dont_inherit=True)


def run_tests(file, text, name, select):
    """Run tests of the kernels against a changed text of one, in a forked process; return pytest's status and output.

    The process that calls this must not have imported minigrad yet.
    """
    assert "minigrad" not in sys.modules
    with tempfile.TemporaryFile("w+") as output:
        child = os.fork()
        if child == 0:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
            _child(Planted(file, text), f"tests/test_{name}.py", select)
        status = _wait(child)
        output.seek(0)
        return status, output.read()


def _child(finder, tests, select):
    """Run pytest until a test fails, and end the process with its status, or with BROKEN."""
    status = BROKEN
    try:
        sys.meta_path.insert(0, finder)
        status = int(pytest.main(["-xq", "--tb=line", "--assert=plain", "-p", "no:cacheprovider", "-k", select, tests]))
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def _wait(child):
    """Return a child's exit status, or -9 once it has been killed because it hangs."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.01)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return -signal.SIGKILL


def serve():
    """Answer each line of stdin, [file, text, name, select] in JSON, by a line [exit status, output] of pytest's."""
    for name in ("numpy", "hypothesis", "scipy.sparse", "scipy.special", "threadpoolctl"):
        importlib.import_module(name)  # once, for all that are forked
    for line in sys.stdin:
        print(json.dumps(run_tests(*json.loads(line))), flush=True)


if __name__ == "__main__":
    serve()
