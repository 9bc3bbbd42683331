"""Whose hand is drawn, a row of numbers; and the skeleton that it makes in a pose.

Positions are x to the right, y down, z towards the viewer, in the frame of an upright hand: [-1, 1] x [-1, 1]. A left
hand seen from its palm has the thumb on the left.
"""

from __future__ import annotations

from collections import namedtuple
from itertools import pairwise
from typing import NamedTuple

import numpy as np

RANGES = {
    "palm_width": (0.36, 0.43),  # half of it
    "palm_length": (0.60, 0.72),  # from the wrist to where the fingers part
    "wrist_width": (0.62, 0.74),  # of the palm's
    "finger_length": (0.76, 0.92),  # of the middle finger, from the knuckle
    "index_length": (0.84, 0.95),  # of the middle finger's
    "ring_length": (0.86, 0.97),
    "little_length": (0.64, 0.78),
    "thumb_length": (0.66, 0.78),
    "thickness": (0.21, 0.25),  # radius of a finger, of half the palm's width
    "taper": (0.70, 0.85),  # radius of a fingertip, of the finger's
    "heart_line": (-1, 1),  # low to high
    "head_line": (-1, 1),
    "life_line": (-1, 1),  # near the thumb to far from it
    "creases": (0.3, 1),  # faint to deep
    "nails": (0.0, 0.03),  # how far they reach beyond the fingertips
    "skin_tone": (0, 1),  # light to dark
    "skin_warmth": (-1, 1),
    "redness": (0, 1),  # of fingertips and pads
}
Hand = namedtuple("Hand", RANGES)

FINGERS = ("thumb", "index", "middle", "ring", "little")
LANDMARKS = (
    *(f"{finger}, tip" for finger in FINGERS),
    *(f"valley, {a} to {b}" for a, b in pairwise(FINGERS)),
    "wrist, left",
    "wrist, right",
)
VALLEYS, WRISTS = (4, 5, 6), (1, 9)  # corners of the outline

WRIST = 0.78  # its y
CENTRE = np.array([0.0, 0.1])  # about which a hand rolls
ROUND = 0.09  # radius by which the outline of the palm is rounded
NARROW = 0.6  # sine of the least angle between thumb and palm
KNUCKLE = 0.12  # of a finger below the place where it parts from its neighbours
PLACES = np.array([-0.72, -0.24, 0.24, 0.71])  # of the knuckles from index to little, across half a palm
DROPS = np.array([0.02, 0.0, 0.02, 0.09])  # and down
THICKNESS = np.array([1.2, 0.96, 1.0, 0.95, 0.82])  # thumb first
LINKS = np.array([[0.46, 0.30, 0.24], *[[0.48, 0.29, 0.23]] * 4])  # of each finger's length
FAN = np.array([-0.78, -0.16, -0.02, 0.12, 0.27])  # directions of fingers at rest, from upright, clockwise
BENDS = np.array([0.45, 1.05, 1.45])  # how far towards the viewer the links of a finger bent by 1 point
THUMB_TURNS, THUMB_BENDS = np.array([0.0, 0.5, 1.1]), np.array([0.0, 0.15, 0.25])  # a thumb bends across the palm


class Skeleton(NamedTuple):
    """What n hands are in their poses, before they roll.

    joints (n, 5, 4, 3): knuckle, two joints and the middle of the ball of the tip, thumb first; ways (n, 5, 3, 3): the
    direction of each link; radii (n, 5, 4): at the joints; outline (n, 11, 2): the corners of palm and forearm,
    clockwise from the lower left, before they are rounded.
    """

    joints: np.ndarray
    ways: np.ndarray
    radii: np.ndarray
    outline: np.ndarray


