"""What passes over a large array: ops, the gradient of some, and steps of optimizers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import minigrad as mg
from demos.benchmark.shapes import PASSES, SIZE, UNARY
from minigrad import Tensor, optim


def passes() -> dict[str, Callable[[], object]]:
    """Return a call for each name of PASSES."""
    rng = np.random.default_rng(0)
    x, y = (Tensor(rng.standard_normal(SIZE, np.float32)) for _ in range(2))
    mask = x > 0.0
    unary = {name: getattr(mg, name) for name in UNARY}
    calls: dict[str, Callable[[], object]] = {
        **{name: lambda f=f: f(x) for name, f in unary.items()},
        "add": lambda: x + y,
        "multiply": lambda: x * y,
        "where": lambda: mg.where(mask, x, y),
        "sum": lambda: x.sum(),
        "sum of columns": lambda: x.sum(axis=0),
        "sum of rows": lambda: x.sum(axis=1),
        "max of rows": lambda: x.max(axis=1),
        "variance of columns": lambda: mg.var(x, axis=0),
    }
    leaf = Tensor(x.data, requires_grad=True)
    parameter = Tensor(x.data.copy(), requires_grad=True)
    parameter.grad = y
    calls["SGD"] = optim.SGD([parameter], 1e-3).step
    calls["SGD with momentum"] = optim.SGD([parameter], 1e-3, momentum=0.9).step
    calls["Adam"] = optim.Adam([parameter], 1e-3).step
    for name in PASSES:
        if name.endswith(", gradient"):
            out = unary[name.removesuffix(", gradient")](leaf)
            calls[name] = lambda out=out: mg.grad(out, leaf, y)
    return {name: calls[name] for name in PASSES}
