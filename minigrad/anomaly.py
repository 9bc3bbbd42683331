"""Where did the first NaN come from? Under `with mg.detect_anomaly():` an error names the op."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from .backend import xp
from .modes import mode
from .tensor import Tensor


@contextmanager
def detect_anomaly() -> Iterator[None]:
    """Raise FloatingPointError, with the op's name, as soon as a forward or backward result is NaN or infinite."""
    before = mode.anomaly, mode.watched
    mode.anomaly = mode.watched = True
    try:
        yield
    finally:
        mode.anomaly, mode.watched = before


def check_finite(name: str, out: Tensor, inputs: tuple) -> None:
    """Raise FloatingPointError if out, which the op `name` computed from inputs, holds a NaN or an infinity."""
    if out.data.dtype.kind != "f" or bool(xp(out.data).isfinite(out.data).all()):
        return
    # did this op make it, or did one whose output it was given?
    given = [x.data for x in inputs if isinstance(x, Tensor) and x.data.dtype.kind == "f"]
    blame = "made" if all(bool(xp(a).isfinite(a).all()) for a in given) else "was given, and passes on,"
    where = ", in the gradient rule of {} for {},".format(*mode.rule) if mode.rule else ""
    shapes = ", ".join(str(a.shape) for a in given)
    raise FloatingPointError(f"{name}{where} {blame} a NaN or infinity; inputs of shape {shapes}")
