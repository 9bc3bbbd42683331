"""Autoencoder: digits squeezed through k numbers and back, beside PCA with as many.

Trains a network for k = 2, 5 and 32 and draws reconstructions and the two-dimensional codes. Then it searches for
similar digits. A code that has to restore every pixel says where each stroke lies, so by it one finds no more than by
the pixels. One trained to undo bends, to draw the straight digit from a bent one, forgets the bend and keeps the digit.

The network is dense, 784-500-120-k-120-500-784, or convolutional (--model conv), with 1-16-32-64 channels. The
convolutional one needs 32 x 32 pixels: all images, PCA's too, are padded with black from 28 x 28, so its MSE is a mean
over more pixels. On real digits: python -m demos autoencoder --data mnist
"""

from __future__ import annotations

import numpy as np

from demos import figures
from demos.data import load, to_32
from demos.data.augment import bend
from demos.evaluation.linear import PCA
from demos.evaluation.neighbours import nearest, precision
from demos.run import Run
from minigrad import Tensor, optim
from models.autoencoder import Autoencoder, ConvAutoencoder, DenseAutoencoder, reconstruction_loss
from models.denoising import denoising_loss

DATASETS = ["glyphs", "mnist"]
EPOCHS = 40
CODES = (2, 5, 32)  # lengths k of the codes
MODELS = {"dense": DenseAutoencoder, "conv": ConvAutoencoder}
LEARNING_RATES = {"dense": 1e-3, "conv": 2e-3}
BATCHES = {"dense": 128, "conv": 32}
BEND = {"affine": 0.3, "shift": 0.15, "elastic": 0.15}  # that the code for searching undoes
SHOWN = 16  # images in a row
QUERIES = 5  # of digits of their own, in the picture of the search


def add_options(parser) -> None:
    parser.add_argument("--model", choices=list(MODELS), default="dense", help="network to train (default: dense)")
    parser.add_argument("--loss", choices=["mse", "bce"], default="mse", help="distance to minimise (default: mse)")


def main(args) -> None:
    run = Run("autoencoder", args, epochs=EPOCHS, loss=args.loss, model=args.model)
    x, y, labels = choose(run)
    mean_image = np.mean((y - x.mean(axis=0)) ** 2)
    size = " x ".join(map(str, x.shape[2:]))
    print(f"{args.data}: {len(x)} train, {len(y)} test images, {size}; mean image MSE {mean_image:.4f}")
    rows, codes, histories = {"input": y[:SHOWN]}, {}, {}
    for k in CODES:
        model, histories[f"k = {k}"] = fit(k, x, run)
        pca = PCA(x, k)
        output, linear = run.apply(model, y), pca.reconstruct(y)
        run.results.add(f"test MSE, k = {k}", np.mean((output - y) ** 2), PCA=np.mean((linear - y) ** 2))
        rows[f"PCA, k = {k}"] = linear[:SHOWN]
        rows[f"autoencoder, k = {k}"] = output[:SHOWN]
        codes[k] = run.apply(model.encode, y), pca.encode(y)
    figures.image_rows(rows, run.out / "reconstructions.png")
    planes = {"autoencoder, k = 2": codes[2][0], "PCA, k = 2": codes[2][1]}
    figures.scatter_codes(planes, labels, run.out / "codes.png")
    figures.curves(histories, run.out / "loss.png", "epoch", f"training {args.loss}")
    search(y, labels, codes[32][0], run.apply(fit_to_unbend(x, run).encode, y), run)
    run.save()


def choose(run: Run) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Load the images x to train on and y to test with, and the labels of y; a quick run takes few."""
    sizes = run.choose(quick={"train": 512, "test": 256}, whole={})
    data = load(run.args.data, seed=run.seed, **sizes)
    x, y = data.train_images, data.test_images
    if run.quick:  # a fixed data set comes whole
        x, y = x[:512], y[:256]
    if run.args.model == "conv":
        x, y = to_32(x), to_32(y)
    return x, y, data.test_labels[: len(y)]


def fit(k: int, x: np.ndarray, run: Run) -> tuple[Autoencoder, list[float]]:
    """Train the network with a code of k numbers on images x; return it and its loss by epoch."""
    kind, rng = run.args.model, run.rng(k)
    model = MODELS[kind](k, image_shape=x.shape[1:], rng=rng).to(run.device)
    history = run.fit(
        model,
        lambda batch: reconstruction_loss(model, batch, run.args.loss),
        (x,),
        optim.Adam(model.parameters(), LEARNING_RATES[kind]),
        rng,
        state=f"training-k{k}",
        label=f"autoencoder, k = {k}",
        batch_size=BATCHES[kind],
    )
    return model, history


def fit_to_unbend(x: np.ndarray, run: Run) -> Autoencoder:
    """Train the network with the longest code to restore images x from bent ones; return it.

    It is the denoising autoencoder, whose noise is a bend. Half the epochs do.
    """
    kind, rng = run.args.model, run.rng(max(CODES), 1)
    model = MODELS[kind](max(CODES), image_shape=x.shape[1:], rng=rng).to(run.device)

    def bent(batch: Tensor, rng: np.random.Generator) -> Tensor:
        return bend(batch, rng, **BEND)

    run.fit(
        model,
        lambda batch: denoising_loss(model, batch, bent, rng),
        (x,),
        optim.Adam(model.parameters(), LEARNING_RATES[kind]),
        rng,
        state="training-search",
        label="autoencoder that undoes bends",
        batch_size=BATCHES[kind],
        epochs=-(-run.epochs // 2),
    )
    return model


def search(images: np.ndarray, labels: np.ndarray, plain: np.ndarray, unbent: np.ndarray, run: Run) -> None:
    """Search the test images for those most like a query, by codes (M, k) and by pixels: precision of the ten nearest.

    Draws what is found by the code that undoes bends and by pixels; digits of another class are red.
    """
    found = {"code": nearest(unbent), "pixels": nearest(images)}
    by_pixels = precision(found["pixels"], labels)
    run.results.add("precision at 10, plain code", precision(nearest(plain), labels), by_pixels=by_pixels)
    run.results.add("precision at 10, code that undoes bends", precision(found["code"], labels), by_pixels=by_pixels)
    rows, white = {}, np.ones_like(images[:1])
    for label in np.unique(labels)[-QUERIES:]:
        query = np.argmax(labels == label)
        for how, indices in found.items():
            tiles = figures.redden(images[indices[query]], labels[indices[query]] != label)
            first = [images[query : query + 1] if how == "code" else white, white]
            first = [np.broadcast_to(tile, (1, *tiles.shape[1:])) for tile in first]
            rows[f"{label}, by {how}"] = np.concatenate([*first, tiles])
    figures.image_rows(rows, run.out / "neighbours.png")
