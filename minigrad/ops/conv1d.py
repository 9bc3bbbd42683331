"""Convolution of signals: a signal is an image one pixel high."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..op import as_tensor
from .conv import conv2d, conv_transpose2d
from .shape import squeeze, unsqueeze


def conv1d(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Slide w along x. x (N,C,L), w (O,C/groups,k), b (O) or None -> (N,O,l). Arguments and errors as for conv2d."""
    x, w = _signals("conv1d", x, w)
    if not isinstance(padding, str):  # conv2d understands "same" and "valid" too
        padding = (0, one("conv1d: padding", padding, 0))
    stride = (1, one("conv1d: stride", stride, 1))
    dilation = (1, one("conv1d: dilation", dilation, 1))
    out = conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups)
    return squeeze(out, 2)  # (N,O,1,l) -> (N,O,l)


def conv_transpose1d(x, w, b=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Spread x over windows weighted by w: the adjoint of conv1d. x (N,O,l), w (O,C/groups,k) -> (N,C,L).

    Arguments and errors as for conv_transpose2d.
    """
    x, w = _signals("conv_transpose1d", x, w)
    options = {
        "stride": (1, one("conv_transpose1d: stride", stride, 1)),
        "padding": (0, one("conv_transpose1d: padding", padding, 0)),
        "output_padding": (0, one("conv_transpose1d: output_padding", output_padding, 0)),
        "dilation": (1, one("conv_transpose1d: dilation", dilation, 1)),
    }
    return squeeze(conv_transpose2d(x, w, b, groups=groups, **options), 2)  # (N,C,1,L) -> (N,C,L)


def one(name: str, value: int | Sequence[int], least: int) -> int:
    """Return value, an integer or a sequence of one, as an int; ValueError, with its name, if it is less than least."""
    (number,) = value if isinstance(value, Sequence) and len(value) == 1 else (value,)
    if not isinstance(number, int | np.integer) or number < least:
        raise ValueError(f"{name} is {value!r}; it must be an integer of at least {least}")
    return int(number)


def _signals(name, x, w):
    """Return x and w with an axis of height 1: (N,C,L) -> (N,C,1,L)."""
    x, w = (as_tensor(t, (x, w)) for t in (x, w))
    if x.ndim != 3 or w.ndim != 3:
        raise ValueError(
            f"{name}: x has shape {x.shape}, w {w.shape}; both need three axes, (N,C,L) and (O,C/groups,k)"
        )
    return unsqueeze(x, 2), unsqueeze(w, 2)
