"""Max pooling on the GPU, of the same names and arguments as pool.py: sizes and launches for pool.cu."""

from __future__ import annotations

import math

import numpy as np

from ..backend import Array, xp
from .geometry import Geometry
from .planes import check_sizes, launch_planes, prepare


def largest(x: Array, geo: Geometry) -> Array:
    """Return the largest pixel of each window of x: (N,C,H,W) -> (N,C,oh,ow). Padding never wins, a NaN always does."""
    return max_pool2d(x, geo)[0]


def max_pool2d(x: Array, geo: Geometry) -> tuple[Array, Array]:
    """Return the largest pixel of each window of x, and which it is. x (N,C,H,W) -> (N,C,oh,ow), twice.

    The winner (i, j) of a window is told by its number i kw + j, int32: the first in reading order of equals. Padding
    counts as -inf and never wins, a NaN always does. A window wholly in the padding gives -inf, and -1 for its winner.
    """
    (x,) = prepare("max_pool2d", x)
    sizes = _sizes("max_pool2d", math.prod(x.shape[:2]), geo)
    out = xp(x).empty((*x.shape[:2], *geo.output), x.dtype)
    winner = xp(x).empty(out.shape, np.int32)
    launch_planes("pool.cu", "max_pool2d", out.dtype, math.prod(geo.output), sizes[0], (x, out, winner), sizes)
    return out, winner


def max_unpool2d(g: Array, winner: Array, geo: Geometry) -> Array:
    """Add each number of g at its winner to zeros: the adjoint of picking them. g (N,C,oh,ow) -> (N,C,H,W)."""
    (g,) = prepare("max_unpool2d", g)
    winner = xp(winner).ascontiguousarray(winner)
    sizes = _sizes("max_unpool2d", math.prod(g.shape[:2]), geo)
    out = xp(g).empty((*g.shape[:2], *geo.input), g.dtype)
    launch_planes("pool.cu", "max_unpool2d", out.dtype, math.prod(geo.input), sizes[0], (g, winner, out), sizes)
    return out


def _sizes(name: str, planes: int, geo: Geometry) -> tuple[int, ...]:
    """Return the SIZES of pool.cu."""
    H, W = geo.input
    check_sizes(name, pixels_of_an_image=H * W, positions_in_an_image=math.prod(geo.output), planes=planes)
    (top, _), (left, _) = geo.padding
    return planes, H, W, *geo.kernel, *geo.output, *geo.stride, *geo.dilation, top, left
