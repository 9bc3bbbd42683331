"""Olivetti: the file as published, upright, by subject."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
from scipy.io import savemat

from demos.data import load, olivetti

HAS_FILE = Path(os.environ.get("MINIGRAD_DATA") or "none", olivetti.NAME).exists()
needs_file = pytest.mark.skipif(not HAS_FILE, reason=f"needs {olivetti.NAME} in the folder that MINIGRAD_DATA names")


@pytest.fixture
def put(tmp_path, monkeypatch):
    """Write a .mat file, pin it, and name its folder in MINIGRAD_DATA."""

    def put(pin="SHA256", **contents):
        savemat(tmp_path / olivetti.NAME, contents)
        digest = hashlib.sha256((tmp_path / olivetti.NAME).read_bytes()).hexdigest()
        monkeypatch.setattr(olivetti, pin, digest)
        monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))

    return put


@pytest.mark.parametrize("pin", ["SHA256", "SHA256_PICTURES_ALONE"])
def test_pictures_come_upright_from_either_file(put, pin):
    pictures = np.random.default_rng(0).integers(0, 256, (400, 64, 64), np.uint8)
    put(pin, faces=pictures.transpose(0, 2, 1).reshape(400, 4096).T)
    images, subject = olivetti.olivetti()
    assert (images.shape, images.dtype) == ((400, 1, 64, 64), np.float32) and images.flags.c_contiguous
    np.testing.assert_array_equal(images[:, 0] * np.float32(255), pictures)
    np.testing.assert_array_equal(subject, np.arange(400) // 10)


@pytest.mark.parametrize(
    ("contents", "got"),
    [
        ({"pictures": np.zeros((4096, 400), np.uint8)}, "nothing of that name"),
        ({"faces": np.zeros((400, 4096), np.uint8)}, r"uint8 \(400, 4096\)"),
        ({"faces": np.zeros((4096, 400))}, r"float64 \(4096, 400\)"),
    ],
)
def test_a_file_that_holds_something_else_is_refused(put, contents, got):
    put(**contents)
    with pytest.raises(ValueError, match=rf"must hold faces, uint8 \(4096, 400\); got {got}; download it again"):
        olivetti.olivetti()


def test_a_file_that_is_not_the_published_one_is_refused(put, monkeypatch):
    put(faces=np.zeros((4096, 400), np.uint8))
    monkeypatch.setattr(olivetti, "SHA256", "0" * 64)
    with pytest.raises(ValueError, match="has SHA-256 .* expected 0000"):
        olivetti.olivetti()


@pytest.mark.parametrize(
    "content",
    [b"", b"MATLAB 5.0 MAT-file".ljust(128) + b"\x0f\0\0\0\4\0\0\0none", bytes(200)],
    ids=["empty", "damaged", "zeros"],
)
def test_a_file_that_scipy_cannot_read_is_refused_by_name(tmp_path, monkeypatch, content):
    (tmp_path / olivetti.NAME).write_bytes(content)
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path))
    with pytest.raises(ValueError, match=r"olivettifaces\.mat has SHA-256"):  # before anything looks into it
        olivetti.olivetti()
    monkeypatch.setattr(olivetti, "SHA256", hashlib.sha256(content).hexdigest())
    # An older SciPy takes zeros for a file that holds nothing.
    with pytest.raises(ValueError, match=r"olivettifaces\.mat (is no \.mat file|must hold faces).*; download it again"):
        olivetti.olivetti()


@needs_file
def test_thirty_subjects_train_and_the_ten_others_test():
    data = load("olivetti")
    assert data.train_images.shape == (300, 1, 64, 64) and data.test_images.shape == (100, 1, 64, 64)
    train, test = set(data.train_labels), set(data.test_labels)
    assert len(train) == 30 and len(test) == 10 and train | test == set(range(40))


@needs_file
def test_faces_are_upright():
    mean = olivetti.olivetti().images.mean(axis=(0, 1))
    across, down = (np.abs(mean - mean[::-1]).mean(), np.abs(mean - mean[:, ::-1]).mean())
    assert down < 0.4 * across  # a face is like its mirror image, not like its reflection in water
    assert mean[14:18, 14:26].mean() < mean[46:50, 14:26].mean() - 0.05  # eyes, not what would be eyes upside down


@needs_file
def test_pictures_of_one_subject_are_more_alike_than_of_two():
    images, subject = olivetti.olivetti()
    flat = images.reshape(400, -1)
    squared = (flat**2).sum(1)
    distance = squared[:, None] + squared - 2 * flat @ flat.T
    np.fill_diagonal(distance, np.inf)
    assert (subject[distance.argmin(1)] == subject).mean() > 0.9
