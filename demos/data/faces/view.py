"""How a head is seen: turned, met by parallel rays, lit by one distant light.

Points in the frame are x to the right, y down, z towards the viewer.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .head import Head, chart, sphere
from .paint import clothes_colour, hair_colour, over, paint, skin_colour
from .people import Person
from .places import EYES, landmark_places

CENTRE = np.array([0.0, 0.04])  # of the head in the frame, unless the eyes are put in its middle
STEPS = 13  # of a ray towards the surface
EASE = 0.7  # each goes less far than a plain ellipsoid would ask, because bumps are steeper
GRAZING = 0.5  # a ray that meets the surface at a lower angle than this steps as if it met it at this one


class Layer(NamedTuple):
    """One thing in front of others: cover (n, s, s), albedo (n, 3, s, s) or (n, 3, 1, 1), normal (n, 3, s, s)."""

    cover: np.ndarray
    albedo: np.ndarray
    normal: np.ndarray


def rotation(yaw, pitch):
    """Rotate from head to frame: nod after turn. yaw, pitch (n,) -> (n, 3, 3)."""
    cy, sy, cp, sp = np.cos(yaw), np.sin(yaw), np.cos(pitch), np.sin(pitch)
    one, zero = np.ones_like(cy), np.zeros_like(cy)
    turn = np.array([[cy, zero, sy], [zero, one, zero], [-sy, zero, cy]])
    nod = np.array([[one, zero, zero], [zero, cp, -sp], [zero, sp, cp]])
    return np.einsum("ijn,jkn->nik", nod, turn)


def light_direction(azimuth, elevation):
    """Return unit vectors towards the light (n, 3)."""
    flat = np.cos(elevation)
    return np.stack([np.sin(azimuth) * flat, -np.sin(elevation), np.cos(azimuth) * flat], 1)


def shade(normal, light, ambient):
    """Lambert's law: ambient + (1 - ambient) max(0, normal . light). normal (n, 3, s, s) -> (n, s, s)."""
    facing = np.einsum("nkhw,nk->nhw", normal, light.astype(np.float32))
    return ambient[:, None, None] + (1 - ambient[:, None, None]) * np.maximum(facing, 0)


def layers(parameters, yaw, pitch, smile, size, aligned):
    """Return what is seen, from back to front, and the landmarks (n, 20, 2) in the frame."""
    person = Person(*parameters.T)
    p = Person(*(field.astype(np.float32)[:, None, None] for field in person))
    turn, still = rotation(yaw, pitch), np.broadcast_to(np.eye(3), (len(yaw), 3, 3))
    long, width, height = person.hair_length, person.head_width, person.head_height
    mane = (0, 0.35 * long - 0.05, -0.25), (width * (0.8 + 0.38 * long), height * (0.8 + 0.35 * long), 0.45)
    head = Head(parameters, smile)
    x, y = landmark_places(person, smile)
    points = np.einsum("nij,njk->nki", turn, head.surface(x / width[:, None], y / height[:, None]))[..., :2]
    place = -points[:, EYES].mean(axis=1) if aligned else np.broadcast_to(CENTRE, (len(yaw), 2))
    u, v, cover = trace(head, turn, place, size)
    normal = np.einsum("nij,njhw->nihw", turn.astype(np.float32), np.stack(head.look_up(head.normals, u, v), 1))
    albedo = paint(p, smile.astype(np.float32)[:, None, None], u, v, np.float32(2 / size))
    seen = [
        _ellipsoid(turn, place, *mane, 0.8 * hair_colour(p), size),
        _ellipsoid(still, place, (0, 0.95, -0.2), (0.30, 0.75, 0.30), 0.88 * skin_colour(p), size),
        _ellipsoid(still, place, (0, 1.25, -0.2), (0.85, 0.42, 0.45), clothes_colour(p), size),
        Layer(cover, np.moveaxis(albedo, 0, 1), normal / np.linalg.norm(normal, axis=1, keepdims=True)),
    ]
    return seen, points + place[:, None]


