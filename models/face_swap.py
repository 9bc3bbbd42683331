"""Faces swapped: one encoder for all people, and a decoder for each. The "deep fake" of 2017.

    reconstruction of person p   x ~ D_p(E(x))
    swap of p for q              D_q(E(x)): who q is, doing what p does

Nobody ever sees two pictures of the same pose. Each decoder learns one person by heart, so the code need not say who it
is; and the encoder, which has to serve all decoders with the same few numbers, tells each of them in the same way what
remains: pose, expression and light.

    L = mean over people p and their images x of |x - D_p(E(w(x)))|

The input is bent by a random warp w and the target is not. Bending changes the proportions of a face and so hides who
it is: the decoder has to know them, and pixels cannot be copied. Colours are hidden too, as in the first programs for
such swaps: the encoder sees them relative to the mean colour of their person. All decoders start from the same weights,
so that at first they understand a code alike; training lets them part.

What is still a person's own in a code is mostly linear. People do much the same in their pictures, so a code that is to
be another's is given the mean and the covariance of the other's codes, by the linear map A that moves codes least:

    A = P^-1/2 (P^1/2 Q P^1/2)^1/2 P^-1/2    for covariances P of the person and Q of the wearer

Two autoencoders trained apart (apart=True), the encoder of one with the decoder of the other, are the same parts in the
same number. But each finds a code of its own, which the other's decoder cannot read.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn, no_grad

SLOPE = 0.1  # of the leaky ReLU below 0
GRID = 5  # a warp moves the points of a 5 x 5 grid over the image
JITTER = 2 * 5 / 256  # standard deviation of each: 5 pixels of 256, in a frame that is 2 wide
DULL = 0.01  # mean and spread of a colour, at least
LEAST = 1e-6  # variance in any direction of a code, relative to the largest
FAINT = 0.1  # of the usual size are the last weights, so that decoders start from the mean image of their person


class FaceSwap(nn.Module):
    """A shared encoder and a decoder per person. Images (N, 3, size, size) in [0, 1]; size a multiple of 16.

    people: the training images of each. width: channels after the first convolution; the encoder then has 2, 4 and 8
    times as many. code: numbers that an image becomes. apart: an encoder per person too. ValueError for fewer than two
    people, and for images of another shape.
    """

    def __init__(
        self,
        people: list[np.ndarray],
        width: int = 16,
        code: int = 32,
        *,
        apart: bool = False,
        rng: np.random.Generator,
    ):
        if len(people) < 2:
            raise ValueError(f"FaceSwap: people holds {len(people)} person; a swap needs two or more")
        shapes = sorted({x.shape[1:] for x in people})
        size = shapes[0][-1]
        if shapes != [(3, size, size)] or size % 16:
            raise ValueError(f"FaceSwap: images are {shapes}; all must be (3, size, size), size a multiple of 16")
        self.small = (8 * width, size // 16, size // 16)
        self.encoders = [self._encoder(width, code, rng) for _ in range(len(people) if apart else 1)]
        self.wideners = [self._widener(width, code, rng) for _ in self.encoders]
        self.decoders = [Decoder(x.mean(axis=0), 4 * width, rng=rng) for x in people]
        if not apart:
            for other in self.decoders[1:]:
                other.layers.load_state_dict(self.decoders[0].layers.state_dict())
        # mean and spread of the three colours of each person
        colours = [[f(x, axis=(0, 2, 3), dtype=np.float64) for f in (np.mean, np.std)] for x in people]
        self.colours = nn.Buffer(np.maximum(colours, DULL).astype(np.float32)[..., None, None])
        # what `settle` measures: mean code of each person, and the map from the codes of each to those of each other
        self.means = nn.Buffer(np.zeros((len(people), code), np.float32))
        self.maps = nn.Buffer(np.tile(np.eye(code, dtype=np.float32), (len(people), len(people), 1, 1)))

    def _encoder(self, width: int, code: int, rng: np.random.Generator) -> nn.Module:
        channels = itertools.pairwise((3, width, 2 * width, 4 * width, 8 * width))
        layers = (layer for n, m in channels for layer in _halve(n, m, rng))
        features = self.small[0] * self.small[1] * self.small[2]
        return _initialised(nn.Sequential(*layers, nn.Flatten(), nn.Linear(features, code, rng=rng)), rng)

    def _widener(self, width: int, code: int, rng: np.random.Generator) -> nn.Module:
        features = self.small[0] * self.small[1] * self.small[2]
        layers = nn.Linear(code, features, rng=rng), nn.Unflatten(1, self.small), *_double(8 * width, 4 * width, rng)
        return _initialised(nn.Sequential(*layers), rng)

    def encode(self, x: Tensor, person: int) -> Tensor:
        """Images (N, 3, size, size) of a person -> codes (N, code)."""
        mean, spread = self.colours[person]
        return self.encoders[person % len(self.encoders)]((x - mean) / spread)

    def decode(self, code: Tensor, person: int) -> Tensor:
        """Codes (N, code) -> images of a person who does what they say, (N, 3, size, size) in [0, 1]."""
        return self.decoders[person](self.wideners[person % len(self.wideners)](code))

    def forward(self, x: Tensor, person: int, wearer: int | None = None) -> Tensor:
        """Reconstruct images of a person, or, if there is a wearer, swap: the wearer does what the person does."""
        code = self.encode(x, person)
        if wearer is None or wearer == person:
            return self.decode(code, person)
        moved = (code - self.means[person]) @ self.maps[person, wearer] + self.means[wearer]
        return self.decode(moved, wearer)

    def settle(self, codes: Sequence[np.ndarray]) -> None:
        """Measure the codes (N, code) of each person's training images: their means, and the maps between them."""
        spreads = [np.cov(z, rowvar=False) for z in codes]
        maps = [[least_move(P, Q) for Q in spreads] for P in spreads]
        self.load_state_dict({"means": [z.mean(axis=0) for z in codes], "maps": maps}, strict=False)


