"""How the time of a training step grows with the batch, the channels and the size of the images.

A step that is nothing but arithmetic grows as its multiply-adds do: with the batch, with the square of the channels and
with the square of a side, which are slopes of 1, 2 and 2 on logarithmic axes. Where a curve is flatter, something that
does not grow takes the time; where it is steeper, a cache has become too small.
"""

from __future__ import annotations

from pathlib import Path
from statistics import median

import numpy as np

from demos import figures
from demos.benchmark.shapes import GROWTH
from demos.benchmark.turns import Turns, compare
from demos.results import Results

LIBRARIES = {"ours": "minigrad", "pytorch": "PyTorch"}
LARGEST = 3  # so many sizes tell the slope: the smaller ones measure what a step costs besides


def show(results: Results, turns: Turns, out: Path) -> None:
    """Time the step in all its sizes, add times and slopes, and draw growth.png in the folder out."""
    found = turns.take("growth", "cpu")
    panels = {}
    for name, sizes in GROWTH.items():
        measured = [size for size in sizes if f"{name} {size}" in found["ours"][0]]
        lines = {}
        for library, took in found.items():
            ms = [median(turn[f"{name} {size}"] for turn in took) for size in measured]
            lines[f"{LIBRARIES[library]}: {slope(measured, ms):.2f}"] = measured, ms
        panels[name] = lines
        for size in measured:
            times = {library: [turn[f"{name} {size}"] for turn in took] for library, took in found.items()}
            results.add(f"{name} {size}: ms a step", median(times["ours"]), **compare(times))
    figures.growth(panels, out / "growth.png", "ms a step")
    results.save(out)


def slope(sizes: list[int], times: list[float]) -> float:
    """Return the slope of the times over the largest sizes, on logarithmic axes."""
    return float(np.polyfit(np.log(sizes[-LARGEST:]), np.log(times[-LARGEST:]), 1)[0])
