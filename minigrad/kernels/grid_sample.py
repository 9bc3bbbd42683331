"""Bilinear sampling on the CPU: reading an image between its pixels, and the gradients to the grid and to the image.

A point lies between four pixels, its corners, at (a, b) in [0, 1] rightwards and downwards from the first of them:

    x00 -- a -->|         x01
     |          |
     b          |               out = (1-b) ((1-a) x00 + a x01) + b ((1-a) x10 + a x11)
     |          |
     v ---------*

    x10                   x11

The image is surrounded by one pixel of zeros, so that all four exist, and what lies further out is clipped to its rim.
A plane of 2 x 3 pixels, its places numbered as they lie in memory; the corners of a point at 6 are 6, 7, 11 and 12:

     0  1  2  3  4
     5 [6  7  8] 9
    10[11 12 13]14
    15 16 17 18 19

Sampling a channel is a product with a sparse matrix, which has a row for each point: the weights of its corners, in the
columns of their places. The gradient to the image is the product with the transposed matrix. SciPy computes either
without holding the interpreter, so all cores can. The corners are the same for all channels and for both gradients, and
are found once.

The definitions of all three kernels, pixel by pixel, stand in definitions.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..backend import Array, xp
from .geometry import Pair
from .threads import parallel, scratch, thread_count

BLOCK = 1 << 15  # so many points at a time keep, with their corners, to a core's cache


class Corners(NamedTuple):
    """The corners of P points, among the pixels that a channel has in all images, one image after the other."""

    places: np.ndarray  # (P,4): where they are
    weights: np.ndarray  # (P,4): how much of each is seen
    slopes: np.ndarray  # (P,2): d a / d grid x and d b / d grid y


def grid_sample(
    x: np.ndarray, grid: np.ndarray, padding_mode: str, align_corners: bool, corners: Corners | None = None
) -> np.ndarray:
    """Return x at the points of grid. x (N,C,H,W), grid (N,oh,ow,2), holding (x, y) in [-1, 1] -> (N,C,oh,ow).

    corners: what find_corners returns for this grid, if it is known.
    """
    corners = corners or find_corners(grid, x.shape[2:], padding_mode, align_corners)
    pixels = _padded(x)
    C, P = len(pixels), len(corners.places)
    out = np.empty((C, P), x.dtype)

    def sample(some: slice) -> None:
        matrix = _matrix(corners.weights[some], corners.places[some], pixels.shape[1])
        for c in range(C):
            out[c, some] = matrix @ pixels[c]

    _in_blocks(sample, P, 1, 16.0 * out.size)
    return out.reshape(C, *grid.shape[:3]).swapaxes(0, 1)  # (C,N,oh,ow) -> (N,C,oh,ow)


def grid_sample_grid(
    g: np.ndarray,
    x: np.ndarray,
    grid: np.ndarray,
    padding_mode: str,
    align_corners: bool,
    corners: Corners | None = None,
) -> np.ndarray:
    """Return the gradient of sum g * grid_sample(x, grid) with respect to grid. g (N,C,oh,ow) -> (N,oh,ow,2)."""
    places, weights, slopes = corners or find_corners(grid, x.shape[2:], padding_mode, align_corners)
    pixels, rows = _padded(x), _rows(g)
    out = np.empty(slopes.shape, grid.dtype)

    def differentiate(some: slice) -> None:
        # channels count together: s is the sum of g x over them, for each corner of each point
        values = scratch("corner values", x.dtype, len(pixels), some.stop - some.start)
        s00, s01, s10, s11 = (
            # every index is legal; mode "clip" does not check before it takes them
            np.einsum("cp,cp->p", pixels.take(corner, 1, values, "clip"), rows[:, some])
            for corner in np.ascontiguousarray(places[some].T, np.intp)
        )
        # d/da and d/db of the formula above, then by the chain rule d/dgrid
        _, w01, w10, w11 = weights[some].T
        twist = s11 - s10 - s01 + s00
        by_a = s01 - s00 + (w10 + w11) * twist  # w10 + w11 = b
        by_b = s10 - s00 + (w01 + w11) * twist  # w01 + w11 = a
        np.multiply(by_a, slopes[some, 0], out=out[some, 0])
        np.multiply(by_b, slopes[some, 1], out=out[some, 1])

    _in_blocks(differentiate, len(out), 1, 16.0 * g.size)
    return out.reshape(grid.shape)


def grid_sample_input(
    g: np.ndarray,
    grid: np.ndarray,
    input_shape: tuple[int, ...],
    padding_mode: str,
    align_corners: bool,
    corners: Corners | None = None,
) -> np.ndarray:
    """Return the gradient of sum g * grid_sample(x, grid) with respect to x, of input_shape. g (N,C,oh,ow).

    What falls on a pixel is added up one number after the other, in the dtype of g.
    """
    N, C, H, W = input_shape
    places, weights, _ = corners or find_corners(grid, (H, W), padding_mode, align_corners)
    rows = _rows(g)
    plane, points = (H + 2) * (W + 2), grid.shape[1] * grid.shape[2]  # of an image
    out = np.empty((C, N, H, W), g.dtype)

    def spread(images: slice, channels: range) -> None:
        some = slice(images.start * points, images.stop * points)
        n = images.stop - images.start
        matrix = _matrix(weights[some], places[some] - images.start * plane, n * plane).T
        for c in channels:
            padded = (matrix @ rows[c, some]).reshape(n, H + 2, W + 2)
            out[c, images] = padded[:, 1:-1, 1:-1]

    # an image's points are kept together, as many of them may fall on one pixel
    if thread_count() > N:
        parallel(lambda start, stop: spread(slice(0, N), range(start, stop)), C, 16.0 * g.size)
    else:
        _in_blocks(lambda images: spread(images, range(C)), N, points, 16.0 * g.size)
    return out.swapaxes(0, 1)


# ---- where a point lies ----------------------------------------------------------------------------------------------


def locate(grid: Array, size: Pair, padding_mode: str, align_corners: bool) -> tuple[Array, Array, Array, Array]:
    """Return the first corners of the points of grid, their distances (a, b) from it, and the slopes of (a, b).

    grid (N,oh,ow,2); size (H,W) of the image. First corners (N,oh,ow): positions in the plane (H+2)(W+2) that is
    surrounded by zeros; a, b (N,oh,ow); slopes (N,oh,ow,2): d a / d grid x and d b / d grid y.
    """
    H, W = size
    a, slope_x = _pixel(grid[..., 0], W, padding_mode, align_corners)
    b, slope_y = _pixel(grid[..., 1], H, padding_mode, align_corners)
    column, row = _floor(a, W), _floor(b, H)
    a -= column
    b -= row
    first = row.astype(np.intp)
    first *= W + 2
    first += column.astype(np.intp)
    return first, a, b, xp(grid).stack([slope_x, slope_y], axis=-1)


def corner_offsets(W: int) -> tuple[int, int, int, int]:
    """Return where the four corners are, counted from the first of them, in planes W + 2 wide."""
    return 0, 1, W + 2, W + 3


def _pixel(c: Array, n: int, padding_mode: str, align_corners: bool) -> tuple[Array, Array]:
    """Return where c in [-1, 1] lies along n pixels, numbered from 1 with zeros at 0 and n + 1; and its slope in c.

    -1 and 1 are the centres of the outer pixels with align_corners, else their outer edges.
    """
    scale = slope = c.dtype.type((n - 1) / 2 if align_corners else n / 2)
    p = c * scale
    p += (n + 1) / 2
    if padding_mode == "zeros":
        inside = (p >= 0) & (p < n + 1)
        return p.clip(0, n + 1, out=p), slope * inside
    if padding_mode == "reflection" and scale > 0:  # back and forth between the mirrors: a triangle wave
        # mirror: the first of two, span apart
        mirror, span = (1, n - 1) if align_corners else (0.5, n)
        from_mirror = p - mirror
        phase = xp(c).abs(from_mirror) % (2 * span)
        p = xp(c).minimum(phase, 2 * span - phase) + mirror
        slope = xp(c).where((from_mirror >= 0) == (phase < span), scale, -scale)
    inside = (p > 1) & (p < n)
    return p.clip(1, n, out=p), slope * inside


def _floor(p: Array, n: int) -> Array:
    """Round p down to the first corner, at most n, for there is a second one; a NaN to 0, for the index's sake."""
    corner = xp(p).fmax(p, 0)
    xp(p).fmin(corner, n, out=corner)
    return xp(p).floor(corner, out=corner)


