"""The model of a step on many machines, at cases that can be worked out by hand."""

import pytest

from demos.benchmark.scaling import BUCKET, MACHINES, NETWORKS, step_time


def test_one_machine_sends_nothing():
    assert step_time(1, 0.05, 1e9, 1.0, 1.0) == 0.05


def test_what_is_sent_in_no_time_costs_nothing():
    assert step_time(64, 0.05, 1e7, 0.0, 1e30) == pytest.approx(0.05)


def test_a_single_bucket_is_full_at_the_end_of_the_walk_and_adds_all_of_its_time():
    # 4 machines: 2 * 2 latencies, and 2 * 3/4 of 1,000 bytes at 1e6 bytes a second
    assert step_time(4, 0.05, 1000, 1e-3, 1e6, bucket=BUCKET) == pytest.approx(0.05 + 4e-3 + 1.5e-3)


def test_of_several_buckets_the_walk_hides_all_but_the_last():
    # 2 machines, ten buckets of 100 bytes: 2 ms each are hidden by the 3.33 ms until the next one is full
    assert step_time(2, 0.05, 1000, 0.0, 5e4, bucket=100) == pytest.approx(0.05 + 2e-3)


def test_where_the_network_is_slower_than_the_walk_the_sums_follow_each_other():
    filled = 0.05 * (1 / 3 + 2 / 3 / 10)
    assert step_time(2, 0.05, 1000, 0.0, 1e4, bucket=100) == pytest.approx(filled + 10 * 0.01)


@pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)
def test_more_machines_are_never_faster_a_step_but_always_in_all(network):
    times = [step_time(n, 0.05, 3e6, *network) for n in MACHINES]
    assert times == sorted(times)
    rates = [n / t for n, t in zip(MACHINES, times)]
    assert rates == sorted(rates)
