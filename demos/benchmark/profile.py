"""Where the time of one training step goes: a table, and a picture of the ops that take longest."""

from __future__ import annotations

from argparse import Namespace

import minigrad as mg
from demos import figures
from demos.benchmark import ours
from demos.results import Results

STEPS, BARS = 10, 18


def show(name: str, results: Results, args: Namespace) -> None:
    """Profile some steps, print the table of them, and draw profile.png in the folder args.out."""
    ours.prepare()
    step = ours.STEPS[name]()
    count = 1 if args.quick else STEPS
    for _ in range(count):
        step()
    with mg.profile() as p:
        for _ in range(count):
            step()
    print(p)

    ms = 1e3 / count
    bars = [(row.op, row.of, ms * row.seconds, ms * row.floor) for row in p.rows[:BARS]]
    others = sum(row.seconds for row in p.rows[BARS:])
    between = p.seconds - sum(row.seconds for row in p.rows)
    bars += [("the other rows", "", ms * others, 0.0), ("between ops", "", ms * between, 0.0)]
    figures.time_bars(bars, args.out / "profile.png", f"{name}: ms a step")

    results.add(f"{name}, profiled: ms a step", ms * p.seconds, between_ops=ms * between)
    results.add(f"{name}: ops and rules a step", sum(row.calls for row in p.rows) / count)
    results.add(f"{name}: floor, ms a step", ms * sum(row.floor for row in p.rows))
    results.save(args.out)
