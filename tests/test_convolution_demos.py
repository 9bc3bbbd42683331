"""What the convolution and checkerboard demos show, in numbers."""

import argparse
import json
from statistics import median

import numpy as np
import pytest

import minigrad as mg
from demos import checkerboard, convolution

SLIDE = """
w00 w01 w02 0   w10 w11 w12 0   w20 w21 w22 0   0   0   0   0
0   w00 w01 w02 0   w10 w11 w12 0   w20 w21 w22 0   0   0   0
0   0   0   0   w00 w01 w02 0   w10 w11 w12 0   w20 w21 w22 0
0   0   0   0   0   w00 w01 w02 0   w10 w11 w12 0   w20 w21 w22
"""


def test_the_symbolic_matrix_is_the_one_on_the_slide():
    assert convolution.symbolic_matrix().tolist() == [line.split() for line in SLIDE.strip().splitlines()]


def test_the_matrix_on_the_slide_convolves_and_its_transpose_goes_back(rng):
    w, x, y = rng.standard_normal((3, 3)), rng.standard_normal((4, 4)), rng.standard_normal((2, 2))
    value = {"0": 0.0} | {f"w{i}{j}": w[i, j] for i in range(3) for j in range(3)}
    C = np.array([[value[name] for name in line.split()] for line in SLIDE.strip().splitlines()])
    out = mg.conv2d(x[None, None], w[None, None]).numpy()
    back = mg.conv_transpose2d(y[None, None], w[None, None]).numpy()
    np.testing.assert_allclose(out.ravel(), C @ x.ravel(), rtol=0, atol=1e-12)
    np.testing.assert_allclose(back.ravel(), C.T @ y.ravel(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("geometry", convolution.GEOMETRIES, ids=str)
def test_every_kernel_agrees_with_the_matrix_and_its_transpose(geometry, rng):
    errors = convolution.differences(geometry, rng, "cpu")
    assert set(errors) == {"conv2d", "conv_transpose2d", "unfold", "fold", "adjoint"}
    assert max(errors.values()) < 1e-10, errors


@pytest.mark.parametrize(
    "k, along_an_axis, in_the_plane", [(3, {1, 2}, {1, 2, 4}), (5, {2, 3}, {4, 6, 9}), (4, {2}, {4})]
)
def test_windows_overlap_as_in_the_article(k, along_an_axis, in_the_plane):
    counts = checkerboard.overlaps(k)
    inside = slice(k - 1, len(counts) - k + 1)
    assert set(counts[0, inside].tolist()) == along_an_axis
    assert set(counts[inside, inside].ravel().tolist()) == in_the_plane


def test_phase_variance_tells_checkerboards_from_noise_and_ramps(rng):
    board = np.indices((32, 32)).sum(axis=0) % 2
    ramp = np.arange(32.0) + np.arange(32.0)[:, None]
    noise = rng.standard_normal((200, 1, 32, 32))
    assert checkerboard.phase_variance(board[None, None]) == pytest.approx(1)
    assert checkerboard.phase_variance(ramp[None, None]) < 0.01
    assert checkerboard.phase_variance(noise) == pytest.approx(3 / 576, rel=0.2)  # 4 means of 144 of 576 pixels


def test_the_spectrum_of_stripes_is_one_line():
    stripes = np.broadcast_to(np.arange(32) % 2, (1, 1, 32, 32))
    waves = np.broadcast_to(np.cos(2 * np.pi * 5 * np.arange(32) / 32), (1, 1, 32, 32))
    for image, frequency in ((stripes, 16), (waves, 5)):
        spectrum = checkerboard.spectrum(image)
        assert spectrum.argmax() + 1 == frequency and spectrum.max() > 0.999 * spectrum.sum()


@pytest.fixture
def results():
    return checkerboard.Results("checkerboard")


def value(results, name):
    return results.record["metrics"][name]["value"]


def test_constant_kernels_show_what_windows_alone_do(results):
    checkerboard.judge_constant(results)
    assert value(results, "constant kernel, transposed, k = 3") == np.var([1, 2, 2, 4])
    assert value(results, "constant kernel, transposed, k = 4") < 1e-12
    assert value(results, "constant kernel, upsample, k = 3") < 1e-12


def test_random_transposed_convolutions_paint_checkerboards_and_upsampling_does_not(results):
    checkerboard.judge_random(0.0, results, 0)
    smooth = value(results, "random, upsample, k = 3")
    assert value(results, "random, transposed, k = 3") > 10 * smooth
    assert value(results, "random, transposed, k = 4") > 10 * smooth  # even windows are not enough


@pytest.mark.quality
def test_trained_transposed_convolutions_keep_a_checkerboard_in_their_spectra(tmp_path):
    runs = []
    for seed in range(3):
        out = tmp_path / str(seed)
        out.mkdir()
        options = {"data": "glyphs", "device": "cpu", "epochs": None, "quick": False, "resume": False}
        checkerboard.main(argparse.Namespace(seed=seed, out=out, **options))
        runs.append(json.loads((out / "metrics.json").read_text())["metrics"])

    def middle(epoch, name, figure):
        figures = [run[f"epoch {epoch}, {name}"][figure] for run in runs]
        print(f"epoch {epoch}, {name}: {figure} {sorted(figures)}")
        return median(figures)

    end = checkerboard.EPOCHS
    assert middle(1, "transposed, k = 3", "value") > 1 > 10 * middle(1, "upsample, k = 3", "value")
    real = middle(end, "transposed, k = 3", "real_rise")
    assert real < 1 < middle(end, "transposed, k = 3", "rise")
    assert middle(end, "upsample, k = 3", "rise") < real / 2
