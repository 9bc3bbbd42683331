"""Benchmark: whole training steps against PyTorch on the same cores, and what the engine adds to an operation.

Times are medians over a window of steps; the two libraries run in processes that take turns, and the ratio is taken
pair by pair, so that a machine whose speed drifts still compares them fairly. PyTorch is optional: pip install torch
"""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from statistics import median

from demos.benchmark import overhead
from demos.results import Results
from minigrad.kernels.threads import thread_count

PAIRS = 10


def add_options(parser) -> None:
    parser.add_argument("--pairs", type=int, default=None, help=f"turns of each library (default: {PAIRS})")


def main(args) -> None:
    if args.device != "cpu":
        raise ValueError(f"benchmark: got --device {args.device}; only the CPU is measured")
    pairs = args.pairs or (1 if args.quick else PAIRS)
    results = Results("benchmark", pairs=pairs, cores=thread_count())
    has_torch = importlib.util.find_spec("torch") is not None
    if not has_torch:
        print("PyTorch is not installed, so only our own times follow; pip install torch to compare")
    from demos.benchmark.ours import STEPS

    for name in STEPS:
        ours, theirs = [], []
        for _ in range(pairs):
            ours.append(measure("ours", name, args.quick))
            if has_torch:
                theirs.append(measure("pytorch", name, args.quick))
        baselines = {}
        if has_torch:
            ratios = sorted(a / b for a, b in zip(ours, theirs))
            baselines = {"PyTorch": median(theirs), "ratio": median(ratios), "from": ratios[0], "to": ratios[-1]}
        results.add(f"{name}: ms a step", median(ours), **baselines)
    for name, (ours_us, numpy_us) in overhead.measure(args.quick).items():
        results.add(f"{name}: microseconds", ours_us, NumPy=numpy_us)
    results.save(args.out)


def measure(library: str, step: str, quick: bool) -> float:
    """Return milliseconds a training step takes, in a process of its own."""
    command = [sys.executable, "-m", "demos.benchmark.worker", library, step, *(["--quick"] if quick else [])]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"benchmark: {' '.join(command)} failed:\n{done.stderr}")
    return json.loads(done.stdout)
