"""Overcomplete autoencoders: 1,024 units for 784 pixels, and what keeps them from merely copying.

The same network without a penalty and under L1, L2, noise on the input and dropout of the code: what it does to digits,
how many of its units are at work, and whether it copies pure noise, in which there is nothing to learn. Then signals
mixed of few known notes and chirps, in which the penalties search for what was mixed. Olshausen & Field 1996.
On real digits: python -m demos sparse --data mnist
"""

from __future__ import annotations

from functools import partial

import numpy as np

from demos import figures
from demos.data import load
from demos.data.atoms import signals
from demos.evaluation.linear import PCA
from demos.results import Results
from demos.training import apply, train
from minigrad import Tensor, optim
from models.denoising import denoising_loss, gaussian
from models.sparse import SparseAutoencoder, sparse_loss

DATASETS = ["glyphs", "mnist"]
EPOCHS = 15
BATCH = 128
HIDDEN = 1024
LEARNING_RATE = 1e-3
REGULARISERS = {
    "none": {},
    "L1": {"penalty": "L1", "weight": 1.0},
    "L2": {"penalty": "L2", "weight": 4.0},
    "noise": {"noise": partial(gaussian, sigma=0.5)},
    "dropout": {"dropout": 0.8},  # L2 of weight .8 / (1 - .8) = 4 by another way
}
NOISE_IMAGES = 4000

SIGNAL_HIDDEN = 192  # twice as many as there are atoms
SIGNAL_LEARNING_RATE = 5e-3
SIGNAL_REGULARISERS = {"L1": {"penalty": "L1", "weight": 0.5}, "L2": {"penalty": "L2", "weight": 0.5}, "none": {}}
FOUND = 0.9  # an atom is found by a unit whose column has a larger |cos| to it

SILENT = 1e-3  # a unit is silent where |h| is below this part of the largest |h|
SHOWN = 14


def main(args) -> None:
    epochs = args.epochs if args.epochs is not None else 2 if args.quick else EPOCHS
    sizes = {"train": 512, "test": 256} if args.quick else {"train": 8000, "test": 2000}
    data = load(args.data, seed=args.seed, **sizes)
    x, y = (images[:n] for images, n in zip((data.train_images, data.test_images), sizes.values()))
    results = Results("sparse", data=data.name, seed=args.seed, epochs=epochs, images=len(x))
    study_digits(x, y, epochs, results, args)
    study_noise(min(len(x), NOISE_IMAGES), epochs, results, args)
    study_signals(len(x), epochs, results, args)
    results.save(args.out)


def fit(
    what: str, x: np.ndarray, options: dict, epochs: int, args, hidden: int = HIDDEN, lr: float = LEARNING_RATE
) -> SparseAutoencoder:
    """Train on x (N, ..) under one regulariser, options as in REGULARISERS; `what` names the run."""
    rng = np.random.default_rng(args.seed)
    options = dict(options)
    noise = options.pop("noise", None)
    model = SparseAutoencoder(hidden, shape=x.shape[1:], rng=rng, **options).to(args.device)
    model.load_state_dict(model.state_dict() | {"decoder.bias": x.mean(axis=0).reshape(-1)})

    def loss(batch: Tensor) -> Tensor:
        model.project()  # what the last step has stretched
        return denoising_loss(model, batch, noise, rng) if noise else sparse_loss(model, batch)

    train(
        model,
        loss,
        (x,),
        optim.Adam(model.parameters(), lr),
        epochs=epochs,
        rng=rng,
        batch_size=BATCH,
        path=args.out / f"training-{what.replace(', ', '-')}.safetensors",
        resume=args.resume,
        settings={"data": args.data, "seed": args.seed, "epochs": epochs, "images": len(x)},
        label=what,
        device=args.device,
    )
    model.project()
    return model


