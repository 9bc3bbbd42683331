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

The definitions of all three kernels, pixel by pixel, stand in definitions.py.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backend import Array, xp
from .geometry import Pair
from .threads import parallel

BLOCK = 1 << 17  # so many samples at a time stay, with all that they need, in the cache


def grid_sample(x: np.ndarray, grid: np.ndarray, padding_mode: str, align_corners: bool) -> np.ndarray:
    """Return x at the points of grid. x (N,C,H,W), grid (N,oh,ow,2), holding (x, y) in [-1, 1] -> (N,C,oh,ow)."""
    out = np.empty((*x.shape[:2], *grid.shape[1:3]), x.dtype)

    def sample(some: slice) -> None:
        first, a, b, _ = _locate_all(grid[some], x.shape[2:], padding_mode, align_corners)
        x00, x01, x10, x11 = _corner_values(x[some], first)
        values = _between(_between(x00, x01, a), _between(x10, x11, a), b)
        values = values.reshape(x.shape[1], len(out[some]), *out.shape[2:])  # (C, N oh ow) -> (C,N,oh,ow)
        out[some] = values.swapaxes(0, 1)

    _in_blocks(sample, out.shape)
    return out


def grid_sample_grid(
    g: np.ndarray, x: np.ndarray, grid: np.ndarray, padding_mode: str, align_corners: bool
) -> np.ndarray:
    """Return the gradient of sum g * grid_sample(x, grid) with respect to grid. g (N,C,oh,ow) -> (N,oh,ow,2)."""
    out = np.empty(grid.shape, grid.dtype)

    def differentiate(some: slice) -> None:
        first, a, b, slopes = _locate_all(grid[some], x.shape[2:], padding_mode, align_corners)
        rows = _rows(g[some])
        # channels count together: s is the sum of g x over them, for each corner of each point
        s00, s01, s10, s11 = (np.einsum("cp,cp->p", corner, rows) for corner in _corner_values(x[some], first))
        # d/da and d/db of the formula above, then by the chain rule d/dgrid
        twist = s11 - s10 - s01 + s00
        change = np.stack([s01 - s00 + b * twist, s10 - s00 + a * twist], axis=-1)  # (P,2)
        out[some] = change.reshape(slopes.shape) * slopes

    _in_blocks(differentiate, g.shape)
    return out


def grid_sample_input(
    g: np.ndarray, grid: np.ndarray, input_shape: tuple[int, ...], padding_mode: str, align_corners: bool
) -> np.ndarray:
    """Return the gradient of sum g * grid_sample(x, grid) with respect to x, of input_shape. g (N,C,oh,ow)."""
    C, H, W = input_shape[1:]
    out = np.empty(input_shape, g.dtype)

    def spread(some: slice) -> None:
        first, a, b, _ = _locate_all(grid[some], (H, W), padding_mode, align_corners)
        rows = _rows(g[some])
        places = len(out[some]) * (H + 2) * (W + 2)
        padded = np.zeros((C, places))  # float64, as bincount adds
        weights = (1 - b) * (1 - a), (1 - b) * a, b * (1 - a), b * a
        # one corner at a time: what falls on each first corner is added up, and put where that corner is
        for offset, weight in zip(corner_offsets(W), weights):
            for c in range(C):
                padded[c, offset:] += np.bincount(first, rows[c] * weight, places)[: places - offset]
        out[some] = padded.reshape(C, len(out[some]), H + 2, W + 2)[:, :, 1:-1, 1:-1].swapaxes(0, 1)

    _in_blocks(spread, g.shape)
    return out


# ---- where a point lies ----------------------------------------------------------------------------------------------


def locate(grid: Array, size: Pair, padding_mode: str, align_corners: bool) -> tuple[Array, Array, Array, Array]:
    """Return the first corners of the points of grid, their distances (a, b) from it, and the slopes of (a, b).

    grid (N,oh,ow,2); size (H,W) of the image. First corners (N,oh,ow): positions in the plane (H+2)(W+2) that is
    surrounded by zeros; a, b (N,oh,ow); slopes (N,oh,ow,2): d a / d grid x and d b / d grid y.
    """
    H, W = size
    x, slope_x = _pixel(grid[..., 0], W, padding_mode, align_corners)
    y, slope_y = _pixel(grid[..., 1], H, padding_mode, align_corners)
    column, row = _floor(x, W), _floor(y, H)
    first = row.astype(np.intp) * (W + 2) + column.astype(np.intp)
    return first, x - column, y - row, xp(grid).stack([slope_x, slope_y], axis=-1)


