"""Variational autoencoder: digits drawn from nothing but noise, beside what a plain autoencoder makes of it.

Trains 784-500-120-k-120-500-784 for k = 2, 5 and 20 on pixels that are black or white by chance, holds the bound on
-log p(x) against mixtures of Bernoullis, lets a classifier judge the samples, and draws codes, manifold, samples and
interpolations. On real digits: python -m demos vae --data mnist
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

import minigrad as mg
from demos import figures
from demos.data import load
from demos.data.glyphs import fonts, glyphs
from demos.evaluation.frechet import fit_classifier, judge
from demos.evaluation.likelihood import (
    aggregate_posterior,
    bernoulli_mixture,
    binarise,
    bound,
    monte_carlo_kl,
    posterior,
)
from demos.results import Results
from demos.training import apply, train
from minigrad import Tensor, nn, optim
from models.autoencoder import DenseAutoencoder, reconstruction_loss
from models.vae import VAE, DenseVAE, negative_elbo, standardise

DATASETS = ["glyphs", "mnist"]
EPOCHS = 40
CLASSIFIER_EPOCHS = 8
CODES = (2, 5, 20)
BATCH = 128
LEARNING_RATE = {"vae": 5e-3, "autoencoder": 1e-3}
COMPONENTS = 50  # of the mixture of Bernoullis
DRAWS = 100  # of the Monte Carlo divergence
SAMPLES = 2000  # judged by the classifier
SIDE = 20  # of the manifold, in images
STEPS = 12  # of an interpolation


class Digits(NamedTuple):
    """Images (N, 1, 28, 28) and labels (N,), to train on x and to judge by y."""

    x: np.ndarray
    x_labels: np.ndarray
    y: np.ndarray
    y_labels: np.ndarray


def main(args) -> None:
    digits = choose(args)
    epochs = args.epochs if args.epochs is not None else 2 if args.quick else EPOCHS
    results = Results("vae", data=args.data, seed=args.seed, epochs=epochs)
    print(f"{args.data}: {len(digits.x)} train, {len(digits.y)} test images")
    vaes, plain, histories = {}, {}, {}
    for k in CODES:
        vaes[k], histories[f"k = {k}"] = fit(DenseVAE, negative_elbo_of_bits, "vae", k, digits.x, epochs, args)
        settle(vaes[k], digits.x, args)
    for k in CODES:
        plain[k], _ = fit(DenseAutoencoder, cross_entropy, "autoencoder", k, digits.x, epochs, args)
    figures.curves(histories, args.out / "loss.png", "epoch", "training loss, nats an image")
    measure_bounds(vaes, digits, results, args)
    measure_codes(vaes, digits.y, results, args)
    samples = {k: sample(vaes[k], plain[k], digits.x, args) for k in CODES}
    judge_samples(samples, digits, results, args)
    draw(vaes, plain, samples[5], digits, args)
    results.save(args.out)


def choose(args) -> Digits:
    """Load the digits. Glyphs to judge by are new ones of known fonts: what is learned is how such images spread."""
    n, m = (512, 256) if args.quick else (8000, 2000)
    if args.data == "glyphs":
        print(f"glyphs: {len(fonts('train'))} fonts to train and to test on")
        drawn = glyphs(n + m, split="train", seed=args.seed)
        return Digits(drawn.images[:n], drawn.labels[:n], drawn.images[n:], drawn.labels[n:])
    x, x_labels, y, y_labels = load(args.data, seed=args.seed)[1:]
    return Digits(x[:n], x_labels[:n], y[:m], y_labels[:m]) if args.quick else Digits(x, x_labels, y, y_labels)


def fit(
    network: Callable[..., nn.Module],
    loss: Callable[[nn.Module, Tensor, np.random.Generator], Tensor],
    name: str,
    k: int,
    x: np.ndarray,
    epochs: int,
    args,
) -> tuple[nn.Module, list[float]]:
    """Train network(k) on images x; return it and its loss by epoch."""
    rng = np.random.default_rng([args.seed, k])
    model = network(k, image_shape=x.shape[1:], rng=rng).to(args.device)
    lr = LEARNING_RATE[name]
    history = train(
        model,
        lambda batch: loss(model, batch, rng),
        (x,),
        optim.Adam(model.parameters(), lr),
        epochs=epochs,
        rng=rng,
        batch_size=BATCH,
        path=args.out / f"training-{name}-k{k}.safetensors",
        resume=args.resume,
        settings={"data": args.data, "seed": args.seed, "epochs": epochs, "images": len(x)},
        label=f"{name}, k = {k}",
        device=args.device,
    )
    return model, history


def negative_elbo_of_bits(model: VAE, x: Tensor, rng: np.random.Generator) -> Tensor:
    """The VAE's loss on pixels binarised anew in every call, so that no two passes see the same bits."""
    return negative_elbo(model, binarise(x, rng))


