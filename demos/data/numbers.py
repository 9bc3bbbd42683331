"""Names of the numbers 0 to 999,999 in Russian and in English, by the grammar of each: a small corpus for translation.

Word for word will not do. Russian hundreds are single words, and a thousand has a gender and three forms:

    21        двадцать один                           twenty-one
    205       двести пять                             two hundred and five
    1 016     тысяча шестнадцать                      one thousand and sixteen
    2 000     две тысячи                              two thousand
    341 002   триста сорок одна тысяча два            three hundred and forty-one thousand and two

Two words become one, one becomes two or three, "one" and "and" have no counterpart, and один, два are одна, две where
they count thousands.
"""

from __future__ import annotations

import numpy as np

from .pairs import Corpus

LIMIT = 1_000_000
ALWAYS = 100  # the numbers below this are trained on always: each has a word of its own, or nearly

_UNITS = "ноль один два три четыре пять шесть семь восемь девять десять одиннадцать двенадцать тринадцать четырнадцать"
_UNITS = f"{_UNITS} пятнадцать шестнадцать семнадцать восемнадцать девятнадцать".split()
_TENS = ["двадцать", "тридцать", "сорок", "пятьдесят", "шестьдесят", "семьдесят", "восемьдесят", "девяносто"]
_HUNDREDS = ["сто", "двести", "триста", "четыреста", "пятьсот", "шестьсот", "семьсот", "восемьсот", "девятьсот"]
_FEMININE = {1: "одна", 2: "две"}

_ENGLISH_UNITS = "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"
_ENGLISH_UNITS = f"{_ENGLISH_UNITS} seventeen eighteen nineteen".split()
_ENGLISH_TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]


def russian(n: int) -> str:
    """Name a number from 0 to 999,999 in Russian, as it is said: 1,000 is тысяча, without a one. ValueError beyond."""
    thousands, rest = divmod(_checked("russian", n), 1000)
    words = []
    if thousands:
        words += [] if thousands == 1 else _russian_below_1000(thousands, feminine=True)
        words.append(_thousand(thousands))
    if rest or not thousands:
        words += _russian_below_1000(rest, feminine=False)
    return " ".join(words)


def _russian_below_1000(n: int, feminine: bool) -> list[str]:
    hundreds, rest = divmod(n, 100)
    words = [_HUNDREDS[hundreds - 1]] if hundreds else []
    if rest >= 20:
        words.append(_TENS[rest // 10 - 2])
        rest %= 10
    if rest or not n:
        words.append(_FEMININE[rest] if feminine and rest in _FEMININE else _UNITS[rest])
    return words


def _thousand(n: int) -> str:
    """Decline "thousand" after a number: 1, 21, .. тысяча; 2 to 4, 22 to 24, .. тысячи; others, 11 to 14 too, тысяч."""
    if n % 100 in (11, 12, 13, 14):
        return "тысяч"
    return {1: "тысяча", 2: "тысячи", 3: "тысячи", 4: "тысячи"}.get(n % 10, "тысяч")


def english(n: int) -> str:
    """Name a number from 0 to 999,999 in British English, with "and" before what is left of a hundred. ValueError."""
    thousands, rest = divmod(_checked("english", n), 1000)
    words = [*_english_below_1000(thousands), "thousand"] if thousands else []
    if rest or not thousands:
        words += ["and"] if thousands and rest < 100 else []
        words += _english_below_1000(rest)
    return " ".join(words)


def _english_below_1000(n: int) -> list[str]:
    hundreds, rest = divmod(n, 100)
    words = [_ENGLISH_UNITS[hundreds], "hundred"] if hundreds else []
    if rest or not n:
        words += ["and"] if hundreds else []
        tens, units = divmod(rest, 10)
        if rest < 20:
            words.append(_ENGLISH_UNITS[rest])
        else:
            words.append(_ENGLISH_TENS[tens - 2] + (f"-{_ENGLISH_UNITS[units]}" if units else ""))
    return words


def _checked(name: str, n: int) -> int:
    if not 0 <= n < LIMIT:
        raise ValueError(f"{name}: {n} has no name here; it must be from 0 to {LIMIT - 1:,}")
    return int(n)


def dictionary() -> dict[str, str]:
    """Return the English of each Russian word, as a dictionary would give it: the baseline word by word."""
    words = dict(zip(_UNITS, _ENGLISH_UNITS)) | dict(zip(_TENS, _ENGLISH_TENS))
    words |= {ru: f"{en} hundred" for ru, en in zip(_HUNDREDS, _ENGLISH_UNITS[1:])}
    words |= {ru: _ENGLISH_UNITS[n] for n, ru in _FEMININE.items()}
    return words | dict.fromkeys(("тысяча", "тысячи", "тысяч"), "thousand")


def numbers(*, train: int, validation: int, test: int, seed: int = 0) -> Corpus:
    """Draw numbers for each part and name them -> Corpus, from Russian to English; none is in two parts.

    All numbers below 100 are trained on. Of the others as many are drawn with 3 digits as with 4, 5 and 6, or all
    that there are. ValueError if there are not so many.
    """
    rng = np.random.default_rng(seed)
    spans = [np.arange(10**d, 10 ** (d + 1)) for d in (2, 3, 4, 5)]
    wanted = train - ALWAYS + validation + test
    if train < ALWAYS or validation < 1 or test < 1 or wanted > LIMIT - ALWAYS:
        raise ValueError(
            f"numbers: train is {train}, validation {validation}, test {test}; "
            f"from {ALWAYS}, 1 and 1 on, at most {LIMIT:,} together"
        )

    # the shortest span first, as those that follow make up for what it lacks
    drawn, missing = [], wanted
    for i, span in enumerate(spans):
        count = min(missing // (len(spans) - i), len(span))
        drawn.append(rng.choice(span, count, replace=False))
        missing -= count
    mixed = rng.permutation(np.concatenate(drawn))
    of_test, of_validation, rest = np.split(mixed, [test, test + validation])
    parts = np.concatenate([np.arange(ALWAYS), rest]), of_validation, of_test
    return Corpus(*([(russian(n), english(n)) for n in part.tolist()] for part in parts))
