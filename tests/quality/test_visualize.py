"""Images drawn for parts of a network, against the photos or digits that these answer to most and least."""

from statistics import median

import pytest

from demos import feature_visualization

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def features(has_data):
    """SqueezeNet where its weights are at hand, else the classifier of digits that the demo trains."""
    return "squeezenet" if has_data("squeezenet1_1_features.safetensors") else "digits"


@pytest.fixture(scope="module")
def runs(run_demo, features, digits, seeds):
    """The metrics of the demo under every seed."""
    options = {"features": features, "layer": None, "steps": None}
    return [run_demo(feature_visualization, seed, digits, **options) for seed in seeds]


# Of the small classifier's channels .9 to 1 are reached, under three seeds: its bar leaves two channels of twenty.
BARS = {"squeezenet": 0.9, "digits": 0.8}


def judge(runs, name, bar):
    """Print a metric of all runs, and hold its median against the bar."""
    values = sorted(run[name]["value"] for run in runs)
    examples = runs[0][name].get("examples", 0)
    print(f"\n{name}: median {median(values):.3g} of {values}, at least {bar}; {examples:.0f} examples")
    assert median(values) >= bar


def test_what_is_drawn_to_excite_a_channel_beats_the_best_of_500_examples(runs, features):
    assert runs[0]["channels excited beyond the best example"]["examples"] >= 500
    judge(runs, "channels excited beyond the best example", BARS[features])


def test_what_is_drawn_to_inhibit_a_channel_undercuts_the_worst_of_500_examples(runs, features):
    judge(runs, "channels inhibited beyond the worst example", BARS[features])


@pytest.mark.parametrize("kind", ["neuron", "channel", "layer", "hidden unit", "class logit"])
def test_one_of_every_kind_goes_beyond_all_examples_both_ways(runs, kind):
    for run in runs:
        (numbers,) = [numbers for name, numbers in run.items() if name.startswith(kind) and " of " in name]
        print(f"\n{kind}: " + ", ".join(f"{key.replace('_', ' ')} {value:.4g}" for key, value in numbers.items()))
        assert numbers["value"] > numbers["best_example"] and numbers["inhibited"] < numbers["worst_example"]


# The softmax leaves no gradient once a class is certain, so that real digits come as near to 1 as what is drawn.
def test_a_class_probability_is_driven_to_both_of_its_ends(runs):
    for run in runs:
        numbers = run[f"class probability {feature_visualization.CLASS} of scores"]
        assert numbers["value"] > 0.99 and numbers["inhibited"] < 0.01
