"""Judge by repetition: the mean of a few measurements, and how far from it the true mean may be."""

from __future__ import annotations

import numpy as np
from scipy.special import stdtrit


def mean_interval(values: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Mean of values (n, ..) over their first axis and half the width of its confidence interval, (..) each.

    Student's interval, mean +- t s / sqrt(n), for normal measurements that are independent of each other. Of paired
    measurements take the differences first. ValueError for fewer than two. Student 1908.
    """
    n = len(values)
    if n < 2:
        raise ValueError(f"mean_interval: {n} measurements tell no spread; give at least 2")
    spread = np.std(values, axis=0, ddof=1, dtype=np.float64)
    half = stdtrit(n - 1, (1 + confidence) / 2) * spread / np.sqrt(n)
    return np.mean(values, axis=0, dtype=np.float64), half
