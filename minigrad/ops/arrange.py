"""Flattening, repeating, grids and diagonals: all composed of the ops in shape.py, so their gradients follow."""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..op import as_tensor
from ..tensor import Tensor
from .arithmetic import where
from .shape import broadcast_to, check_axis, reshape, scatter, take, unsqueeze


def flatten(x, start_dim=0, end_dim=-1):
    """x with the axes from start_dim to end_dim, both included, merged into one."""
    x = as_tensor(x)
    if x.ndim == 0:
        return reshape(x, (1,))
    start = check_axis("flatten", start_dim, x.ndim)
    end = check_axis("flatten", end_dim, x.ndim)
    if start > end:
        raise ValueError(f"flatten: start_dim {start_dim} comes after end_dim {end_dim}; swap them")
    merged = math.prod(x.shape[start : end + 1])
    return reshape(x, (*x.shape[:start], merged, *x.shape[end + 1 :]))


def repeat(x, repeats, axis=None):
    """Repeat each element along an axis, or of the flattened x if None. repeats: a number, or one per element.

    repeat([1, 2], 2) is [1, 1, 2, 2]. PyTorch's repeat is called tile here, as in NumPy.
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
    copies = unsqueeze(x, axis + 1)  # (.., n, ..) -> (.., n, 1, ..)
    copies = broadcast_to(copies, (*before, n, repeats, *after))
    return reshape(copies, (*before, n * repeats, *after))


def tile(x, reps):
    """Repeat all of x along each axis, the last axes if reps is shorter: tile([1, 2], 2) is [1, 2, 1, 2]."""
    x = as_tensor(x)
    reps = (reps,) if isinstance(reps, int | np.integer) else tuple(reps)
    if any(n < 0 for n in reps):
        raise ValueError(f"tile: reps is {reps}; it must not be negative")
    # pad the shorter one with leading 1s, so that every axis has its number of repetitions
    reps = (1,) * (x.ndim - len(reps)) + reps
    shape = (1,) * (len(reps) - x.ndim) + x.shape
    # (n, m) -> (1, n, 1, m) -> (r, n, s, m) -> (r n, s m)
    copies = reshape(x, [n for length in shape for n in (1, length)])
    copies = broadcast_to(copies, [n for pair in zip(reps, shape) for n in pair])
    return reshape(copies, [n * length for n, length in zip(reps, shape)])


def meshgrid(*xs, indexing="xy"):
    """The coordinates of a grid, one array per vector: x (n), y (m) -> two (m,n), or two (n,m) with "ij".

    With "xy", NumPy's default, the first vector varies along axis 1 of the results and the second along axis 0; with
    "ij" vector i varies along axis i.
    """
    if indexing not in ("xy", "ij"):
        raise ValueError(f"meshgrid: unknown indexing {indexing!r}; choose 'xy' or 'ij'")
    vectors = [reshape(x, (-1,)) for x in xs]

    # axes[k] is the vector that varies along axis k of the results
    axes = list(range(len(vectors)))
    if indexing == "xy" and len(axes) > 1:
        axes[:2] = 1, 0
    shape = [len(vectors[i]) for i in axes]

    # vector i becomes (1, .., n, .., 1), and is repeated along all the other axes
    return [broadcast_to(reshape(x, [-1 if axis == i else 1 for axis in axes]), shape) for i, x in enumerate(vectors)]


def diag(x, k=0):
    """The matrix with the vector x on diagonal k, or diagonal k of the matrix x; k > 0 lies above the main diagonal."""
    x = as_tensor(x)
    if x.ndim not in (1, 2):
        raise ValueError(f"diag: x has shape {x.shape}; it must be a vector or a matrix")
    shape = x.shape if x.ndim == 2 else (len(x) + abs(k),) * 2

    # diagonal k starts at row -k or at column k, and ends where the first of the two axes does
    top, left = max(-k, 0), max(k, 0)
    n = max(0, min(shape[0] - top, shape[1] - left))
    places = xp(x.data).arange(n) + top, xp(x.data).arange(n) + left
    return x[places] if x.ndim == 2 else scatter(x, places, shape)


def tril(x, k=0):
    """The lower triangle of matrices x (..,m,n), up to and including diagonal k (see diag); 0 above it."""
    x = _matrices("tril", x)
    return where(xp(x.data).tri(*x.shape[-2:], k, dtype=bool), x, 0)


def triu(x, k=0):
    """The upper triangle of matrices x (..,m,n), from diagonal k upwards (see diag); 0 below it."""
    x = _matrices("triu", x)
    return where(xp(x.data).tri(*x.shape[-2:], k - 1, dtype=bool), 0, x)


def _matrices(name, x) -> Tensor:
    x = as_tensor(x)
    if x.ndim < 2:
        raise ValueError(f"{name}: x has shape {x.shape}; it must be one matrix or several, (..,m,n)")
    return x
