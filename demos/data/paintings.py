"""Pictures in four styles, drawn here: brush strokes, stained glass, an engraving, dots of two inks.

Each is a function of the size that returns (3, size, size) float32 in [0, 1], the same bits every time.
"""

from __future__ import annotations

import numpy as np

PALETTES = {  # darkest first, red green blue
    "strokes": [(18, 26, 62), (28, 56, 118), (52, 104, 160), (112, 164, 190), (196, 212, 190), (240, 204, 92)],
    "mosaic": [(120, 24, 32), (196, 72, 36), (232, 156, 52), (240, 214, 140), (38, 98, 104), (24, 52, 84)],
    "engraving": [(44, 30, 22), (242, 230, 204)],
}
BALLS = np.array([(0.27, 0.3, 0.2), (0.7, 0.66, 0.24), (0.2, 0.8, 0.13), (0.8, 0.2, 0.12)])  # down, right, radius
LINES, SCREEN = 44, 30  # of an engraving, from edge to edge; of dots, likewise
INKS = ((0.93, 0.28, 0.36), (0.05, 0.45, 0.5))  # what passes through a dot: of red ink, of blue-green ink


def _strokes(size: int) -> np.ndarray:
    """Smear noise along a field of swirls, a light patch in each eye -> (3, size, size). After Cabral & Leedom 1993."""
    rng = np.random.default_rng(7)
    y, x = np.mgrid[:size, :size] / size
    centres = np.array([(0.2, 0.25), (0.32, 0.72), (0.75, 0.3), (0.72, 0.8), (0.5, 0.5)])
    turn = np.array([1, -1, 1, 1, -1]) * 0.05
    dy, dx = y - centres[:, 0, None, None], x - centres[:, 1, None, None]  # (5, size, size)
    near = turn[:, None, None] * np.exp(-(dy**2 + dx**2) / 0.02) / 0.02
    u, v = (-near * dy).sum(axis=0) + 0.02, (near * dx).sum(axis=0) + 0.012 * np.sin(9 * x)
    length = np.hypot(u, v)
    u, v = u / length, v / length
    light = np.exp(-(dy**2 + dx**2) / 0.006).sum(axis=0)
    smeared = _smear(_grain(size, rng), u, v, size)
    tone = 0.5 + 0.16 * smeared - 0.22 * np.cos(5 * y + 2 * np.sin(3 * x)) + 0.45 * light
    return (_paint("strokes", tone) + 0.03 * smeared.astype(np.float32)).clip(0, 1)


