"""Analogies between sprites whose shapes had other colours in training, beside a copy of c and the other forms."""

from statistics import median

import pytest

from demos import analogies

pytestmark = [pytest.mark.quality, pytest.mark.long]


@pytest.fixture(scope="module")
def runs(run_demo, seeds):
    """The metrics of the demo under every seed."""
    return [run_demo(analogies, seed, None, size=analogies.SIZE) for seed in seeds]


def show(runs, metric):
    """Print a metric beside its baselines -> its median, and theirs by name."""
    figures = {name: [run[metric][name] for run in runs] for name in runs[0][metric]}
    print(f"\n{metric}: " + ", ".join(f"{name} {median(of):.5f} of {sorted(of)}" for name, of in figures.items()))
    return {name: median(of) for name, of in figures.items()}


def test_answers_are_far_nearer_to_d_than_a_copy_of_c(runs):
    figures = show(runs, "MSE, all, deep")
    assert figures["value"] <= 0.3 * figures["copy"]


# The figure of all kinds rests on moves, which a copy misses most; the others are printed.
@pytest.mark.parametrize("kind", analogies.KINDS)
def test_answers_of_every_kind_are_nearer_to_d_than_a_copy_of_c(runs, kind):
    figures = show(runs, f"MSE, {kind}, deep")
    assert figures["value"] < figures["copy"]


@pytest.mark.parametrize("times", range(1, analogies.REPEATS + 1))
def test_a_network_turns_better_than_a_sum_however_often_the_turn_is_repeated(runs, times):
    figures = show(runs, f"MSE, turned {times} times, deep")
    assert figures["value"] < figures["add"]


def test_a_sprite_in_the_pose_of_another_is_far_nearer_to_the_truth_than_either(runs):
    figures = show(runs, "MSE, sprite of a in the pose of b")
    assert figures["value"] <= 0.5 * min(figures["a"], figures["b"])
