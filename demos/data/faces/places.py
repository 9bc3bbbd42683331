"""Where the parts of a face are: what the shape, the paint and the landmarks agree on.

Places (x, y) are lengths along the chart of head.py from the middle of the face, y down; p is a Person whose fields
broadcast with the places.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Left and right are the viewer's.
LANDMARKS = (
    "left eye, outer corner",
    "left eye, inner corner",
    "right eye, inner corner",
    "right eye, outer corner",
    "left brow, outer end",
    "left brow, inner end",
    "right brow, inner end",
    "right brow, outer end",
    "nose, bridge",
    "nose, tip",
    "nose, left wing",
    "nose, right wing",
    "mouth, left corner",
    "mouth, right corner",
    "upper lip",
    "lower lip",
    "chin",
    "left cheek",
    "right cheek",
    "hairline",
)
EYES = slice(0, 4)  # among them
MIRRORED = (3, 2, 1, 0, 7, 6, 5, 4, 8, 9, 11, 10, 13, 12, 14, 15, 16, 18, 17, 19)  # where each is in a mirror


def levels(p):
    """Return the heights y of the eyes, the tip of the nose and the mouth."""
    eye = -0.06 * p.head_height
    nose = eye + p.nose_length
    return eye, nose, nose + 0.40 * (p.head_height - nose)


class Mouth(NamedTuple):
    """Heights along the mouth: where the lips meet, half the gap between them, the height of each lip."""

    line: np.ndarray
    gap: np.ndarray
    upper: np.ndarray
    lower: np.ndarray


def mouth_width(p, smile):
    """Return half the width of the mouth, which a smile widens."""
    return p.mouth_width * (1 + 0.22 * smile)


def mouth(p, smile, r):
    """Bend the mouth. r: from corner to corner, -1 to 1 -> Mouth; a smile lifts the corners and then shows teeth."""
    inside = np.clip(1 - r * r, 0, 1)
    bow = 0.75 - 0.14 * np.exp(-((r / 0.16) ** 2))  # the upper lip's dip
    arch = p.lip_thickness * np.sqrt(inside)
    return Mouth(
        levels(p)[2] + smile * 0.12 * (0.4 - r * r),
        0.085 * np.maximum(smile, 0) * inside,
        bow * arch,
        1.05 * arch,
    )


def brow_centre(p):
    """Return |x| of the middle of a brow, and half its length."""
    return p.eye_distance + 0.01, 1.25 * p.eye_width


def brow(p, smile, r):
    """Return the height y of a brow, r: from its inner end to its outer, -1 to 1. A frown lowers the inner ends."""
    raised = 0.03 * r * r - 0.5 * p.brow_angle * p.eye_width * r
    frown = np.minimum(smile, 0)
    return levels(p)[0] - p.brow_height + raised + frown * (0.02 + 0.045 * np.minimum(r, 0))


def hairline(p):
    """Return the height y of the hairline in the middle of the forehead."""
    return -p.head_height * (0.62 + 0.13 * p.hairline)


def hair_depth(p, u, v):
    """Return how far inside the hair a point of the chart is, in frame units; negative on the face."""
    top = hairline(p)
    fall = -0.16 + 0.80 * p.hair_length - top  # from the forehead to the end at the side
    t = np.clip((np.abs(u) - 0.72) / 0.45, 0, 1)
    line = top + fall * t * t * (3 - 2 * t) + 0.16 * p.parting * u * (1 - t)
    slope = fall * 6 * t * (1 - t) / (0.45 * p.head_width)
    return (line - v * p.head_height) / np.sqrt(1 + slope * slope)


def landmark_places(p, smile):
    """Find the LANDMARKS. p: Person of (n,), smile (n,) -> x, y, each (n, 20)."""
    eye, nose, lips = levels(p)
    zero = 0 * lips
    out, inner = p.eye_distance + p.eye_width, p.eye_distance - p.eye_width
    brow_x, brow_half = brow_centre(p)
    half, corner, middle = mouth_width(p, smile), mouth(p, smile, zero + 1).line, mouth(p, smile, zero)
    ends = [(brow_x + brow_half * r, brow(p, smile, zero + r)) for r in (1, -1)]
    wing, cheek = 1.3 * p.nose_width, 0.42
    places = [
        *((-out, eye - 0.012), (-inner, eye + 0.012), (inner, eye + 0.012), (out, eye - 0.012)),
        *((-ends[0][0], ends[0][1]), (-ends[1][0], ends[1][1]), ends[1], ends[0]),
        *((zero, eye), (zero, nose), (-wing, nose + 0.01), (wing, nose + 0.01)),
        *((-half, corner), (half, corner)),
        (zero, middle.line - middle.gap - middle.upper),
        (zero, middle.line + middle.gap + middle.lower),
        *((zero, 0.92 * p.head_height), (zero - cheek, nose), (zero + cheek, nose), (zero, hairline(p))),
    ]
    return tuple(np.stack([np.broadcast_to(place[k], zero.shape) for place in places], 1) for k in range(2))
