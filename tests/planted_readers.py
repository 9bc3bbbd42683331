"""Readers with one fault each, which tests/fuzz.py has to notice: a search that finds nothing proves nothing."""

import os
import time

import numpy as np

from tests.fuzz import Reader

WHOLE = b"sum:0010 0123456789"


def read(path):
    """Read a file such as WHOLE, whose first number is the length of the rest."""
    content = path.read_bytes()
    if content[:4] != b"sum:" or not content[4:8].isdigit() or int(content[4:8]) != len(content) - 9:
        raise ValueError(f"{path} is damaged")
    return content


def nameless(path):
    if not path.read_bytes().startswith(b"sum:"):
        raise ValueError("it is damaged")


def crash(path):
    return path.read_bytes().startswith(b"sum:") or [][0]


def hang(path):
    while not path.read_bytes().startswith(b"sum:"):
        time.sleep(0.01)


def fill_memory(path):
    return bytes(0 if path.read_bytes().startswith(b"sum:") else 1 << 30)


def die(path):
    if not path.read_bytes().startswith(b"sum:"):
        os.abort()


def leftovers(path):
    return np.empty(100_000, np.uint8)


def open_another(path):
    if path.read_bytes() != WHOLE:
        (path.parent / "another").write_bytes(b"")
        (path.parent / "another").unlink()


def long_error(path):
    if path.read_bytes() != WHOLE:
        raise ValueError(f"{path} is damaged: {'x' * 10_000}")


FAULTS = {
    nameless: "names no file",
    crash: "IndexError in crash",
    hang: "hang",
    fill_memory: "MemoryError",
    die: "in die",
    leftovers: "is read as something else the second time",
    open_another: "open ",
    long_error: "an error of 10",
}
READERS = {
    "good": Reader(lambda: [WHOLE], read),
    "unsealed": Reader(lambda: [WHOLE], read, sealed=True),
    **{fault.__name__: Reader(lambda: [WHOLE], fault, seconds=0.5) for fault in FAULTS},
}
