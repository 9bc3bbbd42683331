"""The demo of translation: what it judges by, files of one's own, and training that goes on where it stopped."""

import argparse
import json
import shlex

import numpy as np
import pytest
from matplotlib import font_manager

from demos import training
from demos import translation as demo
from demos.command_line import main
from demos.evaluation.sentences import (
    are_right,
    edit_distance,
    lexicon,
    references,
    word_by_word,
    word_error_rate,
)
from demos.fonts import BOX, OWN, drawable
from minigrad import optim, saving

NAMES = ["attention", "no attention"]


def args(out, data="numbers", **options):
    if out:
        out.mkdir(exist_ok=True)
    common = {"data": str(data), "seed": 0, "epochs": 1, "quick": True, "resume": False, "device": "cpu", "out": out}
    return argparse.Namespace(**(common | options))


def write_pairs(path, n=160):
    """Write sentences "A is B .", whose words stand in reverse in the translation; every sentence has two."""
    names = ["Anna", "Bert", "Carl", "Dora", "Emil", "Fritz", "Gustav", "Hanna", "Ida", "Jan", "Klara", "Lena", "Max"]
    pairs = [(a, b) for a in names for b in names][:n]
    lines = [f"{a} mag {b}.\t{end} {b.upper()} likes {a.upper()}\tCC-BY" for a, b in pairs for end in ("So", "Then")]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


# ---- judging ---------------------------------------------------------------------------------------------------------


def test_a_translation_is_right_if_it_is_one_of_those_of_its_sentence():
    right = references([("go", "geh"), ("stay", "bleib"), ("go", "los")])
    assert right == {"go": ["geh", "los"], "stay": ["bleib"]}
    assert are_right(["los", "geh"], list(right.values())) == [True, False]


@pytest.mark.parametrize(
    "a, b, edits", [("a b c", "a b c", 0), ("a b c", "a c", 1), ("a c", "b c a", 2), ("", "a b", 2), ("a b", "b a", 2)]
)
def test_the_edit_distance_counts_words_put_in_left_out_and_exchanged(a, b, edits):
    assert edit_distance(a.split(), b.split()) == edit_distance(b.split(), a.split()) == edits


def test_the_word_error_rate_takes_the_nearest_right_translation_of_each_sentence():
    right = [["a b c d", "x y"], ["e f"]]
    assert word_error_rate(["x y", "e f"], right) == 0
    assert word_error_rate(["a b c", "g f"], right) == pytest.approx(2 / 6)
    assert word_error_rate(["", ""], [["a b"], ["c"]]) == 1
    with pytest.raises(ValueError, match="there are no sentences to compare"):
        word_error_rate([], [])


def test_a_lexicon_is_found_in_pairs_and_translates_word_by_word():
    words = lexicon([("das haus", "the house"), ("das buch", "the book"), ("ein buch", "a book")])
    assert words == {"das": "the", "haus": "house", "buch": "book", "ein": "a"}
    assert word_by_word(words, "ein haus hier") == "a house hier"


# ---- a run -----------------------------------------------------------------------------------------------------------


def test_a_file_of_ones_own_is_learnt_and_judged(tmp_path):
    demo.main(args(tmp_path, write_pairs(tmp_path / "pairs.tsv"), epochs=25))
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    for name in NAMES:
        errors = metrics[f"word error rate, {name}"]
        assert errors["value"] < 0.6 < errors["word_by_word"]
    assert {"attention.png", "lengths.png", "loss.png"} <= {path.name for path in tmp_path.iterdir()}
    table = [line.split("\t") for line in (tmp_path / "translations.tsv").read_text("utf-8").splitlines()]
    assert table[0] == ["sentence", "right", *NAMES, "word by word"] and {len(row) for row in table} == {5}
    trained_on = {sentence for sentence, _ in demo.choose(args(None, tmp_path / "pairs.tsv")).corpus.train}
    assert not trained_on & {row[0] for row in table[1:]}


def test_the_gradients_are_clipped_at_norm_one(tmp_path, monkeypatch):
    norms = []
    monkeypatch.setattr(optim, "clip_grad_norm", lambda parameters, norm: norms.append(norm))
    demo.main(args(tmp_path))
    assert norms == [1.0] * 2 * -(-demo.QUICK["train"] // demo.BATCH)


def test_a_stopped_training_goes_on_to_the_same_bits(tmp_path, monkeypatch):
    whole, stopped = tmp_path / "whole", tmp_path / "stopped"
    demo.main(args(whole, epochs=3))
    monkeypatch.setattr(training, "SECONDS_BETWEEN_SAVES", 0)
    steps, clip = [], optim.clip_grad_norm

    def stop_in_the_second_training(*arguments):
        steps.append(clip(*arguments))
        if len(steps) == 26:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(optim, "clip_grad_norm", stop_in_the_second_training)
        demo.main(args(stopped, epochs=3))
    assert saving.load(stopped / "training-no-attention.safetensors")[1]["training_state"]["epoch"] == 2
    demo.main(args(stopped, epochs=3, resume=True))
    for name in ("training-attention", "training-no-attention"):
        a, b = (saving.load(folder / f"{name}.safetensors")[0] for folder in (whole, stopped))
        assert all(np.array_equal(a[key], b[key]) for key in a)
    assert (whole / "metrics.json").read_text() == (stopped / "metrics.json").read_text()
    assert (whole / "translations.tsv").read_bytes() == (stopped / "translations.tsv").read_bytes()


def test_words_are_drawn_in_a_font_that_has_their_letters(capsys, monkeypatch):
    assert drawable(["пятьдесят", "<end>"]) == (["пятьдесят", "<end>"], [OWN])
    assert not capsys.readouterr().out
    other = next(font for font in font_manager.fontManager.ttflist if font.name == "STIXGeneral")
    monkeypatch.setattr(font_manager.fontManager, "ttflist", [other])
    assert drawable(["a\u20dd"]) == (["a\u20dd"], [OWN, "STIXGeneral"])  # a circle round the letter before it
    assert not capsys.readouterr().out
    assert drawable(["한국 a"]) == ([f"{BOX}{BOX} a"], [OWN])
    assert "no font that is installed has 국 한, so boxes are drawn" in capsys.readouterr().out


# ---- files that cannot be learnt from --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content, message",
    [
        (b"", "has 0 sentences of 1 to 15 words; at least 100 are needed"),
        (b"Hello.\tHallo.\nno tab in this line\n", "line 2: 'no tab in this line' is not a sentence, a tab and its"),
        (b"word\n", "line 1: 'word' is not a sentence, a tab and its translation"),
        ("Привет\tHello\n".encode("cp1251"), "is not UTF-8 text"),
        (b"Hello.\tHallo.\n" * 500, "has 1 sentences of 1 to 15 words"),
    ],
)
def test_a_file_without_pairs_is_refused_in_one_line(content, message, tmp_path, capsys):
    path = tmp_path / "pairs.tsv"
    path.write_bytes(content)
    assert main(shlex.split(f"translation --quick --data {path} --out {tmp_path / 'out'}")) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"demos translation: {path}") and message in error and error.count("\n") == 1


@pytest.mark.parametrize("data", ["nowhere.tsv", "tests", "''"])
def test_what_is_no_file_is_refused_by_the_name_of_the_option(data, capsys):
    with pytest.raises(SystemExit):
        main(shlex.split(f"translation --data {data}"))
    assert "--data: there is no data set" in (error := capsys.readouterr().err)
    assert "it must be one of 'numbers' or a file" in error
