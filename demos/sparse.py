"""Overcomplete autoencoders: 1,024 units for 784 pixels, and what keeps them from merely copying.

Trains the same network without a penalty and under L1, L2, noise on the input and dropout of the code. Measures how
well it reconstructs digits, how many of its units are active, and whether it copies pure noise, in which there is
nothing to learn. Then it looks for known notes and chirps in signals that are mixtures of a few of them.
Olshausen & Field 1996.
On real digits: python -m demos sparse --data mnist
"""

from __future__ import annotations

from functools import partial

import numpy as np

from demos import figures
from demos.data import load
from demos.data.atoms import signals
from demos.evaluation.linear import PCA
from demos.run import Run
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
    "dropout": {"dropout": 0.8},  # equals L2 with weight .8 / (1 - .8) = 4
}
NOISE_IMAGES = 4000

SIGNAL_HIDDEN = 192  # twice as many as there are atoms
SIGNAL_LEARNING_RATE = 5e-3
SIGNAL_REGULARISERS = {"L1": {"penalty": "L1", "weight": 0.5}, "L2": {"penalty": "L2", "weight": 0.5}, "none": {}}
FOUND = 0.9  # an atom counts as found if the |cos| between it and some column is larger

SILENT = 1e-3  # a unit is silent where |h| is below this share of the largest |h|
SHOWN = 14  # images in a row


def main(args) -> None:
    train, test = (512, 256) if args.quick else (8000, 2000)
    data = load(args.data, seed=args.seed, train=train, test=test)
    x, y = data.train_images[:train], data.test_images[:test]
    run = Run("sparse", args, epochs=EPOCHS, images=len(x))
    print(f"{args.data}: {len(x)} train, {len(y)} test images; {HIDDEN} units")
    study_digits(x, y, run)
    study_noise(min(len(x), NOISE_IMAGES), run)
    study_signals(len(x), run)
    run.save()


def fit(
    what: str, x: np.ndarray, options: dict, run: Run, hidden: int = HIDDEN, lr: float = LEARNING_RATE
) -> SparseAutoencoder:
    """Train on x (N, ..) under one regulariser, options as in REGULARISERS; `what` names the training."""
    rng = run.rng()
    options = dict(options)
    noise = options.pop("noise", None)
    model = SparseAutoencoder(hidden, shape=x.shape[1:], rng=rng, **options).to(run.device)
    model.load_state_dict(model.state_dict() | {"decoder.bias": x.mean(axis=0).reshape(-1)})

    def loss(batch: Tensor) -> Tensor:
        model.project()  # the last step has changed the lengths of the columns
        return denoising_loss(model, batch, noise, rng) if noise else sparse_loss(model, batch)

    run.fit(
        model,
        loss,
        (x,),
        optim.Adam(model.parameters(), lr),
        rng,
        state=f"training-{what.replace(', ', '-')}",
        label=what,
        batch_size=BATCH,
    )
    model.project()
    return model


