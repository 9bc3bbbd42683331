"""Max pooling on the CPU: the largest pixel of each window with the place it came from, and the way back."""

from __future__ import annotations

import numpy as np

from .geometry import Geometry
from .threads import parallel

BLOCK = 1 << 19  # so many pixels at a time stay, with all that they need, in the cache


def max_pool2d(x: np.ndarray, geo: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Return the largest pixel of each window of x, and where it is. x (N,C,H,W) -> (N,C,oh,ow), twice.

    The places are int32 positions y W + x in the input's plane, the first in reading order of equals. Padding counts
    as -inf and never wins; a NaN always does.
    """
    N, C, H, W = x.shape
    planes = x.reshape(N * C, H, W)
    out = np.empty((N * C, *geo.output), x.dtype)
    index = np.empty(out.shape, np.int32)
    step = max(1, BLOCK // (H * W))

    def some_planes(start: int, stop: int) -> None:
        for n in range(start, stop, step):
            some = slice(n, min(n + step, stop))
            _max_pool(planes[some], geo, out[some], index[some])

    parallel(some_planes, N * C, 4.0 * out.size * geo.kernel[0] * geo.kernel[1])
    shape = (N, C, *geo.output)
    return out.reshape(shape), index.reshape(shape)


def _max_pool(x: np.ndarray, geo: Geometry, out: np.ndarray, index: np.ndarray) -> None:
    (kh, kw), (sh, sw), (oh, ow) = geo.kernel, geo.stride, geo.output
    (top, _), (left, _), W = *geo.padding, geo.input[1]
    if any(map(any, geo.padding)):
        x = np.pad(x, ((0, 0), *geo.padding), constant_values=-np.inf)
    y0, x0 = np.ogrid[-top : sh * oh - top : sh, -left : sw * ow - left : sw]  # where each window begins
    # the winner's number among the kh * kw pixels of its window; at first it is the first that is no padding
    winner = np.empty(out.shape, np.min_scalar_type(kh * kw))
    winner[...] = np.maximum(-y0, 0) * kw + np.maximum(-x0, 0)
    out[...] = -np.inf
    for k in range(kh * kw):
        i, j = divmod(k, kw)
        # a copy: what follows is several times faster on contiguous numbers
        pixel = x[:, i : i + sh * (oh - 1) + 1 : sh, j : j + sw * (ow - 1) + 1 : sw].copy()
        wins = (pixel > out) | (pixel != pixel)
        np.maximum(winner, wins.view(np.uint8) * winner.dtype.type(k), out=winner)  # the numbers rise, so the last wins
        np.maximum(out, pixel, out=out)
    np.multiply(winner // kw, W - kw, out=index, dtype=np.int32)  # winner = i kw + j, so i W + j = i (W - kw) + winner
    index += winner
    index += (y0 * W + x0).astype(np.int32)


def max_unpool2d(g: np.ndarray, index: np.ndarray, geo: Geometry) -> np.ndarray:
    """Add each number of g at its place to zeros: the adjoint of picking the winners. g (N,C,oh,ow) -> (N,C,H,W)."""
    N, C = g.shape[:2]
    pixels = geo.input[0] * geo.input[1]
    out = np.zeros((N * C, pixels), g.dtype)
    positions = g.shape[2] * g.shape[3]
    g, index = g.reshape(N * C, positions), index.reshape(N * C, positions)
    apart = geo.stride[0] >= geo.kernel[0] and geo.stride[1] >= geo.kernel[1]  # so that no pixel wins twice

    def some_planes(start: int, stop: int) -> None:
        planes = out[start:stop].reshape(-1)
        places = (index[start:stop] + np.arange(0, planes.size, pixels)[:, None]).ravel()
        if apart:
            planes[places] = g[start:stop].ravel()
        else:
            planes[:] = np.bincount(places, g[start:stop].ravel(), planes.size)

    parallel(some_planes, N * C, 8.0 * g.size)
    return out.reshape(N, C, *geo.input)
