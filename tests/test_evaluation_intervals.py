"""The interval of a mean, against tables and by experiment."""

import numpy as np
import pytest

from demos.evaluation.intervals import mean_interval


def test_the_interval_of_three_numbers_is_that_of_student_s_table():
    mean, half = mean_interval(np.array([1.0, 2.0, 3.0]))
    assert mean == 2 and half == pytest.approx(4.303 / 3**0.5, rel=1e-3)  # s = 1; t of 2 degrees of freedom is 4.303


def test_columns_are_judged_one_by_one():
    mean, half = mean_interval(np.array([[1.0, 5.0], [3.0, 5.0]]))
    assert mean.tolist() == [2, 5] and half[0] == pytest.approx(12.706, rel=1e-3) and half[1] == 0


def test_nineteen_of_twenty_intervals_hold_the_true_mean(rng):
    mean, half = mean_interval(rng.normal(3, 2, (10, 4000)))
    assert np.mean(abs(mean - 3) < half) == pytest.approx(0.95, abs=0.015)


def test_a_single_measurement_is_refused():
    with pytest.raises(ValueError, match="1 measurements tell no spread; give at least 2"):
        mean_interval(np.ones(1))
