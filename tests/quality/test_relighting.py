"""Shading and albedo against constant shading and Retinex, and faces under another's light against the true render."""

from statistics import median

import pytest

from demos import relighting

pytestmark = [pytest.mark.quality, pytest.mark.long]


@pytest.fixture(scope="module")
def runs(run_demo, seeds):
    """The metrics of the demo under every seed."""
    return [run_demo(relighting, seed, "faces") for seed in seeds]


def ratio(runs, name, *baselines):
    """The median over the seeds of a figure by the best of its baselines, printed with all of them."""
    figures = sorted(run[name]["value"] / min(run[name][baseline] for baseline in baselines) for run in runs)
    print(f"\n{name}, by the best of {baselines}: median {median(figures):.3f} of {[round(f, 3) for f in figures]}")
    return median(figures)


def test_shading_is_told_from_albedo_better_than_by_constant_light_or_a_blur(runs):
    assert ratio(runs, "scale-invariant MSE, shading", "constant_shading", "Retinex") <= 0.7


def test_the_decoded_albedo_is_better_than_by_constant_light_or_a_blur(runs):
    assert ratio(runs, "scale-invariant MSE, albedo", "constant_shading", "Retinex") <= 0.7


def test_the_image_divided_by_its_shading_is_a_better_albedo_than_by_constant_light_or_a_blur(runs):
    assert ratio(runs, "scale-invariant MSE, image / shading as albedo", "constant_shading", "Retinex") <= 0.7


def test_another_code_of_shading_is_another_light(runs):
    assert ratio(runs, "MSE of relit faces", "copy") <= 0.6


def test_a_photograph_takes_another_light_by_the_quotient_of_the_shadings(runs):
    assert ratio(runs, "MSE of relit photographs", "copy") <= 0.6


def test_the_light_moves_steadily_along_an_interpolation(runs):
    figures = [run["share of walks on which the light never turns back"]["value"] for run in runs]
    print(f"\nwalks on which the light never turns back: {figures}")
    assert median(figures) >= 0.9
