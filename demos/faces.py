"""Convolutional VAE: faces drawn from noise, changed by attribute and blended, from a code of 64 numbers.

Trains 32-64-128-256 channels at half width on procedural faces whose expression, pose, light and colours are known.
Measures how well a linear map predicts these from the codes of unseen people. Noise becomes faces by way of a map to
where the codes are; such samples are compared with those without the map, and with those of PCA.
With real faces added: --data olivetti (30 people to train on, 10 others to reconstruct). Real faces alone: --data
FOLDER, CelebA's or yours; if CelebA's list_attr_celeba.txt is in it, its attributes are the ones probed and moved.
"""

from __future__ import annotations

import numpy as np

import minigrad as mg
from demos import figures
from demos.data.augment import bend
from demos.data.known import KnownFaces, known_faces
from demos.evaluation.images import mse
from demos.evaluation.likelihood import posterior
from demos.evaluation.linear import PCA, ridge_r2
from demos.face_samples import decode, draw_samples
from demos.run import Run
from minigrad import Tensor, no_grad, optim
from models.conv_vae import ConvVAE
from models.vae import negative_elbo

DATASETS = ["faces", "olivetti", "FOLDER"]
EPOCHS = 30
IMAGES = {"train": 4200, "test": 1400}  # procedural faces
QUICK = {"train": 256, "test": 128, "limit": 384}
CODE = 64
WIDTH = 16
SIGMA = 0.15  # of a pixel, at first: it is learned
BATCH = 16
LEARNING_RATE = 4e-3
REPEAT = 2  # times that an epoch sees a photograph, each time bent and lit differently
BEND = {"affine": 0.15, "shift": 0.08, "elastic": 0.06, "mirror": True}
GAMMA = 0.3  # a photograph's pixels are raised to a power between exp(-GAMMA) and exp(GAMMA)
ROWS = 8  # attributes that are traversed
STEPS = np.linspace(-2, 2, 9)  # of a traversal, in standard deviations of the attribute
BLEND = np.linspace(0, 1, 10)  # of an interpolation
SHOWN = 10  # images in a row


def main(args) -> None:
    task = known_faces(args.data, **(QUICK if args.quick else IMAGES), seed=args.seed)
    run = Run("faces", args, epochs=EPOCHS, images=len(task.x))
    run.results.note(photographs=len(task.photos), unseen=len(task.y))
    print(f"{args.data}: {len(task.x)} train, {len(task.y)} test images, {len(task.photos)} photographs")
    model, history = fit(task, run)
    # the spread of normal pixels whose entropy is the loss
    spread = np.exp(np.array(history) / task.x[0].size) / np.sqrt(2 * np.pi * np.e)
    figures.curves({"-ELBO as a pixel's spread": spread}, run.out / "loss.png", "epoch", "exp(loss / pixels), scaled")
    pca = PCA(everything(task)[0], CODE)
    reconstruct(model, pca, task, run)
    codes = [posterior(model, images, run.device)[0] for images in (task.x, task.y)]
    scores = probe(codes, pca, task, run)
    draw_samples(model, pca, task, *everything(task), run)
    names, moves, face = attributes(codes, task, scores)
    figures.image_rows(traverse(model, names, moves, face, run), run.out / "traversals.png", 0.85)
    figures.image_rows(interpolate(model, codes[1], run), run.out / "interpolations.png", 0.85)
    run.keep("vae", model.state_dict())
    run.keep("attributes", {"moves": moves, "codes": np.concatenate([face[None], codes[1][:SHOWN]])}, names=names)
    run.save()


def everything(task: KnownFaces) -> tuple[np.ndarray, np.ndarray]:
    """Return all images to train on, and all unseen ones, with photographs REPEAT times in both."""
    if not len(task.photos):
        return task.x, task.y
    seen = np.concatenate([task.x, np.repeat(task.photos, REPEAT, axis=0)])
    unseen = np.concatenate([task.y, np.repeat(task.unseen_photos, REPEAT, axis=0)])
    return seen, unseen


def fit(task: KnownFaces, run: Run) -> tuple[ConvVAE, list[float]]:
    """Train the network on everything that it may be trained on; return it and its loss by epoch."""
    rng = run.rng()
    some, _ = everything(task)
    x = some if task.whole is None else task.whole  # a large folder stays in its file
    photo = np.arange(len(x)) >= len(x) - REPEAT * len(task.photos)
    options = {"width": WIDTH, "sigma": SIGMA, "learn_sigma": True, "mean": some.mean(axis=0)}
    model = ConvVAE(CODE, image_shape=x.shape[1:], **options, rng=rng).to(run.device)
    history = run.fit(
        model,
        lambda batch, photo: negative_elbo(model, vary(batch, photo, rng)),
        (x, photo),
        optim.Muon(model.parameters(), LEARNING_RATE),
        rng,
        state="training",
        label="convolutional VAE",
        batch_size=BATCH,
    )
    return model, history


