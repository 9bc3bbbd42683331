"""What others make of the same bytes: JPEG, WebP and AVIF for pictures, mu-law for sound.

A file of a small picture is mostly header. So each size is counted twice: whole, and as payload, which is what depends
on the picture: JPEG's scans without tables and markers, WebP's frame without its headers, AVIF's media data alone.
"""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import NamedTuple

import numpy as np

MU = 255  # of mu-law
RATIO = 200  # sample rates of mu-law are multiples of 1/RATIO of the original's or finer


class Coded(NamedTuple):
    """The bytes of a file, those of its payload, and the decoded picture (C, H, W) uint8."""

    whole: int
    payload: int
    picture: np.ndarray


class Curve(NamedTuple):
    """Of rising qualities: mean bytes per picture, whole and payload, and the PSNR of all pictures; (q,) each."""

    whole: np.ndarray
    payload: np.ndarray
    psnr: np.ndarray


def jpeg(picture: np.ndarray, quality: int) -> Coded:
    """Code (C, H, W) uint8, C 1 or 3, with Huffman tables made for it."""
    content = _saved(picture, "JPEG", quality=quality, optimize=True)
    start = content.rindex(b"\xff\xda")  # start of the only scan: a marker, the length of its header, the header
    header = 2 + int.from_bytes(content[start + 2 : start + 4], "big")
    return Coded(len(content), len(content) - start - header - 2, _opened(content, picture))  # 2: the end's marker


def webp(picture: np.ndarray, quality: int) -> Coded:
    """Code (C, H, W) uint8, C 1 or 3."""
    content = _saved(picture, "WEBP", quality=quality, method=6)
    return Coded(len(content), len(content) - 30, _opened(content, picture))  # RIFF 12, chunk 8, frame 10


def avif(picture: np.ndarray, quality: int) -> Coded:
    """Code (C, H, W) uint8, C 1 or 3."""
    content = _saved(picture, "AVIF", quality=quality, speed=8)
    start = content.rindex(b"mdat")
    return Coded(len(content), len(content) - start - 4, _opened(content, picture))


QUALITIES = {  # by the names that Pillow has for formats
    "JPEG": (jpeg, (1, 3, 5, 8, 12, 17, 24, 34, 48, 65, 80, 90)),
    "WEBP": (webp, (0, 3, 8, 15, 25, 40, 55, 70, 82, 92)),
    "AVIF": (avif, (0, 12, 24, 36, 50, 65, 82)),
}


def codecs() -> dict[str, tuple[Callable[[np.ndarray, int], Coded], tuple[int, ...]]]:
    """Return the codecs that this Pillow has, each with qualities from low to high."""
    from PIL import Image

    Image.init()
    return {name.replace("WEBP", "WebP"): QUALITIES[name] for name in QUALITIES if name in Image.SAVE}


def curve(coder: Callable[[np.ndarray, int], Coded], qualities: Sequence[int], pictures: np.ndarray) -> Curve:
    """Code pictures (N, C, H, W) uint8 one by one at every quality."""
    points = []
    for quality in qualities:
        coded = [coder(picture, quality) for picture in pictures]
        whole, payload = (np.mean([c[i] for c in coded]) for i in (0, 1))
        points.append((whole, payload, psnr_of(np.stack([c.picture for c in coded]), pictures)))
    return Curve(*np.array(points).T)


def psnr_of(x: np.ndarray, truth: np.ndarray) -> float:
    """Peak signal-to-noise ratio of uint8 arrays, in decibels; that of one wrong unit in all where they are equal."""
    error = max(np.mean(np.square(x.astype(np.float64) - truth)), 1 / truth.size)
    return float(10 * np.log10(255**2 / error))


def at_bytes(sizes: np.ndarray, psnr: np.ndarray, size: float) -> float:
    """Interpolate the PSNR of a codec at a size, linearly in its logarithm.

    Below its smallest size it is that of the smallest, which has more bytes: a favour to the codec.
    """
    return float(np.interp(math.log(size), np.log(np.maximum.accumulate(sizes)), psnr))


def bytes_at(sizes: np.ndarray, psnr: np.ndarray, quality: float) -> float:
    """Interpolate the size at which a codec reaches a PSNR, likewise."""
    return float(np.exp(np.interp(quality, np.maximum.accumulate(psnr), np.log(sizes))))


def largest_within(
    coder: Callable[[np.ndarray, int], Coded], picture: np.ndarray, size: int, part: str = "payload"
) -> Coded:
    """Code a picture at the best quality whose size is at most `size` bytes; at the lowest if none is that small."""
    low, high, best = 1, 95, coder(picture, 1)
    while low <= high:  # sizes grow with the quality, but for a few bytes
        middle = (low + high) // 2
        coded = coder(picture, middle)
        if getattr(coded, part) <= size:
            low, best = middle + 1, coded
        else:
            high = middle - 1
    return best


def sheet(pictures: np.ndarray) -> np.ndarray:
    """Lay pictures (n*n, C, H, W) out as one, row by row -> (C, n*H, n*W)."""
    n = math.isqrt(len(pictures))
    _, C, H, W = pictures.shape
    return pictures[: n * n].reshape(n, n, C, H, W).transpose(2, 0, 3, 1, 4).reshape(C, n * H, n * W)


# ---- sound -----------------------------------------------------------------------------------------------------------


def mu_law(x: np.ndarray, bits: float) -> np.ndarray:
    """Code sounds (N, T) in [-1, 1] by 8-bit mu-law, at the lowest sample rate that gives `bits` a sample of x.

    The rate is a multiple of 1/RATIO of the original's, above 8 bits the original's. ITU-T G.711's curve, continuous:
    sign(x) log(1 + 255 |x|) / log 256, rounded to 8 bits. Resampled by SciPy's polyphase filter, there and back.
    """
    from scipy.signal import resample_poly

    ratio = Fraction(min(max(math.ceil(bits / 8 * RATIO), 1), RATIO), RATIO)
    slower = resample_poly(x, ratio.numerator, ratio.denominator, axis=1).clip(-1, 1)
    curved = np.sign(slower) * np.log1p(MU * np.abs(slower)) / math.log1p(MU)
    rounded = np.rint((curved + 1) * 127.5) / 127.5 - 1
    heard = np.sign(rounded) * np.expm1(np.abs(rounded) * math.log1p(MU)) / MU
    return resample_poly(heard, ratio.denominator, ratio.numerator, axis=1)[:, : x.shape[1]]


def snr(x: np.ndarray, truth: np.ndarray) -> float:
    """Signal-to-noise ratio of sounds, all together, in decibels."""
    noise = max(np.mean(np.square(x.astype(np.float64) - truth)), 1e-12)
    return float(10 * np.log10(max(np.mean(np.square(truth.astype(np.float64))), 1e-12) / noise))


# ---- Pillow ----------------------------------------------------------------------------------------------------------


def _saved(picture: np.ndarray, format: str, **options) -> bytes:
    from PIL import Image

    file, pixels = io.BytesIO(), picture.transpose(1, 2, 0)  # (C, H, W) -> (H, W, C)
    Image.fromarray(np.ascontiguousarray(pixels[..., 0] if len(picture) == 1 else pixels)).save(file, format, **options)
    return file.getvalue()


def _opened(content: bytes, picture: np.ndarray) -> np.ndarray:
    from PIL import Image

    with Image.open(io.BytesIO(content)) as image:
        pixels = np.asarray(image.convert("L" if len(picture) == 1 else "RGB"))
    return pixels[None] if len(picture) == 1 else pixels.transpose(2, 0, 1)
