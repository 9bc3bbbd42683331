"""Matrix products on all cores: by our own threads, so that BLAS's need not be woken and do not spin beside ours."""

from __future__ import annotations

import numpy as np

from ..backend import Array, xp
from .threads import SMALL, parallel

ALONE = 1 << 25  # multiply-adds, times the bytes of a number: a core has done half as soon as it can wake another


def matmul(x: Array, y: Array) -> Array:
    """Return x @ y, on any device. Two matrices are cut along the longer side of the result, two stacks on axis 0."""
    if not isinstance(x, np.ndarray):  # a GPU has a library of its own
        return xp(x).matmul(x, y)
    if x.ndim == y.ndim == 3 and len(x) == len(y) == 1:  # a stack of one cannot be cut, its matrix can
        return matmul(x[0], y[0])[None]

    # vectors, and matrices that are repeated: no cut, but BLAS is held to one thread all the same
    stacks = x.ndim == y.ndim > 2 and x.shape[:-2] == y.shape[:-2]
    if not stacks and not x.ndim == y.ndim == 2:
        found: list[np.ndarray] = []
        parallel(lambda start, stop: found.append(np.matmul(x, y)), 1, x.size * y.shape[-1])
        return found[0]

    # every thread fills a part of its own
    m, n = x.shape[-2], y.shape[-1]
    product = np.multiply if x.shape[-1] == 1 else np.matmul  # a column times a row: BLAS is several times as slow
    out = np.empty((*x.shape[:-1], n), np.result_type(x, y))
    work = x.size * n
    if work * out.itemsize < ALONE:  # one part, and BLAS held to one thread
        work = min(work, SMALL - 1)
    if stacks:
        parallel(lambda start, stop: product(x[start:stop], y[start:stop], out=out[start:stop]), len(x), work)
    elif m >= n:
        parallel(lambda start, stop: product(x[start:stop], y, out=out[start:stop]), m, work)
    else:
        parallel(lambda start, stop: product(x, y[:, start:stop], out=out[:, start:stop]), n, work)
    return out
