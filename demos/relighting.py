"""Intrinsic deforming autoencoder: a face split into shading, albedo and shape, and lit like another face.

Trains on procedural faces before one backdrop, from images alone. For unseen people the true shading, albedo and light
are known, so that each part can be judged; constant shading and Retinex, a blur of the logarithm, are baselines.
Real faces: --data FOLDER for colour images of your own; measures that need the truth are then left out.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from demos import figures
from demos.data import faces, load
from demos.data.studio import SIZE, studio
from demos.evaluation.images import mse
from demos.evaluation.intrinsic import retinex, scale_invariant_mse
from demos.evaluation.linear import PCA, PENALTIES
from demos.evaluation.walks import walk
from demos.evaluation.warp import grid_lines, look
from demos.results import Results
from demos.run import Run
from minigrad import optim
from models.deforming import IntrinsicCodes, Shaded, intrinsic_loss
from models.deforming_faces import FaceIntrinsicAutoencoder

DATASETS = ["faces", "FOLDER"]
EPOCHS = 14
STILL_EPOCHS = 3  # before these the warp hardly moves: else it would move dark hair to where a shadow is
TRAIN, TEST = 3000, 500
WIDTH = 16
BATCH = 16
LEARNING_RATE = 2e-3
CODES = 4, 6, 64  # numbers of shading, albedo and warp
LOSS = {"distance": "absolute", "smooth": 0.15, "drift": 0.1, "shading": 0.8}
STILL = LOSS | {"smooth": 4.0}
BLURS = (2, 4, 8, 16)  # of Retinex, in pixels; the best one on the test images counts
DARKEST = 0.05  # shading that images are divided by, at least
SHOWN = 9  # images in a row, and steps of a walk
SIDE = 0.6  # a face counts as lit from a side if the light's azimuth is beyond this
PAIRS = 100  # at most, of faces lit from the left and from the right, between which the light walks
ROWS = 3  # walks that are drawn
JUDGE_CODE = 64  # numbers of the PCA from which the direction of light is predicted


class Task(NamedTuple):
    """Images x (N, C, 64, 64) to train on and y (M, C, 64, 64) unseen; what is known of both, or None."""

    x: np.ndarray
    y: np.ndarray
    x_truth: faces.Faces | None = None
    y_truth: faces.Faces | None = None


def main(args) -> None:
    task = choose(args)
    run = Run("relighting", args, epochs=EPOCHS, quick_epochs=1, images=len(task.x))
    print(f"{args.data}: {len(task.x)} train, {len(task.y)} test images")
    model = fit(task.x, run)
    made, codes = run.see(model, task.y)
    linear = PCA(task.x, sum(CODES)).reconstruct(task.y)
    run.results.add("test MSE", mse(made.output, task.y), **{f"PCA_{sum(CODES)}": mse(linear, task.y)})
    draw_parts(made, task, run)
    # every face under the light of the one before it
    swapped = run.decode(model, codes._replace(shading=np.roll(codes.shading, 1, axis=0)))
    rows = {
        "input": task.y,
        "lit like": np.roll(task.y, 1, axis=0),
        "relit": swapped.output,
        "relit photograph": relight(task.y, made, swapped),
    }
    if task.y_truth is not None:
        judge_parts(made, task.y_truth, run.results)
        rows["true"] = judge_swaps(rows["relit"], rows["relit photograph"], task.y_truth, run.results)
        judge_walks(model, codes, task, run)
    figures.image_rows({label: images[:SHOWN] for label, images in rows.items()}, run.out / "relit.png", 0.87)
    draw_walks(model, made, codes, task.y, run)
    run.save()


def fit(x: np.ndarray, run: Run) -> FaceIntrinsicAutoencoder:
    """Train the network on images x (N, C, 64, 64), first with a still warp and then with a moving one."""
    model = FaceIntrinsicAutoencoder(SIZE, x.shape[1], WIDTH, *CODES, rng=run.rng()).to(run.device)
    history = []
    for name, epochs, weights in (("still", STILL_EPOCHS, STILL), ("moving", run.epochs, LOSS)):
        history += run.fit(
            model,
            lambda x, weights=weights: intrinsic_loss(model, x, **weights),
            (x,),
            optim.Muon(model.parameters(), LEARNING_RATE),
            run.rng(),
            state=f"training-{name}",
            label=name,
            batch_size=BATCH,
            epochs=min(epochs, run.epochs),
        )
    figures.curves({"a still warp, then a moving one": history}, run.out / "loss.png", "epoch", "training loss")
    return model


def choose(args) -> Task:
    """Draw or read the images; a quick run takes few. ValueError for grey images."""
    n, m = (128, 64) if args.quick else (TRAIN, TEST)
    if args.data == "faces":
        x, y = studio(n, "train", args.seed), studio(m, "test", args.seed)
        return Task(x.images, y.images, x, y)
    data = load(args.data, seed=args.seed, train=n, test=m)
    if data.train_images.shape[1:] != (3, SIZE, SIZE):
        raise ValueError(f"--data is {args.data!r}; it must be 'faces' or a folder of images")
    return Task(data.train_images, data.test_images)


# ---- measures --------------------------------------------------------------------------------------------------------


def judge_parts(made: Shaded, truth: faces.Faces, results: Results) -> None:
    """Measure shading and albedo of the test images, looked up by the warp, within the mask."""
    shading, albedo = look(made.shading, made.warp), look(made.albedo, made.warp)
    y = truth.images
    blurred = [retinex(y, sigma) for sigma in BLURS]

    def error(estimate: np.ndarray, part: np.ndarray) -> float:
        return float(scale_invariant_mse(estimate, part, truth.mask).mean())

    results.add(
        "scale-invariant MSE, shading",
        error(shading, truth.shading),
        constant_shading=error(np.ones_like(shading), truth.shading),
        Retinex=min(error(s, truth.shading) for s, _ in blurred),
    )
    baselines = {"constant_shading": error(y, truth.albedo)}
    baselines["Retinex"] = min(error(a, truth.albedo) for _, a in blurred)
    quotient = y / np.maximum(shading, DARKEST)
    results.add("scale-invariant MSE, albedo", error(albedo, truth.albedo), **baselines)
    results.add("scale-invariant MSE, image / shading as albedo", error(quotient, truth.albedo), **baselines)


def relight(x: np.ndarray, made: Shaded, lit: Shaded) -> np.ndarray:
    """Give photographs x the shading of `lit` in place of that of `made`, x S'(W) / S(W): all details stay."""
    before, after = (look(shading, made.warp) for shading in (made.shading, lit.shading))
    return (x * after / np.maximum(before, DARKEST)).clip(0, 1)


