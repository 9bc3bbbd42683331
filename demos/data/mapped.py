"""Images that need not fit into memory: a folder becomes one file of bytes, of which a training maps what it reads.

The file holds N images of 3 x size x size bytes, one after the other. It is made once, by several processes, in blocks;
a journal beside it says which blocks are done, so a run that was stopped goes on there. A manifest says what is in the
file, and of what it was made. It is written last, and a file without its manifest, or whose folder has changed since,
does not count. Of several processes that want the same file, such as ranks on several machines that share a disk, one
makes it, and the others wait.
"""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import threading
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import numpy as np

from demos.files import written_whole
from demos.lock import waited_for

from .folder import find_images, read_images

BLOCK = 500  # images: 6 MB at 64 x 64


class MappedImages:
    """Images (N, 3, size, size) in a file: images[rows] reads these -> float32 in [0, 1].

    It stands for an array wherever batches are read from one. files: the names of all that the file holds; numbers: of
    which of these the images are, if not of all. checksum: that of the file, as its manifest has it, and of numbers.
    """

    dtype = np.dtype(np.float32)

    def __init__(self, path: Path, files: tuple[str, ...], size: int, checksum: str, numbers: np.ndarray | None = None):
        self.made_of = path, files, size, checksum, numbers
        self.path, self.files, self.checksum = path, files, checksum
        self.bytes = np.memmap(path, np.uint8, "r", shape=(len(files), 3, size, size))
        self.numbers = np.arange(len(files)) if numbers is None else numbers
        if numbers is not None:
            self.checksum += f" {zlib.crc32(numbers.astype(np.int64).data):08x}"
        self.shape = (len(self.numbers), 3, size, size)

    def only(self, rows: np.ndarray) -> MappedImages:
        """Return some of the images, by an array of integers; they stay in the file."""
        return MappedImages(*self.made_of[:-1], self.numbers[rows])

    def __reduce__(self) -> Any:
        return MappedImages, self.made_of  # who unpickles it, maps the same file

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> np.ndarray:
        some = self.bytes[self.numbers[rows]]
        images = np.empty(some.shape, np.float32)
        np.multiply(some, np.float32(1 / 255), out=images)
        # the pages stay in the system's cache, but no longer count as this process's memory
        self.bytes._mmap.madvise(mmap.MADV_DONTNEED)
        return images


def mapped(folder: Path, *, size: int = 64, cache: Path | None = None, workers: int | None = None) -> MappedImages:
    """Return the images under a folder, their middle squares resized as folder.folder does, from a file in cache.

    That is the user's cache of minigrad, unless another folder is given. The file is made first if it is not there, by
    as many processes as there are cores or as workers says. What was done before an interruption is not done again.
    ValueError that names the images that cannot be read; OSError if the disk refuses.
    """
    import pooch

    folder, cache = Path(folder).resolve(), cache or Path(pooch.os_cache("minigrad")) / "folders"
    files = tuple(map(str, find_images(folder)))
    source = {"size": size, "files": len(files), "of": _identity(folder, files)}
    name = f"{folder.name}-{size}-{hashlib.sha256(str(folder).encode()).hexdigest()[:8]}"
    path, manifest = cache / f"{name}.images", cache / f"{name}.json"
    cache.mkdir(parents=True, exist_ok=True)
    with waited_for(path.with_suffix(".lock")):
        made = _read_json(manifest)
        if not made or made["source"] != source or not path.exists() or path.stat().st_size != made["bytes"]:
            manifest.unlink(missing_ok=True)
            made = {"source": source, "bytes": len(files) * 3 * size * size}
            made["checksum"] = _make(path, folder, files, source, workers or _cores())
            with written_whole(manifest) as aside:
                aside.write_text(json.dumps(made))
    return MappedImages(path, files, size, made["checksum"])


