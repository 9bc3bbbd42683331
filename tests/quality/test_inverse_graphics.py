"""One number of a code per factor: what it tells, what else it tells, and faces with it exchanged against the truth."""

from statistics import median

import pytest

from demos import inverse_graphics
from demos.data.turning import FACTORS

pytestmark = [pytest.mark.quality, pytest.mark.long]


@pytest.fixture(scope="module")
def runs(run_demo, seeds):
    """The metrics of the demo under every seed."""
    return [run_demo(inverse_graphics, seed, None) for seed in seeds]


def figure(runs, name, baseline):
    """The median over the seeds of a figure and of its baseline, printed with all of them."""
    values, others = ([run[name][key] for run in runs] for key in ("value", baseline))
    print(f"\n{name}: median {median(values):.4f} of {values}; {baseline} {median(others):.4f}")
    return median(values), median(others)


@pytest.mark.parametrize("place, factor", list(enumerate(FACTORS, 1)))
def test_the_number_of_a_factor_tells_it_and_better_than_any_of_a_plain_vae(runs, place, factor):
    ours, plain = figure(runs, f"R^2 of {factor}, from z{place}", "plain_VAE")
    assert ours >= 0.8 and ours > plain


# Of one number of a code: what the others still tell of its factor is printed, and limits what an exchange can do.
@pytest.mark.parametrize("place, factor", list(enumerate(FACTORS, 1)))
def test_the_number_of_a_factor_tells_nothing_of_the_others_or_of_the_person(runs, place, factor):
    figure(runs, f"R^2 of {factor}, from all but z{place}", "plain_VAE")
    assert figure(runs, f"R^2 of other factors, from z{place}", "plain_VAE")[0] <= 0.1
    assert figure(runs, f"R^2 of the person, from z{place}", "plain_VAE")[0] <= 0.1


@pytest.mark.parametrize("factor", FACTORS)
def test_a_face_with_one_factor_exchanged_is_twice_as_near_to_the_true_one_as_the_photograph(runs, factor):
    ours, copy = figure(runs, f"MSE, {factor} exchanged", "copy")
    plain = figure(runs, f"MSE, {factor} exchanged", "plain_VAE")[1]
    assert ours <= 0.5 * copy and ours < plain
