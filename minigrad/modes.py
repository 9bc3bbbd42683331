"""Switches that hold while a block of code runs, separately in each thread."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class _Mode(threading.local):
    recording = True  # do results remember how they were made?
    walking = False  # is a walk back through a graph under way?
    rule: tuple[str, str] | None = None  # the (op, input) whose gradient rule is running, kept where ops are watched

    watched = False  # does anyone look at every op? Of the two that may, neither costs anything otherwise:
    anomaly = False  # is every result searched for NaN and infinity?
    profiles: tuple = ()  # which profiles are open?
    spent = 0.0  # seconds that the blocks inside the present timed block have taken, see profile.py


mode = _Mode()


@contextmanager
def recording(on: bool) -> Iterator[None]:
    """Make results remember how they were made, or not, in this block."""
    before, mode.recording = mode.recording, on
    try:
        yield
    finally:
        mode.recording = before


@contextmanager
def walking(recorded: bool) -> Iterator[None]:
    """Hold a walk back in this block, whose results remember how they were made or not."""
    before = mode.recording, mode.walking
    mode.recording, mode.walking = recorded, True
    try:
        yield
    finally:
        mode.recording, mode.walking = before


def no_grad() -> Any:
    """Return a context in which results do not remember how they were made, for evaluation and for updates."""
    return recording(False)
