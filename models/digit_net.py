"""A small classifier of digits whose layers have names, so that they can be visualised. LeCun et al. 1998, with ReLUs.

    x -> conv1 -> conv2 -> conv3 -> hidden -> scores,    p(digit | x) = softmax(scores)

3 x 3 convolutions to 16, 32 and 64 channels, each followed by average pooling over 2 x 2; then 64 hidden units.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .relu import relu


class DigitNet(nn.Module):
    """Images (N, 1, 28, 28) in [0, 1] -> scores (N, 10), the logits of a softmax."""

    layers = ("conv1", "conv2", "conv3", "hidden", "scores")

    def __init__(self, *, rng: np.random.Generator):
        self.convs = [nn.Conv2d(n, m, 3, padding=1, rng=rng) for n, m in itertools.pairwise((1, 16, 32, 64))]
        self.hidden, self.scores = nn.Linear(64 * 3 * 3, 64, rng=rng), nn.Linear(64, 10, rng=rng)
        self.dropout = nn.Dropout(0.3, rng=rng)
        nn.init.initialise(self, nn.init.kaiming_normal, rng)

    def units(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield every layer's name and its activation before the ReLU."""
        a = x - 0.5
        for name, conv in zip(self.layers, self.convs):
            a = conv(a)
            yield name, a
            a = mg.avg_pool2d(relu(a), 2)
        a = self.hidden(self.dropout(a.reshape(len(a), -1)))
        yield "hidden", a
        yield "scores", self.scores(self.dropout(relu(a)))

    def activations(self, x: Tensor, names: Sequence[str]) -> dict[str, Tensor]:
        """Compute the layers of these names -> {name: activation}. ValueError for an unknown layer."""
        unknown = [name for name in names if name not in self.layers]
        if unknown:
            raise ValueError(f"DigitNet: unknown layer {unknown[0]!r}; the layers are {', '.join(self.layers)}")
        found = dict(self.units(x))
        return {name: found[name] for name in names}

    def forward(self, x: Tensor) -> Tensor:
        return self.activations(x, ["scores"])["scores"]