def study_digits(x: np.ndarray, y: np.ndarray, epochs: int, results: Results, args) -> None:
    """Train on digits under each regulariser: errors, shares of silent units, filters, histograms of codes."""
    print(f"{args.data}: {len(x)} train, {len(y)} test images; {HIDDEN} units")
    baselines = {
        "PCA_32": np.mean((PCA(x, 32).reconstruct(y) - y) ** 2),
        "mean_image": np.mean((x.mean(axis=0) - y) ** 2),
    }
    rows, filters, codes = {"input": y[:SHOWN]}, {}, {}
    for name, options in REGULARISERS.items():
        model = fit(f"digits, {name}", x, options, epochs, args)
        rows[name], h = apply(model, y, device=args.device), apply(model.encode, y, device=args.device)
        size = np.abs(h) / np.abs(h).max()
        results.add(f"test MSE, {name}", np.mean((rows[name] - y) ** 2), **baselines)
        never = np.mean(size.max(axis=0) < SILENT)
        results.add(f"share of |h| silent, {name}", np.mean(size < SILENT), units_always_silent=never)
        rows[name], codes[name] = rows[name][:SHOWN], h / np.abs(h).max()
        busier = np.argsort(-np.abs(h).mean(axis=0))[: HIDDEN // 2]
        columns = model.decoder.weight.to("cpu").numpy().T[busier[:: len(busier) // (SHOWN - 1)]]
        filters[name] = figures.signed(columns.reshape(-1, *x.shape[1:]))
    figures.image_rows(rows, args.out / "reconstructions.png")
    figures.image_rows(filters, args.out / "filters.png")
    figures.histograms(codes, args.out / "codes.png", "h / largest |h|")


def study_noise(n: int, epochs: int, results: Results, args) -> None:
    """Train on images of independent uniform pixels. What reconstructs others of these has learned to copy.

    Training on digits would not do: the pixels that are black in all of them teach no one to copy.
    """
    rng = np.random.default_rng([args.seed, n])
    x, y = (rng.random((m, 1, 28, 28), np.float32) for m in (n, 1000))
    print(f"uniform noise: {n} train images")
    linear = np.mean((PCA(x, 32).reconstruct(y) - y) ** 2) / y.var()
    rows = {"input": y[: SHOWN // 2]}
    for name, options in REGULARISERS.items():
        model = fit(f"noise, {name}", x, options, epochs, args)
        output = apply(model, y, device=args.device)
        results.add(f"noise: test MSE / variance, {name}", np.mean((output - y) ** 2) / y.var(), PCA_32=linear)
        rows[name] = output[: SHOWN // 2]
    figures.image_rows(rows, args.out / "noise.png", size=1.2)


def study_signals(n: int, epochs: int, results: Results, args) -> None:
    """Train on mixtures of notes and chirps, and look for these among the columns of the decoder."""
    train_part = signals(n, seed=args.seed)
    x, atoms = train_part.signals, train_part.atoms
    print(f"signals: {n} of {np.count_nonzero(train_part.coefficients[0])} out of {len(atoms)} atoms")
    columns = {}
    for name, options in SIGNAL_REGULARISERS.items():
        model = fit(f"signals, {name}", x, options, epochs, args, SIGNAL_HIDDEN, SIGNAL_LEARNING_RATE)
        columns[name] = model.decoder.weight.to("cpu").numpy()
    columns["PCA"] = PCA(x, x.shape[1]).components.T
    columns["examples"] = x[:SIGNAL_HIDDEN].T
    found = {name: nearest(atoms, D) for name, D in columns.items()}
    shares = {name: np.mean(cosines > FOUND) for name, (_, cosines) in found.items()}
    for name in SIGNAL_REGULARISERS:
        baselines = {"PCA": shares["PCA"], "examples": shares["examples"], "median_cos": np.median(found[name][1])}
        results.add(f"signals: share of atoms found, {name}", shares[name], **baselines)
    shown = slice(8)
    rows = {"planted": list(atoms[shown])} | {name: list(found[name][0][shown]) for name in ("L1", "L2", "PCA")}
    titles = {name: [f"cos {c:.2f}" for c in found[name][1][shown]] for name in rows if name != "planted"}
    figures.waves(rows, titles | {"planted": ["note", "chirp"] * 4}, args.out / "atoms.png")


def nearest(atoms: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find for each atom (k, length) the column of (length, m) of largest |cos|: these, like it in sign, and |cos|."""
    directions = columns / np.linalg.norm(columns, axis=0)
    cosines = atoms @ directions  # (k, m)
    best = np.abs(cosines).argmax(axis=1)
    cosine = cosines[np.arange(len(atoms)), best]
    return directions.T[best] * np.sign(cosine)[:, None], np.abs(cosine)
