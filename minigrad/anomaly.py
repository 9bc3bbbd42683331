"""Where did the first NaN come from? with mg.detect_anomaly(): .. names the op."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .backend import xp
from .modes import mode
from .tensor import Tensor


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise FloatingPointError, naming the op, as soon as a forward or backward result is NaN or infinite."""
    before, mode.anomaly = mode.anomaly, True
    try:
        yield
    finally:
        mode.anomaly = before


def check_finite(name: str, out: Tensor, inputs: tuple) -> None:
    """Raise FloatingPointError if out, which the op `name` made of inputs, holds a NaN or an infinity."""
    if out.data.dtype.kind != "f" or bool(xp(out.data).isfinite(out.data).all()):
        return
    given = [x.data for x in inputs if isinstance(x, Tensor) and x.data.dtype.kind == "f"]
    blame = "made" if all(bool(xp(a).isfinite(a).all()) for a in given) else "was given, and passes on,"
    where = ", in the gradient rule of {} for {},".format(*mode.rule) if mode.rule else ""
    shapes = ", ".join(str(a.shape) for a in given)
    raise FloatingPointError(f"{name}{where} {blame} a NaN or infinity; inputs of shape {shapes}")
