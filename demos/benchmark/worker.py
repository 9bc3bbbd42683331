"""Time one library in this process, and print what was found as JSON.

python -m demos.benchmark.worker LIBRARY rates DEVICE       the machine -> operations and bytes per second
python -m demos.benchmark.worker LIBRARY kernels DEVICE     all kernels -> {name: milliseconds}
python -m demos.benchmark.worker LIBRARY passes cpu         all passes over arrays -> {name: milliseconds}
python -m demos.benchmark.worker LIBRARY steps NAME,..      training steps -> {name: [milliseconds, megabytes]}
python -m demos.benchmark.worker LIBRARY growth cpu         one step in all its sizes -> {name and size: milliseconds}
"""

from __future__ import annotations

import importlib
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from demos.benchmark import shapes


def main(library: str, what: str, of: str, quick: bool) -> None:
    module = importlib.import_module(f"demos.benchmark.{library}")
    module.prepare()
    if what == "rates":
        found = module.rates(of)
    elif what == "steps":
        found = steps(module, of.split(","), quick)
    elif what == "passes":
        found = {name: milliseconds(f, *((1, 1, 0) if quick else (2, 9))) for name, f in module.passes().items()}
    elif what == "growth":
        found = growth(module, quick)
    else:
        kernels = {
            f"{kernel} {shape}": module.kernel(kernel, shape, of)
            for shape in (shapes.CPU if of == "cpu" else shapes.GPU)
            for kernel in shapes.KERNELS
        }
        found = {kernel: milliseconds(f, *((1, 1, 0) if quick else (5, 25))) for kernel, f in kernels.items()}
    print(json.dumps(found))


def steps(module: Any, names: list[str], quick: bool) -> dict[str, tuple[float, float]]:
    """Return the time of each training step, and how much memory it added to the process at its peak.

    That is everything it needs: parameters, batch, optimizer, results and gradients. The memory of a step that follows
    others in the same process is what they have left it to add; of Linux alone it is known, elsewhere 0.
    """
    warm = module.STEPS["tiny_mlp"]()
    for _ in range(3):
        warm()  # threads have started, and code is loaded
    found = {}
    for name in names:
        before = _start_of_peak()
        step = module.STEPS[name]()
        ms = milliseconds(step, *((1, 1, 0) if quick else (10, 30)))
        found[name] = ms, max(0, _status("VmHWM") - before) / 1e6
    return found


def growth(module: Any, quick: bool) -> dict[str, float]:
    """Return the time of a training step for each size of GROWTH."""
    found = {}
    for name, sizes in shapes.GROWTH.items():
        for size in sizes[:2] if quick else sizes:
            step = module.convolutions(*(shapes.BASE | {name: size}).values())
            found[f"{name} {size}"] = milliseconds(step, *((1, 1, 0) if quick else (2, 9)))
    return found


def _start_of_peak() -> int:
    """Forget the process's largest size so far, and return its present one, in bytes."""
    peak = Path("/proc/self/clear_refs")
    if peak.exists():
        peak.write_text("5")
    return _status("VmRSS")


def _status(name: str) -> int:
    """Return a size of this process in bytes: VmRSS, what it holds now, or VmHWM, what it held at most."""
    status = Path("/proc/self/status")
    lines = status.read_text().splitlines() if status.exists() else []
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(name + ":")), 0)


def milliseconds(f: Callable[[], object], warm: int, runs: int, settle: float = 0.1) -> float:
    """Median time of f, once it has been called `warm` times and for `settle` seconds.

    Then caches and memory are as in a long run, and threads have found a core each.
    """
    settled = time.perf_counter() + settle
    while warm > 0 or time.perf_counter() < settled:
        f()
        warm -= 1
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return 1e3 * median(times)


if __name__ == "__main__":
    main(*sys.argv[1:4], quick="--quick" in sys.argv)
