"""A map between N(0, I) and a mixture of Gaussians, exact both ways. Rosenblatt, Annals of Math. Statistics 1952.

The codes z of all images together, the aggregate posterior, should be N(0, I), but are not where the likelihood's nats
outweigh the divergence's: N(0, I) then has draws that the decoder never saw. A density fitted to the codes afterwards
has none: Ghosh et al., arXiv 1903.12436. If it is a mixture of Gaussians, a normal u becomes a code number by number,

    F_j(z_j | z_1 .. z_j-1) = Phi(u_j)

where F_j is the distribution function of z_j given those before, itself a mixture of one-dimensional Gaussians. So
z = T(u) has the mixture's density, T**-1 of the codes is N(0, I), and D(T(u)) is a decoder whose prior is N(0, I):
a second stage, as that of Dai & Wipf, arXiv 1903.05789, but without a training. Reconstructions stay as they are.
"""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri, softmax

HALVINGS = 60  # of the interval in which a number of a code lies: float64 has no more digits


class RosenblattMap:
    """T for the mixture of `weights` (K,), which sum to 1, `means` (K, k) and `covariances` (K, k, k)."""

    def __init__(self, weights: np.ndarray, means: np.ndarray, covariances: np.ndarray):
        self.weights, self.means = np.asarray(weights), np.asarray(means)
        self.factors = np.linalg.cholesky(covariances)  # L of each Gaussian: z = mean + L e, e ~ N(0, I)

    def codes(self, u: np.ndarray) -> np.ndarray:
        """T: normals (N, k) -> codes (N, k)."""
        return self._walk(u, to_codes=True)

    def normals(self, z: np.ndarray) -> np.ndarray:
        """Undo T: codes (N, k) -> normals (N, k)."""
        return self._walk(z, to_codes=False)

    def _walk(self, given: np.ndarray, to_codes: bool) -> np.ndarray:
        found, e = np.empty(given.shape), np.zeros((len(given), *self.means.shape))  # e (N, K, k)
        log_share = np.tile(np.log(self.weights), (len(given), 1))  # of each Gaussian, given the numbers so far
        for j, value in enumerate(given.T):
            # the numbers before decide where each Gaussian expects this one, and how likely each Gaussian is
            centre = self.means[:, j] + np.einsum("nkj,kj->nk", e[:, :, :j], self.factors[:, j, :j])  # (N, K)
            spread = self.factors[:, j, j]
            share = softmax(log_share, axis=1)
            found[:, j] = (_code if to_codes else _normal)(value, share, centre, spread)
            z = found[:, j] if to_codes else value
            e[:, :, j] = (z[:, None] - centre) / spread
            log_share -= 0.5 * e[:, :, j] ** 2 + np.log(spread)
        return found


def _tails(z: np.ndarray, share: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How likely the mixture is below z (N,) and above it, (N,) each: both, as 1 - p loses the digits of a small p."""
    e = (z[:, None] - centre) / spread
    return (share * ndtr(e)).sum(axis=1), (share * ndtr(-e)).sum(axis=1)


def _normal(z: np.ndarray, share: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    below, above = _tails(z, share, centre, spread)
    return np.where(below < above, ndtri(below), -ndtri(above))


def _code(u: np.ndarray, share: np.ndarray, centre: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Solve by bisection: the mixture's quantile lies between the least and the largest of its Gaussians'."""
    quantiles = centre + spread * u[:, None]
    low, high = quantiles.min(axis=1), quantiles.max(axis=1)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        below, above = _tails(middle, share, centre, spread)
        up = np.where(u < 0, below < ndtr(u), above > ndtr(-u))
        low, high = np.where(up, middle, low), np.where(up, high, middle)
    return (low + high) / 2


def gaussian_divergence(z: np.ndarray) -> float:
    """Divergence, in nats, from N(0, I) of the Gaussian that has the mean and covariance S of rows z (N, k), N > k.

    1/2 (|mean|**2 + tr S - k - log det S). By chance it is about k (k + 3) / 4 N even where z is N(0, I).
    """
    mean, covariance = z.mean(axis=0, dtype=np.float64), np.atleast_2d(np.cov(z.T))
    _, log_determinant = np.linalg.slogdet(covariance)
    return float(mean @ mean + np.trace(covariance) - len(mean) - log_determinant) / 2