def _make(path: Path, folder: Path, files: tuple[str, ...], source: dict[str, Any], workers: int) -> str:
    """Fill the file at path, block by block -> its checksum."""
    size = source["size"]
    aside, journal = path.with_suffix(".partial"), Journal(path.with_suffix(".journal"), source)
    with open(aside, "a"):
        os.truncate(aside, len(files) * 3 * size * size)  # as long as it will be; what is not written takes no space
    blocks = range(0, len(files), BLOCK)
    todo = [start for start in blocks if start not in journal.done]
    jobs = [(aside, folder, files[start : start + BLOCK], start, size) for start in todo]
    broken: list[str] = []
    for start, (checksum, errors) in zip(todo, _progress(_in_parallel(_fill, jobs, workers), len(todo), path)):
        broken += errors
        if not errors:
            journal.add(start, checksum)
    if broken:
        raise ValueError("\n".join([f"folder: {folder}: these cannot be read; repair or remove them:", *broken]))
    os.replace(aside, path)
    journal.path.unlink()
    return f"{zlib.crc32(json.dumps([journal.done[start] for start in blocks]).encode()):08x}"


def _fill(job: tuple[Path, Path, tuple[str, ...], int, int]) -> tuple[int, list[str]]:
    """Read a block of images and write it into its place -> its checksum, and the names of those that are broken."""
    path, folder, files, start, size = job
    images, broken = read_images(folder, files, size)
    pixels = np.rint(images * 255).astype(np.uint8)
    with open(path, "r+b") as file:
        file.seek(start * 3 * size * size)
        file.write(pixels.data)
        file.flush()
        os.fsync(file.fileno())  # before the journal says that it is done
    return zlib.crc32(pixels.data), broken


class Journal:
    """Which blocks are done, with their checksums: a line of JSON for each, after a line that says of what they are."""

    def __init__(self, path: Path, source: dict[str, Any]):
        self.path, self.done = path, {}
        lines = [_json(line) for line in path.read_text().splitlines()] if path.exists() else []
        if lines and lines[0] == source:
            self.done = {line[0]: line[1] for line in lines[1:] if isinstance(line, list)}
        with written_whole(path) as aside:  # the last line of a run that was killed may be half there
            aside.write_text("".join(json.dumps(line) + "\n" for line in [source, *map(list, self.done.items())]))

    def add(self, start: int, checksum: int) -> None:
        self.done[start] = checksum
        with open(self.path, "a") as file:
            file.write(json.dumps([start, checksum]) + "\n")


def _in_parallel(f: Callable[[Any], Any], jobs: list[Any], workers: int) -> Iterator[Any]:
    """Yield f of each job, in order, from several processes; from this one if there is little to do."""
    if workers < 2 or len(jobs) < 2:
        yield from map(f, jobs)
        return
    # spawned: a forked process would inherit threads that it has not, and MPI
    with ProcessPoolExecutor(min(workers, len(jobs)), get_context("spawn"), _serve) as pool:
        yield from pool.map(f, jobs)


def _serve() -> None:
    """Prepare a process for its jobs: it ends with the one that started it, which alone hears Ctrl-C and SIGTERM."""
    os.setpgid(0, 0)  # signals to a group, as terminals and mpiexec send them, do not reach it
    parent = parent_process()
    assert parent is not None

    def end_with_parent() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=end_with_parent, daemon=True).start()


def _progress(done: Iterator[Any], total: int, path: Path) -> Any:
    from tqdm import tqdm

    return tqdm(done, desc=f"making {path.name}", total=total, unit="block", mininterval=0.5)


def _identity(folder: Path, files: tuple[str, ...]) -> str:
    """Return a digest of the names, sizes and times of files: what changes when one of them does."""
    digest = hashlib.sha256()
    for file in files:
        status = (folder / file).stat()
        digest.update(f"{file}\0{status.st_size}\0{status.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _read_json(path: Path) -> dict[str, Any]:
    """Return a manifest; {} if it is missing, or none."""
    made = _json(path.read_text()) if path.exists() else {}
    return made if isinstance(made, dict) and made.keys() == {"source", "bytes", "checksum"} else {}


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return None


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
