"""Translation judged on names of numbers that were neither trained on nor chosen by."""

from statistics import median

import pytest

from demos import translation

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def runs(run_demo, seeds):
    """The metrics of the demo under every seed."""
    return [run_demo(translation, seed, "numbers") for seed in seeds]


def show(runs, metric):
    """Print a metric beside its baselines -> its median, and theirs by name."""
    figures = {name: [run[metric][name] for run in runs] for name in runs[0][metric]}
    print(f"\n{metric}: " + ", ".join(f"{name} {median(of):.4f} of {sorted(of)}" for name, of in figures.items()))
    return {name: median(of) for name, of in figures.items()}


def test_unseen_numbers_are_named_right_to_the_letter(runs):
    exact, errors = show(runs, "exact match, attention"), show(runs, "word error rate, attention")
    assert exact["value"] >= 0.95 and exact["word_by_word"] < 0.01
    assert errors["value"] < 0.01 < errors["word_by_word"]


def test_attention_gets_more_numbers_right_than_a_single_state_that_holds_all(runs):
    without = show(runs, "exact match, no attention")
    assert without["value"] < median(run["exact match, attention"]["value"] for run in runs)
    assert without["value"] >= 0.9


@pytest.mark.parametrize("name", translation.MODELS)
def test_a_beam_gets_no_fewer_numbers_right_than_greedy_search(runs, name):
    beam = show(runs, f"exact match by a beam, {name}")
    assert beam["value"] >= beam["greedy"]
