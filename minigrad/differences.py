"""The slope of a function of one number, measured by differences, with an estimate of its error.

`change(t)` is by how much the function differs at offset t from its value at 0; NaN or infinite outside its domain.
`rounding` is how far such a change is off at least, because numbers have 53 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

STEP = 1e-3  # of the first try, relative to the size of the number: truncation error ~ STEP**4, rounding ~ 1e-16 / STEP
ROUGH = 1e-4  # a slope that jumps by more than this part of itself may have a kink
SLIGHT = 0.1  # a kink in which it jumps by less is stepped around, unless it is right here
RATIO = 1.4  # of successive steps: no whole number, so that no wave looks flat to two of them
LEVELS = 28  # steps tried at most: the last is 1e-4 of the first
COLUMNS = 8  # orders of the error that are cancelled at most
CLOSER = 12  # halvings in the search for a kink: the last interval is 1/4,000 of the first
CLOSEST = 30  # and in the search for the pole that a kink may turn out to be
Change = Callable[[float], float]


class Slope(NamedTuple):
    """A measured slope, the estimate of its error, and the jump of a slope found nearby: 0 where all is smooth."""

    value: float
    error: float
    jump: float = 0.0


def quick_slope(change: Change, h: float) -> tuple[float, float]:
    """Return the slope from four values, of fourth order in h, and how far the function is from smooth there.

    (-f(2h) + 8 f(h) - 8 f(-h) + f(-2h)) / 12h. The second number is in units of slope.
    """
    mm, m, p, pp = (change(steps * h) for steps in (-2, -1, 1, 2))
    slope = (mm - 8 * m + 8 * p - pp) / (12 * h)
    # right minus left slope: h f'' where f is smooth, so it doubles with the step; where f bends it does not
    bend, bend2 = (p + m) / h, (pp + mm) / (2 * h)
    # the slope across: nearly the same for both steps where f is smooth, halved where f jumps
    across, across2 = (p - m) / (2 * h), (pp - mm) / (4 * h)
    jump = abs(across - across2) if abs(across2) < 0.75 * abs(across) else 0.0
    return slope, max(abs(bend2 - 2 * bend), jump)


def careful_slope(change: Change, h: float, rounding: float, rtol: float, size: float) -> Slope:
    """Return the slope by Ridders' method, whose steps follow the function's own scale; first look for a kink.

    The function is seen within 2h of 0, and nearer by where that leaves its domain, meets a pole, or meets a kink that
    is slight beside size, that of the whole gradient, as a network of relus has them everywhere.
    """
    rounding = max(rounding, _noise(change, h))
    for _ in range(40):
        slope, roughness = quick_slope(change, h)
        if math.isfinite(slope):
            rough = roughness > rtol * abs(slope)
            at, jump = _kink(change, 2 * h, rounding, rtol) if rough else (0.0, 0.0)
            if jump == 0.0:
                return _extrapolated(change, 2 * h, rounding, rtol)
            slight = jump <= SLIGHT * max(abs(slope), size) and abs(at) > 1e-3 * h
            if math.isfinite(jump) and not slight:
                return Slope(slope, 0.0, jump)
        h /= 2
    return Slope(slope, math.inf)


def _noise(change: Change, h: float) -> float:
    """Return how far change is from a straight line over widths at which every smooth function is one."""
    t = 1e-7 * h
    bends = [change(at - t) - 2 * change(at) + change(at + t) for at in (-0.37 * h, 0.37 * h)]
    return max([abs(bend) for bend in bends if math.isfinite(bend)], default=0.0)


def _extrapolated(change: Change, h: float, rounding: float, rtol: float) -> Slope:
    """Shrink h step by step, and extrapolate the slopes to h = 0 by polynomials in h**2.

    Where neighbours in the table of extrapolations differ least, their difference is the error, if the next row says so
    too. Ridders 1982, Accurate computation of F'(x) and F'(x) F''(x).
    """
    best = last = Slope(math.nan, math.inf)
    above: list[float] = []
    for _ in range(LEVELS):
        row = [(change(h) - change(-h)) / (2 * h)]
        found = Slope(math.nan, math.inf)
        factor = 1.0
        for k, before in enumerate(above[: COLUMNS - 1]):
            factor *= RATIO**2
            row.append((factor * row[k] - before) / (factor - 1))  # the error of order h**(2 k + 2) cancels
            error = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - before))
            if error < found.error:
                found = Slope(row[k + 1], error)
        error = max(found.error, last.error, abs(found.value - last.value))
        if error < best.error:
            best = Slope(found.value, error)
        if best.error <= 0.1 * rtol * abs(best.value) + rounding / h:
            break
        above, last = row, found
        h /= RATIO
    return best


def _kink(change: Change, h: float, rounding: float, rtol: float) -> tuple[float, float]:
    """Return where within h of 0 the slope jumps, and by how much: by 0 in a smooth function, by infinity at a pole.

    Look ever closer at where the function bends most. A curve straightens: over half the width the slope changes half
    as much. Over a kink it changes as much as before, over a jump twice as much.
    """
    at, left, middle, right = 0.0, change(-h), 0.0, change(h)
    height = max(abs(left), abs(right))
    bends: list[float] = []
    for level in range(CLOSEST):
        h /= 2
        values = (left, change(at - h), middle, change(at + h), right)
        sharpness = [abs(values[k] - 2 * values[k + 1] + values[k + 2]) for k in range(3)]
        k = max(range(3), key=sharpness.__getitem__)
        at += (k - 1) * h
        left, middle, right = values[k : k + 3]
        bends.append(sharpness[k] / h)
        if not max(map(abs, values)) <= 100 * height:
            return at, math.inf
        if level < CLOSER and sharpness[k] <= rtol * abs(right - left) / 2:
            return at, 0.0
        lost = sharpness[k] <= 16 * rounding  # closer than this there is only noise
        if (lost or level == CLOSER) and (level < 3 or bends[-2] < 0.35 * bends[-4]):
            return at, 0.0
        if lost:
            break
    return at, bends[min(level, CLOSER) - 1]
