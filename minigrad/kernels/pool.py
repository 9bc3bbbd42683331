"""Max pooling on the CPU: the largest pixel of each window, which it is, and the way back. See definitions.py."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .geometry import Geometry, inside
from .layout import chwn, nchw
from .masked import masked
from .threads import parallel

BLOCK = 1 << 19  # so many pixels at a time stay, with all that they need, in the cache


def largest(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return the largest pixel of each window of x: (N,C,H,W) -> (N,C,oh,ow). Padding never wins, a NaN always does."""
    x = chwn(x)
    out = np.empty((len(x), *geo.output, x.shape[3]), x.dtype)

    def some(part: slice) -> None:
        out[part] = -np.inf
        for _, _, pixels, windows in _taps(geo):
            best = out[(part, *windows)]
            np.maximum(best, x[(part, *pixels)], out=best)

    _for_channels(some, x.shape, geo)
    return nchw(out)


def max_pool2d(x: np.ndarray, geo: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest pixel of each window of x, and which it is. x (N,C,H,W) -> (N,C,oh,ow), twice.

    The winner (i, j) of a window is told by its number i kw + j: the first in reading order of equals.
    """
    out, (kh, kw) = largest(x, geo), geo.kernel
    x, best = chwn(x), chwn(out)
    # counted from the end, the first of equals is the largest number; 0 is nobody's
    number = np.zeros(best.shape, np.min_scalar_type(kh * kw))

    def some(part: slice, wins=np.equal) -> None:
        for i, j, pixels, windows in _taps(geo):
            won = wins(x[(part, *pixels)], best[(part, *windows)]).view(np.uint8)
            held = number[(part, *windows)]
            np.maximum(held, won * number.dtype.type(kh * kw - i * kw - j), out=held)

    _for_channels(some, x.shape, geo)
    if not number.all():  # a NaN is largest, and equal to nothing
        _for_channels(lambda part: some(part, lambda pixel, _: pixel != pixel), x.shape, geo)
    return out, nchw(number.dtype.type(kh * kw) - number)


def max_unpool2d(g: np.ndarray, winner: np.ndarray, geo: Geometry) -> np.ndarray:
    """Add each number of g at its winner to zeros: the adjoint of picking them. g (N,C,oh,ow) -> (N,C,H,W)."""
    g, winner = chwn(g), chwn(winner)
    # windows side by side: every pixel is written once
    tiled = geo.kernel == geo.stride and not any(map(any, geo.padding))
    tiled = tiled and geo.input == tuple(n * k for n, k in zip(geo.output, geo.kernel))
    out = (np.empty if tiled else np.zeros)((len(g), *geo.input, g.shape[3]), g.dtype)

    def some(part: slice) -> None:
        for i, j, pixels, windows in _taps(geo):
            at, hit = (part, *windows), out[(part, *pixels)]
            won = winner[at] == i * geo.kernel[1] + j
            if tiled:
                masked(g[at], won, out=hit)
            else:
                hit += masked(g[at], won)

    _for_channels(some, out.shape, geo)
    return nchw(out)


def _for_channels(some, shape: tuple[int, ...], geo: Geometry) -> None:
    """Call some(part) for slices of the channels of (C,H,W,N) that fill the cache, on all cores."""
    C, H, W, N = shape
    step = max(1, BLOCK // max(1, H * W * N))

    def several(start: int, stop: int) -> None:
        for c in range(start, stop, step):
            some(slice(c, min(c + step, stop)))

    parallel(several, C, 4.0 * C * N * H * W * geo.kernel[0] * geo.kernel[1])


def _taps(geo: Geometry) -> Iterator[tuple[int, int, tuple[slice, slice], tuple[slice, slice]]]:
    """Yield, for each pixel (i, j) of a window in reading order, the pixels of the image and the windows they are in.

    Windows in which the pixel would be padding are left out.
    """
    (sh, sw), ((top, _), (left, _)), (H, W), (oh, ow) = geo.stride, geo.padding, geo.input, geo.output
    for i in range(geo.kernel[0]):
        for j in range(geo.kernel[1]):
            a, b = inside(i - top, sh, H, oh)
            c, d = inside(j - left, sw, W, ow)
            if a < b and c < d:
                y, x = a * sh + i - top, c * sw + j - left
                pixels = slice(y, y + (b - a - 1) * sh + 1, sh), slice(x, x + (d - c - 1) * sw + 1, sw)
                yield i, j, pixels, (slice(a, b), slice(c, d))
