"""Data sets by name: load("glyphs") needs no network, load("mnist") downloads once."""

from typing import NamedTuple

import numpy as np

from . import glyphs, mnist


class Dataset(NamedTuple):
    """Images (N, C, H, W) float32 in [0, 1] with labels (N,) int64, for training and for testing."""

    name: str
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray


def load(name, *, seed=0, train=8000, test=2000):
    """Load the data set `name` -> Dataset.

    "glyphs" draws `train` and `test` digits by `seed`, in fonts of their own; "mnist" is a fixed set and comes whole.
    ValueError for an unknown name; what those two raise.
    """
    if name not in LOADERS:
        raise ValueError(f"load: no data set {name!r}; it must be one of {', '.join(map(repr, LOADERS))}")
    return Dataset(name, *LOADERS[name](seed, train, test))


def _load_glyphs(seed, train, test):
    drawn = glyphs.glyphs(train, split="train", seed=seed), glyphs.glyphs(test, split="test", seed=seed)
    return [array for part in drawn for array in (part.images, part.labels)]


# Each takes (seed, train size, test size) -> train images, train labels, test images, test labels.
LOADERS = {"glyphs": _load_glyphs, "mnist": lambda seed, train, test: mnist.mnist()}
