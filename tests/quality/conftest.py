"""Models trained to the end, each figure beside the bar it has to pass: python -m pytest -m quality --seeds 3 -s

On real data where MINIGRAD_DATA names a folder that holds it, on embedded data otherwise.
"""

import argparse
import json
import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def seeds(request):
    """Training is random: a bar is held against the median over these, as many as --seeds says."""
    return range(request.config.getoption("--seeds"))


@pytest.fixture(scope="session")
def has_data():
    """Tell whether a file of that name is at hand in MINIGRAD_DATA: a bar on real data needs it."""
    return lambda name: Path(os.environ.get("MINIGRAD_DATA") or "none", name).exists()


@pytest.fixture(scope="session")
def digits(has_data):
    """The data set of digits to judge by: "mnist" where it is at hand, else "glyphs"."""
    return "mnist" if has_data("t10k-images-idx3-ubyte.gz") else "glyphs"


@pytest.fixture(scope="session")
def run_demo(tmp_path_factory):
    """Run a demo's main(args) with seed, data and options of its own -> the metrics that it wrote."""

    def run(demo, seed, data, **options):
        out = tmp_path_factory.mktemp(f"seed{seed}")
        common = {"device": "cpu", "epochs": None, "quick": False, "resume": False}
        demo.main(argparse.Namespace(seed=seed, data=data, out=out, **(common | options)))
        return json.loads((out / "metrics.json").read_text())["metrics"]

    return run
