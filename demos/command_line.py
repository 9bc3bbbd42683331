"""What python -m demos does: list the demos, or run one and tell in a line what went wrong."""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from demos import launch, lock, options
from minigrad.distributed import Ranks

DEMOS = [
    "autoencoder",
    "linear_autoencoder",
    "sparse",
    "denoising",
    "vae",
    "faces",
    "siamese",
    "pretraining",
    "deforming",
    "deforming_faces",
    "relighting",
    "face_swap",
    "inverse_graphics",
    "analogies",
    "translation",
    "compression",
    "style_transfer",
    "style_network",
    "photo_style",
    "feature_visualization",
    "deep_dream",
    "convolution",
    "checkerboard",
    "benchmark",
]
OVER_ALL = ["all", "gallery"]  # what is done with the demos together


def main(argv: list[str]) -> int:
    """Run a command line -> its exit status: 0, 1 for an error, 2 for a wrong option, 128 + n after signal n."""
    ranks = None
    try:
        ranks = launch.start()
        status = _run(argv, ranks)
        sys.stdout.flush()  # here, where an error can still be told
    except BrokenPipeError:  # who read the output has left, as `| head -1` does
        _discard(sys.stdout, sys.stderr)  # they may be one pipe
        status = 128 + signal.SIGPIPE
    except OSError as error:
        _discard(sys.stdout)
        status = _fail("demos", f"standard output: {error.strerror}")
    except RuntimeError as error:  # mpiexec without mpi4py
        status = _fail("demos", str(error))
    return launch.end(status, ranks)


def _run(argv: list[str], ranks: Ranks | None) -> int:
    if not argv or argv[0] in ("-h", "--help"):
        return _list()
    name = argv[0]
    if name not in DEMOS + OVER_ALL:
        known = ", ".join(DEMOS + OVER_ALL)
        print(f"demos: there is no demo {name!r}; there are {known}", file=sys.stderr)
        return 2
    who = f"demos {name}"
    if ranks is not None and name in OVER_ALL:
        return _fail(launch.before_telling(who, ranks), "it starts processes itself; leave mpiexec out")
    try:
        demo = _demo(name)
    except ModuleNotFoundError as error:
        return _fail(who, f'{error}; pip install -e ".[demos]" brings what the demos need')
    parser = _parser(name, demo) if name in DEMOS else _parser_over_all(name, demo)
    args = launch.parse(parser, argv[1:], ranks)
    args.command = _command(argv)
    try:
        with _stoppable(), launch.folder(args.out, ranks) as args.out, lock.held(args.out, f"python -m {who}"):
            if ranks is not None:
                ranks.comm.Barrier()  # rank 0 has the lock
            demo.main(args)
    except KeyboardInterrupt as stop:
        launch.before_telling(who, ranks)
        can_resume = hasattr(args, "resume")
        command = shlex.join([*argv, *["--resume"] * (can_resume and "--resume" not in argv)])
        mpiexec = "" if ranks is None else f"mpiexec -n {ranks.size} "
        print(f"\nstopped; {'go on' if can_resume else 'start again'} with: {mpiexec}python -m demos {command}")
        return 128 + (stop.args[0] if stop.args else signal.SIGINT)
    except BrokenPipeError:
        raise
    except SystemExit as stop:
        if ranks is None:
            raise
        reason = f"it left with status {stop.code}"
    except MemoryError as error:
        reason = f"out of memory: {error or 'no more is to be had'}; ask for less, or free some"
    except OSError as error:
        reason = _reason(error)
    except (ValueError, RuntimeError, FloatingPointError) as error:  # what the user can mend: an option, a file
        reason = str(error)
    else:
        return 0
    return _fail(launch.before_telling(who, ranks), reason)


def _list() -> int:
    print("python -m demos NAME [--help], where NAME is one of\n")
    for name in DEMOS:
        print(f"  {name:<22}{_demo(name).__doc__.splitlines()[0]}")
    print("\nor, over all of these,\n")
    for name in OVER_ALL:
        print(f"  {name:<22}{_demo(name).__doc__.splitlines()[0]}")
    return 0


def _fail(who: str, message: str) -> int:
    print(f"{who}: {message}", file=sys.stderr)
    return 1


def _reason(error: OSError) -> str:
    """Say what the system refused, and for which file."""
    where = error.filename or ("standard output" if error.errno == errno.ENOSPC else None)  # files are always named
    return f"{error.strerror}: {where}" if error.strerror and where else str(error)


def _discard(*streams: TextIO) -> None:
    """Send what is still unwritten to nowhere, or Python tries again at its end and complains."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream.fileno())


@contextmanager
def _stoppable() -> Iterator[None]:
    """Let Ctrl-C and SIGTERM, which services and schedulers send, raise KeyboardInterrupt with the signal's number."""

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt(number)

    heard = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, stop) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _demo(name: str):
    return importlib.import_module(f"demos.{name}")


def _parser(name: str, demo) -> argparse.ArgumentParser:
    """Return the options that every demo has, those of every one that trains, and those that it adds itself."""
    parser = argparse.ArgumentParser(
        f"python -m demos {name}", description=demo.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add, out = parser.add_argument, Path("out") / name
    add("--out", type=options.folder, default=out, help=f"folder of the results (default: {out})")
    add("--quick", action="store_true", help="a run of seconds, to see that all works")
    add("--device", default="cpu", help="cpu, cuda or cuda:N (default: cpu)")
    add("--seed", type=options.whole(0), default=0, help="seed of all random numbers (default: 0)")
    if hasattr(demo, "DATASETS"):
        data, default = ", ".join(demo.DATASETS), demo.DATASETS[0]
        help = f"data set, one of {data} (default: {default})"
        add("--data", type=options.data_set(demo.DATASETS), default=default, help=help)
    if hasattr(demo, "EPOCHS"):  # it trains
        add("--epochs", type=options.whole(0), help=f"passes over the data (default: {_either(demo.EPOCHS)})")
        add("--resume", action="store_true", help="go on where an interrupted run stopped")
    if hasattr(demo, "add_options"):
        demo.add_options(parser)
    return parser


def _command(argv: list[str]) -> str:
    """Write out the command that makes the same results: where they go to, and that they were resumed, is left out."""
    kept = list(argv)
    if "--out" in kept:
        at = kept.index("--out")
        del kept[at : at + 2]
    kept = [word for word in kept if word != "--resume" and not word.startswith("--out=")]
    return shlex.join(["python", "-m", "demos", *kept])


def _parser_over_all(name: str, module) -> argparse.ArgumentParser:
    """Return the options of what works on the results of all demos."""
    parser = argparse.ArgumentParser(
        f"python -m demos {name}", description=module.__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    help = "folder whose folders hold the results (default: out)"
    parser.add_argument("--out", type=options.folder, default=Path("out"), help=help)
    if hasattr(module, "add_options"):
        module.add_options(parser)
    return parser


def _either(default) -> str:
    """Say a default that may depend: 20, or {"digits": 20, "faces": 70} as 20 for digits, 70 for faces."""
    return ", ".join(f"{n} for {what}" for what, n in default.items()) if isinstance(default, dict) else str(default)
