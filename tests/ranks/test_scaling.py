"""The benchmark of scaling runs its processes, and adds up what they found."""

import json

from demos.command_line import main

from .launching import needs_mpi

pytestmark = needs_mpi


def test_a_quick_benchmark_of_scaling_measures_ranks_and_draws_the_model(tmp_path):
    assert main(["benchmark", "--scaling", "--quick", "--out", str(tmp_path)]) == 0
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert metrics["autoencoder: ms a step, two ranks"]["ratio"] > 0
    assert 0 < metrics["autoencoder: communication's share of a step"]["value"] < 1
    assert (tmp_path / "scaling.png").exists()
