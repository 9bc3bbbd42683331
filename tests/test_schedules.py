"""The learning-rate schedules: values worked out by hand, how they combine, and their errors."""

import math

import pytest

from minigrad.schedules import cosine, step_decay, warm_up


def values(schedule, *steps):
    return [schedule(step) for step in steps]


def test_step_decay_multiplies_at_regular_intervals():
    assert values(step_decay(0.8, every=3, factor=0.5), 0, 2, 3, 5, 6, 30) == [0.8, 0.8, 0.4, 0.4, 0.2, 0.8 / 1024]


def test_cosine_falls_to_its_minimum_and_stays_there():
    expected = [0.5, 0.1 + 0.4 * (1 + math.sqrt(0.5)) / 2, 0.3, 0.1 + 0.4 * (1 - math.sqrt(0.5)) / 2, 0.1, 0.1, 0.1]
    got = values(cosine(0.5, steps=8, minimum=0.1), 0, 2, 4, 6, 8, 9, 10**9)
    assert got == pytest.approx(expected, rel=1e-14)
    assert cosine(0.5, steps=8)(8) == 0


def test_warm_up_scales_the_first_steps_of_any_schedule():
    constant = warm_up(lambda step: 0.5, steps=4)
    assert values(constant, 0, 1, 2, 3, 4, 100) == [0.125, 0.25, 0.375, 0.5, 0.5, 0.5]
    decay = step_decay(0.8, every=3, factor=0.5)
    assert values(warm_up(decay, steps=4), 0, 2, 3, 6) == [0.2, 0.8 * 0.75, 0.4, 0.2]
    assert warm_up(decay, steps=1)(0) == 0.8


@pytest.mark.parametrize("schedule", [step_decay(1, 2, 0.5), cosine(1, 8), warm_up(cosine(1, 8), 2)])
def test_steps_count_from_zero(schedule):
    with pytest.raises(ValueError, match="schedule: step is -1; steps are counted from 0"):
        schedule(-1)


@pytest.mark.parametrize(
    "make, error, message",
    [
        (lambda: step_decay(0, 3, 0.5), ValueError, "step_decay: lr is 0; it must be positive and finite"),
        (lambda: step_decay(math.nan, 3, 0.5), ValueError, "step_decay: lr is nan"),
        (lambda: step_decay(1, 0, 0.5), ValueError, "step_decay: every is 0; it must be a positive integer"),
        (lambda: step_decay(1, 2.5, 0.5), ValueError, "step_decay: every is 2.5"),
        (lambda: step_decay(1, 3, 0), ValueError, r"step_decay: factor is 0; it must lie in \(0, 1\]"),
        (lambda: step_decay(1, 3, 2), ValueError, "step_decay: factor is 2"),
        (lambda: cosine(-1, 3), ValueError, "cosine: lr is -1"),
        (lambda: cosine(math.inf, 3), ValueError, "cosine: lr is inf"),
        (lambda: cosine(1, 0), ValueError, "cosine: steps is 0"),
        (lambda: cosine(1, 3, 2), ValueError, r"cosine: minimum is 2; it must lie in \[0, lr\], here \[0, 1\]"),
        (lambda: cosine(1, 3, -1), ValueError, "cosine: minimum is -1"),
        (lambda: warm_up(0.1, 3), TypeError, "warm_up: schedule is 0.1; give a function, such as lambda step: 0.1"),
        (lambda: warm_up(cosine(1, 3), -2), ValueError, "warm_up: steps is -2"),
    ],
)
def test_wrong_arguments_are_refused(make, error, message):
    with pytest.raises(error, match=message):
        make()
