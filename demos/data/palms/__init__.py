"""Left hands seen from the palm, drawn from known proportions, pose, paint and light: a data set without a download.

A hand is a palm and five fingers of three links each (hands.py), round bodies over the plane of the picture that hide
each other by their height and are seen by parallel rays (view.py). Positions are (x, y), x to the right and y down; the
frame is [-1, 1] x [-1, 1], edge to edge, as in grid_sample(align_corners=False).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demos.data.machine import once_per_machine
from demos.data.scene import SPLITS, broadcast, deal, individuals, take

from .hands import CENTRE, FAN, LANDMARKS, RANGES, Hand, landmarks, pose
from .view import compose, finger, palm, places

__all__ = ["FACTORS", "LANDMARKS", "PARAMETERS", "RANGES", "SPLITS"]
__all__ += ["Palms", "Render", "Scene", "draw", "hands", "palms", "render", "take"]

PARAMETERS = tuple(RANGES)  # the columns of a hand
HANDS = 500  # in each split, at most
CHUNK = 8  # images rendered at a time: what they need fits the cache

# What an image draws uniformly, besides its hand; angles in radians.
FACTORS = {
    "fan": (0.1, 1.4),  # how far the fingers spread, of what they do at rest
    "thumb": (-0.95, -0.45),
    "curl": (0.0, 0.7),  # how far all fingers bend
    "roll": (-np.pi / 9, np.pi / 9),
    "azimuth": (-1.0, 1.0),
    "elevation": (-0.2, 0.9),
    "ambient": (0.4, 0.6),
}
SINGLE_SPREAD, SINGLE_BEND = 0.1, 0.3  # of a finger apart from all others, at most
# What `render` accepts: palms are made to be seen from the front.
LIMITS = {"spread": (-1.3, 0.6), "bend": (0, 1), "roll": (-np.pi, np.pi), "azimuth": (-np.pi, np.pi)}
LIMITS |= {"elevation": (-np.pi / 2, np.pi / 2), "ambient": (0, 1), "background": (0, 1)}


class Scene(NamedTuple):
    """All that n images show. Anything may be given once for all: every field broadcasts to n.

    parameters (n, 18): a hand each, columns PARAMETERS; spread (n, 5): direction of each finger from upright,
    clockwise, thumb first; bend (n, 5): of each finger, 0 straight to 1 towards the viewer, the thumb across the palm;
    roll (n,): of the whole hand, clockwise; azimuth, elevation (n,): of the light, > 0 from the viewer's right, from
    above; ambient (n,): its share without direction; background (n, 3): its colour.
    """

    parameters: np.ndarray
    spread: np.ndarray = FAN
    bend: np.ndarray | float = np.zeros(5)
    roll: np.ndarray | float = 0.0
    azimuth: np.ndarray | float = 0.4
    elevation: np.ndarray | float = 0.4
    ambient: np.ndarray | float = 0.5
    background: np.ndarray | float = np.array([0.25, 0.31, 0.40])


class Render(NamedTuple):
    """images (n, 3, size, size), mask (n, 1, size, size): float32 in [0, 1], the mask soft at the outline.

    landmarks (n, 11, 2) float64: x and y of LANDMARKS in the frame, whether something hides them or not.
    """

    images: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray


class Palms(NamedTuple):
    """A Render with its truth: identity (n,) int64, the number of the hand; scene: Scene of arrays float64."""

    images: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray
    identity: np.ndarray
    scene: Scene


def hands(numbers, *, seed=0):
    """Draw the hands of these numbers, whole and from 0, (n,) -> (n, 18) float64, columns in the order of RANGES."""
    return individuals(RANGES, numbers, seed)


@once_per_machine
def palms(n, *, split="train", size=64, seed=0, number_of_hands=HANDS):
    """Draw n palms -> Palms. Equal arguments, equal bits; the splits share no hand. ValueError as draw and render."""
    identity, scene = draw(n, split=split, seed=seed, number_of_hands=number_of_hands)
    return Palms(*render(scene, size), identity, scene)


def draw(n, *, split="train", seed=0, number_of_hands=HANDS):
    """Draw what n images show -> identity (n,), Scene. Every hand is shown equally often, to within one image.

    Hands have even numbers in "train" and odd ones in "test". ValueError for an unknown split, a negative n, or no hand
    to draw.
    """
    if split not in SPLITS:
        raise ValueError(f"palms: split is {split!r}; it must be one of {', '.join(map(repr, SPLITS))}")
    if n < 0 or number_of_hands < 1:
        raise ValueError(f"palms: n is {n}, number_of_hands {number_of_hands}; they must be at least 0 and 1")
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    identity = deal(rng, n, split, number_of_hands)
    factors = {name: rng.uniform(low, high, n) for name, (low, high) in FACTORS.items()}
    spread = factors.pop("fan")[:, None] * FAN
    spread[:, 0] = factors.pop("thumb")
    spread[:, 1:] += rng.uniform(-SINGLE_SPREAD, SINGLE_SPREAD, (n, 4))
    bend = factors.pop("curl")[:, None] + rng.uniform(-SINGLE_BEND, SINGLE_BEND, (n, 5))
    return identity, Scene(hands(identity, seed=seed), spread, bend.clip(0, 1), **factors, background=_backdrop(n))


def _backdrop(n):
    """Repeat the one background (n, 3)."""
    return np.broadcast_to(Scene._field_defaults["background"], (n, 3))


def render(scene, size=64):
    """Render a scene -> Render. ValueError if its fields do not broadcast, or leave the range where a palm is seen."""
    if size < 16:
        raise ValueError(f"render: size is {size}; it must be at least 16 pixels")
    scene = _checked(scene)
    n = len(scene.roll)
    out = Render(
        np.empty((n, 3, size, size), np.float32),
        np.empty((n, 1, size, size), np.float32),
        np.empty((n, len(LANDMARKS), 2)),
    )
    for start in range(0, n, CHUNK):
        rows = slice(start, start + CHUNK)
        for whole, part in zip(out, _render(take(scene, rows), size), strict=True):
            whole[rows] = part
    return out


def _render(scene, size):
    """Render a few images at once."""
    skeleton = pose(scene.parameters, scene.spread, scene.bend)
    x, y = places(scene.roll, CENTRE, size)
    hand = Hand(*(field.astype(np.float32)[:, None, None] for field in scene.parameters.T))
    nails = Hand(*scene.parameters.T).nails
    parts = [palm(x, y, scene.roll, hand, skeleton.outline)]
    parts += [finger(x, y, *(field[:, i] for field in skeleton[:3]), nails) for i in range(5)]
    # rows of this matrix turn a vector of the frame into one of the upright hand
    cos, sin, zero, one = np.cos(scene.roll), np.sin(scene.roll), np.zeros(len(x)), np.ones(len(x))
    upright = np.array([[cos, sin, zero], [-sin, cos, zero], [zero, zero, one]])
    flat = np.cos(scene.elevation)
    light = np.stack([np.sin(scene.azimuth) * flat, -np.sin(scene.elevation), np.cos(scene.azimuth) * flat])
    light = np.einsum("ijn,jn->ni", upright, light)
    image, mask = compose(parts, hand, light, scene.ambient, scene.background)
    points = np.einsum("jin,nkj->nki", upright[:2, :2], landmarks(skeleton) - CENTRE) + CENTRE
    return Render(image, mask[:, None], points)


def _checked(scene):
    """Broadcast every field of a scene to its n images, float64."""
    inner = {"parameters": (len(PARAMETERS),), "spread": (5,), "bend": (5,), "background": (3,)}
    shapes = f"parameters must be (n, {len(PARAMETERS)}), spread and bend (n, 5), background (n, 3) and the rest (n,)"
    scene = broadcast(scene, inner, LIMITS, shapes)
    if not np.isfinite(scene.parameters).all():
        raise ValueError("render: parameters hold values that are not finite; draw hands with hands(numbers)")
    return scene
