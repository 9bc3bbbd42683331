"""Learned compression: a code of integers that is cheap to store. Ballé et al., arXiv 1611.01704 and 1802.01436.

An encoder E, a decoder D, and a probability p for each integer of the code. An arithmetic coder turns integers into
about -log2 p bits, so the size of a file can be trained like any loss. It is weighed against the error of the decoder's
picture x', averaged over colours:

    L = bits + weight * sum over pixels (255 (x - x'))^2,       bits = sum over the code -log2 p(n)

Rounding has no slope, so training adds noise from U(-1/2, 1/2) instead: the density of y + noise at an integer n is the
probability that y rounds to n. p is factorised: each channel of the code has a density of its own, whatever the place,
a mixture of K logistic ones with cumulative function C, and p(n) = C(n + 1/2) - C(n - 1/2).

Several rates from one training. Coarser rounding costs fewer bits, and not all channels deserve the same. So each
rate r has a gain for every channel, a factor before rounding, and another after it (Cui et al., arXiv 2003.02012):

    n = round(gain[r] E(x)),       x' = D(n / gain'[r])

Each has a weight in L and a density of its own, too; E and D are shared, and every picture of a batch draws its rate.
L is divided by the root of the weight, so that none of the rates outweighs the others.

Generalised divisive normalisation, the activation, evens out channels whose sizes rise and fall together.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

MIXED = 3  # logistic densities of a channel, K above
FINENESS = 2.0  # logarithm of the gain of a middling rate at first


class Compressor(nn.Module):
    """Pictures (N, C, H, W) or signals (N, C, T), in [-1/2, 1/2], to codes (N, code, ..) and back, of any size.

    widths: channels after each layer but the last, which gives `code` of them; every layer divides the sides by
    `stride`. weights: of the error at each rate, from cheap to good. dims: 2 for pictures, 1 for signals. rate, (N,):
    the position in weights for each picture.
    """

    def __init__(
        self,
        channels: int,
        widths: tuple[int, ...],
        code: int,
        weights: tuple[float, ...],
        *,
        stride: int = 2,
        dims: int = 2,
        rng: np.random.Generator,
    ):
        self.stride, self.dims, self.reduction = stride, dims, stride ** (len(widths) + 1)
        self.weights = nn.Buffer(np.array(weights, np.float32))
        # a kernel that the stride divides paints no checkerboard
        options = {"kernel_size": 2 * stride, "stride": stride, "padding": stride // 2, "rng": rng}
        down, up = ((nn.Conv1d, nn.ConvTranspose1d), (nn.Conv2d, nn.ConvTranspose2d))[dims - 1]
        sizes = (channels, *widths, code)
        encoder = [part for n, m in itertools.pairwise(sizes) for part in (down(n, m, **options), nn.GDN(m))]
        decoder = [part for m, n in itertools.pairwise(sizes[::-1]) for part in (nn.GDN(m, True), up(m, n, **options))]
        self.encoder, self.decoder = nn.Sequential(*encoder[:-1]), nn.Sequential(*decoder[1:])
        # finer steps where errors weigh more
        finer = 0.5 * np.log(weights / np.sqrt(weights[0] * weights[-1])) + FINENESS
        self.log_gain = _flat(finer[:, None], (len(weights), code))
        self.log_ungain = _flat(-finer[:, None], (len(weights), code))
        # the densities: logits of their shares, centres, log scales
        self.shares = _flat(0.0, (len(weights), code, MIXED))
        self.centres = _flat(np.linspace(-1, 1, MIXED), (len(weights), code, MIXED))
        self.log_scales = _flat(0.0, (len(weights), code, MIXED))

    def encode(self, x: Tensor, rate: np.ndarray) -> Tensor:
        """Compute the code before rounding. A side that is no multiple of the reduction is padded with its edge."""
        x = mg.pad(x, ((0, 0), (0, 0), *((0, -n % self.reduction) for n in x.shape[2:])), mode="edge")
        return self._scaled(self.encoder(x), self.log_gain, rate)

    def decode(self, code: Tensor, rate: np.ndarray, size: tuple[int, ...]) -> Tensor:
        """Decode a code, rounded or not, into (N, C, *size)."""
        x = self.decoder(self._scaled(code, self.log_ungain, rate))
        return x[(..., *map(slice, size))]

    def bits(self, code: Tensor, rate: np.ndarray) -> Tensor:
        """-log2 p of all numbers of each code -> (N,)."""
        y = code.reshape(*code.shape[:2], -1, 1)  # (N, code, places, 1)
        shares, centres, log_scales = (t[rate] for t in self.densities())
        log_p = mg.logsumexp(mg.log_softmax(shares) + log_mass(y - centres, log_scales), axis=-1)
        return log_p.reshape(len(code), -1).sum(axis=1) * (-1 / math.log(2))

    def densities(self) -> tuple[Tensor, ...]:
        """Return the logits of the shares, the centres and the log scales, (rates, code, 1, K) each."""
        shape = (len(self.weights), -1, 1, MIXED)
        return tuple(t.reshape(shape) for t in (self.shares, self.centres, self.log_scales))

    def _scaled(self, code: Tensor, log_factors: Tensor, rate: np.ndarray) -> Tensor:
        factor = mg.exp(log_factors.reshape(len(self.weights), -1)[rate])
        return code * factor.reshape(*factor.shape, *[1] * self.dims)


def _flat(value, shape: tuple[int, ...]) -> nn.Parameter:
    """Make a parameter as one vector: an optimizer of matrices would mistake one of several axes for a matrix."""
    return nn.Parameter(np.broadcast_to(value, shape).astype(np.float32).ravel())


def log_mass(y: Tensor, log_scale: Tensor) -> Tensor:
    """Compute log C(y + 1/2) - C(y - 1/2) of a logistic density around 0, without cancellation in its tails.

    With a, b = (y +- 1/2) / scale, sigmoid(a) - sigmoid(b) = sigmoid(a) sigmoid(-b) (1 - e^(b - a)).
    """
    steep = mg.exp(-log_scale)
    a, b = (y + 0.5) * steep, (y - 0.5) * steep
    return mg.log(-mg.expm1(-steep)) - mg.softplus(-a) - mg.softplus(b)


def rate_distortion(model: Compressor, x: Tensor, rng: np.random.Generator) -> Tensor:
    """L above, per pixel of x and averaged over a batch in which every x has a rate drawn at random."""
    rate = rng.integers(len(model.weights), size=len(x))
    code = model.encode(x, rate)
    noise = rng.random(code.shape, np.float32) - np.float32(0.5)
    noisy = code + Tensor(noise).to(x.device)
    bits = model.bits(noisy, rate) * (1 / math.prod(x.shape[2:]))
    error = mg.square(model.decode(noisy, rate, x.shape[2:]) - x).reshape(len(x), -1).mean(axis=1) * 255.0**2
    root = mg.sqrt(model.weights[rate])
    return (bits / root + error * root).mean()
