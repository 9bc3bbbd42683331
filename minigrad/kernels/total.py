"""Sums whose rounding errors grow with the logarithm of the count, however the array lies in memory.

Along the innermost axis NumPy adds in pairs of pairs. Along any other it adds row after row to one running sum: in
float32, 2**25 ones come to 2**24, where one more no longer changes the sum. Here no number takes part in more than ROWS
such additions at a time: the rows are cut into ROWS blocks, the blocks added onto each other, and what is left, a row
for ROWS, is summed in the same way. Ten rows in three blocks, say:

    rows    0 1 2 | 3 4 5 | 6 7 8 | 9       0+3+6, 1+4+7, 2+5+8: three rows, to be summed again; then the rest, 9

As the blocks are long, narrow arrays are summed up to twenty times as fast, too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..backend import Array
from .blocks import LARGE, in_blocks

ROWS = 128  # so few are left to NumPy
SHORT = 1 << 12  # numbers: below this sum begins sooner than einsum
PIECE = 1024  # numbers of a scalar product: BLAS adds them to a few running sums, and wakes no threads for so few
Axes = int | tuple[int, ...] | None


def total(x: Array, axis: Axes = None, keepdims: bool = False) -> Any:
    """Return x.sum(axis, keepdims=keepdims), on any device. A GPU adds in blocks by itself, whole numbers are exact."""
    axes = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int | np.integer) else axis
    few = math.prod([x.shape[i] for i in axes]) <= ROWS
    if few or not isinstance(x, np.ndarray) or x.dtype.kind != "f":
        return x.sum(axis=axis, keepdims=keepdims)

    axes = tuple([i % x.ndim for i in axes])
    out = _total(x, axes) if x.size < LARGE else _on_all_cores(x, axes)
    return out if keepdims else out.squeeze(axes)


def _on_all_cores(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Sum along axes, each block of another axis by itself, or of the outermost one, whose sums are added at last."""
    kept = [i for i in range(x.ndim) if i not in axes and x.shape[i] > 1]
    if not kept:
        long = [i for i in axes if x.shape[i] > 1 and x.strides[i] != 0]
        if len(long) < 2:
            return _total(x, axes)
        kept = [max(long, key=lambda i: abs(x.strides[i]))]
    inner = tuple([i for i in axes if i not in kept])
    out = np.empty_like(x, shape=[1 if i in inner else n for i, n in enumerate(x.shape)])

    def block(x: np.ndarray, out: np.ndarray) -> None:
        out[...] = _total(x, inner)

    in_blocks(block, x, out, axes=kept)
    return out if len(inner) == len(axes) else _total(out, axes)


