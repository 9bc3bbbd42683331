"""Judge samples by a classifier: are its features those of real images, is it sure, does it meet all classes?"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.special import entr, softmax

import minigrad as mg
from demos.run import Run
from demos.training import apply
from minigrad import Tensor, nn, optim

CONFIDENT = 0.9  # probability of the likeliest class from which on the classifier is sure
FEATURES = 64
BATCH = 128
LEARNING_RATE = 1e-3


class Classifier(nn.Module):
    """C-16-32 channels (kernel 4, stride 2), 64 features, 10 classes. (N, C, H, W) -> scores (N, 10); H, W / 4."""

    def __init__(self, image_shape: tuple[int, int, int], *, rng: np.random.Generator):
        C, H, W = image_shape
        self.body = nn.Sequential(
            *(nn.Conv2d(C, 16, 4, 2, 1, rng=rng), nn.ReLU()),
            *(nn.Conv2d(16, 32, 4, 2, 1, rng=rng), nn.ReLU()),
            *(nn.Flatten(), nn.Dropout(0.5, rng=rng)),
            *(nn.Linear(32 * (H // 4) * (W // 4), FEATURES, rng=rng), nn.ReLU()),
        )
        self.head = nn.Linear(FEATURES, 10, rng=rng)
        nn.init.initialise(self, nn.init.kaiming_normal, rng)

    def features(self, x: Tensor) -> Tensor:
        """Images (N, C, H, W) -> what the last layer decides by, (N, 64)."""
        return self.body(x)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.features(x))


def fit_classifier(x: np.ndarray, labels: np.ndarray, run: Run, epochs: int) -> Classifier:
    """Train a classifier of images x (N, C, H, W) by their labels (N,), 0 to 9."""
    rng = run.rng()
    model = Classifier(x.shape[1:], rng=rng).to(run.device)
    run.fit(
        model,
        lambda batch, classes: mg.cross_entropy(model(batch), classes),
        (x, labels),
        optim.Adam(model.parameters(), LEARNING_RATE),
        rng,
        state="training-classifier",
        label="classifier",
        batch_size=BATCH,
        epochs=epochs,
    )
    return model


class Judgement(NamedTuple):
    """Frechet distance of the features from real ones, share of sure decisions, entropy of the classes decided for."""

    frechet: float
    confident: float
    entropy: float


def judge(model: Classifier, samples: np.ndarray, real: np.ndarray, device: str = "cpu") -> Judgement:
    """Judge samples (N, C, H, W) beside real images (M, C, H, W) that the classifier has not seen."""
    features = [apply(model.features, x, device=device) for x in (samples, real)]
    probabilities = softmax(apply(model, samples, device=device), axis=1)
    confident = float((probabilities.max(axis=1) >= CONFIDENT).mean())
    return Judgement(frechet_distance(*features), confident, class_entropy(probabilities))


def frechet_distance(a: np.ndarray, b: np.ndarray) -> float:
    """|m_a - m_b|^2 + tr(S_a + S_b - 2 (S_a S_b)^1/2) of Gaussians fitted to rows a (N, D) and b (M, D): 0 if alike.

    The trace of the root is the sum of the singular values of S_a^1/2 S_b^1/2, which no rounding makes complex.
    ValueError unless there are two rows each. Frechet 1957; Heusel et al., arXiv 1706.08500.
    """
    if min(len(a), len(b)) < 2:
        raise ValueError(f"frechet_distance: {len(a)} and {len(b)} rows; a covariance needs at least 2")
    a, b = a.astype(np.float64), b.astype(np.float64)
    covariances = [np.atleast_2d(np.cov(rows.T)) for rows in (a, b)]
    roots = [_root(covariance) for covariance in covariances]
    overlap = np.linalg.svd(roots[0] @ roots[1], compute_uv=False).sum()
    means = np.square(a.mean(axis=0) - b.mean(axis=0)).sum()
    return float(means + sum(map(np.trace, covariances)) - 2 * overlap)


def class_entropy(probabilities: np.ndarray) -> float:
    """Entropy, in nats, of the shares in which rows of probabilities (N, classes) decide for each class."""
    classes = probabilities.shape[1]
    share = np.bincount(probabilities.argmax(axis=1), minlength=classes) / len(probabilities)
    return float(entr(share).sum())


def _root(covariance: np.ndarray) -> np.ndarray:
    """The symmetric square root of a covariance."""
    values, vectors = np.linalg.eigh(covariance)
    return vectors * np.sqrt(values.clip(0)) @ vectors.T
