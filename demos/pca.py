"""Principal component analysis: the best linear code, and so the baseline of every autoencoder."""

from __future__ import annotations

import numpy as np


class PCA:
    """The k directions of largest variance of x (N, ..), flattened. Pearson 1901."""

    def __init__(self, x: np.ndarray, k: int):
        flat = x.reshape(len(x), -1).astype(np.float64)
        self.shape, self.mean = x.shape[1:], flat.mean(axis=0)
        centred = flat - self.mean
        _, vectors = np.linalg.eigh(centred.T @ centred)  # ascending variance
        self.components = vectors[:, ::-1][:, :k].T  # (k, features), orthonormal rows

    def encode(self, x: np.ndarray) -> np.ndarray:
        """(N, ..) -> codes (N, k)."""
        return (x.reshape(len(x), -1) - self.mean) @ self.components.T

    def reconstruct(self, x: np.ndarray) -> np.ndarray:
        """(N, ..) -> the nearest points of the principal subspace, same shape."""
        return (self.encode(x) @ self.components + self.mean).reshape(len(x), *self.shape)
