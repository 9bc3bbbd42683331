"""The siamese network: two images, one encoder, and the distance between their embeddings.

    e1 = E(x1),  e2 = E(x2),  d = |e1 - e2|

Pairs of one class (y = 0) should end up close together, pairs of two classes (y = 1) at a distance of the margin m:

    slide        L = (d - m y)**2                        at exactly that distance; Bromley et al., NIPS 1993
    contrastive  L = (1 - y) d**2 + y max(0, m - d)**2   at least that distance; Hadsell, Chopra & LeCun, CVPR 2006

Most pairs of two classes soon lie beyond the margin, where the contrastive loss has no gradient. So it can be limited
to the hardest ones, for each image those few that lie nearest to it: Hermans, Beyer & Leibe, arXiv 1703.07737.

What the encoder learns is a measure of similarity. It works for classes, too, that no training pair came from.
"""

from __future__ import annotations

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn, no_grad
from minigrad.ops.collective import whole_batch

MARGIN = 8.0  # near 12, the distance that random weights give: far below it, all pairs first collapse to 0
EPS = 1e-6


class Siamese(nn.Module):
    """The encoder: conv 32, pool, conv 64, pool, dense 128, embedding; 3 x 3, ReLU. (N, C, H, W) -> (N, embedding).

    First it standardises every image, since light and contrast say nothing about the class. ValueError unless H and W
    are multiples of 4.
    """

    def __init__(
        self, image_shape: tuple[int, int, int] = (1, 28, 28), embedding: int = 32, *, rng: np.random.Generator
    ):
        C, H, W = image_shape
        if H % 4 or W % 4:
            raise ValueError(f"Siamese: images are {H} x {W}; both must be multiples of 4: pad or crop them")
        self.layers = nn.Sequential(  # maximum and ReLU commute, and after pooling only a quarter is left to rectify
            *(nn.Conv2d(C, 32, 3, padding=1, rng=rng), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.Conv2d(32, 64, 3, padding=1, rng=rng), nn.MaxPool2d(2), nn.ReLU()),
            *(nn.Flatten(), nn.Linear(64 * (H // 4) * (W // 4), 128, rng=rng), nn.ReLU()),
            nn.Linear(128, embedding, rng=rng),
        )
        nn.init.initialise(self, nn.init.kaiming_normal, rng)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(mg.standardize(x, axis=(1, 2, 3)))


def distance(e1: Tensor, e2: Tensor) -> Tensor:
    """|e1 - e2| over the last axis: (.., D) and (.., D), broadcast against each other -> (..).

    The gradient of |v|, v / |v|, is 0 / 0 for the ideal pair, v = 0. Hence sqrt(|v|**2 + EPS), whose gradient
    v / sqrt(|v|**2 + EPS) is 0 there; the price is that such a pair is sqrt(EPS) = 0.001 apart.
    """
    return mg.sqrt(mg.square(e1 - e2).sum(axis=-1) + EPS)


def slide_loss(d: Tensor, y: Tensor, margin: float = MARGIN) -> Tensor:
    """(d - m y)**2 of every pair."""
    return mg.square(d - y * margin)


def contrastive_loss(d: Tensor, y: Tensor, margin: float = MARGIN) -> Tensor:
    """(1 - y) d**2 + y max(0, m - d)**2 of every pair."""
    return (1 - y) * mg.square(d) + y * mg.square(mg.relu(margin - d))


LOSSES = {"contrastive": contrastive_loss, "slide": slide_loss}


def pair_loss(
    model: nn.Module,
    x: Tensor,
    labels: Tensor,
    loss: str = "contrastive",
    margin: float = MARGIN,
    hardest: float = 1.0,
) -> Tensor:
    """The loss over all pairs of a batch: x (N, ..), labels (N,) -> the mean of two means, one for each kind of pair.

    N embeddings make N (N - 1) / 2 pairs. Most are of two classes, so each kind gets half of the weight; a kind without
    pairs counts 0. hardest: of the pairs of two classes only those count in which one image is among the other's
    hardest * N nearest; a share in (0, 1], else ValueError. Where several processes share the batch, each embeds its
    images, and all take the pairs of all.
    """
    if not 0 < hardest <= 1:
        raise ValueError(f"pair_loss: hardest is {hardest}; it must be a share in (0, 1]")
    if loss not in LOSSES:
        raise ValueError(f"pair_loss: unknown loss {loss!r}; it must be one of {', '.join(map(repr, LOSSES))}")
    # the matrices of all pairs, in which each stands twice
    e, labels = whole_batch(model(x)), whole_batch(labels)
    N = len(e)
    y = (labels.reshape(N, 1) != labels).astype(e.dtype)  # (N, N)
    same = 1 - y - Tensor(np.eye(N, dtype=e.dtype)).to(e.device)  # no image is a pair with itself
    d = distance(e.reshape(N, 1, -1), e)
    values = LOSSES[loss](d, y, margin)
    other = y if hardest == 1 else y * nearest_of(d, y, max(1, round(hardest * N)))
    return sum((kind * values).sum() / mg.maximum(kind.sum(), 1) for kind in (same, other)) * 0.5


def nearest_of(d: Tensor, y: Tensor, n: int) -> Tensor:
    """Mark the n least of each row of d (N, N) among those where y (N, N) is 1, with 1; the rest is 0 or has y = 0."""
    with no_grad():
        far = mg.where(y > 0, d, np.inf)
        limit = mg.sort(far, axis=1)[:, n - 1 : n]  # (N, 1)
        return mg.astype(far <= limit, d.dtype)
