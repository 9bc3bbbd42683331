"""Ops of the models whose backward is meant to be no derivative, each with the loss whose gradient it is instead.

A surrogate's loss is another function than the op: it takes the cotangent g and what was held constant, and only its
gradient at the op's own inputs is what the op's rules return. tests/test_surrogates.py shows both, that the gradient
check refuses the op and that the rules are this gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from minigrad.op import Op
from models.inverse_graphics import hold


class Surrogate(NamedTuple):
    op: Op
    inputs: tuple[np.ndarray, ...]  # floating-point ones are differentiated
    params: dict
    loss: Callable  # (g, inputs) -> a function of Tensors, in place of the inputs, whose gradient the rules are


def held_loss(g, z, active, kappa):
    """Sum g z over what is active, and kappa / 2 (z - mean)**2 over the rest, with a mean that is constant."""
    mean = np.array([[rows.sum(axis=0) / len(rows)] for rows in z])

    def loss(z):
        squares = (z - mean) ** 2
        return (g * z * active).sum() + kappa / 2 * (squares * ~active).sum()

    return loss


def hold_in_two_batches() -> Surrogate:
    rng = np.random.default_rng(0)
    active = np.array([[[True, False, False]], [[False, True, True]]])
    return Surrogate(hold, (rng.normal(size=(2, 4, 3)), active), {"kappa": 0.3}, held_loss)


SURROGATES = [hold_in_two_batches()]
