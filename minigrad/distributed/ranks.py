"""The processes that mpiexec started together, and what they say to each other."""

from __future__ import annotations

import functools
import os
import sys
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..backend import Array, gpu, xp

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
