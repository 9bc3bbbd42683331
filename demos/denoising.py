"""Denoising autoencoder: noise, darkened blocks and dropped pixels undone on digits, beside classical filters.

A network is trained for each kind of noise, convolutional or dense (--model dense), with a code of 64 numbers, and one
of the same kind without noise, the plain autoencoder. All are judged on the same spoiled 28 x 28 test images; around
the convolutional network, which needs 32 x 32, goes a black frame. The dense one sees every training image bent anew.
On real digits: python -m demos denoising --data mnist
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.ndimage import median_filter

import minigrad as mg
from demos import figures
from demos.data import load
from demos.data.augment import bend
from demos.evaluation.images import psnr, ssim
from demos.results import Results
from demos.training import apply, train
from minigrad import Tensor, nn, optim
from models.autoencoder import ConvAutoencoder, DenseAutoencoder, reconstruction_loss
from models.denoising import NOISES, Noise, denoising_loss, sometimes

DATASETS = ["glyphs", "mnist"]
EPOCHS = {"conv": 25, "dense": 100}
CODE = 64
LEARNING_RATE = 2e-3
BATCHES = {"conv": 32, "dense": 64}
BEND = {"affine": 0.1, "shift": 0.05, "elastic": 0.05}  # of images for the dense network, which overfits without
SPOILED = 0.85  # probability that an image of a training batch is
DRAWS = 3  # spoiled copies of each training image that the linear filter is fitted to
SHOWN = 12  # images in a picture


def add_options(parser) -> None:
    parser.add_argument("--model", choices=list(EPOCHS), default="conv", help="network to train (default: conv)")


def main(args) -> None:
    data = load(args.data, seed=args.seed, **({"train": 512, "test": 256} if args.quick else {}))
    x, y = (data.train_images[:512], data.test_images[:256]) if args.quick else (data.train_images, data.test_images)
    epochs = args.epochs if args.epochs is not None else 2 if args.quick else EPOCHS[args.model]
    settings = {"data": data.name, "seed": args.seed, "epochs": epochs, "model": args.model}
    results = Results("denoising", **settings)
    print(f"{data.name}: {len(x)} train, {len(y)} test images; PSNR in dB")
    plain, history = fit("plain", None, x, epochs, settings, args)
    results.add("plain, clean input, dB", psnr(apply(plain, y, device=args.device), y))
    histories = {"plain": history}
    for index, (name, noise) in enumerate(NOISES.items()):
        model, histories[name] = fit(name, sometimes(noise, SPOILED), x, epochs, settings, args)
        rng = np.random.default_rng([args.seed, index])
        spoiled = spoil(y, noise, rng)
        outputs = {"spoiled": spoiled, "median 3x3": median_filter(spoiled, (1, 1, 3, 3))}
        outputs["linear MMSE"] = linear_filter(x, noise, rng)(spoiled)
        outputs["plain autoencoder"] = apply(plain, spoiled, device=args.device)
        outputs["denoised"] = apply(model, spoiled, device=args.device)
        judge(name, outputs, y, results)
        results.add(f"{name}, clean input, dB", psnr(apply(model, y, device=args.device), y))
        rows = {"clean": y[:SHOWN]} | {label: output[:SHOWN] for label, output in outputs.items()}
        figures.image_rows(rows, args.out / f"{name}.png")
    figures.curves(histories, args.out / "loss.png", "epoch", "training MSE")
    results.save(args.out)


class Framed(nn.Module):
    """A network for 32 x 32 images set to work on 28 x 28: a black frame goes on before it and comes off after it."""

    def __init__(self, inner: nn.Module):
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        return self.inner(mg.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2))))[:, :, 2:-2, 2:-2]


def fit(name: str, noise: Noise | None, x: np.ndarray, epochs: int, settings: dict, args) -> tuple[nn.Module, list]:
    """Train a network to undo noise, or without one to reconstruct, on images x; return it and its loss by epoch."""
    rng = np.random.default_rng(args.seed)
    model = Framed(ConvAutoencoder(CODE, rng=rng)) if args.model == "conv" else DenseAutoencoder(CODE, rng=rng)
    model.to(args.device)
    batch_size = BATCHES[args.model]

    def loss(batch: Tensor) -> Tensor:
        if args.model == "dense":
            batch = bend(batch, rng, **BEND)
        return reconstruction_loss(model, batch) if noise is None else denoising_loss(model, batch, noise, rng)

    history = train(
        model,
        loss,
        (x,),
        optim.Adam(model.parameters(), LEARNING_RATE),
        epochs=epochs,
        rng=rng,
        batch_size=batch_size,
        path=args.out / f"training-{name}.safetensors",
        resume=args.resume,
        settings=settings | {"images": len(x)},
        label=name,
        device=args.device,
    )
    return model, history


def spoil(x: np.ndarray, noise: Noise, rng: np.random.Generator) -> np.ndarray:
    """Return a spoiled copy of images x."""
    return noise(Tensor.wrap(x), rng).numpy()


def linear_filter(x: np.ndarray, noise: Noise, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fit the best linear guess of clean images from spoiled ones, Wiener's filter, to images x; return the filter.

    guess = mean x + (x~ - mean x~) C~^-1 C, with C~ the covariance of spoiled pixels and C that of spoiled with clean
    ones; cut to [0, 1], which only helps it. Wiener 1949.
    """
    clean = x.reshape(len(x), -1).astype(np.float64)
    target, mean = clean.mean(axis=0), np.zeros(clean.shape[1])
    covariance, cross = 1e-6 * np.eye(len(mean)), np.zeros((len(mean), len(mean)))  # a ridge under pixels always black
    for _ in range(DRAWS):
        spoiled = spoil(x, noise, rng).reshape(clean.shape).astype(np.float64)
        mean += spoiled.mean(axis=0) / DRAWS
        covariance += spoiled.T @ spoiled / (DRAWS * len(x))
        cross += spoiled.T @ clean / (DRAWS * len(x))
    weights = np.linalg.solve(covariance - np.outer(mean, mean), cross - np.outer(mean, target))
    return lambda new: ((new.reshape(len(new), -1) - mean) @ weights + target).clip(0, 1).reshape(new.shape)


def judge(name: str, outputs: dict[str, np.ndarray], y: np.ndarray, results: Results) -> None:
    """Measure the last of the outputs, and the others beside it, against the clean images y.

    A mean of the images' own PSNR is taken over those that the noise changed: the others have an infinite one.
    """
    changed = (outputs["spoiled"] != y).any(axis=(1, 2, 3))
    measures = {
        "dB": lambda x: psnr(x, y),
        "mean dB of an image": lambda x: np.mean([psnr(a, b) for a, b in zip(x[changed], y[changed])]),
        "SSIM": lambda x: ssim(x, y),
    }
    for measure, f in measures.items():
        values = {label.replace(" ", "_"): f(output) for label, output in outputs.items()}
        results.add(f"{name}, {measure}", values.pop("denoised"), **values)
