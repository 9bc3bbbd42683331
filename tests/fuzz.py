"""Files that are almost right: a seeded stream of damaged ones, read by a process of its own that has limits.

A Reader (tests/fuzz_readers.py lists them) says which whole files there are, how one is read, and which errors are
documented. From the whole files come mutants: mutant number i of a reader is the same bytes on every machine. It passes
if it is read, or refused with a documented error that names the file: in its time and memory, without opening
anything else or starting a process or a connection; and twice with the same result while the allocator hands out other
leftovers, so that nothing outside of the file's bytes is read.

    .venv/bin/python -m tests.fuzz ".pth, zip" 0 2000      mutants 0 to 1999 of one reader, on the command line
    .venv/bin/python -m tests.fuzz --file ".pth, zip" FILE ..        files as they are
"""

import ctypes
import faulthandler
import importlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import traceback
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

ROOT = Path(__file__).parent.parent
SHOWN = 5  # failures that a report names
NUMBERS = [0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 2**15, 2**16 - 1, 2**16, 2**31 - 1, 2**31, 2**32 - 1, 2**63 - 1, 2**63]
TEXTS = ["-1", "0", "1e999", "9" * 20, "9" * 400, "0.5", "true", "null", '"x"', "[]", "{}", "NaN"]


class Reader(NamedTuple):
    """A way to read a file, and what has to hold of it."""

    files: Callable[[], list[bytes]]  # whole files, small ones, of every kind that the reader tells apart
    read: Callable[[Path], Any]  # reads one -> arrays, texts and numbers, nested at will; may assert what has to hold
    suffix: str = ""
    errors: tuple[type[Exception], ...] = (ValueError,)  # the documented ones
    reseal: Callable[[bytes], bytes] | None = None  # makes the checksums inside right again, as far as they are found
    mutators: tuple[Callable[[random.Random, bytes], bytes], ...] = ()  # of this form of file alone
    seconds: float = 30  # for one file; reading one takes milliseconds
    memory: int = 512 << 20  # bytes beyond what the process has once every whole file has been read
    sealed: bool = False  # the file tells on every change: what is read from a mutant is what a whole file holds


class Report(NamedTuple):
    """How many mutants were read, how many refused; and what went wrong, one text for each."""

    read: int
    refused: int
    failures: list[str]


# ---- mutants


def flip_bits(rng: random.Random, content: bytes) -> bytes:
    """Flip 1 to 8 bits."""
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def set_bytes(rng: random.Random, content: bytes) -> bytes:
    """Overwrite 1 to 4 bytes that stand together."""
    start = rng.randrange(len(content))
    new = rng.choice([b"\0", b"\xff", b"9", rng.randbytes(1)]) * rng.randint(1, 4)
    return content[:start] + new + content[start + len(new) :]


def truncate(rng: random.Random, content: bytes) -> bytes:
    """Keep the beginning."""
    return content[: rng.randrange(len(content))]


def splice(rng: random.Random, content: bytes) -> bytes:
    """Put a slice into another place: instead of what is there, or between."""
    a, b, place = (rng.randrange(len(content) + 1) for _ in range(3))
    piece = content[min(a, b) : max(a, b)][: rng.choice([4, 64, 4096])]
    rest = content[place + len(piece) if rng.random() < 0.5 else place :]
    return content[:place] + piece + rest


def cut(rng: random.Random, content: bytes) -> bytes:
    """Leave a slice out."""
    start = rng.randrange(len(content))
    return content[:start] + content[start + rng.choice([1, 2, 4, 8, rng.randint(1, len(content))]) :]


def repeat(rng: random.Random, content: bytes) -> bytes:
    """Write a short slice many times."""
    start = rng.randrange(len(content))
    piece = content[start : start + rng.randint(1, 16)]
    return content[:start] + piece * rng.choice([2, 10, 1000]) + content[start + len(piece) :]


def edit_length(rng: random.Random, content: bytes) -> bytes:
    """Write a number that lengths and counts are made wrong by, in 1 to 8 bytes and either order."""
    width, order = rng.choice([1, 2, 4, 8]), rng.choice(["little", "big"])
    start = rng.randrange(len(content))
    value = rng.choice([*NUMBERS, len(content), len(content) + 1, -1]) % (1 << 8 * width)
    return content[:start] + value.to_bytes(width, order) + content[start + width :]


def edit_text(rng: random.Random, content: bytes) -> bytes:
    """Write another number, or another thing, where digits stand."""
    runs = list(re.finditer(rb"-?\d+", content))
    if not runs:
        return flip_bits(rng, content)
    run = rng.choice(runs)
    return content[: run.start()] + rng.choice(TEXTS).encode() + content[run.end() :]


MUTATORS = (flip_bits, set_bytes, truncate, splice, cut, repeat, edit_length, edit_text)


def mutant(name: str, reader: Reader, files: list[bytes], i: int) -> bytes:
    """Return mutant i of a reader: one of its files, changed once to four times, half of them sealed again."""
    rng = random.Random(f"{name} {i}")
    content = rng.choice(files)
    mutators = MUTATORS + reader.mutators * 3  # they come further than bytes at random
    for _ in range(rng.choice([1, 1, 2, 4])):
        content = rng.choice(mutators)(rng, content or b"\0")
    return reader.reseal(content) if reader.reseal and rng.random() < 0.5 else content


# ---- the process with limits


