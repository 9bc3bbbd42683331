"""Divisive normalisation: each channel is divided by a pooled size of all channels, as neurons inhibit each other."""

from __future__ import annotations

from ..op import real
from .conv import conv2d
from .elementwise import sqrt, square
from .shape import reshape


def divisive_norm(x, gamma, beta, *, inverse=False):
    """Divide each channel by s = sqrt(beta + gamma x^2), or with inverse multiply by it. x (N,C,..) -> the same.

        s[n,i,..] = sqrt(beta[i] + sum over j of gamma[i,j] x[n,j,..]^2)

    gamma (C,C) and beta (C) must not be negative, and s not 0: NaN there. It makes the channels of natural signals more
    nearly Gaussian and independent of each other, which a factorised code wants. ValueError if the shapes do not fit.
    Ballé, Laparra & Simoncelli 2016, arXiv 1511.06281.
    """
    x, gamma, beta = real(x, gamma, beta)
    C = x.shape[1] if x.ndim > 1 else 0
    if x.ndim < 2 or gamma.shape != (C, C) or beta.shape != (C,):
        shapes = f"x is {x.shape}, gamma {gamma.shape} and beta {beta.shape}"
        raise ValueError(f"divisive_norm: {shapes}; they must be (N,C,..), (C,C) and (C)")
    # a sum over channels at each place is a convolution with a kernel of one place: (N,C,..) -> (N,C,places,1)
    squares = reshape(square(x), (*x.shape[:2], -1, 1) if x.ndim != 4 else x.shape)
    s = reshape(sqrt(conv2d(squares, reshape(gamma, (C, C, 1, 1)), beta)), x.shape)
    return x * s if inverse else x / s
