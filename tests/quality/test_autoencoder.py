"""The autoencoders against principal component analysis, and search by code against search by pixels."""

import argparse
from statistics import median

import pytest

from demos import autoencoder
from demos.evaluation.neighbours import nearest, precision
from demos.run import Run

pytestmark = pytest.mark.quality

SHORT = {"dense": None, "conv": 12}  # epochs: a convolutional network passes the bar long before the demo's 40


@pytest.fixture(scope="module", params=["dense", pytest.param("conv", marks=pytest.mark.long)])
def model(request):
    return request.param


@pytest.fixture(scope="module")
def runs(run_demo, digits, seeds, model):
    """The metrics of the demo under every seed."""
    return [run_demo(autoencoder, seed, digits, loss="mse", model=model, epochs=SHORT[model]) for seed in seeds]


# Digits of unseen fonts vary less along two dimensions than handwriting: there PCA is the harder baseline.
@pytest.mark.parametrize("k, bar", [(2, {"mnist": 0.85, "glyphs": 0.95}), (5, {}), (32, {})])
def test_an_autoencoder_reconstructs_better_than_pca(runs, digits, model, k, bar):
    metrics = [run[f"test MSE, k = {k}"] for run in runs]
    ratios = sorted(m["value"] / m["PCA"] for m in metrics)
    limit = bar.get(digits, 0.85)
    print(f"\n{digits}, {model}, k = {k}: MSE / PCA's, median {median(ratios):.3f} of {ratios}, at most {limit}")
    assert median(ratios) <= limit


@pytest.mark.parametrize("data", ["glyphs", "mnist"])
@pytest.mark.long
def test_a_code_that_undoes_bends_finds_more_of_a_class_than_pixels_do(data, has_data, seeds, tmp_path):
    if data == "mnist" and not has_data("t10k-images-idx3-ubyte.gz"):
        pytest.skip("MNIST is not at hand in MINIGRAD_DATA")
    gains = []
    for seed in seeds:
        options = {"data": data, "seed": seed, "epochs": None, "quick": False, "resume": False, "device": "cpu"}
        args = argparse.Namespace(model="dense", loss="mse", out=tmp_path / str(seed), **options)
        args.out.mkdir()
        run = Run("autoencoder", args, epochs=autoencoder.EPOCHS)
        x, y, labels = autoencoder.choose(run)
        codes = run.apply(autoencoder.fit_to_unbend(x, run).encode, y)
        by_code, by_pixels = (precision(nearest(what), labels) for what in (codes, y))
        print(f"\n{data}, seed {seed}: precision at 10 by code {by_code:.3f}, by pixels {by_pixels:.3f}")
        gains.append(by_code - by_pixels)
    assert median(gains) >= 0.03
