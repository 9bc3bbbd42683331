"""Networks with fixed weights whose activations pictures are compared by, or drawn from.

SqueezeNet 1.1   Iandola et al., arXiv 1602.07360. Small: 0.7 million weights, suited to style transfer on a CPU.
VGG-19           Simonyan & Zisserman, arXiv 1409.1556. The network of Gatys et al.: 20 million weights.
random filters   Ustyuzhaninov, Brendel, Gatys & Bethge, arXiv 1606.00021. Nothing is learned, so nothing to download.

All three share one interface. `layers` names the layers that can be looked at, from shallow to deep, and

    activations(x, names) -> {name: F}

computes these and nothing deeper, F (N, channels, h, w) for images x (N, 3, H, W), RGB in [0, 1]. The weights that
torchvision publishes load unchanged; those of the classifier on top, which is left out here, are ignored.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

from .relu import ReLU, relu

MEAN = np.array([0.485, 0.456, 0.406], np.float32).reshape(3, 1, 1)  # of ImageNet's pixels, red, green, blue
STANDARD_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32).reshape(3, 1, 1)


def normalise(x: Tensor) -> Tensor:
    """Bring RGB images (N, 3, H, W) in [0, 1] to about mean 0 and variance 1, by the statistics of ImageNet."""
    if x.ndim != 4 or x.shape[1] != 3:
        raise ValueError(f"normalise: x is {x.shape}; it must be RGB images, (N, 3, H, W)")
    scale = Tensor(1 / STANDARD_DEVIATION).to(x.device)
    shift = Tensor(MEAN / STANDARD_DEVIATION).to(x.device)
    return x * scale - shift


class Features(nn.Module):
    """What the three have in common. A subclass adds `layers`, and `units`, which yields (name, F) in their order."""

    layers: list[str]

    def units(self, x: Tensor, wanted: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        """Yield every layer's name and activation, each computed only when it is asked for; x is normalised.

        A layer that no deeper one is computed from may be left out, unless it is among those that are wanted.
        """
        raise NotImplementedError(f"{type(self).__name__} defines no units")

    def activations(self, x: Tensor, names: Iterable[str]) -> dict[str, Tensor]:
        """Compute the layers of these names, no further than the deepest. ValueError for an unknown layer."""
        wanted = list(names)
        unknown = [name for name in wanted if name not in self.layers]
        if unknown:
            raise ValueError(
                f"{type(self).__name__}: unknown layer {', '.join(map(repr, unknown))}; the layers are "
                + ", ".join(self.layers)
            )
        units, found = self.units(normalise(x), wanted), {}
        while not found.keys() >= set(wanted):
            name, activation = next(units)
            found[name] = activation
        return {name: found[name] for name in wanted}

    def forward(self, x: Tensor) -> Tensor:
        return self.activations(x, self.layers[-1:])[self.layers[-1]]

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the weights from arrays by torchvision's names; "classifier.*" is ignored. ValueError for other names."""
        super().load_state_dict({name: a for name, a in state.items() if not name.startswith("classifier.")})


class Fire(nn.Module):
    """A 1 x 1 convolution to few channels, `squeeze`; then 1 x 1 and 3 x 3, side by side, to `expand` each."""

    def __init__(self, channels: int, squeeze: int, expand: int, rng: np.random.Generator):
        self.squeeze1x1 = nn.Conv2d(channels, squeeze, 1, rng=rng)
        self.expand1x1 = nn.Conv2d(squeeze, expand, 1, rng=rng)
        self.expand3x3 = nn.Conv2d(squeeze, expand, 3, padding=1, rng=rng)

    def expand(self, x: Tensor) -> Tensor:
        """Squeezed channels, after their ReLU -> expanded ones, before theirs: those of 1 x 1, then those of 3 x 3."""
        return mg.concatenate([self.expand1x1(x), self.expand3x3(x)], axis=1)


