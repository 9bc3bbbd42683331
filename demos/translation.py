"""Translation: a sentence read by one recurrent network and written by another, with attention and without.

Learns Russian names of numbers and writes them in English, which is not done word by word: a dictionary gets few right.
Measures on numbers that were neither trained on nor chosen by how many names are right to the letter, by greedy search
and by a beam whose width validation numbers choose. Draws which words the decoder looks at for each that it writes, and
accuracy against length. Cho et al. 2014, Sutskever et al. 2014, Bahdanau et al. 2015.
On sentences of your own, tab, translation in each line of UTF-8: python -m demos translation --data FILE.tsv
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demos import figures
from demos.data.numbers import dictionary, numbers
from demos.data.pairs import Corpus, Vocabulary, read_pairs
from demos.evaluation.sentences import are_right, lexicon, references, word_by_word, word_error_rate
from demos.files import written_whole
from demos.run import Run
from demos.step import ClippedStep, batches
from minigrad import no_grad, optim
from models.translation import Translator, Written, beam, greedy, translation_loss

DATASETS = ["numbers", "FILE.tsv"]
STEPS = 5000  # of a training on a file of one's own, whatever its size
EPOCHS = {"numbers": 30, "FILE.tsv": f"as many as take {STEPS:,} steps"}
NUMBERS = {"train": 8000, "validation": 500, "test": 2000}
QUICK = {"train": 300, "validation": 40, "test": 60}
FEWEST = 2  # times that a file has a word; rarer ones are unknown, from which is learnt what to do with unknown words

EMBEDDING, HIDDEN = 32, 64
BATCH = 64
LEARNING_RATE = 2e-3
CLIP = 1.0  # joint norm of the gradients
WIDTHS = (2, 4)  # of the beam
BEAM = 400  # test sentences that the beams translate, one at a time
ROOM = 5  # words that a translation may be longer than all of those trained on

MODELS = {"attention": True, "no attention": False}


class Task(NamedTuple):
    """A corpus, passes over it, the numbers of its words in both languages, and a dictionary of single words."""

    corpus: Corpus
    epochs: int
    source: Vocabulary
    target: Vocabulary
    dictionary: dict[str, str]


class Sentences(NamedTuple):
    """Sentences, each once, and all right translations of each."""

    read: list[str]
    right: list[list[str]]


def main(args) -> None:
    task = choose(args)
    corpus = task.corpus
    run = Run("translation", args, epochs=task.epochs, pairs=len(corpus.train))
    words = {"source_words": len(task.source), "target_words": len(task.target)}
    run.results.note(validation=len(corpus.validation), test=len(corpus.test), **words)
    print(f"{args.data}: {len(corpus.train)} pairs to train on, {len(corpus.test)} to test with, {words}")
    test = sentences(corpus.test)
    by_dictionary = [word_by_word(task.dictionary, sentence) for sentence in test.read]
    written, histories = {}, {}
    for name in MODELS:
        model, histories[name] = fit(name, task, run)
        found = translate(model, test.read, task, run)
        written[name] = [task.target.decode(one.words) for one in found]
        judge(name, written[name], by_dictionary, test, run)
        judge_beam(name, model, written[name], task, test, run)
        if model.attention:
            draw_attention(found, task, test, run)
    written["word by word"] = by_dictionary
    figures.curves(histories, run.out / "loss.png", "epoch", "training loss")
    draw_lengths(written, test, run)
    write(written, test, run)
    run.save()


def choose(args) -> Task:
    """Make the corpus of numbers, or read the file that --data names."""
    if args.data == DATASETS[0]:
        corpus = numbers(**(QUICK if args.quick else NUMBERS), seed=args.seed)
        epochs, fewest, words = EPOCHS["numbers"], 1, dictionary()
    else:
        corpus = read_pairs(args.data, seed=args.seed, **({"most": 400} if args.quick else {}))
        epochs, fewest, words = -(-STEPS * BATCH // len(corpus.train)), FEWEST, lexicon(corpus.train)
    sides = [Vocabulary((pair[side] for pair in corpus.train), fewest) for side in (0, 1)]
    return Task(corpus, epochs, *sides, words)


def sentences(pairs: list[tuple[str, str]]) -> Sentences:
    """List each sentence of a part once, with its right translations."""
    right = references(pairs)
    return Sentences(list(right), list(right.values()))


def fit(name: str, task: Task, run: Run) -> tuple[Translator, list[float]]:
    """Train with attention or without, the decoder reading what is right (teacher forcing) -> model, losses."""
    rng = run.rng()
    sizes = len(task.source), len(task.target), EMBEDDING, HIDDEN
    model = Translator(*sizes, attention=MODELS[name], rng=rng).to(run.device)
    rows = [words.encode(side) for words, side in zip((task.source, task.target), zip(*task.corpus.train))]
    history = run.fit(
        model,
        lambda source, target: translation_loss(model, source, target),
        tuple(rows),
        optim.Adam(model.parameters(), LEARNING_RATE),
        rng,
        state=f"training-{name.replace(' ', '-')}",
        label=name,
        batch_size=BATCH,
        step=ClippedStep(CLIP),
        clip=CLIP,
    )
    return model, history


def translate(model: Translator, read: list[str], task: Task, run: Run) -> list[Written]:
    """Translate sentences by greedy search."""
    rows, longest = task.source.encode(read), longest_translation(task)
    with no_grad():
        parts = [greedy(model, run.tensor(rows[index]), longest) for index in batches(len(rows), 250)]
    return [written for part in parts for written in part]


def translate_by_beam(model: Translator, read: list[str], width: int, task: Task, run: Run) -> list[str]:
    """Translate sentences by a beam, one after another."""
    longest = longest_translation(task)
    with no_grad():
        found = [beam(model, run.tensor(task.source.encode([sentence])), longest, width) for sentence in read]
    return [task.target.decode(one.words) for one in found]


def longest_translation(task: Task) -> int:
    """Return how many words a search may write."""
    return max(len(translation.split()) for _, translation in task.corpus.train) + ROOM


def judge(name: str, written: list[str], by_dictionary: list[str], test: Sentences, run: Run) -> None:
    """Measure translations of the test sentences beside those of the dictionary."""
    exact, by_words = (np.mean(are_right(one, test.right)) for one in (written, by_dictionary))
    run.results.add(f"exact match, {name}", exact, word_by_word=by_words)
    errors, by_words = (word_error_rate(one, test.right) for one in (written, by_dictionary))
    run.results.add(f"word error rate, {name}", errors, word_by_word=by_words)


def judge_beam(name: str, model: Translator, written: list[str], task: Task, test: Sentences, run: Run) -> None:
    """Choose the width of the beam by validation sentences, and measure it on the first test sentences."""
    most = run.choose(quick=20, whole=BEAM)
    known, few = sentences(task.corpus.validation), Sentences(test.read[:most], test.right[:most])
    known = Sentences(known.read[: most // 2], known.right[: most // 2])
    found = {width: translate_by_beam(model, known.read, width, task, run) for width in WIDTHS}
    width = max(WIDTHS, key=lambda width: sum(are_right(found[width], known.right)))
    exact = np.mean(are_right(translate_by_beam(model, few.read, width, task, run), few.right))
    by_greedy = np.mean(are_right(written[:most], few.right))
    run.results.add(f"exact match by a beam, {name}", exact, greedy=by_greedy, width=width)


def draw_attention(found: list[Written], task: Task, test: Sentences, run: Run) -> None:
    """Draw what the decoder looks at while it translates the longest test sentence."""
    n = max(range(len(found)), key=lambda i: len(test.read[i].split()))
    read = task.source.encode([test.read[n]])[0]
    written, attention = found[n].words[1:], found[n].attention[:, : len(read)]
    words = [task.source.words[i] for i in read], [task.target.words[i] for i in written]
    figures.attention_map(attention, *words, run.out / "attention.png")


def draw_lengths(written: dict[str, list[str]], test: Sentences, run: Run) -> None:
    """Draw the share of exact matches by the number of words of the sentence."""
    lengths, counts = np.unique(of_each := [len(sentence.split()) for sentence in test.read], return_counts=True)
    right = {name: np.array(are_right(one, test.right)) for name, one in written.items()}
    lines = {name: [np.mean(one[of_each == length]) for length in lengths] for name, one in right.items()}
    ticks = [f"{length}\n({count})" for length, count in zip(lengths, counts)]
    label = "words of the sentence (and test sentences of that length)"
    figures.shares(lines, ticks, run.out / "lengths.png", label, "exact match")


def write(written: dict[str, list[str]], test: Sentences, run: Run) -> None:
    """Write all test sentences, a right translation and the others into translations.tsv."""
    columns = {"sentence": test.read, "right": [one[0] for one in test.right], **written}
    with written_whole(run.out / "translations.tsv") as aside:
        lines = ["\t".join(row) + "\n" for row in (columns, *zip(*columns.values()))]
        aside.write_text("".join(lines), encoding="utf-8")
