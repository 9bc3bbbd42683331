"""Training steps of the models of this course: name -> a function that builds a model and returns one step."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np

import minigrad as mg
from demos.benchmark.ours.training import images, training
from demos.benchmark.sentences import CLIP, EMBEDDING, HIDDEN, sentences
from minigrad import Tensor, nn
from models.autoencoder import ConvAutoencoder, DenseAutoencoder, reconstruction_loss
from models.conv_vae import ConvVAE
from models.features import SqueezeNet
from models.linear import LinearAutoencoder, squared_error
from models.siamese import Siamese, pair_loss
from models.sparse import SparseAutoencoder, sparse_loss
from models.style_transfer import RECIPES, StyleTransfer
from models.translation import Translator, translation_loss
from models.vae import DenseVAE, negative_elbo


def dense_ae() -> Callable[[], None]:
    """784-500-120-32-120-500-784, batch 128, squared error, Adam: also the denoising autoencoder's."""
    rng = np.random.default_rng(0)
    model, x = DenseAutoencoder(32, rng=rng), images(rng, 128, 1, 28)
    return training(model, lambda: reconstruction_loss(model, x))


def dense_vae() -> Callable[[], None]:
    """784-500-120-5-120-500-784, batch 128, Adam."""
    rng = np.random.default_rng(0)
    model, x = DenseVAE(5, rng=rng), images(rng, 128, 1, 28)
    return training(model, lambda: negative_elbo(model, x))


def conv_ae() -> Callable[[], None]:
    """1x32x32, convolutions k4 s2 p1 to 16-32-64, dense code of 32, mirrored; batch 128, squared error, Adam."""
    rng = np.random.default_rng(0)
    model, x = ConvAutoencoder(32, rng=rng), images(rng, 128, 1, 32)
    return training(model, lambda: reconstruction_loss(model, x))


def linear_ae() -> Callable[[], None]:
    """784-32-784 without biases on 784 rows in float64: loss and gradient, as L-BFGS asks for them."""
    rng = np.random.default_rng(0)
    model = LinearAutoencoder(32, features=784, rng=rng)
    model.to("cpu", np.float64)
    x = Tensor(rng.standard_normal((784, 784)))

    def step() -> None:
        for p in model.parameters():
            p.grad = None
        squared_error(model, x).backward()

    return step


def sparse() -> Callable[[], None]:
    """784-1024-784 with an L1 penalty on the code, columns of the decoder made unit vectors; batch 128, Adam."""
    rng = np.random.default_rng(0)
    model, x = SparseAutoencoder(1024, "L1", 1.0, rng=rng), images(rng, 128, 1, 28)
    step = training(model, lambda: sparse_loss(model, x))
    return lambda: (step(), model.project())


def siamese() -> Callable[[], None]:
    """1x28x28, conv k3 32-64 with pooling, dense 128, embedding 32; batch 128, loss over all its pairs, Adam."""
    rng = np.random.default_rng(0)
    model, x, labels = Siamese(rng=rng), images(rng, 128, 1, 28), Tensor(rng.integers(0, 7, 128))
    return training(model, lambda: pair_loss(model, x, labels))


def faces_vae() -> Callable[[], None]:
    """3x64x64, k4 s2 to 16-32-64-128, code of 64, back by upsampling and k3; batch 64, Gaussian pixels, Adam."""
    rng = np.random.default_rng(0)
    model, x = ConvVAE(width=16, rng=rng), images(rng, 64, 3, 64)
    return training(model, lambda: negative_elbo(model, x))


def translation() -> Callable[[], None]:
    """Two GRUs of 64 with attention, embeddings of 32; 64 names of numbers, gradients clipped at norm 1, Adam."""
    source, target, *words = sentences()
    model = Translator(*words, EMBEDDING, HIDDEN, rng=np.random.default_rng(0))
    batch = Tensor.wrap(source), Tensor.wrap(target)
    return training(model, lambda: translation_loss(model, *batch), CLIP)


def conv_vae64() -> Callable[[], None]:
    """3x64x64, convolutions k4 s2 p1 to 16-32-64-128, code of 64, mirrored; batch 32, Gaussian likelihood, Adam."""
    rng = np.random.default_rng(0)
    encoder = nn.Sequential(*_down(3, 16, 32, 64, 128, rng=rng), nn.Flatten(), nn.Linear(2048, 128, rng=rng))
    widen = nn.Linear(64, 2048, rng=rng)
    decoder = nn.Sequential(*_up(128, 64, 32, 16, 3, rng=rng))
    x = images(rng, 32, 3, 64)

    def loss() -> Tensor:
        code = encoder(x)
        mean, log_variance = code[:, :64], code[:, 64:]
        noise = Tensor(rng.standard_normal(mean.shape, np.float32))
        out = decoder(widen(mean + mg.exp(log_variance * 0.5) * noise).reshape(-1, 128, 4, 4))
        return (mg.mse_loss(out, x, "sum") + mg.gaussian_kl(mean, log_variance, reduction="sum")) * (1 / len(x))

    return training(nn.Sequential(encoder, widen, decoder), loss)


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


def style_transfer() -> Callable[[], None]:
    """SqueezeNet on 1x3x256x256, losses at its layers 1, 3, 4, 6, 7, 10: the loss and its gradient to the image."""
    rng = np.random.default_rng(0)
    features = SqueezeNet(rng=rng)
    for p in features.parameters():
        p.requires_grad = False
    content, style = (images(rng, 1, 3, 256) for _ in range(2))
    loss = StyleTransfer(features, content, [style], RECIPES["squeezenet"])
    image = Tensor(rng.random((1, 3, 256, 256), np.float32), requires_grad=True)

    def step() -> None:
        image.grad = None
        loss(image).backward()

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


STEPS = {
    f.__name__: f
    for f in (
        dense_vae,
        conv_ae,
        conv_vae64,
        vgg_block,
        dense_ae,
        linear_ae,
        sparse,
        siamese,
        faces_vae,
        style_transfer,
        translation,
    )
}
