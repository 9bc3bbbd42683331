"""Digits and letters drawn from matplotlib's own fonts and bent by known warps: a data set that needs no download.

Every image is a template T seen through a warp W: image(p) = T(W(p)), W(p) = A [p; 1] + d(p), where A is affine and d
elastic. Positions are (x, y), x to the right and y down; the frame of image and template alike is [-1, 1] x [-1, 1],
edge to edge, as in grid_sample(align_corners=False).

A template is a signed distance to the outline, not a picture, so that one number makes a stroke thicker, another
softens its edge, and a single sample per pixel is already anti-aliased.
"""

from functools import cache
from math import comb
from pathlib import Path
from typing import NamedTuple

import numpy as np

from .machine import once_per_machine

# Sans, serif, mono, italic and bold on both sides; Computer Modern is the family that training never sees.
# Not every matplotlib brings all of them: cmti10 came with 3.11. `fonts` says which are there.
FONTS = {
    "train": (
        "DejaVuSans",
        "DejaVuSans-Bold",
        "DejaVuSans-Oblique",
        "DejaVuSans-BoldOblique",
        "DejaVuSansMono",
        "DejaVuSansMono-Bold",
        "DejaVuSansMono-Oblique",
        "DejaVuSansMono-BoldOblique",
        "DejaVuSerif",
        "DejaVuSerif-Bold",
        "DejaVuSerif-Italic",
        "DejaVuSerif-BoldItalic",
        "STIXGeneral",
        "STIXGeneralBol",
        "STIXGeneralItalic",
        "STIXGeneralBolIta",
    ),
    "test": ("cmr10", "cmb10", "cmti10", "cmss10", "cmtt10"),
}
DIGITS = "0123456789"

RESOLUTION = 128  # pixels along a template's side
INK = 0.66  # half the longer side of a template's ink; MNIST's 20 of 28 pixels are 0.71
CONTROL = 4  # control points of the elastic field along each axis, evenly from -1 to 1
CHUNK = 1000  # images sampled at a time, to bound memory

# What an image draws uniformly, in frame units unless said otherwise (at 28 x 28 a pixel is 0.071).
ROTATION = 0.2  # at most, radians
SHEAR = 0.2  # at most, x per y
SCALE = (0.85, 1.15)  # each axis its own
SHIFT = 0.15  # at most, and never so far that ink reaches the border
ELASTIC = 0.12  # at most, each control point and axis
PEN = (0.0, 0.04)  # added to both sides of every stroke
EDGE = (1.0, 1.8)  # width of the grey rim, in pixels


class Glyphs(NamedTuple):
    """Images with the truth behind them.

    images (n, 1, size, size) float32 in [0, 1], bright ink on black; labels (n,) int64, positions in `characters`;
    fonts (n,) int64, positions in FONTS["train"] followed by FONTS["test"]; affine (n, 2, 3) float64, rows x and y,
    from image to template; elastic (n, 2, 4, 4) float64, the displacement of each control point (axes x or y, row,
    column) in frame units. `warp` turns the last two into W.
    """

    images: np.ndarray
    labels: np.ndarray
    fonts: np.ndarray
    affine: np.ndarray
    elastic: np.ndarray


@once_per_machine
def glyphs(n, *, split="train", size=28, characters=DIGITS, seed=0):
    """Draw n warped glyphs -> Glyphs. Equal arguments, equal bits.

    Classes are balanced to within one image, the fonts that are there to within one of each class; the splits share no
    font. Each glyph's longer side is fitted to one length, as in MNIST, so the case of o, x, z is lost. ValueError for
    an unknown split, a size below 8, a negative n, repeated characters, or one that a font lacks.
    Elastic digits: Simard, Steinkraus & Platt 2003.
    """
    _check(n, split, size, characters)
    rng = np.random.default_rng([seed, list(FONTS).index(split)])
    order = rng.permutation(n)
    there = fonts(split)
    labels, font = order % len(characters), order // len(characters) % len(there)

    templates = np.stack([_template(name, c) for name in there for c in characters])
    which = font * len(characters) + labels
    elastic = rng.uniform(-ELASTIC, ELASTIC, (n, 2, CONTROL, CONTROL))
    half = _half_extents(templates)[which] + ELASTIC + PEN[1] + EDGE[1] / size  # as far as ink can come
    affine = _draw_affine(rng, half, room=1 - 1 / size)  # the centres of the outermost pixels stay black
    pen = rng.uniform(*PEN, (n, 1, 1))
    edge = rng.uniform(*EDGE, (n, 1, 1)) * 2 / size

    images = np.empty((n, 1, size, size), np.float32)
    for start in range(0, n, CHUNK):
        part = slice(start, start + CHUNK)
        distance = _sample(templates, which[part], warp(affine[part], elastic[part], size))
        images[part, 0] = np.clip(0.5 + (distance + pen[part]) / edge[part], 0, 1)
    names = [name for part in FONTS.values() for name in part]
    places = np.array([names.index(name) for name in there])
    return Glyphs(images, labels, places[font], affine, elastic)


def fonts(split):
    """Return the names of the split's fonts that this matplotlib brings; FileNotFoundError if it brings none."""
    there = tuple(name for name in FONTS[split] if _file(name).exists())
    if not there:
        folder = _file(FONTS[split][0]).parent
        raise FileNotFoundError(f"glyphs: {folder} holds none of the fonts to {split} with; reinstall matplotlib")
    return there


