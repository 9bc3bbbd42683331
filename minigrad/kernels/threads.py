"""Every core of the CPU: worker threads, and scratch memory that each keeps between calls.

NumPy lets go of the interpreter while it copies and multiplies, so plain threads do run at the same time. BLAS has
threads of its own, and when they have nothing left to do they spin for a while: one product that wakes them makes the
next kernels share a core. So BLAS is held to one thread in every product large enough to wake them.

A kernel is cut into one part for each thread. The caller works on the first, and then on any that nobody has begun:

    caller      | part 0 .............. | part 2 ....... |      nobody had taken it
    worker 1    | wakes | part 1 ............ |
    worker 2    | is busy elsewhere, or could not be started

Callers take turns. Each has all the threads while it is its turn, so that a kernel is cut in the same places, and
gives the same bits, whoever else computes.
"""

from __future__ import annotations

import functools
import itertools
import math
import operator
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

SMALL = 1 << 20  # multiply-adds: below this a call is over before a second thread has woken up
ASLEEP = 1 << 17  # multiply-adds: below this BLAS wakes nobody (OpenBLAS: below twice as many)
BLOCK = 1 << 18  # elements that a thread works on at a time: 1 MiB of float32, about one core's cache


class _Own(threading.local):
    """What each thread has for itself."""

    def __init__(self) -> None:
        self.inside = threading.Lock()  # taken while the thread runs a kernel
        self.memory: dict[str, np.ndarray] = {}


_own = _Own()
_turn = threading.Lock()  # who holds it has the workers, and BLAS at one thread
_parts: SimpleQueue = SimpleQueue()  # (f, start, stop, where to put the answer), for whoever is free
_workers: list[threading.Thread] = []
_undo: Iterator[Any] = iter(())  # gives BLAS back its threads as it is read, once


def thread_count() -> int:
    """Return how many threads a kernel may use: MINIGRAD_NUM_THREADS, else the cores this process may run on."""
    text = os.environ.get("MINIGRAD_NUM_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"MINIGRAD_NUM_THREADS is {text!r}; it must be a whole number from 1")
    return int(text)


def inside_part() -> bool:
    """Tell whether the caller works on a part of a kernel, which is not to be cut again."""
    return _own.inside.locked()


def parallel(f: Callable[[int, int], Any], n: int, work: float) -> None:
    """Call f(start, stop) on parts of range(n), one per thread; on all of it where `work` multiply-adds are too few.

    BLAS has one thread in the meantime. An exception in a part is raised here, once all parts have ended. Other callers
    wait for their turn; a call from within a part runs in its thread.
    """
    inside = _own.inside
    if work < ASLEEP or inside.locked():
        f(0, n)
        return

    count = min(thread_count(), n) if work >= SMALL else 1
    cuts = [n * i // count for i in range(count + 1)] if count > 1 else [0, n]
    with inside, _turn:  # locks are taken and given back in C: Ctrl-C falls before or after
        _with_one_blas_thread(f, cuts)


def _with_one_blas_thread(f: Callable[[int, int], Any], cuts: list[int]) -> None:
    """Run f on the parts between the cuts. The user's number of threads of BLAS returns, whatever happens."""
    global _undo
    setters = _setters()
    list(_undo)  # does nothing, unless an earlier call was kept from it

    before = [library.get_num_threads() for library in _blas()]
    # Ctrl-C raises between two steps of Python. A map takes its steps in C, when the list is made: all of them or none
    _undo = undo = map(operator.call, setters, before)
    try:
        list(map(operator.call, setters, [1] * len(setters)))
        answers = _answers(f, cuts)
    finally:
        list(undo)

    for error in answers:
        if error is not None:
            raise error


def _answers(f: Callable[[int, int], Any], cuts: list[int]) -> list[BaseException | None]:
    """Run f on the parts between the cuts, the first in this thread; return what each raised, None for nothing."""
    done: SimpleQueue = SimpleQueue()  # of this call alone: after Ctrl-C late answers must not reach the next one
    while not _parts.empty():
        _take()  # left by a call that was interrupted

    # hand out all parts but the first
    first, *rest = itertools.pairwise(cuts)
    _start_workers(len(rest))
    for start, stop in rest:
        _parts.put((f, start, stop, done))

    answers = [_attempt(f, *first)]
    while len(answers) <= len(rest):
        part = _take()  # one that no worker has come to; None: all are begun, so wait for the next answer
        answers.append(done.get() if part is None else _attempt(*part[:3]))
    return answers


def _take() -> tuple | None:
    """Return a part that nobody has begun, None if there is none."""
    try:
        return _parts.get_nowait()
    except Empty:
        return None


def _attempt(
    f: Callable[[int, int], Any], start: int, stop: int, caught: type[BaseException] = Exception
) -> BaseException | None:
    """Call f; return its exception, if any, so that all parts are waited for before it is raised."""
    try:
        f(start, stop)
    except caught as error:
        return error
    return None


def _serve() -> None:
    """Work on parts forever, as a worker thread."""
    with _own.inside:
        while True:
            f, start, stop, done = _parts.get()
            done.put(_attempt(f, start, stop, BaseException))  # SystemExit too: somebody waits for an answer
            del f, done  # f holds arrays


def _start_workers(count: int) -> None:
    """Start threads until there are `count`. Without them the caller does their parts: the same bits, more slowly."""
    while len(_workers) < count:
        worker = threading.Thread(target=_serve, daemon=True, name="minigrad")
        try:
            worker.start()
        except RuntimeError as error:
            warnings.warn(f"minigrad runs on {len(_workers) + 1} threads: {error}", RuntimeWarning, stacklevel=2)
            return
        _workers.append(worker)


def _forget() -> None:
    """Start afresh in a forked process: it has inherited no threads, and perhaps a lock that is held forever."""
    global _turn, _parts
    _workers.clear()
    _turn, _parts = threading.Lock(), SimpleQueue()
    list(_undo)  # the fork may have come while another thread held BLAS to one


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@functools.cache
def _blas() -> list[Any]:
    """Return the controllers of the BLAS libraries in this process."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers


@functools.cache
def _setters() -> list[Callable[[int], Any]]:
    """Return the function of each of these libraries that sets its number of threads: that of the library, in C."""
    openblas = [f"{start}openblas_set_num_threads{end}" for start in ("", "scipy_") for end in ("", "64_", "_64")]
    names = [*openblas, "MKL_Set_Num_Threads", "bli_thread_set_num_threads", "flexiblas_set_num_threads"]
    setters = []
    for library in _blas():
        known = [getattr(library.dynlib, name) for name in names if hasattr(library.dynlib, name)]
        setters.append(known[0] if known else library.set_num_threads)
    return setters


def scratch(name: str, dtype: np.dtype, *shape: int) -> np.ndarray:
    """Return this thread's scratch array of that name, with whatever it last held: fresh memory is slow to touch."""
    size = math.prod(shape) * dtype.itemsize
    memory = _own.memory
    if name not in memory or memory[name].size < size:
        memory[name] = np.empty(size, np.uint8)
    return memory[name][:size].view(dtype).reshape(shape)
