"""Transposed convolution by spreading: every number of g into the window it came from, without inserted zeros.

Output row h meets the kernel rows i = a, a + s, a + 2s, .. alone, a = (h + pad) mod s, and those meet consecutive rows
of g: seen as a matrix with overlapping rows they need no copy, and one product gives all kernel columns of row h, which
are then added at their places.
"""

from __future__ import annotations

import numpy as np

from .geometry import Geometry, inside
from .threads import BLOCK, parallel, scratch


def convolve_transposed(g: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (C,H,W,N) with the transposed convolution of g (O,oh,ow,N), + b (C,1) if given."""
    O, oh, ow, N = g.shape
    C, H = out.shape[:2]
    (kh, kw), s, above, row = geo.kernel, geo.stride[0], geo.padding[0][0], ow * N
    M = -(-kh // s)  # kernel rows that an output row meets
    phases = np.zeros((s, M, O, C, kw), out.dtype)  # [a]: the kernel rows a + s m, the last one first
    for i in range(kh):
        phases[i % s, M - 1 - i // s] = w[:, :, i]
    phases = phases.reshape(s, M * O, C * kw).swapaxes(1, 2)
    bias = np.zeros((C, 1, 1), out.dtype) if b is None else b[:, None]
    taps = _taps_of_columns(geo)
    first, last = above // s, (H - 1 + above) // s  # row q of g is the last that meets output rows q s + a - above
    step = max(1, 2 * BLOCK // max(1, (C * kw + O) * row))

    def some(start: int, stop: int) -> None:
        for q in range(first + start, first + stop, step):
            n = min(step, first + stop - q)
            lines = scratch("lines", out.dtype, n + M - 1, O, row + 16)
            top, bottom = inside(q - M + 1, 1, oh, len(lines))
            if top > 0 or bottom < len(lines):
                lines[:top] = lines[bottom:] = 0
            held = lines[top:bottom, :, :row].reshape(bottom - top, O, ow, N)
            held[...] = g[:, q - M + 1 + top : q - M + 1 + bottom].swapaxes(0, 1)
            far, near, one = lines.strides
            windows = np.ndarray((n, M * O, row), out.dtype, lines, strides=(far, near, one))
            product = scratch("product", out.dtype, n, C * kw, row + 16)[..., :row]
            for a in range(s):
                h = q * s + a - above
                top, bottom = inside(h, s, H, n)
                if top < bottom:
                    part = np.matmul(phases[a], windows[top:bottom], out=product[top:bottom])
                    rows = out[:, h + top * s : h + (bottom - 1) * s + 1 : s].swapaxes(0, 1)
                    _add_columns(part.reshape(bottom - top, C, kw, ow, N), bias, rows, *taps)

    parallel(some, last + 1 - first, w.size * oh * row)


Tap = tuple[int | None, slice, slice]


def _taps_of_columns(geo: Geometry) -> tuple[list[Tap], list[Tap]]:
    """Return the kernel columns (j, output positions, image columns) to write, and those to add to what is written.

    Kernel column j of position q falls on image column q s + j - left. Those of one j mod s share columns; if one of
    them covers them all it is written, else (None, no positions, columns): there the bias is.
    """
    (s, left), W, ow = (geo.stride[1], geo.padding[1][0]), geo.input[1], geo.output[1]
    written: list[Tap] = []
    added: list[Tap] = []
    for phase in range(s):
        taps: list[Tap] = [(None, slice(0), slice((phase - left) % s, W, s))]
        for j in range(phase, geo.kernel[1], s):
            start, stop = inside(j - left, s, W, ow)
            at = start * s + j - left
            if start < stop:
                taps.append((j, slice(start, stop), slice(at, at + (stop - start - 1) * s + 1, s)))
        covered = [len(range(W)[columns]) for _, _, columns in taps]
        widest = max(range(1, len(taps)), key=covered.__getitem__, default=0)
        if covered[widest] < covered[0]:
            widest = 0
        written.append(taps[widest])
        added += [tap for i, tap in enumerate(taps) if i not in (0, widest)]
    return written, added


def _add_columns(product: np.ndarray, b: np.ndarray, out: np.ndarray, written: list[Tap], added: list[Tap]) -> None:
    """Fill out (n,C,W,N) with b (C,1,1) + the kernel columns of product (n,C,kw,ow,N), as _taps_of_columns says."""
    for j, positions, columns in written:
        np.add(b, 0 if j is None else product[:, :, j, positions], out=out[:, :, columns])
    for j, positions, columns in added:
        part = out[:, :, columns]
        np.add(part, product[:, :, j, positions], out=part)