class SqueezeNet(Features):
    """SqueezeNet 1.1 up to its last fire module.

    Layers are named by their positions in torchvision's `features`: "0" is the first convolution, "1" its ReLU, "2" "5"
    "8" are max pooling, and the others fire modules. Before its ReLUs fire module 3 has the layers "3.squeeze" and
    "3.expand" (the channels of expand1x1, then those of expand3x3); "3" itself is the ReLU of "3.expand".
    """

    def __init__(self, *, rng: np.random.Generator):
        pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.features = nn.Sequential(
            *(nn.Conv2d(3, 64, 3, 2, rng=rng), ReLU(), pool),
            *(Fire(64, 16, 64, rng), Fire(128, 16, 64, rng), pool),
            *(Fire(128, 32, 128, rng), Fire(256, 32, 128, rng), pool),
            *(Fire(256, 48, 192, rng), Fire(384, 48, 192, rng), Fire(384, 64, 256, rng), Fire(512, 64, 256, rng)),
        )
        steps = [
            [f"{i}.squeeze", f"{i}.expand", i] if isinstance(f, Fire) else [i] for i, f in self.features.children()
        ]
        self.layers = list(itertools.chain(*steps))

    def units(self, x: Tensor, wanted: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        for i, f in self.features.children():
            if isinstance(f, Fire):
                squeezed = f.squeeze1x1(x)
                yield f"{i}.squeeze", squeezed
                expanded = f.expand(relu(squeezed))
                yield f"{i}.expand", expanded
                x = relu(expanded)
            else:
                x = f(x)
            yield i, x


class VGG19(Features):
    """VGG-19 up to its last pooling: conv1_1 relu1_1 conv1_2 relu1_2 pool1, and so on to pool5; all kernels are 3 x 3.

    average: pool by the mean instead of the maximum, as Gatys et al. recommend for drawing: images come out smoother.
    """

    BLOCKS = ((64, 2), (128, 2), (256, 4), (512, 4), (512, 4))  # channels, convolutions; then pooling

    def __init__(self, *, average: bool = False, rng: np.random.Generator):
        parts: list[nn.Module] = []
        self.layers, channels = [], 3
        for block, (width, depth) in enumerate(self.BLOCKS, 1):
            for i in range(1, depth + 1):
                parts += [nn.Conv2d(channels, width, 3, padding=1, rng=rng), ReLU()]
                self.layers += [f"conv{block}_{i}", f"relu{block}_{i}"]
                channels = width
            parts.append(nn.AvgPool2d(2) if average else nn.MaxPool2d(2))
            self.layers.append(f"pool{block}")
        self.features = nn.Sequential(*parts)

    def units(self, x: Tensor, wanted: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        for name, (_, f) in zip(self.layers, self.features.children()):
            x = f(x)
            yield name, x


class RandomFeatures(Features):
    """One layer of random filters and a ReLU, at the image's own scale and at halved ones: "scale1", "scale2", ...

    The same k x k filters cover more of the image at every scale: with 5 scales of k = 9, up to 144 pixels. Most are
    Gaussian noise under a Gaussian window, with the mean removed, so that they respond to edges and grain but not to
    brightness; half of these see grey, half a random colour. The first `blobs` ones are windows alone and see only
    colour.
    """

    def __init__(
        self, *, channels: int = 56, blobs: int = 8, kernel: int = 9, scales: int = 5, rng: np.random.Generator
    ):
        self.layers = [f"scale{2**i}" for i in range(scales)]
        self.filters = nn.Conv2d(3, channels, kernel, padding=kernel // 2, rng=rng)
        # patterns in space: noise under a window, or the window alone
        y, x = np.mgrid[:kernel, :kernel] - kernel // 2
        window = np.exp(-(x**2 + y**2) / (2 * (kernel / 5) ** 2))
        grain = window * rng.standard_normal((channels, kernel, kernel))
        grain -= window * (grain.sum(axis=(1, 2), keepdims=True) / window.sum())
        grain[:blobs] = window
        # times a colour
        colour = rng.standard_normal((channels, 3))
        colour[blobs::2] = 1
        w = colour[:, :, None, None] * grain[:, None]  # (channels, 3, kernel, kernel)
        w /= np.sqrt((w**2).sum(axis=(1, 2, 3), keepdims=True))
        w[:blobs] /= kernel  # colours vary more than edges do: this makes the responses to both alike
        self.filters.weight.data[...] = w
        self.filters.bias.data[...] = 0

    def units(self, x: Tensor, wanted: Collection[str]) -> Iterator[tuple[str, Tensor]]:
        for i, name in enumerate(self.layers):
            if i:  # halve the image, with windows that overlap: otherwise blocks would show
                x = mg.avg_pool2d(x, 4, 2, 1, count_include_pad=False)
            if name in wanted:
                yield name, relu(self.filters(x))