def compose(seen, light, ambient):
    """Lay layers over each other, back to front -> albedo (n, 3, s, s), shading (n, s, s), cover (n, s, s)."""
    albedo, shading, total = 0, 0, 0
    for layer in seen:
        behind = (1 - layer.cover) * total
        total = layer.cover + behind
        share = layer.cover / np.maximum(total, 1e-6)
        albedo = over(albedo, layer.albedo, share[:, None])
        shading = over(shading, shade(layer.normal, light, ambient), share)
    return albedo, shading, total


class Rays:
    """Rays through the centres of pixels, in the space where an ellipsoid is the unit ball.

    turn (n, 3, 3): its rotation; axes (n, 3): half its axes; place (n, 2): its middle in the frame. At height z above
    that middle a ray is at `start + z * way`, start (3, n, s, s) and way (3, n, 1, 1).
    """

    def __init__(self, turn, axes, place, size):
        self.back = (turn / axes[:, None, :]).astype(np.float32)  # (n, frame axis, head axis)
        centres = (2 * np.arange(size) + 1) / size - 1
        x, y = ((centres - place[:, k, None]).astype(np.float32) for k in range(2))  # (n, s)
        ex, ey, ez = self.back.transpose(1, 2, 0)[..., None, None]  # (3, n, 1, 1) each
        self.start, self.way = ex * x[:, None, :] + ey * y[:, :, None], ez
        self.speed = np.sqrt((ez * ez).sum(0))
        self.nearest = -(self.start * ez).sum(0) / self.speed**2  # z where a ray is nearest to the middle
        self.distance2 = (self.start * self.start).sum(0) - (self.nearest * self.speed) ** 2  # squared, there

    def enter(self, radius):
        """Return z where a ray enters the ball of a radius, or comes nearest to it."""
        return self.nearest + np.sqrt(np.maximum(radius**2 - self.distance2, 0)) / self.speed


def trace(head, turn, place, size):
    """Follow rays to heads at place (n, 2) -> u, v on the chart and how much of the pixel is covered, each (n, s, s).

    f = |q| - 1 - d(q) is positive outside. Newton's method with the slope of |q| alone; a ray that misses keeps the
    place where f was least, which colours the soft outline.
    """
    rays = Rays(turn, head.axes, place, size)
    z = rays.enter(1 + head.d.max(axis=(1, 2))[:, None, None])
    slowest = GRAZING * rays.speed
    u = v = np.zeros_like(z)
    f = np.full_like(z, np.inf)
    for _ in range(STEPS):
        q = rays.start + z * rays.way
        u_here, v_here, radius = chart(*q)
        f_here = radius - 1 - head.look_up([head.d], u_here, v_here)[0]
        z = z - EASE * f_here / np.maximum((q * rays.way).sum(0) / radius, slowest)
        nearer = np.abs(f_here) < np.abs(f)
        u, v, f = (np.where(nearer, new, old) for new, old in ((u_here, u), (v_here, v), (f_here, f)))
    steepness = np.sqrt(((sphere(u, v) / head.axes.astype(np.float32).T[:, :, None, None]) ** 2).sum(0))
    outside = f / steepness * (size / 2)  # in pixels
    return u, v, np.clip(1.25 - outside, 0, 1)


def _ellipsoid(turn, place, middle, axes, colour, size):
    """Return the Layer of an ellipsoid. middle, axes: three numbers or (n,) each, in the space that turn turns."""
    middle, axes = (np.stack([np.broadcast_to(c, len(turn)) for c in three], 1) for three in (middle, axes))
    rays = Rays(turn, axes, place + np.einsum("nij,nj->ni", turn, middle)[:, :2], size)
    hit = rays.start + rays.enter(1) * rays.way  # (3, n, s, s), on the unit ball
    gradient = np.einsum("nij,jnhw->nihw", rays.back, hit)
    steepness = np.maximum(np.linalg.norm(gradient, axis=1), 1e-6)
    distance = np.sqrt(np.maximum(rays.distance2, 0))
    cover = np.clip(0.5 + (1 - distance) / steepness * (size / 2), 0, 1)
    return Layer(cover, np.moveaxis(colour, 0, 1), gradient / steepness[:, None])
