"""mpiexec -n 2 python -m demos NAME, as a user would run it, without a word of processes in the demo's own file."""

import json
import math

import pytest

from minigrad import saving

from .launching import ROOT, needs_mpi, run

pytestmark = [*needs_mpi, pytest.mark.long]
TOGETHER = ["autoencoder", "vae", "faces", "siamese"]


@pytest.mark.parametrize("name", TOGETHER)
def test_two_ranks_run_a_demo_and_one_of_them_speaks_draws_and_saves(name, tmp_path):
    done = run(2, "-m", "demos", name, "--quick", "--out", tmp_path, timeout=300)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(f"pictures and metrics.json are in {tmp_path}") == 1
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert metrics and all(math.isfinite(numbers["value"]) for numbers in metrics.values())
    assert list(tmp_path.glob("*.png")) and not list(tmp_path.glob("*partial*"))
    for path in tmp_path.glob("training*.safetensors"):
        assert saving.load(path)[1]["training_state"]["extra"]["environment"]["processes"] == "2"
    text = (ROOT / "demos" / f"{name}.py").read_text()
    assert not any(word in text for word in ("world(", "mpi4py", "minigrad.distributed"))
