"""Three ways to enlarge an image in a decoder, two of which paint checkerboards. Odena, Dumoulin & Olah, Distill 2016.

A transposed convolution spreads each number over a k x k window; the windows lie two pixels apart:

    k = 3   [a a a]             k = 4   [a a a a]
                [b b b]                     [b b b b]
                    [c c c]                     [c c c c]
    windows  1 1 2 1 2 1 1      windows  1 1 2 2 2 2 1 1

Along an axis a pixel is covered by 1 or 2 windows for k = 3, and by 2 for k = 4. Even then the result need not be
smooth: even and odd pixels meet different weights of the kernel, and come out alike only if these have the same sum.
After nearest-neighbour upsampling every pixel meets the whole kernel. The decoders differ in this step alone, and learn
to draw an image x from its code c:

    L = mean over pixels (D(c) - x)**2
"""

from __future__ import annotations

import itertools

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

ENLARGE = {
    "transposed, k = 3": lambda n, m, rng: nn.ConvTranspose2d(n, m, 3, stride=2, padding=1, output_padding=1, rng=rng),
    "transposed, k = 4": lambda n, m, rng: nn.ConvTranspose2d(n, m, 4, stride=2, padding=1, rng=rng),
    "upsample, k = 3": lambda n, m, rng: nn.Sequential(
        nn.Upsample(scale_factor=2), nn.Conv2d(n, m, 3, padding=1, rng=rng)
    ),
}
CHANNELS = (64, 32, 16, 1)


class Decoder(nn.Module):
    """k-(64,4,4)-(32,8,8)-(16,16,16)-(1,32,32) with ReLUs. Codes (N, k) -> images (N, 1, 32, 32), unbounded."""

    def __init__(self, code: int, enlarge: str, *, rng: np.random.Generator):
        self.first = nn.Linear(code, CHANNELS[0] * 4 * 4, rng=rng)
        self.stages = nn.Sequential(*(ENLARGE[enlarge](n, m, rng) for n, m in itertools.pairwise(CHANNELS)))

    def forward(self, code: Tensor) -> Tensor:
        out = self.first(code).reshape(len(code), CHANNELS[0], 4, 4)
        for stage in self.stages:
            out = stage(mg.relu(out))
        return out


def drawing_loss(model: Decoder, code: Tensor, x: Tensor) -> Tensor:
    """The loss above, the mean over pixels and batch."""
    return mg.mse_loss(model(code), x)
