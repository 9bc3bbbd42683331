"""Number names against pairs written by hand; the split; files of sentence pairs, good and bad."""

import re

import numpy as np
import pytest

from demos.data import pairs
from demos.data.numbers import LIMIT, dictionary, english, numbers, russian
from demos.data.pairs import END, PAD, START, UNKNOWN, Vocabulary, read_pairs, split

BY_HAND = """
0 | ноль | zero
1 | один | one
2 | два | two
3 | три | three
4 | четыре | four
5 | пять | five
6 | шесть | six
7 | семь | seven
8 | восемь | eight
9 | девять | nine
10 | десять | ten
11 | одиннадцать | eleven
12 | двенадцать | twelve
13 | тринадцать | thirteen
14 | четырнадцать | fourteen
15 | пятнадцать | fifteen
16 | шестнадцать | sixteen
17 | семнадцать | seventeen
18 | восемнадцать | eighteen
19 | девятнадцать | nineteen
20 | двадцать | twenty
21 | двадцать один | twenty-one
30 | тридцать | thirty
32 | тридцать два | thirty-two
40 | сорок | forty
47 | сорок семь | forty-seven
50 | пятьдесят | fifty
58 | пятьдесят восемь | fifty-eight
60 | шестьдесят | sixty
70 | семьдесят | seventy
80 | восемьдесят | eighty
90 | девяносто | ninety
99 | девяносто девять | ninety-nine
100 | сто | one hundred
101 | сто один | one hundred and one
112 | сто двенадцать | one hundred and twelve
200 | двести | two hundred
205 | двести пять | two hundred and five
300 | триста | three hundred
340 | триста сорок | three hundred and forty
456 | четыреста пятьдесят шесть | four hundred and fifty-six
500 | пятьсот | five hundred
600 | шестьсот | six hundred
718 | семьсот восемнадцать | seven hundred and eighteen
800 | восемьсот | eight hundred
999 | девятьсот девяносто девять | nine hundred and ninety-nine
1000 | тысяча | one thousand
1001 | тысяча один | one thousand and one
1100 | тысяча сто | one thousand one hundred
1945 | тысяча девятьсот сорок пять | one thousand nine hundred and forty-five
2000 | две тысячи | two thousand
2022 | две тысячи двадцать два | two thousand and twenty-two
3104 | три тысячи сто четыре | three thousand one hundred and four
5000 | пять тысяч | five thousand
11011 | одиннадцать тысяч одиннадцать | eleven thousand and eleven
12300 | двенадцать тысяч триста | twelve thousand three hundred
21001 | двадцать одна тысяча один | twenty-one thousand and one
42042 | сорок две тысячи сорок два | forty-two thousand and forty-two
63000 | шестьдесят три тысячи | sixty-three thousand
100000 | сто тысяч | one hundred thousand
101000 | сто одна тысяча | one hundred and one thousand
111111 | сто одиннадцать тысяч сто одиннадцать | one hundred and eleven thousand one hundred and eleven
212513 | двести двенадцать тысяч пятьсот тринадцать | two hundred and twelve thousand five hundred and thirteen
341002 | триста сорок одна тысяча два | three hundred and forty-one thousand and two
702050 | семьсот две тысячи пятьдесят | seven hundred and two thousand and fifty
880808 | восемьсот восемьдесят тысяч восемьсот восемь | eight hundred and eighty thousand eight hundred and eight
"""
PAIRS = [[field.strip() for field in line.split("|")] for line in BY_HAND.strip().splitlines()]


@pytest.mark.parametrize("number, in_russian, in_english", PAIRS)
def test_numbers_are_named_as_a_person_wrote_them(number, in_russian, in_english):
    assert (russian(int(number)), english(int(number))) == (in_russian, in_english)


def test_the_table_by_hand_has_at_least_sixty_pairs():
    assert len({number for number, *_ in PAIRS}) >= 60


def test_every_number_has_a_name_of_its_own_in_both_languages():
    for name in (russian, english):
        assert len({name(n) for n in range(0, LIMIT, 7)}) == len(range(0, LIMIT, 7))
        for n in (-1, LIMIT):
            with pytest.raises(
                ValueError, match=f"{name.__name__}: {n} has no name here; it must be from 0 to 999,999"
            ):
                name(n)


def test_validation_and_test_numbers_are_unseen_and_their_words_are_not():
    corpus = numbers(train=3000, validation=300, test=500, seed=1)
    assert [len(part) for part in corpus] == [3000, 300, 500]
    assert len({a for part in corpus for a, _ in part}) == 3800
    for side in (0, 1):
        seen = {word for pair in corpus.train for word in split(pair[side])}
        assert {word for pair in corpus.validation + corpus.test for word in split(pair[side])} <= seen
    lengths = {len(a.split()) for a, _ in corpus.test}
    assert lengths >= {2, 3, 4, 5, 6, 7}
    again, other = (numbers(train=3000, validation=300, test=500, seed=seed) for seed in (1, 2))
    assert corpus == again != other


