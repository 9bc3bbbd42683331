"""Deforming autoencoder of faces: what they look like apart from how they turn and move, learned from images alone.

Trains on procedural faces in one light before one backdrop and asks of unseen people how well the landmarks, which
training never sees, come together in the template, and how well the warp tells where they are. Autoencoders with a code
as short as the texture's, and as long as both codes, stand beside it.
Real faces: --data olivetti, or --data FOLDER for images of your own; without landmarks these are not asked for.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demos import figures
from demos.data import faces, load
from demos.evaluation.images import mse
from demos.evaluation.landmarks import extent, mean_error, regress, spread
from demos.evaluation.linear import PCA
from demos.evaluation.warp import align, from_edges, grid_lines, look, warp_points
from demos.results import Results
from demos.training import apply, batches, train
from minigrad import Tensor, nn, no_grad, optim
from models.autoencoder import ConvAutoencoder, reconstruction_loss
from models.deforming import Codes, Deformed, deforming_loss
from models.deforming_faces import FaceAutoencoder

DATASETS = ["faces", "olivetti", "FOLDER"]
EPOCHS = 14
TRAIN, TEST = 3000, 500
SIZE = 64
WIDTH = 16
TEXTURE_CODE, WARP_CODE = 8, 64
LOSS = {"distance": "absolute", "smooth": 0.3, "drift": 0.1}
BATCH = 16
LEARNING_RATE = 2e-3
BACKDROP = 0.6  # grey behind all faces
LIGHT = {"azimuth": 0.0, "elevation": 0.3, "ambient": 0.6}
PAINT = ("skin_tone", "skin_warmth", "hair_tone", "hair_warmth", "eye_colour", "lip_colour", "clothes")
COARSE = 4  # the landmarks are read off every fourth place of a warp
SHOWN = 9  # images in a row, and steps of an interpolation
PAIRS = 3


class Task(NamedTuple):
    """Images x (N, C, 64, 64) to train on and y (M, C, 64, 64) unseen; landmarks (N, K, 2) and (M, K, 2), if known.

    Landmarks are places as in models/warp.py: -1 and 1 are the centres of the outer pixels. alike: what y shows with
    the same paint on all faces (M, C, 64, 64), if known.
    """

    x: np.ndarray
    y: np.ndarray
    x_points: np.ndarray | None = None
    y_points: np.ndarray | None = None
    alike: np.ndarray | None = None


def main(args) -> None:
    task = choose(args)
    epochs = args.epochs if args.epochs is not None else 1 if args.quick else EPOCHS
    settings = {"data": args.data, "seed": args.seed, "epochs": epochs, "images": len(task.x)}
    results = Results("deforming_faces", **settings)
    print(f"{args.data}: {len(task.x)} train, {len(task.y)} test images")
    rng, channels = np.random.default_rng(args.seed), task.x.shape[1]
    model = FaceAutoencoder(SIZE, channels, WIDTH, TEXTURE_CODE, WARP_CODE, rng=rng).to(args.device)
    muon = optim.Muon(model.parameters(), LEARNING_RATE)
    loss = fit("deforming", model, lambda x: deforming_loss(model, x, **LOSS), task.x, muon, settings, args)
    baselines = {}
    for name, code in (("same texture code", TEXTURE_CODE), ("same total code", TEXTURE_CODE + WARP_CODE)):
        baselines[name.replace(" ", "_")] = baseline(name, code, task, settings, args)
    figures.curves({"deforming": loss}, args.out / "loss.png", "epoch", "training loss")
    made, codes = see(model, task.y, args.device)
    results.add("test MSE", mse(made.output, task.y), **baselines)
    judge_alignment(made, task, results, args)
    if task.alike is not None:
        aligned = align(task.alike, see(model, task.alike, args.device)[0].warp)
        name = "variance of a pixel, aligned images, one paint"
        results.add(name, aligned.var(axis=0).mean(), images=task.alike.var(axis=0).mean())
    if task.y_points is not None:
        judge_landmarks(see(model, task.x, args.device)[0].warp, made.warp, task, results, args)
    draw_parts(made, task.y[:SHOWN], args)
    draw_between(model, codes, task.y, args)
    results.save(args.out)


def choose(args) -> Task:
    """Draw or read the images; a quick run takes few."""
    n, m = (128, 64) if args.quick else (TRAIN, TEST)
    if args.data != "faces":
        data = load(args.data, seed=args.seed, train=n, test=m)
        return Task(data.train_images, data.test_images)
    drawn = [studio(*part, args.seed, **LIGHT) for part in ((n, "train"), (m, "test"))]
    parameters = drawn[1].scene.parameters.copy()
    for name in PAINT:
        parameters[:, faces.PARAMETERS.index(name)] = np.mean(faces.RANGES[name])
    alike = faces.render(drawn[1].scene._replace(parameters=parameters), SIZE).images
    return Task(*(part.images for part in drawn), *(from_edges(part.landmarks, SIZE) for part in drawn), alike)


def studio(n: int, split: str, seed: int, **light: float) -> faces.Faces:
    """Draw n faces before one grey backdrop, and under one light if its azimuth, elevation and ambient are given."""
    identity, scene = faces.draw(n, split=split, seed=seed)
    same = {name: np.full(n, value) for name, value in light.items()}
    scene = scene._replace(background=np.full((n, 2, 3), BACKDROP), **same)
    parts = [faces.render(faces.take(scene, index), SIZE) for index in batches(n, 500)]
    return faces.Faces(*(np.concatenate(field) for field in zip(*parts)), identity, scene)


def fit(name: str, model: nn.Module, loss, x: np.ndarray, optimizer, settings: dict, args) -> list[float]:
    """Train a network on images x (N, C, S, S), from the optimizer's learning rate to 0 -> loss by epoch."""
    epochs = settings["epochs"]
    return train(
        model,
        loss,
        (x,),
        optimizer,
        epochs=epochs,
        rng=np.random.default_rng(args.seed),
        batch_size=BATCH,
        path=args.out / f"training-{name.replace(' ', '-')}.safetensors",
        resume=args.resume,
        settings=settings,
        label=name,
        device=args.device,
    )