def corner_offsets(W: int) -> tuple[int, int, int, int]:
    """Return where the four corners are, counted from the first of them, in planes W + 2 wide."""
    return 0, 1, W + 2, W + 3


def _pixel(c: Array, n: int, padding_mode: str, align_corners: bool) -> tuple[Array, Array]:
    """Return where c in [-1, 1] lies along n pixels, numbered from 1 with zeros at 0 and n + 1; and its slope in c.

    -1 and 1 are the centres of the outer pixels with align_corners, else their outer edges.
    """
    scale = (n - 1) / 2 if align_corners else n / 2
    p = c * scale + (n + 1) / 2
    slope = xp(c).full(c.shape, scale, c.dtype)
    if padding_mode == "zeros":
        return p.clip(0, n + 1), slope * ((p >= 0) & (p < n + 1))
    if padding_mode == "reflection" and scale > 0:  # back and forth between the mirrors: a triangle wave
        # mirror: the first of two, span apart
        mirror, span = (1, n - 1) if align_corners else (0.5, n)
        from_mirror = p - mirror
        phase = xp(c).abs(from_mirror) % (2 * span)
        p = xp(c).minimum(phase, 2 * span - phase) + mirror
        slope = xp(c).where((from_mirror >= 0) == (phase < span), slope, -slope)
    return p.clip(1, n), slope * ((p > 1) & (p < n))


def _floor(p: Array, n: int) -> Array:
    """Round p down to the first corner, at most n, for there is a second one; a NaN to 0, for the index's sake."""
    return xp(p).floor(xp(p).fmin(xp(p).fmax(p, 0), n))


# ---- a block of images: planes side by side, rows of one channel each ------------------------------------------------


def _in_blocks(f: Callable[[slice], None], shape: tuple[int, ...]) -> None:
    """Call f on slices of the images, as many at a time as keep to BLOCK samples; shape: that of the samples."""
    N, C, oh, ow = shape
    step = max(1, BLOCK // max(1, C * oh * ow))

    def blocks(start: int, stop: int) -> None:
        for n in range(start, stop, step):
            f(slice(n, min(n + step, stop)))

    parallel(blocks, N, 16.0 * N * C * oh * ow)


def _locate_all(grid: np.ndarray, size: Pair, padding_mode: str, align_corners: bool) -> tuple[np.ndarray, ...]:
    """Locate points in the planes of all images of a block, one after the other; all but the slopes made flat."""
    first, a, b, slopes = locate(grid, size, padding_mode, align_corners)
    plane = (size[0] + 2) * (size[1] + 2)
    first += np.arange(0, len(grid) * plane, plane).reshape(-1, 1, 1)
    return first.ravel(), a.ravel(), b.ravel(), slopes


def _corner_values(x: np.ndarray, first: np.ndarray) -> list[np.ndarray]:
    """Return the values at the four corners of each point: x (N,C,H,W), P points -> four times (C,P)."""
    N, C, H, W = x.shape
    padded = np.zeros((C, N, H + 2, W + 2), x.dtype)
    padded[:, :, 1:-1, 1:-1] = x.swapaxes(0, 1)
    planes = padded.reshape(C, N * (H + 2) * (W + 2))
    # every index is legal; mode "clip" does not check before it takes them
    return [planes[:, offset:].take(first, axis=1, mode="clip") for offset in corner_offsets(W)]


def _between(p: np.ndarray, q: np.ndarray, t: np.ndarray) -> np.ndarray:
    """Return (1-t) p + t q, in the memory of q."""
    q -= p
    q *= t
    q += p
    return q


def _rows(g: np.ndarray) -> np.ndarray:
    """(N,C,oh,ow) -> (C, N oh ow)."""
    N, C, oh, ow = g.shape
    return np.ascontiguousarray(g.swapaxes(0, 1)).reshape(C, N * oh * ow)