def warp(affine, elastic, size):
    """Evaluate W at pixel centres. affine (n, 2, 3), elastic (n, 2, k, k) -> (n, size, size, 2): x, y in the template.

    d is the Bezier patch of the control points, so along each axis it never exceeds the largest of them: that is
    why a margin of ELASTIC keeps the ink in the frame. Free-form deformation: Sederberg & Parry 1986.
    """
    centres = (2 * np.arange(size) + 1) / size - 1
    t, degree = (centres + 1) / 2, elastic.shape[-1] - 1
    bernstein = np.stack([comb(degree, i) * t**i * (1 - t) ** (degree - i) for i in range(degree + 1)], 1)  # (size, k)
    bend = bernstein @ elastic @ bernstein.T  # (n, 2, k, k) -> (n, 2, size, size)
    p = np.stack([*np.meshgrid(centres, centres), np.ones((size, size))])  # (x y 1, size, size)
    return np.moveaxis(np.tensordot(affine, p, 1) + bend, 1, -1)  # (n, 2, size, size) -> (n, size, size, 2)


def _check(n, split, size, characters):
    if split not in FONTS:
        raise ValueError(f"glyphs: split is {split!r}; it must be one of {', '.join(map(repr, FONTS))}")
    if n < 0 or size < 8:
        raise ValueError(f"glyphs: n is {n} and size is {size}; n must be at least 0, size at least 8 pixels")
    if not characters or len(set(characters)) < len(characters):
        raise ValueError(f"glyphs: characters is {characters!r}; give at least one character and none twice")


def _file(name):
    import matplotlib

    return Path(matplotlib.get_data_path(), "fonts", "ttf", f"{name}.ttf")


@cache
def _template(name, character):
    """Draw one character, ink box centred -> (R, R) float32: distance to the outline, positive in ink."""
    from matplotlib.ft2font import FT2Font
    from scipy.ndimage import distance_transform_edt

    font = FT2Font(str(_file(name)))
    if character.isspace() or not font.get_char_index(ord(character)):
        raise ValueError(f"glyphs: {name} has no ink for {character!r}; take characters that every font in FONTS holds")
    side = 2 * RESOLUTION  # draw at twice the resolution: the average of four distances lies on the pixel's centre
    ink = _bitmap(font, character, side)
    ink = _bitmap(font, character, side * INK * side / max(ink.shape))  # outlines scale: draw again at the right size
    canvas = np.zeros((side, side), bool)
    box = tuple(slice((side - length) // 2, (side - length) // 2 + length) for length in ink.shape)
    canvas[box] = ink
    distance = -distance_transform_edt(~canvas)
    distance[box] += distance_transform_edt(np.pad(ink, 1))[1:-1, 1:-1]  # no other pixel without ink is nearer
    distance *= 2 / side
    return distance.reshape(RESOLUTION, 2, RESOLUTION, 2).mean((1, 3)).astype(np.float32)


def _bitmap(font, character, pixels):
    """Render at `pixels` per em and crop to the ink -> (h, w) bool."""
    font.set_size(pixels, 72)  # at 72 dots per inch a point is a pixel
    font.set_text(character)
    font.draw_glyphs_to_bitmap(antialiased=True)
    ink = np.asarray(font.get_image()) > 127
    rows, columns = np.flatnonzero(ink.any(1)), np.flatnonzero(ink.any(0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _half_extents(templates):
    """Measure centred ink. (t, R, R) -> (t, 2): half its width and height."""
    ink = templates > 0
    return np.stack([ink.any(1).sum(1), ink.any(2).sum(1)], 1) / RESOLUTION


def _draw_affine(rng, half, room):
    """Draw maps, image to template, that keep boxes of half sizes (n, 2) within room of the origin -> (n, 2, 3)."""
    n = len(half)
    angle, shear = rng.uniform(-ROTATION, ROTATION, n), rng.uniform(-SHEAR, SHEAR, n)
    cos, sin, one, zero = np.cos(angle), np.sin(angle), np.ones(n), np.zeros(n)
    rotate = np.array([[cos, -sin], [sin, cos]]).transpose(2, 0, 1)  # (2, 2, n) -> (n, 2, 2)
    slant = np.array([[one, shear], [zero, one]]).transpose(2, 0, 1)
    linear = rotate @ slant * rng.uniform(*SCALE, (n, 1, 2))
    reach = (np.abs(linear) @ half[..., None])[..., 0]  # (n, 2): how far the box's corners come
    shrink = np.minimum(1, room / reach.max(1))
    linear, reach = linear * shrink[:, None, None], reach * shrink[:, None]
    shift = rng.uniform(-1, 1, (n, 2)) * np.minimum(SHIFT, room - reach)
    inverse = np.linalg.inv(linear)  # drawn from template to image, wanted from image to template
    return np.concatenate([inverse, -inverse @ shift[..., None]], 2)


def _sample(templates, which, positions):
    """Look templates (t, R, R) up at positions (n, s, s, 2), linearly -> (n, s, s)."""
    from scipy.ndimage import map_coordinates

    x, y = np.moveaxis((positions + 1) * RESOLUTION / 2 - 0.5, -1, 0)
    layer = np.broadcast_to(which[:, None, None], x.shape)
    return map_coordinates(templates, [layer, y, x], order=1, mode="nearest")
