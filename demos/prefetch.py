"""Batches read ahead of the training by a thread, so that reading and computing take their time together."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from queue import Queue
from typing import Any

AHEAD = 2  # batches


def prefetched(read: Callable[[Any], Any], items: Iterator[Any]) -> Iterator[Any]:
    """Yield read(item) of each item, while a thread reads the next ones. What it raises is raised here."""
    queue: Queue[tuple[Any, BaseException | None, bool]] = Queue(AHEAD)
    left = threading.Event()  # nobody wants any more

    def work() -> None:
        try:
            for item in items:
                queue.put((read(item), None, False))
                if left.is_set():
                    return
            queue.put((None, None, True))
        except BaseException as error:
            queue.put((None, error, True))

    thread = threading.Thread(target=work, daemon=True, name="prefetch")
    thread.start()
    try:
        while True:
            value, error, ended = queue.get()
            if error is not None:
                raise error
            if ended:
                return
            yield value
    finally:
        left.set()
        while thread.is_alive():  # it may be waiting for room
            while not queue.empty():
                queue.get()
            thread.join(0.01)
