"""Convolutional VAE: faces drawn from noise, changed by attribute and blended, from a code of 64 numbers.

Trains 32-64-128-256 channels at half width on procedural faces whose expression, pose, light and colours are known;
asks how much of these a linear map reads off the codes of unseen people, and holds samples against those of PCA.
Real faces as well: --data olivetti (30 people to train on, 10 others to reconstruct). Real faces alone: --data FOLDER,
CelebA's or yours; with CelebA's list_attr_celeba.txt in it, its attributes are the ones probed and moved.
"""

from __future__ import annotations

import numpy as np
from sklearn.mixture import GaussianMixture

import minigrad as mg
from demos import figures
from demos.data.augment import bend
from demos.data.known import KnownFaces, known_faces
from demos.evaluation.frechet import FEATURES, Classifier, frechet_distance
from demos.evaluation.images import mse
from demos.evaluation.likelihood import posterior
from demos.evaluation.linear import PCA, ridge_r2
from demos.results import Results
from demos.training import apply, train
from minigrad import Tensor, nn, no_grad, optim
from models.conv_vae import ConvVAE
from models.vae import negative_elbo

DATASETS = ["faces", "olivetti", "FOLDER"]
EPOCHS = 30
JUDGE_EPOCHS = 6
IMAGES = {"train": 4200, "test": 1400}  # procedural faces
QUICK = {"train": 256, "test": 128, "limit": 384}
CODE = 64
MIXTURE = 5  # Gaussians fitted to the codes
WIDTH = 16
SIGMA = 0.15  # of a pixel, to start from: it is learned
BATCH = 16
LEARNING_RATE = 4e-3
REPEAT = 2  # times that an epoch sees a photograph, bent and lit otherwise each time
BEND = {"affine": 0.15, "shift": 0.08, "elastic": 0.06, "mirror": True}
GAMMA = 0.3  # largest logarithm of the power that lights a photograph
ROWS = 8  # traversed attributes
STEPS = np.linspace(-2, 2, 9)  # of a traversal, in standard deviations of the attribute
BLEND = np.linspace(0, 1, 10)  # of an interpolation
SHOWN = 10  # images in a row
SIDE = 8  # of a grid of samples


def main(args) -> None:
    task = known_faces(args.data, **(QUICK if args.quick else IMAGES), seed=args.seed)
    epochs = args.epochs if args.epochs is not None else 2 if args.quick else EPOCHS
    settings = {"data": args.data, "seed": args.seed, "epochs": epochs, "images": len(task.x)}
    results = Results("faces", **settings, photographs=len(task.photos), unseen=len(task.y))
    print(f"{args.data}: {len(task.x)} train, {len(task.y)} test images, {len(task.photos)} photographs")
    model, history = fit(task, epochs, settings, args)
    spread = np.exp(np.array(history) / task.x[0].size) / np.sqrt(2 * np.pi * np.e)  # of normal pixels of that entropy
    figures.curves({"-ELBO as a pixel's spread": spread}, args.out / "loss.png", "epoch", "exp(loss / pixels), scaled")
    pca = PCA(everything(task)[0], CODE)
    reconstruct(model, pca, task, results, args)
    codes = [posterior(model, images, args.device)[0] for images in (task.x, task.y)]
    scores = probe(codes, pca, task, results)
    draw_samples(model, pca, task, settings, results, args)
    figures.image_rows(traverse(model, codes, task, scores, args), args.out / "traversals.png", 0.85)
    figures.image_rows(interpolate(model, codes[1], args), args.out / "interpolations.png", 0.85)
    results.save(args.out)


def everything(task: KnownFaces) -> tuple[np.ndarray, np.ndarray]:
    """All images to train on, and all unseen ones, photographs REPEAT times in both."""
    parts = (task.x, task.photos), (task.y, task.unseen_photos)
    return tuple(np.concatenate([images, np.repeat(photos, REPEAT, axis=0)]) for images, photos in parts)


def fit(task: KnownFaces, epochs: int, settings: dict, args) -> tuple[ConvVAE, list[float]]:
    """Train the network on all that may be trained on; return it and its loss by epoch."""
    rng = np.random.default_rng(args.seed)
    x, _ = everything(task)
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


def reconstruct(model: ConvVAE, pca: PCA, task: KnownFaces, results: Results, args) -> None:
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


def probe(codes: list[np.ndarray], pca: PCA, task: KnownFaces, results: Results) -> np.ndarray:
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


def draw_samples(model: ConvVAE, pca: PCA, task: KnownFaces, settings: dict, results: Results, args) -> None:
    """Decode noise: N(0, I), a mixture fitted to the codes, a Gaussian to those of PCA; hold all against faces.

    Codes of all images together are not N(0, I), and their own density draws better: Ghosh et al., arXiv 1903.12436.
    """
    seen, unseen = everything(task)
    rng = np.random.default_rng(args.seed)
    n, codes = len(unseen), posterior(model, seen, args.device)[0].astype(np.float64)
    linear_codes = pca.encode(seen)
    spread = linear_codes.std(axis=0)
    board = {
        "unseen faces": unseen,
        "samples, N(0, I)": _decode(model, rng.standard_normal((n, CODE)), args),
        "samples, codes' mixture": _decode(model, _mixture(codes, n, args.seed), args),
        "samples of PCA": pca.decode(spread * rng.standard_normal((n, len(spread)))).clip(0, 1).astype(np.float32),
    }
    if task.names:
        judge = fit_judge(task, settings, args)
        real, *features = (apply(judge.features, images, device=args.device) for images in (*board.values(), seen))
        unit, matched, linear, floor = (frechet_distance(real, other) for other in features)
        mixed = pca.decode(_mixture(linear_codes, n, args.seed)).clip(0, 1).astype(np.float32)
        mixed = frechet_distance(real, apply(judge.features, mixed, device=args.device))
        baselines = {"PCA": linear, "PCA_mixture": mixed, "training_images": floor}
        results.add("Frechet distance, samples of N(0, I)", unit, **baselines)
        results.add("Frechet distance, of codes' mixture", matched, **baselines)
    order = np.resize(rng.permutation(n), SIDE**2)  # again from the start where there are fewer
    board = {title: images[order].reshape(-1, SIDE, *images.shape[1:]) for title, images in board.items()}
    figures.mosaics(board, args.out / "samples.png", 4)


def _mixture(codes: np.ndarray, n: int, seed: int) -> np.ndarray:
    """Fit a mixture of Gaussians to codes (N, k) and draw from it, (n, k)."""
    fitted = GaussianMixture(MIXTURE, reg_covar=1e-3, max_iter=300, random_state=seed).fit(codes)
    return fitted.sample(n)[0]


def _decode(model: ConvVAE, codes: np.ndarray, args) -> np.ndarray:
    return apply(model.decode, codes.astype(np.float32), device=args.device)


def fit_judge(task: KnownFaces, settings: dict, args) -> Classifier:
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


def traverse(
    model: ConvVAE, codes: list[np.ndarray], task: KnownFaces, scores: np.ndarray, args
) -> dict[str, np.ndarray]:
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
