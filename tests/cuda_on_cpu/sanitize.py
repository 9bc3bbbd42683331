"""Run kernels on the CPU under g++'s sanitizers, in a Python process of its own.

address: accesses outside global and shared arrays, misaligned vector loads, overflow of int.
thread: races, that is accesses to the same memory that no barrier or atomic orders, within a block.
"""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from minigrad.kernels import launch

from . import cpu_module, gxx

ROOT = Path(__file__).parents[2]
FLAGS = {
    "address": (
        "-fsanitize=address,undefined",
        "-fno-sanitize-recover=undefined",
        "-fsanitize-sections=cuda_shared",  # keeps a distance between shared arrays, and watches it
    ),
    "thread": ("-fsanitize=thread",),
}
LIBRARY = {"address": "libasan.so", "thread": "libtsan.so"}
FOUND = 77  # the exit status of a process in which a sanitizer found something


class NoSanitizer(RuntimeError):
    """The sanitizer is not installed here, or cannot run."""


def report(sanitizer: str, target: str, seed: int = 0, defines: Sequence[str] = ()) -> str:
    """Call target, "module:function", which launches kernels; return what the sanitizer reports, "" if nothing.

    sanitizer: "address" or "thread". seed, defines: as of cpu_module. NoSanitizer, or RuntimeError with its traceback
    if the function raises.
    """
    library = gxx([f"-print-file-name={LIBRARY[sanitizer]}"]).strip()
    if not os.path.isabs(library):
        raise NoSanitizer(f"g++ has no {library} here")
    settings = f"exitcode={FOUND}:detect_leaks=0:halt_on_error=1"
    environment = {
        **os.environ,
        "LD_PRELOAD": library,  # Python itself was built without
        **{f"{name}_OPTIONS": settings for name in ("ASAN", "TSAN", "UBSAN")},
        "OPENBLAS_NUM_THREADS": "1",
    }
    command = [sys.executable, "-m", __name__, sanitizer, target, str(seed), *defines]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if "unexpected memory mapping" in done.stderr:  # more random addresses than this version of it can do with
        raise NoSanitizer(f"{library} cannot run on this system: {done.stderr}")
    if done.returncode not in (0, FOUND):
        raise RuntimeError(f"{target} under the {sanitizer} sanitizer failed:\n{done.stderr}")
    return done.stderr if done.returncode == FOUND else ""


def main(sanitizer: str, target: str, seed: str, *defines: str) -> None:
    """Call target with kernels compiled for sanitizer."""
    launch.provider = cpu_module(int(seed), ("-O1", "-g", *FLAGS[sanitizer]), defines)
    module, function = target.split(":")
    getattr(importlib.import_module(module), function)()


if __name__ == "__main__":
    main(*sys.argv[1:])
