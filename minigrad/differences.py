"""The slope of a function of one number at 0, measured by differences, with an estimate of its error.

`change(t)` is f(t) - f(0), or NaN or infinite outside the domain of f. `rounding` is the least error that such a change
has, because numbers have 53 bits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

STEP = 1e-3  # the first step, relative to the number: truncation error ~ STEP**4, rounding error ~ 1e-16 / STEP
ROUGH = 1e-4  # a slope that varies by more than this fraction of itself may have a kink
SLIGHT = 0.1  # a kink at which the slope jumps by less, relatively, is stepped around unless it lies at 0
RATIO = 1.4  # of successive steps; not an integer, so that no wave looks flat to two of them
LEVELS = 28  # the most steps that are tried; the last is 1e-4 of the first
COLUMNS = 8  # the most orders of the error that are cancelled
CLOSER = 12  # halvings in the search for a kink; the last interval is 1/4,000 of the first
CLOSEST = 30  # halvings in the search for a pole, which a kink may turn out to be
Change = Callable[[float], float]


class Slope(NamedTuple):
    """A measured slope, the estimate of its error, and the jump of the slope at a kink nearby, 0 if there is none."""

    value: float
    error: float
    jump: float = 0.0


def quick_slope(change: Change, h: float) -> tuple[float, float]:
    """Return the slope from four values, and how rough the function is there, in units of slope.

    (-f(2h) + 8 f(h) - 8 f(-h) + f(-2h)) / 12h; the error is of fourth order in h.
    """
    mm, m, p, pp = (change(steps * h) for steps in (-2, -1, 1, 2))
    slope = (mm - 8 * m + 8 * p - pp) / (12 * h)

    # right slope minus left slope: where f is smooth it is h f'', which doubles with the step; at a kink it stays
    bend, bend2 = (p + m) / h, (pp + mm) / (2 * h)

    # the slope across 0: where f is smooth it is nearly the same for both steps; at a jump it halves
    across, across2 = (p - m) / (2 * h), (pp - mm) / (4 * h)
    jump = abs(across - across2) if abs(across2) < 0.75 * abs(across) else 0.0
    return slope, max(abs(bend2 - 2 * bend), jump)


def careful_slope(change: Change, h: float, rounding: float, rtol: float, size: float) -> Slope:
    """Return the slope by Ridders' method, which finds the right step by itself, unless there is a kink.

    It looks at the function within 2h of 0. It looks closer if that leaves the function's domain, meets a pole, or
    meets a kink that is slight beside size, the size of the whole gradient; a network of relus has those everywhere.
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
    """Return the noise in change: how far it is from a straight line over a width at which smooth functions are one."""
    t = 1e-7 * h
    bends = [change(at - t) - 2 * change(at) + change(at + t) for at in (-0.37 * h, 0.37 * h)]
    return max([abs(bend) for bend in bends if math.isfinite(bend)], default=0.0)


def _extrapolated(change: Change, h: float, rounding: float, rtol: float) -> Slope:
    """Shrink h step by step, and extrapolate the slopes to h = 0 by polynomials in h**2.

    The extrapolations form a triangle, in which column k has an error of order h**(2 k + 2):

        slope(h)
        slope(h / RATIO)      from the two to the left
        slope(h / RATIO**2)   from the two to the left    from the two to the left

    Where neighbours differ least, their difference is the error, if the next row agrees. Ridders 1982, Accurate
    computation of F'(x) and F'(x) F''(x).
    """
    best = last = Slope(math.nan, math.inf)
    above: list[float] = []
    for _ in range(LEVELS):
        # a new row, and the entry in it that differs least from its neighbours
        row = [(change(h) - change(-h)) / (2 * h)]
        found = Slope(math.nan, math.inf)
        factor = 1.0
        for k, before in enumerate(above[: COLUMNS - 1]):
            factor *= RATIO**2
            row.append((factor * row[k] - before) / (factor - 1))  # the error of order h**(2 k + 2) cancels
            error = max(abs(row[k + 1] - row[k]), abs(row[k + 1] - before))
            if error < found.error:
                found = Slope(row[k + 1], error)

        # smaller steps help until rounding takes over
        error = max(found.error, last.error, abs(found.value - last.value))
        if error < best.error:
            best = Slope(found.value, error)
        if best.error <= 0.1 * rtol * abs(best.value) + rounding / h:
            break
        above, last = row, found
        h /= RATIO
    return best


def _kink(change: Change, h: float, rounding: float, rtol: float) -> tuple[float, float]:
    """Return where within h of 0 the slope jumps, and by how much: 0 if the function is smooth, infinity at a pole.

    Look closer and closer at where the function bends most. A curve straightens: over half the width its slope changes
    half as much. At a kink the slope changes as much as before, at a jump twice as much.
    """
    at, left, middle, right = 0.0, change(-h), 0.0, change(h)
    height = max(abs(left), abs(right))
    bends: list[float] = []
    for level in range(CLOSEST):
        # halve the interval: of three overlapping halves, keep the one that bends most
        h /= 2
        values = (left, change(at - h), middle, change(at + h), right)
        sharpness = [abs(values[k] - 2 * values[k + 1] + values[k + 2]) for k in range(3)]
        k = max(range(3), key=sharpness.__getitem__)
        at += (k - 1) * h
        left, middle, right = values[k : k + 3]
        bends.append(sharpness[k] / h)

        # a pole grows without bound; a straight line bends by no more than the tolerance
        if not max(map(abs, values)) <= 100 * height:
            return at, math.inf
        if level < CLOSER and sharpness[k] <= rtol * abs(right - left) / 2:
            return at, 0.0

        # after enough halvings, or at the noise: does the bend shrink as a curve's does, by four over two halvings?
        lost = sharpness[k] <= 16 * rounding
        if (lost or level == CLOSER) and (level < 3 or bends[-2] < 0.35 * bends[-4]):
            return at, 0.0
        if lost:
            break
    return at, bends[min(level, CLOSER) - 1]
