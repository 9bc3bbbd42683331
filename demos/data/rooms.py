"""Two rooms and what is where in them: plain, as one's own, and rich, as the neighbour's son's.

Each is a box with a window, a bed and a lamp, seen by a camera inside: for every pixel a ray, the first surface that it
meets, that surface's pattern at the point, and the light that falls on it. `room` draws one of them and says, for each
pixel, which of REGIONS it shows: what a mask of photo style transfer needs.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

REGIONS = ["walls", "floor", "window", "bed", "lamp", "ceiling"]
SAMPLES = 3  # rays across and down a pixel
WIDTH, HEIGHT, DEPTH = 4.0, 2.7, 2.2  # metres; the camera stands at depth -1.9
FOCUS = 1.12
FRAME = 0.05  # of the window, metres

Array = np.ndarray


class Room(NamedTuple):
    """Where things stand, as (left, bottom, front), (right, top, back) in metres, and how they look."""

    camera: tuple[float, float, float]
    window: tuple[tuple[float, float], tuple[float, float]]  # in the back wall: left and right, bottom and top
    bed: tuple[tuple[float, float, float], tuple[float, float, float]]
    lamp: tuple[float, float, float]  # the middle of its shade
    daylight: tuple[float, float, float]
    lamplight: tuple[float, float, float]
    rich: bool


ROOMS = {
    "plain": Room(
        (0.15, 1.45, -1.9), ((-1.6, 0.0), (0.9, 2.3)), ((0.1, 0.0, -0.2), (1.7, 0.55, 2.1)), (-1.55, 1.3, 1.5),
        (0.8, 0.84, 0.92), (0.1, 0.09, 0.08), rich=False,
    ),
    "rich": Room(
        (-0.25, 1.4, -1.9), ((0.0, 1.4), (0.9, 2.3)), ((-1.8, 0.0, -0.1), (-0.1, 0.6, 2.1)), (1.5, 1.25, 1.2),
        (0.35, 0.33, 0.5), (1.7, 1.1, 0.55), rich=True,
    ),
}  # fmt: skip


def room(name: str, size: int) -> tuple[Array, Array]:
    """Draw a room, "plain" or "rich": an image (3, size, 4/3 size) float32 in [0, 1], and its regions (H, W)."""
    if name not in ROOMS:
        raise ValueError(f"room: unknown name {name!r}; choose {' or '.join(ROOMS)}")
    kind = ROOMS[name]
    H, W = size, size * 4 // 3
    across = (np.arange(W * SAMPLES) + 0.5) / (W * SAMPLES) * 2 - 1
    down = (np.arange(H * SAMPLES) + 0.5) / (H * SAMPLES) * 2 - 1
    u, v = np.meshgrid(across * W / H, -down - 0.12)
    rays = np.stack([u, v, np.full_like(u, FOCUS)], axis=-1)
    colours, regions = _trace(kind, rays / np.linalg.norm(rays, axis=-1, keepdims=True))
    image = colours.reshape(H, SAMPLES, W, SAMPLES, 3).mean(axis=(1, 3)) ** (1 / 2.2)
    middle = SAMPLES // 2
    return image.clip(0, 1).transpose(2, 0, 1).astype(np.float32), regions[middle::SAMPLES, middle::SAMPLES]


def _trace(kind: Room, rays: Array) -> tuple[Array, Array]:
    """Follow rays (.., 3) of length 1 from the camera -> colours (.., 3), regions (..)."""
    camera = np.array(kind.camera)
    low, high = np.array([-WIDTH / 2, 0, -4.0]), np.array([WIDTH / 2, HEIGHT, DEPTH])

    # the room: where a ray leaves its box
    with np.errstate(divide="ignore"):
        leaves = np.where(rays == 0, np.inf, np.where(rays > 0, high - camera, low - camera) / rays)
    axis, t = leaves.argmin(axis=-1), leaves.min(axis=-1)
    normal = -np.eye(3)[axis] * np.sign(np.take_along_axis(rays, axis[..., None], -1))
    point = camera + t[..., None] * rays
    level = np.where(rays[..., 1] < 0, REGIONS.index("floor"), REGIONS.index("ceiling"))
    regions = np.where(axis == 1, level, REGIONS.index("walls"))
    (left, right), (bottom, top) = kind.window
    opening = (axis == 2) & _between(point[..., 0], left, right) & _between(point[..., 1], bottom, top)
    regions = np.where(opening, REGIONS.index("window"), regions)

    # what stands in it, where a ray meets that first
    bed_low, bed_high = map(np.array, kind.bed)
    pillow = np.array([bed_low[0] + 0.3, bed_high[1], bed_high[2] - 0.5]), bed_high - [0.3, -0.16, 0.1]
    x, y, z = kind.lamp
    pole = np.array([x - 0.02, 0, z - 0.02]), np.array([x + 0.02, y, z + 0.02])
    for (a, b), region in (((bed_low, bed_high), "bed"), (pillow, "bed"), (pole, "lamp")):
        t, point, normal, regions = _nearer(_box(camera, rays, a, b), region, camera, rays, t, point, normal, regions)
    shade = _ball(camera, rays, np.array(kind.lamp), 0.24)
    t, point, normal, regions = _nearer(shade, "lamp", camera, rays, t, point, normal, regions)

    return _shade(kind, point, normal, regions, _paint(kind, point, normal, regions)), regions


def _nearer(hit, region, camera, rays, t, point, normal, regions):
    """Replace what rays meet by an object's surface, (distance, normal), where that is nearer."""
    distance, its_normal = hit
    closer = distance < t
    point = np.where(closer[..., None], camera + np.where(closer, distance, 0)[..., None] * rays, point)
    normal = np.where(closer[..., None], its_normal, normal)
    return np.minimum(t, distance), point, normal, np.where(closer, REGIONS.index(region), regions)


