"""Convolutional VAE: faces drawn from noise, changed by attribute and blended, from a code of 64 numbers.

Trains 32-64-128-256 channels at half width on procedural faces whose expression, pose, light and colours are known;
asks how much of these a linear map reads off the codes of unseen people, and holds samples against those of PCA.
Real faces as well: --data olivetti (30 people to train on, 10 others to reconstruct). Real faces alone: --data FOLDER,
CelebA's or yours; with CelebA's list_attr_celeba.txt in it, its attributes are the ones probed and moved.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

import minigrad as mg
from demos import figures
from demos.data import faces, folder, load
from demos.data.augment import bend
from demos.evaluation.frechet import FEATURES, Classifier, frechet_distance
from demos.evaluation.images import mse
from demos.evaluation.likelihood import posterior
from demos.evaluation.linear import PCA, ridge_r2
from demos.results import Results
from demos.training import apply, train
from minigrad import Tensor, nn, no_grad, optim, schedules
from models.conv_vae import ConvVAE
from models.vae import negative_elbo

DATASETS = ["faces", "olivetti", "FOLDER"]
EPOCHS = 30
JUDGE_EPOCHS = 6
TRAIN, TEST = 4200, 1400  # procedural faces
CODE = 64
WIDTH = 16
SIGMA = 0.15  # of a pixel, to start from: it is learned
BATCH = 16
LEARNING_RATE = 4e-3
ATTRIBUTES = ("smile", "skin_tone", "hair_tone", "azimuth", "elevation", "yaw", "pitch")  # light: azimuth, elevation
RARE = 0.02  # share of the images from which on an attribute of a folder is worth a probe
REPEAT = 2  # times that an epoch sees a photograph, bent and lit otherwise each time
BEND = {"affine": 0.15, "shift": 0.08, "elastic": 0.06, "mirror": True}
GAMMA = 0.3  # largest logarithm of the power that lights a photograph
ROWS = 8  # traversed attributes
STEPS = np.linspace(-2, 2, 9)  # of a traversal, in standard deviations of the attribute
BLEND = np.linspace(0, 1, 10)  # of an interpolation
SHOWN = 10  # images in a row
SIDE = 8  # of a grid of samples


class Task(NamedTuple):
    """Images x (N, 3, S, S) to train on and y (M, 3, S, S) unseen; what is known of them, (N, a) and (M, a), by name.

    photos and unseen_photos (.., 3, S, S), maybe none: grey ones of which nothing is known, trained on as well.
    """

    x: np.ndarray
    x_known: np.ndarray
    y: np.ndarray
    y_known: np.ndarray
    names: tuple[str, ...]
    photos: np.ndarray
    unseen_photos: np.ndarray

    def everything(self) -> tuple[np.ndarray, np.ndarray]:
        """All images to train on, and all unseen ones, photographs REPEAT times in both."""
        parts = (self.x, self.photos), (self.y, self.unseen_photos)
        return tuple(np.concatenate([images, np.repeat(photos, REPEAT, axis=0)]) for images, photos in parts)


def main(args) -> None:
    task = choose(args)
    epochs = args.epochs if args.epochs is not None else 2 if args.quick else EPOCHS
    settings = {"data": args.data, "seed": args.seed, "epochs": epochs, "images": len(task.x)}
    results = Results("faces", **settings, photographs=len(task.photos), unseen=len(task.y))
    print(f"{args.data}: {len(task.x)} train, {len(task.y)} test images, {len(task.photos)} photographs")
    model, history = fit(task, epochs, settings, args)
    spread = np.exp(np.array(history) / task.x[0].size) / np.sqrt(2 * np.pi * np.e)  # of normal pixels of that entropy
    figures.curves({"-ELBO as a pixel's spread": spread}, args.out / "loss.png", "epoch", "exp(loss / pixels), scaled")
    pca = PCA(task.everything()[0], CODE)
    reconstruct(model, pca, task, results, args)
    codes = [posterior(model, images, args.device)[0] for images in (task.x, task.y)]
    scores = probe(codes, pca, task, results)
    draw_samples(model, pca, task, settings, results, args)
    figures.image_rows(traverse(model, codes, task, scores, args), args.out / "traversals.png", 0.85)
    figures.image_rows(interpolate(model, codes[1], args), args.out / "interpolations.png", 0.85)
    results.save(args.out)


def choose(args) -> Task:
    """Draw or read the images; a quick run takes few. ValueError if args.data is no data set and no folder."""
    train_size, test_size = (256, 128) if args.quick else (TRAIN, TEST)
    none = np.empty((0, 3, 64, 64), np.float32)
    if args.data not in ("faces", "olivetti"):
        return Task(*_folder(args, train_size + test_size if args.quick else folder.LIMIT), none, none)
    drawn = load("faces", seed=args.seed, train=train_size, test=test_size)
    known = [_known(n, split, args.seed) for n, split in ((train_size, "train"), (test_size, "test"))]
    photos = [none, none]
    if args.data == "olivetti":
        real = load("olivetti")
        photos = [np.repeat(images, 3, axis=1) for images in (real.train_images, real.test_images)]
    return Task(drawn.train_images, known[0], drawn.test_images, known[1], ATTRIBUTES, *photos)


def _known(n: int, split: str, seed: int) -> np.ndarray:
    """What was drawn: the ATTRIBUTES of the procedural faces that load draws -> (n, a)."""
    scene = faces.draw(n, split=split, seed=seed)[1]
    person = dict(zip(faces.PARAMETERS, scene.parameters.T, strict=True))
    return np.stack([(scene._asdict() | person)[name] for name in ATTRIBUTES], axis=1)


def _folder(args, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[str, ...]]:
    """Read a folder -> images, attributes of the training part, then of the unseen; names of those not RARE."""
    if not Path(args.data).is_dir():
        raise ValueError(f"--data is {args.data!r}; it must be 'faces', 'olivetti' or a folder of images")
    read = folder.folder(args.data, limit=limit, seed=args.seed)
    parts = folder.split(len(read.images), seed=args.seed)
    share = (read.attributes[parts[0]] > 0).mean(axis=0)
    often = np.flatnonzero((share >= RARE) & (share <= 1 - RARE))
    halves = [array for part in parts for array in (read.images[part], read.attributes[part][:, often])]
    return *halves, tuple(read.attribute_names[i] for i in often)


def fit(task: Task, epochs: int, settings: dict, args) -> tuple[ConvVAE, list[float]]:
    """Train the network on all that may be trained on; return it and its loss by epoch."""
    rng = np.random.default_rng(args.seed)
    x, _ = task.everything()
    photo = np.arange(len(x)) >= len(task.x)
    options = {"image_shape": x.shape[1:], "width": WIDTH, "sigma": SIGMA, "learn_sigma": True, "mean": x.mean(axis=0)}
    model = ConvVAE(CODE, **options, rng=rng).to(args.device)
    history = train(
        model,
        lambda batch, photo: negative_elbo(model, vary(batch, photo, rng)),
        (x, photo),
        optim.Muon(model.parameters(), LEARNING_RATE),
        epochs=epochs,
        rng=rng,
        batch_size=BATCH,
        schedule=schedules.cosine(LEARNING_RATE, max(1, epochs * -(-len(x) // BATCH))),
        path=args.out / "training.safetensors",
        resume=args.resume,
        settings=settings,
        label="convolutional VAE",
        device=args.device,
    )
    return model, history


def vary(x: Tensor, photo: Tensor, rng: np.random.Generator) -> Tensor:
    """Bend, mirror and light anew the photographs among x (N, 3, S, S), photo (N,) bool; they come last."""
    photo = photo.to("cpu").numpy()
    if not photo.any():
        return x
    bent = bend(x[np.flatnonzero(photo)], rng, **BEND)
    power = np.exp(rng.uniform(-GAMMA, GAMMA, (len(bent), 1, 1, 1))).astype(np.float32)
    with no_grad():
        lit = mg.clip(bent, 1e-6, 1) ** Tensor(power).to(x.device)
        return mg.concatenate([x[np.flatnonzero(~photo)], lit])


def reconstruct(model: ConvVAE, pca: PCA, task: Task, results: Results, args) -> None:
    """Measure and draw what is left of unseen faces after the mean of their code."""

    def again(images: np.ndarray) -> np.ndarray:
        return apply(lambda x: model.decode(model.encode(x)[0]), images, device=args.device)

    rebuilt, linear = again(task.y), pca.reconstruct(task.y)
    results.add("sigma of a pixel, learned", float(np.exp(model.log_sigma.item())))
    results.add("MSE, unseen people", mse(rebuilt, task.y), **{f"PCA_{CODE}": mse(linear, task.y)})
    rows = {"unseen people": task.y, f"PCA, k = {CODE}": linear, "VAE": rebuilt}
    if len(task.unseen_photos):
        photos, truth = task.photos[:, :1], task.unseen_photos[:, :1]  # grey: three channels alike
        lines = {f"PCA_{k}": mse(PCA(photos, k).reconstruct(truth), truth) for k in (16, 32, CODE)}
        rebuilt = again(task.unseen_photos)
        results.add("MSE, unseen Olivetti subjects", mse(rebuilt, task.unseen_photos), **lines)
        one_each = slice(None, None, len(truth) // SHOWN)
        rows |= {"Olivetti, unseen": task.unseen_photos[one_each], "VAE ": rebuilt[one_each]}
    figures.image_rows(
        {label: images[:SHOWN] for label, images in rows.items()}, args.out / "reconstructions.png", 0.85
    )


def probe(codes: list[np.ndarray], pca: PCA, task: Task, results: Results) -> np.ndarray:
    """Measure how well a linear map reads each attribute off the codes of unseen people -> R^2 (a,)."""
    if not task.names:
        return np.empty(0)
    known = task.x_known.astype(np.float64), task.y_known.astype(np.float64)
    ours, linear = (
        ridge_r2(x, known[0], y, known[1]) for x, y in (codes, [pca.encode(images) for images in (task.x, task.y)])
    )
    for name, r2, baseline in zip(task.names, ours, linear, strict=True):
        results.add(f"R^2, {name}", r2, **{f"PCA_{CODE}": baseline})
    return ours


def draw_samples(model: ConvVAE, pca: PCA, task: Task, settings: dict, results: Results, args) -> None:
    """Decode noise: N(0, I), a Gaussian fitted to the codes, and one fitted to those of PCA; hold all against faces."""
    seen, unseen = task.everything()
    rng = np.random.default_rng(args.seed)
    n, codes = len(unseen), posterior(model, seen, args.device)[0].astype(np.float64)
    fitted = rng.multivariate_normal(codes.mean(axis=0), np.cov(codes.T), n)
    spread = pca.encode(seen).std(axis=0)
    board = {
        "unseen faces": unseen,
        "samples, N(0, I)": _decode(model, rng.standard_normal((n, CODE)), args),
        "samples, codes' Gaussian": _decode(model, fitted, args),
        "samples of PCA": pca.decode(spread * rng.standard_normal((n, len(spread)))).clip(0, 1).astype(np.float32),
    }
    if task.names:
        judge = fit_judge(task, settings, args)
        real, *features = (apply(judge.features, images, device=args.device) for images in (*board.values(), seen))
        unit, matched, linear, floor = (frechet_distance(real, other) for other in features)
        baselines = {"PCA": linear, "training_images": floor}
        results.add("Frechet distance, samples of N(0, I)", unit, **baselines)
        results.add("Frechet distance, of codes' Gaussian", matched, **baselines)
    order = np.resize(rng.permutation(n), SIDE**2)  # again from the start where there are fewer
    board = {title: images[order].reshape(-1, SIDE, *images.shape[1:]) for title, images in board.items()}
    figures.mosaics(board, args.out / "samples.png", 4)


def _decode(model: ConvVAE, codes: np.ndarray, args) -> np.ndarray:
    return apply(model.decode, codes.astype(np.float32), device=args.device)


def fit_judge(task: Task, settings: dict, args) -> Classifier:
    """Train a small network to read the attributes, standardised, off the images x; its features judge samples."""
    rng = np.random.default_rng(args.seed)
    judge = Classifier(task.x.shape[1:], rng=rng)
    judge.head = nn.Linear(FEATURES, len(task.names), rng=rng)
    known = ((task.x_known - task.x_known.mean(axis=0)) / task.x_known.std(axis=0)).astype(np.float32)
    epochs = 1 if args.quick else JUDGE_EPOCHS
    train(
        judge.to(args.device),
        lambda x, known: mg.mse_loss(judge(x), known),
        (task.x, known),
        optim.Adam(judge.parameters(), 1e-3),
        epochs=epochs,
        rng=rng,
        batch_size=64,
        path=args.out / "training-judge.safetensors",
        resume=args.resume,
        settings=settings | {"epochs": epochs},
        label="judge",
        device=args.device,
    )
    return judge


def traverse(model: ConvVAE, codes: list[np.ndarray], task: Task, scores: np.ndarray, args) -> dict[str, np.ndarray]:
    """Move an unseen face along the attributes that the code tells best, or without any along PCA of the codes."""
    if task.names:
        mean, spread = task.x_known.mean(axis=0), task.x_known.std(axis=0)
        moves, names = directions(codes[0], (task.x_known - mean) / spread), np.array(task.names)
        best = np.sort(np.argsort(-scores)[:ROWS])
        moves, names = moves[best], names[best]
        face = np.argmin(np.abs((task.y_known - mean) / spread).max(axis=1))  # the least unusual
    else:
        axes = PCA(codes[0], ROWS)
        moves = axes.components * axes.encode(codes[0]).std(axis=0)[:, None]
        names, face = [f"direction {i + 1}" for i in range(ROWS)], 0
    walks = codes[1][face] + STEPS[:, None] * moves[:, None]  # (rows, steps, k)
    images = _decode(model, walks.reshape(-1, CODE), args)
    return dict(zip(names, images.reshape(len(names), len(STEPS), *images.shape[1:]), strict=True))


def directions(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Least squares of codes (N, k) on standardised attributes (N, a): what one unit more adds to the code, (a, k).

    All at once, so that attributes which often come together do not pass for each other.
    """
    design = np.concatenate([known, np.ones((len(known), 1))], axis=1)
    return np.linalg.lstsq(design, codes, rcond=None)[0][:-1]


def interpolate(model: ConvVAE, codes: np.ndarray, args) -> dict[str, np.ndarray]:
    """Walk between pairs of unseen faces along lines of codes -> rows of images."""
    rows = {}
    for i in range(3):
        a, b = codes[2 * i % len(codes)], codes[(2 * i + 1) % len(codes)]
        line = a + BLEND[:, None] * (b - a)
        rows[f"pair {i + 1}"] = _decode(model, line, args)
    return rows
