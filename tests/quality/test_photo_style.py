"""Photo style beside style transfer on the same pictures, and the memory that a large picture takes.

Nothing is random here: the two directions between the rooms stand for seeds.
"""

import argparse
import subprocess
import sys

import pytest

from demos import photo_style

pytestmark = [pytest.mark.quality, pytest.mark.long]

PAIRS = [("plain", "rich"), ("rich", "plain")]
SIZE, EVALUATIONS = 128, 200  # half the demo's size, a quarter of its time


@pytest.fixture(scope="module")
def network(has_data):
    return "squeezenet" if has_data("squeezenet1_1_features.safetensors") else "random"


@pytest.fixture(scope="module")
def runs(run_demo, network):
    """The metrics of both directions."""
    parser, found = argparse.ArgumentParser(), {}
    photo_style.add_options(parser)
    options = vars(parser.parse_args(["--size", str(SIZE), "--evaluations", str(EVALUATIONS), "--features", network]))
    for content, style in PAIRS:
        found[content, style] = run_demo(photo_style, 0, "", **(options | {"content": content, "style": style}))
    return found


def judge(runs, measure, bar):
    """Hold a figure of both directions against the bar, a share of what style transfer has."""
    for (content, style), metrics in runs.items():
        share = metrics[measure]["share"]
        print(f"\n{content} room, style of the {style} one, {measure}: {share:.3f} of style transfer's, at most {bar}")
        assert share <= bar


def test_lines_are_bent_ten_times_less_than_by_style_transfer(runs):
    judge(runs, "matting energy", 0.1)


def test_the_style_of_the_regions_is_at_most_half_as_far_again(runs):
    judge(runs, "style loss of all regions", 1.5)


def test_the_style_without_regard_to_regions_is_at_most_half_as_far_again(runs, network, request):
    """This is what style transfer itself lowers, and by random filters it nearly reaches 0."""
    if network == "random":
        reason = "from the plain room to the rich one 2.36 at this size, for style transfer leaves .004 of it"
        request.applymarker(pytest.mark.xfail(strict=False, reason=reason))
    judge(runs, "style loss without regions", 1.5)


def test_a_picture_of_700_x_500_takes_less_than_two_gigabytes():
    """The Laplacian, and one evaluation of the loss and its gradient, in a process of their own."""
    code = """
import resource, sys
import numpy as np
import minigrad as mg
from models.features import RandomFeatures
from models.photo_style import PhotoStyle
from models.style_transfer import RECIPES

rng = np.random.default_rng(0)
pictures = [mg.Tensor(rng.random((1, 3, 500, 700), np.float32)) for _ in range(2)]
most = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
loss = PhotoStyle(RandomFeatures(rng=rng), *pictures, RECIPES["random"], stiffness=1.0)
mg.grad(loss(x := mg.Tensor(pictures[1].data, requires_grad=True)), x)
print(most())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    gigabytes = int(done.stdout) / 2**30
    print(f"\nthe loss and its gradient at 700 x 500: {gigabytes:.2f} GiB at most, bar 2")
    assert gigabytes < 2
