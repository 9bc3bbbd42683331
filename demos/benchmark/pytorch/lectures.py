"""Training steps of the models of this course: name -> a function that builds a model and returns one step."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional as F

from demos.benchmark.pytorch.training import training
from demos.benchmark.pytorch.translator import Translator, translation_loss
from demos.benchmark.sentences import CLIP, EMBEDDING, HIDDEN, sentences


def dense_ae() -> Callable[[], None]:
    model = nn.Sequential(*_perceptron(784, 500, 120, 32), *_perceptron(32, 120, 500, 784), nn.Sigmoid())
    x = torch.rand(128, 784)
    return training(model, lambda: F.mse_loss(model(x), x))


def linear_ae() -> Callable[[], None]:
    model = nn.Sequential(nn.Linear(784, 32, bias=False), nn.Linear(32, 784, bias=False)).double()
    x = torch.randn(784, 784, dtype=torch.float64)

    def step() -> None:
        model.zero_grad()
        F.mse_loss(model(x), x).backward()

    return step


def sparse() -> Callable[[], None]:
    encoder, decoder = nn.Linear(784, 1024, bias=False), nn.Linear(1024, 784)
    x = torch.rand(128, 784)

    def loss() -> torch.Tensor:
        u = encoder(x - decoder.bias)
        h = F.relu(u - 0.5) - F.relu(-u - 0.5)
        return (F.mse_loss(decoder(h), x, reduction="sum") + h.abs().sum()) / len(x)

    step = training(nn.ModuleList([encoder, decoder]), loss)

    def project() -> None:
        with torch.no_grad():
            decoder.weight /= decoder.weight.square().sum(0).sqrt()

    return lambda: (step(), project())


def siamese() -> Callable[[], None]:
    model = nn.Sequential(
        *(nn.Conv2d(1, 32, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Conv2d(32, 64, 3, padding=1), nn.MaxPool2d(2), nn.ReLU()),
        *(nn.Flatten(), nn.Linear(64 * 7 * 7, 128), nn.ReLU(), nn.Linear(128, 32)),
    )
    x, labels = torch.rand(128, 1, 28, 28), torch.randint(0, 7, (128,))

    def loss() -> torch.Tensor:
        variance, mean = torch.var_mean(x, dim=(1, 2, 3), keepdim=True, correction=0)
        e = model((x - mean) / (variance + 1e-5).sqrt())
        d = ((e[:, None] - e).square().sum(-1) + 1e-6).sqrt()
        y = (labels[:, None] != labels).float()
        same = 1 - y - torch.eye(len(x))
        values = (1 - y) * d.square() + y * F.relu(8 - d).square()
        return sum((kind * values).sum() / kind.sum().clamp(min=1) for kind in (same, y)) / 2

    return training(model, loss)


def faces_vae() -> Callable[[], None]:
    channels = (3, 16, 32, 64, 128)
    encoder = nn.Sequential(
        *(f for a, b in itertools.pairwise(channels) for f in (nn.Conv2d(a, b, 4, 2, 1), nn.LeakyReLU(0.2))),
        nn.Flatten(),
    )
    mean, log_variance, widen = nn.Linear(2048, 64), nn.Linear(2048, 64), nn.Linear(64, 2048)
    decoder = nn.Sequential(
        *(
            f
            for a, b in itertools.pairwise(channels[::-1])
            for f in (nn.LeakyReLU(0.2), nn.Upsample(scale_factor=2), nn.Conv2d(a, b, 3, padding=1))
        )
    )
    x = torch.rand(64, 3, 64, 64)

    def loss() -> torch.Tensor:
        h = encoder(x)
        m, v = mean(h), log_variance(h)
        logits = decoder(widen(m + torch.exp(0.5 * v) * torch.randn_like(m)).reshape(-1, 128, 4, 4))
        return (F.mse_loss(torch.sigmoid(logits), x, reduction="sum") * 50 + _kl(m, v)) / len(x)

    return training(nn.ModuleList([encoder, mean, log_variance, widen, decoder]), loss)


def translation() -> Callable[[], None]:
    source, target, *words = sentences()
    model = Translator(*words, EMBEDDING, HIDDEN)
    batch = torch.from_numpy(source), torch.from_numpy(target)
    return training(model, lambda: translation_loss(model, *batch), CLIP)


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

    return training(nn.ModuleList([encoder, mean, log_variance, decoder]), loss)


def conv_ae() -> Callable[[], None]:
    encoder = nn.Sequential(*_down(1, 16, 32, 64), nn.Flatten(), nn.Linear(1024, 32))
    widen = nn.Linear(32, 1024)
    decoder = nn.Sequential(*_up(64, 32, 16, 1))
    x = torch.rand(128, 1, 32, 32)
    return training(
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

    return training(nn.ModuleList([encoder, widen, decoder]), loss)


def vgg_block() -> Callable[[], None]:
    net = nn.Sequential(*(layer for _ in range(2) for layer in (nn.Conv2d(64, 64, 3, padding=1), nn.ReLU())))
    net.requires_grad_(False)
    image = torch.rand(1, 64, 128, 128, requires_grad=True)

    def step() -> None:
        image.grad = None
        net(image).square().mean().backward()

    return step


class Fire(nn.Module):
    def __init__(self, channels: int, squeeze: int, expand: int):
        super().__init__()
        self.squeeze = nn.Conv2d(channels, squeeze, 1)
        self.expand1x1, self.expand3x3 = nn.Conv2d(squeeze, expand, 1), nn.Conv2d(squeeze, expand, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat([F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))], 1)


def style_transfer() -> Callable[[], None]:
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    net = nn.Sequential(
        *(nn.Conv2d(3, 64, 3, 2), nn.ReLU(), pool, Fire(64, 16, 64), Fire(128, 16, 64), pool),
        *(Fire(128, 32, 128), Fire(256, 32, 128), pool, Fire(256, 48, 192), Fire(384, 48, 192)),
    ).requires_grad_(False)
    mean, deviation = (torch.tensor(v).reshape(3, 1, 1) for v in ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]))

    def activations(x: torch.Tensor) -> list[torch.Tensor]:
        return [x := layer(x) for layer in net]

    def gram(f: torch.Tensor) -> torch.Tensor:
        rows = f.flatten(2)
        return rows @ rows.mT / f[0].numel()

    styled = (1, 4, 6, 7, 10)
    content = activations((torch.rand(1, 3, 256, 256) - mean) / deviation)[3]
    style = activations((torch.rand(1, 3, 256, 256) - mean) / deviation)
    grams = [gram(style[i]) for i in styled]
    image = torch.rand(1, 3, 256, 256, requires_grad=True)

    def step() -> None:
        image.grad = None
        x = (image - mean) / deviation
        f = activations(x)
        loss = 0.5 * (f[3] - content).square().sum()
        loss = loss + sum(0.25 * (gram(f[i]) - a).square().sum() for i, a in zip(styled, grams))
        loss = loss + x.diff(dim=2).square().sum() + x.diff(dim=3).square().sum()
        loss.backward()

    return step


def _kl(m: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    return -0.5 * (1 + v - m.square() - v.exp()).sum()


def _perceptron(*sizes: int) -> list[nn.Module]:
    """Linear layers between the sizes, with a ReLU after each but the last."""
    return [layer for a, b in itertools.pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())][:-1]


def _down(*channels: int) -> list[nn.Module]:
    return [layer for a, b in itertools.pairwise(channels) for layer in (nn.Conv2d(a, b, 4, 2, 1), nn.ReLU())]


def _up(*channels: int) -> list[nn.Module]:
    pairs = itertools.pairwise(channels)
    return [layer for a, b in pairs for layer in (nn.ReLU(), nn.ConvTranspose2d(a, b, 4, 2, 1))] + [nn.Sigmoid()]


_DENSE = (dense_vae, dense_ae, linear_ae, sparse)
_CONVOLUTIONAL = (conv_ae, conv_vae64, vgg_block, siamese, faces_vae, style_transfer)
STEPS = {step.__name__: step for step in (*_DENSE, *_CONVOLUTIONAL, translation)}
