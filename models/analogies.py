"""Visual analogies: a is to b as c is to what? Reed, Zhang, Zhang & Lee, NIPS 2015.

An encoder f turns an image into a code of k numbers, and a decoder g turns a code into an image. What happens from a to
b is the difference of their codes, f(b) - f(a). It is done to c by a function T, which is learnt:

    z = f(c) + T(f(b) - f(a), f(c)),  answer = g(z),  L = |d - g(z)|^2 + alpha |f(d) - z|^2

    add    T(s, c) = s                                    the same step from wherever one starts
    mul    T(s, c)_k = sum over i, j of W_ijk s_i c_j     a three-way tensor, contracted with both vectors
    deep   T(s, c) = MLP([s; c])                          whose last layer is linear

Why a rotation needs T to look at c: 24 turns of 15 degrees lead back to the start, but 24 equal steps s do so only if
s = 0. Let the code of an angle t be (cos t, sin t). A turn by u moves it by

    (R(u) - 1) f(c),  R(u) = [[cos u, -sin u], [sin u, cos u]]

which points another way for every angle of c. This is linear in the numbers (cos u, sin u) of the turn, and linear in
f(c). A function of two vectors that is linear in each is a three-way contraction, so mul is the simplest T that can
rotate. Its weak point is the step that it is given: f(b) - f(a) = (R(u) - 1) f(a) depends on the angle of a, too. A
richer code, with the cosine and sine of 2t for instance, has steps that tell the turn from the angle of a, but not by
products with f(c): that takes a network with layers in between.

Since z is a code like any other, the same analogy can be applied to it again and again. The term with alpha keeps z
where the codes of images are. By itself, with f and g as they are, it teaches T at a small part of the cost, since no
image is encoded or drawn, and it can ask for the codes after 2, 3, .. applications as well.

The disentangling loss gives each part of a code a meaning. With switches s, a 0 or 1 for each number of the code,

    L = |c - g(s f(a) + (1 - s) f(b))|^2

where c has the factors of a whose parts are switched on, the shape for instance, and all others of b.
"""

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .what_where import WhatWhereAutoencoder

HIDDEN = 256  # units in the layers of the MLP
GENTLE = 0.1  # factor of the last weights of T: at first an analogy changes little


class AnalogyMaker(WhatWhereAutoencoder):
    """f, g and T. Images (N, C, H, W) in [0, 1], codes (N, k), k = what + where.

    form: "add", "mul" or "deep". ValueError for another one, and unless H and W are multiples of 8.
    """

    def __init__(
        self, form: str, what: int, where: int, *, image_shape: tuple[int, int, int], rng: np.random.Generator
    ):
        if form not in FORMS:
            raise ValueError(f"AnalogyMaker: unknown form {form!r}; it must be one of {', '.join(map(repr, FORMS))}")
        super().__init__(what, where, image_shape=image_shape, rng=rng)
        self.change = FORMS[form](what + where, rng=rng)

    def apply(self, step: Tensor, code: Tensor) -> Tensor:
        """f(b) - f(a) and f(c), both (N, k) -> z, the code of the answer, (N, k)."""
        return code + self.change(step, code)

    def answer(self, a: Tensor, b: Tensor, c: Tensor, times: int = 1) -> Tensor:
        """Do to images c, `times` over, what was done from a to b -> images (N, C, H, W)."""
        step, z = self.encode(b) - self.encode(a), self.encode(c)
        for _ in range(times):
            z = self.apply(step, z)
        return self.decode(z)


class Add(nn.Module):
    """T(s, c) = s: the same step, whatever c is."""

    def __init__(self, code: int, *, rng: np.random.Generator):
        del code, rng  # nothing is learnt here

    def forward(self, step: Tensor, code: Tensor) -> Tensor:
        return step


class Multiply(nn.Module):
    """T(s, c)_k = sum over i, j of W_ijk s_i c_j: each s makes a matrix of W, which multiplies c."""

    def __init__(self, code: int, *, rng: np.random.Generator):
        self.weight = nn.Parameter(nn.init.normal((code, code, code), rng, GENTLE / code))

    def forward(self, step: Tensor, code: Tensor) -> Tensor:
        N, k = code.shape
        matrices = (step @ self.weight.reshape(k, k * k)).reshape(N, k, k)  # sum over i
        return (code.reshape(N, 1, k) @ matrices).reshape(N, k)  # sum over j


class Deep(nn.Module):
    """T(s, c) = MLP([s; c]), 2k-256-256-k."""

    def __init__(self, code: int, *, rng: np.random.Generator):
        self.layers = nn.Sequential(
            *(nn.Linear(2 * code, HIDDEN, rng=rng), nn.ReLU()),
            *(nn.Linear(HIDDEN, HIDDEN, rng=rng), nn.ReLU()),
            nn.Linear(HIDDEN, code, rng=rng),
        )
        nn.init.initialise(self, nn.init.kaiming_normal, rng)
        self.layers[-1].weight.data *= GENTLE

    def forward(self, step: Tensor, code: Tensor) -> Tensor:
        return self.layers(mg.concatenate([step, code], axis=1))


FORMS = {"add": Add, "mul": Multiply, "deep": Deep}


def analogy_loss(model: AnalogyMaker, a: Tensor, b: Tensor, c: Tensor, d: Tensor, alpha: float) -> Tensor:
    """L above, the mean over pixels and codes of a:b::c:d and of c:d::a:b, which costs no further encoding."""
    fa, fb, fc, fd = model.encode(mg.concatenate([a, b, c, d])).reshape(4, len(a), -1)
    z = model.apply(mg.concatenate([fb - fa, fd - fc]), mg.concatenate([fc, fa]))
    on_images = mg.mse_loss(model.decode(z), mg.concatenate([d, b]))
    return on_images + alpha * mg.mse_loss(z, mg.concatenate([fd, fb]))


def repeated_loss(model: AnalogyMaker, step: Tensor, codes: Tensor, known: Tensor) -> Tensor:
    """|z - code|^2 after 1, 2, .. applications of a step, where the code is known: a mean over those and its numbers.

    step: f(b) - f(a), (N, k). codes: f(c), f(d), and so on, (1 + n, N, k). known: 1 or 0, (n, N).
    """
    z, total = codes[0], 0.0
    for goal, counts in zip(codes[1:], known, strict=True):
        z = model.apply(step, z)
        total = total + (counts.reshape(-1, 1) * (z - goal) ** 2).sum()
    return total / (known.sum() * codes.shape[-1])


def exchange(model: AnalogyMaker, a: Tensor, b: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Exchange numbers of the codes of images a and b (N, C, H, W), by switches s (N, k) or (k,) -> images, twice.

    The first have f(a) where s is 1 and f(b) where it is 0, g(s f(a) + (1 - s) f(b)); the second have the others.
    """
    fa, fb = model.encode(mg.concatenate([a, b])).reshape(2, len(a), -1)
    images = model.decode(mg.concatenate([s * fa + (1 - s) * fb, s * fb + (1 - s) * fa]))
    return images[: len(a)], images[len(a) :]


def disentangling_loss(model: AnalogyMaker, a: Tensor, b: Tensor, c: Tensor, d: Tensor, s: Tensor) -> Tensor:
    """|c - g(s f(a) + (1 - s) f(b))|^2 and the same for d, which has what c has not: a mean over both, and pixels."""
    ab, ba = exchange(model, a, b, s)
    return (mg.mse_loss(ab, c) + mg.mse_loss(ba, d)) / 2
