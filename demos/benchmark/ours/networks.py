"""Training steps of networks that this course does not train, and that a user may bring: name -> a maker of a step."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import minigrad as mg
from demos.benchmark.ours.training import images, training
from minigrad import Tensor, nn


class Residual(nn.Module):
    """x + two normalised 3x3 convolutions of x, He et al. 2015."""

    def __init__(self, channels: int, rng: np.random.Generator):
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1, bias=False, rng=rng) for _ in range(2))
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: Tensor) -> Tensor:
        h = mg.relu(self.norm1(self.conv1(x)))
        return mg.relu(x + self.norm2(self.conv2(h)))


class Depthwise(nn.Module):
    """x + a 3x3 convolution of each of 4 times as many channels by itself, between two of 1x1, Sandler et al. 2018."""

    def __init__(self, channels: int, rng: np.random.Generator):
        wide = 4 * channels
        self.layers = nn.Sequential(
            *(nn.Conv2d(channels, wide, 1, bias=False, rng=rng), nn.BatchNorm2d(wide), nn.ReLU()),
            *(nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False, rng=rng), nn.BatchNorm2d(wide), nn.ReLU()),
            *(nn.Conv2d(wide, channels, 1, bias=False, rng=rng), nn.BatchNorm2d(channels)),
        )

    def forward(self, x: Tensor) -> Tensor:
        return x + self.layers(x)


class Attention(nn.Module):
    """A transformer's block: attention of several heads, then a perceptron on each vector, Vaswani et al. 2017."""

    def __init__(self, width: int, heads: int, rng: np.random.Generator):
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_qkv, self.project = nn.Linear(width, 3 * width, rng=rng), nn.Linear(width, width, rng=rng)
        self.widen, self.narrow = nn.Linear(width, 4 * width, rng=rng), nn.Linear(4 * width, width, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        N, T, width = x.shape
        size = width // self.heads
        qkv = self.to_qkv(self.norm1(x)).reshape(N, T, 3, self.heads, size).transpose(2, 0, 3, 1, 4)
        q, k, v = qkv[0], qkv[1], qkv[2]  # each (N,heads,T,size)
        weights = mg.softmax(q @ k.swapaxes(-1, -2) * size**-0.5)
        x = x + self.project((weights @ v).transpose(0, 2, 1, 3).reshape(N, T, width))
        return x + self.narrow(mg.gelu(self.widen(self.norm2(x))))


class UNet(nn.Module):
    """Down to a quarter of the size and back, each level beside its like from the way down, Ronneberger et al. 2015."""

    def __init__(self, rng: np.random.Generator):
        self.down1, self.down2, self.bottom = _twice(3, 16, rng), _twice(16, 32, rng), _twice(32, 64, rng)
        self.up2, self.up1 = _twice(64 + 32, 32, rng), _twice(32 + 16, 16, rng)
        self.out = nn.Conv2d(16, 3, 1, rng=rng)

    def forward(self, x: Tensor) -> Tensor:
        a = self.down1(x)
        b = self.down2(mg.max_pool2d(a, 2))
        c = self.bottom(mg.max_pool2d(b, 2))
        b = self.up2(mg.concatenate([b, mg.upsample(c, 2)], axis=1))
        return self.out(self.up1(mg.concatenate([a, mg.upsample(b, 2)], axis=1)))


def residual() -> Callable[[], None]:
    """Three residual blocks of two 3x3 convolutions with batch norm on 32x32x32x32."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(*(Residual(32, rng) for _ in range(3)))
    return _regression(model, images(rng, 32, 32, 32), images(rng, 32, 32, 32))


def unet() -> Callable[[], None]:
    """A U-Net of 16-32-64 channels on 8x3x64x64."""
    rng = np.random.default_rng(0)
    return _regression(UNet(rng), images(rng, 8, 3, 64), images(rng, 8, 3, 64))


def depthwise() -> Callable[[], None]:
    """Two inverted residual blocks, 32 to 128 channels, depthwise 3x3, batch norm, on 16x32x28x28."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(*(Depthwise(32, rng) for _ in range(2)))
    return _regression(model, images(rng, 16, 32, 28), images(rng, 16, 32, 28))


def attention() -> Callable[[], None]:
    """Two transformer blocks of width 128 with 4 heads on 16 sequences of 64."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(*(Attention(128, 4, rng) for _ in range(2)))
    return _regression(model, _vectors(rng, 16, 64, 128), _vectors(rng, 16, 64, 128))


def gru() -> Callable[[], None]:
    """A GRU from 64 to 128 numbers, 20 steps, batch 32."""
    rng = np.random.default_rng(0)
    return _regression(_States(nn.GRU(64, 128, rng=rng)), _vectors(rng, 20, 32, 64), _vectors(rng, 20, 32, 128))


def lstm() -> Callable[[], None]:
    """An LSTM from 64 to 128 numbers, 20 steps, batch 32."""
    rng = np.random.default_rng(0)
    return _regression(_States(nn.LSTM(64, 128, rng=rng)), _vectors(rng, 20, 32, 64), _vectors(rng, 20, 32, 128))


def warp() -> Callable[[], None]:
    """grid_sample of 32x3x64x64 at as many places, with the gradients for the image and for the places."""
    rng = np.random.default_rng(0)
    image, grid = images(rng, 32, 3, 64), Tensor(rng.uniform(-1, 1, (32, 64, 64, 2)).astype(np.float32))
    image.requires_grad = grid.requires_grad = True

    def step() -> None:
        image.grad = grid.grad = None
        mg.square(mg.grid_sample(image, grid, align_corners=True)).mean().backward()

    return step


def large_mlp() -> Callable[[], None]:
    """1024-2048-2048-1024, batch 256."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        *(nn.Linear(1024, 2048, rng=rng), nn.ReLU(), nn.Linear(2048, 2048, rng=rng), nn.ReLU()),
        nn.Linear(2048, 1024, rng=rng),
    )
    return _regression(model, _vectors(rng, 256, 1024), _vectors(rng, 256, 1024))


