"""python -m demos all: one demo after the other, stopped and resumed, with one that fails among them."""

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import demos.all as all_demos
from demos.command_line import DEMOS, main
from demos.gallery.runs import Metric, Run

ROOT = Path(__file__).parent.parent
FAILS = ["deep_dream", "--photo", "nowhere.png"]


@pytest.fixture
def only(monkeypatch):
    """only(*commands): as if the lectures' map had these commands."""
    return lambda *commands: monkeypatch.setattr(all_demos, "commands", lambda: list(commands))


def test_every_demo_but_the_benchmark_is_run_and_nothing_that_would_be_downloaded():
    commands = all_demos.commands()
    assert {words[0] for words in commands} == set(DEMOS) - {"benchmark"}
    assert ["deforming_faces", "--data", "palms"] in commands and not any("mnist" in words for words in commands)
    assert all([name] in commands for name in DEMOS if name != "benchmark")


def test_a_demo_that_fails_is_named_and_the_others_run(only, tmp_path, capsys):
    only(FAILS, ["convolution"])
    assert main(["all", "--quick", "--out", str(tmp_path)]) == 1
    said = capsys.readouterr()
    assert "1 of 2 failed: deep_dream-nowhere.png" in said.err
    assert "FAILED: demos deep_dream" in said.out and "nowhere.png" in said.out
    assert re.search(r"^convolution +\d+:\d\d  ", said.out, re.M)
    assert "the gallery is" in said.out
    record = json.loads((tmp_path / "convolution" / "metrics.json").read_text())
    assert record["command"] == "python -m demos convolution --quick"
    assert "python -m demos convolution --quick" in (tmp_path / "gallery" / "index.html").read_text()


@pytest.mark.parametrize(
    "beside, line",
    [
        ([{}, {"other_way": 0.5}], "second 2 (other way 0.5)"),
        ([{}, {}], "first 1"),
        ([{"a": None, "b": 2.0}, {}], "first 1 (a nan)"),
    ],
)
def test_the_summary_shows_the_first_figure_that_has_a_baseline(beside, line):
    metrics = [Metric(name, value, other) for name, value, other in zip(("first", "second"), (1.0, 2.0), beside)]
    assert all_demos.first_figure(Run(Path(), "demo", {}, "", metrics, {})) == line


def test_what_is_finished_is_not_run_again(only, tmp_path, capsys):
    only(["convolution"])
    assert main(["all", "--quick", "--out", str(tmp_path)]) == 0
    written = (tmp_path / "convolution" / "metrics.json").stat().st_mtime_ns
    assert main(["all", "--quick", "--resume", "--out", str(tmp_path)]) == 0
    assert (tmp_path / "convolution" / "metrics.json").stat().st_mtime_ns == written
    assert main(["all", "--resume", "--out", str(tmp_path)]) == 1
    assert "all.json is of a quick run; give --quick, or start anew without --resume" in capsys.readouterr().err
    (tmp_path / "all.json").write_text("[]")
    assert main(["all", "--quick", "--resume", "--out", str(tmp_path)]) == 1
    assert "is not what this command writes; start anew" in capsys.readouterr().err


def test_ctrl_c_stops_the_demo_and_resume_goes_on_in_the_middle_of_its_training(only, tmp_path):
    long = ["autoencoder", "--epochs", "12"]
    program = f"import sys, demos.all as a; a.commands = lambda: [{long}]; from demos.__main__ import start; start()"
    command = [sys.executable, "-c", program, "all", "--quick", "--out", str(tmp_path)]
    hear = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)  # noqa: E731
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=hear, **pipes)
    folder = tmp_path / "autoencoder-12"
    while not (folder / "training-k2.safetensors").exists() and process.poll() is None:
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    assert "go on with: python -m demos all --quick" in process.communicate(timeout=60)[0]
    assert not (folder / "metrics.json").exists() and "stopped; go on with" in (folder / "log.txt").read_text()
    only(long)
    assert main(["all", "--quick", "--resume", "--out", str(tmp_path)]) == 0
    assert (folder / "metrics.json").exists() and (folder / "log.txt").read_text().count("train, ") == 2
