"""Flat memory into which every rank puts numbers of its own, and which then holds the sum of all.

Ranks of several machines send each other messages. Those of one machine see the same memory, where a sum takes no copy:
each rank of n adds up an n-th of the numbers, of all ranks, and writes the sums where every rank expects them.

    rank 0   | a0 | b0 |        | a0 + a1 | b0 + b1 |
    rank 1   | a1 | b1 |   ->   | a0 + a1 | b0 + b1 |
                                  by rank 0  by rank 1
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..backend import Array

if TYPE_CHECKING:
    from .ranks import Ranks

MEMORY = Path("/dev/shm")  # a file system of Linux that is memory
LINE = 64  # bytes: no two ranks write to the same line of a cache


def buffers(ranks: Ranks, arrays: list[Array]) -> list[Buffer] | list[SharedBuffer]:
    """Return a buffer for each flat array: as long, of its dtype, and on its device. Every rank calls this at once."""
    one_machine = ranks.neighbours == ranks.size and all(isinstance(a, np.ndarray) for a in arrays)
    ends = np.cumsum([-(-a.nbytes // LINE) * LINE for a in arrays])
    memory = _shared_memory(ranks, (ranks.size, int(ends[-1]))) if one_machine else None
    if memory is None:
        return [Buffer(a, ranks) for a in arrays]
    written, added = ranks.comm.Dup(), ranks.comm.Dup()
    starts = [0, *ends[:-1]]
    views = [memory[:, start : start + a.nbytes].view(a.dtype) for start, a in zip(starts, arrays)]
    return [SharedBuffer(list(view), ranks.rank, written, added) for view in views]


class Buffer:
    """Memory of this rank, `array`, of which messages make the sum."""

    def __init__(self, array: Array, ranks: Ranks):
        self.array, self.ranks = array, ranks

    def start(self) -> Any:
        """Begin to replace the array by the sum over all ranks -> a request, with Test() and Wait().

        The requests of several buffers are started, tested and waited for in one order, the same on all ranks.
        """
        return self.ranks.start_sum(self.array)


class SharedBuffer:
    """Memory that all ranks see, one part for each. Two barriers: nobody adds before all have written, nor goes on
    before all have added. A barrier is known by its turn, so `written` and `added` carry one kind of them each."""

    def __init__(self, parts: list[np.ndarray], rank: int, written: Any, added: Any):
        self.array = parts[rank]
        n, size = len(parts), self.array.size
        self.mine = [part[size * rank // n : size * (rank + 1) // n] for part in parts]
        self.comms = written, added
        self.waiting: list[Any] = []  # for the first barrier, or for both

    def start(self) -> SharedBuffer:
        """As Buffer.start; the request is the buffer itself."""
        self.waiting = [self.comms[0].Ibarrier()]
        return self

    def Test(self) -> bool:
        if len(self.waiting) == 1 and self.waiting[0].Test():
            self._add()
        return len(self.waiting) == 2 and self.waiting[1].Test()

    def Wait(self) -> None:
        if len(self.waiting) == 1:
            self.waiting[0].Wait()
            self._add()
        self.waiting[1].Wait()

    def _add(self) -> None:
        """Add up this rank's share of the numbers, in the order of the ranks."""
        first, *others = self.mine
        for part in others:
            first += part
        for part in others:
            part[...] = first
        self.waiting.append(self.comms[1].Ibarrier())


def _shared_memory(ranks: Ranks, shape: tuple[int, int]) -> np.ndarray | None:
    """Return zeroed bytes that all ranks see; None where the machine has no room for them, or no such memory."""
    name = ranks.tell(_make_file(shape[0] * shape[1]) if ranks.rank == 0 else None)
    if name is None:
        return None
    memory = np.memmap(name, np.uint8, "r+", shape=shape)
    ranks.comm.Barrier()  # all have opened it, so its name may go; the memory goes with the last who uses it
    if ranks.rank == 0:
        os.unlink(name)
    return memory


def _make_file(size: int) -> str | None:
    """Make a file of `size` bytes in memory that is set aside at once: written to without room, it would end us all."""
    if not MEMORY.is_dir():
        return None
    file, name = tempfile.mkstemp(prefix="minigrad-", dir=MEMORY)
    try:
        os.posix_fallocate(file, 0, size)
    except OSError:
        os.unlink(name)
        return None
    finally:
        os.close(file)
    return name
