"""Max pooling on the CPU: the largest pixel of each window, the place that it came from, and the way back."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from .geometry import Geometry, inside
from .layout import chwn, nchw
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
    """Return the largest pixel of each window of x, and where it is. x (N,C,H,W) -> (N,C,oh,ow), twice.

    The places are int32 positions y W + x in the input's plane, the first in reading order of equals.
    """
    out, W = largest(x, geo), geo.input[1]
    x, best = chwn(x), chwn(out)
    index = np.empty(best.shape, np.int32)

    def some(part: slice) -> None:
        # the winner's number among the pixels of its window, counted down: the first is the largest number
        taps = list(_taps(geo))
        number = np.zeros(index[part].shape, np.min_scalar_type(len(taps)))
        for k, (_, _, pixels, windows) in enumerate(taps):
            pixel = x[(part, *pixels)]
            wins = (pixel == best[(part, *windows)]) | (pixel != pixel)
            held = number[(slice(None), *windows)]
            np.maximum(held, wins.view(np.uint8) * number.dtype.type(len(taps) - k), out=held)
        offsets = np.array([0, *(i * W + j for i, j, _, _ in taps[::-1])], np.int32)
        y0, x0 = _corners(geo)
        np.add(offsets[number], y0 * W + x0, out=index[part], casting="unsafe")

    _for_channels(some, x.shape, geo)
    return out, nchw(index)


def max_unpool2d(g: np.ndarray, index: np.ndarray, geo: Geometry) -> np.ndarray:
    """Add each number of g at its place to zeros: the adjoint of picking the winners. g (N,C,oh,ow) -> (N,C,H,W)."""
    g, index = chwn(g), chwn(index)
    # windows side by side: every pixel is written once
    tiled = geo.kernel == geo.stride and not any(map(any, geo.padding))
    tiled = tiled and geo.input == tuple(n * k for n, k in zip(geo.output, geo.kernel))
    out = (np.empty if tiled else np.zeros)((len(g), *geo.input, g.shape[3]), g.dtype)
    y0, x0 = _corners(geo)

    def some(part: slice) -> None:
        for i, j, pixels, windows in _taps(geo):
            place = ((y0 + i) * geo.input[1] + x0 + j)[windows].astype(np.int32)
            at, hit = (part, *windows), out[(part, *pixels)]
            if tiled:
                np.multiply(g[at], index[at] == place, out=hit)
            else:
                hit += g[at] * (index[at] == place)

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


def _corners(geo: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column where each window begins: (oh,1,1) and (1,ow,1), negative in the padding."""
    (oh, ow), (sh, sw), ((top, _), (left, _)) = geo.output, geo.stride, geo.padding
    return (np.arange(oh) * sh - top)[:, None, None], (np.arange(ow) * sw - left)[None, :, None]


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
