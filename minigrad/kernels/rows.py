"""Summing rows by the places that they belong to: what the vectors of an embedding receive, each from all its uses."""

from __future__ import annotations

import numpy as np

LARGE = 1 << 11  # numbers: below this NumPy's add.at is as fast


def sum_rows(x: np.ndarray, index: tuple, shape: tuple[int, ...]) -> np.ndarray | None:
    """Return zeros of a shape with x added at index; None if that is left to add.at.

    index: an array of integers from -V to V - 1, V being the length of its axis, behind as many slices as there are
    axes before, which are whole. It is a product with a matrix S (V, N) that has a 1 at the place of each of the N
    rows. Sparse, it takes them in order, so the sums are add.at's to the last bit, at a tenth of the time.
    """
    *before, places = index or (None,)
    axis = len(before)
    if not isinstance(places, np.ndarray) or places.dtype.kind not in "iu" or not all(map(_is_whole, before)):
        return None
    V, N = shape[axis], places.size
    if x.dtype not in (np.float32, np.float64) or x.size < LARGE:
        return None
    if places.min() < -V or places.max() >= V:  # add.at says so
        return None
    from scipy import sparse  # takes time to import, and most programs do without

    # one row for each place: what comes before stands behind
    rows = x.transpose(*range(axis, axis + places.ndim), *range(axis), *range(axis + places.ndim, x.ndim))
    places = places.reshape(-1).astype(np.intp)
    places[places < 0] += V
    S = sparse.csc_array((np.ones(N, x.dtype), places, np.arange(N + 1)), shape=(V, N))
    sums = (S @ rows.reshape(N, -1)).reshape(V, *shape[:axis], *shape[axis + 1 :])
    return np.ascontiguousarray(sums.transpose(*range(1, axis + 1), 0, *range(axis + 1, len(shape))))


def _is_whole(part: object) -> bool:
    return isinstance(part, slice) and part == slice(None)
