"""Deforming autoencoder of faces: their appearance apart from how they turn and move, learned from images alone.

Trains on procedural faces in one light before one backdrop. For unseen people it measures how closely the landmarks,
which training never sees, come together in the template, and how well they can be located from the warp. Autoencoders
with a code as short as the texture's, and as long as both codes, are trained for comparison.
Hands instead, whose fingers spread, bend and hide each other: --data palms. Photographs: --data olivetti, or --data
FOLDER for images of your own; without landmarks these measures are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from demos import figures
from demos.data import faces, load, palms
from demos.data.studio import SIZE, studio
from demos.evaluation.images import gradient_energy, mse
from demos.evaluation.landmarks import extent, mean_error, regress, spread
from demos.evaluation.linear import PCA
from demos.evaluation.walks import walk
from demos.evaluation.warp import align, from_edges, grid_lines, look, warp_points
from demos.run import Run
from minigrad import Tensor, nn, optim
from models.autoencoder import ConvAutoencoder, reconstruction_loss
from models.deforming import Codes, Deformed, deforming_loss
from models.deforming_faces import FaceAutoencoder

DATASETS = ["faces", "palms", "olivetti", "FOLDER"]
EPOCHS = {"palms": 8, "other images": 14}
TRAIN, TEST = 3000, 500
WIDTH = 16
TEXTURE_CODE, WARP_CODE = 8, 64
LOSS = {"distance": "absolute", "smooth": 0.3, "drift": 0.1}
BATCH = 16
LEARNING_RATE = 2e-3
LIGHT = {"azimuth": 0.0, "elevation": 0.3, "ambient": 0.6}
PAINT = ("skin_tone", "skin_warmth", "hair_tone", "hair_warmth", "eye_colour", "lip_colour", "clothes")
COARSE = 4  # landmarks are predicted from every fourth place of a warp
SHOWN = 9  # images in a row, and steps of an interpolation
PAIRS = 3


class Task(NamedTuple):
    """Images x (N, C, 64, 64) to train on and y (M, C, 64, 64) unseen; landmarks (N, K, 2) and (M, K, 2), if known.

    Landmarks are places as in models/warp.py: -1 and 1 are the centres of the outer pixels. alike: the images y with
    the same colours on all faces (M, C, 64, 64), if known.
    """

    x: np.ndarray
    y: np.ndarray
    x_points: np.ndarray | None = None
    y_points: np.ndarray | None = None
    alike: np.ndarray | None = None


def main(args) -> None:
    task = choose(args)
    epochs = EPOCHS.get(args.data, EPOCHS["other images"])
    run = Run("deforming_faces", args, epochs=epochs, quick_epochs=1, images=len(task.x))
    print(f"{args.data}: {len(task.x)} train, {len(task.y)} test images")
    model = FaceAutoencoder(SIZE, task.x.shape[1], WIDTH, TEXTURE_CODE, WARP_CODE, rng=run.rng()).to(run.device)
    history = fit("deforming", model, lambda x: deforming_loss(model, x, **LOSS), task.x, run)
    figures.curves({"deforming": history}, run.out / "loss.png", "epoch", "training loss")
    baselines = {}
    for name, code in (("same texture code", TEXTURE_CODE), ("same total code", TEXTURE_CODE + WARP_CODE)):
        baselines[name.replace(" ", "_")] = baseline(name, code, task, run)
    made, codes = run.see(model, task.y)
    run.results.add("test MSE", mse(made.output, task.y), **baselines)
    judge_alignment(made, task, run)
    if task.alike is not None:
        aligned = align(task.alike, run.see(model, task.alike)[0].warp)
        name = "variance of a pixel, aligned images, one paint"
        run.results.add(name, aligned.var(axis=0).mean(), images=task.alike.var(axis=0).mean())
    if task.y_points is not None:
        judge_landmarks(run.see(model, task.x)[0].warp, made.warp, task, run)
    draw_slide(made, task.y, run)
    draw_parts(made, task.y[:SHOWN], run)
    draw_between(model, codes, task.y, run)
    # what the gallery combines
    parts = {"images": task.y, "textures": made.texture, "warps": made.warp}
    run.keep("parts", {name: part[:SHOWN] for name, part in parts.items()})
    run.save()


def choose(args) -> Task:
    """Draw or read the images; a quick run takes few."""
    n, m = (128, 64) if args.quick else (TRAIN, TEST)
    if args.data == "palms":
        x, y = (palms.palms(k, split=split, seed=args.seed) for k, split in ((n, "train"), (m, "test")))
        return Task(x.images, y.images, from_edges(x.landmarks, SIZE), from_edges(y.landmarks, SIZE))
    if args.data != "faces":
        data = load(args.data, seed=args.seed, train=n, test=m)
        return Task(data.train_images, data.test_images)
    x, y = studio(n, "train", args.seed, **LIGHT), studio(m, "test", args.seed, **LIGHT)
    # the unseen people again, all with the mean colours
    parameters = y.scene.parameters.copy()
    for name in PAINT:
        parameters[:, faces.PARAMETERS.index(name)] = np.mean(faces.RANGES[name])
    alike = faces.render(y.scene._replace(parameters=parameters), SIZE).images
    return Task(x.images, y.images, from_edges(x.landmarks, SIZE), from_edges(y.landmarks, SIZE), alike)


def fit(name: str, model: nn.Module, loss: Callable[[Tensor], Tensor], x: np.ndarray, run: Run) -> list[float]:
    """Train a network on images x (N, C, S, S) -> loss by epoch."""
    return run.fit(
        model,
        loss,
        (x,),
        optim.Muon(model.parameters(), LEARNING_RATE),
        run.rng(),
        state=f"training-{name.replace(' ', '-')}",
        label=name,
        batch_size=BATCH,
    )


def baseline(name: str, code: int, task: Task, run: Run) -> float:
    """Train an autoencoder with a code of so many numbers -> MSE of the unseen images."""
    model = ConvAutoencoder(code, image_shape=task.x.shape[1:], rng=run.rng(code)).to(run.device)
    fit(name, model, lambda x: reconstruction_loss(model, x), task.x, run)
    return mse(run.apply(model, task.y), task.y)


# ---- measures --------------------------------------------------------------------------------------------------------


def judge_alignment(made: Deformed, task: Task, run: Run) -> None:
    """Measure how alike images are once they are brought into the template's frame, and that no warp folds it."""
    aligned = align(task.y, made.warp)
    run.results.add("variance of a pixel, aligned images", aligned.var(axis=0).mean(), images=task.y.var(axis=0).mean())
    steps = min(np.diff(made.warp[..., 0], axis=2).min(), np.diff(made.warp[..., 1], axis=1).min())
    run.results.add("smallest increment of a warp", steps)
    means = {"mean image": task.y, "mean aligned image": aligned, "mean texture": made.texture}
    sharpness = {title: gradient_energy(images.mean(axis=0)) for title, images in means.items()}
    run.results.add("gradient energy, mean texture", sharpness["mean texture"], mean_image=sharpness["mean image"])
    panels = {title: images.mean(axis=0)[None, None] for title, images in means.items()}
    figures.mosaics(panels, run.out / "means.png", 2.4)


