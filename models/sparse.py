"""The overcomplete autoencoder, and what keeps it from copying: a penalty on its code. Olshausen & Field, Nature 1996.

    h = S(W (x - c)),  output = D h + c,  L = |x - output|^2 + weight * sum |h|    ("L1")
                                          L = |x - output|^2 + weight * sum h^2    ("L2")

With more units than pixels and no penalty, D W = I copies whatever comes, and nothing is learned about images.

S is what the penalty asks for. If D were orthonormal, the h that minimises L for a given x would be a function of
u = D^T (x - c), unit by unit: for L1 sign(u) max(|u| - weight / 2, 0), for L2 u / (1 + weight). L1 takes from all with
the same force, so what is small becomes exactly 0; L2 takes in proportion, so what is small only becomes smaller. D is
not orthonormal, hence W is learned: to make one such step land as near the minimum as it can (Gregor & LeCun 2010).

The columns of D are kept at length 1. Otherwise both penalties are cheated: s D and h / s give the same output, and
with growing s the penalty vanishes while nothing becomes sparser.

Two other ways to keep it from copying: noise on the input (models/denoising.py), so that what arrives is not what has
to leave; and dropout, which sets a unit to 0 with probability p and divides the others by 1 - p. With unit columns

    E |x - output|^2 = |x - D h - c|^2 + p / (1 - p) * sum h^2,

so dropout of a linear code is L2 under another name (Wager, Wang & Liang 2013).
"""

from __future__ import annotations

import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

PENALTIES = {"L1": mg.abs, "L2": mg.square}


class SparseAutoencoder(nn.Module):
    """One layer to `hidden` units and one back: x (N, *shape) -> the same, unbounded. Weight 0: linear, no penalty.

    dropout: the probability with which training sets a unit of the code to 0. ValueError for another penalty than "L1"
    or "L2", or a negative weight.
    """

    def __init__(
        self,
        hidden: int,
        penalty: str = "L1",
        weight: float = 0.0,
        *,
        dropout: float = 0.0,
        shape: tuple[int, ...] = (1, 28, 28),
        rng: np.random.Generator,
    ):
        if penalty not in PENALTIES or not weight >= 0:
            got = f"penalty {penalty!r} of weight {weight}"
            raise ValueError(f"SparseAutoencoder: {got}; it must be 'L1' or 'L2', and the weight 0 or more")
        self.penalty, self.weight, self.shape = penalty, weight, shape
        self.encoder = nn.Linear(math.prod(shape), hidden, bias=False, rng=rng)
        self.dropout = nn.Dropout(dropout, rng=rng)
        self.decoder = nn.Linear(hidden, math.prod(shape), rng=rng)
        nn.init.initialise(self.decoder, nn.init.normal, rng)
        self.project()
        self.encoder.weight.data[...] = self.decoder.weight.data.T  # W = D^T, as above

    def encode(self, x: Tensor) -> Tensor:
        """(N, *shape) -> codes (N, hidden)."""
        u = self.encoder(x.reshape(len(x), -1) - self.decoder.bias)
        if self.penalty == "L2":
            return u * (1 / (1 + self.weight))
        return mg.relu(u - self.weight / 2) - mg.relu(-u - self.weight / 2)

    def decode(self, code: Tensor) -> Tensor:
        """Codes (N, hidden) -> (N, *shape)."""
        return self.decoder(code).reshape(len(code), *self.shape)

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.dropout(self.encode(x)))

    def project(self) -> None:
        """Make the columns of D unit vectors again: to be called after every step."""
        D = self.decoder.weight
        D.data /= (D.data**2).sum(axis=0) ** 0.5
        D.mark_changed()


def sparse_loss(model: SparseAutoencoder, x: Tensor) -> Tensor:
    """The loss above, summed over pixels and code, averaged over the batch."""
    code = model.encode(x)
    error = mg.mse_loss(model.decode(model.dropout(code)), x, "sum")
    return (error + model.weight * PENALTIES[model.penalty](code).sum()) * (1 / len(x))
