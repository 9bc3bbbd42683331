"""Pictures and sounds of one's own to .mg files and back, by the codecs that `compression` has trained."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from demos.codec import MAX_SAMPLES, Codec, Header, read_header
from demos.data.photos import write
from demos.data.picture import check_pixels, read_rgb
from demos.data.sound import from_samples, read_wav, write_wav
from demos.evaluation import codecs
from demos.files import written_whole

CODECS = {2: "pictures.safetensors", 1: "sounds.safetensors"}  # in the folder of the results, by dims
MAX_FILE = 64_000_000  # bytes of a .mg file


def convert(args: Any) -> None:
    """Do what --encode and --decode ask for, in this order. ValueError for files that cannot be read, or no codec."""
    if args.encode:
        encode(Path(args.encode), args.rate, args.out)
    if args.decode:
        decode(Path(args.decode), args.out)


def encode(path: Path, rate: int, folder: Path) -> None:
    """Compress a picture, or a .wav file, into a file beside it, and print what others make of as many bytes."""
    _check_file(path)
    sounds = path.suffix.lower() == ".wav"
    codec = _codec(1 if sounds else 2, folder)
    samples, sample_rate = read_wav(path) if sounds else (_read_picture(path, codec.shape["channels"]), 0)
    try:
        content = codec.write(samples, rate, sample_rate)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    target = path.with_suffix(".mg")
    with written_whole(target) as aside:
        aside.write_bytes(content)
    decoded, header = codec.read(content)
    print(f"{target}: {len(content)} bytes, {len(content) - len(header.code)} of them header")
    if sounds:
        _compare_sounds(samples, decoded, len(content))
    else:
        _compare_pictures(samples[0], decoded[0], len(content))


def decode(path: Path, folder: Path) -> None:
    """Decompress a file into a picture or a sound beside it, named FILE.mg.png or FILE.mg.wav."""
    samples, header = read_mg(path, lambda dims: _codec(dims, folder))
    target = path.with_name(path.name + (".wav" if header.sounds else ".png"))
    if header.sounds:
        write_wav(samples, header.sample_rate, target)
    else:
        picture = np.concatenate(list(samples), axis=2)  # several side by side
        write(np.broadcast_to(picture, (3, *picture.shape[1:])) / 255, target)
    print(f"{target}: decoded, and its checksum is the encoder's")


def read_mg(path: Path, codec_of: Callable[[int], Codec]) -> tuple[np.ndarray, Header]:
    """Read a .mg file by the codec of its dims -> samples (N, C, ..), header.

    FileNotFoundError; ValueError, which names the file, if it is anything but what was written.
    """
    _check_file(path)
    try:
        if path.stat().st_size > MAX_FILE:
            raise ValueError(f"it has more than {MAX_FILE // 10**6} MB, which no .mg file has")
        content = path.read_bytes()
        return codec_of(1 if read_header(content).sounds else 2).read(content)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error


def _codec(dims: int, folder: Path) -> Codec:
    path = folder / CODECS[dims]
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; train a codec first: python -m demos compression --out {folder}")
    return Codec.load(path)


def _check_file(path: Path) -> None:
    if not path.is_file():
        raise FileNotFoundError(f"{path} is no file; check the path")


def _read_picture(path: Path, channels: int) -> np.ndarray:
    """Read a picture -> (1, channels, H, W) uint8, grey where the codec is."""
    image = read_rgb(path, over="white")
    try:
        check_pixels(*image.size, MAX_SAMPLES // channels)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    pixels = np.asarray(image if channels == 3 else image.convert("L")).reshape(*image.size[::-1], channels)
    return pixels.transpose(2, 0, 1)[None]  # (H, W, C) -> (1, C, H, W)


def _compare_pictures(picture: np.ndarray, decoded: np.ndarray, size: int) -> None:
    print(f"  PSNR {codecs.psnr_of(decoded, picture):.2f} dB")
    for name, (coder, _) in codecs.codecs().items():
        coded = codecs.largest_within(coder, picture, size, "whole")
        print(f"  {name} in {coded.whole} bytes: {codecs.psnr_of(coded.picture, picture):.2f} dB")


def _compare_sounds(samples: np.ndarray, decoded: np.ndarray, size: int) -> None:
    sounds, heard = from_samples(samples), from_samples(decoded)
    law = codecs.snr(codecs.mu_law(sounds, 8 * size / sounds.size), sounds)
    print(f"  signal to noise {codecs.snr(heard, sounds):.2f} dB; mu-law in as many bytes: {law:.2f} dB")