def judge_landmarks(x_warp: np.ndarray, y_warp: np.ndarray, task: Task, run: Run) -> None:
    """Measure how close to each other the landmarks come in the template, and how well the warps predict them."""
    places = warp_points(y_warp, task.y_points)
    run.results.add("spread of landmarks, template", spread(places), images=spread(task.y_points))
    shares = [spread(points) / extent(points) for points in (places, task.y_points)]
    run.results.add("spread / size of the mean shape, template", shares[0], images=shares[1])
    # landmarks predicted from the warp, and from a linear code of the same length
    found = regress(x_warp[:, ::COARSE, ::COARSE], task.x_points, y_warp[:, ::COARSE, ::COARSE])
    pca = PCA(task.x, TEXTURE_CODE + WARP_CODE)
    linear = regress(pca.encode(task.x), task.x_points, pca.encode(task.y))
    baselines = {
        "mean_landmark": mean_error(task.x_points.mean(axis=0), task.y_points),
        "ridge_from_PCA": mean_error(linear, task.y_points),
    }
    run.results.add("error of landmarks, ridge from W", mean_error(found, task.y_points), **baselines)
    shown = slice(0, SHOWN)
    panels = {
        "true": (task.y[shown], task.y_points[shown]),
        "from W": (task.y[shown], found[shown]),
        "in the template": (align(task.y[shown], y_warp[shown]), places[shown]),
    }
    figures.marked_rows(panels, run.out / "landmarks.png")


# ---- pictures --------------------------------------------------------------------------------------------------------


def draw_slide(made: Deformed, y: np.ndarray, run: Run) -> None:
    """Draw the lecture's rows: input, reconstruction, texture under the mean deformation, means of inputs, of textures.

    A mean is over more and more images from left to right: inputs blur, textures do not.
    """
    counts = np.unique(np.geomspace(1, len(y), SHOWN).round().astype(int))
    mean_warp = np.broadcast_to(made.warp.mean(axis=0), made.warp[:SHOWN].shape)
    of = f"of {', '.join(map(str, counts[:3]))} .. {counts[-1]}"
    rows = {
        "input": y[:SHOWN],
        "reconstruction": made.output[:SHOWN],
        "texture, mean deformation": look(made.texture[:SHOWN], mean_warp),
        f"mean {of} inputs": np.stack([y[:k].mean(axis=0) for k in counts]),
        f"mean {of} textures": np.stack([made.texture[:k].mean(axis=0) for k in counts]),
    }
    figures.image_rows(rows, run.out / "slide.png", 0.87)


def draw_parts(made: Deformed, y: np.ndarray, run: Run) -> None:
    """Draw input, reconstruction, texture, the texture under the mean deformation, and the deformation as a grid."""
    n = len(y)
    mean_warp = np.broadcast_to(made.warp.mean(axis=0), made.warp[:n].shape)
    rows = {
        "input": y,
        "reconstruction": made.output[:n],
        "texture": made.texture[:n],
        "texture, mean deformation": look(made.texture[:n], mean_warp),
        "deformation": grid_lines(made.warp[:n]),
        "input, aligned": align(y, made.warp[:n]),
    }
    figures.image_rows(rows, run.out / "parts.png", 0.87)


def draw_between(model: FaceAutoencoder, codes: Codes, y: np.ndarray, run: Run) -> None:
    """Draw walks from one unseen face to another by shape, the warp's code, and by appearance, the texture's."""
    rows = {}
    for pair in range(PAIRS):
        a, b = 2 * pair, 2 * pair + 1
        for name, moving in (("shape", {"warp"}), ("appearance", {"texture"})):
            between = run.decode(model, walk(codes, a, b, moving, SHOWN - 2)).output
            rows[f"{pair + 1}: {name}"] = np.concatenate([y[[a]], between, y[[b]]])
    figures.image_rows(rows, run.out / "interpolation.png", 0.87)
