"""Every demo, run as a user would: quickly, interrupted and resumed."""

import ast
import json
import math
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from demos.command_line import DEMOS, main
from demos.gallery.alive import ALIVE
from minigrad import saving

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("name", DEMOS)
def test_a_quick_run_ends_with_metrics_whole_pictures_and_what_the_gallery_moves(name, tmp_path, capsys):
    out = tmp_path / name
    assert main([name, "--quick", "--out", str(out)]) == 0, capsys.readouterr().err
    metrics = json.loads((out / "metrics.json").read_text())["metrics"]
    assert metrics and all(math.isfinite(numbers["value"]) for numbers in metrics.values())
    assert not list(out.glob("*partial*"))
    for picture in out.glob("*.png"):
        assert picture.read_bytes().endswith(b"IEND\xaeB`\x82")
    pages = "".join((ROOT / folder / "README.md").read_text() for folder in (".", "models", "demos"))
    assert set(re.findall(rf"out/{name}/([\w-]+\.png)", pages)) <= {picture.name for picture in out.glob("*.png")}
    assert all(write(out) is not None for system, write, _ in ALIVE.values() if system == name)


@pytest.mark.parametrize("name", DEMOS)
def test_every_demo_says_what_it_does_and_how_it_is_called(name, capsys):
    with pytest.raises(SystemExit, match="0"):
        main([name, "--help"])
    assert "--out" in capsys.readouterr().out


def hear():
    """Let Ctrl-C through: the children of a background job ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_an_interrupted_run_resumes_to_the_same_bits(tmp_path):
    options = ["autoencoder", "--quick", "--epochs", "20"]
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    assert main([*options, "--out", str(whole)]) == 0
    command = [sys.executable, "-m", "demos", *options, "--out", str(stopped)]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, preexec_fn=hear
    )
    state = stopped / "training-k2.safetensors"
    while not state.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    output = process.communicate(timeout=60)[0]
    assert process.returncode == 130 and "--resume" in output
    assert saving.load(state)[1]["training_state"]["epoch"] < 20
    assert main([*options, "--out", str(stopped), "--resume"]) == 0
    for path in whole.glob("*.safetensors"):
        a, b = saving.load(path), saving.load(stopped / path.name)
        assert a[1] == b[1] and all(a[0][name].tobytes() == b[0][name].tobytes() for name in a[0])


def test_resuming_under_other_settings_is_refused(tmp_path, capsys):
    options = ["autoencoder", "--quick", "--epochs", "1", "--out", str(tmp_path)]
    assert main(options) == 0
    capsys.readouterr()
    assert main([*options, "--resume", "--seed", "1"]) == 1
    error = capsys.readouterr().err
    assert "'seed': 0" in error and "Traceback" not in error


@pytest.mark.parametrize("name", DEMOS)
def test_no_demo_imports_another(name):
    path = ROOT / "demos" / name
    files = sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]
    modules = {
        f"{node.module}.{alias.name}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }
    others = [other for other in DEMOS if other != name]
    assert not [m for m in modules for other in others if f"{m}.".startswith(f"demos.{other}.")]
