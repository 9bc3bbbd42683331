"""Deforming autoencoders for faces: what tells turning from hair, and light from paint. After Shu et al., 1806.06503.

The models of deforming.py, output(p) = T(W(p)) and T = S A, with the same losses; but those leave open who explains
what. A dark cheek may be shadow or dark skin, since any shading S has its albedo A = T / S. The decoders decide:

- The warp is smooth: its logits are drawn on a coarse grid and enlarged, so that what moves the outline of a face takes
  along the features inside it.
- The shading is smooth and has few causes, S = .75 s / mean of s, s = sigmoid(S_0 + sum over k of z_k S_k), with coarse
  maps S_k that all images share. Four numbers say how light from far away falls, and none says where the hair begins.
  Since the mean over the template is fixed, dark skin cannot pass for little light.
- The albedo is its own mirror image (as in Wu et al., arXiv 1911.11130), for a face is, but for a parting. A face lit
  from one side is not: that light has nowhere to go but into the shading. A face lit from above is, but a code of six
  numbers has hardly one left for it.

Codes are linear and read off all that the convolutions found, without the sigmoids and the layer of 128 numbers in
deforming.py: a training of minutes comes further.
"""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .deforming import SLOPE, Codes, Deformed, IntrinsicCodes, Shaded, deform
from .warp import identity_logit

COARSE_WARP, COARSE_SHADING = 16, 8  # sides of the grids on which they are drawn
MEAN = 0.75  # of every shading
BRIGHT = 1.0  # its first logit
CONTRAST = 0.5  # standard deviation of the first S_k
QUICK = 8.0  # S_k are so many times their parameters, and learned as much faster: before albedo and warp explain light


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
        self.encoder = Encoder(size, channels, width, (texture_code, warp_code), rng=rng)
        self.texture = Decoder(texture_code, size, channels, self.encoder.top, rng=rng)
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
        self.encoder = Encoder(size, channels, width, (shading_code, albedo_code, warp_code), rng=rng)
        self.shading = SmoothShading(shading_code, size, rng=rng)
        self.albedo = Decoder(albedo_code, size, channels, self.encoder.top, rng=rng)
        self.warp = CoarseWarp(warp_code, size, self.encoder.top, rng=rng)

    def encode(self, x: Tensor) -> IntrinsicCodes:
        return IntrinsicCodes(*self.encoder(x))

    def decode(self, codes: IntrinsicCodes) -> Shaded:
        shading, albedo = mg.sigmoid(self.shading(codes.shading)), self.albedo(codes.albedo)
        shading = shading * MEAN / shading.mean(axis=(1, 2, 3), keepdims=True)
        albedo = mg.sigmoid((albedo + mg.flip(albedo, 3)) * 0.5)
        return Shaded(*deform(shading * albedo, self.warp(codes.warp)), shading, albedo)

    def forward(self, x: Tensor) -> Shaded:
        return self.decode(self.encode(x))


class Encoder(nn.Module):
    """Convolutions of kernel 4 and stride 2 down to 4 x 4, doubling the channels to `top`, and a linear map a code."""

    def __init__(self, size: int, channels: int, width: int, codes: tuple[int, ...], *, rng: np.random.Generator):
        if size < 32 or size & (size - 1):
            raise ValueError(f"Encoder: images are {size} x {size}; the side must be a power of 2 from 32: resize them")
        counts = [channels, *(width << i for i in range(size.bit_length() - 3))]
        self.top = counts[-1]
        self.down = [nn.Conv2d(n, m, 4, 2, 1, rng=rng) for n, m in itertools.pairwise(counts)]
        self.heads = [nn.Linear(self.top * 4 * 4, code, rng=rng) for code in codes]
        nn.init.initialise(self, nn.init.kaiming_normal, rng)

    def forward(self, x: Tensor) -> list[Tensor]:
        h = mg.leaky_relu(self.down[0](x * 4 - 2), SLOPE)  # pixels of about mean 0 and variance 1
        for layer in self.down[1:]:
            h = mg.leaky_relu(mg.instance_norm(layer(h)), SLOPE)
        h = h.reshape(len(x), -1)
        return [head(h) for head in self.heads]


class Decoder(nn.Module):
    """Codes (N, k) -> numbers (N, channels, side, side), unbounded, by transposed convolutions of kernel 4 from 4 x 4.

    top: channels at 4 x 4, halved with every doubling of the side.
    """

    def __init__(self, code: int, side: int, channels: int, top: int, *, rng: np.random.Generator):
        counts = [*(top >> i for i in range(side.bit_length() - 3)), channels]
        self.top = top
        self.widen = nn.Linear(code, top * 4 * 4, rng=rng)
        self.up = [nn.ConvTranspose2d(n, m, 4, 2, 1, rng=rng) for n, m in itertools.pairwise(counts)]
        nn.init.initialise(self, functools.partial(nn.init.kaiming_normal, slope=SLOPE), rng)
        for layer in self.up:
            layer.weight.data *= math.sqrt(2)  # of the fan in, 16 n, a pixel meets a quarter at stride 2, n = 2 m

    def forward(self, code: Tensor) -> Tensor:
        out = self.widen(code).reshape(len(code), self.top, 4, 4)
        for layer in self.up:
            out = layer(mg.leaky_relu(out, SLOPE))
        return out


class CoarseWarp(nn.Module):
    """Codes (N, k) -> logits of a warp's increments (N, 2, size, size), smooth; at first about the identity's."""

    def __init__(self, code: int, size: int, top: int, *, rng: np.random.Generator):
        self.factor = size // COARSE_WARP
        self.decoder = Decoder(code, COARSE_WARP, 2, top, rng=rng)
        self.decoder.up[-1].weight.data *= 0.1
        self.decoder.up[-1].bias.data[...] = identity_logit(size)

    def forward(self, code: Tensor) -> Tensor:
        return mg.upsample(self.decoder(code), self.factor, "bilinear")


class SmoothShading(nn.Module):
    """Codes (N, k) -> logits (N, 1, size, size): the sum of S_0 and of the coarse maps S_k, weighed by the code."""

    def __init__(self, code: int, size: int, *, rng: np.random.Generator):
        self.factor = size // COARSE_SHADING
        self.maps = nn.Linear(code, COARSE_SHADING**2, rng=rng)
        self.maps.weight.data[...] = nn.init.normal(self.maps.weight.shape, rng, CONTRAST / QUICK)
        self.maps.bias.data[...] = BRIGHT / QUICK

    def forward(self, code: Tensor) -> Tensor:
        maps = self.maps(code).reshape(len(code), 1, COARSE_SHADING, COARSE_SHADING) * QUICK
        return mg.upsample(maps, self.factor, "bilinear")
