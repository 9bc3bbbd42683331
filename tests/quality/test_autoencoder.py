"""The autoencoders against principal component analysis."""

from statistics import median

import pytest

from demos import autoencoder

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
