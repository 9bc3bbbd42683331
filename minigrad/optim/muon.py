"""Muon: a step that moves a matrix equally far in all of its singular directions.

The gradient of a weight matrix is a sum of outer products over the examples, and a few directions usually dominate it.
If u = U S V^T is the singular value decomposition of the momentum, the step is U V^T: the singular values S are
replaced by 1. Jordan et al. 2024, kellerjordan.github.io/posts/muon.
"""

from __future__ import annotations

import math

from ..backend import Array, xp
from ..kernels.matmul import matmul
from .first_order import Adam
from .optimizer import Parameters, in_pieces

SIZE = 0.2  # root mean square of the entries of a step / lr; about Adam's (Liu et al. 2025, arXiv 2502.16982)
ITERATION = (3.4445, -4.7750, 2.0315)  # a, b, c below, tuned by Jordan: singular values above 0.01 end in 0.7 .. 1.2


class Muon(Adam):
    """Step against a momentum whose singular values are all brought near 1; vectors take Adam's step.

    m <- momentum m + g; u = g + momentum m as a matrix (len(x), rest); x <- x - lr 0.2 sqrt(longer side) U V^T. The
    scale makes the entries of a step as large as Adam's, so that learning rates carry over. Every parameter of two axes
    or more is taken for a matrix; flatten those that are none, such as an image.
    ValueError unless momentum and the betas lie in [0, 1) and eps > 0.
    """

    def __init__(
        self, parameters: Parameters, lr: float = 1e-3, momentum: float = 0.95,
        betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8, weight_decay: float = 0,
    ):  # fmt: skip
        self.momentum = self._number("momentum", momentum, below=1)
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def in_pieces(self, update, x, g, *state):
        if x.ndim < 2:
            in_pieces(update, x, g, *state)
        else:
            update(x, g, *state)  # the whole matrix

    def update(self, t, lr, x, g, m, s):
        if x.ndim < 2:
            super().update(t, lr, x, g, m, s)
            return
        m *= self.momentum
        m += g
        u = (g + self.momentum * m).reshape(len(x), -1)
        x -= lr * SIZE * math.sqrt(max(u.shape)) * orthogonal(u).reshape(x.shape)


def orthogonal(u: Array) -> Array:
    """Approximate U V^T of a matrix u = U S V^T without decomposing it.

    Five steps X <- a X + b (X X^T) X + c (X X^T)^2 X. An odd polynomial of a matrix acts on each singular value s by
    itself, s <- a s + b s^3 + c s^5, and this one drives them towards 1.
    """
    if len(u) > u.shape[1]:
        return orthogonal(u.T).T
    a, b, c = ITERATION
    # no singular value exceeds the norm, so all begin in [0, 1]; linalg.norm would wake the threads of BLAS
    out = u / (xp(u).sqrt((u * u).sum()) + 1e-7)
    for _ in range(5):
        square = matmul(out, out.T)
        out = a * out + matmul(b * square + c * matmul(square, square), out)
    return out
