"""Overcomplete autoencoders: what a penalty on the code prevents, and what it finds."""

from statistics import median

import pytest

from demos import sparse

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def runs(run_demo, digits, seeds):
    """The metrics of the demo under every seed."""
    return [run_demo(sparse, seed, digits) for seed in seeds]


@pytest.fixture
def figures(runs, digits):
    """Look a metric up in every run, print it beside its baselines, and return its median."""

    def figure(name):
        metrics = [run[name] for run in runs]
        baselines = {key: round(median(m[key] for m in metrics), 4) for key in metrics[0] if key != "value"}
        values = sorted(m["value"] for m in metrics)
        print(f"\n{digits}, {name}: median {median(values):.4f} of {values}, beside {baselines}")
        return median(values)

    return figure


def test_without_a_penalty_noise_is_copied(figures):
    assert figures("noise: test MSE / variance, none") < 0.1


# Noise and dropout shrink what they copy, as L2 does, but the noise is clipped and dropout learns slowly: a lower bar.
@pytest.mark.parametrize("name, bar", [("L1", 0.5), ("L2", 0.5), ("noise", 0.3), ("dropout", 0.3)])
def test_with_a_regulariser_noise_is_not_copied(figures, name, bar):
    assert figures(f"noise: test MSE / variance, {name}") > bar


def test_l1_silences_nine_units_of_ten_and_reconstructs_digits(figures):
    assert figures("share of |h| silent, L1") >= 0.9
    assert figures("test MSE, L1") <= 0.017


def test_the_units_silent_under_l1_are_not_the_same_for_all_digits(runs):
    never = [run["share of |h| silent, L1"]["units_always_silent"] for run in runs]
    print(f"\nunits that no test image wakes: {never}")
    assert max(never) < 0.1


def test_l2_silences_hardly_any(figures):
    assert figures("share of |h| silent, L2") <= 0.05


def test_l1_finds_the_atoms_that_signals_are_made_of(figures):
    assert figures("signals: share of atoms found, L1") >= 0.8
    assert figures("signals: share of atoms found, L2") < 0.2
