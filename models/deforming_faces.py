"""Deforming autoencoders for faces: how to tell a turned head from other hair, and light from colour.

The models of deforming.py, output(p) = T(W(p)) and T = S A, with the same losses (Shu et al., arXiv 1806.06503). But
those losses leave open which part explains what: a dark cheek may be in shadow or dark-skinned, since any shading S
goes with some albedo A = T / S. Here the decoders decide:

- The warp is smooth: its logits are computed on a coarse grid and enlarged, so that moving the outline of a face also
  moves the features inside it.
- The shading is smooth and has few causes, S = .75 s / mean of s, s = sigmoid(S_0 + sum over k of z_k S_k), with coarse
  maps S_k that all images share. Four numbers can say how light from far away falls, but not where the hair begins.
  Since the mean over the template is fixed, dark skin cannot be explained by little light.
- The albedo is its own mirror image (as in Wu et al., arXiv 1911.11130), as a face is, apart from a parting. A face lit
  from one side is not, so this light can only be explained by the shading. A face lit from above is symmetric too, but
  a code of six numbers has hardly one to spare for it.

Codes are linear functions of the whole output of the convolutions, without the sigmoids and the layer of 128 numbers in
deforming.py: training for minutes gets further this way.
"""

from __future__ import annotations

import functools

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .coder import SLOPE, Decoder, Encoder, doublings
from .deforming import Codes, Deformed, IntrinsicCodes, Shaded, deform
from .warp import identity_logit

COARSE_WARP, COARSE_SHADING = 16, 8  # sides of the coarse grids
MEAN = 0.75  # of every shading
BRIGHT = 1.0  # its first logit
CONTRAST = 0.5  # standard deviation of the first S_k
QUICK = 8.0  # S_k are 8 times their parameters, and so learned 8 times as fast: before albedo and warp explain light


class FaceAutoencoder(nn.Module):
    """A texture and a smooth warp. Images (N, channels, size, size) in [0, 1].

    width: channels of the finest layer. ValueError unless size is a power of 2 from 32 on.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 16,
        texture_code: int = 8,
        warp_code: int = 64,
        *,
        rng: np.random.Generator,
    ):
        self.encoder = CodesEncoder(size, channels, width, (texture_code, warp_code), rng=rng)
        self.texture = ImageDecoder(texture_code, size, channels, self.encoder.top, rng=rng)
        self.warp = CoarseWarp(warp_code, size, self.encoder.top, rng=rng)

    def encode(self, x: Tensor) -> Codes:
        return Codes(*self.encoder(x))

    def decode(self, codes: Codes) -> Deformed:
        return deform(mg.sigmoid(self.texture(codes.texture)), self.warp(codes.warp))

    def forward(self, x: Tensor) -> Deformed:
        return self.decode(self.encode(x))


class FaceIntrinsicAutoencoder(nn.Module):
    """Shading from a few numbers, a symmetric albedo, a smooth warp. Images and ValueError as above.

    The shading's mean is .75: its brightest places may pass 1.
    """

    def __init__(
        self,
        size: int = 64,
        channels: int = 3,
        width: int = 16,
        shading_code: int = 4,
        albedo_code: int = 6,
        warp_code: int = 64,
        *,
        rng: np.random.Generator,
    ):
        self.encoder = CodesEncoder(size, channels, width, (shading_code, albedo_code, warp_code), rng=rng)
        self.shading = SmoothShading(shading_code, size, rng=rng)
        self.albedo = ImageDecoder(albedo_code, size, channels, self.encoder.top, rng=rng)
        self.warp = CoarseWarp(warp_code, size, self.encoder.top, rng=rng)

    def encode(self, x: Tensor) -> IntrinsicCodes:
        return IntrinsicCodes(*self.encoder(x))

    def decode(self, codes: IntrinsicCodes) -> Shaded:
        light = mg.sigmoid(self.shading(codes.shading))
        shading = light * MEAN / light.mean(axis=(1, 2, 3), keepdims=True)
        half = self.albedo(codes.albedo)
        albedo = mg.sigmoid((half + mg.flip(half, 3)) * 0.5)
        return Shaded(*deform(shading * albedo, self.warp(codes.warp)), shading, albedo)

    def forward(self, x: Tensor) -> Shaded:
        return self.decode(self.encode(x))


class CodesEncoder(Encoder):
    """An encoder, and a linear map to each code: images (N, C, size, size) -> a list of (N, k)."""

    def __init__(self, size: int, channels: int, width: int, codes: tuple[int, ...], *, rng: np.random.Generator):
        doublings(size, least=32)  # the shading and the warp are drawn on coarse grids, and enlarged
        super().__init__(size, channels, width, rng=rng)
        self.heads = [nn.Linear(self.top * 4 * 4, code, rng=rng) for code in codes]
        nn.init.initialise(self, nn.init.kaiming_normal, rng)

    def forward(self, x: Tensor) -> list[Tensor]:
        h = super().forward(x * 4 - 2)  # pixels of about mean 0 and variance 1
        h = h.reshape(len(x), -1)
        return [head(h) for head in self.heads]


class ImageDecoder(Decoder):
    """Codes (N, k) -> numbers (N, channels, side, side), unbounded; `top` channels at 4 x 4 halve each time."""

    def __init__(self, code: int, side: int, channels: int, top: int, *, rng: np.random.Generator):
        counts = [*(top >> i for i in range(doublings(side))), channels]
        super().__init__(code, counts, 4, nn.LeakyReLU(SLOPE), rng=rng)
        nn.init.initialise(self, functools.partial(nn.init.kaiming_normal, slope=SLOPE), rng)
        self.keep_variance()


class CoarseWarp(nn.Module):
    """Codes (N, k) -> logits of a warp's increments (N, 2, size, size), smooth; at first nearly the identity's."""

    def __init__(self, code: int, size: int, top: int, *, rng: np.random.Generator):
        self.factor = size // COARSE_WARP
        self.decoder = ImageDecoder(code, COARSE_WARP, 2, top, rng=rng)
        self.decoder.up[-1].weight.data *= 0.1
        self.decoder.up[-1].bias.data[...] = identity_logit(size)

    def forward(self, code: Tensor) -> Tensor:
        return mg.upsample(self.decoder(code), self.factor, "bilinear")


class SmoothShading(nn.Module):
    """Codes (N, k) -> logits (N, 1, size, size): S_0 plus the sum of the coarse maps S_k, weighted by the code."""

    def __init__(self, code: int, size: int, *, rng: np.random.Generator):
        self.factor = size // COARSE_SHADING
        self.maps = nn.Linear(code, COARSE_SHADING**2, rng=rng)
        self.maps.weight.data[...] = nn.init.normal(self.maps.weight.shape, rng, CONTRAST / QUICK)
        self.maps.bias.data[...] = BRIGHT / QUICK

    def forward(self, code: Tensor) -> Tensor:
        maps = self.maps(code).reshape(len(code), 1, COARSE_SHADING, COARSE_SHADING) * QUICK
        return mg.upsample(maps, self.factor, "bilinear")
