"""The readers of the demos' data, as tests/fuzz.py tries them: IDX, .mat, pictures, .wav, .mg, lists of attributes."""

import functools
import gzip
import hashlib
import io
import random
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy.io import savemat, wavfile

from demos.codec import Codec
from demos.convert import read_mg
from demos.data import files, folder, olivetti
from demos.data.idx import read_idx
from demos.data.photos import photo
from demos.data.picture import read_rgb
from demos.data.sound import read_wav
from models.compression import Compressor
from tests.fuzz import Reader

# ---- IDX


def idx_files() -> list[bytes]:
    """Arrays of 1, 2 and 8 bytes a number, of one axis, of three, of none."""
    header, double = b"\0\0\x08\x03" + struct.pack(">3I", 2, 3, 4), b"\0\0\x0e\x01" + struct.pack(">I", 5)
    numbers = np.arange(5, dtype=">f8").tobytes()
    return [header + bytes(range(24)), double + numbers, b"\0\0\x0b\0\1\2", b"\0\0\x09\x02" + bytes(8)]


def packed_idx_files() -> list[bytes]:
    """The same through gzip, one of them in two parts and one with a name in its header."""
    whole = idx_files()
    named = io.BytesIO()
    with gzip.GzipFile("name", "wb", fileobj=named, mtime=0) as file:
        file.write(whole[0])
    parts = gzip.compress(whole[1][:9], mtime=0) + gzip.compress(whole[1][9:], mtime=0)
    return [*(gzip.compress(content, mtime=0) for content in whole), named.getvalue(), parts]


def read_pinned(path: Path) -> np.ndarray:
    """Read one of packed_idx_files as fetch hands it on: known by the digest of what it holds."""
    content = idx_files()[0]
    return read_idx(files._verified(path, "0" * 64, (hashlib.sha256(content).hexdigest(), len(content))))


def pinned_files() -> list[bytes]:
    """One array, packed in three ways."""
    content = idx_files()[0]
    return [gzip.compress(content, level, mtime=0) for level in (0, 1, 9)]


# ---- .mat


@functools.cache
def mat_files() -> list[bytes]:
    """Pictures as Olivetti's."""
    file, faces = io.BytesIO(), np.zeros((4096, 400), np.uint8)
    faces[:5, :7] = np.arange(7)
    savemat(file, {"faces": faces}, do_compression=True)
    content = bytearray(file.getvalue())
    content[:116] = b"MATLAB 5.0 MAT-file".ljust(116)  # without the time of day
    return [bytes(content)]


def read_mat(path: Path) -> np.ndarray:
    """Read pictures as olivetti does: by digest, since SciPy's reader ends the process on some damaged files."""
    return olivetti._read(files._verified(path, hashlib.sha256(mat_files()[0]).hexdigest(), None))


# ---- pictures

MODES = {
    "BMP": ["1", "L", "P", "RGB", "RGBA"],
    "GIF": ["L", "P"],
    "JPEG": ["L", "RGB", "CMYK"],
    "PNG": ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"],
    "PPM": ["1", "L", "RGB"],
    "TIFF": ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "F"],
    "WEBP": ["RGB", "RGBA"],
}
OPTIONS: dict[str, list[dict[str, Any]]] = {
    "JPEG": [{}, {"progressive": True}],
    "TIFF": [{}, {"compression": "tiff_lzw"}, {"compression": "tiff_adobe_deflate"}],
    "WEBP": [{}, {"lossless": True}],
}


def picture(mode: str) -> Image.Image:
    """Return a small picture of a mode, with an orientation to be turned by."""
    ramp = np.arange(12 * 9).reshape(12, 9)
    if mode in ("I;16", "F"):
        return Image.fromarray((ramp * 600).astype(np.uint16) if mode == "I;16" else (ramp / 200).astype(np.float32))
    return Image.fromarray(np.stack([ramp, ramp[::-1], 200 - ramp], axis=-1).astype(np.uint8)).convert(mode)


def picture_files(form: str) -> list[bytes]:
    """A picture in every mode that a form of file has, in every way that it is packed."""
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by 90 degrees
    found = []
    for mode in MODES[form]:
        for options in OPTIONS.get(form, [{}]):
            file = io.BytesIO()
            more = {"exif": exif} if form in ("JPEG", "PNG", "WEBP") else {}
            picture(mode).save(file, form, **options, **more)
            found.append(file.getvalue())
    wide = b"P5 9 12 65535\n" + np.arange(12 * 9, dtype=">u2").tobytes()  # which not every Pillow writes
    return [*found, wide] if form == "PPM" else found


def read_picture(path: Path) -> list[np.ndarray]:
    """Read a picture in both ways that the demos have."""
    image = photo(path, 16)
    assert image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
    return [image, np.asarray(read_rgb(path, draft=8))]


