"""Arithmetic coding: what it writes, read again by a decoder of whole numbers alone, and how few bytes that takes."""

import bisect
import itertools

import numpy as np
import pytest

from demos.arithmetic_coding import TOTAL, check_tables, decode, encode, frequencies

WORD, STATE, PRECISION = 32, 64, 24


def in_whole_numbers(code, n, tables):
    """Read a range code by Python's integers, as Martin (1979) describes it: no float occurs."""
    words = itertools.chain(np.frombuffer(code + bytes(-len(code) % 4), ">u4").tolist(), itertools.repeat(0))
    mask = 2**STATE - 1
    lower, width, point = 0, mask, next(words) << WORD | next(words)
    rows = []
    for table in tables:
        starts = [0, *itertools.accumulate(256 * int(f) for f in table)]
        rows.append([])
        for _ in range(n):
            unit = width >> PRECISION
            symbol = bisect.bisect_right(starts, ((point - lower) & mask) // unit) - 1
            rows[-1].append(symbol)
            lower = (lower + unit * starts[symbol]) & mask
            width = unit * (starts[symbol + 1] - starts[symbol])
            if width < 2**WORD:
                lower, width = lower << WORD & mask, width << WORD
                point = (point << WORD & mask) | next(words)
    return rows


def drawn(rng, k, n, symbols, concentration):
    """Tables (k, symbols), of any shape from flat to almost certain, and symbols (k, n) drawn from them."""
    tables = frequencies(rng.dirichlet(np.full(symbols, concentration), k))
    return tables, np.stack([rng.choice(symbols, n, p=table / TOTAL) for table in tables])


@pytest.mark.parametrize("concentration", [10.0, 0.3, 0.01])
@pytest.mark.parametrize("k, n, symbols", [(1, 1, 2), (3, 0, 4), (5, 7, 255), (2, 3000, 17)])
def test_what_is_written_is_read_again_also_by_a_decoder_without_floats(k, n, symbols, concentration, rng):
    tables, numbers = drawn(rng, k, n, symbols, concentration)
    code = encode(numbers, tables)
    assert np.array_equal(decode(code, n, tables), numbers)
    assert in_whole_numbers(code, n, tables) == numbers.tolist()


def test_symbols_that_never_come_are_written_too(rng):
    tables = frequencies(np.array([[1.0, 0, 0, 0], [0, 0, 0, 1.0]]))
    numbers = rng.integers(4, size=(2, 500))
    assert np.array_equal(decode(encode(numbers, tables), 500, tables), numbers)


def test_a_code_has_the_bits_that_its_symbols_are_worth_and_at_most_two_bytes_more(rng):
    for n in (1, 3, 10, 2000):
        tables, numbers = drawn(rng, 2, n, 31, 0.3)
        bits = -np.log2(np.take_along_axis(tables, numbers, axis=1) / TOTAL).sum()
        assert bits / 8 <= len(encode(numbers, tables)) + 1 and len(encode(numbers, tables)) <= bits / 8 * 1.001 + 2


def test_frequencies_are_whole_numbers_near_the_probabilities(rng):
    p = rng.dirichlet(np.full(255, 0.1), (3, 4))
    f = frequencies(p)
    check_tables(f)
    assert f.shape == p.shape
    np.testing.assert_allclose(f / TOTAL, p, atol=256 / TOTAL, rtol=0)
    assert frequencies(np.array([2.0, 1.0, 1.0])).tolist() == [TOTAL // 2, TOTAL // 4, TOTAL // 4]


@pytest.mark.parametrize("wrong", [[[0, TOTAL - 1]], [[1, 1]], [[0.5, 0.5]]])
def test_tables_that_are_no_frequencies_are_refused(wrong):
    with pytest.raises(ValueError, match="with the sum 65536"):
        check_tables(np.array(wrong, np.float64 if isinstance(wrong[0][0], float) else np.uint16))


def test_bytes_that_nobody_wrote_are_an_error_or_other_symbols_but_no_crash(rng):
    tables, numbers = drawn(rng, 3, 20, 9, 0.3)
    read = 0
    for _ in range(200):
        try:
            read += decode(rng.bytes(rng.integers(60)), 20, tables).shape == numbers.shape
        except ValueError as error:
            assert "no arithmetic coder wrote these" in str(error)
    assert read
