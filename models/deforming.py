"""The deforming autoencoder: an image is a texture seen through a deformation. Shu et al., arXiv 1806.06503.

    z_T, z_W = E(x),   T = D_T(z_T),   W = D_W(z_W),   output(p) = T(W(p))

The texture has coordinates of its own, those of a template. All images share the template if the code z_T is short:
it is cheaper then to express differences in shape by the warp W, a sum of positive increments (see warp.py). The loss

    L = |output - x|^2 + 1.6 |grad (W - W0)| + .01 |batch mean of (W - W0)|^2

has W0 the identity. In the class-aware model a third code z_C, the probabilities of classes, goes into both decoders,
and the loss is L + cross entropy. In the intrinsic model the texture is shading x albedo, with a code each, and the
loss is L + .8 |grad shading|^2. Every |.| is a mean over pixels, channels and batch.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.ops.collective import batch_mean

from .coder import FEATURES, SLOPE, FeatureEncoder, SmoothDecoder
from .warp import displacement, identity_logit, increments, integral_warp, look_up

SMOOTH, DRIFT = 1.6, 0.01  # weights in L, from the authors' code, where they go with absolute differences
DISTANCES = {"squared": mg.mse_loss, "absolute": mg.l1_loss}


class Codes(NamedTuple):
    """Codes of the texture (N, texture_code) and of the warp (N, warp_code), all in [0, 1]."""

    texture: Tensor
    warp: Tensor


class ClassCodes(NamedTuple):
    """Scores of classes (N, classes), whose softmax is z_C; then the codes of the texture and of the warp."""

    scores: Tensor
    texture: Tensor
    warp: Tensor


class IntrinsicCodes(NamedTuple):
    """Codes of shading and albedo (N, texture_code each), and of the warp."""

    shading: Tensor
    albedo: Tensor
    warp: Tensor


class Deformed(NamedTuple):
    """The image (N, C, size, size), its texture, of the same shape, and the warp: (N, size, size, 2)."""

    output: Tensor
    texture: Tensor
    warp: Tensor


class Shaded(NamedTuple):
    """As Deformed, with the factors of the texture: shading (N, 1, size, size) and albedo (N, C, size, size)."""

    output: Tensor
    texture: Tensor
    warp: Tensor
    shading: Tensor
    albedo: Tensor


class Deforming(nn.Module):
    """What all models here share: the encoder and the warp. A subclass adds textures, encode and decode.

    Images are (N, channels, size, size) in [0, 1], size a power of 2 from 8 on, else ValueError. width: channels of the
    finest layers, 32 in the paper, 16 for a CPU. brightness: of the first textures, between 0 and 1; start from the
    mean of the images, as a long way to it would leave units dead. given: numbers that the warp's decoder reads before
    its code.
    """

    def __init__(self, size: int, channels: int, width: int, warp_code: int, rng: np.random.Generator, given: int = 0):
        self.encoder = FeatureEncoder(size, channels, width, rng=rng)
        self.to_warp = nn.Linear(FEATURES, warp_code, rng=rng)
        self.warp = SmoothDecoder(given + warp_code, size, 2, width, nn.Tanh(), rng=rng)

    def _start(self, rng: np.random.Generator, brightness: float, *textures: SmoothDecoder) -> None:
        """Draw the weights; the warp starts as the identity, and each texture with a mean of about `brightness`."""
        if not 0 < brightness < 1:
            raise ValueError(f"{type(self).__name__}: brightness is {brightness}; it must lie between 0 and 1")
        nn.init.initialise(self, functools.partial(nn.init.kaiming_normal, slope=SLOPE), rng)
        for decoder in (self.warp, *textures):
            decoder.keep_variance()
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
    """A texture and a warp. The texture's code must be short, or the texture learns the shapes as well."""

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
        self.texture = SmoothDecoder(texture_code, size, channels, width, nn.LeakyReLU(SLOPE), rng=rng)
        self._start(rng, brightness, self.texture)

    def encode(self, x: Tensor) -> Codes:
        h = self.encoder(x)
        return Codes(mg.sigmoid(self.to_texture(h)), mg.sigmoid(self.to_warp(h)))

    def decode(self, codes: Codes) -> Deformed:
        return deform(mg.sigmoid(self.texture(codes.texture)), self.warp(codes.warp))


