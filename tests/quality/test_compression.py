"""Compression in bytes of real payloads: pictures against JPEG, sounds against mu-law."""

from statistics import median

import pytest

from demos import compression

RATES = range(len(compression.PICTURES["weights"]))
LOW = 0.3  # bits per pixel, up to which the bar holds
ALONE = {"encode": None, "decode": None, "rate": 2}  # options that a training has no use for
FILES = {"mnist": "t10k-images-idx3-ubyte.gz", "olivetti": "olivettifaces.mat"}


def figure(runs, name, key="value"):
    return median(run[name][key] for run in runs)


@pytest.fixture(scope="module")
def pictures(run_demo, seeds, has_data):
    """Give the metrics of every seed for a data set, trained once. Without MINIGRAD_DATA the test is skipped."""
    trained = {}

    def runs(data):
        if not has_data(FILES[data]):
            pytest.skip(f"{FILES[data]} is not in MINIGRAD_DATA")
        if data not in trained:
            trained[data] = [run_demo(compression, seed, data, **ALONE, only="pictures") for seed in seeds]
        return trained[data]

    return runs


@pytest.mark.quality
@pytest.mark.long
@pytest.mark.parametrize("data", FILES)
@pytest.mark.parametrize("way", ["without headers", "100 in one file"])
def test_unseen_pictures_are_nearer_to_the_truth_than_jpegs_of_as_many_bytes(pictures, data, way):
    runs = pictures(data)
    sizes = [figure(runs, f"bits per pixel, rate {rate}") for rate in RATES]
    smallest = figure(runs, "smallest payload, bits per pixel", "JPEG")
    low = [rate for rate in RATES if sizes[rate] <= LOW]
    for rate in RATES:
        ours, jpeg, webp = (figure(runs, f"PSNR, {way}, rate {rate}", key) for key in ("value", "JPEG", "WebP"))
        print(
            f"\n{data}, {way}, {sizes[rate]:.3f} bits per pixel: PSNR {ours:.2f} dB, JPEG {jpeg:.2f}, WebP {webp:.2f}"
        )
        # below JPEG's smallest file the best that fits is held against that file
        if rate in low and (sizes[rate] >= smallest or rate == low[-1]):
            assert ours > jpeg
    assert low


@pytest.mark.quality
def test_unseen_notes_are_nearer_by_3_decibels_than_in_mu_law_of_as_many_bytes(run_demo, seeds):
    runs = [run_demo(compression, seed, "faces", **ALONE, only="sounds") for seed in seeds]
    for rate in range(len(compression.SOUNDS["weights"])):
        size = figure(runs, f"bits per sample, with header, rate {rate}")
        ours, law = (figure(runs, f"SNR of unseen notes, rate {rate}", key) for key in ("value", "mu_law"))
        print(f"\n{size:.2f} bits per sample: SNR {ours:.2f} dB, mu-law {law:.2f}")
        assert ours >= law + 3
