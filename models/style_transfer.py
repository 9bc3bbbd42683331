"""Style transfer: a picture with the content of one image and the style of another. Its pixels are the variables.

Gatys, Ecker & Bethge, arXiv 1508.06576. A fixed network is shown the picture x, the content image and the style image.
At layer l, with N channels of M places, they have the activations F, P and S (N, M).

    L(x) = alpha L_content + beta L_style + smoothness * TV
    L_content = sum over l of a_l B_l,   B_l = 1/2 sum (F - P)^2                   which features are where
    L_style   = sum over l of b_l E_l,   E_l = sum (G - A)^2 / (4 N^2 M^2)         which features go together
    G = F F^T,  A = S S^T

The Gram matrix G sums over places, so E_l does not depend on where anything is. Here G and A are each divided by their
own N M first, which leaves E_l = 1/4 sum (G - A)^2 and allows a style image of another size. TV is the total variation,
the sum of squared differences between neighbouring pixels.

Several styles s have shares lambda_s: L_style = sum_s lambda_s L_s. If the shares sum to 1, this is, up to a constant,
the distance to the mean of the Gram matrices: a mixture of styles is a style as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import minigrad as mg
from minigrad import Tensor, no_grad

from .features import Features, normalise

Activations = dict[str, Tensor]


class Recipe(NamedTuple):
    """The weights of layers, a_l and b_l, and the smoothness."""

    content: dict[str, float]
    style: dict[str, float]
    smoothness: float


RECIPES = {  # to be balanced; beta = BETA
    "squeezenet": Recipe({"3": 1.0}, {"1": 1.0, "4": 1.0, "6": 1.0, "7": 1.0, "10": 1.0}, 1.0),
    "vgg19": Recipe({"relu4_2": 1.0}, {f"relu{i}_1": 1.0 for i in range(1, 6)}, 0.1),
    "random": Recipe({"scale2": 1.0}, {f"scale{2**i}": 1.0 for i in range(4)}, 0.1),
}
BETA = 20.0
# Stanford's course CS231n: 6e-2 sum (F - P)^2, and 3e5, 1e3, 15, 3 times sum (G - A)^2. Not balanced, beta = 1.
FIXED = Recipe({"3": 0.12}, {"1": 1.2e6, "4": 4e3, "6": 60.0, "7": 12.0}, 2e-2)


def content_loss(f: Tensor, p: Tensor) -> Tensor:
    """B_l of activations (1, N, h, w); the sum over several pictures."""
    return mg.square(f - p).sum() * 0.5


def style_loss(g: Tensor, a: Tensor) -> Tensor:
    """E_l of two Gram matrices (1, N, N) that are divided by N M, as mg.gram_matrix gives; the sum over several."""
    return mg.square(g - a).sum() * 0.25


class Losses(NamedTuple):
    """The parts of the loss, without alpha and beta: L_content, L_s of every style, TV."""

    content: Tensor
    styles: list[Tensor]
    variation: Tensor


class StyleTransfer:
    """The loss L of a picture x (1, 3, H, W) in [0, 1], a function of x.

    content (1, 3, H, W) and styles (1, 3, h, w), RGB in [0, 1]. shares: lambda, one per style, equal by default and of
    sum 1. ValueError for an unknown layer, or if the numbers of shares and styles differ.
    """

    def __init__(
        self, features: Features, content: Tensor, styles: Sequence[Tensor], recipe: Recipe, *,
        alpha: float = 1.0, beta: float = 1.0, shares: Sequence[float] | None = None,
    ):  # fmt: skip
        if not styles or (shares is not None and len(shares) != len(styles)):
            given = "no shares" if shares is None else f"{len(shares)} shares"
            raise ValueError(
                f"StyleTransfer: {len(styles)} styles and {given}; give at least one style, and one share per style"
            )
        self.features, self.recipe, self.alpha, self.beta = features, recipe, alpha, beta
        self.shares = [1 / len(styles)] * len(styles) if shares is None else list(shares)
        with no_grad():
            self.contents = features.activations(content, recipe.content)
            self.grams = [grams(features.activations(style, recipe.style)) for style in styles]

    def losses(self, x: Tensor) -> Losses:
        """Compute what x costs, one pass through the network."""
        seen = self.features.activations(x, {**self.recipe.content, **self.recipe.style})
        content = [a * content_loss(seen[layer], self.contents[layer]) for layer, a in self.recipe.content.items()]
        own = grams({layer: seen[layer] for layer in self.recipe.style})
        styles = [
            sum(b * style_loss(own[layer], of[layer]) for layer, b in self.recipe.style.items()) for of in self.grams
        ]
        return Losses(sum(content), styles, mg.total_variation(normalise(x)))

    def __call__(self, x: Tensor) -> Tensor:
        content, styles, variation = self.losses(x)
        style = sum(share * loss for share, loss in zip(self.shares, styles))
        return self.alpha * content + self.beta * style + self.recipe.smoothness * variation


def grams(activations: Activations) -> Activations:
    """The Gram matrix, divided by N M, of every layer."""
    return {layer: mg.gram_matrix(f) for layer, f in activations.items()}


def balanced(recipe: Recipe, features: Features, content: Tensor, styles: Sequence[Tensor]) -> Recipe:
    """Divide the weights by the values of the losses at the start, so that 1 means the same in all networks.

    The units are, for B_l, that of a picture whose activations equal the content image's mean everywhere; for E_l, that
    of the content image (the mean over styles); for TV, the content image's. Of several content images (N, 3, H, W) it
    is their mean. ValueError if one is 0: if the content image is blank, or is the style image too.
    """
    with no_grad():
        seen = features.activations(content, {**recipe.content, **recipe.style})
        targets = [grams(features.activations(style, recipe.style)) for style in styles]
        own = grams({layer: seen[layer] for layer in recipe.style})
        variation = mg.total_variation(normalise(content))
        flat = {layer: content_loss(seen[layer], seen[layer].mean((2, 3), keepdims=True)) for layer in recipe.content}
        apart = {layer: sum(style_loss(own[layer], a[layer]) for a in targets) / len(targets) for layer in recipe.style}
    N = len(content)
    if not all(unit.item() > 0 for unit in (*flat.values(), *apart.values(), variation)):
        raise ValueError("balanced: the content image is blank or is the style image; take two pictures that differ")
    return Recipe(
        {layer: a * N / flat[layer].item() for layer, a in recipe.content.items()},
        {layer: b * N / apart[layer].item() for layer, b in recipe.style.items()},
        recipe.smoothness * N / variation.item(),
    )