class ClassAwareDeformingAutoencoder(Deforming):
    """A template for each class: [z_C, z_T] -> texture, [z_C, z_W] -> warp. For digits z_T is a single number."""

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
        self.texture = SmoothDecoder(classes + texture_code, size, channels, width, nn.LeakyReLU(SLOPE), rng=rng)
        self._start(rng, brightness, self.texture)

    def encode(self, x: Tensor) -> ClassCodes:
        h = self.encoder(x)
        return ClassCodes(self.to_classes(h), mg.sigmoid(self.to_texture(h)), mg.sigmoid(self.to_warp(h)))

    def decode(self, codes: ClassCodes) -> Deformed:
        z = mg.softmax(codes.scores, axis=1)
        texture = self.texture(mg.concatenate([z, codes.texture], axis=1))
        return deform(mg.sigmoid(texture), self.warp(mg.concatenate([z, codes.warp], axis=1)))


class IntrinsicDeformingAutoencoder(Deforming):
    """Texture = shading (one channel) x albedo (all channels): the effect of light, and the colours themselves."""

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
        self.shading = SmoothDecoder(texture_code, size, 1, width, nn.LeakyReLU(SLOPE), rng=rng)
        self.albedo = SmoothDecoder(texture_code, size, channels, width, nn.LeakyReLU(SLOPE), rng=rng)
        self._start(rng, brightness**0.5, self.shading, self.albedo)

    def encode(self, x: Tensor) -> IntrinsicCodes:
        h = self.encoder(x)
        heads = self.to_shading, self.to_albedo, self.to_warp
        return IntrinsicCodes(*(mg.sigmoid(head(h)) for head in heads))

    def decode(self, codes: IntrinsicCodes) -> Shaded:
        shading, albedo = mg.sigmoid(self.shading(codes.shading)), mg.sigmoid(self.albedo(codes.albedo))
        return Shaded(*deform(shading * albedo, self.warp(codes.warp)), shading, albedo)


def deform(texture: Tensor, logits: Tensor) -> Deformed:
    """Look a texture (N, C, size, size) up where the warp with increments of these logits (N, 2, size, size) points."""
    warp = integral_warp(increments(logits))
    return Deformed(look_up(texture, warp), texture, warp)


def deforming_loss(model: Deforming, x: Tensor, **weights) -> Tensor:
    """L of a DeformingAutoencoder and images x (N, C, size, size). weights: smooth, drift, distance as below."""
    return loss_of_output(model(x), x, **weights)


def class_aware_loss(
    model: ClassAwareDeformingAutoencoder, x: Tensor, labels: Tensor, classes: float = 1.0, **weights
) -> Tensor:
    """L + classes times the cross entropy of labels (N,), in nats, the mean over the batch.

    If the first mean of L were a sum over pixels, as a slide may mean it, the weight 1 there would be 1 / pixels here.
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
        known = ", ".join(map(repr, DISTANCES))
        raise ValueError(f"loss_of_output: unknown distance {distance!r}; it must be one of {known}")
    moved = displacement(made.warp)
    mean_shift = mg.square(batch_mean(moved)).mean()
    return DISTANCES[distance](made.output, x) + neighbours_apart(moved, order=1) * smooth + mean_shift * drift


def neighbours_apart(x: Tensor, order: int) -> Tensor:
    """Mean of |difference|**order, order 1 or 2, over all pairs of neighbouring pixels of images (N, C, H, W)."""
    N, C, H, W = x.shape
    pairs = N * C * (H * (W - 1) + (H - 1) * W)
    return mg.total_variation(x, order) / pairs
