"""Muon: every direction in which a matrix could turn its input moves equally far. Jordan et al. 2024.

kellerjordan.github.io/posts/muon. The gradient of a matrix is a sum of outer products over the examples, and mostly the
same few directions dominate it. With u = U S V^T its singular value decomposition, the step is U V^T: S is forgotten.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from ..backend import Array, xp
from ..kernels import matmul as kernels
from .first_order import Adam
from .optimizer import Parameters, chunks

SIZE = 0.2  # root mean square of an entry's step, in units of lr: about Adam's (Liu et al. 2025, arXiv 2502.16982)
ITERATION = (3.4445, -4.7750, 2.0315)  # a, b, c below, tuned by Jordan: singular values from 0.01 come to 0.7 .. 1.2


class Muon(Adam):
    """Step along a momentum whose singular values are all made about 1; vectors take Adam's step.

    m <- momentum m + g; u = g + momentum m as a matrix (len(x), rest); x <- x - lr 0.2 sqrt(longer side) U V^T, which
    makes a step's entries as large as Adam's: learning rates carry over. A parameter of two axes or more is taken for
    a matrix: give one that is none, an image say, as a vector.
    momentum and the betas in [0, 1), eps > 0, else ValueError.
    """

    def __init__(
        self, parameters: Parameters, lr: float = 1e-3, momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
    ):  # fmt: skip
        self.momentum = self._number("momentum", momentum, below=1)
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def pieces(self, x: Array, *others: Array) -> Iterator[tuple[Array, ...]]:
        return chunks(x, *others) if x.ndim < 2 else iter([(x, *others)])

    def update(self, t, lr, x, g, m, s):
        if x.ndim < 2:
            super().update(t, lr, x, g, m, s)
            return
        m *= self.momentum
        m += g
        u = (g + self.momentum * m).reshape(len(x), -1)
        x -= lr * SIZE * math.sqrt(max(u.shape)) * orthogonal(u).reshape(x.shape)


def orthogonal(u: Array) -> Array:
    """About U V^T of a matrix u = U S V^T, without decomposing it: five steps X <- a X + b (X X^T) X + c (X X^T)^2 X.

    An odd polynomial in a matrix is the same one in each of its singular values, which this one drives towards 1.
    """
    if len(u) > u.shape[1]:
        return orthogonal(u.T).T
    a, b, c = ITERATION
    matmul = kernels.matmul if xp(u) is np else xp(u).matmul
    out = u / (xp(u).sqrt((u * u).sum()) + 1e-7)  # none is above 1; linalg.norm would wake BLAS
    for _ in range(5):
        square = matmul(out, out.T)
        out = a * out + matmul(b * square + c * matmul(square, square), out)
    return out
