"""The variational autoencoder. Kingma & Welling, arXiv 1312.6114.

An image x has a code z ~ N(0, I) and pixels that are Bernoulli with probabilities D(z). The encoder gives the mean m
and log-variance l of a Gaussian over codes, a sample of which is z = m + e**(l/2) * noise, noise ~ N(0, I). The loss

    L = sum over pixels BCE(D(z), x) - 1/2 sum over the code (1 + l - m**2 - e**l)

is the negative evidence lower bound -ELBO >= -log p(x), in nats an image; the mean over the batch is taken.
"""

from __future__ import annotations

import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn


class DenseVAE(nn.Module):
    """784-500-120-k-120-500-784 with a head for the mean and one for the log-variance of the code."""

    def __init__(self, code: int, *, image_shape: tuple[int, ...] = (1, 28, 28), rng: np.random.Generator):
        pixels = math.prod(image_shape)
        self.code, self.image_shape, self.rng = code, image_shape, rng
        self.encoder = nn.Sequential(
            *(nn.Linear(pixels, 500, rng=rng), nn.ReLU()),
            *(nn.Linear(500, 120, rng=rng), nn.ReLU()),
        )
        self.mean = nn.Linear(120, code, rng=rng)
        self.log_variance = nn.Linear(120, code, rng=rng)
        self.decoder = nn.Sequential(
            *(nn.Linear(code, 120, rng=rng), nn.ReLU()),
            *(nn.Linear(120, 500, rng=rng), nn.ReLU()),
            nn.Linear(500, pixels, rng=rng),
        )
        nn.init.initialise(self, nn.init.xavier_normal, rng)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, *image_shape) -> mean and log-variance of the code, each (N, k)."""
        h = self.encoder(x.reshape(len(x), -1))
        return self.mean(h), self.log_variance(h)

    def decode_logits(self, z: Tensor) -> Tensor:
        """Codes (N, k) -> logits of the pixels, (N, *image_shape)."""
        return self.decoder(z).reshape(len(z), *self.image_shape)

    def decode(self, z: Tensor) -> Tensor:
        """Codes (N, k) -> probabilities of the pixels, (N, *image_shape)."""
        return mg.sigmoid(self.decode_logits(z))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images -> logits of their reconstruction from one sampled code, and the code's mean and log-variance."""
        mean, log_variance = self.encode(x)
        noise = Tensor(self.rng.standard_normal(mean.shape, np.float32)).to(x.device)
        return self.decode_logits(mean + mg.exp(log_variance * 0.5) * noise), mean, log_variance

    def sample(self, n: int) -> Tensor:
        """Draw n images from the prior: probabilities of the pixels, (n, *image_shape)."""
        return self.decode(Tensor(self.rng.standard_normal((n, self.code), np.float32)).to(self.mean.weight.device))


def negative_elbo(model: DenseVAE, x: Tensor) -> Tensor:
    """The loss above: nats an image, summed over pixels and code, averaged over the batch."""
    logits, mean, log_variance = model(x)
    reconstruction = mg.binary_cross_entropy_with_logits(logits, x, reduction="sum")
    return (reconstruction + mg.gaussian_kl(mean, log_variance, reduction="sum")) * (1 / len(x))
