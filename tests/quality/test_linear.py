"""The linear autoencoder against principal component analysis, of which it has to be a twin."""

from statistics import median

import pytest

from demos import linear_autoencoder

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def runs(run_demo, digits, seeds):
    """The metrics of the demo from three first weights (glyphs are drawn anew, too)."""
    return [run_demo(linear_autoencoder, seed, digits) for seed in seeds]


@pytest.mark.parametrize("name", linear_autoencoder.WEIGHTS)
def test_a_linear_autoencoder_reaches_the_error_of_pca(runs, digits, name):
    metrics = [run[f"train MSE, {name} weights"] for run in runs]
    excesses = [m["value"] / m["PCA"] - 1 for m in metrics]
    print(
        f"\n{digits}, {name} weights: training error / PCA's - 1: median {median(excesses):.2g} of {excesses}; bar .01"
    )
    assert max(excesses) < 0.01


@pytest.mark.parametrize("name", linear_autoencoder.WEIGHTS)
def test_a_linear_autoencoder_spans_the_subspace_of_pca(runs, digits, name):
    metrics = [run[f"largest angle, {name} weights"] for run in runs]
    angles, random = [m["value"] for m in metrics], [m["random_subspace"] for m in metrics]
    print(f"\n{digits}, {name} weights: degrees, median {median(angles):.2g} of {angles}; random {random}; bar 1")
    assert max(angles) < 1 < 80 < min(random)


@pytest.mark.parametrize("name", linear_autoencoder.WEIGHTS)
def test_the_axes_of_pca_are_found_only_after_turning(runs, digits, name):
    metrics = [run[f"mean |cos| to an axis, {name} weights"] for run in runs]
    raw, turned = [m["value"] for m in metrics], [m["turned"] for m in metrics]
    print(f"\n{digits}, {name} weights: mean |cos| to an axis {raw}, turned {turned}")
    assert max(raw) < 0.8 and min(turned) > 0.999
