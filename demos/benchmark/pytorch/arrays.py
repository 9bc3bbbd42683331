"""What passes over a large array: ops, the gradient of some, and steps of optimizers."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional as F

from demos.benchmark.shapes import PASSES, SIZE


def passes() -> dict[str, Callable[[], object]]:
    """Return a call for each name of PASSES."""
    x, y = torch.randn(SIZE), torch.randn(SIZE)
    mask = x > 0
    unary: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
        "relu": F.relu,
        "exp": torch.exp,
        "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        "gelu": F.gelu,
        "softmax": lambda x: F.softmax(x, -1),
        "layer_norm": lambda x: F.layer_norm(x, SIZE[1:]),
        "square": torch.square,
    }
    calls: dict[str, Callable[[], object]] = {
        **{name: lambda f=f: f(x) for name, f in unary.items()},
        "add": lambda: x + y,
        "multiply": lambda: x * y,
        "where": lambda: torch.where(mask, x, y),
        "sum": lambda: x.sum(),
        "sum of columns": lambda: x.sum(0),
        "sum of rows": lambda: x.sum(1),
        "max of rows": lambda: x.amax(1),
        "variance of columns": lambda: x.var(0, correction=0),
    }
    leaf = x.clone().requires_grad_()
    parameter = torch.nn.Parameter(x.clone())
    parameter.grad = y
    calls["SGD"] = torch.optim.SGD([parameter], 1e-3).step
    calls["SGD with momentum"] = torch.optim.SGD([parameter], 1e-3, momentum=0.9).step
    calls["Adam"] = torch.optim.Adam([parameter], 1e-3).step
    for name in PASSES:
        if name.endswith(", gradient"):
            out = unary[name.removesuffix(", gradient")](leaf)
            calls[name] = lambda out=out: torch.autograd.grad(out, leaf, y, retain_graph=True)
    return {name: calls[name] for name in PASSES}
