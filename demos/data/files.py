"""Where a data file comes from: the user's folder, the cache, the network; in this order, and always by SHA-256."""

import gzip
import hashlib
import os
import zlib
from pathlib import Path


def fetch(name, urls, sha256, unpacked=None):
    """Find or download the file `name` -> Path.

    The folder named by the environment variable MINIGRAD_DATA comes first, then the user's cache, then each of `urls`.
    `sha256` is the file's hexadecimal digest, or its first digits where no more is published; `unpacked`, for a gzip
    file, that of its contents, by which a copy that was packed again is known. A download enters the cache whole and
    verified, or not at all.

    FileNotFoundError if MINIGRAD_DATA is not a folder; ValueError if the file is there and its contents are others;
    OSError if every download fails, with each address, its reason and where to put the file by hand.
    """
    import pooch

    at_hand = find(name)
    if at_hand is not None:
        return _verified(at_hand, sha256, unpacked)
    cache, reasons = Path(pooch.os_cache("minigrad")), []
    for url in urls:
        try:
            return _download(url, name, sha256, cache)
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
    return next(filter(Path.exists, places), None)


def user_folder():
    """Return the folder that MINIGRAD_DATA names, None if unset or empty. FileNotFoundError if it is not a folder."""
    named = os.environ.get("MINIGRAD_DATA")
    if not named:
        return None
    if not Path(named).is_dir():
        raise FileNotFoundError(f"MINIGRAD_DATA is {named!r}, which is not a folder; create it, correct it or unset it")
    return Path(named)


def _download(url, name, sha256, cache):
    """Download into the cache -> Path. What is known by a part of its digest waits beside it until it is verified."""
    import pooch

    if len(sha256) == 64:
        return Path(pooch.retrieve(url, f"sha256:{sha256}", name, cache, progressbar=True))
    aside = cache / f"{name}.unverified"
    aside.unlink(missing_ok=True)  # of a run that was killed
    try:
        pooch.retrieve(url, None, aside.name, cache, progressbar=True)
        return _verified(aside, sha256, None).replace(cache / name)
    finally:
        aside.unlink(missing_ok=True)


def _verified(path, sha256, unpacked):
    """Return path if it holds what was pinned, in whatever gzip container; else ValueError."""
    content = path.read_bytes()
    got = hashlib.sha256(content).hexdigest()
    if got.startswith(sha256) or (unpacked and _digest_unpacked(content) == unpacked):
        return path
    raise ValueError(
        f"fetch: {path} has SHA-256 {got}, expected {sha256}; "
        "it is damaged or another file: replace it, or move it away so that it is downloaded"
    )


def _digest_unpacked(content):
    """Hash what a gzip file holds -> hexadecimal digest, None if it is not gzip or is damaged."""
    try:
        return hashlib.sha256(gzip.decompress(content)).hexdigest()
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return None