def vary(x: Tensor, photo: Tensor, rng: np.random.Generator) -> Tensor:
    """Bend, mirror and relight the photographs among x (N, 3, S, S), photo (N,) bool; they come last."""
    photo = photo.to("cpu").numpy()
    if not photo.any():
        return x
    bent = bend(x[np.flatnonzero(photo)], rng, **BEND)
    power = np.exp(rng.uniform(-GAMMA, GAMMA, (len(bent), 1, 1, 1))).astype(np.float32)
    with no_grad():
        lit = mg.clip(bent, 1e-6, 1) ** Tensor(power).to(x.device)
        return mg.concatenate([x[np.flatnonzero(~photo)], lit])


def reconstruct(model: ConvVAE, pca: PCA, task: KnownFaces, run: Run) -> None:
    """Decode the means of the codes of unseen faces; measure and draw these reconstructions."""

    def again(images: np.ndarray) -> np.ndarray:
        return run.apply(lambda x: model.decode(model.encode(x)[0]), images)

    rebuilt, linear = again(task.y), pca.reconstruct(task.y)
    run.results.add("sigma of a pixel, learned", float(np.exp(model.log_sigma.item())))
    run.results.add("MSE, unseen people", mse(rebuilt, task.y), **{f"PCA_{CODE}": mse(linear, task.y)})
    rows = {"unseen people": task.y, f"PCA, k = {CODE}": linear, "VAE": rebuilt}
    if len(task.unseen_photos):
        photos, truth = task.photos[:, :1], task.unseen_photos[:, :1]  # grey: the three channels are equal
        baselines = {f"PCA_{k}": mse(PCA(photos, k).reconstruct(truth), truth) for k in (16, 32, CODE)}
        rebuilt = again(task.unseen_photos)
        run.results.add("MSE, unseen Olivetti subjects", mse(rebuilt, task.unseen_photos), **baselines)
        one_each = slice(None, None, len(truth) // SHOWN)
        rows |= {"Olivetti, unseen": task.unseen_photos[one_each], "VAE ": rebuilt[one_each]}
    rows = {label: images[:SHOWN] for label, images in rows.items()}
    figures.image_rows(rows, run.out / "reconstructions.png", 0.85)


def probe(codes: list[np.ndarray], pca: PCA, task: KnownFaces, run: Run) -> np.ndarray:
    """Measure how well a linear map predicts each attribute from the codes of unseen people -> R^2 (a,)."""
    if not task.names:
        return np.empty(0)
    x_known, y_known = task.x_known.astype(np.float64), task.y_known.astype(np.float64)
    ours = ridge_r2(codes[0], x_known, codes[1], y_known)
    linear = ridge_r2(pca.encode(task.x), x_known, pca.encode(task.y), y_known)
    for name, r2, baseline in zip(task.names, ours, linear, strict=True):
        run.results.add(f"R^2, {name}", r2, **{f"PCA_{CODE}": baseline})
    return ours


# ---- walks -----------------------------------------------------------------------------------------------------------


def attributes(
    codes: list[np.ndarray], task: KnownFaces, scores: np.ndarray
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Find the attributes that the code predicts best, or else axes of PCA of the codes.

    -> their names; how the code changes by one standard deviation of each, (a, k); and an unseen face's code, (k,).
    """
    if not task.names:
        axes = PCA(codes[0], ROWS)
        moves = axes.components * axes.encode(codes[0]).std(axis=0)[:, None]
        return [f"direction {i + 1}" for i in range(ROWS)], moves, codes[1][0]
    mean, spread = task.x_known.mean(axis=0), task.x_known.std(axis=0)
    moves = directions(codes[0], (task.x_known - mean) / spread)
    best = np.sort(np.argsort(-scores)[:ROWS])
    face = np.argmin(np.abs((task.y_known - mean) / spread).max(axis=1))  # the least unusual one
    return [task.names[i] for i in best], moves[best], codes[1][face]


def traverse(model: ConvVAE, names: list[str], moves: np.ndarray, face: np.ndarray, run: Run) -> dict[str, np.ndarray]:
    """Move a face's code along each of the attributes -> rows of images."""
    walks = face + STEPS[:, None] * moves[:, None]  # (rows, steps, k)
    images = decode(model, walks.reshape(-1, CODE), run)
    return dict(zip(names, images.reshape(len(names), len(STEPS), *images.shape[1:]), strict=True))


def directions(codes: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Regress codes (N, k) on standardised attributes (N, a) -> the change of the code per unit of each, (a, k).

    All attributes at once, so that those which often occur together are not mistaken for each other.
    """
    design = np.concatenate([known, np.ones((len(known), 1))], axis=1)
    return np.linalg.lstsq(design, codes, rcond=None)[0][:-1]


def interpolate(model: ConvVAE, codes: np.ndarray, run: Run) -> dict[str, np.ndarray]:
    """Walk between pairs of unseen faces along lines of codes -> rows of images."""
    rows = {}
    for i in range(3):
        a, b = codes[2 * i % len(codes)], codes[(2 * i + 1) % len(codes)]
        line = a + BLEND[:, None] * (b - a)
        rows[f"pair {i + 1}"] = decode(model, line, run)
    return rows