def settle(model: DenseVAE, x: np.ndarray, args) -> None:
    """Give the codes of all training images x together mean 0 and variance 1, where training was taking them."""
    bits = binarise(Tensor.wrap(x), np.random.default_rng(args.seed)).numpy()
    mean, log_variance = posterior(model, bits, args.device)
    scale = np.sqrt(mean.var(axis=0) + np.exp(log_variance).mean(axis=0))
    standardise(model, model.decoder[0], *(Tensor(a).to(args.device) for a in (mean.mean(axis=0), scale)))


def cross_entropy(model: DenseAutoencoder, x: Tensor, rng: np.random.Generator) -> Tensor:
    """The plain autoencoder's loss on grey pixels: binarised ones would make it a denoising autoencoder."""
    return reconstruction_loss(model, x, "bce")


def measure_bounds(vaes: dict[int, VAE], digits: Digits, results: Results, args) -> None:
    """Measure the bound on the test images, beside mixtures of Bernoullis fitted to the training images."""
    rng = np.random.default_rng(args.seed)
    train_bits, test_bits = (binarise(Tensor.wrap(images), rng).numpy() for images in (digits.x, digits.y))
    baselines = {
        "independent_Bernoulli": bernoulli_mixture(train_bits, test_bits, 1, rng),
        f"mixture_of_{COMPONENTS}": bernoulli_mixture(train_bits, test_bits, COMPONENTS, rng),
    }
    for k, model in vaes.items():
        surprise, divergence = bound(model, test_bits, device=args.device)
        results.add(f"test -ELBO in nats, k = {k}", surprise + divergence, divergence=divergence, **baselines)


def measure_codes(vaes: dict[int, VAE], y: np.ndarray, results: Results, args) -> None:
    """Hold the codes of all test images together against N(0, I), and the closed divergence against Monte Carlo."""
    rng = np.random.default_rng(args.seed)
    bits = binarise(Tensor.wrap(y), rng).numpy()
    for k, model in vaes.items():
        mean, log_variance = posterior(model, bits, args.device)
        codes = aggregate_posterior(mean, log_variance, rng)
        results.add(f"codes, k = {k}: active", codes.active)
        results.add(f"codes, k = {k}: largest |mean|", codes.mean)
        results.add(f"codes, k = {k}: least variance", codes.least_variance, largest=codes.largest_variance)
        results.add(f"codes, k = {k}: largest |corr|", codes.correlation)
        closed = mg.gaussian_kl(Tensor(mean), Tensor(log_variance), reduction="sum").item() / len(y)
        sampled, error = monte_carlo_kl(mean, log_variance, DRAWS, rng)
        results.add(f"divergence in nats, k = {k}", closed, Monte_Carlo=sampled, standard_error=error)