def _total(x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Sum along axes, which stay with length 1."""
    if math.prod([x.shape[i] for i in axes]) <= ROWS:
        return _few((x,), axes)

    # a number that is repeated, as broadcasting does, is multiplied instead
    once = tuple([slice(0, 1) if i in axes and x.strides[i] == 0 else slice(None) for i in range(x.ndim)])
    repeats = math.prod(x.shape) // max(1, math.prod(x[once].shape))
    if repeats > 1:
        return _total(x[once], axes) * x.dtype.type(repeats)

    # what lies along the innermost axes is NumPy's to sum
    outer = _outer_axes(x, axes)
    count = math.prod([x.shape[i] for i in outer])
    if count <= ROWS:
        return x.sum(axis=axes, keepdims=True)

    # the longest of the other axes is cut; were its blocks of few rows, much would be left, so it goes alone first
    longest = max(outer, key=lambda i: x.shape[i])
    others = count // x.shape[longest]
    if others > ROWS // 8:
        return _total(_total(x, (longest,)), tuple([i for i in axes if i != longest]))
    return _by_blocks(x, axes, longest, ROWS // others)


def _outer_axes(x: np.ndarray, axes: tuple[int, ...]) -> list[int]:
    """Return those of axes that are not part of the innermost run in memory, which NumPy sums in pairs of pairs."""
    run: set[int] = set()
    step = 0  # from one number to the next along an axis that continues the run
    inwards = sorted((i for i in range(x.ndim) if x.shape[i] > 1), key=lambda i: abs(x.strides[i]))
    for i in inwards:
        if i not in axes or (run and abs(x.strides[i]) != step):
            break
        run.add(i)
        step = abs(x.strides[i]) * x.shape[i]
    return [i for i in axes if i not in run]


def _by_blocks(x: np.ndarray, axes: tuple[int, ...], axis: int, blocks: int) -> np.ndarray:
    """Sum along axes, of which axis is cut into blocks that are added onto each other, and a rest."""
    length = x.shape[axis] // blocks
    before = (slice(None),) * axis
    main = x[(*before, slice(blocks * length))]
    rest = x[(*before, slice(blocks * length, None))]

    # (.., blocks, length, ..): axis is now that of the blocks, the ones behind it have moved on by one
    main = main.reshape(*x.shape[:axis], blocks, length, *x.shape[axis + 1 :])
    onto = _few((main,), tuple([i if i <= axis else i + 1 for i in axes])).squeeze(axis)
    out = _total(onto, (axis,))
    return out + rest.sum(axis=axes, keepdims=True) if rest.shape[axis] else out


def _few(factors: tuple[np.ndarray, ...], axes: tuple[int, ...]) -> np.ndarray:
    """Sum the product of factors of one shape along axes, of ROWS numbers together, which stay with length 1.

    einsum takes a half to a fifth of sum's time where the innermost axis is short and stays.
    """
    x = factors[0]
    if len(factors) == 1 and (x.size < SHORT or x.dtype == np.float16 or x.shape[np.argmin(np.abs(x.strides))] > ROWS):
        return x.sum(axis=axes, keepdims=True)
    every = list(range(x.ndim))
    operands = [part for factor in factors for part in (factor, every)]
    return np.expand_dims(np.einsum(*operands, [i for i in every if i not in axes]), axes)


# ---- sums of products ------------------------------------------------------------------------------------------------


def total_of_products(x: Array, y: Array, axes: tuple[int, ...]) -> Array:
    """Return (x * y).sum(axes, keepdims=True) for x and y of one shape, on any device; the products stay in cache."""
    if not isinstance(x, np.ndarray) or x.dtype != y.dtype or x.dtype.kind != "f" or not x.size:
        return total(x * y, axes, True)
    out = np.empty_like(x, shape=[1 if i in axes else n for i, n in enumerate(x.shape)])

    def block(x: np.ndarray, y: np.ndarray, out: np.ndarray) -> None:
        out[...] = _products(x, y, axes)

    in_blocks(block, x, y, out, axes=[i for i in range(x.ndim) if i not in axes])
    return out


def _products(x: np.ndarray, y: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Sum x * y along axes, which stay with length 1: as scalar products, if what is summed lies together in memory."""
    order = sorted(range(x.ndim), key=lambda i: (i in axes, -abs(x.strides[i])))
    rows, others = x.transpose(order), y.transpose(order)
    if x.dtype.itemsize < 4:
        return _total(x * y, axes)
    if not rows.flags.c_contiguous or not others.flags.c_contiguous:
        return _products_of_few(x, y, axes)

    length = math.prod([x.shape[i] for i in axes])
    sums = _scalar_products(rows.reshape(-1, length), others.reshape(-1, length))
    sums = sums.reshape([1 if i in axes else x.shape[i] for i in order])
    return sums.transpose(sorted(range(x.ndim), key=order.__getitem__))


def _products_of_few(x: np.ndarray, y: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    """Sum x * y along axes, which stay with length 1: along the innermost of these first, as far as ROWS go."""
    few: list[int] = []
    for i in sorted(axes, key=lambda i: abs(x.strides[i])):
        if math.prod([x.shape[j] for j in [*few, i]]) > ROWS:
            break
        few.append(i)
    if math.prod([x.shape[i] for i in few]) < ROWS // 8:  # the next one is long
        return _total(x * y, axes)
    return _total(_few((x, y), tuple(few)), axes)


def _scalar_products(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Return the scalar product of every row of x with that of y, in pieces whose sums are then added."""
    main = x.shape[1] - x.shape[1] % PIECE
    out = np.vecdot(x[:, main:], y[:, main:])
    if main:
        pieces = (len(x), -1, PIECE)
        out += np.vecdot(x[:, :main].reshape(pieces), y[:, :main].reshape(pieces)).sum(axis=1)
    return out