def digest(value: Any) -> int:
    """Return a number that differs where arrays, texts or numbers do."""
    if isinstance(value, np.ndarray):
        return zlib.crc32(value.tobytes(), zlib.crc32(f"{value.dtype}{value.shape}".encode()))
    if isinstance(value, dict):
        value = [(k, digest(v)) for k, v in value.items()]
    elif isinstance(value, list | tuple):
        value = [digest(v) for v in value]
    return zlib.crc32(repr(value).encode("utf-8", "surrogatepass"))


class Watch:
    """Notes what the process opens, removes and starts but for one file and Python's own."""

    def __init__(self) -> None:
        self.allowed, self.seen, self.on = "", [], False
        self.own = tuple({sys.prefix, sys.base_prefix, str(ROOT)})
        sys.addaudithook(self.hear)

    def hear(self, event: str, arguments: tuple) -> None:
        """Take one event of Python's."""
        watched = ("open", "os.remove", "os.rename", "os.system", "os.exec", "subprocess.Popen", "socket.connect")
        if self.on and event in watched:
            what = str(arguments[0])
            is_python = event == "open" and what.startswith(self.own) and what.endswith((".py", ".pyc", ".so"))
            if what != self.allowed and not is_python:
                self.seen.append(f"{event} {what}")


def leave(byte: int) -> None:
    """Let the allocator fill what it hands out and takes back (glibc; elsewhere nothing happens)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).mallopt(-6, byte)


def outcome(reader: Reader, path: Path, watch: Watch) -> tuple[str, int | None]:
    """Read one file -> what went wrong, else ""; the digest of what was read, None where it was refused."""
    watch.allowed, watch.seen = str(path), []
    signal.setitimer(signal.ITIMER_REAL, reader.seconds)
    try:
        watch.on = True
        leave(0x55)
        first = digest(reader.read(path))
        leave(0xAA)
        wrong = "" if digest(reader.read(path)) == first else "is read as something else the second time"
    except reader.errors as error:
        first, text = None, str(error) + "".join(getattr(error, "__notes__", []))
        wrong = "" if path.name in text else f"{type(error).__name__} names no file: {text[:200]}"
        wrong = f"an error of {len(text)} characters" if len(text) > 10_000 else wrong
    except BaseException as error:
        where = traceback.extract_tb(error.__traceback__)[-1]
        first, wrong = None, f"{type(error).__name__} in {where.name}, line {where.lineno}: {str(error)[:200]}"
    finally:
        watch.on = False
        signal.setitimer(signal.ITIMER_REAL, 0)
    return wrong or ", ".join(watch.seen), first


def limit_memory(more: int) -> None:
    """Allow so many bytes beyond what the process has now, where the system can tell and limit it."""
    if sys.platform == "linux":
        import resource

        has = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
        resource.setrlimit(resource.RLIMIT_AS, (has + more, has + more))


def attempts(name: str, reader: Reader, contents: Iterable[tuple[str, bytes]], folder: Path) -> Report:
    """Read one file after the other -> Report. Of a process that dies the file that it died of stays in folder."""
    whole = folder / f"whole{reader.suffix}"
    kept = set()
    for content in reader.files():
        whole.write_bytes(content)
        kept.add(digest(reader.read(whole)))
    limit_memory(reader.memory)
    faulthandler.register(signal.SIGALRM, chain=True)  # says where the process hangs, also within C, and ends it
    watch, read, refused, failures = Watch(), 0, 0, []
    for label, content in contents:
        path = folder / f"{label}{reader.suffix}"
        path.write_bytes(content)
        wrong, got = outcome(reader, path, watch)
        if reader.sealed and got is not None and got not in kept:
            wrong = wrong or "is read as something else than the whole file"
        read, refused = read + (got is not None), refused + (got is None)
        if wrong:
            failures.append(f"{name}: {label}: {wrong}")
        path.unlink()
    return Report(read, refused, failures)


def main(argv: list[str]) -> None:
    """Read mutants, or files, and print the Report as JSON."""
    readers = importlib.import_module(os.environ.get("FUZZ_READERS", "tests.fuzz_readers")).READERS
    if argv[0] == "--file":
        name, contents = argv[1], ((Path(file).stem, Path(file).read_bytes()) for file in argv[2:])
    else:
        name, first, count = argv[0], int(argv[1]), int(argv[2])
        files = readers[name].files()
        contents = ((f"mutant-{i}", mutant(name, readers[name], files, i)) for i in range(first, first + count))
    with tempfile.TemporaryDirectory() as made:
        report = attempts(name, readers[name], contents, Path(os.environ.get("FUZZ_FOLDER", made)))
    shown = report.failures[:SHOWN] + [f"and {len(report.failures) - SHOWN} more"] * (len(report.failures) > SHOWN)
    print(json.dumps(report._replace(failures=shown)))


# ---- what the tests call


def run(*arguments: Any, folder: Path, seconds: float, readers: str = "tests.fuzz_readers") -> Report:
    """Run main in a process of its own -> Report; of one that hung or died, the file and where it was."""
    command = [sys.executable, "-X", "faulthandler", "-m", "tests.fuzz", *map(str, arguments)]
    one_thread = {"OPENBLAS_NUM_THREADS": "1", "MINIGRAD_NUM_THREADS": "1"}
    environment = os.environ | one_thread | {"FUZZ_FOLDER": str(folder), "FUZZ_READERS": readers}
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env=environment, timeout=seconds, check=False
    )
    if done.returncode == 0:
        return Report(*json.loads(done.stdout.splitlines()[-1]))  # a reader may say something before
    last = [path.name for path in folder.iterdir() if not path.name.startswith("whole")]
    return Report(0, 0, [f"process ended with {done.returncode} at {last}: {done.stderr[-2000:]}"])


if __name__ == "__main__":
    main(sys.argv[1:])
