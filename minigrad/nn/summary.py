"""A table of a model's layers: shapes, parameters and work."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from ..modes import no_grad
from ..tensor import Tensor
from .module import Module


def summary(model: Module, input_shape: tuple[int, ...], dtype: Any = np.float32) -> str:
    """Print and return a table of a model's layers: output shape, parameters and multiply-adds.

    input_shape includes the batch axis; the model is run on zeros of that shape, in evaluation mode. A layer that is
    called twice has two rows, and its parameters count once.
    """
    names = {id(module): name for name, module in model.named_modules()}
    rows: list[tuple[str, str, str, int, int]] = []
    counted: set[int] = set()

    def observe(module: Module, inputs: tuple, out: Any) -> None:
        """Add a row for each layer, that is, for each module without parts."""
        if any(True for _ in module.children()) or id(module) not in names:
            return
        name = names[id(module)] or "(model)"
        shape = ", ".join(str(t.shape) for t in _tensors(out))
        new = [p for p in module.parameters() if id(p) not in counted]
        counted.update(id(p) for p in new)
        count = getattr(module, "multiply_adds", None)
        work = count(*inputs, out) if count else 0
        rows.append((name, type(module).__name__, shape, sum(p.size for p in new), work))

    _run(model, Tensor(np.zeros(input_shape, dtype)), observe)

    # parameters that belong to no layer, such as a module's own beside its parts
    outside = sum(p.size for p in model.parameters() if id(p) not in counted)
    if outside:
        rows.append(("(other parameters)", "", "", outside, 0))
    table = _table(rows, sum(math.prod(p.shape) for p in model.parameters()))
    print(table)
    return table


def _run(model: Module, x: Tensor, observe: Callable) -> None:
    """Run the model in evaluation mode, observed, and leave its modes and the observer as they were."""
    modes = [(module, module.training) for _, module in model.named_modules()]
    before = Module.observer
    Module.observer = observe
    try:
        with no_grad():
            model.eval()(x)
    finally:
        Module.observer = before
        for module, training in modes:
            module.training = training


def _tensors(out: Any) -> list[Tensor]:
    """Return the tensors of an output, which may be a tuple of tensors and of further tuples."""
    return [out] if isinstance(out, Tensor) else [t for part in out for t in _tensors(part)]


def _table(rows: list[tuple[str, str, str, int, int]], parameters: int) -> str:
    """Return the rows as text, in columns as wide as their widest cell, between a head and the totals."""
    head = ("layer", "type", "output", "parameters", "multiply-adds")
    total = ("total", "", "", parameters, sum(row[4] for row in rows))
    cells = [head, *((*row[:3], f"{row[3]:,}", f"{row[4]:,}") for row in [*rows, total])]
    a, b, c, d, e = (max(map(len, column)) for column in zip(*cells))
    lines = [f"{row[0]:<{a}}  {row[1]:<{b}}  {row[2]:<{c}}  {row[3]:>{d}}  {row[4]:>{e}}" for row in cells]
    rule = "-" * len(lines[0])
    return "\n".join([lines[0], rule, *lines[1:-1], rule, lines[-1]])
