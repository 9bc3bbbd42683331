"""Variational autoencoder: digits drawn from noise alone, beside what a plain autoencoder makes of noise.

Trains 784-500-120-k-120-500-784 for k = 2, 5 and 20 on pixels that are black or white by chance. Compares the bound on
-log p(x) with mixtures of Bernoullis, has a classifier judge the samples, and draws codes, the manifold, samples and
interpolations. On real digits: python -m demos vae --data mnist
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri

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
from demos.run import Run
from minigrad import Tensor, nn, optim
from models.autoencoder import DenseAutoencoder, reconstruction_loss
from models.vae import VAE, DenseVAE, decorrelate_codes, negative_elbo, rescale_codes

DATASETS = ["glyphs", "mnist"]
EPOCHS = 40
CLASSIFIER_EPOCHS = 8
CODES = (2, 5, 20)  # lengths k of the codes
BATCH = 128
LEARNING_RATE = {"vae": 5e-3, "autoencoder": 1e-3}
COMPONENTS = 50  # of the mixture of Bernoullis
DRAWS = 100  # of the Monte Carlo divergence
SAMPLES = 2000  # that the classifier judges
SIDE = 20  # of the manifold, in images
STEPS = 12  # of an interpolation


class Digits(NamedTuple):
    """Images (N, 1, 28, 28) and labels (N,): x to train on, y to test with."""

    x: np.ndarray
    x_labels: np.ndarray
    y: np.ndarray
    y_labels: np.ndarray


def main(args) -> None:
    run = Run("vae", args, epochs=EPOCHS)
    digits = choose(run)
    print(f"{args.data}: {len(digits.x)} train, {len(digits.y)} test images")
    vaes, plain, histories = {}, {}, {}
    for k in CODES:
        vaes[k], histories[f"k = {k}"] = fit(DenseVAE, negative_elbo_of_bits, "vae", k, digits.x, run)
        settle(vaes[k], digits.x, run)
    for k in CODES:
        plain[k], _ = fit(DenseAutoencoder, cross_entropy, "autoencoder", k, digits.x, run)
    figures.curves(histories, run.out / "loss.png", "epoch", "training loss, nats per image")
    measure_bounds(vaes, digits, run)
    measure_codes(vaes, digits.y, run)
    samples = {k: sample(vaes[k], plain[k], digits.x, run) for k in CODES}
    judge_samples(samples, digits, run)
    draw(vaes, plain, samples[5], digits, run)
    keep(vaes, plain, digits, run)
    run.save()


def choose(run: Run) -> Digits:
    """Load the digits.

    Glyphs to test with are new drawings in the fonts of the training: the question is how such images are distributed.
    """
    n, m = run.choose(quick=(512, 256), whole=(8000, 2000))
    if run.args.data == "glyphs":
        print(f"glyphs: {len(fonts('train'))} fonts to train and to test on")
        drawn = glyphs(n + m, split="train", seed=run.seed)
        return Digits(drawn.images[:n], drawn.labels[:n], drawn.images[n:], drawn.labels[n:])
    x, x_labels, y, y_labels = load(run.args.data, seed=run.seed)[1:]
    if run.quick:
        return Digits(x[:n], x_labels[:n], y[:m], y_labels[:m])
    return Digits(x, x_labels, y, y_labels)


# ---- training --------------------------------------------------------------------------------------------------------


def fit(
    network: Callable[..., nn.Module],
    loss: Callable[[nn.Module, Tensor, np.random.Generator], Tensor],
    name: str,
    k: int,
    x: np.ndarray,
    run: Run,
) -> tuple[nn.Module, list[float]]:
    """Train network(k) on images x; return it and its loss by epoch."""
    rng = run.rng(k)
    model = network(k, image_shape=x.shape[1:], rng=rng).to(run.device)
    history = run.fit(
        model,
        lambda batch: loss(model, batch, rng),
        (x,),
        optim.Adam(model.parameters(), LEARNING_RATE[name]),
        rng,
        state=f"training-{name}-k{k}",
        label=f"{name}, k = {k}",
        batch_size=BATCH,
    )
    return model, history


def negative_elbo_of_bits(model: VAE, x: Tensor, rng: np.random.Generator) -> Tensor:
    """The VAE's loss on pixels that are binarised anew in every call, so that no two passes see the same bits."""
    return negative_elbo(model, binarise(x, rng))


