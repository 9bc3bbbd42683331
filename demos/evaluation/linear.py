"""Judge by linear means: the best linear code, angles between subspaces, what a linear map can read off a code.

Scikit-learn takes a demo as long to import as all else together, so only what uses it imports it.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import eigh, subspace_angles

PENALTIES = np.logspace(-3, 5, 9)  # among which the probe chooses by leave-one-out error on its training examples


class PCA:
    """The k directions of largest variance of x (N, ..), flattened. Pearson 1901."""

    def __init__(self, x: np.ndarray, k: int):
        centred = x.reshape(len(x), -1).astype(np.float64)
        self.shape, self.mean = x.shape[1:], centred.mean(axis=0)
        centred -= self.mean
        wide = len(centred) < centred.shape[1]  # then the smaller X X^T has the same variances: X^T v for its v
        gram = centred @ centred.T if wide else centred.T @ centred
        first = max(0, len(gram) - k)
        _, vectors = eigh(gram, subset_by_index=[first, len(gram) - 1], overwrite_a=True)  # ascending variance
        vectors = vectors[:, ::-1]
        self.components = (np.linalg.qr(centred.T @ vectors)[0] if wide else vectors).T  # (k, features), orthonormal

    def encode(self, x: np.ndarray) -> np.ndarray:
        """(N, ..) -> codes (N, k)."""
        return (x.reshape(len(x), -1) - self.mean) @ self.components.T

    def decode(self, code: np.ndarray) -> np.ndarray:
        """Codes (N, k) -> points of the principal subspace, (N, ..)."""
        return (code @ self.components + self.mean).reshape(len(code), *self.shape)

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """(N, ..) -> the nearest points of the principal subspace, same shape."""
        return self.decode(self.encode(x))


def largest_angle(a: np.ndarray, b: np.ndarray) -> float:
    """Largest principal angle, in degrees, between the spans of the columns of a (D, k) and of b (D, k)."""
    return float(np.degrees(subspace_angles(a, b).max()))


def ridge_r2(x_train: np.ndarray, y_train: np.ndarray, x_test: np.ndarray, y_test: np.ndarray) -> np.ndarray:
    """Share of the variance of each column of y_test that a ridge regression from codes explains: R^2, 1 if all of it.

    x (N, ..) codes, flattened and standardised; y (N, T) or (N,) what they should tell -> (T,) or (1,). Fitted to the
    training examples alone; below 0 where the mean of y_test would do better. Hoerl & Kennard 1970.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.metrics import r2_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y_train, y_test = (y.reshape(len(y), -1) for y in (y_train, y_test))
    probe = make_pipeline(StandardScaler(), RidgeCV(PENALTIES, alpha_per_target=True))
    probe.fit(x_train.reshape(len(x_train), -1), y_train)
    return r2_score(
        y_test, probe.predict(x_test.reshape(len(x_test), -1)).reshape(y_test.shape), multioutput="raw_values"
    )


def ridge_accuracy(x: np.ndarray, labels: np.ndarray, y: np.ndarray, y_labels: np.ndarray) -> float:
    """Share of rows of y (M, ..) whose label a ridge regression of all classes, fitted to x (N, ..), scores highest.

    Features as they are; the penalty is the best of PENALTIES by leave-one-out error on x.
    """
    from sklearn.linear_model import RidgeClassifierCV

    flat, new = (images.reshape(len(images), -1) for images in (x, y))
    return float(RidgeClassifierCV(PENALTIES).fit(flat, labels).score(new, y_labels))