class Decoder(nn.Module):
    """Three doublings and a last convolution, which adds to the logits of a mean image (3, size, size)."""

    def __init__(self, mean: np.ndarray, top: int, *, rng: np.random.Generator):
        counts = (top, top // 2, top // 4, top // 8)
        doublings = (layer for n, m in itertools.pairwise(counts) for layer in _double(n, m, rng))
        self.layers = _initialised(nn.Sequential(*doublings, nn.Conv2d(counts[-1], 3, 5, padding=2, rng=rng)), rng)
        self.layers[len(self.layers) - 1].weight.data *= np.float32(FAINT)
        mean = mean.clip(0.01, 0.99)
        self.start = nn.Parameter(np.log(mean / (1 - mean)).astype(np.float32).ravel())

    def forward(self, code: Tensor) -> Tensor:
        logits = self.layers(code)
        return mg.sigmoid(logits + self.start.reshape(logits.shape[1:]))


def least_move(P: np.ndarray, Q: np.ndarray) -> np.ndarray:
    """The symmetric matrix (k, k) that turns codes of covariance P into codes of covariance Q, and moves them least."""
    half, inverse = _power(P, 0.5), _power(P, -0.5)
    return inverse @ _power(half @ Q @ half, 0.5) @ inverse


def _power(C: np.ndarray, exponent: float) -> np.ndarray:
    """A power of a covariance; variances below LEAST of the largest count as that."""
    values, vectors = np.linalg.eigh(C.astype(np.float64))
    return (vectors * np.maximum(values, LEAST * values[-1]) ** exponent) @ vectors.T


def swap_loss(model: FaceSwap, images: Sequence[Tensor], rng: np.random.Generator) -> Tensor:
    """Mean absolute error of the reconstructions, from warped images (N, 3, size, size), a batch of each person."""
    losses = [mg.abs(model(random_warp(x, rng), person) - x).mean() for person, x in enumerate(images)]
    return sum(losses[1:], losses[0]) / len(losses)


def random_warp(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Bend each of the images (N, C, size, size): the points of a grid move at random, and take pixels along."""
    N, size = len(x), x.shape[-1]
    centres = (2 * np.arange(size) + 1) / size - 1
    nodes = np.linspace(-1, 1, GRID)
    hats = np.maximum(0, 1 - np.abs(centres[:, None] - nodes) * (GRID - 1) / 2)  # (size, GRID): linear interpolation
    moves = hats @ rng.normal(0, JITTER, (N, 2, GRID, GRID)) @ hats.T
    points = np.stack(np.meshgrid(centres, centres)) + moves  # (N, 2, size, size): x, y
    grid = Tensor(np.moveaxis(points, 1, -1).astype(np.float32)).to(x.device)
    with no_grad():
        return mg.grid_sample(x, grid, padding_mode="border")


def _halve(n: int, m: int, rng: np.random.Generator) -> list[nn.Module]:
    return [nn.Conv2d(n, m, 5, 2, 2, rng=rng), nn.LeakyReLU(SLOPE)]


def _double(n: int, m: int, rng: np.random.Generator) -> list[nn.Module]:
    return [nn.Conv2d(n, 4 * m, 3, padding=1, rng=rng), nn.LeakyReLU(SLOPE), nn.PixelShuffle(2)]


def _initialised(layers: nn.Module, rng: np.random.Generator) -> nn.Module:
    nn.init.initialise(layers, functools.partial(nn.init.kaiming_normal, slope=SLOPE), rng)
    return layers
