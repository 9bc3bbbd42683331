"""A trained compressor as a codec: pictures or sounds to bytes and back, and the file format .mg.

A file holds, in this order, multi-byte numbers with the most significant byte first:

    "mg", format 1       3 bytes
    kind and rate        1 byte: 128 if it is of sounds, plus the rate, from 0, the cheapest
    codec                4 bytes, CRC-32 of the codec that wrote it: its weights, its tables, its shape
    contents             4 bytes, CRC-32 of the decoded samples, pixel by pixel
    file                 4 bytes, CRC-32 of all other bytes
    count, sides         each in groups of 7 bits, the high bit saying that another follows: (count, H, W) or (count, T)
    sample rate          likewise, and for sounds alone
    code                 the rest: integers, channel by channel, by arithmetic_coding.py

Which integers are read is decided by integers alone, the tables, which are made once and kept in the codec's file. The
decoder computes in float64 and its samples are rounded to 8 bits (16 for sound). On another machine sums may differ by
1e-15 of themselves, so a sample may only come out differently if it lies that near to the middle between two of its
values: of a thousand million, less than one. The CRC-32 of the contents notices even that, and it is an error.
"""

from __future__ import annotations

import math
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from demos import arithmetic_coding
from demos.step import batches
from minigrad import Tensor, no_grad, saving
from models.compression import Compressor, log_mass

MAGIC = b"mg\x01"
SOUNDS = 128
LARGEST = 127  # of |n| in a code; what lies beyond is written as this
MAX_SAMPLES = 12_000_000  # of a file, all channels together; the decoder keeps some 120 bytes for each
AT_ONCE = 1_000_000  # samples that are decoded at a time
SHAPE = ("channels", "widths", "code", "weights", "stride", "dims")  # what a Compressor is made of


class Header(NamedTuple):
    """What a file says of itself. size: (count, H, W), or (count, T) of sounds; sample_rate: 0 for pictures."""

    sounds: bool
    rate: int
    codec: int
    contents: int
    size: tuple[int, ...]
    sample_rate: int
    code: bytes