def reseal_png(content: bytes) -> bytes:
    """Put the right CRC-32 behind each chunk."""
    changed, start = bytearray(content), 8
    while start + 12 <= len(content):
        end = start + 8 + int.from_bytes(content[start : start + 4], "big")
        changed[end : end + 4] = zlib.crc32(content[start + 4 : end]).to_bytes(4, "big")
        start = end + 4
    return bytes(changed[: len(content)])


def edit_tag(rng: random.Random, content: bytes) -> bytes:
    """Change one field of one entry of a TIFF's first directory."""
    if len(content) < 10:
        return content
    start = int.from_bytes(content[4:8], "little")
    count = int.from_bytes(content[start : start + 2], "little")
    place = start + 2 + 12 * rng.randrange(min(count, 100) + 1) + rng.choice([0, 2, 4, 8])
    value = rng.choice([0, 1, 2, 3, 4, 5, 12, 16, 32, 64, 258, 262, 273, 32773, 65535, 2**31, len(content)])
    width = rng.choice([2, 4])
    return content[:place] + (value % (1 << 8 * width)).to_bytes(width, "little") + content[place + width :]


# ---- sounds


def wav_files() -> list[bytes]:
    """Sounds of every type of sample, of one channel and of two."""
    ramp, found = np.arange(-20, 20), []
    for x in (ramp + 128).astype(np.uint8), ramp.astype(np.int16), ramp.astype(np.int32), np.float32(ramp / 20):
        for shape in ((40,), (20, 2)):
            file = io.BytesIO()
            wavfile.write(file, 8000, x.reshape(shape))
            found.append(file.getvalue())
    return found


# ---- compressed files


@functools.cache
def mg_codec(dims: int) -> Codec:
    """Make a codec that nobody trained, of pictures (dims 2) or of sounds (1)."""
    shape = {"channels": 1, "widths": (2,), "code": 2, "weights": (0.1, 1.0), "stride": 2, "dims": dims}
    return Codec(Compressor(**shape, rng=np.random.default_rng(dims)), shape, depth=8 * (3 - dims))


def mg_files() -> list[bytes]:
    """Two pictures in a file, and a sound."""
    pictures, sound = np.arange(2 * 5 * 7, dtype=np.uint8), 900 * np.arange(30, dtype=np.uint16)
    return [mg_codec(2).write(pictures.reshape(2, 1, 5, 7), 1), mg_codec(1).write(sound.reshape(1, 1, 30), 0, 8000)]


def reseal_mg(content: bytes) -> bytes:
    """Put the right CRC-32 of the file into its header."""
    crc = zlib.crc32(content[16:], zlib.crc32(content[:12]))
    return (content[:12] + crc.to_bytes(4, "big") + content[16:])[: len(content)]


# ---- lists of attributes

NAMES = ["a.jpg", "b.png", "ü.bmp"]
LIST = "3\nSmiling Young\na.jpg  1 -1\nb.png -1 -1\nother.jpg 1 1\nü.bmp -1  1\n"


def list_files() -> list[bytes]:
    """A list, with either kind of line ends, and one that ends without."""
    return [LIST.encode(), LIST.replace("\n", "\r\n").encode(), LIST.rstrip().encode()]


def read_list(path: Path) -> Any:
    """Read a list -> names and values, which are -1 and 1 for each name and image."""
    names, values = folder.read_attributes(path, NAMES)
    assert values.shape == (len(NAMES), len(names)) and set(values.flat) <= {-1, 1}
    return names, values


DATA_READERS = {
    "IDX": Reader(idx_files, read_idx, ".idx"),
    "IDX, gzip": Reader(packed_idx_files, read_idx, ".gz", sealed=True),
    "IDX, pinned": Reader(pinned_files, read_pinned, ".gz", sealed=True),
    ".mat": Reader(mat_files, read_mat, ".mat", sealed=True),
    ".wav": Reader(wav_files, lambda path: read_wav(path)[0], ".wav"),
    ".mg": Reader(mg_files, lambda path: read_mg(path, mg_codec)[0], ".mg", sealed=True),
    ".mg, forged": Reader(mg_files, lambda path: read_mg(path, mg_codec)[0], ".mg", reseal=reseal_mg, memory=2 << 30),
    "attributes": Reader(list_files, read_list, ".txt"),
    **{
        form: Reader(
            lambda form=form: picture_files(form),
            read_picture,
            "." + form.lower(),
            reseal=reseal_png if form == "PNG" else None,
            mutators=(edit_tag,) if form == "TIFF" else (),
            memory=1536 << 20,  # MAX_PIXELS take 1.2 GB, and what read_picture makes of them is an array
        )
        for form in MODES
    },
}
