"""Data sets by name: load("glyphs"), "faces" and "palms" need no network, "mnist" and "olivetti" are downloaded once.

load("path/to/folder") reads images of your own.
"""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import faces, folder, glyphs, mnist, olivetti, palms
from .machine import once_per_machine


class Dataset(NamedTuple):
    """Images (N, C, H, W) float32 in [0, 1] with labels (N,) int64, for training and for testing."""

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


@once_per_machine
def load(name, *, seed=0, train=8000, test=2000):
    """Load the data set `name` -> Dataset.

    "glyphs", "faces" and "palms" draw `train` and `test` images by `seed`, in fonts, of people and of hands of their
    own, labelled by digit, person and hand; "mnist" and "olivetti" are fixed sets and come whole. Any other name is the
    path of a folder of images, labelled by sub-folder: of at most `train + test` that share is for testing, by `seed`.
    ValueError for a name that is neither; what those raise.
    """
    if name in LOADERS:
        return Dataset(name, *LOADERS[name](seed, train, test))
    if Path(name).is_dir():
        return Dataset(name, *_load_folder(name, seed, train, test))
    raise ValueError(
        f"load: no data set {name!r}; it must be one of {', '.join(map(repr, LOADERS))}, or a folder of images"
    )


@once_per_machine
def to_32(images):
    """Pad digits (N, 1, 28, 28) with black to (N, 1, 32, 32), which halves more often."""
    return np.pad(images, ((0, 0), (0, 0), (2, 2), (2, 2)))


def _load_glyphs(seed, train, test):
    there = {split: glyphs.fonts(split) for split in glyphs.FONTS}
    missing = [name for split in there for name in glyphs.FONTS[split] if name not in there[split]]
    lacks = f"; this matplotlib lacks {', '.join(missing)}" if missing else ""
    print(f"glyphs: {len(there['train'])} fonts to train on, {len(there['test'])} others to test on{lacks}")
    drawn = glyphs.glyphs(train, split="train", seed=seed), glyphs.glyphs(test, split="test", seed=seed)
    return [array for part in drawn for array in (part.images, part.labels)]


def _load_faces(seed, train, test):
    return [array for n, split in ((train, "train"), (test, "test")) for array in _face_images(n, split, seed)]


def _face_images(n, split, seed):
    """Draw faces, some at a time so that their albedo, shading and masks need no memory -> images, labels."""
    identity, scene = faces.draw(n, split=split, seed=seed)
    images = np.empty((n, 3, 64, 64), np.float32)
    for start in range(0, n, 500):
        some = slice(start, start + 500)
        images[some] = faces.render(faces.take(scene, some)).images
    return images, identity


def _load_palms(seed, train, test):
    drawn = palms.palms(train, split="train", seed=seed), palms.palms(test, split="test", seed=seed)
    return [array for part in drawn for array in (part.images, part.identity)]


def _load_folder(path, seed, train, test):
    read = folder.folder(path, limit=train + test, seed=seed)
    parts = folder.split(len(read.images), test=test / (train + test), seed=seed)
    return [array[part] for part in parts for array in (read.images, read.labels)]


# Each takes (seed, train size, test size) -> train images, train labels, test images, test labels.
LOADERS = {
    "glyphs": _load_glyphs,
    "faces": _load_faces,
    "palms": _load_palms,
    "mnist": lambda seed, train, test: mnist.mnist(),
    "olivetti": lambda seed, train, test: olivetti.split(),
}
