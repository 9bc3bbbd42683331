"""The file format .mg: what is written is read again to the same bits, and damage is an error in a line."""

import zlib

import numpy as np
import pytest

from demos.codec import LARGEST, MAX_SAMPLES, Codec, frequencies, read_header
from minigrad import saving
from models.compression import Compressor

SHAPE = {"channels": 3, "widths": (4,), "code": 5, "weights": (0.01, 0.1), "stride": 2, "dims": 2}


def codec_of(depth=8, seed=1, **changes):
    """A codec that nobody trained, but whose code is not all zeros."""
    shape = SHAPE | changes
    model = Compressor(**shape, rng=np.random.default_rng(seed))
    model.log_gain.data[...] += 1
    model.log_scales.data[...] += 0.5
    return Codec(model, shape, depth)


@pytest.fixture(scope="module")
def codec():
    return codec_of()


def noise(rng, *shape, depth=8):
    return rng.integers(2**depth, size=shape).astype(np.uint8 if depth == 8 else np.uint16)


def test_200_random_pictures_come_back_to_the_same_bits(codec):
    rng = np.random.default_rng(3)
    for i in range(200):
        x, rate = noise(rng, *rng.integers(1, 4, 1), 3, *rng.integers(1, 40, 2)), i % 2
        if i % 3 == 0:
            x //= 255  # nearly black
        integers = codec.integers(x, rate)
        content = codec.write(x, rate)
        decoded, header = codec.read(content)
        assert header.rate == rate and header.size == (len(x), *x.shape[2:]) and not header.sounds
        assert np.array_equal(decoded, codec.samples(integers, rate, x.shape[2:]))
        assert decoded.dtype == np.uint8 and decoded.shape == x.shape
        assert codec.write(x, rate) == content


def test_what_the_decoder_reads_are_the_integers_that_the_encoder_wrote(codec, rng):
    x = noise(rng, 2, 3, 17, 9)
    integers = codec.integers(x, 1)
    assert np.abs(integers).max() > 2
    content = codec.write(x, 1)
    assert content.endswith(codec.payload(integers, 1)) and len(content) - len(codec.payload(integers, 1)) == 19


def test_sounds_come_back_with_their_sample_rate(rng):
    codec = codec_of(16, channels=1, dims=1, stride=4)
    x = noise(rng, 2, 1, 1001, depth=16)
    decoded, header = codec.read(codec.write(x, 1, 44_100))
    assert header.sounds and header.sample_rate == 44_100 and header.size == (2, 1001)
    assert decoded.dtype == np.uint16 and decoded.shape == x.shape
    assert np.array_equal(decoded, codec.samples(codec.integers(x, 1), 1, (1001,)))


def test_a_codec_that_was_saved_reads_what_was_written_before(codec, tmp_path, rng):
    codec.save(tmp_path / "codec.safetensors")
    again = Codec.load(tmp_path / "codec.safetensors")
    x = noise(rng, 1, 3, 30, 20)
    assert again.fingerprint == codec.fingerprint
    assert np.array_equal(again.read(codec.write(x, 0))[0], codec.read(again.write(x, 0))[0])


def test_50_damaged_files_are_an_error_each_and_never_another_picture(codec):
    rng = np.random.default_rng(4)
    content = codec.write(noise(rng, 1, 3, 40, 30), 1)
    damaged = [content[:cut] for cut in rng.integers(len(content), size=15)]
    damaged += [content + rng.bytes(n) for n in range(1, 6)]
    for _ in range(30):
        flipped = bytearray(content)
        flipped[rng.integers(len(content))] ^= 1 << rng.integers(8)
        damaged.append(bytes(flipped))
    assert len(damaged) == 50
    for file in damaged:
        with pytest.raises(ValueError, match=r"no \.mg file of format 1|the file is damaged"):
            codec.read(file)


def signed_again(content):
    """Give a changed file the checksum that fits, as somebody would who means harm."""
    return content[:12] + zlib.crc32(content[16:], zlib.crc32(content[:12])).to_bytes(4, "big") + content[16:]


def test_a_file_that_was_changed_on_purpose_is_an_error_too(codec):
    rng = np.random.default_rng(5)
    x = noise(rng, 1, 3, 12, 10)
    content = codec.write(x, 1)
    right = codec.read(content)[0]
    for _ in range(300):
        changed = bytearray(content)
        changed[rng.integers(3, len(content))] = rng.integers(256)
        changed = signed_again(bytes(changed[: rng.integers(len(content) - 3, len(content) + 1)]))
        try:
            assert np.array_equal(codec.read(changed)[0], right)
        except ValueError as error:
            assert len(str(error)) < 300


