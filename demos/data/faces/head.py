"""The shape of a head: a star-shaped surface, P(u, v) = A s(u, v) (1 + d(u, v)).

s is the unit sphere in Lambert's azimuthal chart about the face: (u, v) = (s_x, s_y) sqrt(2 / (1 + s_z)), with x to the
viewer's right, y down and z out of the face; A = (half width, half height, half depth); d is a sum of Gaussian bumps,
ears among them, and of the hair. Near the middle of the face (A_x u, A_y v) are lengths in the frame, so that is what
bumps and paint are placed by.
"""

from __future__ import annotations

import numpy as np

from .people import Person
from .places import hair_depth, levels, mouth_width

REACH = 1.95  # the chart is [-REACH, REACH] along both axes; the back of the head is at distance 2
GRID = 112  # nodes of a table along each axis: at most a pixel of a 64 x 64 image apart


def chart(x, y, z):
    """Locate points on the chart -> u, v and their distance from the middle of the head."""
    radius = np.sqrt(x * x + y * y + z * z)
    scale = np.sqrt(2 / np.maximum(radius * (radius + z), 1e-9))
    return x * scale, y * scale, radius


def sphere(u, v):
    """Return the unit vectors at places of the chart -> (3, ..); beyond the back of the head, that of the back."""
    squared = np.minimum(u * u + v * v, 4)
    side = np.sqrt(1 - squared / 4)
    return np.stack([u * side, v * side, 1 - squared / 2])


def half_axes(p):
    """Return half the width, height and depth of the head without its bumps (n, 3), for p: Person of (n,)."""
    return np.stack([p.head_width, p.head_height, (p.head_width + p.head_height) / 2], 1)


def displacement(parameters, smile, u, v):
    """Evaluate d on a grid of the chart. parameters (n, 27), smile (n,), u (U,), v (V,) -> (n, V, U)."""
    p, smile = Person(*parameters.T[:, :, None]), smile[:, None]
    across, down = [], []
    for height, x0, width, y0, tall in _bumps(p, smile):
        x, y = u * p.head_width, v * p.head_height  # (n, U), (n, V)
        sides = (x0, -x0) if np.any(x0) else (x0,)
        across.append(height * sum(np.exp(-0.5 * ((x - side) / width) ** 2) for side in sides))
        down.append(np.exp(-0.5 * ((y - y0) / tall) ** 2))
    skull = np.stack(down, 2) @ np.stack(across, 1)  # each bump is a product: (n, V, bumps) @ (n, bumps, U)
    p = Person(*parameters.T[:, :, None, None])
    depth = hair_depth(p, u, v[:, None])  # (n, V, U)
    return skull + (0.04 + 0.09 * p.hair_volume) * np.clip(depth / 0.15, 0, 1)


def _bumps(p, smile):
    """List the bumps: height, |x|, half-width, y, half-height; one off the middle stands on both sides."""
    eye, nose, mouth = levels(p)
    laugh, lip = np.maximum(smile, 0), p.lip_thickness
    ear = 0.13 * (1 - np.clip(2 * p.hair_length - 0.6, 0, 1))  # none under long hair
    return [
        (-0.035, p.eye_distance, 0.11, eye - 0.01, 0.075),  # eye sockets
        (0.03, p.eye_distance, 0.07, eye, 0.05),  # eyeballs
        (0.03, 0.5 * p.eye_distance, 0.16, eye - p.brow_height, 0.05),  # ridge of the brows
        (0.30 * p.nose_height, 0, 0.055, nose - 0.6 * p.nose_length, 0.6 * p.nose_length),  # bridge of the nose
        (0.95 * p.nose_height, 0, 0.9 * p.nose_width, nose - 0.03, 0.085),  # its tip
        (0.32 * p.nose_height, p.nose_width, 0.45 * p.nose_width, nose + 0.01, 0.04),  # its wings
        (0.035 * p.cheekbones + 0.03 * laugh, 0.3 + 0.02 * laugh, 0.11, nose - 0.03 - 0.02 * laugh, 0.1),  # cheeks
        (0.045, 0, 0.15, mouth, 0.11),  # what the lips lie on
        (0.022, 0, 0.6 * mouth_width(p, smile), mouth - 0.7 * lip, 0.6 * lip),  # upper lip
        (0.030, 0, 0.5 * mouth_width(p, smile), mouth + 0.8 * lip, 0.6 * lip),  # lower lip
        (-0.03, 0, 0.14, mouth + 0.13, 0.04),  # hollow above the chin
        (0.03 + 0.05 * p.chin, 0, 0.16, 0.92 * p.head_height, 0.13),  # chin
        (0.06 - 0.14 * p.jaw, 0.68, 0.22, 0.52, 0.20),  # corners of the jaw
        (-0.06, 0.60, 0.25, 0.85, 0.20),  # below them
        (-0.03, 0.62, 0.16, -0.30, 0.16),  # temples
        (ear, 1.45 * p.head_width, 0.06, eye + 0.09, 0.10),  # ears
    ]


class Head:
    """The heads of a batch, as tables over the chart. parameters (n, 27), smile (n,)."""

    def __init__(self, parameters, smile):
        nodes = np.linspace(-REACH, REACH, GRID)
        self.axes = half_axes(Person(*parameters.T))  # (n, 3)
        self.d = displacement(parameters, smile, nodes, nodes).astype(np.float32)
        s = sphere(*np.meshgrid(nodes, nodes)).astype(np.float32)  # (3, V, U)
        points = self.axes.astype(np.float32)[:, :, None, None] * s * (1 + self.d[:, None])  # (n, 3, V, U)
        ux, uy, uz = np.moveaxis(np.gradient(points, axis=3), 1, 0)
        vx, vy, vz = np.moveaxis(np.gradient(points, axis=2), 1, 0)
        self.normals = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx  # their cross product, out of the head

    def look_up(self, tables, u, v):
        """Read tables (n, V, U) at places of the chart u, v (n, ..), linearly -> list of (n, ..)."""
        column, row = (np.clip((w + REACH) * ((GRID - 1) / (2 * REACH)), 0, GRID - 1.001) for w in (u, v))
        left, top = np.floor(column), np.floor(row)
        right, low = column - left, row - top
        first = np.arange(len(u), dtype=np.int32).reshape(-1, *(1,) * (u.ndim - 1)) * (GRID * GRID)
        corner = first + (top * GRID + left).astype(np.int32)
        values = []
        for table in tables:
            flat = np.ravel(table)
            above, below = flat.take(corner), flat.take(corner + GRID)
            above += right * (flat.take(corner + 1) - above)
            below += right * (flat.take(corner + (GRID + 1)) - below)
            values.append(above + low * (below - above))
        return values

    def surface(self, u, v):
        """Return the points of the surface, P (n, 3, ..), at places of the chart u, v (n, ..)."""
        axes = self.axes.reshape(*self.axes.shape, *(1,) * (u.ndim - 1))
        return axes * np.moveaxis(sphere(u, v), 0, 1) * (1 + self.look_up([self.d], u, v)[0][:, None])
