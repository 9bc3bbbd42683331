"""What the parts of a batch take together when each is on a process of its own, a rank: see distributed/.

Two ops carry numbers from rank to rank, and their gradients back. The loss of all is the sum of the ranks' losses, so
what one rank did with a number that another one sent is part of the sender's gradient: the cotangents of all ranks are
added. Hence the gradient of a sum over ranks is a sum over ranks, and that of gathered rows is the sum's own rows.

Every rank calls the same ops in the same order, else they would wait for each other forever.
"""

from __future__ import annotations

import builtins
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np

from ..op import as_tensor, op
from .arithmetic import astype
from .elementwise import sqrt, square
from .reduce import mean, sum


@op
def all_reduce(x, /, ranks):
    """The sum of what all ranks hold as x, on every one of them."""
    return ranks.sum(x)


all_reduce.defvjp(x=lambda g, out, x, ranks: all_reduce(g, ranks))


@op
def all_gather(x, /, ranks, counts):
    """The rows of all ranks one below the other, on every one of them; counts: how many each has."""
    return ranks.gather(x, counts)


def _own_rows(g, out, x, ranks, counts):
    start = builtins.sum(counts[: ranks.rank])
    return all_reduce(g, ranks)[start : start + len(x)]


all_gather.defvjp(x=_own_rows)


# ---- the batch that is shared ----------------------------------------------------------------------------------------


class Share(NamedTuple):
    """A rank's part of a batch: how many rows each rank has. One that has none computes with a row that counts 0."""

    ranks: Any
    counts: tuple[int, ...]

    @property
    def rows(self) -> int:
        return self.counts[self.ranks.rank]

    @property
    def total(self) -> int:
        return builtins.sum(self.counts)

    @property
    def weight(self) -> float:
        """The share of the rows: what a mean over them counts in the mean over all."""
        return self.rows / self.total


_shares: list[Share] = []  # the innermost last


@contextmanager
def sharing(share: Share) -> Iterator[None]:
    """Let the functions below, and batch normalisation, speak of the whole batch in this block."""
    _shares.append(share)
    try:
        yield
    finally:
        _shares.pop()


def share() -> Share | None:
    """Return this rank's part of the batch; None where a process has all of it."""
    return _shares[-1] if _shares else None


def batch_size(x: Any) -> int:
    """Return the number of rows of the whole batch of which this rank has x."""
    own = share()
    return len(x) if own is None else own.total


def whole_batch(x: Any) -> Any:
    """Return the rows of the whole batch, from this rank's: (n, ..) -> (N, ..); x itself where no batch is shared."""
    own = share()
    return x if own is None else all_gather(as_tensor(x)[: own.rows], own.ranks, own.counts)


def batch_mean(x: Any) -> Any:
    """Return the mean over the rows of the whole batch, from this rank's: (n, ..) -> (..)."""
    own = share()
    return mean(x, axis=0) if own is None else all_reduce(sum(x[: own.rows], axis=0), own.ranks) * (1 / own.total)


def mean_of_items(loss: Any, items: int) -> Any:
    """Return a loss that is a mean over `items` here, such as words, as this rank's part of the mean over all ranks'.

    Without it a rank counts by its rows.
    """
    own = share()
    if own is None:
        return loss
    here = float(items) if own.rows else 0.0
    everywhere = float(own.ranks.sum(np.array(here)))
    return loss * (here / everywhere / own.weight if here else 0.0)


def standardize_batch(x: Any, axes: tuple[int, ...], eps: float) -> tuple[Any, Any, Any]:
    """Standardise x with the moments of the whole, shared batch over axes, 0 among them; float32 at least.

    -> (x - mean) / sqrt(var + eps), and mean and var as arrays.
    """
    own: Any = share()
    n = own.total * math.prod(x.shape[axis] for axis in axes if axis)
    wide = astype(x, np.float32) if x.dtype == np.float16 else x
    centre = all_reduce(sum(wide[: own.rows], axis=axes, keepdims=True), own.ranks) * (1 / n)
    around = wide - centre
    var = all_reduce(sum(square(around[: own.rows]), axis=axes, keepdims=True), own.ranks) * (1 / n)
    return astype(around / sqrt(var + eps), x.dtype), centre.data, var.data
