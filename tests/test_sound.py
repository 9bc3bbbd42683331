"""Sounds: melodies of known make, .wav files from anybody, samples and back."""

import struct

import numpy as np
import pytest
from scipy.io import wavfile

from demos.data.atoms import PEAK, melodies
from demos.data.sound import MIDDLE, from_samples, read_wav, to_samples, write_wav


def test_melodies_repeat_by_seed_and_differ_by_seed_and_split():
    one, other = melodies(3, length=3000, seed=4), melodies(3, length=3000, seed=5)
    assert np.array_equal(one, melodies(3, length=3000, seed=4)) and not np.array_equal(one, other)
    assert not np.array_equal(one, melodies(3, split="test", length=3000, seed=4))
    assert one.shape == (3, 3000) and one.dtype == np.float32
    np.testing.assert_allclose(np.abs(one).max(axis=1), PEAK, rtol=1e-6)


@pytest.mark.parametrize("split, between", [("train", 0.0), ("test", 0.5)])
def test_pitches_of_the_test_lie_between_the_semitones_of_training(split, between, monkeypatch):
    monkeypatch.setattr("demos.data.atoms._chirp", lambda length, rng: np.zeros(length))
    monkeypatch.setattr("demos.data.atoms.LASTING", (8000, 8001))
    found = []
    for piece in melodies(30, split=split, length=8192, seed=1):
        loudest = np.abs(np.fft.rfft(piece, 1 << 18)).argmax() / (1 << 18)
        found.append(12 * np.log2(32 * loudest))
    off = (np.array(found) - between + 0.5) % 1 - 0.5  # of a semitone
    assert np.median(np.abs(off)) < 0.1


def test_an_unknown_split_is_refused():
    with pytest.raises(ValueError, match="melodies: split is 'validation'; it must be 'train' or 'test'"):
        melodies(1, split="validation")


# ---- files -----------------------------------------------------------------------------------------------------------


def test_sixteen_bit_sound_comes_back_from_a_file_as_it_was(tmp_path, rng):
    x = rng.integers(2**16, size=(2, 1, 500)).astype(np.uint16)
    write_wav(x, 22_050, tmp_path / "a.wav")
    again, rate = read_wav(tmp_path / "a.wav")
    assert rate == 22_050 and again.dtype == np.uint16 and np.array_equal(again, x)


@pytest.mark.parametrize(
    "x, expected",
    [
        (np.uint8([0, 128, 255]), [0, MIDDLE, 255 * 256]),
        (np.int16([-32768, 0, 32767]), [0, MIDDLE, 65535]),
        (np.int32([-(2**31), 0, 2**31 - 1]), [0, MIDDLE, 65535]),
        (np.float32([-1, 0, 1]), [1, MIDDLE, 65535]),
    ],
)
def test_samples_of_every_type_become_16_bits(x, expected, tmp_path):
    wavfile.write(tmp_path / "a.wav", 8000, x)
    assert read_wav(tmp_path / "a.wav")[0].ravel().tolist() == expected


def test_numbers_become_samples_and_numbers_again(rng):
    x = rng.uniform(-1, 1, (3, 100))
    np.testing.assert_allclose(from_samples(to_samples(x)), x, atol=1e-4)
    assert to_samples(np.array([[-2.0, 2.0]])).ravel().tolist() == [0, 65535]


def damaged(content, rng):
    yield from (content[:cut] for cut in (0, 3, 12, 30, 43))
    for _ in range(60):
        changed = bytearray(content)
        changed[rng.integers(44)] = rng.integers(256)
        yield bytes(changed)


def test_a_damaged_file_is_read_or_is_an_error_in_a_line(tmp_path, rng):
    path = tmp_path / "a.wav"
    write_wav(rng.integers(2**16, size=(1, 1, 200)).astype(np.uint16), 8000, path)
    for content in damaged(path.read_bytes(), rng):
        path.write_bytes(content)
        try:
            samples, _ = read_wav(path)
            assert samples.dtype == np.uint16 and samples.ndim == 3
        except ValueError as error:
            assert str(error).startswith(f"{path} cannot be read as .wav")


@pytest.mark.parametrize("x, message", [(np.float32([0, 1.5]), "leave"), (np.int16([]), "no sample")])
def test_what_is_no_sound_of_ours_is_named(x, message, tmp_path):
    wavfile.write(tmp_path / "a.wav", 8000, x)
    with pytest.raises(ValueError, match=message):
        read_wav(tmp_path / "a.wav")


def test_a_header_that_promises_more_than_the_file_has_takes_no_memory(tmp_path):
    path = tmp_path / "a.wav"
    write_wav(np.zeros((1, 1, 10), np.uint16), 8000, path)
    content = bytearray(path.read_bytes())
    content[40:44] = struct.pack("<I", 2**31)
    path.write_bytes(content)
    try:
        assert read_wav(path)[0].size <= 10
    except ValueError as error:
        assert "cannot be read" in str(error)
