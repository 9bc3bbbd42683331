"""Procedural faces in batches in each of which one thing varies: how a head turns, how it nods, the light, the person.

In a batch of "azimuth", "elevation" or "light" one person keeps still but for that factor. In a batch of "person" all
are different people, with expressions of their own, whose heads and lights are alike.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from . import faces
from .known import cut
from .machine import once_per_machine
from .studio import BACKDROP

# What varies besides the person, in radians: azimuth and elevation of the head, azimuth of the light.
FACTORS = {"azimuth": (-0.6, 0.6), "elevation": (-0.3, 0.3), "light": (-1.2, 1.2)}
FIELDS = {"azimuth": "yaw", "elevation": "pitch", "light": "azimuth"}  # of a Scene
PERSON = ("parameters", "smile")
ORDER = (*FACTORS, "person", "person", "person")  # of the batches, again and again: people differ in most ways
LIGHT = {"elevation": 0.3, "ambient": 0.35}  # the same for all


class Batches(NamedTuple):
    """Images (B, n, 3, 64, 64), B batches of n; what varies in each, (B,) str; the scene of all B n images in order."""

    images: np.ndarray
    varies: np.ndarray
    scene: faces.Scene


def turning(n: int, split: str, seed: int) -> faces.Scene:
    """Draw the scene of n faces, of 500 people at most, in which all factors vary independently of each other."""
    _, scene = faces.draw(n, split=split, seed=seed)
    rng = np.random.default_rng([seed, faces.SPLITS.index(split), 1])
    drawn = {FIELDS[name]: rng.uniform(low, high, n) for name, (low, high) in FACTORS.items()}
    same = {name: np.full(n, value) for name, value in LIGHT.items()}
    return scene._replace(background=np.full((n, 2, 3), BACKDROP), **drawn, **same)


@once_per_machine
def in_batches(number: int, size: int, split: str, seed: int) -> Batches:
    """Draw a number of batches of `size` faces each. ValueError for a size below 2: nothing varies in one image."""
    if size < 2:
        raise ValueError(f"in_batches: size is {size}; it must be at least 2, as nothing varies in one image")
    scene = turning(number * size, split, seed)
    varies = np.resize(ORDER, number)
    held = {}
    for name, field in scene._asdict().items():
        # in batches in which this does not vary, all have what the first one has
        field = field.reshape(number, size, *field.shape[1:])
        moves = np.array([name in PERSON if kind == "person" else name == FIELDS[kind] for kind in varies])
        field[~moves] = field[~moves, :1]
        held[name] = field.reshape(number * size, *field.shape[2:])
    scene = faces.Scene(**held)
    images = cut(scene)
    return Batches(images.reshape(number, size, *images.shape[1:]), varies, scene)
