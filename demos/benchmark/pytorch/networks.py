"""Training steps of networks that this course does not train, and that a user may bring: name -> a maker of a step."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from demos.benchmark.pytorch.training import training


class Residual(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        self.conv1, self.conv2 = (nn.Conv2d(channels, channels, 3, padding=1, bias=False) for _ in range(2))
        self.norm1, self.norm2 = nn.BatchNorm2d(channels), nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = F.relu(self.norm1(self.conv1(x)))
        return F.relu(x + self.norm2(self.conv2(h)))


class Depthwise(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        wide = 4 * channels
        self.layers = nn.Sequential(
            *(nn.Conv2d(channels, wide, 1, bias=False), nn.BatchNorm2d(wide), nn.ReLU()),
            *(nn.Conv2d(wide, wide, 3, padding=1, groups=wide, bias=False), nn.BatchNorm2d(wide), nn.ReLU()),
            *(nn.Conv2d(wide, channels, 1, bias=False), nn.BatchNorm2d(channels)),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.layers(x)


class Attention(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.to_qkv, self.project = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        N, T, width = x.shape
        size = width // self.heads
        q, k, v = self.to_qkv(self.norm1(x)).reshape(N, T, 3, self.heads, size).permute(2, 0, 3, 1, 4)
        weights = F.softmax(q @ k.transpose(-1, -2) * size**-0.5, -1)
        x = x + self.project((weights @ v).permute(0, 2, 1, 3).reshape(N, T, width))
        return x + self.narrow(F.gelu(self.widen(self.norm2(x))))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down1, self.down2, self.bottom = _twice(3, 16), _twice(16, 32), _twice(32, 64)
        self.up2, self.up1 = _twice(64 + 32, 32), _twice(32 + 16, 16)
        self.out = nn.Conv2d(16, 3, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        a = self.down1(x)
        b = self.down2(F.max_pool2d(a, 2))
        c = self.bottom(F.max_pool2d(b, 2))
        b = self.up2(torch.cat([b, F.interpolate(c, scale_factor=2)], 1))
        return self.out(self.up1(torch.cat([a, F.interpolate(b, scale_factor=2)], 1)))


def residual() -> Callable[[], None]:
    return _regression(nn.Sequential(*(Residual(32) for _ in range(3))), (32, 32, 32, 32), (32, 32, 32, 32))


def unet() -> Callable[[], None]:
    return _regression(UNet(), (8, 3, 64, 64), (8, 3, 64, 64))


def depthwise() -> Callable[[], None]:
    return _regression(nn.Sequential(*(Depthwise(32) for _ in range(2))), (16, 32, 28, 28), (16, 32, 28, 28))


def attention() -> Callable[[], None]:
    return _regression(nn.Sequential(*(Attention(128, 4) for _ in range(2))), (16, 64, 128), (16, 64, 128))


def gru() -> Callable[[], None]:
    return _regression(_States(nn.GRU(64, 128)), (20, 32, 64), (20, 32, 128))


def lstm() -> Callable[[], None]:
    return _regression(_States(nn.LSTM(64, 128)), (20, 32, 64), (20, 32, 128))


def warp() -> Callable[[], None]:
    image = torch.rand(32, 3, 64, 64, requires_grad=True)
    grid = (2 * torch.rand(32, 64, 64, 2) - 1).requires_grad_()

    def step() -> None:
        image.grad = grid.grad = None
        F.grid_sample(image, grid, align_corners=True).square().mean().backward()

    return step


def large_mlp() -> Callable[[], None]:
    model = nn.Sequential(*(nn.Linear(1024, 2048), nn.ReLU(), nn.Linear(2048, 2048), nn.ReLU()), nn.Linear(2048, 1024))
    return _regression(model, (256, 1024), (256, 1024))


def tiny_mlp() -> Callable[[], None]:
    model = nn.Sequential(*(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 16), nn.Tanh()), nn.Linear(16, 1))
    return _regression(model, (32, 4), (32, 1))


def dcgan() -> Callable[[], None]:
    model = nn.Sequential(
        *(nn.ConvTranspose2d(100, 256, 4), nn.BatchNorm2d(256), nn.ReLU()),
        *(nn.ConvTranspose2d(256, 128, 4, 2, 1), nn.BatchNorm2d(128), nn.ReLU()),
        *(nn.ConvTranspose2d(128, 64, 4, 2, 1), nn.BatchNorm2d(64), nn.ReLU()),
        *(nn.ConvTranspose2d(64, 3, 4, 2, 1), nn.Tanh()),
    )
    return _regression(model, (64, 100, 1, 1), (64, 3, 32, 32))


def large_image() -> Callable[[], None]:
    model = nn.Sequential(
        *(nn.Conv2d(3, 16, 9, padding=4), nn.InstanceNorm2d(16, affine=True), nn.ReLU()),
        *(nn.Conv2d(16, 32, 3, 2, 1), nn.InstanceNorm2d(32, affine=True), nn.ReLU()),
        *(nn.Conv2d(32, 32, 3, 1, 1), nn.InstanceNorm2d(32, affine=True), nn.ReLU()),
        *(nn.Upsample(scale_factor=2), nn.Conv2d(32, 3, 3, 1, 1)),
    )
    return _regression(model, (1, 3, 512, 512), (1, 3, 512, 512))


class _States(nn.Module):
    def __init__(self, layer: nn.Module):
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)[0]


def _twice(channels: int, out: int) -> nn.Module:
    first, second = nn.Conv2d(channels, out, 3, padding=1), nn.Conv2d(out, out, 3, padding=1)
    return nn.Sequential(first, nn.ReLU(), second, nn.ReLU())


def convolutions(batch: int, channels: int, side: int) -> Callable[[], None]:
    conv1, conv2 = (nn.Conv2d(channels, channels, 3, padding=1) for _ in range(2))
    shape = (batch, channels, side, side)
    return _regression(nn.Sequential(conv1, nn.ReLU(), conv2), shape, shape)


def _regression(model: nn.Module, of_x: tuple[int, ...], of_y: tuple[int, ...]) -> Callable[[], None]:
    """Return a step of Adam that brings model(x) nearer to y, both random."""
    x, y = torch.rand(of_x), torch.rand(of_y)
    return training(model, lambda: F.mse_loss(model(x), y))


STEPS = {
    f.__name__: f
    for f in (residual, unet, depthwise, attention, gru, lstm, warp, large_mlp, tiny_mlp, dcgan, large_image)
}
