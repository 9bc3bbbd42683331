"""No damaged file crashes a reader, hangs it, fills the memory, or changes anything; and the search would notice."""

import time

import pytest

from tests import fuzz, planted_readers
from tests.fuzz_readers import READERS

MUTANTS = 20_000  # of all readers together; --mutants gives the number of those under the mark fuzz


@pytest.mark.parametrize("name", READERS)
def test_every_mutant_of_a_file_is_either_read_or_refused(name, tmp_path):
    count = MUTANTS // len(READERS)
    report = fuzz.run(name, 0, count, folder=tmp_path, seconds=300)
    assert report.failures == []
    assert report.read + report.refused == count and min(report.read, report.refused) > 0


@pytest.mark.fuzz
@pytest.mark.parametrize("name", READERS)
def test_very_many_mutants_are_either_read_or_refused(name, tmp_path, request):
    count = request.config.getoption("mutants") // len(READERS)
    report = fuzz.run(name, MUTANTS, count, folder=tmp_path, seconds=24 * 3600)
    print(f"{name}: {report.read} read, {report.refused} refused")
    assert report.failures == []


# ---- the search itself


@pytest.mark.parametrize("fault", planted_readers.FAULTS)
def test_a_planted_fault_is_found(fault, tmp_path):
    report = fuzz.run(fault.__name__, 0, 50, folder=tmp_path, seconds=60, readers="tests.planted_readers")
    assert planted_readers.FAULTS[fault] in report.failures[0]


def test_a_reader_without_a_fault_passes(tmp_path):
    report = fuzz.run("good", 0, 500, folder=tmp_path, seconds=60, readers="tests.planted_readers")
    assert report.failures == [] and report.read > 0 and report.refused > 0


def test_a_change_that_a_checksum_misses_is_found(tmp_path):
    report = fuzz.run("unsealed", 0, 100, folder=tmp_path, seconds=60, readers="tests.planted_readers")
    assert "is read as something else than the whole file" in report.failures[0]


@pytest.mark.parametrize("name", READERS)
def test_a_mutant_is_the_same_bytes_every_time(name, monkeypatch):
    files = READERS[name].files()
    monkeypatch.setattr(time, "time", lambda: 1e9)
    again = READERS[name].files()
    assert files == again
    for i in range(50):
        assert fuzz.mutant(name, READERS[name], files, i) == fuzz.mutant(name, READERS[name], again, i)