def tiny_mlp() -> Callable[[], None]:
    """4-16-16-1 with tanh, batch 32: the engine's own cost."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        *(nn.Linear(4, 16, rng=rng), nn.Tanh(), nn.Linear(16, 16, rng=rng), nn.Tanh()), nn.Linear(16, 1, rng=rng)
    )
    return _regression(model, _vectors(rng, 32, 4), _vectors(rng, 32, 1))


def dcgan() -> Callable[[], None]:
    """A DCGAN's generator, 100 numbers to 3x32x32, transposed convolutions k4 with batch norm, batch 64."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        *(nn.ConvTranspose2d(100, 256, 4, rng=rng), nn.BatchNorm2d(256), nn.ReLU()),
        *(nn.ConvTranspose2d(256, 128, 4, 2, 1, rng=rng), nn.BatchNorm2d(128), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 64, 4, 2, 1, rng=rng), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 3, 4, 2, 1, rng=rng), nn.Tanh()),
    )
    return _regression(model, images(rng, 64, 100, 1), images(rng, 64, 3, 32))


def large_image() -> Callable[[], None]:
    """One image of 3x512x512 through a 9x9 and three 3x3 convolutions with instance norm, down to half and back."""
    rng = np.random.default_rng(0)
    model = nn.Sequential(
        *(nn.Conv2d(3, 16, 9, padding=4, rng=rng), nn.InstanceNorm2d(16, affine=True), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2, 1, rng=rng), nn.InstanceNorm2d(32, affine=True), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, 1, 1, rng=rng), nn.InstanceNorm2d(32, affine=True), nn.ReLU()),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(32, 3, 3, 1, 1, rng=rng)),
    )
    return _regression(model, images(rng, 1, 3, 512), images(rng, 1, 3, 512))


class _States(nn.Module):
    """The states of a recurrent layer at all times, without the last ones that it returns beside them."""

    def __init__(self, layer: nn.Module):
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0]


def _twice(channels: int, out: int, rng: np.random.Generator) -> nn.Module:
    """Two 3x3 convolutions, each with a ReLU."""
    first, second = nn.Conv2d(channels, out, 3, padding=1, rng=rng), nn.Conv2d(out, out, 3, padding=1, rng=rng)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def _vectors(rng: np.random.Generator, *shape: int) -> Tensor:
    return Tensor(rng.random(shape, np.float32))


def convolutions(batch: int, channels: int, side: int) -> Callable[[], None]:
    """Two 3x3 convolutions that keep the number of channels, on square images."""
    rng = np.random.default_rng(0)
    conv1, conv2 = (nn.Conv2d(channels, channels, 3, padding=1, rng=rng) for _ in range(2))
    x, y = (images(rng, batch, channels, side) for _ in range(2))
    return _regression(nn.Sequential(conv1, nn.ReLU(), conv2), x, y)


def _regression(model: nn.Module, x: Tensor, y: Tensor) -> Callable[[], None]:
    """Return a step of Adam that brings model(x) nearer to y."""
    return training(model, lambda: mg.mse_loss(model(x), y))


STEPS = {
    f.__name__: f
    for f in (residual, unet, depthwise, attention, gru, lstm, warp, large_mlp, tiny_mlp, dcgan, large_image)
}
