"""Judge by points whose true places are known: do they coincide in a template, can they be read off a code?"""

from __future__ import annotations

import numpy as np

from .linear import PENALTIES


def spread(points: np.ndarray) -> float:
    """Root mean square distance of points (N, K, 2) from their mean over the images, in their own units."""
    return float(np.sqrt(np.square(points - points.mean(axis=0)).sum(axis=2).mean()))


def extent(points: np.ndarray) -> float:
    """Root mean square distance of the K mean points from their centre: the size of the mean shape."""
    mean = points.mean(axis=0)
    return float(np.sqrt(np.square(mean - mean.mean(axis=0)).sum(axis=1).mean()))


def regress(codes: np.ndarray, points: np.ndarray, new_codes: np.ndarray) -> np.ndarray:
    """Read points (N, K, 2) off codes (N, ..) by ridge regression, for new codes (M, ..) -> (M, K, 2)."""
    from sklearn.linear_model import RidgeCV  # takes long to import; the others do without
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    probe = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
    probe.fit(codes.reshape(len(codes), -1), points.reshape(len(points), -1))
    return probe.predict(new_codes.reshape(len(new_codes), -1)).reshape(-1, *points.shape[1:])


def mean_error(found: np.ndarray, truth: np.ndarray) -> float:
    """Mean distance between points (N, K, 2), or (K, 2) for all images, and their true places (N, K, 2)."""
    return float(np.sqrt(np.square(found - truth).sum(axis=-1)).mean())
