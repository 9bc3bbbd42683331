"""Deep dreams: the objective rises, in every octave, and the photo stays visible."""

from statistics import median

import pytest

from demos import deep_dream

pytestmark = pytest.mark.quality


@pytest.fixture(scope="module")
def runs(run_demo, has_data, seeds):
    """The metrics of the demo under every seed: with SqueezeNet's weights where they are at hand, else random ones."""
    features = "squeezenet" if has_data("squeezenet1_1_features.safetensors") else "random"
    options = {"features": features, "photo": "china", "layer": None, "size": None, "octaves": deep_dream.OCTAVES}
    return [run_demo(deep_dream, seed, None, **options) for seed in seeds]


@pytest.mark.parametrize(
    "measure, bar",
    [("objective, times the photo's", 3), ("least rise within an octave", 1), ("SSIM to the photo", 0.3)],
)
def test_both_layers_see_more_of_what_they_see_and_the_photo_stays(runs, measure, bar):
    for name in [name for name in runs[0] if name.startswith(measure)]:
        values = sorted(run[name]["value"] for run in runs)
        print(f"\n{name}: median {median(values):.3g} of {[f'{v:.3g}' for v in values]}, above {bar}")
        assert median(values) > bar