def test_a_size_that_no_memory_holds_is_refused_before_anything_is_decoded(codec, rng):
    content = codec.write(noise(rng, 1, 3, 4, 4), 0)
    huge = content[:16] + b"\x01" + b"\x8f\xff\xff\xff\x7f" * 2 + content[19:]
    with pytest.raises(ValueError, match=f"a file holds 1 to {MAX_SAMPLES} samples"):
        codec.read(signed_again(huge))


def test_a_file_of_another_codec_is_refused_by_name(codec, rng):
    other = codec_of(seed=2)
    with pytest.raises(
        ValueError, match=f"written with codec {other.fingerprint:08x}, this one is {codec.fingerprint:08x}"
    ):
        codec.read(other.write(noise(rng, 1, 3, 8, 8), 0))


def test_samples_that_round_otherwise_are_noticed(codec, rng, monkeypatch):
    content = codec.write(noise(rng, 1, 3, 8, 8), 0)
    decode = Codec.samples
    monkeypatch.setattr(Codec, "samples", lambda self, *args: decode(self, *args) ^ 1)
    with pytest.raises(ValueError, match="this machine's arithmetic rounds otherwise"):
        codec.read(content)


def test_samples_lie_far_from_where_rounding_could_change_them(codec, rng):
    x = noise(rng, 4, 3, 32, 32)
    integers = codec.integers(x, 1)
    code = integers.astype(np.float64).reshape(4, 5, 8, 8)
    level = 255 * (codec._apply(lambda c, rates: codec.model.decode(c, rates, (32, 32)), code, 1) + 0.5)
    assert np.abs(level - np.floor(level) - 0.5).min() > 1e-9  # float64 errs by 1e-13


@pytest.mark.parametrize(
    "rate, size", [(2, (1, 8, 8)), (-1, (1, 8, 8)), (0, (0, 8, 8)), (0, (1, 8)), (0, (1, 9000, 9000))]
)
def test_what_no_file_can_hold_is_refused(codec, rate, size):
    with pytest.raises(ValueError, match="the rate is|the size is"):
        codec.check(rate, size, 0)


def test_numbers_beyond_the_tables_are_written_as_the_largest(rng):
    codec = codec_of()
    codec.model.log_gain.data[...] += 8
    integers = codec.integers(noise(rng, 1, 3, 16, 16), 1)
    assert np.abs(integers).max() == LARGEST
    x = noise(rng, 1, 3, 16, 16)
    assert codec.read(codec.write(x, 1))[0].shape == x.shape


def test_the_tables_cost_hardly_more_bits_than_the_densities(codec, rng):
    integers = codec.integers(noise(rng, 20, 3, 32, 32), 1)
    bits = codec.model.bits(integers.astype(np.float64), np.full(20, 1)).numpy().sum()
    assert bits / 8 - 8 < len(codec.payload(integers, 1)) < 1.02 * bits / 8 + 8


@pytest.mark.parametrize("spoil", [{"tables": None}, {"tables": np.ones((2, 5, 255), np.uint16)}, {"shares": None}])
def test_a_file_that_holds_no_codec_is_an_error_in_a_line(codec, spoil, tmp_path):
    codec.save(tmp_path / "codec.safetensors")
    arrays, metadata = saving.load(tmp_path / "codec.safetensors")
    arrays = {name: x for name, x in (arrays | spoil).items() if x is not None}
    saving.save(tmp_path / "codec.safetensors", arrays, metadata)
    with pytest.raises(ValueError, match="holds no codec"):
        Codec.load(tmp_path / "codec.safetensors")


@pytest.mark.parametrize("change", [{"dims": 3}, {"widths": [10**9]}, {"widths": 4}, {"code": "5"}, {"weights": []}])
def test_a_codec_of_an_impossible_shape_is_an_error_in_a_line(codec, change, tmp_path):
    codec.save(tmp_path / "codec.safetensors")
    arrays, metadata = saving.load(tmp_path / "codec.safetensors")
    saving.save(tmp_path / "codec.safetensors", arrays, {**metadata, "codec": {**metadata["codec"], **change}})
    with pytest.raises(ValueError, match="holds no codec"):
        Codec.load(tmp_path / "codec.safetensors")


def test_tables_are_made_of_whole_numbers():
    model = Compressor(**SHAPE, rng=np.random.default_rng(0))
    tables = frequencies(model)
    assert tables.shape == (2, 5, 2 * LARGEST + 1) and tables.dtype == np.uint16
    assert (tables.argmax(axis=-1) == LARGEST).all()


def test_a_header_is_read_without_a_codec(codec, rng):
    header = read_header(codec.write(noise(rng, 2, 3, 300, 5), 1))
    assert header.size == (2, 300, 5) and header.codec == codec.fingerprint
