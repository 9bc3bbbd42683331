"""The autoencoder: squeeze x through a code of k numbers and demand x back. Hinton & Salakhutdinov, Science 2006.

    code = E(x),  output = D(code),  L = d(x, D(E(x)))

with d the mean squared error, or the binary cross entropy of pixels read as probabilities.
"""

from __future__ import annotations

import itertools

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn


class DenseAutoencoder(nn.Module):
    """784-500-120-k-120-500-784: ReLU between, a linear code, a sigmoid at the end. (N, ..) in [0,1] -> the same."""

    def __init__(self, code: int, *, image_shape: tuple[int, ...] = (1, 28, 28), rng: np.random.Generator):
        sizes = [int(np.prod(image_shape)), 500, 120, code]
        self.image_shape = image_shape
        self.encoder = _perceptron(sizes, rng)
        self.decoder = _perceptron(sizes[::-1], rng)
        nn.init.initialise(self, nn.init.xavier_normal, rng)

    def encode(self, x: Tensor) -> Tensor:
        """Images (N, *image_shape) -> codes (N, k)."""
        return self.encoder(x.reshape(len(x), -1))

    def decode_logits(self, code: Tensor) -> Tensor:
        """Codes (N, k) -> images before the sigmoid, (N, *image_shape)."""
        return self.decoder(code).reshape(len(code), *self.image_shape)

    def decode(self, code: Tensor) -> Tensor:
        """Codes (N, k) -> images in [0, 1], (N, *image_shape)."""
        return mg.sigmoid(self.decode_logits(code))

    def forward(self, x: Tensor) -> Tensor:
        return self.decode(self.encode(x))


def reconstruction_loss(model: nn.Module, x: Tensor, distance: str = "mse") -> Tensor:
    """d(x, D(E(x))), the mean over pixels and batch: "mse", or "bce" in nats."""
    if distance == "mse":
        return mg.mse_loss(model(x), x)
    if distance == "bce":
        return mg.binary_cross_entropy_with_logits(model.decode_logits(model.encode(x)), x)
    raise ValueError(f"reconstruction_loss: distance {distance!r} is none of 'mse', 'bce'")


def _perceptron(sizes: list[int], rng: np.random.Generator) -> nn.Sequential:
    """Linear layers between the sizes, with a ReLU after each but the last."""
    layers: list[nn.Module] = []
    for n, m in itertools.pairwise(sizes):
        layers += [nn.Linear(n, m, rng=rng), nn.ReLU()]
    return nn.Sequential(*layers[:-1])