def sample(vae: VAE, plain: DenseAutoencoder, x: np.ndarray, args) -> dict[str, np.ndarray]:
    """Decode noise: by the VAE, by the plain autoencoder, and by it noise of its codes' mean and covariance."""
    rng = np.random.default_rng(args.seed)
    codes = apply(plain.encode, x, device=args.device).astype(np.float64)
    noise = rng.standard_normal((SAMPLES, codes.shape[1]), np.float32)
    matched = rng.multivariate_normal(codes.mean(axis=0), np.cov(codes.T), SAMPLES).astype(np.float32)
    k = codes.shape[1]
    return {
        f"variational autoencoder, k = {k}": apply(vae.decode, noise, device=args.device),
        f"autoencoder, k = {k}, N(0, I)": apply(plain.decode, noise, device=args.device),
        f"autoencoder, k = {k}, matched Gaussian": apply(plain.decode, matched, device=args.device),
    }


def judge_samples(samples: dict[int, dict[str, np.ndarray]], digits: Digits, results: Results, args) -> None:
    """Let a classifier trained on the training images judge the samples, and for comparison the training images."""
    epochs = 1 if args.quick else CLASSIFIER_EPOCHS
    path = args.out / "training-classifier.safetensors"
    options = {"epochs": epochs, "seed": args.seed, "path": path, "resume": args.resume, "device": args.device}
    classifier = fit_classifier(digits.x, digits.x_labels, **options)
    guesses = apply(classifier, digits.y, device=args.device).argmax(axis=1)
    results.add("accuracy of the judging classifier", np.mean(guesses == digits.y_labels))
    real = judge(classifier, digits.x, digits.y, args.device)
    for k, sources in samples.items():
        ours, unit, matched = (judge(classifier, drawn, digits.y, args.device) for drawn in sources.values())
        for i, name in enumerate(("Frechet distance", "confident share", "class entropy")):
            baselines = {"autoencoder": unit[i], "matched_Gaussian": matched[i], "training_images": real[i]}
            results.add(f"samples, k = {k}: {name}", ours[i], **baselines)


def draw(vaes: dict[int, VAE], plain: dict, samples: dict[str, np.ndarray], digits: Digits, args) -> None:
    """Draw samples beside data, the plane of codes beside the plain autoencoder's, the manifold, interpolations."""
    panels = {"data": digits.y} | samples
    figures.mosaics({title: _square(images) for title, images in panels.items()}, args.out / "samples.png")
    codes = {
        "autoencoder": apply(plain[2].encode, digits.y, device=args.device),
        "variational autoencoder, means": posterior(vaes[2], digits.y, args.device)[0],
    }
    figures.scatter_codes(codes, digits.y_labels, args.out / "codes.png")
    figures.mosaics({"codes at Gaussian quantiles": manifold(vaes[2], args)}, args.out / "manifold.png")
    rows = interpolate(vaes[20], digits.y, digits.y_labels, args)
    figures.image_rows(rows, args.out / "interpolations.png")


def manifold(model: VAE, args) -> np.ndarray:
    """Decode a plane of codes at equal steps of probability -> (SIDE, SIDE, C, H, W), code 2 growing upwards."""
    quantiles = norm.ppf((np.arange(SIDE) + 0.5) / SIDE).astype(np.float32)
    plane = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(-1, 2)
    images = apply(model.decode, plane, device=args.device)
    return images.reshape(SIDE, SIDE, *images.shape[1:])


def interpolate(model: VAE, y: np.ndarray, labels: np.ndarray, args) -> dict[str, np.ndarray]:
    """Walk from digit to digit along a line of codes and, for comparison, of pixels -> rows of images."""
    rows = {}
    way = np.linspace(0, 1, STEPS, dtype=np.float32)[:, None]
    for a, b in ((0, 6), (3, 8), (4, 7)):
        ends = y[[np.argmax(labels == a), np.argmax(labels == b)]]
        codes = posterior(model, ends, args.device)[0]
        rows[f"{a} to {b}, codes"] = apply(model.decode, codes[:1] * (1 - way) + codes[1:] * way, device=args.device)
        blend = way[:, None, None]
        rows[f"{a} to {b}, pixels"] = ends[:1] * (1 - blend) + ends[1:] * blend
    return rows


def _square(images: np.ndarray, side: int = 10) -> np.ndarray:
    """The first images (N, C, H, W) -> (side, side, C, H, W)."""
    return images[: side * side].reshape(side, side, *images.shape[1:])
