"""Element by element, on all cores, in blocks that stay in cache while several steps are taken on them.

Memory is slower than arithmetic: NumPy reads and writes whole arrays for each step of a formula, and on one core. Here
an array is cut along the axis that lies outermost in memory, and a block takes all steps before the next one begins:

    x     |  block 0  |  block 1  |  block 2  |  block 3  | ..        a block is read once from memory,
    out   |  block 0  |  block 1  |  block 2  |  block 3  | ..        and written once
            core 0      core 0      core 1      core 1

Where the cuts are depends on the shapes alone, so the bits are the same for any number of cores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from .threads import parallel

LARGE = 1 << 19  # elements: below this, waking a second thread costs more than it saves
BLOCK = 1 << 18  # elements of a block, 1 MiB of float32. Smaller ones fit more caches, but each step has to be taken by
# the interpreter, of which there is one: threads that take short steps wait for each other
PASS = 4.0  # what one step on one element costs, in multiply-adds


def in_blocks(f: Callable[..., Any], first: np.ndarray, *xs: Any, axes: Iterable[int] | None = None) -> None:
    """Call f(block of first, *blocks of xs), which changes some of them, until all of first has been visited.

    first has the whole shape. xs: arrays that broadcast to it, which are cut likewise, and numbers, which are not.
    axes: those along which may be cut, where f adds up along the others; by default all.
    """
    axis = None
    if first.size >= LARGE:
        able = [i for i in (range(first.ndim) if axes is None else axes) if first.shape[i] > 1]
        axis = max(able, key=lambda i: abs(first.strides[i]), default=None)  # the outermost in memory
    if axis is None:
        f(first, *xs)
        return

    from_end = axis - first.ndim
    n = first.shape[axis]
    step = max(1, BLOCK * n // first.size)

    def cut(x: Any, block: int) -> Any:
        if not isinstance(x, np.ndarray) or x.ndim < -from_end or x.shape[from_end] == 1:
            return x
        part: list[Any] = [..., slice(block * step, (block + 1) * step), *[slice(None)] * (-from_end - 1)]
        return x[tuple(part)]

    def some(start: int, stop: int) -> None:
        for block in range(start, stop):
            f(*[cut(x, block) for x in (first, *xs)])

    parallel(some, -(-n // step), PASS * first.size)


def elementwise(f: Callable[..., Any], *xs: Any) -> Any:
    """Return f(*xs) for an arithmetic function f of arrays and numbers, on any device.

    f(*blocks, out=block) fills out with the same, as NumPy's do, in the dtype of the arrays.
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
    in_blocks(lambda out, *blocks: f(*blocks, out=out), out, *xs)
    return out
