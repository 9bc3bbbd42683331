"""Where a data file comes from: the user's folder, the cache, the network; in this order, and always by SHA-256."""

import contextlib
import gzip
import hashlib
import os
import time
import zlib
from pathlib import Path

from .download import STALL, download

STALE = 20 * STALL  # seconds: a download that lives has written, or has given up, long before


def fetch(name, urls, sha256, *, size, unpacked=None):
    """Find or download the file `name` -> Path.

    The folder named by the environment variable MINIGRAD_DATA comes first, then the user's cache, then each of `urls`.
    `sha256` is the file's hexadecimal digest and `size` its bytes, or the most that it may have: a download that brings
    more is given up. `unpacked`, for a gzip file, is (SHA-256, size) of its contents, by which a copy that was packed
    again is known. A download enters the cache whole and verified, or not at all; download.py limits its time.

    FileNotFoundError if MINIGRAD_DATA is not a folder; ValueError if the file is there and its contents are others;
    OSError if every download fails, with each address, its reason and where to put the file by hand.
    """
    import pooch

    cache, reasons = Path(pooch.os_cache("minigrad")), []
    _remove_stale(cache)
    at_hand = find(name)
    if at_hand is not None:
        return _verified(at_hand, sha256, unpacked)
    for url in urls:
        try:
            return Path(pooch.retrieve(url, f"sha256:{sha256}", name, cache, downloader=_downloader(size)))
        except (OSError, ValueError) as error:  # no route, refused, cut short; or another file at that address
            reasons.append(f"  {url}\n    {type(error).__name__}: {error}")
    raise OSError(
        "\n".join(
            [
                f"fetch: no download of {name} succeeded:",
                *reasons,
                f"Put the file at {cache / name} by hand, or into a folder of yours and name that in MINIGRAD_DATA",
            ]
        )
    )


def find(name):
    """Find the file `name` in the folder that MINIGRAD_DATA names, then in the cache -> Path, unread; None if in none.

    FileNotFoundError if MINIGRAD_DATA is not a folder.
    """
    import pooch

    places = (folder / name for folder in (user_folder(), Path(pooch.os_cache("minigrad"))) if folder)
    return next(filter(Path.is_file, places), None)


def user_folder():
    """Return the folder that MINIGRAD_DATA names, None if unset or empty. FileNotFoundError if it is not a folder."""
    named = os.environ.get("MINIGRAD_DATA")
    if not named:
        return None
    if not Path(named).is_dir():
        raise FileNotFoundError(f"MINIGRAD_DATA is {named!r}, which is not a folder; create it, correct it or unset it")
    return Path(named)


def sha256_of(path):
    """Hash a file in pieces, so that its size costs no memory -> hexadecimal digest."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _downloader(size):
    """Return what pooch calls to fill its temporary file, which it verifies, and then moves or removes."""
    return lambda url, path, _: download(url, path, size)


def _remove_stale(cache):
    """Remove the temporary files of downloads that were killed: those into which nothing was written for STALE."""
    for path in cache.glob("tmp*"):
        with contextlib.suppress(FileNotFoundError):  # another process was faster, or its download is done
            if path.is_file() and time.time() - path.stat().st_mtime > STALE:
                path.unlink()


def _verified(path, sha256, unpacked):
    """Return path if it holds what was pinned, in whatever gzip container; else ValueError."""
    got = sha256_of(path)
    if got == sha256 or (unpacked and _holds(path, *unpacked)):
        return path
    raise ValueError(
        f"fetch: {path} has SHA-256 {got}, expected {sha256}; "
        "it is damaged or another file: replace it, or move it away so that it is downloaded"
    )


def _holds(path, sha256, size):
    """Tell whether a gzip file holds `size` bytes of that digest; no more than these are ever unpacked."""
    try:
        with gzip.open(path) as file:
            content = file.read(size + 1)
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    return hashlib.sha256(content).hexdigest() == sha256