def _box(camera: Array, rays: Array, low: Array, high: Array) -> tuple[Array, Array]:
    """Return how far along each ray a box begins, infinity where it is missed, and the normal there."""
    with np.errstate(divide="ignore"):
        one, other = (low - camera) / rays, (high - camera) / rays
    enter, leave = np.minimum(one, other), np.maximum(one, other)
    axis, t = enter.argmax(axis=-1), enter.max(axis=-1)
    normal = -np.eye(3)[axis] * np.sign(np.take_along_axis(rays, axis[..., None], -1))
    return np.where((t > 0) & (t < leave.min(axis=-1)), t, np.inf), normal


def _ball(camera: Array, rays: Array, middle: Array, radius: float) -> tuple[Array, Array]:
    """Return the same of a ball."""
    to = middle - camera
    along = rays @ to
    inside = radius**2 - (to @ to - along**2)
    t = np.where(inside > 0, along - np.sqrt(np.maximum(inside, 0)), np.inf)
    point = camera + np.where(np.isfinite(t), t, 0)[..., None] * rays
    return t, (point - middle) / radius


# ---- surfaces and light ----------------------------------------------------------------------------------------------


def _paint(kind: Room, point: Array, normal: Array, regions: Array) -> Array:
    """Return the colour (.., 3), linear, that each point has of its own."""
    x, y, z = np.moveaxis(point, -1, 0)
    along = np.where(np.abs(normal[..., 0]) > 0.5, z, x)  # of a wall
    parts = _rich(x, y, z, along) if kind.rich else _plain(x, y, z, along)
    (left, right), (bottom, top) = kind.window
    middle = np.minimum(np.abs(x - (left + right) / 2), np.abs(y - (bottom + top) / 2)) < FRAME / 2
    edge = np.minimum(np.minimum(x - left, right - x), np.minimum(y - bottom, top - y)) < FRAME
    parts["window"] = np.where((middle | edge)[..., None], parts.pop("frame"), parts["window"])
    return np.select([(regions == i)[..., None] for i in range(len(REGIONS))], [parts[name] for name in REGIONS])


def _plain(x, y, z, along) -> dict[str, Array]:
    """White walls, grey boards, a blue-grey cover, noon."""
    boards = 0.9 + 0.1 * np.sin(np.floor(x / 0.19) * 12.9) - 0.25 * ((x / 0.19) % 1 < 0.03)
    folds = 1 + 0.05 * np.sin(9 * z + 3 * np.sin(5 * x))
    return {
        "walls": _colour(0.72, 0.72, 0.7) * np.ones_like(x)[..., None],
        "ceiling": _colour(0.72, 0.72, 0.7) * np.ones_like(x)[..., None],
        "floor": _colour(0.42, 0.4, 0.38) * boards[..., None],
        "window": _mix(_colour(0.7, 0.82, 0.97), _colour(0.32, 0.55, 0.95), ((y - 1) / 1.2).clip(0, 1)),
        "frame": _colour(0.85, 0.85, 0.85),
        "bed": _colour(0.35, 0.42, 0.5) * folds[..., None],
        "lamp": _colour(0.8, 0.8, 0.78) * np.ones_like(x)[..., None],
    }


