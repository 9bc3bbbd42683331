"""The deforming autoencoder: an image is a texture, seen through a deformation. Shu et al., arXiv 1806.06503.

    z_T, z_W = E(x),   T = D_T(z_T),   W = D_W(z_W),   output(p) = T(W(p))

The texture lives in coordinates of its own, those of a template that all images share if the code z_T is short: what
differs by shape alone is cheaper said by the warp W, which is a sum of positive increments (see warp.py). The loss

    L = |output - x|^2 + 1.6 |grad (W - W0)| + .01 |batch mean of (W - W0)|^2

has W0 the identity. Class-aware, a third code z_C, the probabilities of classes, goes into both decoders, and
L + cross entropy trains it. Intrinsic, the texture is shading x albedo, with a code each, and the loss is
L + .8 |grad shading|^2. Every |.| is a mean over its pixels, channels and batch.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .coder import FEATURES, SLOPE, Decoder, Encoder
from .warp import displacement, identity_logit, increments, integral_warp, look_up

SMOOTH, DRIFT = 1.6, 0.01  # weights in L, those of the authors' code, which go with its absolute differences
DISTANCES = {"squared": mg.mse_loss, "absolute": mg.l1_loss}


class Codes(NamedTuple):
    """Of the texture (N, texture_code) and of the warp (N, warp_code), all in [0, 1]."""

    texture: Tensor
    warp: Tensor


class ClassCodes(NamedTuple):
    """Codes, and before them the scores of classes (N, classes), whose softmax is z_C."""

    scores: Tensor
    texture: Tensor
    warp: Tensor


class IntrinsicCodes(NamedTuple):
    """Codes of shading and albedo (N, texture_code each), and of the warp."""

    shading: Tensor
    albedo: Tensor
    warp: Tensor


class Deformed(NamedTuple):
    """The image (N, C, size, size), its texture (the same shape), and where it is looked up: (N, size, size, 2)."""

    output: Tensor
    texture: Tensor
    warp: Tensor


class Shaded(NamedTuple):
    """Deformed, and the factors of the texture: shading (N, 1, size, size), albedo (N, C, size, size)."""

    output: Tensor
    texture: Tensor
    warp: Tensor
    shading: Tensor
    albedo: Tensor


class Deforming(nn.Module):
    """What all models here share: the encoder and the warp. A subclass adds textures, encode and decode.

    Images are (N, channels, size, size) in [0, 1], size a power of 2 from 8 on, else ValueError. width: channels of the
    finest layers, 32 in the paper, 16 for a CPU. brightness: what textures start from, between 0 and 1; that of the
    images' mean spares them a fall in which units die. given: length of what the warp's decoder reads before its code.
    """

    def __init__(self, size: int, channels: int, width: int, warp_code: int, rng: np.random.Generator, given: int = 0):
        self.encoder = Encoder(size, channels, width, rng=rng)
        self.to_warp = nn.Linear(FEATURES, warp_code, rng=rng)
        self.warp = Decoder(given + warp_code, size, 2, width, nn.Tanh(), rng=rng)

    def _start(self, rng: np.random.Generator, brightness: float, *textures: Decoder) -> None:
        """Draw the weights; the warp starts as the identity, and each texture with a mean of about `brightness`."""
        if not 0 < brightness < 1:
            raise ValueError(f"{type(self).__name__}: brightness is {brightness}; it must lie between 0 and 1")
        nn.init.initialise(self, functools.partial(nn.init.kaiming_normal, slope=SLOPE), rng)
        for decoder in (self.warp, *textures):
            for layer in decoder.up:
                # drawn for 9 m inputs; n channels to m = n / 2 at stride 2, a pixel meets 9 n / 4 = 9 m / 2 of them
                layer.weight.data *= math.sqrt(2)
        self.warp.last.weight.data[...] = 0
        self.warp.last.bias.data[...] = identity_logit(self.warp.size)
        for decoder in textures:
            decoder.last.bias.data[...] = math.log(brightness / (1 - brightness))

    def encode(self, x: Tensor):
        """Images -> their codes."""
        raise NotImplementedError(f"{type(self).__name__} defines no encode")

    def decode(self, codes):
        """Codes -> output, texture, warp."""
        raise NotImplementedError(f"{type(self).__name__} defines no decode")

    def forward(self, x: Tensor):
        return self.decode(self.encode(x))


class DeformingAutoencoder(Deforming):
    """A texture and a warp. texture_code is short, or the texture would learn the shapes too."""

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 32,
        texture_code: int = 16,
        warp_code: int = 128,
        *,
        brightness: float = 0.5,
        rng: np.random.Generator,
    ):
        super().__init__(size, channels, width, warp_code, rng)
        self.to_texture = nn.Linear(FEATURES, texture_code, rng=rng)
        self.texture = Decoder(texture_code, size, channels, width, nn.LeakyReLU(SLOPE), rng=rng)
        self._start(rng, brightness, self.texture)

    def encode(self, x: Tensor) -> Codes:
        h = self.encoder(x)
        return Codes(mg.sigmoid(self.to_texture(h)), mg.sigmoid(self.to_warp(h)))

    def decode(self, codes: Codes) -> Deformed:
        return deform(mg.sigmoid(self.texture(codes.texture)), self.warp(codes.warp))


class ClassAwareDeformingAutoencoder(Deforming):
    """A template for each class: [z_C, z_T] -> texture, [z_C, z_W] -> warp. On digits z_T is a single number."""

    def __init__(
        self,
        size: int = 32,
        channels: int = 1,
        width: int = 16,
        texture_code: int = 1,
        warp_code: int = 128,
        classes: int = 10,
        *,
        brightness: float = 0.5,
        rng: np.random.Generator,
    ):
        super().__init__(size, channels, width, warp_code, rng, given=classes)
        self.to_classes = nn.Linear(FEATURES, classes, rng=rng)
        self.to_texture = nn.Linear(FEATURES, texture_code, rng=rng)
        self.texture = Decoder(classes + texture_code, size, channels, width, nn.LeakyReLU(SLOPE), rng=rng)
        self._start(rng, brightness, self.texture)

    def encode(self, x: Tensor) -> ClassCodes:
        h = self.encoder(x)
        return ClassCodes(self.to_classes(h), mg.sigmoid(self.to_texture(h)), mg.sigmoid(self.to_warp(h)))

    def decode(self, codes: ClassCodes) -> Deformed:
        z = mg.softmax(codes.scores, axis=1)
        texture = self.texture(mg.concatenate([z, codes.texture], axis=1))
        return deform(mg.sigmoid(texture), self.warp(mg.concatenate([z, codes.warp], axis=1)))


class IntrinsicDeformingAutoencoder(Deforming):
    """Texture = shading (one channel) x albedo (all of them): what light does, and what is seen under any light."""

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 32,
        texture_code: int = 16,
        warp_code: int = 128,
        *,
        brightness: float = 0.5,
        rng: np.random.Generator,
    ):
        super().__init__(size, channels, width, warp_code, rng)
        self.to_shading = nn.Linear(FEATURES, texture_code, rng=rng)
        self.to_albedo = nn.Linear(FEATURES, texture_code, rng=rng)
        self.shading = Decoder(texture_code, size, 1, width, nn.LeakyReLU(SLOPE), rng=rng)
        self.albedo = Decoder(texture_code, size, channels, width, nn.LeakyReLU(SLOPE), rng=rng)
        self._start(rng, brightness**0.5, self.shading, self.albedo)

    def encode(self, x: Tensor) -> IntrinsicCodes:
        h = self.encoder(x)
        return IntrinsicCodes(*(mg.sigmoid(head(h)) for head in (self.to_shading, self.to_albedo, self.to_warp)))

    def decode(self, codes: IntrinsicCodes) -> Shaded:
        shading, albedo = mg.sigmoid(self.shading(codes.shading)), mg.sigmoid(self.albedo(codes.albedo))
        return Shaded(*deform(shading * albedo, self.warp(codes.warp)), shading, albedo)


def deform(texture: Tensor, logits: Tensor) -> Deformed:
    """Look the texture (N, C, size, size) up where the warp of logits (N, 2, size, size) says."""
    warp = integral_warp(increments(logits))
    return Deformed(look_up(texture, warp), texture, warp)


def deforming_loss(model: Deforming, x: Tensor, **weights) -> Tensor:
    """L above, of a DeformingAutoencoder and images x (N, C, size, size); weights: smooth, drift and distance below."""
    return loss_of_output(model(x), x, **weights)


def class_aware_loss(
    model: ClassAwareDeformingAutoencoder, x: Tensor, labels: Tensor, classes: float = 1.0, **weights
) -> Tensor:
    """L + classes times the cross entropy of labels (N,), in nats, the mean over the batch.

    Had L the sum over pixels for its first mean, as a slide may mean it, 1 / pixels here would be the weight 1 there.
    """
    codes = model.encode(x)
    return loss_of_output(model.decode(codes), x, **weights) + mg.cross_entropy(codes.scores, labels) * classes


def intrinsic_loss(model: IntrinsicDeformingAutoencoder, x: Tensor, shading: float = 0.8, **weights) -> Tensor:
    """L + shading times the mean of the squared differences between neighbouring pixels of the shading."""
    made = model(x)
    return loss_of_output(made, x, **weights) + neighbours_apart(made.shading, order=2) * shading


def loss_of_output(
    made: Deformed | Shaded, x: Tensor, *, distance: str = "squared", smooth: float = SMOOTH, drift: float = DRIFT
) -> Tensor:
    """L of what a model made of images x. distance: "squared", or "absolute" as in the authors' code.

    smooth, drift: the weights of |grad (W - W0)| and of |batch mean of (W - W0)|^2. ValueError for another distance.
    """
    if distance not in DISTANCES:
        raise ValueError(f"loss_of_output: distance {distance!r} is none of {', '.join(map(repr, DISTANCES))}")
    moved = displacement(made.warp)
    mean_shift = mg.square(moved.mean(axis=0)).mean()
    return DISTANCES[distance](made.output, x) + neighbours_apart(moved, order=1) * smooth + mean_shift * drift


def neighbours_apart(x: Tensor, order: int) -> Tensor:
    """Total variation of images (N, C, H, W) as a mean over all pairs of neighbours: |difference|**order, 1 or 2."""
    N, C, H, W = x.shape
    return mg.total_variation(x, order) / (N * C * (H * (W - 1) + (H - 1) * W))
