"""One run at a time in a folder, one process at a time for a file: two writers would spoil it for its readers."""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NAME = ".lock"


@contextmanager
def held(folder: Path, what: str) -> Iterator[None]:
    """Hold the folder's lock. RuntimeError, which says who has it, if another process does; what: says it of this one.

    The kernel frees the lock when the process ends, in whatever way. The file stays: only its lock counts.
    """
    path = folder / NAME
    with open(path, "a+") as file:  # "w" would empty it, and with it the name of who has it
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            raise RuntimeError(f"{folder} is in use by {holder}; wait for its end, or give another --out") from None
        except OSError as error:  # a file system without locks
            error.filename = str(path)
            raise
        file.truncate(0)
        file.write(f"process {os.getpid()} on {socket.gethostname()}: {what}\n")
        file.flush()
        yield


@contextmanager
def waited_for(path: Path) -> Iterator[None]:
    """Hold the lock that is the file at path, once no other process does. The file stays."""
    with open(path, "a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print(f"{path}: another process has this lock; waiting for its end")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield
