"""How training goes on several processes: measured on this machine, and worked out for up to 1,024.

Measured: one process on two threads, one on one, and two ranks of one thread each, in turns, with the same batch.

Worked out: each machine has a batch of its own, as large as the one measured, so that the computing time C of a step
stays. Gradients go in buckets. A bucket of S bytes that n machines sum takes 2 log2(n) latencies and sends
2 (n - 1) / n S bytes (Rabenseifner's algorithm: halves are scattered, then gathered). Assumed: the last two thirds of C
are the walk back, which fills bucket after bucket at even intervals; the network carries one bucket at a time, at full
speed for all machines at once; no machine is slower than the others. A step ends when the walk has, and the last sum:

    end of bucket i = max(filled_i, end of bucket i - 1) + 2 log2(n) latency + 2 (n - 1) / n S / bandwidth
    step            = max(C, end of the last bucket)
"""

from __future__ import annotations

import json
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

from demos import figures
from demos.results import Results
from minigrad.distributed import BUCKET

MODELS = ("autoencoder", "vae", "faces", "siamese")
MACHINES = tuple(2**i for i in range(11))
NETWORKS = {  # latency of a message in seconds, bytes per second
    "1 Gb/s Ethernet, 50 us": (50e-6, 125e6),
    "10 Gb/s Ethernet, 20 us": (20e-6, 1.25e9),
    "100 Gb/s InfiniBand, 2 us": (2e-6, 12.5e9),
}
WALK_BACK = 2 / 3  # of a step's computing time


def show(results: Results, args: Any) -> None:
    """Measure, add the figures to the results, print a table of steps on many machines, and draw scaling.png."""
    turns, steps = (1, 3) if args.quick else (5, 30)
    measured = {}
    for name in MODELS[:1] if args.quick else MODELS:
        found = measure(name, turns, steps)
        measured[name] = found
        add(results, name, found)
    chosen = "faces" if "faces" in measured else next(iter(measured))
    computing, size = measured[chosen]["one thread"]["ms"] / 1e3, measured[chosen]["one thread"]["bytes"]
    lines = {}
    print(
        f"\n{chosen}, milliseconds a step on n machines of one thread, each with the batch of one ({size / 1e6:.1f} MB)"
    )
    print(f"  {'n':<28}" + "".join(f"{n:>8}" for n in MACHINES))
    for network, (latency, bandwidth) in NETWORKS.items():
        times = [step_time(n, computing, size, latency, bandwidth) for n in MACHINES]
        print(f"  {network:<28}" + "".join(f"{1e3 * t:>8.1f}" for t in times))
        lines[network] = [times[0] / t for t in times]
        results.add(f"{chosen} on 1,024 machines, {network}: ms", 1e3 * times[-1], one=1e3 * times[0])
    figures.shares(
        lines, [str(n) for n in MACHINES], args.out / "scaling.png", "machines", "share of the time that computes"
    )
    results.save(args.out)


def measure(name: str, turns: int, steps: int) -> dict[str, dict[str, float]]:
    """Run the three ways in turns -> way -> what rank_worker prints, medians; "ratio" is of pairs of turns."""
    ways = {"two threads": (1, 2), "one thread": (1, 1)} | ({"two ranks": (2, 1)} if mpiexec() else {})
    found: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
    for _ in range(turns):
        for way, (ranks, threads) in ways.items():
            found[way].append(run(name, steps, ranks, threads))
    medians = {way: {key: median(one[key] for one in all) for key in all[0]} for way, all in found.items()}
    if "two ranks" in found:
        pairs = zip(found["two ranks"], found["two threads"])
        medians["two ranks"]["ratio"] = median(ours["ms"] / theirs["ms"] for ours, theirs in pairs)
    return medians


def run(name: str, steps: int, ranks: int, threads: int) -> dict[str, float]:
    words = [sys.executable, "-m", "demos.benchmark.rank_worker", name, str(steps)]
    environment = os.environ | dict.fromkeys(("MINIGRAD_NUM_THREADS", "OPENBLAS_NUM_THREADS"), str(threads))
    launch = [str(mpiexec()), "-n", str(ranks)] if ranks > 1 else []
    done = subprocess.run([*launch, *words], capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"benchmark: {' '.join(words)} failed:\n{done.stderr}")
    return json.loads(done.stdout)


def mpiexec() -> str | None:
    """Find mpiexec beside this Python, where pip puts it, or else on the path."""
    return shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")


def add(results: Results, name: str, found: dict[str, dict[str, float]]) -> None:
    """Add what was measured of a model: its times, communication's share, and what of it the walk hides."""
    one, two = found["one thread"]["ms"], found["two threads"]["ms"]
    if "two ranks" not in found:
        print("mpiexec is not installed, so one process alone is timed; pip install -e '.[mpi]'")
        results.add(f"{name}: ms a step, two threads", two, one_thread=one)
        return
    ranks = found["two ranks"]
    results.add(f"{name}: ms a step, two ranks", ranks["ms"], two_threads=two, one_thread=one, ratio=ranks["ratio"])
    share = (ranks["calls"] + ranks["waits"]) / ranks["ms"]
    hidden = max(0.0, 1 - (ranks["calls"] + ranks["waits"]) / ranks["alone"])
    results.add(f"{name}: communication's share of a step", share, waiting=ranks["waits"] / ranks["ms"], hidden=hidden)
    results.add(f"{name}: latency of a sum, microseconds", 2e6 * ranks["latency"], GB_per_s=ranks["bandwidth"] / 1e9)


def step_time(n: int, computing: float, size: float, latency: float, bandwidth: float, bucket: float = BUCKET) -> float:
    """Return the seconds of a step on n machines, by the formula above; size: bytes of all gradients."""
    if n == 1:
        return computing
    count = max(1, math.ceil(size / bucket))
    each = 2 * math.log2(n) * latency + 2 * (n - 1) / n * (size / count) / bandwidth
    end = 0.0
    for i in range(count):
        filled = computing * (1 - WALK_BACK + WALK_BACK * (i + 1) / count)
        end = max(filled, end) + each
    return max(computing, end)
