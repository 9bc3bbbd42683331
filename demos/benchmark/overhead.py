"""What the engine adds to an operation: tiny arrays, so that arithmetic costs nothing."""

from __future__ import annotations

import timeit

import numpy as np

import minigrad as mg


def measure(quick: bool) -> dict[str, tuple[float, float]]:
    """Return name -> (microseconds through minigrad, microseconds of the bare NumPy calls)."""
    a = np.ones(4, np.float32)
    x = mg.Tensor(a, requires_grad=True)

    def chain() -> None:
        y = x
        for _ in range(100):
            y = y * x
        y.backward(a)

    def bare_chain() -> None:  # a product forward, two products and a sum backward
        y = a
        for _ in range(100):
            y = y * a
        for _ in range(100):
            y * a
            y * a
            y + a

    n = 20 if quick else 2000
    per_op = {
        "multiply, recorded": (_best(lambda: x * x, 10 * n), _best(lambda: a * a, 10 * n)),
        "multiply, forward and backward": (_best(chain, n // 20) / 100, _best(bare_chain, n // 20) / 100),
    }
    return per_op


def _best(f, n: int) -> float:
    return 1e6 * min(timeit.repeat(f, number=n, repeat=5)) / n
