"""The autoencoder: squeeze x through a code of k numbers and ask for x back. Hinton & Salakhutdinov, Science 2006.

    code = E(x),  output = D(code),  L = d(x, D(E(x)))

d is the mean squared error, or the binary cross entropy of pixels taken as probabilities.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

CHANNELS = (16, 32, 64)
DARK = -2.0  # first bias of the pixels' logits: digits are mostly black, and on the way there from 0 all ReLUs die


class Autoencoder(nn.Module):
    """What all networks here share. A subclass defines encode and decode_logits."""

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, *image_shape) -> codes (N, k)."""
        raise NotImplementedError(f"{type(self).__name__} defines no encode")

    def decode_logits(self, code: Tensor) -> Tensor:
        """Codes (N, k) -> images before the sigmoid, (N, *image_shape)."""
        raise NotImplementedError(f"{type(self).__name__} defines no decode_logits")

    def decode(self, code: Tensor) -> Tensor:
        """Codes (N, k) -> images in [0, 1], (N, *image_shape)."""
        return mg.sigmoid(self.decode_logits(code))

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


class DenseAutoencoder(Autoencoder):
    """784-500-120-k-120-500-784: ReLUs in between, a linear code, a final sigmoid. (N, ..) in [0, 1] -> the same."""

    def __init__(self, code: int, *, image_shape: tuple[int, ...] = (1, 28, 28), rng: np.random.Generator):
        sizes = [math.prod(image_shape), 500, 120, code]
        self.image_shape = image_shape
        self.encoder = _perceptron(sizes, rng)
        self.decoder = _perceptron(sizes[::-1], rng)
        nn.init.initialise(self, nn.init.xavier_normal, rng)

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x.reshape(len(x), -1))

    def decode_logits(self, code: Tensor) -> Tensor:
        return self.decoder(code).reshape(len(code), *self.image_shape)


class ConvAutoencoder(Autoencoder):
    """1-16-32-64 channels, a linear code, 64-32-16-1: each step halves or doubles the sides. (N, C, H, W) -> the same.

    Convolutions and transposed convolutions of kernel 4, stride 2 and padding 1; ReLUs in between, a sigmoid at the
    end. ValueError unless H and W are multiples of 8.
    """

    def __init__(self, code: int, *, image_shape: tuple[int, int, int] = (1, 32, 32), rng: np.random.Generator):
        C, H, W = image_shape
        if H % 8 or W % 8:
            raise ValueError(f"ConvAutoencoder: images are {H} x {W}; three halvings need multiples of 8: pad them")
        channels = (C, *CHANNELS)
        self.small = (CHANNELS[-1], H // 8, W // 8)
        self.down = [nn.Conv2d(n, m, 4, 2, 1, rng=rng) for n, m in itertools.pairwise(channels)]
        self.squeeze = nn.Linear(math.prod(self.small), code, rng=rng)
        self.widen = nn.Linear(code, math.prod(self.small), rng=rng)
        self.up = [nn.ConvTranspose2d(n, m, 4, 2, 1, rng=rng) for n, m in itertools.pairwise(channels[::-1])]
        nn.init.initialise(self, nn.init.xavier_normal, rng)
        for layer in self.up:
            layer.weight.data *= (
                2  # at stride 2 a pixel meets a quarter of the kernel: twice the weights keep the variance
            )
        self.up[-1].bias.data[...] = DARK

    def encode(self, x: Tensor) -> Tensor:
        h = x
        for layer in self.down:
            h = mg.relu(layer(h))
        return self.squeeze(h.reshape(len(h), -1))

    def decode_logits(self, code: Tensor) -> Tensor:
        out = self.widen(code).reshape(len(code), *self.small)
        for layer in self.up:
            out = layer(mg.relu(out))
        return out


def reconstruction_loss(model: Autoencoder, x: Tensor, distance: str = "mse") -> Tensor:
    """d(x, D(E(x))), the mean over pixels and batch: "mse", or "bce" in nats."""
    if distance == "mse":
        return mg.mse_loss(model(x), x)
    if distance == "bce":
        return mg.binary_cross_entropy_with_logits(model.decode_logits(model.encode(x)), x)
    raise ValueError(f"reconstruction_loss: unknown distance {distance!r}; it must be 'mse' or 'bce'")


def _perceptron(sizes: list[int], rng: np.random.Generator) -> nn.Sequential:
    """Linear layers between the sizes, with a ReLU after each but the last."""
    layers: list[nn.Module] = []
    for n, m in itertools.pairwise(sizes):
        layers += [nn.Linear(n, m, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
