"""Benchmark: kernels and whole training steps against PyTorch, and what the engine adds to an operation.

The two libraries run in processes that take turns, and the ratio is taken pair by pair, so that a machine whose speed
drifts still compares them fairly. PyTorch is optional: pip install torch. With --device cuda the kernels alone are
timed, against cuDNN in float32 without TF32.
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from statistics import median
from typing import Any

from demos import options
from demos.benchmark import overhead, shapes
from demos.results import Results
from minigrad.kernels.threads import thread_count

PAIRS = 10


def add_options(parser) -> None:
    parser.add_argument("--pairs", type=options.whole(1), help=f"turns of each library (default: {PAIRS})")


def main(args) -> None:
    from demos.benchmark import ours

    pairs = args.pairs or (1 if args.quick else PAIRS)
    results = Results("benchmark", device=args.device, pairs=pairs, cores=thread_count())
    libraries = ["ours"]
    if importlib.util.find_spec("torch") is None:
        print("PyTorch is not installed, so only our own times follow; pip install torch to compare")
    else:
        libraries.append("pytorch")
    quick = ["--quick"] if args.quick else []
    gemm, bandwidth = ours.rates(args.device)
    results.add("products of large matrices: Gflop/s", gemm / 1e9)
    results.add("copies of large arrays: GB/s", bandwidth / 1e9)
    turns = take_turns(libraries, pairs, ["kernels", args.device, *quick])
    for shape in shapes.CPU if args.device == "cpu" else shapes.GPU:
        floor = 1e3 * max(shape.work / gemm, shape.traffic / bandwidth)  # ms: the roofline
        for kernel in shapes.KERNELS:
            name = f"{kernel} {shape}"
            times = {library: [turn[name] for turn in turns[library]] for library in libraries}
            ms = median(times["ours"])
            shares = {"share_of_products": shape.work / (1e-3 * ms) / gemm, "of_roofline": floor / ms}
            results.add(f"{name}: ms", ms, **compare(times), **shares)
    if args.device == "cpu":
        for name in ours.STEPS:
            times = take_turns(libraries, pairs, ["step", name, *quick])
            results.add(f"{name}: ms a step", median(times["ours"]), **compare(times))
        for name, (ours_us, numpy_us) in overhead.measure(args.quick).items():
            results.add(f"{name}: microseconds", ours_us, NumPy=numpy_us)
    results.save(args.out)


def compare(times: dict[str, list[float]]) -> dict[str, float]:
    """Return PyTorch's median and our ratio to it: median, least and greatest of the pairs; nothing without PyTorch."""
    if "pytorch" not in times:
        return {}
    ratios = sorted(a / b for a, b in zip(times["ours"], times["pytorch"]))
    return {"PyTorch": median(times["pytorch"]), "ratio": median(ratios), "from": ratios[0], "to": ratios[-1]}


def take_turns(libraries: list[str], pairs: int, arguments: list[str]) -> dict[str, list[Any]]:
    """Return what each library's worker printed in each of its turns."""
    turns: dict[str, list[Any]] = {library: [] for library in libraries}
    for _ in range(pairs):
        for library in libraries:
            turns[library].append(_measure(library, arguments))
    return turns


def _measure(library: str, arguments: list[str]) -> Any:
    """Run a worker, in a process of its own, and return what it printed."""
    command = [sys.executable, "-m", "demos.benchmark.worker", library, *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"benchmark: {' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)
