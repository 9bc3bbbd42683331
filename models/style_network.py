"""One network that paints in many styles, and between them, in a single pass. Dumoulin et al., arXiv 1610.07629.

The network of Johnson, Alahi & Fei-Fei, arXiv 1603.08155: it halves the picture twice, changes it by residual blocks
and enlarges it again, by repeated pixels and a convolution, which leaves no checkerboard. It is trained so that for any
content image c its output x lowers the loss of style_transfer.py, whose pixels now need no descent of their own.

All styles share the convolutions. What a style s owns are two numbers per channel, after each of the convolutions but
the last one: the scale gamma_s and the shift beta_s of conditional instance normalisation, m and sd being the mean and
the standard deviation of this channel of this picture,

    y = gamma_s (x - m) / sd + beta_s

So a style is a point (gamma_s, beta_s), any mixture of such points, by shares, is a style as well, and a new style is
learnt by descent on its own point alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn, no_grad

from .features import Features, normalise
from .style_transfer import Recipe, content_loss, grams, style_loss


class ConditionalInstanceNorm(nn.Module):
    """Standardise each channel of each picture, then scale and shift it as its style says: (N, C, H, W), (N, S)."""

    def __init__(self, styles: int, channels: int):
        self.weight = nn.Parameter(np.ones((styles, channels), np.float32))
        self.bias = nn.Parameter(np.zeros((styles, channels), np.float32))

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        return mg.instance_norm(x, w=shares @ self.weight, b=shares @ self.bias)


class Painter(nn.Module):
    """A convolution over a mirrored border, then the normalisation. factor: by which pixels are repeated first."""

    def __init__(
        self, channels: int, outputs: int, kernel: int, stride: int = 1, factor: int = 1, *, styles: int,
        rng: np.random.Generator,
    ):  # fmt: skip
        self.factor = factor
        self.pad = nn.ReflectionPad2d(kernel // 2)
        self.conv = nn.Conv2d(channels, outputs, kernel, stride, bias=False, rng=rng)  # beta_s shifts already
        self.norm = ConditionalInstanceNorm(styles, outputs)

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        x = mg.upsample(x, self.factor) if self.factor > 1 else x
        return self.norm(self.conv(self.pad(x)), shares)


class StyleNetwork(nn.Module):
    """Paint pictures (N, 3, H, W) in [0, 1] by shares (N, S), rows of sum 1 -> pictures of the same size, in [0, 1].

    widths: channels at the picture's own size, at half and at a quarter of it. ValueError for other axes or shares, or
    a side below 16.
    """

    def __init__(
        self, styles: int, *, widths: tuple[int, int, int] = (16, 32, 64), blocks: int = 3, rng: np.random.Generator
    ):
        self.styles, self.widths, self.blocks = styles, widths, blocks
        a, b, c = widths

        def layer(*shape: int) -> Painter:
            return Painter(*shape, styles=styles, rng=rng)

        self.down = [layer(3, a, 9), layer(a, b, 3, 2), layer(b, c, 3, 2)]
        self.first = [layer(c, c, 3) for _ in range(blocks)]
        self.second = [layer(c, c, 3) for _ in range(blocks)]
        self.up = [layer(c, b, 3, 1, 2), layer(b, a, 3, 1, 2)]
        self.pad, self.last = nn.ReflectionPad2d(4), nn.Conv2d(a, 3, 9, rng=rng)

    def norms(self) -> Iterator[nn.Parameter]:
        """Yield what styles own: the scales and shifts, (S, C) each."""
        return (p for name, p in self.named_parameters() if ".norm." in name)

    def forward(self, x: Tensor, shares: Tensor) -> Tensor:
        if x.ndim != 4 or x.shape[1] != 3 or min(x.shape[2:]) < 16 or shares.shape != (len(x), self.styles):
            raise ValueError(
                f"StyleNetwork: x is {x.shape} and shares {shares.shape}; they must be (N, 3, H, W), with sides from 16"
                f" on, and (N, {self.styles})"
            )
        H, W = x.shape[2:]
        x = mg.pad(x, ((0, 0), (0, 0), (0, -H % 4), (0, -W % 4)), "reflect")  # halves twice
        x = normalise(x)
        for layer in self.down:
            x = mg.relu(layer(x, shares))
        for first, second in zip(self.first, self.second):
            x = x + second(mg.relu(first(x, shares)), shares)
        for layer in self.up:
            x = mg.relu(layer(x, shares))
        return mg.sigmoid(self.last(self.pad(x)))[:, :, :H, :W]


def with_another_style(model: StyleNetwork) -> StyleNetwork:
    """Copy a network and add a style to the copy, which starts from the mean of the others.

    Train its `norms` by Adam, with all shares on the last style: the gradients of the other styles are 0, so they keep
    their bits, and so do the convolutions.
    """
    rng = np.random.default_rng(0)
    more = StyleNetwork(model.styles + 1, widths=model.widths, blocks=model.blocks, rng=rng).to(
        next(model.parameters()).device
    )
    arrays = model.state_dict()
    for name, a in arrays.items():
        arrays[name] = np.concatenate([a, a.mean(axis=0, keepdims=True)]) if ".norm." in name else a
    more.load_state_dict(arrays)
    return more


class StyleLoss:
    """The mean loss of pictures x painted from contents, each in one of the styles: the L of style_transfer.py.

    styles: pictures (1, 3, h, w), RGB in [0, 1]; recipes: one for each, with the same layers.
    """

    def __init__(self, features: Features, styles: Sequence[Tensor], recipes: Sequence[Recipe], beta: float):
        self.features, self.styles, self.recipes, self.beta = features, styles, recipes, beta
        with no_grad():
            each = [grams(features.activations(style, recipes[0].style)) for style in styles]
        self.grams = {layer: mg.concatenate([own[layer] for own in each]) for layer in recipes[0].style}  # (S, N, N)

    def __call__(self, x: Tensor, contents: Tensor, which: np.ndarray) -> Tensor:
        """x, contents (N, 3, H, W); which (N,): the style of each."""
        recipe = self.recipes[0]
        seen = self.features.activations(x, {**recipe.content, **recipe.style})
        with no_grad():
            wanted = self.features.activations(contents, recipe.content)
        content = [a * content_loss(seen[layer], wanted[layer]) for layer, a in recipe.content.items()]
        own, style = grams({layer: seen[layer] for layer in recipe.style}), []
        for layer in recipe.style:
            # b (g - a)^2 = (sqrt(b) g - sqrt(b) a)^2: each picture has the weight of its own style
            root = np.sqrt([self.recipes[s].style[layer] for s in which], dtype=np.float32).reshape(-1, 1, 1)
            root = Tensor(root).to(x.device)
            style.append(style_loss(own[layer] * root, self.grams[layer][which] * root))
        variation = recipe.smoothness * mg.total_variation(normalise(x))
        return (sum(content) + self.beta * sum(style) + variation) / len(x)
