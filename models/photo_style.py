"""Photo style transfer: the colours and the light of another photograph, in a picture that stays a photograph.

Luan, Paris, Shechtman & Bala 2017, arXiv 1703.07511. Two things are added to Gatys' loss (style_transfer.py):

    L(x) = alpha L_content + beta L_style + stiffness * E(x)
    E(x) = sum over channels c of x_c^T M x_c / their number of pixels

M is the matting Laplacian of the content image (matting.py). E is 0 where each small window of x is an affine function
of the content's colours there: lines stay straight and surfaces keep their texture, but take any colour.

And style goes from like to like. Regions r, such as sky, walls or floor, are given as masks of both pictures, between 0
and 1. At every layer the activations are multiplied by a region's mask, and each region has a Gram matrix of its own:

    L_style = sum over layers l, b_l sum over r of share_r 1/4 sum (G_r - A_r)^2
    G_r = F_r F_r^T / (N sum m_r^2),   F_r = m_r F

N channels, m_r the mask at the size of the layer, share_r how much of the content the region covers. As G_r is divided
by the region's size, a small bed can learn from a large one.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

import minigrad as mg
from minigrad import Tensor, no_grad

from .features import Features
from .matting import matting_energy, matting_laplacian
from .style_transfer import Activations, Recipe, content_loss

# by network: the largest that leaves the style about as near as style transfer brings it (vgg19: Luan et al.)
STIFFNESS = {"squeezenet": 8e4, "vgg19": 1e4, "random": 5e3}


class PhotoLosses(NamedTuple):
    """The parts of the loss, without their weights: L_content, the share of each region in L_style, E."""

    content: Tensor
    regions: Tensor
    matting: Tensor

    @property
    def style(self) -> Tensor:
        """L_style."""
        return self.regions.sum()


class PhotoStyle:
    """The loss L of a picture x (1, 3, H, W) in [0, 1], a function of x.

    content (1, 3, H, W), style (1, 3, h, w), RGB in [0, 1]. masks (R, 1, H, W) and style_masks (R, 1, h, w), in [0, 1],
    of the same R regions; None for a single region, everything. recipe: as style_transfer.balanced gives it.
    ValueError if only one of the two is given, if they differ in R or do not fit, or if a region covers nothing.
    """

    def __init__(
        self, features: Features, content: Tensor, style: Tensor, recipe: Recipe, *,
        masks: Tensor | None = None, style_masks: Tensor | None = None,
        alpha: float = 1.0, beta: float = 1.0, stiffness: float,
    ):  # fmt: skip
        self.features, self.recipe = features, recipe
        self.alpha, self.beta, self.stiffness = alpha, beta, stiffness
        self.masks, style_masks = _check_masks(masks, style_masks, content, style)
        self.shares = self.masks.mean((1, 2, 3)) / self.masks.mean((1, 2, 3)).sum()
        self.laplacian = matting_laplacian(content.to("cpu").numpy()[0]).astype(content.dtype)
        with no_grad():
            self.contents = features.activations(content, recipe.content)
            self.grams = masked_grams(features.activations(style, recipe.style), style_masks)

    def losses(self, x: Tensor) -> PhotoLosses:
        """Compute what x costs, one pass through the network."""
        seen = self.features.activations(x, {**self.recipe.content, **self.recipe.style})
        content = [a * content_loss(seen[layer], self.contents[layer]) for layer, a in self.recipe.content.items()]
        own = masked_grams({layer: seen[layer] for layer in self.recipe.style}, self.masks)
        apart = [b * mg.square(own[layer] - self.grams[layer]).sum((1, 2)) for layer, b in self.recipe.style.items()]
        regions = self.shares * sum(apart) * 0.25
        return PhotoLosses(sum(content), regions, matting_energy(x, self.laplacian))

    def __call__(self, x: Tensor) -> Tensor:
        losses = self.losses(x)
        return self.alpha * losses.content + self.beta * losses.style + self.stiffness * losses.matting


def masked_grams(activations: Activations, masks: Tensor) -> Activations:
    """Return G_r of every layer, (R, N, N), for activations (1, N, h, w) and masks (R, 1, H, W) of any size."""
    grams = {}
    for layer, f in activations.items():
        h, w = f.shape[2:]
        small = mg.adaptive_avg_pool2d(masks, (h, w))
        covered = mg.square(small).sum((1, 2, 3)).reshape((-1, 1, 1))
        grams[layer] = mg.gram_matrix(f * small) * (h * w / covered)
    return grams


def _check_masks(
    masks: Tensor | None, style_masks: Tensor | None, content: Tensor, style: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the masks of both pictures; where there are none, a region that is everything."""
    if (masks is None) != (style_masks is None):
        raise ValueError("PhotoStyle: got masks of one picture; give those of both, or none")
    pairs = (("masks", masks, content), ("style_masks", style_masks, style))
    checked = []
    for name, mask, picture in pairs:
        shape = (1, 1, *picture.shape[2:])
        mask = Tensor(np.ones(shape, np.float32)).to(picture.device) if mask is None else mask
        if mask.shape[1:] != shape[1:]:
            fit = ", ".join(map(str, shape[1:]))
            raise ValueError(f"PhotoStyle: {name} are {mask.shape}; of this picture they must be (R, {fit})")
        empty = [i for i, region in enumerate(mask.numpy()) if not region.any()]
        if empty:
            raise ValueError(f"PhotoStyle: {name}: region {empty[0]} covers nothing; leave it out of both pictures")
        checked.append(mask)
    if len(checked[0]) != len(checked[1]):
        raise ValueError(f"PhotoStyle: {len(checked[0])} masks and {len(checked[1])} style_masks; give as many")
    return checked[0], checked[1]
