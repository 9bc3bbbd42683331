"""Autoencoder: digits squeezed through k numbers and back, beside PCA with as many.

Trains a network for k = 2, 5 and 32 and draws reconstructions, the two-dimensional code space and nearest neighbours
by code. The network is dense, 784-500-120-k-120-500-784, or convolutional (--model conv), 1-16-32-64 channels; for this
one all images, PCA's too, are padded with black from 28 x 28 to 32 x 32, so its MSE is a mean over more pixels.
On real digits: python -m demos autoencoder --data mnist
"""

from __future__ import annotations

import numpy as np

from demos import figures
from demos.data import load, to_32
from demos.evaluation.linear import PCA
from demos.evaluation.neighbours import nearest, precision
from demos.results import Results
from demos.training import apply, train
from minigrad import optim
from models.autoencoder import Autoencoder, ConvAutoencoder, DenseAutoencoder, reconstruction_loss

DATASETS = ["glyphs", "mnist"]
EPOCHS = 40
CODES = (2, 5, 32)
MODELS = {"dense": DenseAutoencoder, "conv": ConvAutoencoder}
LEARNING_RATES = {"dense": 1e-3, "conv": 2e-3}
BATCHES = {"dense": 128, "conv": 32}


def add_options(parser) -> None:
    parser.add_argument("--model", choices=list(MODELS), default="dense", help="network to train (default: dense)")
    parser.add_argument("--loss", choices=["mse", "bce"], default="mse", help="distance to minimise (default: mse)")


def main(args) -> None:
    data = load(args.data, seed=args.seed, **({"train": 512, "test": 256} if args.quick else {}))
    x, y = (data.train_images[:512], data.test_images[:256]) if args.quick else (data.train_images, data.test_images)
    if args.model == "conv":
        x, y = to_32(x), to_32(y)
    labels = data.test_labels[: len(y)]
    epochs = args.epochs if args.epochs is not None else 2 if args.quick else EPOCHS
    settings = {"data": data.name, "seed": args.seed, "epochs": epochs, "loss": args.loss, "model": args.model}
    results = Results("autoencoder", **settings)
    size, mean_image = " x ".join(map(str, x.shape[2:])), np.mean((y - x.mean(axis=0)) ** 2)
    print(f"{data.name}: {len(x)} train, {len(y)} test images, {size}; mean image MSE {mean_image:.4f}")
    rows, codes, histories = {"input": y[:16]}, {}, {}
    for k in CODES:
        model, histories[f"k = {k}"] = fit(k, x, epochs, settings, args)
        pca = PCA(x, k)
        output, linear = apply(model, y, device=args.device), pca.reconstruct(y)
        results.add(f"test MSE, k = {k}", np.mean((output - y) ** 2), PCA=np.mean((linear - y) ** 2))
        rows |= {f"PCA, k = {k}": linear[:16], f"autoencoder, k = {k}": output[:16]}
        codes[k] = apply(model.encode, y, device=args.device), pca.encode(y)
    figures.image_rows(rows, args.out / "reconstructions.png")
    planes = {"autoencoder, k = 2": codes[2][0], "PCA, k = 2": codes[2][1]}
    figures.scatter_codes(planes, labels, args.out / "codes.png")
    figures.curves(histories, args.out / "loss.png", "epoch", f"training {args.loss}")
    search(y, labels, codes[32][0], results, args)
    results.save(args.out)


def fit(k: int, x: np.ndarray, epochs: int, settings: dict, args) -> tuple[Autoencoder, list[float]]:
    """Train the network with a code of k numbers on images x; return it and its loss by epoch."""
    rng = np.random.default_rng([args.seed, k])
    model = MODELS[args.model](k, image_shape=x.shape[1:], rng=rng).to(args.device)
    rate, batch_size = LEARNING_RATES[args.model], BATCHES[args.model]
    history = train(
        model,
        lambda batch: reconstruction_loss(model, batch, args.loss),
        (x,),
        optim.Adam(model.parameters(), rate),
        epochs=epochs,
        rng=rng,
        batch_size=batch_size,
        path=args.out / f"training-k{k}.safetensors",
        resume=args.resume,
        settings=settings | {"images": len(x)},
        label=f"autoencoder, k = {k}",
        device=args.device,
    )
    return model, history


def search(images: np.ndarray, labels: np.ndarray, codes: np.ndarray, results: Results, args) -> None:
    """Search images similar to a query among the test images, by code and by pixels: precision of the ten nearest."""
    by_code, by_pixels = nearest(codes), nearest(images)
    hits = precision(by_pixels, labels)
    results.add("precision at 10, by code, k = 32", precision(by_code, labels), by_pixels=hits)
    rows = {}
    for query in range(3):
        rows[f"query {query + 1}"] = images[query : query + 1]
        rows[f"{query + 1}, by code"] = images[by_code[query]]
        rows[f"{query + 1}, by pixels"] = images[by_pixels[query]]
    figures.image_rows(rows, args.out / "neighbours.png")
