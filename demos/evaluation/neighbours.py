"""Judge a code by distances in it: are images of one class close, and images of two classes apart?

SciPy's distances and scikit-learn take long to import, so only what uses them imports them.
"""

from __future__ import annotations

import numpy as np


def nearest(x: np.ndarray, n: int = 10) -> np.ndarray:
    """Indices (N, n) of the n nearest other rows of x (N, ..), nearest first. ValueError if there are not so many."""
    if not 1 <= n < len(x):
        raise ValueError(f"nearest: {n} neighbours of {len(x)} images; n must be from 1 to {len(x) - 1}")
    flat = _flat(x)
    squares = np.square(flat).sum(axis=1)
    distance = squares[:, None] - 2 * flat @ flat.T + squares  # (N, N), squared
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1)[:, :n]


def precision(found: np.ndarray, labels: np.ndarray) -> float:
    """Share of neighbours, found (N, n) as `nearest` gives them, that carry the label of their query; labels (N,)."""
    return float(np.mean(labels[found] == labels[:, None]))


def knn_accuracy(x: np.ndarray, labels: np.ndarray, y: np.ndarray, y_labels: np.ndarray, k: int = 1) -> float:
    """Share of rows of y (M, ..) whose label is that of most of the k nearest rows of x (N, ..). Cover & Hart 1967."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier(k, algorithm="brute").fit(_flat(x), labels).score(_flat(y), y_labels)


def pair_distances(x: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of rows of x (N, ..) -> their distances and whether their labels differ, both (N (N - 1) / 2,)."""
    from scipy.spatial.distance import pdist

    first, second = np.triu_indices(len(x), 1)  # the order of pdist
    return pdist(_flat(x)), labels[first] != labels[second]


def pair_auc(distance: np.ndarray, different: np.ndarray) -> float:
    """Chance that a pair of two classes lies further apart than a pair of one: .5 by guessing, 1 without an error."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(different, distance))


def pair_roc(distance: np.ndarray, different: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Call pairs closer than a threshold the same: shares of pairs of two classes, and of one, so called, rising."""
    from sklearn.metrics import roc_curve

    false, true, _ = roc_curve(~different, -distance)
    return false, true


def few_shot_accuracy(
    x: np.ndarray, labels: np.ndarray, *, shots: int, episodes: int = 100, rng: np.random.Generator
) -> float:
    """Classify by the nearest of `shots` known images per class, the rest of x (N, ..) asked: mean over episodes.

    Every episode draws the known images anew. ValueError unless every class has more than `shots` images.
    Lake, Salakhutdinov & Tenenbaum 2015.
    """
    from scipy.spatial.distance import pdist, squareform

    classes, counts = np.unique(labels, return_counts=True)
    if not 1 <= shots < counts.min():
        raise ValueError(f"few_shot_accuracy: {shots} shots; the smallest class has {counts.min()} images, give fewer")
    distance, accuracies = squareform(pdist(_flat(x))), []
    for _ in range(episodes):
        order = rng.permutation(len(labels))
        known = np.concatenate([order[labels[order] == c][:shots] for c in classes])
        asked = np.setdiff1d(order, known)
        said = labels[known[distance[np.ix_(asked, known)].argmin(axis=1)]]
        accuracies.append(np.mean(said == labels[asked]))
    return float(np.mean(accuracies))


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)