# ---- all points, all images ------------------------------------------------------------------------------------------


def find_corners(grid: np.ndarray, size: Pair, padding_mode: str, align_corners: bool) -> Corners:
    """Return the corners of the points of grid (N,oh,ow,2) in images of this size, surrounded by zeros."""
    N, oh, ow = grid.shape[:3]
    plane = (size[0] + 2) * (size[1] + 2)
    lines = grid.reshape(N * oh, ow, 2)
    before = (np.arange(N) * plane).repeat(oh)[:, None]  # the pixels of the images before that of a line

    most = max(N * plane, 4 * N * oh * ow)  # that a matrix counts up to
    places = np.empty((*lines.shape[:2], 4), np.int32 if most < 1 << 31 else np.int64)
    weights = np.empty(places.shape, grid.dtype)
    slopes = np.empty_like(lines)

    def find(some: slice) -> None:
        first, a, b, slopes[some] = locate(lines[some], size, padding_mode, align_corners)
        first += before[some]
        for k, offset in enumerate(corner_offsets(size[1])):
            np.add(first, offset, out=places[some, :, k], casting="same_kind")
        left, above = 1 - a, 1 - b
        for k, (down, right) in enumerate([(above, left), (above, a), (b, left), (b, a)]):
            np.multiply(down, right, out=weights[some, :, k])

    _in_blocks(find, N * oh, ow, 64.0 * N * oh * ow)
    return Corners(places.reshape(-1, 4), weights.reshape(-1, 4), slopes.reshape(-1, 2))


