"""Translation by an encoder and a decoder: a sentence is read into states, and another is written from them.

    read     h_1 .. h_S = GRU in both directions over the words x_1 .. x_S
    write    s_i = GRU(s_i-1, y_i-1),  p(y_i | y_1 .. y_i-1, x) = softmax(W [s_i, c_i] + b)

Without attention, everything about the sentence has to fit into the state s_0 that the decoder starts from, and c_i is
left out (Cho et al. 2014, arXiv 1406.1078; Sutskever et al. 2014, arXiv 1409.3215). With attention, the decoder looks
back at all states of the encoder for every word, and c_i is their mean, weighed by how well they fit s_i:

    e_ij = v . tanh(Q s_i + K h_j),  a_i = softmax(e_i),  c_i = sum over j of a_ij h_j

This score is Bahdanau's (arXiv 1409.0473). He asks with s_i-1 and lets c_i into the GRU; here s_i asks, as in Luong et
al. 2015 (arXiv 1508.04025), so that in training, where y_i-1 is known, all steps are computed together. To train with
the right y_i-1, whatever the decoder would have written, is called teacher forcing.

Words are numbers, rows begin with START and end with END, then PAD.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.ops.collective import mean_of_items

PAD, START, END = 0, 1, 2
FAR = -1e9  # the score of what is not there: softmax makes it 0


class Read(NamedTuple):
    """What the decoder knows of N sentences: states h (N,S,2H), keys K h (N,S,H), which of them are words (N,S)."""

    states: Tensor
    keys: Tensor | None
    words: np.ndarray


class Translator(nn.Module):
    """An encoder and a decoder of `hidden` units for vocabularies of these sizes."""

    def __init__(
        self,
        source_words: int,
        target_words: int,
        embedding: int = 32,
        hidden: int = 64,
        attention: bool = True,
        *,
        rng: np.random.Generator,
    ):
        self.read_words = nn.Embedding(source_words, embedding, rng=rng)
        self.encoder = nn.GRU(embedding, hidden, bidirectional=True, rng=rng)
        self.bridge = nn.Linear(2 * hidden, hidden, rng=rng)
        self.written_words = nn.Embedding(target_words, embedding, rng=rng)
        self.decoder = nn.GRU(embedding, hidden, rng=rng)
        self.attention = attention
        if attention:
            self.query = nn.Linear(hidden, hidden, bias=False, rng=rng)
            self.key = nn.Linear(2 * hidden, hidden, rng=rng)
            self.score = nn.Linear(hidden, 1, bias=False, rng=rng)
        self.out = nn.Linear(3 * hidden if attention else hidden, target_words, rng=rng)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        """Return the scores of each word of target (N,L) after its first, given those before: (N,L-1,words)."""
        read, state = self.encode(source)
        return self.step(target[:, :-1], state, read)[0]

    def encode(self, source: Tensor) -> tuple[Read, Tensor]:
        """Read sentences (N,S) -> what is known of them, and the state (1,N,H) that the decoder starts from."""
        words = source.data != PAD
        states, last = self.encoder(self.read_words(source.data.T), None, words.sum(axis=1))
        state = mg.tanh(self.bridge(mg.concatenate([last[0], last[1]], axis=1)))
        states = states.transpose(1, 0, 2)
        return Read(states, self.key(states) if self.attention else None, words), mg.unsqueeze(state, 0)

    def step(self, written: Tensor, state: Tensor, read: Read) -> tuple[Tensor, Tensor, Tensor | None]:
        """Read words already written (N,L) -> scores of those that follow (N,L,words), the state, the attention."""
        s, state = self.decoder(self.written_words(written.data.T), state)
        s = s.transpose(1, 0, 2)  # (N,L,H)
        if read.keys is None:
            return self.out(s), state, None
        attention = self.attend(s, read)
        return self.out(mg.concatenate([s, attention @ read.states], axis=2)), state, attention

    def attend(self, s: Tensor, read: Read) -> Tensor:
        """Return how much each of the states s (N,L,H) looks at each word that was read: (N,L,S), rows of sum 1."""
        compared = mg.tanh(mg.unsqueeze(self.query(s), 2) + mg.unsqueeze(read.keys, 1))  # (N,L,S,H)
        scores = mg.squeeze(self.score(compared), 3)
        return mg.softmax(mg.where(Tensor.wrap(read.words[:, None]), scores, FAR), axis=2)


def translation_loss(model: Translator, source: Tensor, target: Tensor) -> Tensor:
    """Return the mean of -log p over the words of target (N,L), given source (N,S); padding counts nothing."""
    source, target = (Tensor.wrap(t.data[:, : _longest(t.data)]) for t in (source, target))
    scores = model(source, target)
    words = target.data[:, 1:].reshape(-1)
    loss = mg.cross_entropy(scores.reshape(-1, scores.shape[2]), words, ignore_index=PAD)
    return mean_of_items(loss, int((words != PAD).sum()))


def _longest(rows) -> int:
    """Return the length of the longest sentence: what is padding in every row need not be computed."""
    return int((rows != PAD).sum(axis=1).max())


class Written(NamedTuple):
    """A translation: its words, START and END included, its log-probability, its attention (L,S) if there is any."""

    words: list[int]
    log_p: float
    attention: np.ndarray | None


def greedy(model: Translator, source: Tensor, longest: int) -> list[Written]:
    """Translate sentences (N,S) by the most probable word, one after another, until END or `longest` words."""
    read, state = model.encode(source)
    N = len(source)
    words, log_p, looks = np.full((N, 1), START), np.zeros(N), []
    for _ in range(longest):
        scores, state, attention = model.step(Tensor.wrap(words[:, -1:]), state, read)
        steps = mg.log_softmax(scores[:, 0], axis=1).to("cpu").numpy()
        ended = (words == END).any(axis=1)
        best = np.where(ended, PAD, steps.argmax(axis=1))
        log_p += np.where(ended, 0, steps.max(axis=1))
        words = np.concatenate([words, best[:, None]], axis=1)
        looks.append(None if attention is None else attention[:, 0].to("cpu").numpy())
        if (words == END).any(axis=1).all():
            break
    lengths = (words != PAD).sum(axis=1)
    maps = None if looks[0] is None else np.stack(looks, axis=1)  # (N,L,S)
    return [
        Written(words[n, : lengths[n]].tolist(), float(log_p[n]), None if maps is None else maps[n, : lengths[n] - 1])
        for n in range(N)
    ]


def beam(model: Translator, source: Tensor, longest: int, width: int = 4) -> Written:
    """Translate one sentence (1,S) by the search that keeps the `width` most probable beginnings.

    Of the translations that end, the one whose words have the highest mean log-probability wins: the sum alone would
    prefer short ones. Without any, the most probable beginning is returned. The search is over when no beginning can
    win any more: one of log-probability l has at most l / longest in the end, for further words only lower l.
    """

    def mean(w: Written) -> float:
        return w.log_p / (len(w.words) - 1)

    read, state = model.encode(source)
    open_, ended = [Written([START], 0.0, None)], []
    for _ in range(longest):
        # all beginnings together: one sentence, read once, as many times as there are beginnings
        many = Read(*(None if t is None else t[np.zeros(len(open_), int)] for t in read))
        scores, states, _ = model.step(Tensor.wrap(np.array([w.words[-1:] for w in open_])), state, many)
        steps = mg.log_softmax(scores[:, 0], axis=1).to("cpu").numpy()
        total = steps + np.array([w.log_p for w in open_])[:, None]
        best = np.argsort(-total, axis=None, kind="stable")[:width]
        rows, words = np.unravel_index(best, total.shape)
        found = [Written([*open_[r].words, int(w)], float(total[r, w]), None) for r, w in zip(rows, words)]
        ended += [f for f in found if f.words[-1] == END]
        kept = [i for i, f in enumerate(found) if f.words[-1] != END]
        open_, state = [found[i] for i in kept], states[:, rows[kept]]
        if not open_ or (ended and max(map(mean, ended)) >= max(w.log_p for w in open_) / longest):
            break
    return max(ended or open_, key=mean)
