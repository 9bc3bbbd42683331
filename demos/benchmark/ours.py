"""Training steps through minigrad: name -> a function that builds the model and returns one step."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

import minigrad as mg
from minigrad import Tensor, keep_memory, nn, optim
from models.vae import DenseVAE, negative_elbo

keep_memory()


def dense_vae() -> Callable[[], None]:
    """784-500-120-5-120-500-784, batch 128, Adam."""
    rng = np.random.default_rng(0)
    model = DenseVAE(5, rng=rng)
    x = Tensor.wrap(rng.random((128, 1, 28, 28), np.float32))
    return _training(model, lambda: negative_elbo(model, x))


def conv_ae() -> Callable[[], None]:
    """1x32x32, convolutions k4 s2 p1 to 16-32-64, dense code of 32, mirrored; batch 128, squared error, Adam."""
    rng = np.random.default_rng(0)
    encoder = nn.Sequential(*_down(1, 16, 32, 64, rng=rng), nn.Flatten(), nn.Linear(1024, 32, rng=rng))
    widen = nn.Linear(32, 1024, rng=rng)
    decoder = nn.Sequential(*_up(64, 32, 16, 1, rng=rng))
    model = nn.Sequential(encoder, widen, decoder)
    x = Tensor.wrap(rng.random((128, 1, 32, 32), np.float32))
    return _training(model, lambda: mg.mse_loss(decoder(widen(encoder(x)).reshape(-1, 64, 4, 4)), x))


def conv_vae64() -> Callable[[], None]:
    """3x64x64, convolutions k4 s2 p1 to 16-32-64-128, code of 64, mirrored; batch 32, Gaussian likelihood, Adam."""
    rng = np.random.default_rng(0)
    encoder = nn.Sequential(*_down(3, 16, 32, 64, 128, rng=rng), nn.Flatten(), nn.Linear(2048, 128, rng=rng))
    widen = nn.Linear(64, 2048, rng=rng)
    decoder = nn.Sequential(*_up(128, 64, 32, 16, 3, rng=rng))
    x = Tensor.wrap(rng.random((32, 3, 64, 64), np.float32))

    def loss() -> Tensor:
        code = encoder(x)
        mean, log_variance = code[:, :64], code[:, 64:]
        noise = Tensor(rng.standard_normal(mean.shape, np.float32))
        out = decoder(widen(mean + mg.exp(log_variance * 0.5) * noise).reshape(-1, 128, 4, 4))
        return (mg.mse_loss(out, x, "sum") + mg.gaussian_kl(mean, log_variance, reduction="sum")) * (1 / len(x))

    return _training(nn.Sequential(encoder, widen, decoder), loss)


def vgg_block() -> Callable[[], None]:
    """Two 3x3 convolutions of 64 channels with ReLU on 1x64x128x128; the gradient goes to the image."""
    rng = np.random.default_rng(0)
    net = nn.Sequential(*(layer for _ in range(2) for layer in (nn.Conv2d(64, 64, 3, padding=1, rng=rng), nn.ReLU())))
    for p in net.parameters():
        p.requires_grad = False
    image = Tensor(rng.random((1, 64, 128, 128), np.float32), requires_grad=True)

    def step() -> None:
        image.grad = None
        mg.square(net(image)).mean().backward()

    return step


def _down(*channels: int, rng: np.random.Generator) -> list[nn.Module]:
    """Convolutions that halve the image, with a ReLU after each."""
    pairs = itertools.pairwise(channels)
    return [layer for a, b in pairs for layer in (nn.Conv2d(a, b, 4, 2, 1, rng=rng), nn.ReLU())]


def _up(*channels: int, rng: np.random.Generator) -> list[nn.Module]:
    """Transposed convolutions that double the image, with a ReLU before each and a sigmoid at the end."""
    pairs = itertools.pairwise(channels)
    return [layer for a, b in pairs for layer in (nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1, rng=rng))] + [
        nn.Sigmoid()
    ]


def _training(model: nn.Module, loss: Callable[[], Tensor]) -> Callable[[], None]:
    """Return a step of Adam down the loss."""
    optimizer = optim.Adam(model.parameters(), 1e-3)

    def step() -> None:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()

    return step


STEPS = {f.__name__: f for f in (dense_vae, conv_ae, conv_vae64, vgg_block)}
