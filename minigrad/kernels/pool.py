"""Max pooling on the CPU: the largest pixel of each window, which it is, and the way back. See definitions.py.

No window is ever laid out. One pixel of all windows at a time, the pixels (i, j) of the image that are s apart, is
compared with the largest so far. Of windows 2 x 2 side by side, pixel (0, 1) of each is marked:

    . 1 . 1        [:, 0::2, 1::2] of the image, the shape of the result
    . . . .
    . 1 . 1
    . . . .
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from .geometry import Geometry, taps
from .layout import chwn, nchw
from .masked import masked
from .threads import parallel

BLOCK = 1 << 19  # so many pixels at a time stay, with all that they need, in the cache


def max_pool2d(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return the largest pixel of each window of x: (N,C,H,W) -> (N,C,oh,ow). Padding never wins, a NaN always does."""
    x = chwn(x)
    out = np.empty((len(x), *geo.output, x.shape[3]), x.dtype)

    def some(part: slice) -> None:
        out[part] = -np.inf
        for _, pixels, windows in _pixels(geo):
            best = out[(part, *windows)]
            np.maximum(best, x[(part, *pixels)], out=best)

    _for_channels(some, x.shape, geo)
    return nchw(out)


def max_pool2d_winners(x: np.ndarray, geo: Geometry) -> np.ndarray:
    """Return which pixel of each window is the largest: (N,C,H,W) -> (N,C,oh,ow).

    The winner (i, j) of a window is given as its number, i kw + j: the first in reading order of equals.
    """
    best = chwn(max_pool2d(x, geo))
    x = chwn(x)
    count = geo.kernel[0] * geo.kernel[1]
    # counted from the end, the first of equals is the largest number; 0 is nobody's
    from_end = np.zeros(best.shape, np.min_scalar_type(count))

    def some(part: slice, wins: Callable = np.equal) -> None:
        for number, pixels, windows in _pixels(geo):
            won = wins(x[(part, *pixels)], best[(part, *windows)]).view(np.uint8)
            held = from_end[(part, *windows)]
            np.maximum(held, won * from_end.dtype.type(count - number), out=held)

    def nan(part: slice) -> None:
        some(part, wins=lambda pixel, _: pixel != pixel)

    _for_channels(some, x.shape, geo)
    if not from_end.all():  # a NaN is the largest, and equal to nothing
        _for_channels(nan, x.shape, geo)
    return nchw(from_end.dtype.type(count) - from_end)


def max_pool2d_scatter(g: np.ndarray, winner: np.ndarray, geo: Geometry) -> np.ndarray:
    """Add each number of g at its winner to zeros: the adjoint of picking them. g (N,C,oh,ow) -> (N,C,H,W)."""
    g, winner = chwn(g), chwn(winner)
    tiled = _tiled(geo)
    out = (np.empty if tiled else np.zeros)((len(g), *geo.input, g.shape[3]), g.dtype)

    def some(part: slice) -> None:
        for number, pixels, windows in _pixels(geo):
            at, hit = (part, *windows), out[(part, *pixels)]
            won = winner[at] == number
            if tiled:
                masked(g[at], won, out=hit)
            else:
                hit += masked(g[at], won)

    _for_channels(some, out.shape, geo)
    return nchw(out)


def _tiled(geo: Geometry) -> bool:
    """Tell whether the windows lie side by side and cover the image, so that every pixel is written once."""
    side_by_side = geo.kernel == geo.stride and not any(map(any, geo.padding))
    return side_by_side and geo.input == tuple(n * k for n, k in zip(geo.output, geo.kernel))


def _for_channels(some: Callable[[slice], None], shape: tuple[int, ...], geo: Geometry) -> None:
    """Call some(part) for slices of the channels of (C,H,W,N) that fill the cache, on all cores."""
    C, H, W, N = shape
    step = max(1, BLOCK // max(1, H * W * N))

    def several(start: int, stop: int) -> None:
        for c in range(start, stop, step):
            some(slice(c, min(c + step, stop)))

    parallel(several, C, 4.0 * C * N * H * W * geo.kernel[0] * geo.kernel[1])


def _pixels(geo: Geometry) -> Iterator[tuple[int, tuple[slice, slice], tuple[slice, slice]]]:
    """Yield each pixel (i, j) of a window, in reading order: its number i kw + j, the pixels of the image, the windows.

    Both are slices, down and along: where the pixel lies in these windows. Windows with padding there are left out.
    """
    for i, down, rows in taps(geo, 0):
        for j, along, columns in taps(geo, 1):
            yield i * geo.kernel[1] + j, (rows, columns), (down, along)
