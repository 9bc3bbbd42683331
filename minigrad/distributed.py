"""Training on several processes: each computes the gradient of its part of a batch, and all take the sum.

    mpiexec -n 4 python -m demos vae

starts four processes, the *ranks* 0 to 3, which know of each other through MPI. Each holds the whole model, starts from
rank 0's parameters, and takes its rows of every batch. The loss of the batch is the mean over its rows, so its gradient
is the ranks' gradients weighted by their rows and added: an *all-reduce*, after which every rank holds the sum. All
take the same optimizer's step, and stay equal without ever sending a parameter again.

Sending costs time, but not much waits for it. The walk back finds the gradients of the last layers first. They are
packed into flat buckets, and a bucket is sent as soon as it is full, while the walk goes on to earlier layers:

    walk    | layer 4 | layer 3 | layer 2 | layer 1 |
    network           | bucket 0 (4, 3) .... | bucket 1 (2, 1) .. |
                                                    only this is waited for ^

What a batch takes together besides, such as its moments in batch normalisation, is in ops/collective.py.
"""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from .backend import Array, device_of, gpu, xp
from .modes import walking
from .ops.collective import Share
from .tensor import Tensor, reverse

BUCKET = 1 << 20  # bytes of gradients that are sent together: enough to hide the latency, few enough to start early
PASSED_ON = 0.3  # seconds that mpiexec gets to pass on what was printed: an abort discards what it has not read
LAUNCHED = ("PMI_SIZE", "PMIX_RANK", "OMPI_COMM_WORLD_SIZE")  # what mpiexec tells a process in its environment


@functools.cache
def world() -> Ranks | None:
    """Return the ranks that mpiexec started together, this one among them; None for a process by itself.

    RuntimeError if mpiexec started it and mpi4py is not installed: every process would do the same work.
    """
    if not any(name in os.environ for name in LAUNCHED):
        return None
    try:
        from mpi4py import MPI
    except ImportError as error:
        raise RuntimeError(f'mpiexec started several processes, but {error}; pip install -e ".[mpi]"') from error
    return Ranks(MPI.COMM_WORLD) if MPI.COMM_WORLD.size > 1 else None


class Ranks:
    """The processes of a communicator of MPI, and what they do together. All methods but abort are for all at once."""

    def __init__(self, comm: Any):
        self.comm, self.rank, self.size = comm, comm.rank, comm.size
        here = comm.Split_type(sys.modules["mpi4py.MPI"].COMM_TYPE_SHARED)
        self.place, self.neighbours = here.rank, here.size  # among the ranks of this machine, and how many they are
        self.machine = here

    def sum(self, x: Array) -> Array:
        """Add up the arrays of all ranks."""
        out = xp(x).array(x, order="C")
        self.start_sum(out).Wait()
        return out

    def start_sum(self, buffer: Array) -> Any:
        """Begin to replace a contiguous array by the sum over all ranks -> a request, with Wait() and Test()."""
        if isinstance(buffer, np.ndarray):
            return self.comm.Iallreduce(sys.modules["mpi4py.MPI"].IN_PLACE, buffer)
        return self.nccl.start_sum(buffer)

    @functools.cached_property
    def nccl(self) -> Nccl:
        return Nccl(self)

    def gather(self, x: Array, counts: tuple[int, ...]) -> Array:
        """Put the rows of all ranks below each other; counts: how many each has."""
        out = xp(x).zeros((sum(counts), *x.shape[1:]), x.dtype)
        start = sum(counts[: self.rank])
        if not isinstance(x, np.ndarray):  # NCCL gathers equal parts only: add up what is zero elsewhere
            out[start : start + len(x)] = x
            return self.sum(out)
        sizes = [count * (out[:1].size) for count in counts]
        self.comm.Allgatherv(np.ascontiguousarray(x), [out, sizes])
        return out

    def broadcast(self, arrays: Iterable[Array]) -> None:
        """Set arrays in place to rank 0's."""
        for a in arrays:
            host = np.ascontiguousarray(a) if isinstance(a, np.ndarray) else a.get()
            self.comm.Bcast(host.reshape(-1).view(np.uint8))
            a[...] = xp(a).asarray(host)

    def tell(self, value: Any) -> Any:
        """Return rank 0's value, which may be any object that can be pickled."""
        return self.comm.bcast(value)

    def device(self, name: str) -> str:
        """Name the device of this rank: of "cuda" its own GPU, which becomes the current one."""
        if name == "cuda":
            gpu().cuda.Device(self.place).use()
            return f"cuda:{self.place}"
        return name

    def abort(self, status: int) -> None:
        """End all ranks now, wherever they are, without a word: that is the caller's. mpiexec returns the status."""
        sys.stdout.flush()
        sys.stderr.flush()
        time.sleep(PASSED_ON)
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # MPI libraries say at length that they abort
        self.comm.Abort(status)


