"""Sound files, .wav: read from anybody, within limits, and written."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np

from demos.files import written_whole

MAX_BYTES = 100_000_000  # of a file
MIDDLE = 1 << 15  # the unsigned 16-bit number of silence


def read_wav(path: Path) -> tuple[np.ndarray, int]:
    """Read a .wav file -> samples (channels, 1, T) uint16, silence being 32,768; samples a second.

    16-bit samples stay as they are, others are shifted or scaled to 16 bits. FileNotFoundError; ValueError for a file
    that is damaged, empty, too large, compressed, or has floats outside of [-1, 1].
    """
    from scipy.io import wavfile

    if path.stat().st_size > MAX_BYTES:
        raise ValueError(f"{path} has more than {MAX_BYTES // 10**6} MB; cut it")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", wavfile.WavFileWarning)  # of chunks that hold no sound
            rate, x = wavfile.read(path)
        if not x.size:
            raise ValueError("it holds no sample")
        samples = _sixteen_bits(x.reshape(len(x), -1))
    except Exception as error:  # SciPy promises no set of errors for a damaged file
        if isinstance(error, OSError):
            raise
        raise ValueError(f"{path} cannot be read as .wav ({type(error).__name__}: {error})") from error
    return np.ascontiguousarray(samples.T[:, None]), int(rate)  # (T, channels) -> (channels, 1, T)


def write_wav(samples: np.ndarray, rate: int, path: Path) -> None:
    """Write samples (channels, 1, T) uint16 as 16-bit .wav, whole or not at all."""
    from scipy.io import wavfile

    signed = (samples[:, 0].T.astype(np.int32) - MIDDLE).astype(np.int16)  # (T, channels)
    with written_whole(path) as aside:
        wavfile.write(aside, rate, signed)


def to_samples(x: np.ndarray) -> np.ndarray:
    """Round sounds (N, T) in [-1, 1] to samples (N, 1, T) uint16; what lies outside is cut off."""
    return (np.rint(x[:, None].astype(np.float64) * (MIDDLE - 1)).clip(-MIDDLE, MIDDLE - 1) + MIDDLE).astype(np.uint16)


def from_samples(samples: np.ndarray) -> np.ndarray:
    """Give samples (N, 1, T) uint16 as sounds (N, T) in [-1, 1]."""
    return (samples[:, 0].astype(np.float64) - MIDDLE) / MIDDLE


def _sixteen_bits(x: np.ndarray) -> np.ndarray:
    """Convert samples of any type of .wav to uint16."""
    if x.dtype == np.uint8:
        return x.astype(np.uint16) << 8
    if x.dtype.kind == "f":
        if not (np.abs(x) <= 1).all():  # nor NaN
            raise ValueError("its floats leave [-1, 1]; scale them")
        return to_samples(x.T)[:, 0].T
    if x.dtype in (np.int16, np.int32):
        shift = 8 * (x.dtype.itemsize - 2)
        return ((x >> shift).astype(np.int32) + MIDDLE).astype(np.uint16)
    raise ValueError(f"its samples are {x.dtype}; save them in 8, 16, 24 or 32 bits")
