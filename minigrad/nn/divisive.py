"""Generalised divisive normalisation, the activation of learned image compression."""

from __future__ import annotations

import numpy as np

from .. import ops
from ..tensor import Tensor
from .module import Module, Parameter

LEAST = 1e-6  # of beta, so that nothing is divided by 0
OTHERS = 0.01  # root of the first gamma between two channels; at 0 its square would have no slope to leave it by


class GDN(Module):
    """Divide each channel by a learned pooled size of all channels, or (inverse) multiply by it: (N,C,..).

    mg.divisive_norm with gamma = weight^2 and beta = bias^2 + 1e-6, as neither may be negative. It begins with gamma
    near .1 times the identity and beta near 1. weight (C,C), bias (C). Ballé et al. 2016, arXiv 1511.06281.
    """

    def __init__(self, num_channels: int, inverse: bool = False):
        self.inverse = inverse
        self.weight = Parameter(np.where(np.eye(num_channels), 0.1**0.5, OTHERS).astype(np.float32))
        self.bias = Parameter(np.ones(num_channels, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        gamma, beta = ops.square(self.weight), ops.square(self.bias) + LEAST
        return ops.divisive_norm(x, gamma, beta, inverse=self.inverse)
