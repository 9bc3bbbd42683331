"""Judge a latent variable model: its bound on -log p(x), mixtures of Bernoullis beside it, the spread of its codes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import log_softmax, logsumexp, softmax

import minigrad as mg
from demos.training import apply
from minigrad import Tensor
from models.vae import VAE, loss_terms

ACTIVE = 0.01  # variance of a code's mean over images from which on it is in use; Burda et al., arXiv 1509.00519


def binarise(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Make each pixel white with probability x in [0, 1], anew in every call. Salakhutdinov & Murray 2008."""
    return mg.astype(Tensor(rng.random(x.shape, np.float32)).to(x.device) < x, np.float32)


def bound(model: VAE, x: np.ndarray, draws: int = 8, device: str = "cpu") -> tuple[float, float]:
    """-log p(x | z) and the divergence of the code, nats per image: means over images x (N, ..) and draws of z.

    Their sum is the negative evidence lower bound.
    """
    terms = [apply(lambda batch: mg.stack(loss_terms(model, batch), axis=1), x, device=device) for _ in range(draws)]
    surprise, divergence = np.mean(terms, axis=(0, 1), dtype=np.float64)
    return float(surprise), float(divergence)


def bernoulli_mixture(
    train: np.ndarray, test: np.ndarray, components: int, rng: np.random.Generator, iterations: int = 40
) -> float:
    """Fit a mixture of images of independent pixels to train; return -log p(test), nats per image, binary (N, ..) both.

    One component is the model of independent pixels. Expectation maximisation from random images; a white and a black
    pixel are added to what each component has seen, so that no pixel is impossible.
    """
    x, y = train.reshape(len(train), -1), test.reshape(len(test), -1)
    p = 0.25 + 0.5 * x[rng.choice(len(x), components, replace=False)]  # (components, pixels)
    scores = np.zeros(components, np.float32)
    for _ in range(iterations if components > 1 else 1):
        share = softmax(_joint(x, p, scores), axis=1)  # (N, components)
        scores = np.log(share.mean(axis=0) + 1e-12)
        p = (share.T @ x + 1) / (share.sum(axis=0)[:, None] + 2)
    return float(-logsumexp(_joint(y, p, log_softmax(scores)), axis=1).mean(dtype=np.float64))


def _joint(x: np.ndarray, p: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """log p(component, image): binary x (N, pixels), p (components, pixels), scores (components) -> (N, components)."""
    return x @ (np.log(p) - np.log1p(-p)).T + np.log1p(-p).sum(axis=1) + scores


def posterior(model: VAE, x: np.ndarray, device: str = "cpu") -> tuple[np.ndarray, np.ndarray]:
    """Mean and log-variance of the codes of images x (N, ..), each (N, k)."""
    both = apply(lambda batch: mg.stack(model.encode(batch), axis=1), x, device=device)  # (N, 2, k)
    return both[:, 0], both[:, 1]


def monte_carlo_kl(
    mean: np.ndarray, log_variance: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, float]:
    """Average of log q(z) - log p(z) over z ~ q = N(mean, e**log_variance), p = N(0, I) -> nats, its standard error.

    mean, log_variance (N, k): summed over k, averaged over N images and the draws.
    """
    from scipy.stats import norm  # takes long to import; the others do without

    m, s = mean.astype(np.float64), np.exp(0.5 * log_variance.astype(np.float64))
    z = m + s * rng.standard_normal((draws, *m.shape))
    values = (norm.logpdf(z, m, s) - norm.logpdf(z)).sum(axis=-1).mean(axis=1)  # (draws,)
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(draws))


class Aggregate(NamedTuple):
    """How far the codes of all images together are from N(0, I): dimensions in use, and the worst of all."""

    active: int
    mean: float
    least_variance: float
    largest_variance: float
    correlation: float


def aggregate_posterior(mean: np.ndarray, log_variance: np.ndarray, rng: np.random.Generator) -> Aggregate:
    """Draw one code an image from N(mean, e**log_variance), (N, k) both, k >= 2, and compare them with N(0, I).

    A dimension that is not active says nothing of the image: its codes are N(0, 1) each, and so they are together.
    """
    z = mean + np.exp(0.5 * log_variance) * rng.standard_normal(mean.shape)
    variance, correlation = z.var(axis=0), np.corrcoef(z.T)
    worst = np.abs(correlation[~np.eye(len(correlation), dtype=bool)]).max()
    active = int((mean.var(axis=0) > ACTIVE).sum())
    return Aggregate(active, *map(float, (np.abs(z.mean(axis=0)).max(), variance.min(), variance.max(), worst)))
