"""SGD, RMSprop and Adam: each update() is the formula of its paper.

It sees the parameters in pieces that fit into the processor's cache, so that its temporaries are small and fast.
"""

from __future__ import annotations

import math

from ..backend import xp
from .optimizer import Optimizer, Parameters


class SGD(Optimizer):
    """Step against the gradient or, with momentum, against its decaying sum v.

    Plain: x <- x - lr g. Momentum: v <- momentum v + g; x <- x - lr v. Nesterov: x <- x - lr (g + momentum v).
    ValueError unless momentum lies in [0, 1). Robbins & Monro 1951; Polyak 1964; Sutskever et al. 2013 for nesterov.
    """

    def __init__(
        self, parameters: Parameters, lr: float, momentum: float = 0, *, weight_decay: float = 0, nesterov: bool = False
    ):
        self.momentum = self._number("momentum", momentum, below=1)
        self.nesterov = nesterov
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs a momentum above 0; try momentum=0.9")
        super().__init__(parameters, lr, weight_decay, ["v"] if momentum else [])

    def update(self, t, lr, x, g, v=None):
        if v is not None:
            v *= self.momentum
            v += g
            g = g + self.momentum * v if self.nesterov else v
        x -= lr * g


class RMSprop(Optimizer):
    """Divide the gradient by its recent size, the root of a running mean s of its square.

    s <- alpha s + (1 - alpha) g^2; d = g / (sqrt(s) + eps); x <- x - lr d. With momentum: v <- momentum v + d and
    x <- x - lr v.
    ValueError unless alpha and momentum lie in [0, 1) and eps > 0. Tieleman & Hinton 2012, Coursera lecture 6.5.
    """

    def __init__(
        self, parameters: Parameters, lr: float = 0.01, alpha: float = 0.99, eps: float = 1e-8,
        weight_decay: float = 0, momentum: float = 0,
    ):  # fmt: skip
        self.alpha = self._number("alpha", alpha, below=1)
        self.eps = self._number("eps", eps, zero=False)
        self.momentum = self._number("momentum", momentum, below=1)
        super().__init__(parameters, lr, weight_decay, ["s", "v"] if momentum else ["s"])

    def update(self, t, lr, x, g, s, v=None):
        s += (1 - self.alpha) * (g * g - s)
        d = g / (xp(s).sqrt(s) + self.eps)
        if v is not None:
            v *= self.momentum
            v += d
            d = v
        x -= lr * d


class Adam(Optimizer):
    """Step against a running mean m of the gradient, divided by the root of a running mean s of its square.

    m <- b1 m + (1 - b1) g; s <- b2 s + (1 - b2) g^2; x <- x - lr m' / (sqrt(s') + eps), where m' = m / (1 - b1^t) and
    s' = s / (1 - b2^t) correct the bias of m and s towards 0, where they start.
    ValueError unless b1 and b2 lie in [0, 1) and eps > 0. Kingma & Ba 2015.
    """

    def __init__(
        self, parameters: Parameters, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0,
    ):  # fmt: skip
        b1, b2 = betas
        self.betas = self._number("betas[0]", b1, below=1), self._number("betas[1]", b2, below=1)
        self.eps = self._number("eps", eps, zero=False)
        super().__init__(parameters, lr, weight_decay, ["m", "s"])

    def update(self, t, lr, x, g, m, s):
        b1, b2 = self.betas
        m += (1 - b1) * (g - m)
        s += (1 - b2) * (g * g - s)

        # m' / (sqrt(s') + eps) with numerator and denominator multiplied by sqrt(1 - b2^t): fewer passes over memory
        root = math.sqrt(1 - b2**t)
        d = xp(s).sqrt(s)
        d += self.eps * root
        xp(s).divide(m, d, out=d)
        d *= lr * root / (1 - b1**t)
        x -= d


class AdamW(Adam):
    """Adam with decoupled weight decay, which stays out of m and s: x <- (1 - lr weight_decay) x, then Adam's step.

    Loshchilov & Hutter 2019.
    """

    def __init__(
        self, parameters: Parameters, lr: float = 1e-3, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8,
        weight_decay: float = 0.01,
    ):  # fmt: skip
        super().__init__(parameters, lr, betas, eps, weight_decay)

    def decay(self, weight_decay, lr, x, g):
        x *= 1 - lr * weight_decay
        return g
