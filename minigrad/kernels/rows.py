"""Summing rows by the places that they belong to: what the vectors of an embedding receive, each from all its uses."""

from __future__ import annotations

import numpy as np

LARGE = 1 << 11  # numbers: below this NumPy's add.at is as fast


def sum_rows(x: np.ndarray, index: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return zeros of a shape (V, ..) with x (*index.shape, ..) added at index; None if that is left to add.at.

    index: integers from -V to V - 1. It is a product with a matrix S (V, N) that has a 1 at the place of each of the N
    rows. Sparse, it takes them in order, so the sums are add.at's to the last bit, at a tenth of the time.
    """
    if index.dtype.kind not in "iu" or x.dtype not in (np.float32, np.float64) or x.size < LARGE:
        return None
    from scipy import sparse  # takes time to import, and most programs do without

    V, N = shape[0], index.size
    if index.min() < -V or index.max() >= V:  # add.at says so
        return None
    places = index.reshape(-1).astype(np.intp)
    places[places < 0] += V
    S = sparse.csc_array((np.ones(N, x.dtype), places, np.arange(N + 1)), shape=(V, N))
    return (S @ x.reshape(N, -1)).reshape(shape)