def _grain(size: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of mean 0 and variance 1, as coarse as a brush of 1/100 of the picture."""
    from scipy.ndimage import gaussian_filter

    noise = gaussian_filter(rng.standard_normal((size, size)), size / 220, mode="wrap")
    return noise / noise.std()


def _smear(noise: np.ndarray, u: np.ndarray, v: np.ndarray, size: int) -> np.ndarray:
    """Average noise (size, size) along the stream lines of (u, v), 1/8 of the picture long; mean 0 and variance 1."""
    from scipy.ndimage import map_coordinates

    step = max(1.0, size / 200)
    total = noise.copy()
    for sign in (step, -step):
        at = np.mgrid[:size, :size].astype(float)
        for _ in range(round(size / 16 / step)):
            along = [map_coordinates(f, at, order=1, mode="nearest") for f in (v, u)]
            at = at + sign * np.array(along)
            total += map_coordinates(noise, at, order=1, mode="wrap")
    return (total - total.mean()) / total.std()


def _mosaic(size: int) -> np.ndarray:
    """Cells around scattered points, dark where two of them meet -> (3, size, size). Worley 1996."""
    from scipy.spatial import cKDTree

    rng = np.random.default_rng(3)
    y, x = np.mgrid[:size, :size] / size
    points = rng.random((260, 2))
    distance, nearest = cKDTree(points).query(np.stack([y, x], axis=-1), k=2)  # (size, size, 2)
    edge = np.clip((distance[..., 1] - distance[..., 0]) * 110 - 0.35, 0, 1)
    height = points[:, 0] + 0.5 * np.sin(5 * points[:, 1]) + 0.25 * rng.standard_normal(len(points))
    rank = np.argsort(np.argsort(height)) / len(points)
    gloss = 0.85 + 3.0 * distance[..., 0]
    return (_paint("mosaic", rank[nearest[..., 0]]) * (edge * gloss)).clip(0, 1).astype(np.float32)


def _paint(name: str, tone: np.ndarray) -> np.ndarray:
    """Colours from a palette by tone in [0, 1], (size, size) -> (3, size, size) float32."""
    colours = np.array(PALETTES[name]) / 255
    at = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(tone, at, colour) for colour in colours.T]).astype(np.float32)


def _engraving(size: int) -> np.ndarray:
    """Draw balls in a landscape by lines that bend around them, the wider the darker -> (3, size, size)."""
    y, x = np.mgrid[:size, :size] / size
    tone, bend = _balls(y, x)
    ink = _hatch(LINES * (y + 0.04 * np.sin(5 * x + 2 * y) - bend), 1.05 - tone)
    ink = np.maximum(ink, _hatch(LINES * (0.75 * x + 0.65 * y + bend), 0.75 - 1.6 * tone))  # crossed in the shadows
    return _paint("engraving", 1 - ink)


def _balls(y: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Light balls from the upper left, before a sky over a dark ground -> tone in [0, 1], how far lines are bent."""
    tone = 0.75 - 0.35 * np.sin(3 * y + 0.8 * np.sin(4 * x)) + 0.12 * np.sin(9 * x - 4 * y)
    bend = np.zeros_like(y)
    for down, right, radius in BALLS:
        v, u = (y - down) / radius, (x - right) / radius
        height = np.sqrt(np.clip(1 - u**2 - v**2, 0, 1))
        shadow = np.exp(-4 * ((v - 0.7) ** 2 + (u - 0.7) ** 2))
        tone = np.where(height > 0, 0.55 * height - 0.4 * u - 0.45 * v + 0.15, tone - 0.5 * shadow)
        bend = np.where(height > 0, 0.5 * radius * height, bend)
    return tone.clip(0, 1), bend


def _hatch(phase: np.ndarray, width: np.ndarray) -> np.ndarray:
    """Draw lines at the whole numbers of a phase, of a width from 0 to 1 of their distance -> ink in [0, 1]."""
    away = 2 * np.abs(phase - np.rint(phase))  # 0 on a line, 1 between two
    return np.clip((0.9 * width - away) * 2.2 + 0.5, 0, 1) * np.clip(8 * width, 0, 1)


def _dots(size: int) -> np.ndarray:
    """Print two tones by dots of two inks, the larger the darker, on screens of different angles -> (3, size, size)."""
    y, x = np.mgrid[:size, :size] / size
    warm = 0.5 + 0.5 * np.sin(9 * x + 1.5 * np.sin(7 * y))
    cold = 0.5 + 0.5 * np.sin(8 * y - 1.5 * np.sin(6 * x) + 2)
    out = np.full((3, size, size), 0.96)
    for tone, angle, ink in zip((warm, cold), (0.26, 1.31), INKS):
        u, v = (SCREEN * (np.cos(angle) * a + np.sin(angle) * b) for a, b in ((x, y), (y, -x)))
        away = np.hypot(u - np.rint(u), v - np.rint(v))  # from the middle of the nearest dot, at most 0.71
        covered = np.clip((0.14 + 0.5 * tone - away) * size / SCREEN + 0.5, 0, 1)
        out *= 1 - covered * (1 - np.reshape(ink, (3, 1, 1)))
    return out.astype(np.float32)


PAINTINGS = {"strokes": _strokes, "mosaic": _mosaic, "engraving": _engraving, "dots": _dots}
