"""Three ways to enlarge in a decoder, two of which paint checkerboards. Odena, Dumoulin & Olah, Distill 2016.

A transposed convolution spreads each number over a k x k window, windows lying two pixels apart. Along an axis a pixel
is reached by 1 or 2 windows for k = 3 and by 2 for k = 4. That is no smoothness yet: even and odd pixels meet different
weights of the kernel, and only if these sum to the same do both come out alike. After nearest upsampling every pixel
meets the whole kernel. The decoders differ in this step alone and learn to draw an image x from its code c:

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
    """k-(64,4,4)-(32,8,8)-(16,16,16)-(1,32,32), ReLU between. Codes (N, k) -> images (N, 1, 32, 32), unbounded."""

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
