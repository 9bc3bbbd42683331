"""The variational autoencoder. Kingma & Welling, arXiv 1312.6114.

An image x has a code z ~ N(0, I), and its pixels are distributed as p(x | z) around the decoder's output D(z). The
encoder gives the mean m and log-variance l of a Gaussian over codes; a sample of it is z = m + e**(l/2) * noise, noise
~ N(0, I). The loss, with the code's divergence from N(0, I) in closed form,

    L = -log p(x | z) - 1/2 sum over the code (1 + l - m**2 - e**l)

is the negative evidence lower bound: on average -ELBO >= -log p(x). Both terms are in nats per image: sums over pixels
and code, as means would change their relative weight; only the batch is averaged. For Bernoulli pixels -log p(x | z) is
the binary cross entropy of D(z) and x.
"""

from __future__ import annotations

import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn


class VAE(nn.Module):
    """What all networks here share. A subclass sets `encoder`, images -> (N, features), and defines decode_logits."""

    encoder: nn.Module

    def __init__(self, features: int, code: int, rng: np.random.Generator):
        self.code, self.rng = code, rng
        self.mean = nn.Linear(features, code, rng=rng)
        self.log_variance = nn.Linear(features, code, rng=rng)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Images (N, *image_shape) -> mean and log-variance of the code, each (N, k)."""
        h = self.encoder(x)
        return self.mean(h), self.log_variance(h)

    def decode_logits(self, z: Tensor) -> Tensor:
        """Codes (N, k) -> images before the sigmoid, (N, *image_shape)."""
        raise NotImplementedError(f"{type(self).__name__} defines no decode_logits")

    def decode(self, z: Tensor) -> Tensor:
        """Codes (N, k) -> images in [0, 1], (N, *image_shape): the means of the pixels."""
        return mg.sigmoid(self.decode_logits(z))

    def draw(self, mean: Tensor, log_variance: Tensor) -> Tensor:
        """Draw one code per image, (N, k), as shifted and scaled noise: so gradients reach mean and log-variance."""
        noise = Tensor(self.rng.standard_normal(mean.shape, np.float32)).to(mean.device)
        return mean + mg.exp(log_variance * 0.5) * noise

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Images -> logits of their reconstruction from one sampled code; mean and log-variance of the code."""
        mean, log_variance = self.encode(x)
        return self.decode_logits(self.draw(mean, log_variance)), mean, log_variance

    def sample(self, n: int) -> Tensor:
        """Draw n codes from the prior and decode them: means of the pixels, (n, *image_shape)."""
        return self.decode(Tensor(self.rng.standard_normal((n, self.code), np.float32)).to(self.mean.weight.device))

    def surprise(self, logits: Tensor, x: Tensor) -> Tensor:
        """-log p(x | z), here of Bernoulli pixels: nats per image, (N,), from logits and x, both (N, *image_shape)."""
        return mg.binary_cross_entropy_with_logits(logits, x, "none").reshape(len(x), -1).sum(axis=1)


class DenseVAE(VAE):
    """784-500-120-k-120-500-784, with one head for the mean and one for the log-variance of the code."""

    def __init__(self, code: int, *, image_shape: tuple[int, ...] = (1, 28, 28), rng: np.random.Generator):
        super().__init__(120, code, rng)
        pixels = math.prod(image_shape)
        self.image_shape = image_shape
        self.encoder = nn.Sequential(
            *(nn.Flatten(), nn.Linear(pixels, 500, rng=rng), nn.ReLU()),
            *(nn.Linear(500, 120, rng=rng), nn.ReLU()),
        )
        self.decoder = nn.Sequential(
            *(nn.Linear(code, 120, rng=rng), nn.ReLU()),
            *(nn.Linear(120, 500, rng=rng), nn.ReLU()),
            nn.Linear(500, pixels, rng=rng),
        )
        nn.init.initialise(self, nn.init.kaiming_normal, rng)

    def decode_logits(self, z: Tensor) -> Tensor:
        return self.decoder(z).reshape(len(z), *self.image_shape)


def loss_terms(model: VAE, x: Tensor) -> tuple[Tensor, Tensor]:
    """-log p(x | z) for one sampled z, and the divergence of the code from N(0, I): nats per image, each (N,)."""
    logits, mean, log_variance = model(x)
    return model.surprise(logits, x), mg.gaussian_kl(mean, log_variance, reduction="none").sum(axis=1)


def negative_elbo(model: VAE, x: Tensor) -> Tensor:
    """The loss above in nats per image: summed over pixels and code, averaged over the batch."""
    surprise, divergence = loss_terms(model, x)
    return (surprise + divergence).mean()


def rescale_codes(model: VAE, first: nn.Linear, shift: Tensor, scale: Tensor) -> None:
    """Replace every code z by (z - shift) / scale, shift and scale (k,), in place; first is the decoder's first layer.

    Reconstructions stay as they are, and the divergence becomes the mean over images of

        1/2 sum (((m - shift)**2 + e**l) / scale**2 - 1 - l + 2 log scale),

    which is least if shift is the mean of m and scale**2 that of (m - shift)**2 + e**l: the mean and variance of the
    codes of all images together. So at a minimum of the loss these are 0 and 1. Adam gets there slowly, this at once.
    """
    mean, spread = model.mean, model.log_variance
    with mg.no_grad():
        rescaled = [
            (mean.weight, mean.weight / scale.reshape(-1, 1)),
            (mean.bias, (mean.bias - shift) / scale),
            (spread.bias, spread.bias - 2 * mg.log(scale)),
            (first.bias, first.bias + first.weight @ shift),
            (first.weight, first.weight * scale),
        ]
    for parameter, value in rescaled:
        parameter.data[...] = value.data
        parameter.mark_changed()


def decorrelate_codes(model: VAE, first: nn.Linear, root: Tensor) -> None:
    """Replace every mean m of a code by root**-1 m, root (k, k), in place; first is the decoder's first layer.

    With the symmetric root of the covariance that the codes of all images have together, their means become
    uncorrelated and each number moves as little as it can. What the decoder makes of a mean stays as it is. The
    spreads keep their values, as a diagonal cannot be turned: so root should be near I, after rescale_codes.
    """
    inverse = Tensor(np.linalg.inv(root.to("cpu").numpy())).to(root.device)
    with mg.no_grad():
        turned = [
            (model.mean.weight, inverse @ model.mean.weight),
            (model.mean.bias, inverse @ model.mean.bias),
            (first.weight, first.weight @ root),
        ]
    for parameter, value in turned:
        parameter.data[...] = value.data
        parameter.mark_changed()
