"""Where images lie in memory: arrays have the shape N,C,H,W, and lie as C,H,W,N."""

from __future__ import annotations

import numpy as np

from .threads import parallel


def chwn(x: np.ndarray) -> np.ndarray:
    """(N,C,H,W) -> (C,H,W,N), contiguous: a view if it lies in memory like that."""
    view = x.transpose(1, 2, 3, 0)
    if view.flags.c_contiguous:
        return view
    out = np.empty(view.shape, view.dtype)

    def some(start: int, stop: int) -> None:
        for n in range(0, view.shape[3], 8):  # eight images at a time: the lines that are written stay in cache
            out[start:stop, ..., n : n + 8] = view[start:stop, ..., n : n + 8]

    parallel(some, len(view), 8.0 * view.size)
    return out


def nchw(x: np.ndarray) -> np.ndarray:
    """(C,H,W,N) -> (N,C,H,W), a view."""
    return x.transpose(3, 0, 1, 2)


def groups(a: np.ndarray, groups: int) -> list[np.ndarray]:
    """Cut an array along its first axis, the channels, into groups."""
    n = len(a) // groups
    return [a[i * n : (i + 1) * n] for i in range(groups)]
