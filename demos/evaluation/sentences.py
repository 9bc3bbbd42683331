"""Judge translations: are they right, how many words are wrong, and what does a dictionary do word by word?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

Pairs = Sequence[tuple[str, str]]


def references(pairs: Pairs) -> dict[str, list[str]]:
    """Gather the translations of each sentence: a sentence may have several right ones."""
    right: dict[str, list[str]] = {}
    for sentence, translation in pairs:
        right.setdefault(sentence, []).append(translation)
    return right


def are_right(written: Sequence[str], right: Sequence[Sequence[str]]) -> list[bool]:
    """Tell of each translation whether it is, word for word, among the right ones."""
    return [sentence in among for sentence, among in zip(written, right, strict=True)]


def word_error_rate(written: Sequence[str], right: Sequence[Sequence[str]]) -> float:
    """Edits, of a word each, that turn translations into the nearest right ones, per word of these: 0 if all are right.

    Silence scores 1, and so do as many wrong words. ValueError without any sentence.
    """
    edits = words = 0
    for sentence, among in zip(written, right, strict=True):
        cost, length = min((edit_distance(sentence.split(), one.split()), len(one.split())) for one in among)
        edits, words = edits + cost, words + length
    if not words:
        raise ValueError("word_error_rate: there are no sentences to compare; give at least one")
    return edits / words


def edit_distance(a: Sequence[str], b: Sequence[str]) -> int:
    """Return the fewest words to insert, delete or exchange to get from a to b. Levenshtein 1966."""
    row = list(range(len(b) + 1))  # the distances of a[:i] to b[:j], for all j
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def lexicon(pairs: Pairs) -> dict[str, str]:
    """Guess a dictionary: for each word the one that is found in its translations, and rarely elsewhere.

    Dice's coefficient, 2 n(a and b) / (n(a) + n(b)) in pairs, decides, and the alphabet between equals. Dice 1945.
    """
    together: Counter[tuple[str, str]] = Counter()
    alone: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    for pair in pairs:
        sides = [set(sentence.split()) for sentence in pair]
        together.update((a, b) for a in sides[0] for b in sides[1])
        for count, words in zip(alone, sides):
            count.update(words)
    best: dict[str, tuple[float, str]] = {}
    for (a, b), n in together.items():
        best[a] = min(best.get(a, (0.0, "")), (-2 * n / (alone[0][a] + alone[1][b]), b))
    return {a: b for a, (_, b) in best.items()}


def word_by_word(words: dict[str, str], sentence: str) -> str:
    """Translate by a dictionary alone; a word that it lacks stays as it is."""
    return " ".join(words.get(word, word) for word in sentence.split())
