"""What the benchmark compares: the same networks in both libraries, in processes that are told the same."""

import importlib.util
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace

import pytest

from demos import benchmark
from demos.benchmark import growth, ours
from demos.benchmark.shapes import GROWTH
from demos.benchmark.turns import WITHOUT_AVX512, Turns
from demos.command_line import main
from demos.results import Results

ROOT = Path(__file__).parent.parent


def test_the_steps_that_the_command_line_names_are_those_that_exist():
    assert set(benchmark.STEPS) == set(ours.STEPS) and len(benchmark.STEPS) == len(ours.STEPS)


TWINS = """
    import numpy as np
    from demos.benchmark import ours, pytorch, shapes

    assert set(pytorch.STEPS) == set(ours.STEPS)
    assert list(pytorch.passes()) == list(ours.passes()) == list(shapes.PASSES)

    shape = {"batch": 2, "channels": 3, "side": 5}
    ours.convolutions(**shape)(), pytorch.convolutions(**shape)()

    # networks: as many parameters, and a loss that is a number
    ours.networks.training = lambda model, loss: (sum(p.size for p in model.parameters()), loss)
    pytorch.networks.training = lambda model, loss: (sum(p.numel() for p in model.parameters()), loss)
    for name in set(ours.networks.STEPS) - {"warp"}:  # that trains nothing
        (count, loss), (twin_count, twin_loss) = ours.STEPS[name](), pytorch.STEPS[name]()
        assert count == twin_count, (name, count, twin_count)
        if name not in ("large_mlp", "large_image"):
            assert np.isfinite(loss().item()) and np.isfinite(twin_loss().item()), name
"""


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
def test_every_step_and_every_pass_has_a_twin_in_pytorch():
    run_python(TWINS)


def run_python(code):
    """Run code in a process of its own, which alone loads PyTorch or grows; return what it printed."""
    command = [sys.executable, "-c", textwrap.dedent(code)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_peak_memory_counts_what_a_step_holds_at_once():
    code = """
        from types import SimpleNamespace
        import numpy as np
        from demos.benchmark.worker import steps

        big = lambda: lambda: np.ones(1 << 24).sum()  # 128 MiB
        print(steps(SimpleNamespace(STEPS={"tiny_mlp": lambda: lambda: None, "big": big}), ["big"], True)["big"][1])
    """
    megabytes = float(run_python(code))
    assert megabytes == 0 or 120 < megabytes < 200  # 0 where it cannot be told


def test_both_libraries_run_under_the_environment_that_they_are_given(monkeypatch):
    seen = []

    def run(command, env, **_):
        seen.append((command[3:], {name: env.get(name) for name in WITHOUT_AVX512}))
        return SimpleNamespace(returncode=0, stdout=json.dumps(len(seen)))

    monkeypatch.setattr(subprocess, "run", run)
    turns = Turns(["ours", "pytorch"], 2, True, WITHOUT_AVX512)
    assert turns.take("steps", "gru") == {"ours": [1, 3], "pytorch": [2, 4]}
    assert [command[0] for command, _ in seen] == ["ours", "pytorch", "ours", "pytorch"]
    assert all(environment == WITHOUT_AVX512 for _, environment in seen)


def test_the_picture_of_another_processor_says_so(capsys, tmp_path):
    assert main(["benchmark", "--quick", "--steps", "tiny_mlp", "--without-avx512", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "without AVX-512" in printed and "OPENBLAS_CORETYPE=Haswell" in printed
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert record["settings"]["processor"] == "as if without AVX-512"
    assert "tiny_mlp: ms a step" in record["metrics"] and "gru: ms a step" not in record["metrics"]


def test_the_growth_of_a_step_is_a_table_and_a_picture_of_the_slopes(tmp_path, monkeypatch):
    slopes = {"batch": 1, "channels": 2, "pixels a side": 2}
    times = {f"{name} {size}": 1e-3 * size**k for name, k in slopes.items() for size in GROWTH[name]}
    turns = SimpleNamespace(
        take=lambda what, of: {"ours": [times], "pytorch": [{key: 2 * t for key, t in times.items()}]}
    )
    drawn = []
    monkeypatch.setattr(growth.figures, "growth", lambda panels, path, label: drawn.append(panels))
    growth.show(Results("benchmark"), turns, tmp_path)
    assert [list(lines) for lines in drawn[0].values()] == [
        [f"minigrad: {k}.00", f"PyTorch: {k}.00"] for k in slopes.values()
    ]
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert metrics["batch 64: ms a step"]["ratio"] == 0.5
    monkeypatch.undo()
    growth.show(Results("benchmark"), turns, tmp_path)
    assert (tmp_path / "growth.png").read_bytes().endswith(b"IEND\xaeB`\x82")


def test_the_profile_of_a_step_is_a_table_and_a_picture(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr(ours, "prepare", lambda: None)  # it is for whole processes
    assert main(["benchmark", "--quick", "--profile", "gru", "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "gru_states" in printed and "Adam.step" in printed and "(between ops)" in printed
    assert (tmp_path / "profile.png").read_bytes().endswith(b"IEND\xaeB`\x82")