def _matrix(weights: np.ndarray, places: np.ndarray, pixels: int) -> Any:
    """Return the matrix that takes a channel's pixels to the points whose corners (P,4) are given."""
    from scipy.sparse import csr_array  # takes time to import, and most programs do without

    starts = np.arange(0, places.size + 1, 4, dtype=places.dtype)
    return csr_array((weights.ravel(), places.ravel(), starts), shape=(len(places), pixels))


def _in_blocks(f: Callable[[slice], None], n: int, points: int, work: float) -> None:
    """Call f on slices of range(n), each step of which means so many points, on all cores."""
    step = max(1, BLOCK // max(1, points))

    def blocks(start: int, stop: int) -> None:
        for i in range(start, stop, step):
            f(slice(i, min(i + step, stop)))

    parallel(blocks, n, work)


def _padded(x: np.ndarray) -> np.ndarray:
    """Surround images by zeros: (N,C,H,W) -> (C, N (H+2) (W+2))."""
    N, C, H, W = x.shape
    padded = np.zeros((C, N, H + 2, W + 2), x.dtype)

    def fill(start: int, stop: int) -> None:
        padded[:, start:stop, 1:-1, 1:-1] = x[start:stop].swapaxes(0, 1)

    parallel(fill, N, 8.0 * x.size)
    return padded.reshape(C, N * (H + 2) * (W + 2))


def _rows(g: np.ndarray) -> np.ndarray:
    """(N,C,oh,ow) -> (C, N oh ow)."""
    N, C, oh, ow = g.shape
    return g.swapaxes(0, 1).reshape(C, N * oh * ow)
