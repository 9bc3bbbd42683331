"""The variational autoencoder: its bound, its codes and its samples, against mixtures and the plain autoencoder."""

from statistics import median

import pytest

from demos import vae

pytestmark = [pytest.mark.quality, pytest.mark.long]


@pytest.fixture(scope="module")
def runs(run_demo, digits, seeds):
    """The metrics of the demo under every seed."""
    return [run_demo(vae, seed, digits) for seed in seeds]


def values(runs, name, digits, key="value"):
    """The figure of every run, printed."""
    found = sorted(run[name][key] for run in runs)
    print(f"\n{digits}, {name}, {key.replace('_', ' ')}: median {median(found):.4g} of {[f'{v:.4g}' for v in found]}")
    return found


BARS = {2: 170, 5: 140, 20: 126}  # set for mnist; new glyphs of known fonts are as easy


@pytest.mark.parametrize("k", vae.CODES)
def test_the_bound_on_binarised_pixels_is_tight(runs, digits, k):
    name = f"test -ELBO in nats, k = {k}"
    for baseline in ("independent_Bernoulli", "mixture_of_50"):
        values(runs, name, digits, baseline)
    assert median(values(runs, name, digits)) <= BARS[k]


@pytest.mark.parametrize("k", vae.CODES)
def test_all_codes_together_have_nearly_mean_0_and_variance_1(runs, digits, k):
    assert median(values(runs, f"codes, k = {k}: active", digits)) >= min(k, 10)
    assert median(values(runs, f"codes, k = {k}: largest |mean|", digits)) < 0.1
    assert median(values(runs, f"codes, k = {k}: least variance", digits)) >= 0.8
    assert median(values(runs, f"codes, k = {k}: least variance", digits, "largest")) <= 1.2


# Before decorrelate_codes the largest of the 190 at k = 20 was 0.22, 0.15 and 0.20 on mnist at seeds 0, 1 and 2, and
# 0.21 on glyphs; after it 0.07, 0.06 and 0.08, and 0.08.
@pytest.mark.parametrize("k", vae.CODES)
def test_all_codes_together_are_nearly_uncorrelated(runs, digits, k):
    assert median(values(runs, f"codes, k = {k}: largest |corr|", digits)) < {"mnist": 0.15, "glyphs": 0.3}[digits]


@pytest.mark.parametrize("k", vae.CODES)
def test_the_divergence_agrees_with_monte_carlo(runs, k):
    for metric in (run[f"divergence in nats, k = {k}"] for run in runs):
        assert abs(metric["value"] - metric["Monte_Carlo"]) <= 4 * metric["standard_error"]


SAMPLED = 5  # the numbers in the codes of the picture's samples


@pytest.mark.parametrize("baseline", ["autoencoder", "matched_Gaussian"])
def test_samples_have_the_features_of_digits_more_than_those_of_a_plain_autoencoder(runs, digits, baseline):
    name = f"samples, k = {SAMPLED}: Frechet distance"
    assert median(values(runs, name, digits)) < median(values(runs, name, digits, baseline))


@pytest.mark.parametrize("baseline", ["autoencoder", "matched_Gaussian"])
def test_samples_pass_for_digits_more_often_than_those_of_a_plain_autoencoder(runs, digits, baseline):
    if (digits, baseline) == ("glyphs", "matched_Gaussian"):
        pytest.skip("judged on MNIST, not at hand in MINIGRAD_DATA: glyphs in few fonts pass as often either way")
    name = f"samples, k = {SAMPLED}: confident share"
    assert median(values(runs, name, digits)) > median(values(runs, name, digits, baseline))


def test_samples_are_of_all_classes(runs, digits):
    assert median(values(runs, f"samples, k = {SAMPLED}: class entropy", digits)) >= 2.0
