"""Swapped faces against the true ones: pixels and landmarks, beside the nearest pose, two autoencoders and the mean."""

from statistics import mean, median

import pytest

from demos import face_swap

pytestmark = [pytest.mark.quality, pytest.mark.long]
SWAPS = ("A worn by B", "B worn by A")


@pytest.fixture(scope="module")
def runs(run_demo, seeds):
    """The metrics of the demo under every seed."""
    return [run_demo(face_swap, seed, "faces") for seed in seeds]


def figure(runs, name, *keys):
    """Medians over the seeds of a figure, the mean of both swaps, and of its baselines; printed with all of them."""
    medians = []
    for key in ("value", *keys):
        values = [mean(run[f"{name}, {swap}"][key] for swap in SWAPS) for run in runs]
        medians.append(median(values))
        print(f"\n{name}, {key}: median {medians[-1]:.4f} of {values}")
    return medians


def test_a_swap_is_near_to_the_truth_and_nearer_than_the_nearest_pose_and_two_autoencoders(runs):
    ours, nearest, apart, _ = figure(runs, "PSNR", "nearest_pose", "two_autoencoders", "copy")
    assert ours >= 20 and ours >= nearest + 4 and ours > apart


def test_landmarks_of_a_swap_are_twice_as_near_to_the_true_ones_as_mean_landmarks(runs):
    ours, mean_landmark, apart, _ = figure(
        runs, "landmark error", "mean_landmark", "two_autoencoders", "read_off_the_truth"
    )
    assert ours <= 0.5 * mean_landmark and ours < apart
