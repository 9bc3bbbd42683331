"""Dense autoencoder: digits squeezed through k numbers and back, beside PCA with as many.

Trains 784-500-120-k-120-500-784 for k = 2, 5 and 32 and draws reconstructions, the two-dimensional code space and
nearest neighbours by code. On real digits: python -m demos autoencoder --data mnist
"""

from __future__ import annotations

import numpy as np

from demos import figures
from demos.data import load
from demos.pca import PCA
from demos.results import Results
from demos.training import apply, train
from minigrad import optim, schedules
from models.autoencoder import DenseAutoencoder, reconstruction_loss

DATASETS = ["glyphs", "mnist"]
EPOCHS = 40
CODES = (2, 5, 32)
BATCH = 128
LEARNING_RATE = 1e-3


def add_options(parser) -> None:
    parser.add_argument("--loss", choices=["mse", "bce"], default="mse", help="distance to minimise (default: mse)")


def main(args) -> None:
    data = load(args.data, seed=args.seed, **({"train": 512, "test": 256} if args.quick else {}))
    x, y = (data.train_images[:512], data.test_images[:256]) if args.quick else (data.train_images, data.test_images)
    labels = data.test_labels[: len(y)]
    epochs = args.epochs if args.epochs is not None else 2 if args.quick else EPOCHS
    results = Results("autoencoder", data=data.name, seed=args.seed, epochs=epochs, loss=args.loss)
    print(f"{data.name}: {len(x)} train, {len(y)} test images; mean image MSE {np.mean((y - x.mean(axis=0)) ** 2):.4f}")
    rows, codes, histories = {"input": y[:16]}, {}, {}
    for k in CODES:
        model, histories[f"k = {k}"] = fit(k, x, epochs, args)
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


def fit(k: int, x: np.ndarray, epochs: int, args) -> tuple[DenseAutoencoder, list[float]]:
    """Train the network with a code of k numbers on images x; return it and its loss by epoch."""
    rng = np.random.default_rng([args.seed, k])
    model = DenseAutoencoder(k, image_shape=x.shape[1:], rng=rng).to(args.device)
    optimizer = optim.Adam(model.parameters(), LEARNING_RATE)
    history = train(
        model,
        lambda batch: reconstruction_loss(model, batch, args.loss),
        (x,),
        optimizer,
        epochs=epochs,
        rng=rng,
        batch_size=BATCH,
        schedule=schedules.cosine(LEARNING_RATE, epochs * -(-len(x) // BATCH)),
        path=args.out / f"training-k{k}.safetensors",
        resume=args.resume,
        settings={"data": args.data, "seed": args.seed, "epochs": epochs, "loss": args.loss, "images": len(x)},
        label=f"autoencoder, k = {k}",
        device=args.device,
    )
    return model, history


def search(images: np.ndarray, labels: np.ndarray, codes: np.ndarray, results: Results, args) -> None:
    """Search images similar to a query among the test images, by code and by pixels: precision of the ten nearest."""
    by_code, by_pixels = nearest(codes), nearest(images.reshape(len(images), -1))
    precision = [np.mean(labels[found] == labels[:, None]) for found in (by_code, by_pixels)]
    results.add("precision at 10, by code, k = 32", precision[0], by_pixels=precision[1])
    rows = {}
    for query in range(3):
        rows[f"query {query + 1}"] = images[query : query + 1]
        rows[f"{query + 1}, by code"] = images[by_code[query]]
        rows[f"{query + 1}, by pixels"] = images[by_pixels[query]]
    figures.image_rows(rows, args.out / "neighbours.png")


def nearest(x: np.ndarray, n: int = 10) -> np.ndarray:
    """Indices (N, n) of the n nearest other rows of x (N, D), nearest first."""
    distance = np.square(x).sum(axis=1)[:, None] - 2 * x @ x.T + np.square(x).sum(axis=1)  # (N, N), squared
    np.fill_diagonal(distance, np.inf)
    return np.argsort(distance, axis=1)[:, :n]
