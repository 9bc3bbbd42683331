"""python -m demos under mpiexec: rank 0 speaks, draws and saves, and whoever fails ends all.

A rank that left the others would keep them waiting for its part of the next sum, forever. So every end but the regular
one is an abort of all, after one line that says which rank it was and why. What happens to all at once, such as a file
of other settings, is told once: the others give rank 0 a moment to tell it. A rank that is killed cannot tell anything,
so a small process beside it does.
"""

from __future__ import annotations

import atexit
import functools
import io
import os
import re
import subprocess
import sys
import tempfile
import time
import traceback
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

from threadpoolctl import threadpool_limits

from minigrad.distributed import Ranks, world
from minigrad.distributed.ranks import PASSED_ON

MOMENT = 0.5  # seconds that the other ranks leave to rank 0
KILLED = 128 + 9  # the status of what is killed by signal 9
# Of the process beside a rank: it reads a line, or else tells what it was given to tell, and has mpiexec end all.
WATCH = f'trap "" INT TERM; read line || {{ echo "$0" >&2; sleep {PASSED_ON}; echo "cmd=abort exitcode={KILLED}"; }}'
RANK_NAMES = ("PMI_RANK", "PMIX_RANK", "OMPI_COMM_WORLD_RANK")  # of environment variables that hold the rank


def start() -> Ranks | None:
    """Make this process one of the ranks that mpiexec started -> these, or None for a process by itself.

    RuntimeError without mpi4py, of which rank 0 alone tells.
    """
    try:
        ranks = world()
    except RuntimeError:
        if any(os.environ.get(name, "0") != "0" for name in RANK_NAMES):
            os._exit(1)
        raise
    if ranks is not None:
        _divide_cores(ranks)
        _take_names_away(ranks)
        _watcher(ranks)
        atexit.register(_dismiss_watcher, ranks)
        sys.excepthook = lambda kind, error, trace: _end_with_traceback(ranks, error)
        if ranks.rank:
            sys.stdout = os.fdopen(os.open(os.devnull, os.O_WRONLY), "w")
            os.environ["TQDM_DISABLE"] = "1"  # no progress bars
    return ranks


def _divide_cores(ranks: Ranks) -> None:
    """Give each rank of a machine its share of the cores, unless the user has said how many threads it may have."""
    mine = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    cores = set().union(*ranks.machine.allgather(mine))  # some launchers give each rank cores of its own
    count = os.environ.setdefault("MINIGRAD_NUM_THREADS", str(max(1, len(cores) // ranks.neighbours)))
    os.environ["OPENBLAS_NUM_THREADS"] = count  # for libraries that are yet to be loaded
    threadpool_limits(int(count), "blas")


def _take_names_away(ranks: Ranks) -> None:
    """Unlink the memory that MPICH's ranks of a machine share: with a name, it would outlive ranks that are killed."""
    ranks.machine.Barrier()  # all have it
    maps = Path("/proc/self/maps")
    if ranks.place == 0 and maps.exists():
        for name in set(re.findall(r"/dev/shm/mpich_shm_\w+$", maps.read_text(), re.M)):
            Path(name).unlink(missing_ok=True)


@functools.cache
def _watcher(ranks: Ranks) -> subprocess.Popen[bytes] | None:
    """Start the process that tells if this rank is killed: the pipe between them then ends without a line.

    MPICH's mpiexec would tell of it in a dozen lines that do not say which rank it was. It notices when the last copy
    of a rank's socket to it, PMI_FD, is closed; the process beside the rank has one, and asks through it for an abort.
    Another mpiexec, which sets no HYDI_CONTROL_FD, tells in its own words.
    """
    if not {"PMI_FD", "HYDI_CONTROL_FD"} <= os.environ.keys():
        return None
    line = f"\ndemos: rank {ranks.rank} of {ranks.size}: it was killed, as the system does when memory runs out"
    return subprocess.Popen(["sh", "-c", WATCH, line], stdin=subprocess.PIPE, stdout=int(os.environ["PMI_FD"]))


def _dismiss_watcher(ranks: Ranks) -> None:
    watcher = _watcher(ranks)
    if watcher is not None:
        watcher.communicate(b"the rank ends by itself\n")


def parse(parser: ArgumentParser, words: list[str], ranks: Ranks | None) -> Namespace:
    """Read the options. What is wrong with them is told once: by rank 0, or by the first rank that finds it wrong."""
    if ranks is None:
        return parser.parse_args(words)
    said, args, status = io.StringIO(), None, 0
    try:
        with redirect_stderr(said):
            args = parser.parse_args(words)
    except SystemExit as stop:
        status = int(stop.code or 0)
    found = ranks.comm.allgather((args is None, status, said.getvalue()))
    stopped = [(rank, status, text) for rank, (ended, status, text) in enumerate(found) if ended]
    if args is None or stopped:
        rank, status, text = stopped[0]
        if ranks.rank == rank:
            sys.stderr.write(text)
        raise SystemExit(status)
    args.device = ranks.device(args.device)
    return args


@contextmanager
def folder(out: Path, ranks: Ranks | None) -> Iterator[Path]:
    """Give the folder of the results: `out`, which is made; to all ranks but the first, one that nobody sees."""
    if ranks is None or ranks.rank == 0:
        out.mkdir(parents=True, exist_ok=True)
        yield out
    else:
        with tempfile.TemporaryDirectory(prefix="minigrad-") as unseen:
            yield Path(unseen)


def before_telling(who: str, ranks: Ranks | None) -> str:
    """Return the name of who tells that something went wrong, when it is its turn."""
    if ranks is None:
        return who
    if ranks.rank:
        time.sleep(MOMENT)
        sys.stdout = sys.__stdout__
        who = f"\n{who}"  # rank 0's progress bar leaves its line open
    return f"{who}: rank {ranks.rank} of {ranks.size}"


def end(status: int, ranks: Ranks | None) -> int:
    """Return the status of a process by itself, or of one that ended well; end all ranks with any other."""
    if ranks is not None and status:
        _abort(ranks, status)
    return status


def _end_with_traceback(ranks: Ranks, error: BaseException) -> None:
    who = before_telling("demos", ranks)
    traceback.print_exception(error)
    print(f"{who}: {type(error).__name__}: {error}", file=sys.stderr)
    _abort(ranks, 1)


def _abort(ranks: Ranks, status: int) -> None:
    _dismiss_watcher(ranks)
    ranks.abort(status)
