"""The same training steps in PyTorch, with its defaults."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F


def dense_vae() -> Callable[[], None]:
    encoder = nn.Sequential(nn.Linear(784, 500), nn.ReLU(), nn.Linear(500, 120), nn.ReLU())
    mean, log_variance = nn.Linear(120, 5), nn.Linear(120, 5)
    decoder = nn.Sequential(nn.Linear(5, 120), nn.ReLU(), nn.Linear(120, 500), nn.ReLU(), nn.Linear(500, 784))
    x = torch.rand(128, 784)

    def loss() -> torch.Tensor:
        h = encoder(x)
        m, v = mean(h), log_variance(h)
        logits = decoder(m + torch.exp(0.5 * v) * torch.randn_like(m))
        return (F.binary_cross_entropy_with_logits(logits, x, reduction="sum") + _kl(m, v)) / len(x)

    return _training(nn.ModuleList([encoder, mean, log_variance, decoder]), loss)


def conv_ae() -> Callable[[], None]:
    encoder = nn.Sequential(*_down(1, 16, 32, 64), nn.Flatten(), nn.Linear(1024, 32))
    widen = nn.Linear(32, 1024)
    decoder = nn.Sequential(*_up(64, 32, 16, 1))
    x = torch.rand(128, 1, 32, 32)
    return _training(
        nn.ModuleList([encoder, widen, decoder]),
        lambda: F.mse_loss(decoder(widen(encoder(x)).reshape(-1, 64, 4, 4)), x),
    )


def conv_vae64() -> Callable[[], None]:
    encoder = nn.Sequential(*_down(3, 16, 32, 64, 128), nn.Flatten(), nn.Linear(2048, 128))
    widen = nn.Linear(64, 2048)
    decoder = nn.Sequential(*_up(128, 64, 32, 16, 3))
    x = torch.rand(32, 3, 64, 64)

    def loss() -> torch.Tensor:
        code = encoder(x)
        m, v = code[:, :64], code[:, 64:]
        out = decoder(widen(m + torch.exp(0.5 * v) * torch.randn_like(m)).reshape(-1, 128, 4, 4))
        return (F.mse_loss(out, x, reduction="sum") + _kl(m, v)) / len(x)

    return _training(nn.ModuleList([encoder, widen, decoder]), loss)


def vgg_block() -> Callable[[], None]:
    net = nn.Sequential(*(layer for _ in range(2) for layer in (nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())))
    net.requires_grad_(False)
    image = torch.rand(1, 64, 128, 128, requires_grad=True)

    def step() -> None:
        image.grad = None
        net(image).square().mean().backward()

    return step


def _kl(m: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return -0.5 * (1 + v - m.square() - v.exp()).sum()


def _down(*channels: int) -> list[nn.Module]:
    return [layer for a, b in itertools.pairwise(channels) for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())]


def _up(*channels: int) -> list[nn.Module]:
    pairs = itertools.pairwise(channels)
    return [layer for a, b in pairs for layer in (nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1))] + [nn.Sigmoid()]


def _training(model: nn.Module, loss: Callable[[], torch.Tensor]) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


STEPS = {f.__name__: f for f in (dense_vae, conv_ae, conv_vae64, vgg_block)}
