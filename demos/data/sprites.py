"""Sprites: small coloured shapes of which everything is known, and analogies between them.

A sprite is six whole numbers, its factors: shape (4), colour (8), scale (4), row and column (5 x 5 places) and angle
(24, of 15 degrees each). No shape looks the same at two angles, so every turn can be seen. The counts and the size of
the images are those of Reed et al., NIPS 2015; the shapes are our own.

Places are a sixth of the image apart. In an image of 48 pixels that is 8, which three halvings turn into 1: a
convolutional network sees a sprite at any place in the same way.

In an analogy a:b::c:d a single thing happens to a, and the same to c: a turn, a change of scale, or a move.

Some combinations of shape and colour are held out: a network that has seen red hearts and yellow arrows meets red
arrows only when it is tested.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

FACTORS = ("shape", "colour", "scale", "row", "column", "angle")
COUNTS = (4, 8, 4, 5, 5, 24)  # values of each factor
SHAPE, COLOUR, SCALE, ROW, COLUMN, ANGLE = range(6)
KINDS = ("rotate", "scale", "move")
MOST = {"rotate": 4, "scale": 2, "move": 2}  # steps of an analogy in either direction, at most
SPLITS = {"train": (1, 2, 4, 5, 6, 7), "validation": (3,), "test": (0,)}  # (colour - 2 shape) mod 8
COLOURS = np.array(
    [
        *([0.95, 0.20, 0.20], [1.00, 0.58, 0.10], [0.98, 0.92, 0.25], [0.30, 0.80, 0.30]),
        *([0.25, 0.85, 0.90], [0.30, 0.42, 1.00], [0.75, 0.35, 0.95], [0.95, 0.95, 0.95]),
    ],
    np.float32,
)  # (8, 3); the background is black
SIZE, LEAST = 48, 32  # side of an image, and the smallest on which turns of 15 degrees can be seen
RADII = np.array([0.085, 0.11, 0.135, 0.165])  # of the circles around the shapes, as parts of the size
SAMPLES = 6  # squared, for each pixel: their mean is the antialiased edge


class Analogies(NamedTuple):
    """Factors of a, b, c and d: (n, 4, 6) int64, and what happens from a to b: (n,), an index of KINDS."""

    factors: np.ndarray
    kind: np.ndarray


# ---- drawing ---------------------------------------------------------------------------------------------------------


def draw(factors: np.ndarray, size: int = SIZE) -> np.ndarray:
    """Draw sprites: factors (.., 6) -> images (.., 3, size, size) float32 in [0, 1]. ValueError if size is below 32."""
    shape, colour, scale, row, column, angle = np.moveaxis(np.asarray(factors), -1, 0)
    step = size // 6  # from place to place
    # a window of a larger picture with the shape in its middle: the further up it starts, the lower is the shape
    windows = np.lib.stride_tricks.sliding_window_view(_masks(size), (size, size), axis=(3, 4))
    mask = windows[shape, scale, angle, (4 - row) * step, (4 - column) * step]  # (.., size, size)
    return mask[..., None, :, :] * COLOURS[colour][..., None, None]


@functools.lru_cache(2)
def _masks(size: int) -> np.ndarray:
    """Draw every shape, scale and angle in the middle of a background with room to move -> (4, 4, 24, side, side)."""
    if size < LEAST:
        raise ValueError(f"sprites: size is {size}; below {LEAST} pixels angles cannot be told apart: take {SIZE}")
    border = 2 * (size // 6)  # the room for two steps in every direction
    side = size + 2 * border
    masks = np.zeros((COUNTS[SHAPE], COUNTS[SCALE], COUNTS[ANGLE], side, side), np.float32)
    for i, j, k in np.ndindex(masks.shape[:3]):
        radius = RADII[j] * size
        empty = int(size / 2 - radius)  # rows above the shape, and below it, that need no samples
        n = size - 2 * empty
        x = ((np.arange(n * SAMPLES) + 0.5) / SAMPLES - n / 2) / radius
        y = -x[:, None]  # points up
        turn = np.deg2rad(k * 360 / COUNTS[ANGLE])
        covered = SHAPES[i](np.cos(turn) * x - np.sin(turn) * y, np.sin(turn) * x + np.cos(turn) * y)
        inner = slice(border + empty, border + empty + n)
        masks[i, j, k, inner, inner] = covered.reshape(n, SAMPLES, n, SAMPLES).mean(axis=(1, 3))
    masks.setflags(write=False)
    return masks


# Each tells whether points lie inside it; it fits in the unit circle. Turned by an angle clockwise, it is asked for the
# points turned back.


def _arrow(x, y):
    """A triangle on a stem; it points up."""
    return ((y > 0) & (np.abs(x) < 0.95 * (1 - y))) & (y < 1) | ((y > -0.9) & (y <= 0) & (np.abs(x) < 0.3))


def _heart(x, y):
    """The curve (x^2 + y^2 - 1)^3 = x^2 y^3, reduced."""
    x, y = 1.25 * x, 1.25 * y + 0.1
    return (x * x + y * y - 1) ** 3 < x * x * y**3


def _moon(x, y):
    """A disc without a smaller one."""
    return (x * x + y * y < 0.9) & ((x - 0.45) ** 2 + y * y > 0.45)


def _corner(x, y):
    """The letter L."""
    upright, foot = (x > -0.6) & (x < -0.1) & (np.abs(y) < 0.8), (np.abs(x) < 0.6) & (y > -0.8) & (y < -0.3)
    return upright | foot


SHAPES = (_arrow, _heart, _moon, _corner)

# ---- choosing --------------------------------------------------------------------------------------------------------


def sprites(n: int, split: str, rng: np.random.Generator) -> np.ndarray:
    """Choose n sprites among the combinations of shape and colour of a split -> factors (n, 6) int64.

    ValueError for an unknown split.
    """
    if split not in SPLITS:
        raise ValueError(f"sprites: unknown split {split!r}; it must be one of {', '.join(map(repr, SPLITS))}")
    factors = rng.integers(COUNTS, size=(n, len(COUNTS)))
    factors[:, COLOUR] = (2 * factors[:, SHAPE] + rng.choice(SPLITS[split], n)) % COUNTS[COLOUR]
    return factors


def is_of(split: str, factors: np.ndarray) -> np.ndarray:
    """Say which sprites (.., 6) belong to a split, by shape and colour -> (..) bool."""
    return np.isin((factors[..., COLOUR] - 2 * factors[..., SHAPE]) % COUNTS[COLOUR], SPLITS[split])


def analogies(n: int, split: str, rng: np.random.Generator) -> Analogies:
    """Choose n analogies, in which a and c have nothing in common but by chance; a third of each kind, about."""
    kind = rng.integers(len(KINDS), size=n)
    steps = np.zeros((n, len(FACTORS)), np.int64)
    steps[:, ANGLE] = _nonzero(MOST["rotate"], n, rng) * (kind == KINDS.index("rotate"))
    steps[:, SCALE] = _nonzero(MOST["scale"], n, rng) * (kind == KINDS.index("scale"))
    steps[:, [ROW, COLUMN]] = _moves(n, rng) * (kind == KINDS.index("move"))[:, None]
    # places and scales are counted from an end, so that a step has to leave room at the other; angles go round
    count, starts = np.array(COUNTS), []
    for factors in (sprites(n, split, rng), sprites(n, split, rng)):
        room = count - np.abs(steps) * (count != COUNTS[ANGLE])
        starts.append(np.where(steps == 0, factors, rng.integers(room) - np.minimum(steps, 0)) % count)
    a, c = starts
    return Analogies(np.stack([a, step(a, steps), c, step(c, steps)], axis=1), kind)


def step(factors: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Add steps to factors, both (.., 6); angles go round, and nothing else may leave its range."""
    return np.where(np.arange(len(COUNTS)) == ANGLE, (factors + steps) % COUNTS[ANGLE], factors + steps)


def _nonzero(most: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n whole numbers from -most to most, but not 0."""
    return rng.integers(1, most + 1, n) * rng.choice([-1, 1], n)


def _moves(n: int, rng: np.random.Generator) -> np.ndarray:
    """Draw n moves by rows and columns, (n, 2), but not by none."""
    most = MOST["move"]
    index = rng.integers(1, (2 * most + 1) ** 2, n)  # of all moves, counted from the one that stays
    place = (index + (2 * most + 1) ** 2 // 2) % (2 * most + 1) ** 2
    return np.stack(np.divmod(place, 2 * most + 1), axis=1) - most
