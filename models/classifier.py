"""Pre-training: an encoder that has learnt from images without labels becomes the first layers of a classifier.

    h0 = x,  h_i = relu(W_i h_(i-1) + b_i),  p(class | x) = softmax(V h_2 + c)        784-500-120-10

Labels are few and images are many. Two ways to begin with the W_i, both by undoing noise (denoising.py):

    greedy       L_i = d(h_(i-1), D_i(relu(W_i noise(h_(i-1)) + b_i)))   one layer after the other, each with the
                 layers before it at rest. So the deep networks of 2006 became trainable at all: Hinton, Osindero & Teh
                 2006; Bengio et al. 2007; with noise, Vincent et al. 2008
    end to end   L = d(x, D(h_2 of noise(x)))                            all layers at once, as one autoencoder

Then the decoders are thrown away, and all of the classifier is trained by the few labels: fine-tuning.
d is the binary cross entropy where pixels are restored, and the mean squared error where hidden units are.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .denoising import Noise

HIDDEN = (500, 120)  # units of the layers


class Encoder(nn.Module):
    """Layers with ReLUs: images (N, ..) of `inputs` numbers -> h_1 -> h_2 (N, hidden[-1])."""

    def __init__(self, inputs: int, hidden: Sequence[int] = HIDDEN, *, rng: np.random.Generator):
        self.layers = [nn.Linear(n, m, rng=rng) for n, m in itertools.pairwise((inputs, *hidden))]
        nn.init.initialise(self, nn.init.kaiming_normal, rng)

    def forward(self, x: Tensor) -> Tensor:
        return rectified(self.layers, x.reshape(len(x), -1))


class Classifier(nn.Module):
    """An encoder with a linear layer on top: images (N, ..) -> scores (N, classes), the logits of a softmax.

    The scores start close to 0, so that the first steps do not shake what the encoder has learnt.
    """

    def __init__(self, encoder: Encoder, classes: int, *, rng: np.random.Generator):
        self.encoder = encoder
        self.scores = nn.Linear(encoder.layers[-1].weight.shape[0], classes, rng=rng)
        self.scores.weight.data *= 0.3

    def forward(self, x: Tensor) -> Tensor:
        return self.scores(self.encoder(x))


class Restorer(nn.Module):
    """Some layers of an encoder, and a decoder in their mirror image: noisy h (N, n) -> clean h (N, n), as logits.

    The layers are the encoder's own: what is learnt here stays in them.
    """

    def __init__(self, layers: Sequence[nn.Linear], *, rng: np.random.Generator):
        self.layers = list(layers)
        sizes = [layer.weight.shape for layer in reversed(self.layers)]  # (out, in) of each
        self.decoder = [nn.Linear(m, n, rng=rng) for m, n in sizes]
        for layer in self.decoder:
            nn.init.initialise(layer, nn.init.xavier_normal, rng)

    def forward(self, h: Tensor) -> Tensor:
        h = rectified(self.layers, h)
        return self.decoder[-1](rectified(self.decoder[:-1], h))


def rectified(layers: Sequence[nn.Linear], h: Tensor) -> Tensor:
    """Apply linear layers with a ReLU after each. (N, n) -> (N, m)."""
    for layer in layers:
        h = mg.relu(layer(h))
    return h


def restoring_loss(restorer: Restorer, h: Tensor, noise: Noise, rng: np.random.Generator, *, pixels: bool) -> Tensor:
    """d(h, restored noisy h), the mean over units and batch: in nats for pixels in [0, 1], else squared. h (N, ..)."""
    clean = h.reshape(len(h), math.prod(h.shape[1:]))
    logits = restorer(noise(h, rng).reshape(clean.shape))
    if pixels:
        return mg.binary_cross_entropy_with_logits(logits, clean)
    return mg.mse_loss(mg.relu(logits), clean)  # hidden units are never negative
