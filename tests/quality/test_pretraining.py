"""Pre-training against the same network from random weights, linear classifiers and the nearest image."""

import pytest

from demos import pretraining

pytestmark = [pytest.mark.quality, pytest.mark.long]

REPEATS = 10  # paired: enough for a narrow interval, so that one seed is judged
WAYS = pytest.mark.parametrize("way", pretraining.WAYS)


@pytest.fixture(scope="module")
def metrics(run_demo, digits):
    return run_demo(pretraining, 0, digits, repeats=REPEATS)


def gain(metrics, count, way):
    """The paired gain over random weights, printed with its interval."""
    found = metrics[f"gain, {count} labels, {way}"]
    print(f"{count} labels, {way}: {found['value']:+.3f}, from {found['at_least']:+.3f} to {found['at_most']:+.3f}")
    return found


@WAYS
def test_with_100_labels_pretraining_gains_three_points(metrics, digits, way):
    print(f"\n{digits}, {REPEATS} paired repeats, gain over random weights")
    found = gain(metrics, 100, way)
    assert found["value"] >= 0.03 and found["at_least"] > 0


@WAYS
def test_with_100_labels_it_is_right_more_often_than_the_nearest_image(metrics, digits, way):
    found = metrics["accuracy, 100 labels, end to end"]
    figures = {"end to end": found["value"]} | {name.replace("_", " "): value for name, value in found.items()}
    print(f"\n{digits}, 100 labels: " + ", ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    assert figures[way] > figures["nearest image"]


@WAYS
def test_the_gain_shrinks_with_the_number_of_labels(metrics, digits, way):
    print(f"\n{digits}")
    gains = [gain(metrics, count, way)["value"] for count in pretraining.LABELS]
    assert gains == sorted(gains, reverse=True)
