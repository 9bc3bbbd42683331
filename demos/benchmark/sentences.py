"""The sentences that the benchmark's translators learn from: names of numbers, as in the demo."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demos.data.numbers import numbers
from demos.data.pairs import Vocabulary

EMBEDDING, HIDDEN, BATCH = 32, 64, 64
CLIP = 1.0  # joint norm of the gradients


class Sentences(NamedTuple):
    """A batch of sentences, (N,S) and (N,L) int64, and the sizes of the two vocabularies."""

    source: np.ndarray
    target: np.ndarray
    source_words: int
    target_words: int


def sentences() -> Sentences:
    """Return a batch of Russian names and the English ones, filled up to the longest with PAD."""
    corpus = numbers(train=4000, validation=1, test=BATCH)
    words = [Vocabulary(side) for side in zip(*corpus.train)]
    rows = [of_side.encode(side) for of_side, side in zip(words, zip(*corpus.test))]
    return Sentences(rows[0], rows[1], len(words[0]), len(words[1]))
