"""Large arrays element by element, on all cores, in blocks that take all steps of a formula before the next one begins.

Memory is slower than arithmetic, and NumPy passes over whole arrays for each step, on one core. Here an array is cut
along the axis that lies outermost in memory, into blocks that a core's cache can hold:

    x     |  block 0  |  block 1  |  block 2  |  block 3  | ..        a block is read once from memory,
    out   |  block 0  |  block 1  |  block 2  |  block 3  | ..        and written once
            core 0      core 0      core 1      core 1

Where the cuts are depends on the shapes alone, so the bits are the same for any number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from ..backend import Array
from .threads import BLOCK, inside_part, parallel

LARGE = 1 << 19  # elements: below this, waking a second thread costs more than it saves
PASS = 4.0  # what one step on one element costs, in multiply-adds


def in_blocks(f: Callable[..., Any], first: np.ndarray, *xs: Any, axes: Iterable[int] | None = None) -> None:
    """Call f(block of first, *blocks of xs) until all of first has been visited; f fills some of them.

    first has the whole shape. xs: arrays that broadcast to it, which are cut likewise, and numbers, which are not.
    axes: those that may be cut, for an f that sums over the others; by default all.
    """
    axis = None
    if first.size >= LARGE and not inside_part():
        able = [i for i in (range(first.ndim) if axes is None else axes) if first.shape[i] > 1]
        axis = max(able, key=lambda i: abs(first.strides[i]), default=None)  # the outermost in memory
    if axis is None:
        f(first, *xs)
        return

    # no smaller blocks, whatever the cache: threads take turns to begin a step, and would wait for each other
    from_end = axis - first.ndim
    n = first.shape[axis]
    step = max(1, BLOCK * n // first.size)

    def cut(x: Any, block: int) -> Any:
        if not isinstance(x, np.ndarray) or x.ndim < -from_end or x.shape[from_end] == 1:
            return x
        part: list[Any] = [..., slice(block * step, (block + 1) * step), *[slice(None)] * (-from_end - 1)]
        return x[tuple(part)]

    errors: Any = np.geterr()  # each thread has settings of its own; those of the caller count

    def some(start: int, stop: int) -> None:
        with np.errstate(**errors):
            for block in range(start, stop):
                f(*[cut(x, block) for x in (first, *xs)])

    parallel(some, -(-n // step), PASS * first.size)


def in_blocks_of_whole(axis: tuple[int, ...], f: Callable[..., Any], first: Any, *xs: Any) -> None:
    """Call f on blocks that hold these axes whole, for an f that sums over them; on a GPU, on everything at once."""
    if isinstance(first, np.ndarray):
        in_blocks(f, first, *xs, axes=[i for i in range(first.ndim) if i not in axis])
    else:
        f(first, *xs)


def elementwise(f: Callable[..., Any], *xs: Any) -> Any:
    """Return f(*xs) for an arithmetic function f of arrays and numbers, on any device.

    f takes the keyword out, as NumPy's functions do.
    """
    for x in xs:
        if isinstance(x, np.ndarray) and x.size >= LARGE:
            break
    else:
        return f(*xs)

    # in blocks, if dtypes and shapes leave no doubt about the result's: those of the first array
    arrays = [x for x in xs if not isinstance(x, float | int)]
    alike = {a.dtype for a in arrays} == {x.dtype} and x.dtype.kind == "f"
    if not alike or np.broadcast_shapes(*[a.shape for a in arrays]) != x.shape:
        return f(*xs)
    out = np.empty_like(x)
    in_blocks(lambda out, *blocks: f(*blocks, out=out), out, *[laid_out_as(out, x) for x in xs])
    return out


def laid_out_as(first: Array, x: Any) -> Any:
    """Return x, which broadcasts to first, with its axes in first's order in memory if it is smaller.

    Else every step along the innermost axis of first would be a jump through x, of (N,C,1,1) for one.
    """
    if not isinstance(x, np.ndarray) or x.ndim < first.ndim or not 1 < x.size < first.size:
        return x
    out = np.empty_like(first, x.dtype, shape=x.shape)
    out[...] = x
    return out