def baseline(name: str, code: int, task: Task, settings: dict, args) -> float:
    """Train an autoencoder with a code of so many numbers -> MSE of the unseen images."""
    rng = np.random.default_rng([args.seed, code])
    model = ConvAutoencoder(code, image_shape=task.x.shape[1:], rng=rng).to(args.device)
    muon = optim.Muon(model.parameters(), LEARNING_RATE)
    fit(name, model, lambda x: reconstruction_loss(model, x), task.x, muon, settings, args)
    return mse(apply(model, task.y, device=args.device), task.y)


def see(model: nn.Module, y: np.ndarray, device: str) -> tuple:
    """Run a network on images y -> what it makes of them and their codes, the model's own tuples, but of arrays."""
    parts = []
    with no_grad():
        for index in batches(len(y), 250):
            codes = model.encode(Tensor.wrap(y[index]).to(device))
            parts.append((model.decode(codes), codes))
    return tuple(
        type(group[0])(*(np.concatenate([t.to("cpu").numpy() for t in field]) for field in zip(*group)))
        for group in zip(*parts)
    )


def judge_alignment(made: Deformed, task: Task, results: Results, args) -> None:
    """Measure how alike images are once brought into the template's frame, and that no warp folds it."""
    aligned = align(task.y, made.warp)
    results.add("variance of a pixel, aligned images", aligned.var(axis=0).mean(), images=task.y.var(axis=0).mean())
    steps = min(np.diff(made.warp[..., 0], axis=2).min(), np.diff(made.warp[..., 1], axis=1).min())
    results.add("smallest increment of a warp", steps)
    means = {"mean image": task.y, "mean aligned image": aligned, "mean texture": made.texture}
    panels = {title: images.mean(axis=0)[None, None] for title, images in means.items()}
    figures.mosaics(panels, args.out / "means.png", 2.4)


def judge_landmarks(x_warp: np.ndarray, y_warp: np.ndarray, task: Task, results: Results, args) -> None:
    """Measure how near each other the landmarks come in the template, and where the warps say that they are."""
    places = warp_points(y_warp, task.y_points)
    results.add("spread of landmarks, template", spread(places), images=spread(task.y_points))
    shares = [spread(points) / extent(points) for points in (places, task.y_points)]
    results.add("spread / size of the mean shape, template", shares[0], images=shares[1])
    pca = PCA(task.x, TEXTURE_CODE + WARP_CODE)
    linear = regress(pca.encode(task.x), task.x_points, pca.encode(task.y))
    found = regress(x_warp[:, ::COARSE, ::COARSE], task.x_points, y_warp[:, ::COARSE, ::COARSE])
    lines = {"mean_landmark": mean_error(task.x_points.mean(axis=0), task.y_points)}
    lines["ridge_from_PCA"] = mean_error(linear, task.y_points)
    results.add("error of landmarks, ridge from W", mean_error(found, task.y_points), **lines)
    shown = slice(0, SHOWN)
    panels = {
        "true": (task.y[shown], task.y_points[shown]),
        "from W": (task.y[shown], found[shown]),
        "in the template": (align(task.y[shown], y_warp[shown]), places[shown]),
    }
    figures.marked_rows(panels, args.out / "landmarks.png")


def draw_parts(made: Deformed, y: np.ndarray, args) -> None:
    """Draw input, reconstruction, texture, the texture under the mean deformation, and the deformation as a grid."""
    n = len(y)
    rows = {
        "input": y,
        "reconstruction": made.output[:n],
        "texture": made.texture[:n],
        "texture, mean deformation": look(
            made.texture[:n], np.broadcast_to(made.warp.mean(axis=0), made.warp[:n].shape)
        ),
        "deformation": grid_lines(made.warp[:n]),
        "input, aligned": align(y, made.warp[:n]),
    }
    figures.image_rows(rows, args.out / "parts.png", 0.87)


def draw_between(model: FaceAutoencoder, codes: Codes, y: np.ndarray, args) -> None:
    """Draw walks from one unseen face to another by shape, the warp's code, and by appearance, the texture's."""
    rows = {}
    for pair in range(PAIRS):
        a, b = 2 * pair, 2 * pair + 1
        ends = [(part[a], part[b]) for part in codes]
        for name, moving in (("shape", (1,)), ("appearance", (0,))):
            mixed = [
                np.linspace(u, v if i in moving else u, SHOWN - 2, dtype=np.float32) for i, (u, v) in enumerate(ends)
            ]
            with no_grad():
                made = model.decode(Codes(*(Tensor.wrap(part).to(args.device) for part in mixed)))
            rows[f"{pair + 1}: {name}"] = np.concatenate([y[[a]], made.output.to("cpu").numpy(), y[[b]]])
    figures.image_rows(rows, args.out / "interpolation.png", 0.87)