def pose(parameters, spread, bend):
    """Pose hands: parameters (n, 18), spread and bend (n, 5) as in a Scene -> Skeleton."""
    hand = Hand(*parameters.T)
    web = WRIST - hand.palm_length  # where fingers part
    # turn and elevation of every link
    turn = np.repeat(spread[:, :, None], 3, axis=2)  # (n, 5, 3)
    turn[:, 0] += bend[:, :1] * THUMB_TURNS
    rise = bend[:, :, None] * np.stack([THUMB_BENDS, *[BENDS] * 4])
    ways = np.stack([np.sin(turn) * np.cos(rise), -np.cos(turn) * np.cos(rise), np.sin(rise)], 3)
    # from the knuckles, link by link
    knuckles = np.zeros((len(parameters), 5, 3))
    knuckles[:, 0] = np.stack([-0.55 * hand.wrist_width * hand.palm_width, WRIST - 0.17 * hand.palm_length, 0 * web], 1)
    knuckles[:, 1:, 0] = hand.palm_width[:, None] * PLACES
    knuckles[:, 1:, 1] = web[:, None] + KNUCKLE + DROPS
    steps = lengths(hand)[:, :, None, None] * LINKS[..., None] * ways
    joints = np.concatenate([knuckles[:, :, None], knuckles[:, :, None] + np.cumsum(steps, axis=2)], 2)
    thin = 1 - (1 - hand.taper[:, None]) * np.array([0, 0.2, 0.55, 1])  # (n, 4)
    radii = (hand.palm_width * hand.thickness)[:, None, None] * THICKNESS[:, None] * thin[:, None]
    return Skeleton(joints, ways, radii, _outline(hand, web, joints))


def lengths(hand):
    """Return the lengths of the five fingers (n, 5), from the knuckle to the middle of the ball of the tip."""
    shares = hand.thumb_length, hand.index_length, np.ones_like(hand.taper), hand.ring_length, hand.little_length
    return hand.finger_length[:, None] * np.stack(shares, 1)


def _outline(hand, web, joints):
    """Place the corners of palm and forearm (n, 11, 2), ROUND inside of what will be seen."""
    wide, wrist = hand.palm_width - ROUND, hand.palm_width * hand.wrist_width - ROUND
    ball = joints[:, 0, 1, :2]  # where the thumb leaves the palm
    index, little = (np.stack([side * wide, web + ROUND + drop + 0.05], 1) for side, drop in ((-1, 0.04), (1, 0.1)))
    valleys = [
        np.stack([hand.palm_width * PLACES[i : i + 2].mean(), web + ROUND + DROPS[i : i + 2].mean()], 1)
        for i in range(3)
    ]
    heel = np.stack([0.95 * wide, WRIST - 0.35 * hand.palm_length], 1)
    left, right = (np.stack([side * wrist, np.full_like(web, WRIST)], 1) for side in (-1, 1))
    low, far = (np.stack([side * 1.05 * wrist, np.full_like(web, 2.0)], 1) for side in (-1, 1))
    return np.stack([low, left, ball, index, *valleys, little, heel, right, far], 1)


def landmarks(skeleton):
    """Return where LANDMARKS are, (n, 11, 2), before the hand rolls."""
    tips = skeleton.joints[:, :, 3] + skeleton.radii[:, :, 3, None] * skeleton.ways[:, :, 2]
    corners = round_corners(skeleton.outline)
    return np.concatenate([tips[..., :2], _fold(skeleton)[:, None], corners[:, VALLEYS], corners[:, WRISTS]], 1)


def _fold(skeleton):
    """Place the valley between thumb and index (n, 2), where the thumb's edge meets that of the palm.

    Both edges run from where the thumb leaves the palm, at its radius and at ROUND from lines in directions u and v:
    they meet at (ROUND u + radius v) / sin of the angle between u and v.
    """
    ball, index = skeleton.outline[:, 2], skeleton.outline[:, 3]
    u, v = skeleton.ways[:, 0, 1, :2], index - ball
    u, v = (w / np.linalg.norm(w, axis=1, keepdims=True) for w in (u, v))
    sine = u[:, :1] * v[:, 1:] - u[:, 1:] * v[:, :1]
    # a thumb that lies against the index or before the palm has its valley no further up
    return ball + (ROUND * u + skeleton.radii[:, 0, 1, None] * v) / np.maximum(sine, NARROW)


def round_corners(outline):
    """Return where the rounded outline passes corners (n, K, 2) that are hollow or nearly straight -> (n, K, 2)."""
    along = np.roll(outline, -1, axis=1) - outline
    out = np.stack([along[..., 1], -along[..., 0]], 2) / np.linalg.norm(along, axis=2, keepdims=True)
    before = np.roll(out, 1, axis=1)  # the normal of the edge that ends in a corner
    return outline + ROUND * (before + out) / (1 + (before * out).sum(axis=2, keepdims=True))