def test_the_dictionary_knows_every_word_and_gets_only_short_names_right():
    words = dictionary()
    assert {word for n in range(0, LIMIT, 13) for word in russian(n).split()} <= words.keys()
    right = [n for n in range(3000) if " ".join(words[w] for w in russian(n).split()) == english(n)]
    assert {*range(21), 30, 100, 500, 2000} <= set(right)
    assert not {21, 205, 1000, 2005} & set(right)


def test_numbers_beyond_what_there_is_are_refused():
    for train, validation, test in ((99, 10, 10), (1000, 0, 10), (1000, 10, 0), (LIMIT - 1, 1, 1)):
        message = f"numbers: train is {train}, validation {validation}, test {test}; from 100, 1 and 1 on"
        with pytest.raises(ValueError, match=message):
            numbers(train=train, validation=validation, test=test)


# ---- words -----------------------------------------------------------------------------------------------------------


def test_sentences_are_split_into_words_and_marks():
    assert split("Don't go, twenty-one!  «Да» — нет.") == [
        *("don't", "go", ",", "twenty-one", "!", "«", "да", "»", "—", "нет", ".")
    ]


def test_a_vocabulary_encodes_and_decodes():
    words = Vocabulary(["a b b", "c b"])
    assert words.words[4:] == ["b", "a", "c"]
    rows = words.encode(["b a", "c d b"])
    np.testing.assert_array_equal(rows, [[START, 4, 5, END, PAD], [START, 6, UNKNOWN, 4, END]])
    assert [words.decode(row) for row in rows] == ["b a", "c <unknown> b"]
    assert Vocabulary(["a b b", "c b"], fewest=2).words[4:] == ["b"]


# ---- files -----------------------------------------------------------------------------------------------------------


def lines(n):
    return [f"This is {i}.\tЖИЛ {i}.\tCC-BY 2.0 #{i}" for i in range(n)]


def test_a_file_of_pairs_is_read_and_its_test_sentences_are_unseen(tmp_path):
    path = tmp_path / "deu.txt"
    twice = ["Go.\tGeh.\tx", "Go.\tGeht.\ty", "", f"{'long ' * 16}\tlang\tz"]
    path.write_text("\ufeff" + "\r\n".join(lines(200) + twice), encoding="utf-8")
    corpus = read_pairs(path)
    assert sum(map(len, corpus)) == 202
    sentences = [{a for a, _ in part} for part in corpus]
    assert list(map(len, sentences)) == [161, 20, 20] and len(set.union(*sentences)) == 201
    assert ("this is 7 .", "жил 7 .") in corpus.train + corpus.validation + corpus.test
    assert sum(map(len, read_pairs(path, most=100))) == 100


def test_only_the_end_of_a_line_ends_a_pair(tmp_path):
    path = tmp_path / "pairs.tsv"
    path.write_text("\n".join(["Well\u2028yes.\tNun\x85ja.", *lines(120)]), encoding="utf-8")
    assert any(("well yes .", "nun ja .") in part for part in read_pairs(path))


def test_files_that_hold_no_pairs_are_told_what_is_wrong(tmp_path, monkeypatch):
    path = tmp_path / "pairs.tsv"
    for line in ("no tab here", "word", "nothing after the tab\t ", "\tnothing before it"):
        path.write_text("\n".join([*lines(120), line, "Go.\tGeh."]), encoding="utf-8")
        message = rf"pairs.tsv, line 121: {re.escape(repr(line))} is not a sentence, a tab and its translation"
        with pytest.raises(ValueError, match=message):
            read_pairs(path)
    for n, kept in ((0, []), (99, lines(99)), (1, [f"Go.\tGeh {i}." for i in range(300)])):
        path.write_text("\n".join(kept), encoding="utf-8")
        with pytest.raises(ValueError, match=rf"pairs.tsv has {n} sentences of 1 to 15 words; at least 100 are needed"):
            read_pairs(path)
    path.write_bytes("Привет\tHello\n".encode("cp1251"))
    with pytest.raises(ValueError, match=r"pairs.tsv is not UTF-8 text \(.* at byte 0\); convert it"):
        read_pairs(path)
    monkeypatch.setattr(pairs, "MOST_BYTES", 10)
    with pytest.raises(ValueError, match="pairs.tsv has 13 bytes; give at most 10"):
        read_pairs(path)
