"""Convolution of signals: that of images one pixel high."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..op import as_tensor
from .conv import conv2d, conv_transpose2d
from .shape import squeeze, unsqueeze


def conv1d(x, w, b=None, *, stride=1, padding=0, dilation=1, groups=1):
    """Slide w along x. x (N,C,L), w (O,C/groups,k), b (O) or None -> (N,O,l). Arguments and errors as conv2d's."""
    x, w = _signals("conv1d", x, w)
    if not isinstance(padding, str):  # "same" and "valid" go through
        padding = (0, one("conv1d: padding", padding, 0))
    stride, dilation = (1, one("conv1d: stride", stride, 1)), (1, one("conv1d: dilation", dilation, 1))
    return squeeze(conv2d(x, w, b, stride=stride, padding=padding, dilation=dilation, groups=groups), 2)


def conv_transpose1d(x, w, b=None, *, stride=1, padding=0, output_padding=0, groups=1, dilation=1):
    """Spread x over windows weighted by w: the adjoint of conv1d. x (N,O,l), w (O,C/groups,k) -> (N,C,L).

    Arguments and errors as conv_transpose2d's.
    """
    x, w = _signals("conv_transpose1d", x, w)
    options = {
        "stride": (1, one("conv_transpose1d: stride", stride, 1)),
        "padding": (0, one("conv_transpose1d: padding", padding, 0)),
        "output_padding": (0, one("conv_transpose1d: output_padding", output_padding, 0)),
        "dilation": (1, one("conv_transpose1d: dilation", dilation, 1)),
    }
    return squeeze(conv_transpose2d(x, w, b, groups=groups, **options), 2)


def one(name: str, value: int | Sequence[int], least: int) -> int:
    """Return value, an int or one in a sequence, as an int; ValueError, naming it, if it is none or under `least`."""
    (number,) = value if isinstance(value, Sequence) and len(value) == 1 else (value,)
    if not isinstance(number, int | np.integer) or number < least:
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {least}")
    return int(number)


def _signals(name, x, w):
    """Return x and w with an axis of height 1."""
    x, w = (as_tensor(t, (x, w)) for t in (x, w))
    if x.ndim != 3 or w.ndim != 3:
        raise ValueError(
            f"{name}: x has shape {x.shape}, w {w.shape}; want three axes each, (N,C,L) and (O,C/groups,k)"
        )
    return unsqueeze(x, 2), unsqueeze(w, 2)
