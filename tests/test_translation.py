"""Translation: the model against its formulas, and its searches against enumeration."""

import itertools

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor
from models.translation import END, PAD, START, Read, Translator, beam, greedy, translation_loss

SOURCE = np.array([[START, 4, 5, 6, END], [START, 7, END, PAD, PAD]])
TARGET = np.array([[START, 3, 4, END, PAD], [START, 4, 3, 3, END]])
WORDS = 5  # of the target language


@pytest.fixture(params=[True, False], ids=["attention", "no attention"])
def model(request, rng):
    return Translator(8, WORDS, embedding=3, hidden=4, attention=request.param, rng=rng).to(dtype=np.float64)


def log_p(model, source, words):
    """Return the log-probability of a row of words, given one sentence (S,), by the model's own scores."""
    with mg.no_grad():
        scores = model(Tensor(source[None]), Tensor(np.array([words])))
    steps = mg.log_softmax(scores, axis=2).numpy()[0]
    return sum(steps[i, word] for i, word in enumerate(words[1:]))


def test_the_loss_is_the_mean_over_words_whatever_the_padding(model):
    loss = translation_loss(model, Tensor(SOURCE), Tensor(TARGET)).item()
    rows = [[w for w in row if w != PAD] for row in TARGET.tolist()]
    sources = [row[row != PAD] for row in SOURCE]
    total = sum(log_p(model, source, words) for source, words in zip(sources, rows))
    assert loss == pytest.approx(-total / 7)
    wider = [np.pad(a, ((0, 0), (0, 3))) for a in (SOURCE, TARGET)]
    assert translation_loss(model, *map(Tensor, wider)).item() == pytest.approx(loss)


def test_attention_is_the_formula_word_by_word(rng):
    model = Translator(8, WORDS, embedding=3, hidden=4, rng=rng).to(dtype=np.float64)
    read, state = model.encode(Tensor(SOURCE))
    s, _ = model.decoder(model.written_words(TARGET.T), state)
    attention = model.step(Tensor(TARGET), state, read)[2].numpy()
    Q, K, v = model.query.weight.numpy(), model.key.weight.numpy(), model.score.weight.numpy()[0]
    for n, i in itertools.product(range(2), range(5)):
        length = (SOURCE[n] != PAD).sum()
        e = [v @ np.tanh(Q @ s.data[i, n] + K @ read.states.data[n, j] + model.key.bias.numpy()) for j in range(length)]
        np.testing.assert_allclose(attention[n, i, :length], np.exp(e) / np.exp(e).sum(), rtol=1e-10)
        assert not attention[n, i, length:].any()


def test_every_parameter_learns(model):
    translation_loss(model, Tensor(SOURCE), Tensor(TARGET)).backward()
    for path, p in model.named_parameters():
        assert p.grad is not None and (path == "score.bias" or p.grad.data.any()), path


def test_greedy_search_takes_the_most_probable_word_each_time(model):
    found = greedy(model, Tensor(SOURCE), longest=6)
    for source, written in zip(SOURCE, found):
        source, words = source[source != PAD], [START]
        while words[-1] != END and len(words) <= 6:
            words.append(max(range(WORDS), key=lambda w, s=source, so_far=words: log_p(model, s, [*so_far, w])))
        assert written.words == words
        assert written.log_p == pytest.approx(log_p(model, source, words))
        if model.attention:
            assert written.attention.shape == (len(words) - 1, SOURCE.shape[1])
            np.testing.assert_allclose(written.attention.sum(axis=1), 1)


def test_a_wide_beam_finds_the_best_of_all_translations(model):
    source, longest = SOURCE[0], 3
    inner = [w for w in range(WORDS) if w != END]
    ended = [[START, *ws, END] for n in range(longest) for ws in itertools.product(inner, repeat=n)]
    best = max(ended, key=lambda words: log_p(model, source, words) / (len(words) - 1))
    found = beam(model, Tensor(source[None]), longest, width=1000)
    assert found.words == best
    assert found.log_p == pytest.approx(log_p(model, source, best))


class Script:
    """A translator that writes word 3 four times and then ends; at each word it would end at once with chance .1."""

    def encode(self, source):
        return Read(Tensor(np.zeros((1, 1, 1))), None, source.data != PAD), Tensor(np.zeros((1, 1, 1)))

    def step(self, written, state, read):
        p = np.full((len(written), 1, WORDS), 1e-9)
        rows = np.arange(len(written))
        p[rows, 0, np.where(state.data[0, :, 0] < 4, 3, END)] = 0.9
        p[rows, 0, np.where(state.data[0, :, 0] < 4, END, 3)] = 0.1
        return Tensor(np.log(p)), state + 1.0, None


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_translations_that_ended_early_do_not_stop_a_beam_from_finding_a_better_one(width):
    assert beam(Script(), Tensor(SOURCE[:1]), 12, width).words == [START, 3, 3, 3, 3, END]


def test_a_beam_of_one_is_greedy_search(model):
    for n in range(2):
        source = SOURCE[n : n + 1][SOURCE[n : n + 1] != PAD][None]
        assert beam(model, Tensor(source), 6, width=1).words == greedy(model, Tensor(source), 6)[0].words


def test_a_small_translator_learns_to_reverse(rng):
    source = np.array([[START, a, b, END] for a in range(3, 8) for b in range(3, 8)])
    target = source[:, [0, 2, 1, 3]]
    model = Translator(8, 8, embedding=8, hidden=16, rng=rng)
    optimizer = mg.optim.Adam(model.parameters(), 1e-2)
    for _ in range(120):
        optimizer.zero_grad()
        translation_loss(model, Tensor(source), Tensor(target)).backward()
        optimizer.step()
    with mg.no_grad():
        assert [w.words for w in greedy(model, Tensor(source), 5)] == target.tolist()
