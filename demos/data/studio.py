"""Procedural faces as in a photographer's studio: before one grey backdrop and, if wanted, under one light."""

from __future__ import annotations

import numpy as np

from . import faces
from .machine import once_per_machine

SIZE = 64  # side of an image
BACKDROP = 0.6  # grey behind all faces
CHUNK = 500  # images rendered at a time


@once_per_machine
def studio(n: int, split: str, seed: int, **light: float) -> faces.Faces:
    """Draw n faces of SIZE x SIZE pixels. light: the azimuth, elevation and ambient of all, else each has its own."""
    identity, scene = faces.draw(n, split=split, seed=seed)
    same = {name: np.full(n, value) for name, value in light.items()}
    scene = scene._replace(background=np.full((n, 2, 3), BACKDROP), **same)
    chunks = [np.arange(start, min(start + CHUNK, n)) for start in range(0, n, CHUNK)]
    parts = [faces.render(faces.take(scene, chunk), SIZE) for chunk in chunks]
    return faces.Faces(*(np.concatenate(field) for field in zip(*parts)), identity, scene)
