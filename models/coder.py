"""From images to numbers and back, as the deforming autoencoders do it. Shu et al., arXiv 1806.06503.

Encoder and Decoder are what the networks of deforming.py and of deforming_faces.py share: halvings down to 4 x 4 and
doublings back. The layout is that of the paper, with three changes that a short training needs: weights of a size that
keeps the variance of the signal (He et al. 2015) instead of N(0, .02); no normalisation in the decoder, where it would
hide a code of a few numbers; and a sigmoid at the output instead of clipping, which passes no gradient.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

SLOPE = 0.2  # of the leaky ReLU below 0
FEATURES = 128  # numbers in [0, 1] that FeatureEncoder turns an image into


class Encoder(nn.Module):
    """4 x 4 convolutions of stride 2, doubling the channels to `top`: (N, C, size, size) -> (N, top, 4, 4).

    width: channels after the first layer. ValueError unless size is a power of 2 from 8 on.
    """

    def __init__(self, size: int, channels: int, width: int, *, rng: np.random.Generator):
        counts = [channels, *(width << i for i in range(doublings(size)))]
        self.top = counts[-1]
        self.down = [nn.Conv2d(n, m, 4, 2, 1, rng=rng) for n, m in itertools.pairwise(counts)]

    def forward(self, x: Tensor) -> Tensor:
        h = mg.leaky_relu(self.down[0](x), SLOPE)  # the first layer is not normalised, and so keeps the brightness
        for layer in self.down[1:]:
            h = mg.leaky_relu(mg.instance_norm(layer(h)), SLOPE)
        return h


class Decoder(nn.Module):
    """Codes (N, k) -> (N, counts[-1], size, size): a linear map to 4 x 4, then transposed convolutions of stride 2.

    counts: channels at 4 x 4, 8 x 8 and so on. kernel: 3 or 4. activation: the layer that stands before each doubling.
    """

    def __init__(self, code: int, counts: list[int], kernel: int, activation: nn.Module, *, rng: np.random.Generator):
        self.top, self.activation = counts[0], activation
        self.widen = nn.Linear(code, self.top * 4 * 4, rng=rng)
        self.up = [
            nn.ConvTranspose2d(n, m, kernel, 2, 1, 4 - kernel, rng=rng)  # sizes double exactly
            for n, m in itertools.pairwise(counts)
        ]

    def forward(self, code: Tensor) -> Tensor:
        out = self.widen(code).reshape(len(code), self.top, 4, 4)
        for layer in self.up:
            out = layer(self.activation(out))
        return out

    def keep_variance(self) -> None:
        """Enlarge the weights, after kaiming_normal has drawn them, so that the layers keep the signal's variance.

        They are drawn for k^2 m inputs. From n channels to m = n / 2 at stride 2 a pixel meets k^2 n / 4 = k^2 m / 2.
        """
        for layer in self.up:
            layer.weight.data *= math.sqrt(2)


class FeatureEncoder(Encoder):
    """An encoder whose last layer turns the 4 x 4 places into 128 features in [0, 1]: -> (N, 128)."""

    def __init__(self, size: int, channels: int, width: int, *, rng: np.random.Generator):
        super().__init__(size, channels, width, rng=rng)
        self.last = nn.Conv2d(self.top, FEATURES, 4, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        return mg.sigmoid(self.last(super().forward(x))).reshape(len(x), FEATURES)


class SmoothDecoder(Decoder):
    """A decoder of kernel 3 with one more convolution at full size: codes (N, k) -> (N, C, size, size), unbounded.

    activation: a leaky ReLU for a texture, nn.Tanh() for a warp.
    """

    def __init__(
        self, code: int, size: int, channels: int, width: int, activation: nn.Module, *, rng: np.random.Generator
    ):
        counts = [*(width << i for i in reversed(range(doublings(size)))), width]
        super().__init__(code, counts, 3, activation, rng=rng)
        self.size = size
        self.last = nn.Conv2d(width, channels, 3, padding=1, rng=rng)

    def forward(self, code: Tensor) -> Tensor:
        return self.last(self.activation(super().forward(code)))


def doublings(size: int, least: int = 8) -> int:
    """Count how often 4 pixels double to `size`. ValueError unless it is a power of 2, at least `least`."""
    if size < least or size & (size - 1):
        raise ValueError(
            f"deforming: images are {size} x {size}; the side must be a power of 2, at least {least}: pad or resize"
        )
    return size.bit_length() - 3