def judge_swaps(swapped: np.ndarray, photographs: np.ndarray, truth: faces.Faces, results: Results) -> np.ndarray:
    """Measure faces under the light of the image before them -> what they would truly look like, (M, 3, 64, 64)."""
    light = {name: np.roll(getattr(truth.scene, name), 1) for name in ("azimuth", "elevation", "ambient")}
    relit = faces.render(truth.scene._replace(**light), SIZE).images
    for name, images in (("MSE of relit faces", swapped), ("MSE of relit photographs", photographs)):
        results.add(name, mse(images, relit), copy=mse(truth.images, relit))
    return relit


def judge_walks(model: FaceIntrinsicAutoencoder, codes: IntrinsicCodes, task: Task, run: Run) -> None:
    """Measure whether the light moves steadily, as a ridge regression that was fitted to true images predicts it."""
    from sklearn.linear_model import RidgeCV  # takes long to import

    pca = PCA(task.x, JUDGE_CODE)
    judge = RidgeCV(PENALTIES).fit(pca.encode(task.x), task.x_truth.scene.azimuth)
    azimuth = task.y_truth.scene.azimuth
    run.results.add("R^2 of azimuth, read off true images", judge.score(pca.encode(task.y), azimuth))
    left, right = np.flatnonzero(azimuth < -SIDE), np.flatnonzero(azimuth > SIDE)
    pairs = list(zip(left, right))[:PAIRS]
    # the azimuth along each walk, and its changes from step to step
    walks = [run.decode(model, walk(codes, a, b, {"shading"}, SHOWN)).output for a, b in pairs]
    steps = np.diff([judge.predict(pca.encode(images)) for images in walks], axis=1)  # (pairs, steps)
    steady = (steps > 0).all(axis=1).mean()
    run.results.add("share of walks on which the light never turns back", steady, chance=2.0**-8)
    truly = np.mean([azimuth[b] - azimuth[a] for a, b in pairs])
    run.results.add("azimuth covered by a walk", np.sum(steps, axis=1).mean(), true=truly)


# ---- pictures --------------------------------------------------------------------------------------------------------


def draw_parts(made: Shaded, task: Task, run: Run) -> None:
    """Draw shading, albedo, texture, warp and output, and the first two beside the truth where it is known."""
    shading, albedo = look(made.shading, made.warp), look(made.albedo, made.warp)
    rows = {
        "input": task.y,
        "S, template": made.shading,
        "A, template": made.albedo,
        "T = S A": made.texture,
        "warp": grid_lines(made.warp[:SHOWN]),
        "output": made.output,
    }
    if task.y_truth is not None:
        mask = task.y_truth.mask
        rows |= {"shading": shading * mask, "true shading": task.y_truth.shading * mask}
        rows |= {"albedo": albedo * mask, "true albedo": task.y_truth.albedo * mask}
    figures.image_rows({label: images[:SHOWN] for label, images in rows.items()}, run.out / "parts.png", 0.87)


def draw_walks(model: FaceIntrinsicAutoencoder, made: Shaded, codes: IntrinsicCodes, y: np.ndarray, run: Run) -> None:
    """Draw faces lit from the right, and photographs of them, while their light becomes that of the last in the row."""
    left, right = np.split(made.shading, 2, axis=3)
    order = np.argsort((left - right).mean(axis=(1, 2, 3)))
    rows = {}
    for i in range(ROWS):
        a, b = order[i], order[-1 - i]
        lit = run.decode(model, walk(codes, a, b, {"shading"}, SHOWN))
        still = Shaded(*(np.repeat(part[[a]], SHOWN, axis=0) for part in made))
        rows[f"{i + 1}: relit"] = np.concatenate([y[[a]], lit.output, y[[b]]])
        rows[f"{i + 1}: photograph"] = np.concatenate([y[[a]], relight(y[[a]], still, lit), y[[b]]])
    figures.image_rows(rows, run.out / "lighting.png", 0.87)
