"""Elements laid out anew: made flat, repeated, on grids, along diagonals. All are moves of shape.py, put together."""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..op import as_tensor
from ..tensor import Tensor
from .arithmetic import where
from .shape import broadcast_to, check_axis, reshape, scatter, take, unsqueeze


def flatten(x, start_dim=0, end_dim=-1):
    """x with the axes from start_dim to end_dim, both included, made one."""
    x = as_tensor(x)
    if x.ndim == 0:
        return reshape(x, (1,))
    start, end = check_axis("flatten", start_dim, x.ndim), check_axis("flatten", end_dim, x.ndim)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} lies behind end_dim {end_dim}")
    return reshape(x, (*x.shape[:start], math.prod(x.shape[start : end + 1]), *x.shape[end + 1 :]))


def repeat(x, repeats, axis=None):
    """Each element so many times in a row, along an axis or of x made flat: repeats is a number, or one an element.

    [1, 2] twice is [1, 1, 2, 2]; what PyTorch calls repeat is tile.
    """
    x = as_tensor(x)
    if axis is None:
        x, axis = reshape(x, (-1,)), 0
    axis = check_axis("repeat", axis, x.ndim)
    if not isinstance(repeats, int | np.integer):
        return take(x, np.repeat(np.arange(x.shape[axis]), repeats), axis)
    if repeats < 0:
        raise ValueError(f"repeat: repeats is {repeats}; it must not be negative")
    before, n, after = x.shape[:axis], x.shape[axis], x.shape[axis + 1 :]
    copies = broadcast_to(unsqueeze(x, axis + 1), (*before, n, repeats, *after))
    return reshape(copies, (*before, n * repeats, *after))


def tile(x, reps):
    """x so many times along each axis, the last axes if fewer are given: [1, 2] twice is [1, 2, 1, 2]."""
    x = as_tensor(x)
    reps = (reps,) if isinstance(reps, int | np.integer) else tuple(reps)
    if any(n < 0 for n in reps):
        raise ValueError(f"tile: reps is {reps}; it must not be negative")
    reps = (1,) * (x.ndim - len(reps)) + reps
    shape = (1,) * (len(reps) - x.ndim) + x.shape
    copies = reshape(x, [n for length in shape for n in (1, length)])
    copies = broadcast_to(copies, [n for pair in zip(reps, shape) for n in pair])
    return reshape(copies, [n * length for n, length in zip(reps, shape)])


def meshgrid(*xs, indexing="xy"):
    """The coordinates of a grid, one array for each axis: vectors x (n), y (m) -> two (m,n), or (n,m) with "ij".

    "xy", NumPy's default, has x along the columns of its results; of three and more vectors the first two are so.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: indexing {indexing!r} is none of 'xy', 'ij'")
    vectors = [reshape(x, (-1,)) for x in xs]
    axes = list(range(len(vectors)))  # whose coordinates change along each axis of the results
    if indexing == "xy" and len(axes) > 1:
        axes[:2] = 1, 0
    return [
        broadcast_to(reshape(x, [-1 if i == axis else 1 for i in axes]), [len(vectors[i]) for i in axes])
        for axis, x in enumerate(vectors)
    ]


def diag(x, k=0):
    """A matrix with the vector x on its diagonal, or the diagonal of the matrix x; k counts diagonals upwards."""
    x = as_tensor(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"diag: x has shape {x.shape}; want a vector or a matrix")
    shape = x.shape if x.ndim == 2 else (len(x) + abs(k),) * 2
    n = max(0, min(shape[0] + min(k, 0), shape[1] - max(k, 0)))
    rows, columns = (xp(x.data).arange(n) + max(first, 0) for first in (-k, k))
    return x[rows, columns] if x.ndim == 2 else scatter(x, (rows, columns), shape)


def tril(x, k=0):
    """The lower triangle of matrices x (..,m,n), up to diagonal k (upwards from the main one); 0 above it."""
    x = _matrices("tril", x)
    return where(xp(x.data).tri(*x.shape[-2:], k, dtype=bool), x, 0)


def triu(x, k=0):
    """The upper triangle of matrices x (..,m,n), from diagonal k on (upwards from the main one); 0 below it."""
    x = _matrices("triu", x)
    return where(xp(x.data).tri(*x.shape[-2:], k - 1, dtype=bool), 0, x)


def _matrices(name, x) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"{name}: x has shape {x.shape}; want matrices, (..,m,n)")
    return x
