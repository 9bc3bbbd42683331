"""Switches that hold while a block of code runs, separately in each thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Mode(threading.local):
    recording = True  # do results remember how they were made?
    anomaly = False  # is every result searched for NaN and infinity?
    rule: tuple[str, str] | None = None  # the (op, input) whose gradient rule is running, for the anomaly report


mode = _Mode()


@contextmanager
def recording(on: bool) -> Iterator[None]:
    """Make results remember how they were made, or not, in this block."""
    before, mode.recording = mode.recording, on
    try:
        yield
    finally:
        mode.recording = before


def no_grad() -> Any:
    """Return a context in which results do not remember how they were made, for evaluation and for updates."""
    return recording(False)
