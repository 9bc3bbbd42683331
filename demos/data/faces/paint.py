"""What a head is painted with: colours by place on the chart, every edge as soft as a pixel, so anti-aliased.

p is a Person of (n, 1, 1) float32 and places are (n, h, w); colours are (3, n, 1, 1), pictures (3, n, h, w).
"""

from __future__ import annotations

import numpy as np

from .places import brow, brow_centre, hair_depth, levels, mouth, mouth_width


def paint(p, smile, u, v, pixel):
    """Paint a face and its hair: albedo (3, n, h, w) at places u, v of the chart.

    pixel: its side in frame units. A band thinner than it keeps its share of the ink, so thin lines are not dotted.
    """
    x, y = u * p.head_width, v * p.head_height

    def cover(inside, softness=1):  # of a pixel at a signed distance from an edge, positive inside
        return np.clip(0.5 + inside / (softness * pixel), 0, 1)

    def band(below, above):  # between two edges: exact for horizontal ones, however thin
        return np.maximum(cover(below) + cover(above) - 1, 0)

    albedo = skin_colour(p) * _blush(p, smile, x, y)
    albedo = _mouth(albedo, p, smile, x, y, cover, band)
    albedo = _eyes(albedo, p, smile, x, y, cover, band)
    nostril = np.hypot((np.abs(x) - 0.55 * p.nose_width) / 1.7, y - levels(p)[1] - 0.045)
    albedo = albedo * (1 - 0.55 * cover(0.012 - nostril, 1.3))
    albedo = _brows(albedo, p, smile, x, y, band)
    depth = hair_depth(p, u, v)
    strands = 1 + 0.1 * np.sin(26 * np.abs(u) + 5 * np.sin(3 * v)) * np.clip(depth / 0.1, 0, 1)
    return over(albedo, hair_colour(p) * strands, cover(depth, 1.5))


def over(under, colour, cover):
    """Lay a colour over a picture where cover is 1."""
    return under + cover * (colour - under)


def skin_colour(p):
    """From light to dark, from cool to warm."""
    base = _ramp(p.skin_tone, (242, 210, 189), (228, 180, 144), (176, 122, 86), (112, 72, 50))
    return base * (1 + p.skin_warmth * _rgb(0.03, -0.01, -0.06))


def hair_colour(p):
    """From black over brown to fair, from ashen to red."""
    base = _ramp(p.hair_tone, (34, 28, 28), (84, 58, 42), (150, 106, 66), (204, 168, 108))
    return base * (1 + p.hair_warmth * _rgb(0.07, -0.03, -0.16))


def clothes_colour(p):
    """From dark blue over red and green to white."""
    return _ramp(p.clothes, (42, 50, 82), (134, 60, 62), (96, 122, 100), (214, 208, 200))


def _rgb(*colour):
    return np.array(colour, np.float32).reshape(3, 1, 1, 1)


def _ramp(t, *colours):
    """Blend colours, 0 to 255 and evenly spaced over t in [0, 1]. t (n, 1, 1) -> (3, n, 1, 1) in [0, 1]."""
    knots = np.linspace(0, 1, len(colours))
    return np.stack([np.interp(t, knots, channel) for channel in np.transpose(colours) / 255]).astype(np.float32)


def _blush(p, smile, x, y):
    """Redden the cheeks and the tip of the nose: factors (3, n, h, w)."""
    nose = levels(p)[1]
    cheek = np.exp(-(((np.abs(x) - 0.3) / 0.13) ** 2) - ((y - nose) / 0.12) ** 2)
    tip = np.exp(-((x / 0.08) ** 2) - ((y - nose) / 0.07) ** 2)
    return 1 - (cheek * (0.1 + 0.04 * smile) + 0.06 * tip) * _rgb(0.1, 1, 0.9)


def _mouth(albedo, p, smile, x, y, cover, band):
    half = mouth_width(p, smile)
    r = x / half
    m = mouth(p, smile, r)
    between = cover((1 - np.abs(r)) * half)  # the corners
    from_line = y - m.line
    lips = band(from_line + m.gap + m.upper, m.gap + m.lower - from_line) * between
    colour = skin_colour(p) * _rgb(0.95, 0.62, 0.62) * (1 - 0.18 * p.lip_colour)
    albedo = over(albedo, colour, lips) * (1 - 0.12 * lips * cover(-from_line))  # the upper lip is darker
    dark = _rgb(0.30, 0.12, 0.12) * (0.5 + 0.5 * skin_colour(p))
    albedo = over(albedo, dark, band(m.gap + 0.013 + from_line, m.gap + 0.013 - from_line) * between)
    teeth = band(m.gap + from_line, 0.7 * m.gap - from_line) * cover(0.9 * half * (1 - r * r))
    return over(albedo, _rgb(0.96, 0.95, 0.92), 0.95 * teeth)


def _eyes(albedo, p, smile, x, y, cover, band):
    side = np.abs(x) - p.eye_distance
    r = side / p.eye_width
    inside = np.clip(1 - r * r, 0, 1)
    y = y - levels(p)[0] + 0.012 * r  # the outer corner is the higher
    top, bottom = p.eye_opening * inside**0.8, 0.62 * (1 - 0.22 * np.maximum(smile, 0)) * p.eye_opening * inside
    crease = np.exp(-(((y + top + 0.035) / 0.016) ** 2)) * np.clip(1.15 - r * r, 0, 1)
    eye = band(y + top, bottom - y) * (np.abs(r) < 1)
    skin, radius = skin_colour(p), np.hypot(side, y + 0.004)
    iris = _ramp(p.eye_colour, (70, 42, 26), (112, 84, 44), (94, 122, 82), (88, 130, 176))
    albedo = over(albedo * (1 - 0.22 * crease), _rgb(0.94, 0.93, 0.92) * (0.85 + 0.15 * skin), eye)
    albedo = over(albedo, iris, cover(0.056 - radius) * eye)
    albedo = over(albedo, _rgb(0.05, 0.05, 0.05), cover(0.024 - radius) * eye)
    albedo = over(albedo, _rgb(1, 1, 1), 0.8 * cover(0.012 - np.hypot(side - 0.02, y + 0.022)) * eye)  # a glint
    lash = band(0.015 + y + top, 0.015 - y - top) * (np.abs(r) < 1.05)
    return over(albedo, 0.25 * skin, 0.85 * lash)


def _brows(albedo, p, smile, x, y, band):
    centre, half = brow_centre(p)
    r = (np.abs(x) - centre) / half
    thick = p.brow_thickness * np.sqrt(np.clip(1 - r * r, 0, 1)) * (1 - 0.25 * r)
    off = y - brow(p, smile, r)
    hairs = band(thick + off, thick - off) * (np.abs(r) < 1)
    return over(albedo, 0.55 * hair_colour(p) + 0.2 * skin_colour(p), 0.9 * hairs)
