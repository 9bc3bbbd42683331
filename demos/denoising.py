"""Denoising autoencoder: noise, darkened blocks and dropped pixels removed from digits, beside classical filters.

Trains one network for each kind of noise, convolutional or dense (--model dense), with a code of 64 numbers, and one
without noise, the plain autoencoder. All are judged on the same corrupted 28 x 28 test images. The convolutional
network needs 32 x 32 pixels and works inside a black frame; the dense one sees every training image bent anew.
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
from demos.run import Run
from minigrad import Tensor, nn, optim
from models.autoencoder import ConvAutoencoder, DenseAutoencoder, reconstruction_loss
from models.denoising import NOISES, Noise, denoising_loss, sometimes

DATASETS = ["glyphs", "mnist"]
EPOCHS = {"conv": 25, "dense": 100}
CODE = 64
LEARNING_RATE = 2e-3
BATCHES = {"conv": 32, "dense": 64}
BEND = {"affine": 0.1, "shift": 0.05, "elastic": 0.05}  # of images for the dense network, which overfits without
CORRUPTED = 0.85  # probability that an image of a training batch is
DRAWS = 3  # corrupted copies of each training image that the linear filter is fitted to
SHOWN = 12  # images in a picture


def add_options(parser) -> None:
    parser.add_argument("--model", choices=list(EPOCHS), default="conv", help="network to train (default: conv)")


def main(args) -> None:
    run = Run("denoising", args, epochs=EPOCHS[args.model], model=args.model)
    x, y = choose(run)
    print(f"{args.data}: {len(x)} train, {len(y)} test images; PSNR in dB")
    plain, history = fit("plain", None, x, run)
    run.results.add("plain, clean input, dB", psnr(run.apply(plain, y), y))
    histories = {"plain": history}
    for index, (name, noise) in enumerate(NOISES.items()):
        model, histories[name] = fit(name, sometimes(noise, CORRUPTED), x, run)
        rng = run.rng(index)
        spoiled = corrupt(y, noise, rng)
        outputs = {
            "spoiled": spoiled,
            "median 3x3": median_filter(spoiled, (1, 1, 3, 3)),
            "linear MMSE": linear_filter(x, noise, rng)(spoiled),
            "plain autoencoder": run.apply(plain, spoiled),
            "denoised": run.apply(model, spoiled),
        }
        judge(name, outputs, y, run.results)
        run.results.add(f"{name}, clean input, dB", psnr(run.apply(model, y), y))
        rows = {"clean": y[:SHOWN]} | {label: output[:SHOWN] for label, output in outputs.items()}
        figures.image_rows(rows, run.out / f"{name}.png")
    figures.curves(histories, run.out / "loss.png", "epoch", "training MSE")
    run.save()


def choose(run: Run) -> tuple[np.ndarray, np.ndarray]:
    """Load the images x to train on and y to test with; a quick run takes few."""
    data = load(run.args.data, seed=run.seed, **run.choose(quick={"train": 512, "test": 256}, whole={}))
    if run.quick:  # a fixed data set comes whole
        return data.train_images[:512], data.test_images[:256]
    return data.train_images, data.test_images


class Framed(nn.Module):
    """A network for 32 x 32 images applied to 28 x 28: a black frame is put around its input and cut off its output."""

    def __init__(self, inner: nn.Module):
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        framed = mg.pad(x, ((0, 0), (0, 0), (2, 2), (2, 2)))
        return self.inner(framed)[:, :, 2:-2, 2:-2]


def fit(name: str, noise: Noise | None, x: np.ndarray, run: Run) -> tuple[nn.Module, list[float]]:
    """Train a network on images x to undo noise, or merely to reconstruct; return it and its loss by epoch."""
    kind, rng = run.args.model, run.rng()
    model = Framed(ConvAutoencoder(CODE, rng=rng)) if kind == "conv" else DenseAutoencoder(CODE, rng=rng)
    model.to(run.device)

    def loss(batch: Tensor) -> Tensor:
        if kind == "dense":
            batch = bend(batch, rng, **BEND)
        if noise is None:
            return reconstruction_loss(model, batch)
        return denoising_loss(model, batch, noise, rng)

    history = run.fit(
        model,
        loss,
        (x,),
        optim.Adam(model.parameters(), LEARNING_RATE),
        rng,
        state=f"training-{name}",
        label=name,
        batch_size=BATCHES[kind],
    )
    return model, history


def corrupt(x: np.ndarray, noise: Noise, rng: np.random.Generator) -> np.ndarray:
    """Return a noisy copy of images x."""
    return noise(Tensor.wrap(x), rng).numpy()


def linear_filter(x: np.ndarray, noise: Noise, rng: np.random.Generator) -> Callable[[np.ndarray], np.ndarray]:
    """Fit the best linear estimate of clean images from noisy ones, Wiener's filter, to images x; return the filter.

    estimate = mean x + (x~ - mean x~) C~^-1 C, with C~ the covariance of noisy pixels and C that of noisy with clean
    ones; clipped to [0, 1], which only helps it. Wiener 1949.
    """
    clean = x.reshape(len(x), -1).astype(np.float64)
    pixels = clean.shape[1]
    target, mean = clean.mean(axis=0), np.zeros(pixels)
    covariance = 1e-6 * np.eye(pixels)  # a ridge, for pixels that are black in all images
    cross = np.zeros((pixels, pixels))
    for _ in range(DRAWS):
        noisy = corrupt(x, noise, rng).reshape(clean.shape).astype(np.float64)
        mean += noisy.mean(axis=0) / DRAWS
        covariance += noisy.T @ noisy / (DRAWS * len(x))
        cross += noisy.T @ clean / (DRAWS * len(x))
    weights = np.linalg.solve(covariance - np.outer(mean, mean), cross - np.outer(mean, target))
    return lambda new: ((new.reshape(len(new), -1) - mean) @ weights + target).clip(0, 1).reshape(new.shape)


def judge(name: str, outputs: dict[str, np.ndarray], y: np.ndarray, results: Results) -> None:
    """Compare the last of the outputs, and the others beside it, with the clean images y.

    The mean of the images' own PSNR is taken over those that the noise changed: the PSNR of the others is infinite.
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
