"""From images to numbers and back, as the deforming autoencoder's networks do it. Shu et al., arXiv 1806.06503.

Their layout with three changes that a short training needs: weights of the size that keeps a signal's (He et al. 2015)
and not N(0, .02), no normalisation in the decoder, whose code of a few numbers it would hide, and a sigmoid outside in
the place of a clipping that passes no gradient.
"""

from __future__ import annotations

import itertools

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU below 0
FEATURES = 128  # numbers in [0, 1] that an image becomes


class Encoder(nn.Module):
    """Convolutions of kernel 4 and stride 2 down to 4 x 4, doubling the channels: (N, C, size, size) -> (N, 128).

    ValueError unless size is a power of 2 from 8 on.
    """

    def __init__(self, size: int, channels: int, width: int, *, rng: np.random.Generator):
        steps = _doublings(size)
        counts = [channels, *(width << i for i in range(steps))]
        self.down = [nn.Conv2d(n, m, 4, 2, 1, rng=rng) for n, m in itertools.pairwise(counts)]
        self.last = nn.Conv2d(counts[-1], FEATURES, 4, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        h = mg.leaky_relu(self.down[0](x), SLOPE)
        for layer in self.down[1:]:
            h = mg.leaky_relu(mg.instance_norm(layer(h)), SLOPE)
        return mg.sigmoid(self.last(h)).reshape(len(x), FEATURES)


class Decoder(nn.Module):
    """The way back, by transposed convolutions of kernel 3: codes (N, k) -> numbers (N, C, size, size), unbounded.

    activation: what stands between the layers, a leaky ReLU for a texture, nn.Tanh() for a warp.
    """

    def __init__(
        self, code: int, size: int, channels: int, width: int, activation: nn.Module, *, rng: np.random.Generator
    ):
        counts = [*(width << i for i in reversed(range(_doublings(size)))), width]
        self.size, self.top, self.activation = size, counts[0], activation
        self.widen = nn.Linear(code, self.top * 4 * 4, rng=rng)
        self.up = [nn.ConvTranspose2d(n, m, 3, 2, 1, 1, rng=rng) for n, m in itertools.pairwise(counts)]
        self.last = nn.Conv2d(width, channels, 3, padding=1, rng=rng)

    def forward(self, code: Tensor) -> Tensor:
        out = self.widen(code).reshape(len(code), self.top, 4, 4)
        for layer in self.up:
            out = layer(self.activation(out))
        return self.last(self.activation(out))


def _doublings(size: int) -> int:
    """How often 4 pixels double to `size`."""
    if size < 8 or size & (size - 1):
        raise ValueError(f"deforming: images are {size} x {size}; the side must be a power of 2, at least 8: pad them")
    return size.bit_length() - 3