def study_digits(x: np.ndarray, y: np.ndarray, run: Run) -> None:
    """Train on digits under each regulariser: errors, shares of silent units, filters, histograms of codes."""
    baselines = {
        "PCA_32": np.mean((PCA(x, 32).reconstruct(y) - y) ** 2),
        "mean_image": np.mean((x.mean(axis=0) - y) ** 2),
    }
    rows, filters, codes = {"input": y[:SHOWN]}, {}, {}
    for name, options in REGULARISERS.items():
        model = fit(f"digits, {name}", x, options, run)
        output, h = run.apply(model, y), run.apply(model.encode, y)
        rows[name], codes[name] = output[:SHOWN], h / np.abs(h).max()
        run.results.add(f"test MSE, {name}", np.mean((output - y) ** 2), **baselines)
        # units that are silent for one image, and units that are silent for all
        size = np.abs(h) / np.abs(h).max()
        never = np.mean(size.max(axis=0) < SILENT)
        run.results.add(f"share of |h| silent, {name}", np.mean(size < SILENT), units_always_silent=never)
        # filters of the more active half of the units, from the most active one downwards
        busier = np.argsort(-np.abs(h).mean(axis=0))[: HIDDEN // 2]
        columns = model.decoder.weight.to("cpu").numpy().T[busier[:: len(busier) // (SHOWN - 1)]]
        filters[name] = figures.signed(columns.reshape(-1, *x.shape[1:]))
    figures.image_rows(rows, run.out / "reconstructions.png")
    figures.image_rows(filters, run.out / "filters.png")
    figures.histograms(codes, run.out / "codes.png", "h / largest |h|")


def study_noise(n: int, run: Run) -> None:
    """Train on images of independent uniform pixels. A network that reconstructs new ones has learned to copy.

    Training on digits would not show it: pixels that are black in all of them never teach a network to copy.
    """
    rng = run.rng(n)
    x, y = (rng.random((m, 1, 28, 28), np.float32) for m in (n, 1000))
    print(f"uniform noise: {n} train images")
    linear = np.mean((PCA(x, 32).reconstruct(y) - y) ** 2) / y.var()
    rows = {"input": y[: SHOWN // 2]}
    for name, options in REGULARISERS.items():
        model = fit(f"noise, {name}", x, options, run)
        output = run.apply(model, y)
        run.results.add(f"noise: test MSE / variance, {name}", np.mean((output - y) ** 2) / y.var(), PCA_32=linear)
        rows[name] = output[: SHOWN // 2]
    figures.image_rows(rows, run.out / "noise.png", size=1.2)


def study_signals(n: int, run: Run) -> None:
    """Train on mixtures of notes and chirps, and look for these among the columns of the decoder."""
    drawn = signals(n, seed=run.seed)
    x, atoms = drawn.signals, drawn.atoms
    print(f"signals: {n} of {np.count_nonzero(drawn.coefficients[0])} out of {len(atoms)} atoms")
    # where an atom may be found: in the decoders, among PCA's components, among the signals themselves
    columns = {}
    for name, options in SIGNAL_REGULARISERS.items():
        model = fit(f"signals, {name}", x, options, run, SIGNAL_HIDDEN, SIGNAL_LEARNING_RATE)
        columns[name] = model.decoder.weight.to("cpu").numpy()
    columns["PCA"] = PCA(x, x.shape[1]).components.T
    columns["examples"] = x[:SIGNAL_HIDDEN].T
    found = {name: nearest(atoms, D) for name, D in columns.items()}
    shares = {name: np.mean(cosines > FOUND) for name, (_, cosines) in found.items()}
    for name in SIGNAL_REGULARISERS:
        baselines = {"PCA": shares["PCA"], "examples": shares["examples"], "median_cos": np.median(found[name][1])}
        run.results.add(f"signals: share of atoms found, {name}", shares[name], **baselines)
    # some atoms, and the columns that are nearest to them
    shown = slice(8)
    rows, titles = {"planted": list(atoms[shown])}, {"planted": ["note", "chirp"] * 4}
    for name in ("L1", "L2", "PCA"):
        columns_found, cosines = found[name]
        rows[name] = list(columns_found[shown])
        titles[name] = [f"cos {c:.2f}" for c in cosines[shown]]
    figures.waves(rows, titles, run.out / "atoms.png")


def nearest(atoms: np.ndarray, columns: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Find for each atom (k, length) the column of (length, m) of largest |cos| -> these columns, and the |cos|.

    A column is turned round where it points away from its atom.
    """
    directions = columns / np.linalg.norm(columns, axis=0)
    cosines = atoms @ directions  # (k, m)
    best = np.abs(cosines).argmax(axis=1)
    cosine = cosines[np.arange(len(atoms)), best]
    return directions.T[best] * np.sign(cosine)[:, None], np.abs(cosine)
