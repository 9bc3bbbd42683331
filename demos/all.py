"""All: every demo of the lectures in turn, then the gallery. One that fails is named, and the others run all the same.

Each demo is a process of its own. What it prints goes to out/NAME/log.txt, its results to out/NAME; a variant, such as
deforming_faces --data palms, has a folder of its own. Ctrl-C stops; with --resume, what is finished is not run again,
and the demo that was stopped goes on where it was. Demos on data that would have to be downloaded are left out.
"""

from __future__ import annotations

import importlib
import json
import math
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from tqdm import tqdm

from demos import gallery
from demos.command_line import DEMOS
from demos.files import written_whole
from demos.gallery.lectures import Section, folder_of, lectures
from demos.gallery.runs import Run, read

DOWNLOADED = {"mnist", "olivetti"}
BAR = "{l_bar}{bar:20}| {n_fmt}/{total_fmt} [{elapsed}]{postfix}"
TICK = 0.5  # seconds between looks at a demo
PATIENCE = 30  # seconds that a stopped demo has to save what it has


def add_options(parser) -> None:
    parser.add_argument("--quick", action="store_true", help="runs of seconds, to see that all works")
    parser.add_argument("--resume", action="store_true", help="go on where an interrupted run stopped")


def main(args) -> None:
    progress = Progress(args.out / "all.json", args.quick, args.resume)
    failed: dict[str, str] = {}
    todo = commands()
    with tqdm(total=len(todo), unit="demo", bar_format=BAR) as bar:
        for words in todo:
            name = folder_of(words)
            bar.set_description_str(name)
            if name not in progress.seconds or not (args.out / name / "metrics.json").exists():
                error = run(words, args.out / name, progress, bar)
                if error:
                    failed[name] = error
                    bar.write(f"{name} failed: {error}")
            bar.update()
        bar.set_description_str("all")
    print_summary(args.out, progress.seconds, failed)
    gallery.main(args)
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(todo)} failed: {', '.join(failed)}; --resume tries these again")


def commands() -> list[list[str]]:
    """Return every demo but the benchmark, and the lectures' other commands, in the order of the demos' list."""
    sections = [part for lecture in lectures() for part in lecture.parts if isinstance(part, Section)]
    found = {tuple(slide.command) for section in sections for slide in section.slides}
    found |= {(name,) for name in DEMOS if name != "benchmark"}
    drawn = [list(words) for words in found if not DOWNLOADED & set(words)]
    return sorted(drawn, key=lambda words: (DEMOS.index(words[0]), words))


class Progress:
    """What is finished, and what was begun last: in a file, so that --resume finds it.

    ValueError if what is resumed was a quick run and this is none, or the reverse.
    """

    def __init__(self, path: Path, quick: bool, resume: bool):
        self.path, self.quick = path, quick
        self.begun = ""
        self.seconds: dict[str, float] = {}  # that each finished demo took
        if resume and path.exists():
            self._load()

    def _load(self) -> None:
        try:
            record = json.loads(self.path.read_text())
            was_quick, self.begun, self.seconds = record["quick"], record["begun"], dict(record["seconds"])
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{self.path} is not what this command writes; start anew without --resume") from error
        if was_quick != self.quick:
            run, mend = ("a quick run", "give --quick") if was_quick else ("a whole run", "leave --quick out")
            raise ValueError(f"{self.path} is of {run}; {mend}, or start anew without --resume")

    def begin(self, name: str) -> bool:
        """Note that a demo begins -> whether it was begun before, and stopped."""
        again, self.begun = self.begun == name, name
        self._save()
        return again

    def end(self, name: str, seconds: float) -> None:
        self.begun, self.seconds[name] = "", round(seconds, 1)
        self._save()

    def _save(self) -> None:
        record: dict[str, Any] = {"quick": self.quick, "begun": self.begun, "seconds": self.seconds}
        with written_whole(self.path) as aside:
            aside.write_text(json.dumps(record, indent=2) + "\n")


def run(words: list[str], folder: Path, progress: Progress, bar: tqdm) -> str:
    """Run a demo to its end, and show on the bar what it says -> "", or what it said as it failed."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "demos", *words, "--out", str(folder), *["--quick"] * progress.quick]
    resumed = progress.begin(folder.name) and hasattr(importlib.import_module(f"demos.{words[0]}"), "EPOCHS")
    if resumed:
        command.append("--resume")
    else:
        for state in folder.glob("training*.safetensors"):  # of another run: --resume is to find none but this run's
            state.unlink()
    start = time.monotonic()
    with open(folder / "log.txt", "a" if resumed else "w") as log:
        status = _follow(command, log, bar)
    if status:
        return last_line(Path(log.name)) or f"it ended with status {status}"
    progress.end(folder.name, time.monotonic() - start)
    return ""


def _follow(command: list[str], log, bar: tqdm) -> int:
    """Start a process whose output is the log, and wait for it -> its status. KeyboardInterrupt stops it as well."""
    # In a group of its own a demo does not hear the terminal's Ctrl-C, but only, once, the SIGTERM from here.
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, process_group=0)
    try:
        while True:
            try:
                return child.wait(TICK)
            except subprocess.TimeoutExpired:
                said = last_line(Path(log.name)).partition("|")[0]  # of a progress bar, what stands before the bar
                bar.set_postfix_str(" ".join(said.split())[:50])
    except KeyboardInterrupt:
        child.terminate()
        with suppress(subprocess.TimeoutExpired):
            child.wait(PATIENCE)
        raise
    finally:
        child.kill()  # does nothing to one that has ended
        child.wait()
        bar.set_postfix_str("")


def last_line(log: Path) -> str:
    """Return the last line that a demo has written so far; a progress bar writes each after a carriage return."""
    with open(log, "rb") as file:
        file.seek(max(0, log.stat().st_size - 2000))
        lines = file.read().decode(errors="replace").replace("\r", "\n").split("\n")
    written = [line.strip() for line in lines if line.strip()]
    return written[-1] if written else ""


def print_summary(out: Path, seconds: dict[str, float], failed: dict[str, str]) -> None:
    """Print a line for each demo: its time and its first figure, or that it failed."""
    print(f"\n{'demo':<28} {'time':>6}  first figure (and its baseline)")
    for words in commands():
        name = folder_of(words)
        if name in failed:
            print(f"{name:<28} {'-':>6}  FAILED: {failed[name]}; see {out / name / 'log.txt'}")
            continue
        minutes, rest = divmod(round(seconds[name]), 60)
        print(f"{name:<28} {minutes:>3}:{rest:02}  {first_figure(read(out / name / 'metrics.json'))}")
    print(f"{'together':<28} {sum(seconds.values()) / 60:>6.1f}  minutes\n")


def first_figure(run: Run) -> str:
    """Write out the first number of a run that has a baseline, beside the first of its baselines."""
    metric = next((metric for metric in run.metrics if metric.beside), run.metrics[0])
    value, *beside = (math.nan if x is None else x for x in (metric.value, *metric.beside.values()))
    baseline = f" ({next(iter(metric.beside)).replace('_', ' ')} {beside[0]:.4g})" if beside else ""
    return f"{metric.name} {value:.4g}{baseline}"