def cross_entropy(model: DenseAutoencoder, x: Tensor, rng: np.random.Generator) -> Tensor:
    """The plain autoencoder's loss on grey pixels: binarised ones would make it a denoising autoencoder."""
    return reconstruction_loss(model, x, "bce")


def settle(model: DenseVAE, x: np.ndarray, run: Run) -> None:
    """Give the codes of all training images x together mean 0 and covariance I, which training was approaching."""
    bits = binarise(Tensor.wrap(x), run.rng()).numpy()
    first = model.decoder[0]
    rescale(model, first, bits, run)
    mean, log_variance = posterior(model, bits, run.device)
    values, axes = np.linalg.eigh(np.cov(mean.T) + np.diag(np.exp(log_variance).mean(axis=0)))
    root = (axes * np.sqrt(values)) @ axes.T
    decorrelate_codes(model, first, run.tensor(root.astype(np.float32)))
    rescale(model, first, bits, run)


def rescale(model: DenseVAE, first: nn.Linear, bits: np.ndarray, run: Run) -> None:
    mean, log_variance = posterior(model, bits, run.device)
    shift = mean.mean(axis=0)
    scale = np.sqrt(mean.var(axis=0) + np.exp(log_variance).mean(axis=0))
    rescale_codes(model, first, run.tensor(shift), run.tensor(scale))


# ---- measures --------------------------------------------------------------------------------------------------------


def measure_bounds(vaes: dict[int, VAE], digits: Digits, run: Run) -> None:
    """Measure the bound on the test images, beside mixtures of Bernoullis fitted to the training images."""
    rng = run.rng()
    train_bits, test_bits = (binarise(Tensor.wrap(images), rng).numpy() for images in (digits.x, digits.y))
    baselines = {
        "independent_Bernoulli": bernoulli_mixture(train_bits, test_bits, 1, rng),
        f"mixture_of_{COMPONENTS}": bernoulli_mixture(train_bits, test_bits, COMPONENTS, rng),
    }
    for k, model in vaes.items():
        surprise, divergence = bound(model, test_bits, device=run.device)
        run.results.add(f"test -ELBO in nats, k = {k}", surprise + divergence, divergence=divergence, **baselines)


def measure_codes(vaes: dict[int, VAE], y: np.ndarray, run: Run) -> None:
    """Compare the codes of all test images with N(0, I), and the divergence in closed form with Monte Carlo."""
    rng, results = run.rng(), run.results
    bits = binarise(Tensor.wrap(y), rng).numpy()
    for k, model in vaes.items():
        mean, log_variance = posterior(model, bits, run.device)
        # codes drawn for all images together
        codes = aggregate_posterior(mean, log_variance, rng)
        results.add(f"codes, k = {k}: active", codes.active)
        results.add(f"codes, k = {k}: largest |mean|", codes.mean)
        results.add(f"codes, k = {k}: least variance", codes.least_variance, largest=codes.largest_variance)
        results.add(f"codes, k = {k}: largest |corr|", codes.correlation)
        # the divergence of each image's own codes
        closed = mg.gaussian_kl(Tensor(mean), Tensor(log_variance), reduction="sum").item() / len(y)
        sampled, error = monte_carlo_kl(mean, log_variance, DRAWS, rng)
        results.add(f"divergence in nats, k = {k}", closed, Monte_Carlo=sampled, standard_error=error)


def sample(vae: VAE, plain: DenseAutoencoder, x: np.ndarray, run: Run) -> dict[str, np.ndarray]:
    """Decode noise with the VAE and with the plain autoencoder.

    The plain one decodes N(0, I), and noise that has the mean and the covariance of its own codes of x.
    """
    rng = run.rng()
    codes = run.apply(plain.encode, x).astype(np.float64)
    k = codes.shape[1]
    noise = rng.standard_normal((SAMPLES, k), np.float32)
    matched = rng.multivariate_normal(codes.mean(axis=0), np.cov(codes.T), SAMPLES).astype(np.float32)
    return {
        f"variational autoencoder, k = {k}": run.apply(vae.decode, noise),
        f"autoencoder, k = {k}, N(0, I)": run.apply(plain.decode, noise),
        f"autoencoder, k = {k}, matched Gaussian": run.apply(plain.decode, matched),
    }


