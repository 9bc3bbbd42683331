"""Initial values of weights: functions of a shape and an explicit rng that return float32 arrays.

Shapes are those of weights, (out, in, *kernel). With k positions in the kernel, fan_in = in * k is the number of terms
that one output sums, and fan_out = out * k the number of outputs that one input reaches.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from ..backend import xp

if TYPE_CHECKING:
    from .module import Module


def initialise(module: Module, draw: Callable[..., np.ndarray], rng: np.random.Generator) -> None:
    """Set every weight of a module with two axes or more to draw(shape, rng), and every bias to 0, in place."""
    for path, p in module.named_parameters():
        if p.ndim >= 2:
            p.data[...] = xp(p.data).asarray(draw(p.shape, rng))
            p.mark_changed()
        elif path.rpartition(".")[2] == "bias":
            p.data[...] = 0
            p.mark_changed()


def zeros(shape: tuple[int, ...]) -> np.ndarray:
    """Zeros, for biases."""
    return np.zeros(shape, np.float32)


def normal(shape: tuple[int, ...], rng: np.random.Generator, std: float = 0.01) -> np.ndarray:
    """Draw from N(0, std**2)."""
    return (rng.standard_normal(shape, np.float32) * std).astype(np.float32)


def uniform(shape: tuple[int, ...], rng: np.random.Generator, bound: float) -> np.ndarray:
    """Draw from [-bound, bound)."""
    return (rng.random(shape, np.float32) * (2 * bound) - bound).astype(np.float32)


def kaiming_normal(shape: tuple[int, ...], rng: np.random.Generator, slope: float = 0.0) -> np.ndarray:
    """Draw so that (leaky) ReLU layers preserve the variance of activations: std = sqrt(2 / ((1 + slope**2) fan_in)).

    He et al. 2015, arXiv 1502.01852.
    """
    return normal(shape, rng, _kaiming_std(shape, slope))


def kaiming_uniform(shape: tuple[int, ...], rng: np.random.Generator, slope: float = 0.0) -> np.ndarray:
    """Draw from the uniform distribution with kaiming_normal's variance."""
    return uniform(shape, rng, math.sqrt(3) * _kaiming_std(shape, slope))  # U(-b, b) has the variance b^2 / 3


def xavier_normal(shape: tuple[int, ...], rng: np.random.Generator, gain: float = 1.0) -> np.ndarray:
    """Draw so that linear layers preserve the variance forwards and backwards: gain * sqrt(2 / (fan_in + fan_out)).

    Glorot & Bengio 2010.
    """
    return normal(shape, rng, gain * math.sqrt(2.0 / sum(_fans(shape))))


def xavier_uniform(shape: tuple[int, ...], rng: np.random.Generator, gain: float = 1.0) -> np.ndarray:
    """Draw from the uniform distribution with xavier_normal's variance."""
    return uniform(shape, rng, gain * math.sqrt(6.0 / sum(_fans(shape))))


def _kaiming_std(shape: tuple[int, ...], slope: float) -> float:
    # half of the inputs are negative, and keep slope^2 of their squares: the variance falls by (1 + slope^2) / 2
    fan_in, _ = _fans(shape)
    return math.sqrt(2.0 / ((1 + slope**2) * fan_in))


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out)."""
    if len(shape) < 2 or 0 in shape:
        raise ValueError(f"init: shape {shape} has no fan; it must be (out, in, *kernel) without zeros")
    kernel = math.prod(shape[2:])
    return shape[1] * kernel, shape[0] * kernel
