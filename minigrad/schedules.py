"""Learning-rate schedules: functions from the step, counted from 0, to the learning rate.

    schedule = warm_up(cosine(lr=1e-3, steps=10_000), steps=500)
    for step in range(10_000):
        optimizer.lr = schedule(step)
        ...

Schedules have no state, so a run that resumes at some step continues with the learning rate of that step. Every
function of the step is a schedule: lambda step: 1e-3 is the constant one.
"""

import math
from collections.abc import Callable

Schedule = Callable[[int], float]


def step_decay(lr: float, every: int, factor: float) -> Schedule:
    """Multiply lr > 0 by factor, in (0, 1], every `every` >= 1 steps: lr factor^floor(step / every)."""
    _check_lr("step_decay", lr)
    _check_steps("step_decay: every", every)
    if not 0 < factor <= 1:
        raise ValueError(f"step_decay: factor is {factor}; it must lie in (0, 1]")
    return lambda step: lr * factor ** (_checked(step) // every)


def cosine(lr: float, steps: int, minimum: float = 0) -> Schedule:
    """Fall from lr > 0 to minimum, in [0, lr], along half a cosine wave over steps >= 1 steps, and stay there.

    minimum + (lr - minimum) (1 + cos(pi step / steps)) / 2. Loshchilov & Hutter 2017, without their restarts.
    """
    _check_lr("cosine", lr)
    _check_steps("cosine: steps", steps)
    if not 0 <= minimum <= lr:
        raise ValueError(f"cosine: minimum is {minimum}; it must lie in [0, lr], here [0, {lr}]")

    def schedule(step: int) -> float:
        progress = min(_checked(step) / steps, 1)
        return minimum + (lr - minimum) * (1 + math.cos(math.pi * progress)) / 2

    return schedule


def warm_up(schedule: Schedule, steps: int) -> Schedule:
    """Scale the first steps >= 1 values of a schedule by 1 / steps, 2 / steps, ..., 1. Goyal et al. 2017.

    The schedule itself also starts at step 0: it is scaled, not delayed.
    """
    if not callable(schedule):
        raise TypeError(f"warm_up: schedule is {schedule!r}; give a function, such as lambda step: {schedule!r}")
    _check_steps("warm_up: steps", steps)
    return lambda step: schedule(step) * min((_checked(step) + 1) / steps, 1)


def _checked(step: int) -> int:
    if step < 0:
        raise ValueError(f"schedule: step is {step}; steps are counted from 0")
    return step


def _check_lr(what: str, lr: float) -> None:
    if not 0 < lr < math.inf:
        raise ValueError(f"{what}: lr is {lr}; it must be positive and finite")


def _check_steps(what: str, steps: int) -> None:
    if not isinstance(steps, int) or steps < 1:
        raise ValueError(f"{what} is {steps!r}; it must be a positive integer")
