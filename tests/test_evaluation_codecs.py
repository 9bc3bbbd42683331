"""What other formats make of the same bytes: sizes with headers and without, curves, mu-law."""

import io

import numpy as np
import pytest
from PIL import Image

from demos.evaluation import codecs
from demos.evaluation.codecs import at_bytes, bytes_at, curve, largest_within, mu_law, psnr_of, sheet, snr


def smooth(rng, n, channels=3, size=32):
    """Pictures of a few waves (n, channels, size, size), uint8."""
    i, j = np.mgrid[:size, :size] / size
    phases = rng.uniform(0, 6, (3, n, channels, 1, 1))
    waves = np.sin(phases[0] * i + phases[1] * j + phases[2])
    return np.rint(127.5 + 100 * waves).astype(np.uint8)


@pytest.mark.parametrize("name", codecs.codecs())
@pytest.mark.parametrize("channels", [1, 3])
def test_a_better_quality_has_more_bytes_and_smaller_errors(name, channels, rng):
    coder, qualities = codecs.codecs()[name]
    line = curve(coder, qualities, smooth(rng, 3, channels))
    assert line.psnr[-1] > line.psnr[0] + 5 and line.whole[-1] > line.whole[0]
    assert (line.payload > 0).all() and (line.payload < line.whole).all()


def test_the_payload_of_a_jpeg_is_its_scan(rng):
    picture = smooth(rng, 1)[0]
    file = io.BytesIO()
    Image.fromarray(picture.transpose(1, 2, 0)).save(file, "JPEG", quality=30, optimize=True)
    content, at = file.getvalue(), 2
    while content[at + 1] != 0xDA:  # segment by segment: a marker, a length, what it holds
        at += 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    scan = at + 2 + int.from_bytes(content[at + 2 : at + 4], "big")
    coded = codecs.jpeg(picture, 30)
    assert coded.whole == len(content) and coded.payload == len(content) - scan - 2
    assert np.array_equal(coded.picture, np.asarray(Image.open(file)).transpose(2, 0, 1))


def test_headers_of_webp_and_avif_do_not_depend_on_the_quality(rng):
    picture = smooth(rng, 1, size=64)[0]
    for name in codecs.codecs().keys() - {"JPEG"}:
        coder, qualities = codecs.codecs()[name]
        headers = {coded.whole - coded.payload for coded in (coder(picture, q) for q in qualities)}
        assert max(headers) - min(headers) <= 8 and max(headers) < 700


def test_psnr_is_that_of_bytes(rng):
    x, y = rng.integers(256, size=(2, 3, 1, 8, 8)).astype(np.uint8)
    error = np.mean([(int(a) - int(b)) ** 2 for a, b in zip(x.ravel(), y.ravel())])
    assert psnr_of(x, y) == pytest.approx(10 * np.log10(255**2 / error))
    assert np.isfinite(psnr_of(x, x))


def test_a_curve_is_read_both_ways():
    sizes, psnr = np.array([10.0, 100.0, 1000.0]), np.array([20.0, 30.0, 40.0])
    assert at_bytes(sizes, psnr, 100) == 30 and at_bytes(sizes, psnr, np.sqrt(1e5)) == pytest.approx(35)
    assert at_bytes(sizes, psnr, 1) == 20  # as much as its smallest, which is larger
    assert bytes_at(sizes, psnr, 35) == pytest.approx(np.sqrt(1e5))


def test_the_largest_within_a_size_is_the_best_that_fits(rng):
    picture = smooth(rng, 1, size=64)[0]
    for size in (150, 400, 1500):
        best = largest_within(codecs.jpeg, picture, size)
        fitting = [coded for coded in (codecs.jpeg(picture, q) for q in range(1, 96)) if coded.payload <= size]
        assert best.payload <= size
        assert psnr_of(best.picture, picture) >= max(psnr_of(c.picture, picture) for c in fitting) - 0.2
    assert largest_within(codecs.jpeg, picture, 1).payload == codecs.jpeg(picture, 1).payload


def test_a_sheet_is_laid_out_row_by_row(rng):
    pictures = rng.integers(256, size=(5, 1, 2, 3)).astype(np.uint8)
    whole = sheet(pictures)
    assert whole.shape == (1, 4, 6)
    assert np.array_equal(whole[:, :2, 3:], pictures[1]) and np.array_equal(whole[:, 2:, :3], pictures[2])


# ---- sound -----------------------------------------------------------------------------------------------------------


def test_mu_law_at_the_full_rate_keeps_loud_and_soft_tones(rng):
    t = np.arange(4000) / 8000
    for size in (0.9, 0.01):
        tone = size * np.sin(2 * np.pi * 440 * t)[None]
        assert snr(mu_law(tone, 8), tone) > 30


def test_mu_law_at_fewer_bits_loses_what_is_too_high_for_its_sample_rate():
    t = np.arange(8000) / 8000
    low, high = (np.sin(2 * np.pi * f * t)[None] * 0.5 for f in (300, 1500))
    assert snr(mu_law(low, 2), low) > 20  # 2,000 samples a second carry 300 Hz
    assert abs(snr(mu_law(high, 2), high)) < 1  # and nothing of 1,500 Hz


def test_mu_law_has_the_bytes_that_it_is_given():
    x = np.zeros((1, 8000))
    for bits in (0.5, 1.3, 8, 20):
        assert mu_law(x, bits).shape == x.shape


def test_signal_to_noise_is_in_decibels():
    truth = np.array([[3.0, 4.0]])
    assert snr(truth * 1.1, truth) == pytest.approx(20)
    assert snr(truth * 0, truth) == pytest.approx(0)
