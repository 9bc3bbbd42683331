"""Data that the first rank of a machine makes, and of which all its ranks share one copy.

Ranks (minigrad/distributed/) of one machine would otherwise each draw or read the same images, and each keep them. So
one does it and writes the result into a file, which all map into their memory: the pages that hold it are the same ones
for all. A rank that writes into its arrays gets pages of its own for what it changes.
"""

from __future__ import annotations

import functools
import io
import mmap
import os
import pickle
import tempfile
import time
from collections.abc import Callable
from typing import Any, BinaryIO, ParamSpec, TypeVar

from minigrad.distributed import Ranks, world

ALIGNED = 64  # bytes: arrays begin at multiples of it, as processors like to read them
PARTS_OF_ARRAYS = {"ndarray", "dtype", "scalar", "_reconstruct", "_frombuffer"}  # by which NumPy pickles them
PAUSE = 0.01  # seconds between two looks whether the others are ready

P, R = ParamSpec("P"), TypeVar("R")
Place = tuple[int, int]  # in a file: where something begins, and its bytes
_making = False  # is this rank making data for all? What that calls, it calls alone


def once_per_machine(make: Callable[P, R]) -> Callable[P, R]:
    """Let one rank of each machine call make, whose arguments are the same in all, and all have what it returns.

    That may be an array, text, a number or None, and tuples, lists and dictionaries of them; named ones are those of
    demos.data. OSError if the folder for temporary files, which TMPDIR names, is too small.
    """

    @functools.wraps(make)
    def made(*args: P.args, **kwargs: P.kwargs) -> R:
        global _making
        ranks = world()
        if ranks is None or ranks.neighbours == 1 or _making:
            return make(*args, **kwargs)
        if ranks.place:
            return _received(ranks)
        _making = True
        try:
            return _given(make(*args, **kwargs), ranks)
        finally:
            _making = False

    return made


def _given(value: Any, ranks: Ranks) -> Any:
    """Give a value to the other ranks of the machine -> the copy of it that all have."""
    with tempfile.NamedTemporaryFile(prefix="minigrad-") as file:
        try:
            told = file.name, _write(value, file)
            file.flush()
        except OSError as error:
            error.filename = file.name
            raise
        del value
        _wait(ranks)
        ranks.machine.bcast(told)
        copy = _map(*told)
        _wait(ranks)  # until all have mapped the file; then it needs no name any more
    return copy


def _received(ranks: Ranks) -> Any:
    _wait(ranks)
    copy = _map(*ranks.machine.bcast(None))
    _wait(ranks)
    return copy


def _wait(ranks: Ranks) -> None:
    """Wait for the other ranks of the machine, asleep: one of them may be busy for long, and needs the cores."""
    request = ranks.machine.Ibarrier()
    while not request.Test():
        time.sleep(PAUSE)


def _write(value: Any, file: BinaryIO) -> list[Place]:
    """Write the pickle of a value, which leaves out the numbers in its arrays, and then these -> their places."""
    arrays: list[pickle.PickleBuffer] = []
    rest = pickle.dumps(value, protocol=5, buffer_callback=arrays.append)
    places = []
    for part in (rest, *(array.raw() for array in arrays)):
        start = file.seek(-file.tell() % ALIGNED, os.SEEK_CUR)
        places.append((start, file.write(part)))
    return places


def _map(path: str, places: list[Place]) -> Any:
    """Map a file into memory -> the value in it, whose arrays are those pages."""
    with open(path, "rb") as file:
        memory = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
    rest, *arrays = (memory[start : start + size] for start, size in places)
    return _Reader(io.BytesIO(rest), buffers=arrays).load()


class _Reader(pickle.Unpickler):
    """Reads pickles of arrays and of the classes of demos.data that hold them, and runs nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        package = module.split(".")
        if (package[0] == "numpy" and name in PARTS_OF_ARRAYS) or (package[0] == "pathlib" and name == "PosixPath"):
            return super().find_class(module, name)
        found = super().find_class(module, name) if package[:2] == ["demos", "data"] else None
        if not isinstance(found, type):
            raise pickle.UnpicklingError(f"{module}.{name} is not shared among ranks: return arrays, or tuples of them")
        return found
