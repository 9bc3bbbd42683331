"""Where images lie in memory: arrays have the shape N,C,H,W, and lie as C,H,W,N.

A row of an image is then a run of W N numbers, and so is a row of windows, whatever the kernel does:

    C=0  H=0  W=0   n=0 n=1 n=2 ..      one pixel of all images, side by side
              W=1   n=0 n=1 n=2 ..
         H=1  W=0   n=0 n=1 n=2 ..
    C=1  H=0  ..
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from .threads import parallel, thread_count

# Numbers left free behind each line of a matrix of windows: lines that are a multiple of 4 KiB apart would otherwise
# compete for the same few places of the cache.
SPARE = 16
# Numbers in the lines of a block of rows, for each thread. Rows that two blocks see are laid out twice, so blocks are
# as large as the caches that cores share allow; and between long steps threads seldom wait for each other.
LINES = 1 << 20
AT_ONCE = 8  # images: the lines that a copy writes stay in cache until they are full


def chwn(x: np.ndarray) -> np.ndarray:
    """(N,C,H,W) -> (C,H,W,N), contiguous: a view if it lies in memory like that."""
    view = x.transpose(1, 2, 3, 0)
    if view.flags.c_contiguous:
        return view
    out = np.empty(view.shape, view.dtype)

    def some(start: int, stop: int) -> None:
        for n in range(0, view.shape[3], AT_ONCE):
            out[start:stop, ..., n : n + AT_ONCE] = view[start:stop, ..., n : n + AT_ONCE]

    parallel(some, len(view), 8.0 * view.size)
    return out


def nchw(x: np.ndarray) -> np.ndarray:
    """(C,H,W,N) -> (N,C,H,W), a view."""
    return x.transpose(3, 0, 1, 2)


def for_blocks(f: Callable[[slice, int, int], None], groups: int, rows: int, fit: int, work: float) -> None:
    """Call f(some groups, first row, count) until all rows of all groups have been visited, on all cores.

    fit: how many rows a thread can hold in its cache; where they are more than those of one group, it takes several
    groups at once. work: multiply-adds, of everything.
    """
    step, together = max(1, fit), max(1, fit // rows)

    def some_rows(group: slice, start: int, stop: int) -> None:
        for row in range(start, stop, step):
            f(group, row, min(step, stop - row))

    def some_groups(start: int, stop: int) -> None:
        for k in range(start, stop, together):
            some_rows(slice(k, min(k + together, stop)), 0, rows)

    # few groups: each is cut by itself
    if groups >= thread_count():
        parallel(some_groups, groups, work)
    else:
        for k in range(groups):
            parallel(functools.partial(some_rows, slice(k, k + 1)), rows, work / groups)