def judge_samples(samples: dict[int, dict[str, np.ndarray]], digits: Digits, run: Run) -> None:
    """Have a classifier, trained on the training images, judge the samples and, for comparison, those images."""
    classifier = fit_classifier(digits.x, digits.x_labels, run, run.choose(quick=1, whole=CLASSIFIER_EPOCHS))
    guesses = run.apply(classifier, digits.y).argmax(axis=1)
    run.results.add("accuracy of the judging classifier", np.mean(guesses == digits.y_labels))
    real = judge(classifier, digits.x, digits.y, run.device)
    for k, sources in samples.items():
        ours, unit, matched = (judge(classifier, drawn, digits.y, run.device) for drawn in sources.values())
        for i, name in enumerate(("Frechet distance", "confident share", "class entropy")):
            baselines = {"autoencoder": unit[i], "matched_Gaussian": matched[i], "training_images": real[i]}
            run.results.add(f"samples, k = {k}: {name}", ours[i], **baselines)


def keep(vaes: dict[int, DenseVAE], plain: dict[int, DenseAutoencoder], digits: Digits, run: Run) -> None:
    """Keep the networks of few numbers, and the codes that they give the test images: the gallery decodes others."""
    models = {"vae-k2": vaes[2], "vae-k5": vaes[5], "autoencoder-k2": plain[2]}
    for name, model in models.items():
        run.keep(name, model.state_dict())
    codes = {
        "vae-k2": posterior(vaes[2], digits.y, run.device)[0],
        "vae-k5": posterior(vaes[5], digits.y, run.device)[0],
        "autoencoder-k2": run.apply(plain[2].encode, digits.y),
    }
    run.keep("codes", codes | {"labels": digits.y_labels})


# ---- pictures --------------------------------------------------------------------------------------------------------


def draw(vaes: dict[int, VAE], plain: dict, samples: dict[str, np.ndarray], digits: Digits, run: Run) -> None:
    """Draw samples beside data, codes beside those of the plain autoencoder, the manifold, and interpolations."""
    panels = {"data": digits.y} | samples
    figures.mosaics({title: _square(images) for title, images in panels.items()}, run.out / "samples.png")
    codes = {
        "autoencoder": run.apply(plain[2].encode, digits.y),
        "variational autoencoder, means": posterior(vaes[2], digits.y, run.device)[0],
    }
    figures.scatter_codes(codes, digits.y_labels, run.out / "codes.png")
    figures.mosaics({"codes at Gaussian quantiles": manifold(vaes[2], run)}, run.out / "manifold.png")
    rows = interpolate(vaes[20], digits.y, digits.y_labels, run)
    figures.image_rows(rows, run.out / "interpolations.png")


def manifold(model: VAE, run: Run) -> np.ndarray:
    """Decode a plane of codes at equal steps of probability -> (SIDE, SIDE, C, H, W); code 2 grows upwards."""
    quantiles = ndtri((np.arange(SIDE) + 0.5) / SIDE).astype(np.float32)
    plane = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(-1, 2)
    images = run.apply(model.decode, plane)
    return images.reshape(SIDE, SIDE, *images.shape[1:])


def interpolate(model: VAE, y: np.ndarray, labels: np.ndarray, run: Run) -> dict[str, np.ndarray]:
    """Walk from digit to digit along a line of codes and, for comparison, of pixels -> rows of images."""
    rows = {}
    way = np.linspace(0, 1, STEPS, dtype=np.float32)[:, None]
    blend = way[:, None, None]  # the same, for images
    for a, b in ((0, 6), (3, 8), (4, 7)):
        ends = y[[np.argmax(labels == a), np.argmax(labels == b)]]
        codes = posterior(model, ends, run.device)[0]
        rows[f"{a} to {b}, codes"] = run.apply(model.decode, codes[:1] * (1 - way) + codes[1:] * way)
        rows[f"{a} to {b}, pixels"] = ends[:1] * (1 - blend) + ends[1:] * blend
    return rows


def _square(images: np.ndarray, side: int = 10) -> np.ndarray:
    """The first images (N, C, H, W) -> (side, side, C, H, W)."""
    return images[: side * side].reshape(side, side, *images.shape[1:])
