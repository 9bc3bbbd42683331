"""Faces drawn from known shape, pose, expression, paint and light: a data set that needs no download.

A face is a star-shaped surface (head.py), painted (paint.py) and seen by parallel rays (view.py):
image = mask albedo shading + (1 - mask) background, shading = ambient + (1 - ambient) max(0, normal . light).
Positions are (x, y), x to the right and y down; the frame is [-1, 1] x [-1, 1], edge to edge, as in
grid_sample(align_corners=False).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demos.data.machine import once_per_machine
from demos.data.scene import SPLITS, broadcast, deal, take

from .people import RANGES, people
from .places import LANDMARKS, MIRRORED
from .view import compose, layers, light_direction

__all__ = ["FACTORS", "LANDMARKS", "MIRRORED", "PARAMETERS", "RANGES", "SPLITS"]
__all__ += ["Faces", "Render", "Scene", "draw", "faces", "people", "render", "take"]

PARAMETERS = tuple(RANGES)  # the columns of a person
PEOPLE = 500  # in each split, at most
CHUNK = 8  # images rendered at a time: what they need fits the cache

# What an image draws uniformly, besides its person and its background; angles in radians.
FACTORS = {
    "yaw": (-0.5, 0.5),
    "pitch": (-0.25, 0.25),
    "smile": (-1, 1),
    "azimuth": (-1.2, 1.2),
    "elevation": (-0.2, 0.8),
    "ambient": (0.3, 0.6),
}
# What `render` accepts: faces are made to be seen from the front.
LIMITS = {"yaw": 0.6, "pitch": 0.3, "smile": 1, "azimuth": np.pi, "elevation": np.pi / 2}


class Scene(NamedTuple):
    """All that n images show. Anything may be given once for all: every field broadcasts to n.

    parameters (n, 27): a person each, columns PARAMETERS; yaw (n,): > 0 turns to the viewer's right; pitch (n,): > 0
    looks up; smile (n,): -1 frown to 1 smile; azimuth, elevation (n,): of the light, > 0 from the viewer's right, from
    above; ambient (n,): its share without direction; background (n, 2, 3): colours at the top and bottom edge.
    """

    parameters: np.ndarray
    yaw: np.ndarray | float = 0.0
    pitch: np.ndarray | float = 0.0
    smile: np.ndarray | float = 0.0
    azimuth: np.ndarray | float = 0.4
    elevation: np.ndarray | float = 0.3
    ambient: np.ndarray | float = 0.45
    background: np.ndarray | float = 0.6


class Render(NamedTuple):
    """Images and their parts, float32 in [0, 1].

    images, albedo (n, 3, size, size); shading, mask (n, 1, size, size): albedo and shading are 0 where the mask is, and
    the mask holds head, hair, neck and clothes, soft at the outline; landmarks (n, 20, 2) float64: x and y of LANDMARKS
    in the frame.
    """

    images: np.ndarray
    albedo: np.ndarray
    shading: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray


class Faces(NamedTuple):
    """A Render with its truth: identity (n,) int64, the number of the person; scene: Scene of arrays float64."""

    images: np.ndarray
    albedo: np.ndarray
    shading: np.ndarray
    mask: np.ndarray
    landmarks: np.ndarray
    identity: np.ndarray
    scene: Scene


@once_per_machine
def faces(n, *, split="train", size=64, seed=0, number_of_people=PEOPLE):
    """Draw n faces -> Faces. Equal arguments, equal bits; the splits share no person.

    At size 64 an image with all of its parts takes 128 kB; `draw` and `render` make them piece by piece. ValueError as
    those two.
    """
    identity, scene = draw(n, split=split, seed=seed, number_of_people=number_of_people)
    return Faces(*render(scene, size), identity, scene)


def draw(n, *, split="train", seed=0, number_of_people=PEOPLE):
    """Draw what n images show -> identity (n,), Scene. Every person is shown equally often, to within one image.

    Persons have even numbers in "train" and odd ones in "test". ValueError for an unknown split, a negative n, or
    nobody to draw.
    """
    if split not in SPLITS:
        raise ValueError(f"faces: split is {split!r}; it must be one of {', '.join(map(repr, SPLITS))}")
    if n < 0 or number_of_people < 1:
        raise ValueError(f"faces: n is {n}, number_of_people {number_of_people}; they must be at least 0 and 1")
    rng = np.random.default_rng([seed, SPLITS.index(split)])
    identity = deal(rng, n, split, number_of_people)
    factors = {name: rng.uniform(low, high, n) for name, (low, high) in FACTORS.items()}
    grey, tint, gradient = (rng.uniform(-1, 1, shape) for shape in ((n, 1, 1), (n, 1, 3), (n, 1, 1)))
    edge = np.array([-1, 1]).reshape(2, 1)
    background = 0.55 + 0.22 * grey + 0.1 * tint + 0.1 * gradient * edge  # (n, 2, 3), muted
    return identity, Scene(people(identity, seed=seed), **factors, background=background)


def render(scene, size=64, *, aligned=False):
    """Render a scene -> Render; aligned: the eyes are in the middle of the frame, not the head.

    ValueError if its fields do not broadcast, or leave the range where a face is seen.
    """
    if size < 16:
        raise ValueError(f"render: size is {size}; it must be at least 16 pixels")
    scene = _checked(scene)
    n = len(scene.yaw)
    shapes = (n, 3, size, size), (n, 3, size, size), (n, 1, size, size), (n, 1, size, size)
    out = Render(*(np.empty(shape, np.float32) for shape in shapes), np.empty((n, len(LANDMARKS), 2)))
    for start in range(0, n, CHUNK):
        rows = slice(start, start + CHUNK)
        for whole, part in zip(out, _render(take(scene, rows), size, aligned), strict=True):
            whole[rows] = part
    return out


def _render(scene, size, aligned):
    """Render a few images at once."""
    seen, landmarks = layers(scene.parameters, scene.yaw, scene.pitch, scene.smile, size, aligned)
    light, ambient = light_direction(scene.azimuth, scene.elevation), scene.ambient.astype(np.float32)
    albedo, shading, mask = compose(seen, light, ambient)
    shading, mask = shading[:, None], mask[:, None]
    albedo, shading = np.clip(albedo, 0, 1) * (mask > 0), shading * (mask > 0)
    down = ((2 * np.arange(size) + 1) / (2 * size)).astype(np.float32)[:, None]  # 0 at the top edge, 1 at the bottom
    top, bottom = np.moveaxis(scene.background.astype(np.float32), 1, 0)[..., None, None]  # (n, 3, 1, 1) each
    background = top + down * (bottom - top)
    return Render(mask * albedo * shading + (1 - mask) * background, albedo, shading, mask, landmarks)


def _checked(scene):
    """Broadcast every field of a scene to its n images, float64."""
    inner = {"parameters": (len(PARAMETERS),), "background": (2, 3)}
    bounds = {name: (-limit, limit) for name, limit in LIMITS.items()} | {"ambient": (0, 1), "background": (0, 1)}
    shapes = f"parameters must be (n, {len(PARAMETERS)}), background (n, 2, 3) and the rest (n,)"
    scene = broadcast(scene, inner, bounds, shapes)
    if not np.isfinite(scene.parameters).all():
        raise ValueError("render: parameters hold values that are not finite; draw persons with people(numbers)")
    return scene
