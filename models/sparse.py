"""The overcomplete autoencoder, and what keeps it from copying: a penalty on its code. Olshausen & Field, Nature 1996.

    h = S(W (x - c)),  output = D h + c,  L = |x - output|^2 + weight * sum |h|    ("L1")
                                          L = |x - output|^2 + weight * sum h^2    ("L2")

With more units than pixels and no penalty, D W = I copies any input, and nothing is learned about images.

S follows from the penalty. If D were orthonormal, the h that minimises L for a given x would be a function of
u = D^T (x - c), unit by unit: sign(u) max(|u| - weight / 2, 0) for L1, u / (1 + weight) for L2. L1 reduces all units by
the same amount, so small ones become exactly 0; L2 reduces them in proportion, so small ones only become smaller. D is
not orthonormal, which is why W is learned: so that one such step ends as near the minimum as it can (Gregor & LeCun
2010).

The columns of D are kept at length 1. Otherwise both penalties can be evaded: s D and h / s give the same output, and
as s grows, the penalty vanishes while nothing becomes sparser.

Two other ways to prevent copying: noise on the input (models/denoising.py), so that the input is not the output asked
for; and dropout, which sets a unit to 0 with probability p and divides the others by 1 - p. With columns of length 1

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
    """One layer to `hidden` units and one back: x (N, *shape) -> the same, unbounded. Weight 0: no penalty.

    dropout: the probability that training sets a unit of the code to 0. ValueError for a penalty other than "L1" or
    "L2", or for a negative weight.
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
        """Give the columns of D length 1 again; call this after every step."""
        D = self.decoder.weight
        D.data /= (D.data**2).sum(axis=0) ** 0.5
        D.mark_changed()


def sparse_loss(model: SparseAutoencoder, x: Tensor) -> Tensor:
    """The loss above, summed over pixels and code, averaged over the batch."""
    code = model.encode(x)
    error = mg.mse_loss(model.decode(model.dropout(code)), x, "sum")
    return (error + model.weight * PENALTIES[model.penalty](code).sum()) * (1 / len(x))