def _rich(x, y, z, along) -> dict[str, Array]:
    """Red wallpaper with golden ornaments over dark panels, herringbone, a patchwork quilt, dusk."""
    ornament = np.cos(along * 14) * np.cos(y * 11) + 0.6 * np.cos(along * 28 + 1.5 * np.cos(y * 11))
    paper = _mix(_colour(0.3, 0.02, 0.03), _colour(0.6, 0.35, 0.08), _step(ornament - 0.45, 0.12))
    panel = _colour(0.12, 0.05, 0.02) * (0.8 + 0.4 * (np.abs((along / 0.5) % 1 - 0.5) < 0.4))[..., None]
    walls = np.where((y < 0.85)[..., None], panel, paper)
    walls = np.where(((y > 0.85) & (y < 0.91))[..., None], _colour(0.5, 0.3, 0.08), walls)

    zigzag = x + np.abs((z / 0.5) % 2 - 1) * 0.5
    board = np.floor(zigzag / 0.14)
    wood = 0.85 + 0.3 * np.sin(board * 7.3) - 0.5 * ((zigzag / 0.14) % 1 < 0.06)
    patch = np.floor(x / 0.3) * 3 + np.floor(z / 0.3) * 5 + np.floor(y / 0.3)
    quilt = _mix(_colour(0.04, 0.1, 0.22), _colour(0.45, 0.07, 0.08), 0.5 + 0.5 * np.sin(patch * 2.1))
    diamonds = np.abs((x / 0.3) % 1 - 0.5) + np.abs((z / 0.3) % 1 - 0.5) < 0.3
    quilt = np.where(diamonds[..., None], _mix(quilt, _colour(0.65, 0.45, 0.15), np.full_like(x, 0.7)), quilt)
    return {
        "walls": walls,
        "ceiling": _colour(0.35, 0.22, 0.12) * np.ones_like(x)[..., None],
        "floor": _colour(0.2, 0.08, 0.03) * wood[..., None],
        "window": _mix(_colour(0.9, 0.4, 0.2), _colour(0.12, 0.1, 0.4), ((y - 0.9) / 1.2).clip(0, 1)) * 1.2,
        "frame": _colour(0.16, 0.07, 0.03),
        "bed": quilt,
        "lamp": _colour(0.9, 0.55, 0.2) * (1 + 0.15 * np.sin(40 * np.arctan2(z, x)))[..., None],
    }


def _shade(kind: Room, point: Array, normal: Array, regions: Array, own: Array) -> Array:
    """Light colours by the window and the lamp; corners are darker, the window and the lamp's shade shine."""
    (left, right), (bottom, top) = kind.window
    light = np.full(3, 0.22) * (0.5 + 0.5 * np.array(kind.daylight))
    sources = ((left + right) / 2, (bottom + top) / 2, DEPTH - 0.3), kind.lamp, (0.0, 2.3, -2.5)
    strengths = np.array(kind.daylight), np.array(kind.lamplight), np.full(3, 0.35)
    for source, strength in zip(map(np.array, sources), strengths):
        to = source - point
        far = np.linalg.norm(to, axis=-1)
        facing = ((to * normal).sum(axis=-1) / np.maximum(far, 1e-6)).clip(0.05, 1)
        light = light + strength * (facing / (0.4 + 0.35 * far**2))[..., None]

    gaps = np.stack([WIDTH / 2 - np.abs(point[..., 0]), point[..., 1], HEIGHT - point[..., 1], DEPTH - point[..., 2]])
    second = np.sort(gaps, axis=0)[1]  # from the nearest wall but the one that the point may lie on
    lit = own * light * (1 - 0.4 * np.exp(-second / 0.12))[..., None]
    shines = np.stack([regions == REGIONS.index("window"), (regions == REGIONS.index("lamp")) & kind.rich])
    return np.where(shines.any(axis=0)[..., None], own, lit)


def _colour(*rgb: float) -> Array:
    return np.array(rgb)


def _mix(a: Array, b: Array, share: Array) -> Array:
    return a + (b - a) * share[..., None]


def _step(x: Array, width: float) -> Array:
    return 1 / (1 + np.exp(-x / width * 4))


def _between(x: Array, low: float, high: float) -> Array:
    return (low < x) & (x < high)