class Nccl:
    """What Ranks does for arrays on GPUs, one GPU for each rank: NCCL's all-reduce, on a stream of its own.

    No machine with two GPUs has run this yet. https://docs.cupy.dev/en/stable/reference/distributed.html
    """

    def __init__(self, ranks: Ranks):
        from cupyx.distributed import init_process_group

        self.cuda = gpu().cuda
        self.comm = init_process_group(ranks.size, ranks.rank, use_mpi=True)  # for the GPU that is current
        self.stream = self.cuda.Stream(non_blocking=True)

    def start_sum(self, buffer: Array) -> Nccl.Sent:
        """As Ranks.start_sum: the stream waits for the numbers, and who waits for the sum is the computing stream."""
        self.stream.wait_event(self.cuda.get_current_stream().record())
        self.comm.all_reduce(buffer, buffer, "sum", self.stream)
        return Nccl.Sent(self.cuda, self.stream.record())

    class Sent:
        """A sum that is on its way."""

        def __init__(self, cuda: Any, event: Any):
            self.cuda, self.event = cuda, event

        def Wait(self) -> None:
            self.cuda.get_current_stream().wait_event(self.event)

        def Test(self) -> bool:
            return self.event.done


# ---- sums of gradients -----------------------------------------------------------------------------------------------


class _Bucket:
    """Gradients one after the other in flat memory, which is sent when all have come."""

    def __init__(self, parameters: list[Tensor]):
        self.parameters, x = parameters, parameters[0].data
        dtype = np.dtype(np.float32) if x.dtype == np.float16 else x.dtype
        self.flat = xp(x).zeros(sum(p.size for p in parameters), dtype)
        ends = np.cumsum([p.size for p in parameters])
        self.slots = {id(p): self.flat[end - p.size : end].reshape(p.shape) for p, end in zip(parameters, ends)}
        self.come: set[int] = set()


class GradientSums:
    """The sums over all ranks of the gradients of parameters, each sent as soon as it is ready."""

    def __init__(self, parameters: Iterable[Tensor], ranks: Ranks):
        self.ranks, self.buckets = ranks, [_Bucket(group) for group in _groups(list(parameters)[::-1])]
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
        for request in self.started:
            request.Test()  # MPI moves its data only while it is called
        while len(self.started) < len(self.buckets):
            bucket = self.buckets[len(self.started)]
            if len(bucket.come) < len(bucket.parameters):
                break
            self.started.append(self.ranks.start_sum(bucket.flat))

    def _finish(self) -> None:
        """Start what is left, which has parameters that the loss does not depend on, and wait for all sums."""
        for bucket in self.buckets[len(self.started) :]:
            self.started.append(self.ranks.start_sum(bucket.flat))
        for request, bucket in zip(self.started, self.buckets):
            request.Wait()
            for x in bucket.parameters:
                if id(x) in bucket.come:
                    g = Tensor.wrap(bucket.slots[id(x)].astype(x.dtype, copy=False))
                    x.grad = g if x.grad is None else x.grad + g
            bucket.come.clear()
        self.started.clear()


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
