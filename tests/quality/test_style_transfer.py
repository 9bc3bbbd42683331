"""Style transfers judged by their losses. Nothing is random here: pairs of pictures stand for seeds."""

import argparse
import os
from pathlib import Path

import pytest

from demos import style_transfer
from demos.style_studies import PATH

pytestmark = [pytest.mark.quality, pytest.mark.long]

EMBEDDED = [("hopper", "mosaic"), ("hopper", "strokes")]
REAL = ("images/tuebingen.jpg", "images/starry_night.jpg")


@pytest.fixture(scope="module")
def runs(run_demo, has_data):
    """The metrics of every pair: by SqueezeNet and on photographs where they are at hand, else by random filters."""
    network = "squeezenet" if has_data("squeezenet1_1_features.safetensors") else "random"
    pairs = list(EMBEDDED)
    if network == "squeezenet" and all(map(has_data, REAL)):
        pairs[1] = tuple(str(Path(os.environ["MINIGRAD_DATA"], name)) for name in REAL)
    parser, found = argparse.ArgumentParser(), {}
    style_transfer.add_options(parser)
    options = vars(parser.parse_args(["--features", network, "--evaluations", "150"]))  # half of the demo's suffice
    for content, style in pairs:
        pair = {"content": content, "style": [[style]]}
        found[Path(style).stem] = run_demo(style_transfer, 0, "", **(options | pair))
    return found


def judge(runs, measure, bar, of):
    """Hold a figure of every pair against the bar, a share of what the image named has."""
    for pair, metrics in runs.items():
        name = next(name for name in metrics if name.startswith(measure))
        value, whole = metrics[name]["value"], metrics[name][of]
        print(f"\n{pair}, {name}: {value / whole:.4f} of {of.replace('_', ' ')}, at most {bar}")
        assert value <= bar * whole


def test_the_style_is_ten_times_nearer_than_the_photographs(runs):
    judge(runs, "style loss", 0.10, "content_image")


def test_the_content_is_twice_as_near_as_the_paintings(runs):
    judge(runs, "content loss", 0.50, "style_image")


def test_the_style_comes_nearer_at_a_layer_too_that_nobody_asked_for(runs):
    judge(runs, "style loss at", 0.50, "content_image")


def test_lbfgs_at_100_evaluations_is_as_low_as_adam_at_200(runs):
    judge(runs, "loss by L-BFGS", 1.0, "Adam_at_200")


def test_a_path_between_two_styles_leaves_the_one_and_nears_the_other(runs):
    for pair, metrics in runs.items():
        points = [metrics[f"style loss to the first, {share:.0%} of the second"] for share in PATH]
        first, second = [p["value"] for p in points], [p["to_the_second"] for p in points]
        print(f"\n{pair}: " + ", ".join(f"{a:.3g} / {b:.3g}" for a, b in zip(first, second)))
        assert first == sorted(first) and second == sorted(second, reverse=True)
