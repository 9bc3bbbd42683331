"""models/translation.py in PyTorch, with attention, under the same names: a state dict of one loads into the other."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from models.translation import FAR, PAD


class Translator(nn.Module):
    def __init__(self, source_words: int, target_words: int, embedding: int, hidden: int):
        super().__init__()
        self.read_words = nn.Embedding(source_words, embedding)
        self.encoder = nn.GRU(embedding, hidden, bidirectional=True)
        self.bridge = nn.Linear(2 * hidden, hidden)
        self.written_words = nn.Embedding(target_words, embedding)
        self.decoder = nn.GRU(embedding, hidden)
        self.query, self.key = nn.Linear(hidden, hidden, bias=False), nn.Linear(2 * hidden, hidden)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.out = nn.Linear(3 * hidden, target_words)

    def forward(self, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Return the scores of each word of target (N,L) after its first: (N,L-1,words)."""
        words = source != PAD
        packed = pack_padded_sequence(self.read_words(source.T), words.sum(1), enforce_sorted=False)
        states, last = self.encoder(packed)
        states = pad_packed_sequence(states)[0].transpose(0, 1)  # (N,S,2H)
        state = torch.tanh(self.bridge(torch.cat([last[0], last[1]], 1)))
        s = self.decoder(self.written_words(target[:, :-1].T), state[None])[0].transpose(0, 1)  # (N,L,H)
        compared = torch.tanh(self.query(s)[:, :, None] + self.key(states)[:, None])  # (N,L,S,H)
        scores = self.score(compared)[..., 0].masked_fill(~words[:, None], FAR)
        return self.out(torch.cat([s, torch.softmax(scores, 2) @ states], 2))


def translation_loss(model: Translator, source: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return F.cross_entropy(model(source, target).flatten(0, 1), target[:, 1:].flatten(), ignore_index=PAD)
