"""Max pooling on the GPU, of the same names and arguments as pool.py: sizes and launches for pool.cu."""

from __future__ import annotations

import math

import numpy as np

from ..backend import Array, xp
from .geometry import Geometry
from .planes import check_sizes, launch_planes, prepare


def max_pool2d(x: Array, geo: Geometry) -> Array:
    """Return the largest pixel of each window of x: (N,C,H,W) -> (N,C,oh,ow). Padding never wins, a NaN always does."""
    out, _ = _pool(x, geo)
    return out.astype(x.dtype, copy=False)


def max_pool2d_winners(x: Array, geo: Geometry) -> Array:
    """Return which pixel of each window is the largest: (N,C,H,W) -> (N,C,oh,ow).

    The winner (i, j) of a window is given as its number, i kw + j, int32: the first in reading order of equals. Padding
    counts as -inf and never wins, a NaN always does. A window wholly in the padding has the winner -1.
    """
    return _pool(x, geo)[1]


def _pool(x: Array, geo: Geometry) -> tuple[Array, Array]:
    """Return the largest pixels and the winners, which one kernel finds; float16 as float32, which holds it exactly."""
    (x,) = prepare("max_pool2d", x.astype(np.float32) if x.dtype == np.float16 else x)
    sizes = _sizes("max_pool2d", math.prod(x.shape[:2]), geo)
    out = xp(x).empty((*x.shape[:2], *geo.output), x.dtype)
    winner = xp(x).empty(out.shape, np.int32)
    launch_planes("pool.cu", "max_pool2d", out.dtype, math.prod(geo.output), sizes[0], (x, out, winner), sizes)
    return out, winner


def max_pool2d_scatter(g: Array, winner: Array, geo: Geometry) -> Array:
    """Add each number of g at its winner to zeros: the adjoint of picking them. g (N,C,oh,ow) -> (N,C,H,W)."""
    (g,) = prepare("max_pool2d_scatter", g)
    winner = xp(winner).ascontiguousarray(winner)
    sizes = _sizes("max_pool2d_scatter", math.prod(g.shape[:2]), geo)
    out = xp(g).empty((*g.shape[:2], *geo.input), g.dtype)
    launch_planes("pool.cu", "max_pool2d_scatter", out.dtype, math.prod(geo.input), sizes[0], (g, winner, out), sizes)
    return out


def _sizes(name: str, planes: int, geo: Geometry) -> tuple[int, ...]:
    """Return the SIZES of pool.cu."""
    H, W = geo.input
    check_sizes(name, pixels_of_an_image=H * W, positions_in_an_image=math.prod(geo.output), planes=planes)
    (top, _), (left, _) = geo.padding
    return planes, H, W, *geo.kernel, *geo.output, *geo.stride, *geo.dilation, top, left
