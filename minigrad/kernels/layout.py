"""Where images lie in memory: arrays have the shape N,C,H,W, and lie as C,H,W,N.

A row of an image is then a run of W N numbers, and so is a row of windows, whatever the kernel does:

    C=0  H=0  W=0   n=0 n=1 n=2 ..      one pixel of all images, side by side
              W=1   n=0 n=1 n=2 ..
         H=1  W=0   n=0 n=1 n=2 ..
    C=1  H=0  ..
"""

from __future__ import annotations

import numpy as np

from .threads import parallel

# Numbers left free behind each line of a matrix of windows: lines that are a multiple of 4 KiB apart would otherwise
# compete for the same few places of the cache.
SPARE = 16
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


def groups(a: np.ndarray, groups: int) -> list[np.ndarray]:
    """Cut an array along its first axis, the channels, into groups."""
    n = len(a) // groups
    return [a[i * n : (i + 1) * n] for i in range(groups)]
