"""Integers to bytes and back, by arithmetic coding with tables of whole numbers.

An arithmetic coder splits the interval [0, 1) among the symbols in proportion to their frequencies, goes into the part
of the first symbol, splits that for the second, and so on. Any number in the last part stands for them all, and naming
one takes about -log2 p bits for each symbol of probability p. The range coder of the library `constriction` does it.

No rounding may decide which symbol comes out, or another machine reads other ones. So frequencies are whole numbers
of 2^-16. The coder takes them as floats and counts in units of 2^-24, one of which it reserves for each symbol: given
256 f - 1 for a frequency f, it has to add up to what is left, and every float in between is a whole number below 2^24.
"""

from __future__ import annotations

import numpy as np

TOTAL = 1 << 16  # the sum of the frequencies of a table
UNITS = 256  # of the coder in one of them: it counts to 2^24
LAST = 8  # bytes at the end of the coder's output that can be superfluous


def frequencies(p: np.ndarray) -> np.ndarray:
    """Round probabilities (.., symbols) to whole numbers from 1 with the sum TOTAL -> uint16, (.., symbols)."""
    n = p.shape[-1]
    p = p.astype(np.float64) / p.sum(axis=-1, keepdims=True)
    f = 1 + np.floor(p * (TOTAL - n)).astype(np.int64)
    # what rounding down has left goes to the most frequent
    largest = p.argmax(axis=-1)[..., None]
    np.put_along_axis(f, largest, np.take_along_axis(f, largest, -1) + TOTAL - f.sum(axis=-1, keepdims=True), -1)
    return f.astype(np.uint16)


def check_tables(tables: np.ndarray) -> None:
    """Raise ValueError unless tables, (.., symbols), are such as `frequencies` makes."""
    if tables.dtype != np.uint16 or tables.min(initial=1) < 1 or (tables.sum(axis=-1, dtype=np.int64) != TOTAL).any():
        raise ValueError(f"frequencies must be uint16 from 1 with the sum {TOTAL}, those of each table")


def encode(symbols: np.ndarray, tables: np.ndarray) -> bytes:
    """Encode symbols (k, n), numbers of columns of tables (k, symbols); row i has table i. As few bytes as will do."""
    import constriction

    encoder, models = constriction.stream.queue.RangeEncoder(), _models(tables)
    for row, model in zip(symbols, models):
        encoder.encode(np.ascontiguousarray(row, np.int32), model)
    whole = encoder.get_compressed().astype(">u4").tobytes()
    return _shortest(whole, symbols, models)


def decode(code: bytes, n: int, tables: np.ndarray) -> np.ndarray:
    """Decode n symbols for each table -> (k, n) int64. ValueError where no encoder can have written the code."""
    return _decode(code, n, _models(tables))


def _models(tables: np.ndarray) -> list:
    import constriction

    family = constriction.stream.model.Categorical
    return [family(table.astype(np.float64) * UNITS - 1, perfect=False) for table in tables]


def _decode(code: bytes, n: int, models: list) -> np.ndarray:
    import constriction

    padded = code + bytes(-len(code) % 4)
    words = np.frombuffer(padded, ">u4").astype(np.uint32)
    decoder = constriction.stream.queue.RangeDecoder(words)  # beyond its end it reads zeros
    rows = np.empty((len(models), n), np.int64)
    try:
        for row, model in zip(rows, models):
            row[:] = decoder.decode(model, n)
    except AssertionError as error:  # the library's word for it
        raise ValueError(f"no arithmetic coder wrote these {len(code)} bytes with these tables") from error
    return rows


def _shortest(whole: bytes, symbols: np.ndarray, models: list) -> bytes:
    """Return the shortest code that is read as these symbols: the coder's ends with up to LAST bytes too many."""
    best = whole
    for length in range(len(whole) - 1, max(0, len(whole) - LAST) - 1, -1):
        start = int.from_bytes(whole[:length], "big")
        candidates = [n.to_bytes(length, "big") for n in (start, start + 1) if n < 256**length]  # cut off, rounded up
        code = next((code for code in candidates if _is_read_as(code, symbols, models)), None)
        if code is None:  # nor is a shorter one
            break
        best = code
    return best


def _is_read_as(code: bytes, symbols: np.ndarray, models: list) -> bool:
    try:
        return np.array_equal(_decode(code, symbols.shape[1], models), symbols)
    except ValueError:
        return False
