"""Files that are whole or not there."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the path of a file to write, beside `path`, whose place it takes at the end.

    After an error nothing is left of it. An OSError names `path`, also where the system names no file: a full disk.
    """
    aside = path.with_suffix(f".partial{path.suffix}")  # the suffix tells Pillow and matplotlib the format
    try:
        yield aside
        os.replace(aside, path)
    except BaseException as error:
        aside.unlink(missing_ok=True)
        if isinstance(error, OSError):
            error.filename, error.filename2 = str(path), None
        raise
