"""What has been run: each folder of out/ with a metrics.json, which is read within limits: anybody may have made it."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

LARGEST = 2**20  # bytes of a metrics.json
MOST = 1000  # numbers of one run, and pictures


@dataclass
class Metric:
    """A number by its name, and by name what it is compared with; None where it was not finite."""

    name: str
    value: float | None
    beside: dict[str, float | None]


@dataclass
class Run:
    """One folder of results: which demo with which settings, its numbers and its pictures."""

    folder: Path
    demo: str
    settings: dict[str, Any]
    command: str
    metrics: list[Metric]
    pictures: dict[str, Path]  # by name without .png

    @property
    def quick(self) -> bool:
        return "--quick" in self.command.split()

    def fits(self, words: list[str]) -> bool:
        """Say whether a command of the lectures' map, NAME [--OPTION VALUE ..], made this run."""
        options = zip(words[1::2], words[2::2])
        return self.demo == words[0] and all(self.settings.get(name[2:]) == value for name, value in options)


def runs(out: Path) -> tuple[list[Run], list[str]]:
    """Read all runs in the folders of out, by name -> (runs, a line about each that cannot be read)."""
    found, refused = [], []
    for path in sorted(out.glob("*/metrics.json")):
        try:
            found.append(read(path))
        except (OSError, ValueError) as error:
            refused.append(f"{path} is left out: {error}")
    return found, refused


def read(path: Path) -> Run:
    """Read a metrics.json and find the pictures beside it. ValueError if it is not what Results writes."""
    if path.stat().st_size > LARGEST:
        raise ValueError(f"it has {path.stat().st_size} bytes, and at most {LARGEST} are read")
    try:
        record = json.loads(path.read_text(encoding="utf-8"), parse_constant=lambda name: None)
        demo, settings, metrics = record["demo"], record["settings"], record["metrics"]
        command = record.get("command", f"python -m demos {demo}")
        numbers = [Metric(name, *_figures(figures)) for name, figures in metrics.items()]
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"it is not what a demo writes ({type(error).__name__}: {error})") from error
    if not isinstance(demo, str) or not isinstance(command, str) or not isinstance(settings, dict):
        raise ValueError("it is not what a demo writes: demo, command or settings have another type")
    pictures = sorted(p for p in path.parent.glob("*.png") if not p.stem.endswith(".partial"))
    if len(numbers) > MOST or len(pictures) > MOST:
        raise ValueError(f"it has more than {MOST} numbers or pictures")
    return Run(path.parent, demo, settings, command, numbers, {p.stem: p for p in pictures})


def _figures(figures: dict[str, Any]) -> tuple[float | None, dict[str, float | None]]:
    checked = {name: _number(x) for name, x in figures.items()}
    return checked.pop("value"), checked


def _number(x: Any) -> float | None:
    if x is None:
        return None
    if type(x) not in (int, float):
        raise TypeError(f"{x!r} is no number")
    return float(x) if math.isfinite(x) else None
