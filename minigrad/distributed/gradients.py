"""Sums of gradients: packed into buckets, each of which is sent as soon as it is full."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend import Array, device_of, xp
from ..modes import walking
from ..ops.collective import Share
from ..tensor import Tensor, reverse
from .buffers import Buffer, SharedBuffer, buffers
from .ranks import Ranks

BUCKET = 1 << 20  # bytes of gradients that are sent together: enough to hide the latency, few enough to start early


class _Bucket:
    """Gradients one after the other in a buffer, which is sent when all have come."""

    def __init__(self, parameters: list[Tensor], buffer: Buffer | SharedBuffer):
        self.parameters, self.buffer = parameters, buffer
        ends = np.cumsum([p.size for p in parameters])
        self.slots = {id(p): buffer.array[end - p.size : end].reshape(p.shape) for p, end in zip(parameters, ends)}
        self.come: set[int] = set()


class GradientSums:
    """The sums over all ranks of the gradients of parameters, each sent as soon as it is ready."""

    def __init__(self, parameters: Iterable[Tensor], ranks: Ranks):
        groups = list(_groups(list(parameters)[::-1]))
        self.ranks, self.buckets = ranks, list(map(_Bucket, groups, buffers(ranks, list(map(_flat, groups)))))
        self.bucket_of = {key: bucket for bucket in self.buckets for key in bucket.slots}
        self.started: list[Any] = []  # requests, one for each bucket, in order

    def backward(self, loss: Tensor, share: Share) -> float:
        """Add to .grad of each parameter the gradient of the batch's loss -> that loss, the mean over all rows.

        loss: the mean over this rank's rows. The graphs of all ranks must be alike, and a parameter's gradient lies in
        memory that the next call overwrites.
        """
        value = np.array(loss.item() * share.weight if share.rows else 0.0)
        told = self.ranks.start_sum(value)
        order = as_soon_as_complete(loss.ancestors())
        leaves = [t for t in order if id(t) in self.bucket_of]
        weight = Tensor.wrap(xp(loss.data).full(loss.shape, share.weight, loss.dtype))
        with walking(False):
            reverse(order, leaves, weight, take=self._take)
        self._finish()
        told.Wait()
        return value.item()

    def add_up(self) -> None:
        """Replace every .grad, already complete and weighted by this rank's share, by the sum over all ranks."""
        for key, bucket in self.bucket_of.items():
            x = next(p for p in bucket.parameters if id(p) == key)
            if x.grad is not None:
                grad, x.grad = x.grad, None
                self._take(x, grad)
        self._finish()

    def _take(self, x: Tensor, g: Tensor) -> None:
        """Put a gradient into its bucket, and start every bucket that is full, in the order that all ranks keep."""
        bucket = self.bucket_of[id(x)]
        bucket.slots[id(x)][...] = g.data
        bucket.come.add(id(x))
        all(request.Test() for request in self.started)  # data move only while MPI is called; as far as they have come
        while len(self.started) < len(self.buckets):
            bucket = self.buckets[len(self.started)]
            if len(bucket.come) < len(bucket.parameters):
                break
            self.started.append(bucket.buffer.start())

    def _finish(self) -> None:
        """Start what is left, which has parameters that the loss does not depend on, and wait for all sums."""
        for bucket in self.buckets[len(self.started) :]:
            for key in bucket.slots.keys() - bucket.come:
                bucket.slots[key][...] = 0
            self.started.append(bucket.buffer.start())
        for request, bucket in zip(self.started, self.buckets):
            request.Wait()
            for x in bucket.parameters:
                if id(x) in bucket.come:
                    g = Tensor.wrap(bucket.slots[id(x)].astype(x.dtype, copy=False))
                    x.grad = g if x.grad is None else x.grad + g
            bucket.come.clear()
        self.started.clear()


def _flat(parameters: list[Tensor]) -> Array:
    """Return zeros for the gradients of parameters, one after the other; float32 at least."""
    x = parameters[0].data
    dtype = np.dtype(np.float32) if x.dtype == np.float16 else x.dtype
    return xp(x).zeros(sum(p.size for p in parameters), dtype)


def _groups(parameters: list[Tensor]) -> Iterable[list[Tensor]]:
    """Cut a list of parameters into buckets of one dtype and one device, and of BUCKET bytes or one parameter."""
    group: list[Tensor] = []
    for x in parameters:
        kind = x.dtype, device_of(x.data)
        full = group and sum(p.data.nbytes for p in group) + x.data.nbytes > BUCKET
        if group and (full or kind != (group[0].dtype, device_of(group[0].data))):
            yield group
            group = []
        group.append(x)
    if group:
        yield group


def as_soon_as_complete(order: list[Tensor]) -> list[Tensor]:
    """Reorder a result and its ancestors, newest first, so that a leaf stands right behind its oldest user.

    There the walk back has its gradient complete. By age leaves stand at the end, as they have none.
    """
    placed: list[Tensor] = []
    seen: set[int] = set()
    for made in reversed(order):
        if made._op is None:
            continue
        for x in made._inputs:
            if isinstance(x, Tensor) and x._requires_grad and x._op is None and id(x) not in seen:
                seen.add(id(x))
                placed.append(x)
        placed.append(made)
    return placed[::-1] or order
