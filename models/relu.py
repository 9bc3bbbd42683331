"""A ReLU that can be told to let gradients pass where it is silent, for drawing the images that activate a network.

A ReLU is silent where x <= 0: it gives 0, and its gradient is 0. If it is silent at every place of an image, ascent on
the pixels has no gradient to follow and never starts. Within `redirected_relu()` the gradient passes for such an image
wherever descent along it would raise a negative x, as in the library Lucid. The networks of this folder that images are
drawn for are built with this ReLU; outside the context, and in other threads, it is mg.relu.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import minigrad as mg
from minigrad import Tensor, nn
from minigrad.op import Op

_redirecting = ContextVar("redirecting", default=False)

# mg.relu with a gradient rule of its own. It is made without @op, since it is no new function of the engine.
relu = Op(mg.relu.forward, order=None, dtypes="numpy")


def _rule(g: Tensor, out: Tensor, x: Tensor) -> Tensor:
    gx = mg.relu.rules["x"](g, out, x)
    if not _redirecting.get():
        return gx
    # the images for which no gradient passes at all
    silent = (gx.reshape(len(x), -1) == 0).numpy().all(axis=1).reshape(-1, *[1] * (x.ndim - 1))
    if not silent.any():
        return gx
    passes = (x > 0).astype(g.dtype) + (x <= 0) * (g < 0)
    return mg.where(Tensor.wrap(silent).to(g.device), g * passes, gx)


relu.defvjp(x=_rule)


class ReLU(nn.Module):
    """relu as a layer."""

    def forward(self, x: Tensor) -> Tensor:
        return relu(x)


@contextmanager
def redirected_relu() -> Iterator[None]:
    """Let gradients that are computed within pass the silent ReLUs of this file."""
    token = _redirecting.set(True)
    try:
        yield
    finally:
        _redirecting.reset(token)
