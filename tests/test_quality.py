"""Models trained to the end, each figure beside the bar it has to pass: python -m pytest -m quality

On MNIST where MINIGRAD_DATA names a folder that holds it, on glyphs otherwise.
"""

import argparse
import json
import os
from pathlib import Path
from statistics import median

import pytest

from demos import autoencoder

pytestmark = pytest.mark.quality
DATA = "mnist" if Path(os.environ.get("MINIGRAD_DATA") or "none", "t10k-images-idx3-ubyte.gz").exists() else "glyphs"


@pytest.fixture(scope="module")
def autoencoder_runs(tmp_path_factory):
    """The metrics of the autoencoder demo under three seeds."""
    runs = []
    for seed in range(3):
        out = tmp_path_factory.mktemp(f"seed{seed}")
        options = {"data": DATA, "device": "cpu", "epochs": None, "quick": False, "resume": False, "loss": "mse"}
        autoencoder.main(argparse.Namespace(seed=seed, out=out, **options))
        runs.append(json.loads((out / "metrics.json").read_text())["metrics"])
    return runs


# Digits of unseen fonts vary less along two dimensions than handwriting: there PCA is the harder baseline.
@pytest.mark.parametrize("k, bar", [(2, {"mnist": 0.85, "glyphs": 0.95}), (5, {}), (32, {})])
def test_a_dense_autoencoder_reconstructs_better_than_pca(autoencoder_runs, k, bar):
    metrics = [run[f"test MSE, k = {k}"] for run in autoencoder_runs]
    ratios = sorted(m["value"] / m["PCA"] for m in metrics)
    limit = bar.get(DATA, 0.85)
    print(f"\n{DATA}, k = {k}: MSE / PCA's, median {median(ratios):.3f} of {ratios}, at most {limit}")
    assert median(ratios) <= limit
