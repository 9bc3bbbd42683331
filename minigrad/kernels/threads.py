"""Every core of the CPU: worker threads, and scratch memory that each keeps between calls.

NumPy lets go of the interpreter while it copies and multiplies, so plain threads do run at the same time. BLAS has
threads of its own, and when they have nothing left to do they spin for a while: one product that wakes them makes the
next kernels share a core. So BLAS is held to one thread in every product large enough to wake them.
"""

from __future__ import annotations

import functools
import math
import os
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any

import numpy as np

SMALL = 1 << 20  # multiply-adds: below this a call is over before a second thread has woken up
ASLEEP = 1 << 17  # multiply-adds: below this BLAS wakes nobody (OpenBLAS: below twice as many)
BLOCK = 1 << 18  # elements that a thread works on at a time: 1 MiB of float32, about one core's cache
_busy = threading.Lock()
_queues: list[SimpleQueue] = []  # one a worker thread
_own = threading.local()


def thread_count() -> int:
    """Return how many threads a kernel may use: MINIGRAD_NUM_THREADS, else the cores this process may run on."""
    text = os.environ.get("MINIGRAD_NUM_THREADS")
    if text is None:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal() or int(text) < 1:
        raise ValueError(f"MINIGRAD_NUM_THREADS is {text!r}; it must be a whole number from 1")
    return int(text)


def parallel(f: Callable[[int, int], Any], n: int, work: float) -> None:
    """Call f(start, stop) on parts of range(n), one a thread; on all of it where `work` multiply-adds are too few.

    BLAS has one thread meanwhile. An exception in a part is raised here, once all parts have ended. A call from within
    a part runs in its thread.
    """
    lock = _busy
    if work < ASLEEP or not lock.acquire(blocking=False):
        f(0, n)
        return
    count = min(thread_count(), n) if work >= SMALL else 1
    try:
        _run(f, [n * i // count for i in range(count + 1)] if count > 1 else [0, n])
    finally:
        lock.release()


def _run(f: Callable[[int, int], Any], cuts: list[int]) -> None:
    done: SimpleQueue = SimpleQueue()  # of this call alone: after Ctrl-C late answers must not reach the next one
    libraries = _blas()
    before = [library.get_num_threads() for library in libraries]
    for library in libraries:
        library.set_num_threads(1)
    try:
        workers = _workers(len(cuts) - 2)
        for queue, start, stop in zip(workers, cuts[1:], cuts[2:]):
            queue.put((f, start, stop, done))
        answers = [_attempt(f, cuts[0], cuts[1]), *(done.get() for _ in workers)]
    finally:
        for library, threads in zip(libraries, before):
            library.set_num_threads(threads)
    for error in answers:
        if error is not None:
            raise error


def _attempt(f: Callable[[int, int], Any], start: int, stop: int) -> Exception | None:
    """Call f; return its exception, if any, so that all parts are waited for before it is raised."""
    try:
        f(start, stop)
    except Exception as error:
        return error
    return None


def _workers(count: int) -> list[SimpleQueue]:
    """Return a queue of work for each of `count` threads, started when they are first wanted."""

    def serve(queue: SimpleQueue) -> None:
        while True:
            f, start, stop, done = queue.get()
            done.put(_attempt(f, start, stop))
            del f, done  # f holds arrays

    while len(_queues) < count:
        _queues.append(SimpleQueue())
        threading.Thread(target=serve, args=(_queues[-1],), daemon=True, name="minigrad").start()
    return _queues[:count]


def _forget() -> None:
    """Start anew in a forked process: it has inherited no threads, and perhaps a lock that is taken for ever."""
    global _busy
    _queues.clear()
    _busy = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)


@functools.cache
def _blas() -> list[Any]:
    """Return the controllers of the BLAS libraries in this process."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController().select(user_api="blas").lib_controllers


def scratch(name: str, dtype: np.dtype, *shape: int) -> np.ndarray:
    """Return this thread's scratch array of that name, with whatever it last held: fresh memory is slow to touch."""
    size = math.prod(shape) * dtype.itemsize
    memory: dict[str, np.ndarray] = _own.__dict__
    if name not in memory or memory[name].size < size:
        memory[name] = np.empty(size, np.uint8)
    return memory[name][:size].view(dtype).reshape(shape)
