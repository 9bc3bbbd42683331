"""An autoencoder for one thing in a picture: part of its code says what is drawn, another where.

    code = [MLP(sum over cells of h); linear(h)],  h = convolutions of the image: C channels of H/8 x W/8 cells
    image = transposed convolutions of what (x) where, in one colour

Convolutions answer alike wherever a thing stands, and a sum over all cells forgets where that was: what is learnt of a
thing at one place then holds at all of them. The decoder goes the same way back. A network paints C numbers, another
layer lights up cells, and their outer product (C, H/8, W/8) is a thing at a place. A dense layer in its stead has to
learn every thing at every place by itself: in one pair of trainings, 700 steps each, its error was .0035, not .0019.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .autoencoder import CHANNELS, DARK, Autoencoder

HIDDEN = 256  # units of the networks that tell what and paint
COVERED = 4  # cells that a thing covers, about: the sum over them stays near 1


class WhatWhereAutoencoder(Autoencoder):
    """Images (N, C, H, W) in [0, 1], on black -> codes (N, what + where) -> images.

    ValueError unless H and W are multiples of 8.
    """

    def __init__(self, what: int, where: int, *, image_shape: tuple[int, int, int], rng: np.random.Generator):
        C, H, W = image_shape
        if H % 8 or W % 8:
            raise ValueError(f"{type(self).__name__}: images are {H} x {W}; three halvings need multiples of 8")
        self.cells = (H // 8, W // 8)
        many, code = CHANNELS[-1], what + where
        self.down = [nn.Conv2d(n, m, 4, 2, 1, rng=rng) for n, m in itertools.pairwise((C, *CHANNELS))]
        self.what = nn.Sequential(nn.Linear(many, HIDDEN, rng=rng), nn.ReLU(), nn.Linear(HIDDEN, what, rng=rng))
        self.where = nn.Linear(many * math.prod(self.cells), where, rng=rng)
        self.paint = nn.Sequential(nn.Linear(code, HIDDEN, rng=rng), nn.ReLU(), nn.Linear(HIDDEN, many, rng=rng))
        self.place = nn.Linear(code, math.prod(self.cells), rng=rng)
        self.up = [nn.ConvTranspose2d(n, m, 4, 2, 1, rng=rng) for n, m in itertools.pairwise((*CHANNELS[::-1], 1))]
        self.colour = nn.Linear(code, C, rng=rng)
        self._initialise(rng)

    def _initialise(self, rng: np.random.Generator) -> None:
        nn.init.initialise(self, nn.init.kaiming_normal, rng)
        for layer in (self.what[-1], self.where, self.place, self.up[-1], self.colour):  # no ReLU follows
            nn.init.initialise(layer, nn.init.xavier_normal, rng)
        for layer in self.up:
            layer.weight.data *= 2  # at stride 2 a pixel meets a quarter of the kernel
        self.place.bias.data[...] = 1  # all cells are lit at first
        self.up[-1].bias.data[...] = DARK

    def encode(self, x: Tensor) -> Tensor:
        h = x
        for layer in self.down:
            h = mg.relu(layer(h))
        what = self.what(h.sum(axis=(2, 3)) / COVERED)
        return mg.concatenate([what, self.where(h.reshape(len(h), -1))], axis=1)

    def decode(self, code: Tensor) -> Tensor:
        N = len(code)
        out = self.paint(code).reshape(N, -1, 1, 1) * self.place(code).reshape(N, 1, *self.cells)
        for layer in self.up:
            out = layer(mg.relu(out))
        return mg.sigmoid(out) * mg.sigmoid(self.colour(code)).reshape(N, -1, 1, 1)  # one shape in one colour
