"""Transposed convolution by spreading: every number of g into the window it came from, without inserted zeros.

Row q of g, times the kernel's row i, falls on output row q s + i - above. Of stride 2, kernel rows 0 to 3, above = 0:

    output row    0   1   2   3   4   5   6   7
    g row 0       0   1   2   3                       output row 4: kernel row 2 of g row 1, 0 of g row 2
    g row 1               0   1   2   3               output row 5: kernel row 3 of g row 1, 1 of g row 2
    g row 2                       0   1   2   3

So an output row meets a phase of the kernel alone, every s-th of its rows, and as many consecutive rows of g. Those are
one matrix where the rows of g lie in memory one after the other, and the next matrix overlaps it:

    memory      | g row 0 | g row 1 | g row 2 | ..      each O lines of ow N numbers
    window 1    |<----- 2 O lines ->|                   for output rows 2 and 3
    window 2              |<----- 2 O lines ->|         for output rows 4 and 5

One product, phase (C kw, 2 O) @ window (2 O, ow N), gives what each column of the kernel adds to an output row; these
are then added at their places, shifted and s apart.
"""

from __future__ import annotations

import numpy as np

from .geometry import Geometry, inside, taps
from .layout import LINES, SPARE, for_blocks
from .threads import scratch


def convolve_transposed(g: np.ndarray, w: np.ndarray, b: np.ndarray | None, out: np.ndarray, geo: Geometry) -> None:
    """Fill out (G,C,H,W,N) with the transposed convolution of g (G,O,oh,ow,N), + b (G,C,1) if given."""
    G, O, oh, ow, N = g.shape
    C, H = out.shape[1:3]
    stride, above, line = geo.stride[0], geo.padding[0][0], ow * N
    phases, rows_met = _phases(w, stride, out.dtype)
    lines = phases.shape[2]  # C kw
    bias = np.zeros((G, 1, C, 1, 1), out.dtype) if b is None else b[:, None, :, :, None]
    written, added = _columns(geo)

    # row q of g is the last one that meets output rows q s - above + phase; q runs beyond g where only earlier ones do
    first, last = above // stride, (H - 1 + above) // stride
    fit = LINES // max(1, (lines + O) * line)

    def block(some: slice, start: int, count: int) -> None:
        q = first + start
        windows = _windows(g[some], q - rows_met + 1, count, rows_met, out.dtype)
        product = scratch("product", out.dtype, len(windows), count, lines, line + SPARE)[..., :line]
        for phase in range(stride):
            row = q * stride + phase - above  # the output row of the first window
            top, bottom = inside(row, stride, H, count)
            if top < bottom:
                part = np.matmul(phases[some, phase, None], windows[:, top:bottom], out=product[:, top:bottom])
                rows = out[some, :, row + top * stride : row + bottom * stride : stride].swapaxes(1, 2)  # (G,n,C,W,N)
                part = part.reshape(*part.shape[:2], C, geo.kernel[1], ow, N)
                _add_columns(part, bias[some], rows, written, added)

    for_blocks(block, G, last + 1 - first, fit, w.size * oh * line)


def _phases(w: np.ndarray, stride: int, dtype: np.dtype) -> tuple[np.ndarray, int]:
    """Return the phases of w (G,O,C,kh,kw) as matrices (G, stride, C kw, rows O), and how many kernel rows each has.

    The last kernel row stands first, beside the first row of g. Where the stride does not divide kh some are zeros.
    """
    G, O, C, kh, kw = w.shape
    rows = -(-kh // stride)
    phases = np.zeros((G, stride, rows, O, C, kw), dtype)
    for i in range(kh):
        phases[:, i % stride, rows - 1 - i // stride] = w[:, :, :, i]
    return phases.reshape(G, stride, rows * O, C * kw).swapaxes(2, 3), rows


def _windows(g: np.ndarray, first: int, count: int, rows: int, dtype: np.dtype) -> np.ndarray:
    """Return (G, count, rows O, ow N): so many rows of g (G,O,oh,ow,N) from row first on, from first + 1 on, ..

    Rows that g does not have are zeros. All share the memory of the drawing above.
    """
    G, O, oh, ow, N = g.shape
    line = ow * N
    lines = scratch("lines", dtype, G, count + rows - 1, O, line + SPARE)
    top, bottom = inside(first, 1, oh, lines.shape[1])
    if top > 0 or bottom < lines.shape[1]:
        lines[:, :top] = lines[:, bottom:] = 0
    held = lines[:, top:bottom, :, :line].reshape(G, bottom - top, O, ow, N)
    held[...] = g[:, :, first + top : first + bottom].swapaxes(1, 2)
    each, far, near, one = lines.strides
    return np.ndarray((G, count, rows * O, line), dtype, lines, strides=(each, far, near, one))


Columns = tuple[int | None, slice, slice]  # a Tap, or None for no column of the kernel


def _columns(geo: Geometry) -> tuple[list[Columns], list[Columns]]:
    """Return the kernel columns (j, output positions, image columns) to write, and those to add to what is written.

    Those of one j mod s fall on the same image columns. The first that covers all of these is written, with the bias
    added; where none does, (None, no positions, all of these) is, the bias alone. So nothing need be zeroed before.
    """
    stride, left, width = geo.stride[1], geo.padding[1][0], geo.input[1]
    written: list[Columns] = []
    added: list[Columns] = []
    for phase in range(stride):
        everywhere = slice((phase - left) % stride, width, stride)
        sharing = [tap for tap in taps(geo, 1) if tap[0] % stride == phase]
        covering = [tap for tap in sharing if range(width)[tap[2]] == range(width)[everywhere]]
        start = covering[0] if covering else (None, slice(0), everywhere)
        written.append(start)
        added += [tap for tap in sharing if tap is not start]
    return written, added


def _add_columns(
    product: np.ndarray, b: np.ndarray, out: np.ndarray, written: list[Columns], added: list[Columns]
) -> None:
    """Fill out (G,n,C,W,N) with b (G,1,C,1,1) + the kernel columns of product (G,n,C,kw,ow,N), as _columns says."""
    for j, positions, columns in written:
        np.add(b, 0 if j is None else product[..., j, positions, :], out=out[..., columns, :])
    for j, positions, columns in added:
        part = out[..., columns, :]
        np.add(part, product[..., j, positions, :], out=part)
