"""How a hand is seen: parts that hide each other by height, lit by one distant light, with edges as soft as a pixel.

Pictures are (n, s, s) float32; x and y are the places of the pixels in the frame of the upright hand.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .hands import ROUND, WRIST

LINE = 0.022  # half the width of a crease
SEAM = 0.02  # difference of height over which one part passes into another
SHADOW, REACH = 0.45, 0.06  # how dark it is beside a higher part, and how far from it
SLAB = 0.15  # thickness of the palm, and how far from its outline it is reached
LIGHT_SKIN, DARK_SKIN = np.array([0.95, 0.76, 0.65]), np.array([0.55, 0.36, 0.26])
WARM = np.array([0.03, 0.0, -0.04])
RED = np.array([0.93, 0.62, 0.60])  # of colours, where blood shows
NAIL = np.array([1.0, 0.93, 0.88])


class Part(NamedTuple):
    """A part of the hand: how far a pixel is outside of its outline, its height there, its normal (x and y only).

    crease: darkness of lines, 0 to 1; red: of the skin, 0 to 1; nail: 1 where a nail is seen.
    """

    outside: np.ndarray
    height: np.ndarray
    normal_x: np.ndarray
    normal_y: np.ndarray
    crease: np.ndarray
    red: np.ndarray
    nail: np.ndarray


def places(roll, centre, size):
    """Return x and y (n, s, s) of pixels in the frame of hands that roll about a centre."""
    centres = ((2 * np.arange(size) + 1) / size - 1).astype(np.float32)
    x, y = centres - np.float32(centre[0]), centres[:, None] - np.float32(centre[1])
    cos, sin = (f(roll).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    return cos * x + sin * y + np.float32(centre[0]), cos * y - sin * x + np.float32(centre[1])


def capsule(x, y, start, end, wide, narrow):
    """See the balls between two points (n, 3), of radii (n,) that change evenly.

    -> distance outside, height, normal x and y, distance along and (squared) across the middle line.
    """
    start, end, wide, narrow = (a.astype(np.float32).T[..., None, None] for a in (start, end, wide, narrow))
    dx, dy, dz = end - start
    length = np.sqrt(dx * dx + dy * dy) + np.float32(1e-4)
    dx, dy, slope = dx / length, dy / length, dz / length
    px, py = x - start[0], y - start[1]
    along = px * dx + py * dy
    across2 = np.square(px * dy - py * dx)
    foot = np.clip(along, 0, length)
    radius = wide + (narrow - wide) * (foot / length)
    outside = np.sqrt(across2 + np.square(along - foot)) - radius
    # the ball that reaches highest over a pixel lies further up the slope than the nearest one
    rise = np.sqrt(np.maximum(radius * radius - across2, 0))
    top = np.clip(along + rise * (slope / np.sqrt(1 + slope * slope)), 0, length)
    nx, ny = (px - top * dx) / radius, (py - top * dy) / radius
    inside = np.maximum(1 - nx * nx - ny * ny, 0)
    return outside, start[2] + top * slope + radius * np.sqrt(inside), nx, ny, along, across2


def finger(x, y, joints, ways, radii, nails):
    """See a finger with the nail behind it: joints (n, 4, 3), ways (n, 3, 3), radii (n, 4), nails (n,) -> Part."""
    tip, way, ball = joints[:, 3], ways[:, 2], radii[:, 3]
    back = np.stack([way[:, 0] * way[:, 2], way[:, 1] * way[:, 2], -1 + way[:, 2] ** 2], 1)
    back /= np.linalg.norm(back, axis=1, keepdims=True)  # at right angles to the last link, away from the palm
    root = tip - 0.6 * ball[:, None] * way + 0.5 * ball[:, None] * back
    edge = tip + (0.25 * ball + nails)[:, None] * way + 0.5 * ball[:, None] * back
    outside, height, nx, ny, _, _ = capsule(x, y, root, edge, 0.8 * ball, 0.75 * ball)
    height = height - 10 * np.maximum(outside, 0)
    nail, crease, red = np.ones_like(x), np.zeros_like(x), np.zeros_like(x)
    for k in range(3):
        a, b = joints[:, k], joints[:, k + 1]
        out, up, lx, ly, along, across2 = capsule(x, y, a, b, radii[:, k], radii[:, k + 1])
        up = up - 10 * np.maximum(out, 0)
        here = up > height
        for whole, link in ((height, up), (nx, lx), (ny, ly), (nail, np.float32(0))):
            np.copyto(whole, link, where=here)
        outside = np.minimum(outside, out)
        wide = radii[:, k].astype(np.float32)[:, None, None]
        if k:
            crease = np.maximum(crease, np.exp(-np.square(along / LINE)) * (across2 < 2 * wide * wide))
        if k == 2:
            red = np.clip(along / (3 * wide), 0, 1)
    return Part(outside, height, nx, ny, 0.7 * crease, red, nail)


def palm(x, y, roll, hand, outline):
    """See palm and forearm. roll (n,), hand: Hand of (n, 1, 1) float32, outline (n, 11, 2) -> Part."""
    outside = polygon(x, y, outline.astype(np.float32)) - np.float32(ROUND)
    deep = 1 - np.clip(-outside / SLAB, 0, 1)
    web = WRIST - hand.palm_length
    u, v = x / hand.palm_width, (y - web) / hand.palm_length  # over half the palm; from the fingers to the wrist
    # heel, hollow, and a pad below each finger
    bumps = ((0.05, 0.45, 0.72, 0.35, 0.3), (-0.06, 0.05, 0.55, 0.35, 0.3), (0.03, -0.5, 0.2, 0.2, 0.12))
    bumps += ((0.02, 0.0, 0.17, 0.17, 0.12), (0.03, 0.5, 0.22, 0.2, 0.12))
    relief = sum(h * np.exp(-np.square((u - a) / du) - np.square((v - b) / dv)) for h, a, b, du, dv in bumps)
    height = SLAB * np.sqrt(np.maximum(1 - deep * deep, 0)) + relief * (1 - deep)
    # neighbouring pixels lie along the frame, normals are those of the upright hand
    down, right = np.gradient(height, 2 / x.shape[-1], axis=(1, 2))
    cos, sin = (f(roll).astype(np.float32)[:, None, None] for f in (np.cos, np.sin))
    fall_x, fall_y = cos * right + sin * down, cos * down - sin * right
    steep = 1 / np.sqrt(1 + fall_x * fall_x + fall_y * fall_y)
    red = np.clip(relief / 0.04, 0, 1)
    return Part(outside, height, -fall_x * steep, -fall_y * steep, lines(u, v, hand), red, np.zeros_like(x))


def lines(u, v, hand):
    """Draw the three lines of a palm and the creases of the wrist -> darkness (n, s, s)."""
    heart = 0.14 + 0.04 * hand.heart_line + 0.13 * np.square(u + 0.45), 0.26 * (u + 0.45)
    head = 0.33 + 0.04 * hand.head_line + 0.09 * np.square(u + 0.75), 0.18 * (u + 0.75)
    reach, bow = 0.12 + 0.1 * hand.life_line, np.clip((0.98 - v) / 0.62, 0, 1.2)
    life = -reach - (0.8 - reach) * np.square(bow)
    per_u = hand.palm_length / hand.palm_width
    dark = np.zeros_like(u)
    for (level, slope), low, high in ((heart, -0.45, 0.95), (head, -0.8, 0.6)):
        apart = (v - level) * hand.palm_length / np.sqrt(1 + np.square(slope * per_u))
        dark = np.maximum(dark, np.exp(-np.square(apart / LINE)) * fade(u, low, high))
    slope = 2 * (0.8 - reach) * bow / 0.62 / per_u
    apart = (u - life) * hand.palm_width / np.sqrt(1 + np.square(slope))
    dark = np.maximum(dark, np.exp(-np.square(apart / LINE)) * fade(v, 0.33, 0.95))
    wrist = np.exp(-np.square((v - 0.99 - 0.03 * np.square(u)) * hand.palm_length / LINE))
    return np.maximum(dark, 0.6 * wrist)


def fade(w, low, high, soft=0.08):
    """1 between low and high, 0 outside, softly."""
    return np.clip((w - low) / soft + 0.5, 0, 1) * np.clip((high - w) / soft + 0.5, 0, 1)


def polygon(x, y, corners):
    """Measure how far pixels are outside of polygons with corners (n, K, 2); negative inside."""
    ends = np.roll(corners, 1, axis=1)
    nearest, sign = np.full_like(x, np.inf), np.ones_like(x)
    for (cx, cy), (ex, ey) in zip(
        corners.transpose(1, 2, 0)[..., None, None], ends.transpose(1, 2, 0)[..., None, None]
    ):
        dx, dy, px, py = ex - cx, ey - cy, x - cx, y - cy
        t = np.clip((px * dx + py * dy) / (dx * dx + dy * dy), 0, 1)
        np.minimum(nearest, np.square(px - t * dx) + np.square(py - t * dy), out=nearest)
        # a ray to the right crosses this edge
        crossed = ((y >= cy) != (y >= ey)) & ((px * dy - py * dx) * np.sign(dy) < 0)
        np.negative(sign, out=sign, where=crossed)
    return sign * np.sqrt(nearest)


def compose(parts, hand, light, ambient, background):
    """Let parts hide and shade each other -> image (n, 3, s, s), how much of a pixel is hand (n, s, s).

    light (n, 3) in the frame of the hand; ambient (n,); background (n, 3). All parts of a pixel are weighed by what
    stands in front of them, so their order is found for each pixel alone.
    """
    half = np.float32(parts[0].outside.shape[-1] / 2)
    cover = [np.clip(0.5 - part.outside * half, 0, 1) for part in parts]
    near = [np.float32(SHADOW) * np.exp(-np.maximum(part.outside, 0) / REACH) for part in parts]
    seen, lit = list(cover), [np.ones_like(c) for c in cover]
    for i, part in enumerate(parts):
        for j, other in enumerate(parts):
            if i != j:
                higher = other.height - part.height
                seen[i] = seen[i] * (1 - cover[j] * np.clip(0.5 + higher / SEAM, 0, 1))
                lit[i] *= 1 - near[j] * np.clip(higher / 0.1, 0, 1)
    mask = 1 - np.prod([1 - c for c in cover], axis=0)
    share = mask / np.maximum(np.sum(seen, axis=0), 1e-6)
    image = (1 - mask)[:, None] * background.astype(np.float32)[:, :, None, None]
    for part, weight, open_ in zip(parts, seen, lit):
        image += (weight * share * open_ * shade(part, light, ambient))[:, None] * paint(part, hand)
    return image.clip(0, 1), mask


def shade(part, light, ambient):
    """Lambert's law -> (n, s, s)."""
    lx, ly, lz = light.astype(np.float32).T[..., None, None]
    ambient = ambient.astype(np.float32)[:, None, None]
    flat2 = part.normal_x**2 + part.normal_y**2
    long = np.sqrt(np.maximum(flat2, 1))  # outside of its outline, a part is lit as at it
    facing = (part.normal_x * lx + part.normal_y * ly) / long + np.sqrt(np.maximum(1 - flat2, 0)) * lz
    return ambient + (1 - ambient) * np.maximum(facing, 0)


def paint(part, hand):
    """Return the colours of a part (n, 3, s, s)."""
    light, dark, warm, red, nail = (
        c.astype(np.float32)[:, None, None] for c in (LIGHT_SKIN, DARK_SKIN, WARM, RED, NAIL)
    )
    skin = light + hand.skin_tone[:, None] * (dark - light) + hand.skin_warmth[:, None] * warm  # (n, 3, 1, 1)
    colour = skin * (1 - (0.25 + 0.75 * hand.redness * part.red)[:, None] * (1 - red) * 0.6)
    colour = colour * (1 - 0.45 * hand.creases * part.crease)[:, None]
    return np.where(part.nail[:, None] > 0.5, 0.35 * skin + 0.65 * nail, colour)
