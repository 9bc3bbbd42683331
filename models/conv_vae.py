"""The convolutional variational autoencoder, for faces. Kingma & Welling, arXiv 1312.6114, with Gaussian pixels.

The model and the loss of vae.py, L = -log p(x | z) + KL, with pixels that are normal around the decoder's image:

    -log p(x | z) = sum over pixels (x - D(z))**2 / (2 s**2) + log s + 1/2 log 2 pi

The spread s decides how many nats a squared error costs: a small s gives sharp reconstructions but codes far from
N(0, I), a large one the reverse. If it is learned, it becomes the root mean squared error (Rybkin et al., arXiv
2006.13202).
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .vae import VAE

SLOPE = 0.2  # of the leaky ReLU below 0
QUIET = -6.0  # first log-variances of the code: under noise of variance 1 the decoder would see little else


class ConvVAE(VAE):
    """3-32-64-128-256 channels (kernel 4, stride 2), a code of 64, and back by nearest upsampling and kernel 3.

    Unlike transposed convolutions, upsampling paints no checkerboard. Images (N, C, H, W) in [0, 1]; ValueError unless
    H and W are multiples of 16. width: channels after the first layer, 16 for a CPU. sigma: the spread s of a pixel,
    positive, else ValueError; with learn_sigma the first one. mean: the image (C, H, W) that the decoder draws at
    first, such as the mean of the training images; else grey. ValueError if it has another shape.
    """

    def __init__(
        self,
        code: int = 64,
        *,
        image_shape: tuple[int, int, int] = (3, 64, 64),
        width: int = 32,
        sigma: float = 0.1,
        learn_sigma: bool = False,
        mean: np.ndarray | None = None,
        rng: np.random.Generator,
    ):
        C, H, W = image_shape
        if H % 16 or W % 16:
            raise ValueError(f"ConvVAE: images are {H} x {W}; four halvings need multiples of 16: pad or resize them")
        if not sigma > 0:
            raise ValueError(f"ConvVAE: sigma is {sigma}; it must be positive")
        # the encoder, and the decoder as its mirror image
        self.small = (8 * width, H // 16, W // 16)
        features = math.prod(self.small)
        super().__init__(features, code, rng)
        channels = (C, width, 2 * width, 4 * width, 8 * width)
        self.encoder = nn.Sequential(
            *(layer for n, m in itertools.pairwise(channels) for layer in _halve(n, m, rng)), nn.Flatten()
        )
        self.widen = nn.Linear(code, features, rng=rng)
        self.decoder = nn.Sequential(
            *(layer for n, m in itertools.pairwise(channels[::-1]) for layer in _double(n, m, rng))
        )
        nn.init.initialise(self, functools.partial(nn.init.kaiming_normal, slope=SLOPE), rng)
        self.log_variance.bias.data[...] = QUIET
        # the pixels that the decoder starts from, as logits, and their spread
        start = np.full(image_shape, 0.5) if mean is None else mean.clip(0.01, 0.99)
        if start.shape != image_shape:
            raise ValueError(f"ConvVAE: mean is {start.shape}; it must be an image {image_shape}")
        self.pixel_bias = nn.Parameter(np.log(start / (1 - start)).astype(np.float32).ravel())
        log_sigma = np.float32(math.log(sigma))
        self.log_sigma = nn.Parameter(log_sigma) if learn_sigma else nn.Buffer(log_sigma)

    def encode(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return super().encode(x * 4 - 2)  # about mean 0 and variance 1

    def decode_logits(self, z: Tensor) -> Tensor:
        logits = self.decoder(self.widen(z).reshape(len(z), *self.small))
        return logits + self.pixel_bias.reshape(logits.shape[1:])

    def surprise(self, logits: Tensor, x: Tensor) -> Tensor:
        """-log p(x | z), the formula above: nats per image, (N,), from logits and x, both (N, C, H, W)."""
        squares = mg.square(mg.sigmoid(logits) - x).reshape(len(x), -1).sum(axis=1)
        pixels = math.prod(x.shape[1:])
        normaliser = (self.log_sigma + 0.5 * math.log(2 * math.pi)) * pixels
        return squares * mg.exp(self.log_sigma * -2) * 0.5 + normaliser


def _halve(n: int, m: int, rng: np.random.Generator) -> list[nn.Module]:
    return [nn.Conv2d(n, m, 4, 2, 1, rng=rng), nn.LeakyReLU(SLOPE)]


def _double(n: int, m: int, rng: np.random.Generator) -> list[nn.Module]:
    return [nn.LeakyReLU(SLOPE), nn.Upsample(scale_factor=2), nn.Conv2d(n, m, 3, padding=1, rng=rng)]