class Codec:
    """A compressor, its tables of frequencies, and what it was made of; samples are whole numbers of `depth` bits.

    shape: the arguments of Compressor. tables: uint16 (rates, code, 2 LARGEST + 1), by default those of the model.
    ValueError if these do not fit together.
    """

    def __init__(self, model: Compressor, shape: dict[str, Any], depth: int, tables: np.ndarray | None = None):
        self.shape, self.depth = {name: shape[name] for name in SHAPE}, depth
        self.weights = model.state_dict()
        # float64, in which rounding cannot reach the samples
        self.model = Compressor(**_arguments(self.shape), rng=np.random.default_rng(0)).to(dtype=np.float64)
        self.model.load_state_dict(self.weights)
        self.model.eval()
        self.tables = frequencies(self.model) if tables is None else tables
        expected = (len(shape["weights"]), shape["code"], 2 * LARGEST + 1)
        if self.tables.shape != expected:
            raise ValueError(f"a codec's tables are {self.tables.shape}; its model needs {expected}")
        arithmetic_coding.check_tables(self.tables)
        self.fingerprint = self._fingerprint()

    def _fingerprint(self) -> int:
        crc = zlib.crc32(repr((sorted(_arguments(self.shape).items()), self.depth)).encode())
        for name, x in sorted({"tables": self.tables, **self.weights}.items()):
            crc = zlib.crc32(x.astype(x.dtype.newbyteorder("<")).tobytes(), zlib.crc32(name.encode(), crc))
        return crc

    @property
    def rates(self) -> int:
        return len(self.tables)

    def save(self, path: Path) -> None:
        """Write the codec to a file, which is all that encoding and decoding need."""
        saving.save(path, {"tables": self.tables, **self.weights}, {"codec": self.shape, "depth": self.depth})

    @classmethod
    def load(cls, path: Path) -> Codec:
        """Read a codec that save wrote. FileNotFoundError; ValueError for any other file."""
        arrays, metadata = saving.load(path)
        try:
            shape, tables = metadata["codec"], arrays.pop("tables")
            _check_shape(shape)
            model = Compressor(**_arguments(shape), rng=np.random.default_rng(0))
            model.load_state_dict(arrays)
            return cls(model, shape, metadata["depth"], tables)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no codec ({error}); train one anew") from error

    # ---- samples and integers ----------------------------------------------------------------------------------------

    def integers(self, samples: np.ndarray, rate: int) -> np.ndarray:
        """Encode samples (N, C, ..), unsigned -> integers (N, code, places), int64, none beyond LARGEST."""
        x = samples.astype(np.float64) / (2**self.depth - 1) - 0.5
        code = self._apply(lambda x, rates: self.model.encode(x, rates), x, rate)
        return np.rint(code).clip(-LARGEST, LARGEST).astype(np.int64).reshape(*code.shape[:2], -1)

    def samples(self, integers: np.ndarray, rate: int, sides: tuple[int, ...]) -> np.ndarray:
        """Decode integers (N, code, places) -> samples (N, C, *sides), uint8 or uint16."""
        code = integers.astype(np.float64).reshape(*integers.shape[:2], *self._places(sides))
        x = self._apply(lambda code, rates: self.model.decode(code, rates, sides), code, rate)
        levels = np.rint((x + 0.5) * (2**self.depth - 1)).clip(0, 2**self.depth - 1)
        return levels.astype(np.uint8 if self.depth == 8 else np.uint16)

    def _places(self, sides: tuple[int, ...]) -> tuple[int, ...]:
        return tuple(-(-n // self.model.reduction) for n in sides)

    def _apply(self, f: Any, x: np.ndarray, rate: int) -> np.ndarray:
        some = max(1, AT_ONCE * len(x) // max(1, x.size))
        with no_grad():
            parts = [f(Tensor(x[i]), np.full(len(i), rate)).numpy() for i in batches(len(x), some)]
        return np.concatenate(parts)

    # ---- bytes -------------------------------------------------------------------------------------------------------

    def payload(self, integers: np.ndarray, rate: int) -> bytes:
        """Write integers (N, code, places) by the rate's tables: a file without its header."""
        symbols = integers.transpose(1, 0, 2).reshape(integers.shape[1], -1) + LARGEST
        return arithmetic_coding.encode(symbols, self.tables[rate])

    def write(self, samples: np.ndarray, rate: int, sample_rate: int = 0) -> bytes:
        """Compress samples (N, C, ..) of equal size -> the bytes of a file. ValueError as `check` says."""
        size = (len(samples), *samples.shape[2:])
        self.check(rate, size, sample_rate)
        integers = self.integers(samples, rate)
        contents = zlib.crc32(self.samples(integers, rate, size[1:]).astype("<u2").tobytes())
        lengths = size if self.model.dims == 2 else (*size, sample_rate)
        numbers = b"".join(map(_groups_of_seven, lengths))
        head = (
            MAGIC
            + bytes([rate + SOUNDS * (self.model.dims == 1)])
            + self.fingerprint.to_bytes(4, "big")
            + contents.to_bytes(4, "big")
        )
        tail = numbers + self.payload(integers, rate)
        return head + zlib.crc32(tail, zlib.crc32(head)).to_bytes(4, "big") + tail

    def read(self, content: bytes) -> tuple[np.ndarray, Header]:
        """Decompress the bytes of a file -> samples (N, C, ..), header. ValueError unless they are what was written."""
        header = read_header(content)
        if header.codec != self.fingerprint:
            was, here = f"{header.codec:08x}", f"{self.fingerprint:08x}"
            raise ValueError(f"the file was written with codec {was}, this one is {here}; only that one can read it")
        self.check(header.rate, header.size, header.sample_rate)
        count, *sides = header.size
        places = self._places(tuple(sides))
        symbols = arithmetic_coding.decode(header.code, count * math.prod(places), self.tables[header.rate])
        integers = (symbols - LARGEST).reshape(len(symbols), count, -1).transpose(1, 0, 2)
        samples = self.samples(integers, header.rate, tuple(sides))
        if zlib.crc32(samples.astype("<u2").tobytes()) != header.contents:
            raise ValueError("the samples are not those that were written: this machine's arithmetic rounds otherwise")
        return samples, header

    def check(self, rate: int, size: tuple[int, ...], sample_rate: int) -> None:
        """Raise ValueError for a rate, a size (count, ..) or a sample rate that no file has."""
        if not 0 <= rate < self.rates:
            raise ValueError(f"the rate is {rate}; this codec has 0 to {self.rates - 1}")
        samples = math.prod(size) * self.shape["channels"]
        if len(size) != 1 + self.model.dims or not 0 < samples <= MAX_SAMPLES or not 0 <= sample_rate < 2**20:
            limit = f"a file holds 1 to {MAX_SAMPLES} samples, of all channels, below {2**20} a second"
            raise ValueError(f"the size is {size} at {sample_rate} a second; {limit}: make it smaller or cut it")


def frequencies(model: Compressor) -> np.ndarray:
    """Make whole numbers of a model's densities, once, in its dtype: uint16 (rates, code, 2 LARGEST + 1)."""
    with no_grad():
        shares, centres, log_scales = model.densities()
        n = Tensor(np.arange(-LARGEST, LARGEST + 1, dtype=shares.dtype).reshape(1, 1, -1, 1))
        log_p = mg.logsumexp(mg.log_softmax(shares) + log_mass(n - centres, log_scales), axis=-1).numpy()
    return arithmetic_coding.frequencies(np.exp(log_p))


def read_header(content: bytes) -> Header:
    """Take a file apart. ValueError if it is none or is damaged."""
    if content[: len(MAGIC)] != MAGIC:
        raise ValueError("this is no .mg file of format 1")
    head, checksum, tail = content[:12], content[12:16], content[16:]
    if zlib.crc32(tail, zlib.crc32(head)).to_bytes(4, "big") != checksum:
        raise ValueError("the file is damaged, as its checksum differs; take another copy of it")
    numbers, at = [], 0
    for _ in range(3):  # count, H, W; or count, T, sample rate
        number, at = _number(tail, at)
        numbers.append(number)
    sounds = head[3] >= SOUNDS
    size, sample_rate = (tuple(numbers[:2]), numbers[2]) if sounds else (tuple(numbers), 0)
    codec, contents = (int.from_bytes(head[i : i + 4], "big") for i in (4, 8))
    return Header(sounds, head[3] % SOUNDS, codec, contents, size, sample_rate, tail[at:])


def _groups_of_seven(number: int) -> bytes:
    groups = [number >> shift & 127 for shift in range(28, -1, -7)]
    while len(groups) > 1 and not groups[0]:
        del groups[0]
    return bytes([*(group | 128 for group in groups[:-1]), groups[-1]])


def _number(content: bytes, at: int) -> tuple[int, int]:
    """Read a number from a place on -> (number, the place after it)."""
    number = 0
    for i, group in enumerate(content[at : at + 5]):
        number = number << 7 | group & 127
        if group < 128:
            return number, at + i + 1
    raise ValueError("the file is damaged: it ends within its header; take another copy of it")


def _check_shape(shape: dict[str, Any]) -> None:
    """Raise ValueError, or another error, for arguments of a Compressor that no demo gives."""
    sizes = [shape["channels"], shape["code"], *shape["widths"], len(shape["weights"])]
    whole = all(isinstance(n, int) and 0 < n <= 1024 for n in sizes)
    if not whole or len(sizes) > 12 or shape["dims"] not in (1, 2) or shape["stride"] not in (2, 4):
        raise ValueError("its shape is none of ours")


def _arguments(shape: dict[str, Any]) -> dict[str, Any]:
    """Return the arguments of a Compressor: JSON knows no tuples."""
    return {name: tuple(value) if isinstance(value, list) else value for name, value in shape.items()}
