"""Sentences with their translations: files of your own, words, and the numbers that stand for words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from models.translation import END, PAD, START

UNKNOWN = 3  # a word that the vocabulary lacks; models/translation.py numbers what stands for no word
SPECIAL = ["<pad>", "<start>", "<end>", "<unknown>"]
MOST_BYTES = 200_000_000  # of a file; Tatoeba's largest collections have a fifth of it
FEWEST = 100  # sentences of a file that are short enough
LONGEST = 15  # words of a sentence; longer ones are left out
WORDS = 10_000  # of a vocabulary, at most
HELD_OUT = 0.1  # share of a file's sentences to choose by, and as large a share to test with

_WORD = re.compile(r"\w+(?:['\u2019-]\w+)*|[^\w\s]")


class Corpus(NamedTuple):
    """Pairs (sentence, translation) to train on, to choose by and to test with; no sentence is in two parts."""

    train: list[tuple[str, str]]
    validation: list[tuple[str, str]]
    test: list[tuple[str, str]]


class Vocabulary:
    """The words of a language, the most frequent ones first, and their numbers."""

    def __init__(self, sentences: Iterable[str], fewest: int = 1):
        """Keep the words that occur at least `fewest` times, WORDS of them at most."""
        counts = Counter(word for sentence in sentences for word in split(sentence))
        often = sorted((word for word, n in counts.items() if n >= fewest), key=lambda word: (-counts[word], word))
        self.words = [*SPECIAL, *often[: WORDS - len(SPECIAL)]]
        self._numbers = {word: i for i, word in enumerate(self.words)}

    def __len__(self) -> int:
        return len(self.words)

    def encode(self, sentences: Sequence[str]) -> np.ndarray:
        """Return sentences as rows START, words, END, then PAD up to the longest -> (N, length) int64."""
        rows = [[START, *(self._numbers.get(word, UNKNOWN) for word in split(sentence)), END] for sentence in sentences]
        out = np.full((len(rows), max(map(len, rows), default=0)), PAD)
        for row, numbers in zip(out, rows):
            row[: len(numbers)] = numbers
        return out

    def decode(self, numbers: Sequence[int]) -> str:
        """Return the sentence of a row, from after its START to before its END."""
        words = []
        for number in numbers:
            if number == END:
                break
            if number not in (PAD, START):
                words.append(self.words[number])
        return " ".join(words)


def split(sentence: str) -> list[str]:
    """Split a sentence into words, in lower case, and marks; "twenty-one" and "don't" are words."""
    return _WORD.findall(sentence.lower())


def read_pairs(path: str | Path, *, seed: int = 0, most: int = 50_000) -> Corpus:
    """Read sentence, tab, translation from each line of a UTF-8 file, as Anki's and Tatoeba's are -> Corpus.

    What follows a second tab is left out, as are empty lines and pairs with more than LONGEST words on a side. Of more
    than `most` pairs, as many are drawn by seed. A tenth of the sentences, with all of their translations, is for
    validation, another tenth for testing. ValueError, with the line, for a file of another form, one that is too large,
    or one with too few sentences.
    """
    path = Path(path)
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"{path} has {path.stat().st_size:,} bytes; give at most {MOST_BYTES:,}, say its first lines")
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # splitlines() knows ends of lines within sentences
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error.reason} at byte {error.start}); convert it") from error

    pairs: dict[tuple[str, str], None] = {}  # each once, in the order of the file
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        fields = line.split("\t")
        if len(fields) < 2 or not fields[0].strip() or not fields[1].strip():
            raise ValueError(f"{path}, line {number}: {line[:60]!r} is not a sentence, a tab and its translation")
        pair = " ".join(split(fields[0])), " ".join(split(fields[1]))
        if all(0 < len(side.split()) <= LONGEST for side in pair):
            pairs[pair] = None
    if (n := len({sentence for sentence, _ in pairs})) < FEWEST:
        raise ValueError(f"{path} has {n} sentences of 1 to {LONGEST} words; at least {FEWEST} are needed")
    return _divide(list(pairs), seed, most)


def _divide(pairs: list[tuple[str, str]], seed: int, most: int) -> Corpus:
    """Draw at most `most` pairs, and keep two shares of the sentences apart, with all of their translations."""
    rng = np.random.default_rng(seed)
    kept = [pairs[i] for i in np.sort(rng.permutation(len(pairs))[:most])]
    sentences = list(dict.fromkeys(sentence for sentence, _ in kept))
    share = max(1, round(HELD_OUT * len(sentences)))
    part = {sentences[i]: min(place // share, 2) for place, i in enumerate(rng.permutation(len(sentences)))}
    test, validation, train = ([pair for pair in kept if part[pair[0]] == which] for which in range(3))
    return Corpus(train, validation, test)
