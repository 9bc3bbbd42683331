"""Who is drawn: a person is a row of numbers, each drawn uniformly from a range of its own."""

from __future__ import annotations

from collections import namedtuple

from demos.data.scene import individuals

# Lengths are in frame units: the frame is [-1, 1] x [-1, 1]. (0, 1) and (-1, 1) run between two extremes.
RANGES = {
    "head_width": (0.56, 0.66),  # half of it
    "head_height": (0.72, 0.80),  # half of it
    "jaw": (0, 1),  # broad to narrow
    "chin": (0, 1),  # short to prominent
    "cheekbones": (0, 1),
    "nose_length": (0.20, 0.30),  # from between the eyes to the tip
    "nose_width": (0.045, 0.085),
    "nose_height": (0.10, 0.19),
    "eye_distance": (0.20, 0.27),  # from the middle of the face
    "eye_width": (0.105, 0.14),  # half of it
    "eye_opening": (0.045, 0.075),
    "eye_colour": (0, 1),  # brown to blue
    "brow_thickness": (0.018, 0.045),
    "brow_angle": (-0.3, 0.3),  # outer ends down to up
    "brow_height": (0.115, 0.16),  # above the eye
    "mouth_width": (0.20, 0.27),  # half of it
    "lip_thickness": (0.035, 0.07),
    "lip_colour": (0, 1),  # pale to dark
    "skin_tone": (0, 1),  # light to dark
    "skin_warmth": (-1, 1),
    "hair_tone": (0, 1),  # dark to light
    "hair_warmth": (-1, 1),
    "hairline": (0, 1),  # low to high
    "hair_length": (0, 1),  # cropped to long
    "hair_volume": (0, 1),
    "parting": (-1, 1),  # hair falls deeper into the forehead on the viewer's right to left
    "clothes": (0, 1),
}
Person = namedtuple("Person", RANGES)


def people(numbers, *, seed=0):
    """Draw the persons of these numbers, whole and from 0, (n,) -> (n, 27) float64, columns in the order of RANGES.

    Equal numbers are equal people, whoever else is drawn with them.
    """
    return individuals(RANGES, numbers, seed)
