"""Intrinsic deforming autoencoder: a face taken apart into shading, albedo and shape, and lit like another face.

Trains on procedural faces before one backdrop, from images alone. Of unseen people the true shading, albedo and light
are known, which tells how good the parts are. Constant shading and Retinex, a blur of the logarithm, stand beside it.
Real faces: --data FOLDER for coloured images of your own; what needs the truth is left out then.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.linear_model import RidgeCV

from demos import figures
from demos.data import faces, load
from demos.deforming_faces import LEARNING_RATE, SIZE, WIDTH, fit, see, studio
from demos.evaluation.images import mse
from demos.evaluation.intrinsic import retinex, scale_invariant_mse
from demos.evaluation.linear import PCA, PENALTIES
from demos.evaluation.warp import grid_lines, look
from demos.results import Results
from demos.training import batches
from minigrad import Tensor, no_grad, optim
from models.deforming import IntrinsicCodes, Shaded, intrinsic_loss
from models.deforming_faces import FaceIntrinsicAutoencoder

DATASETS = ["faces", "FOLDER"]
EPOCHS = 14
STILL_EPOCHS = 3  # before them, in which the warp hardly moves: or it would move dark hair where a shadow is
TRAIN, TEST = 3000, 500
CODES = 4, 6, 64  # numbers of shading, albedo and warp
LOSS = {"distance": "absolute", "smooth": 0.15, "drift": 0.1, "shading": 0.8}
STILL = LOSS | {"smooth": 4.0}
BLURS = (2, 4, 8, 16)  # of Retinex, in pixels; the best on the test images counts
DARKEST = 0.05  # shading that images are divided by, at least
SHOWN = 9  # images in a row, and steps of a walk
SIDE = 0.6  # azimuth of the light from which on a face counts as lit from a side
PAIRS = 100  # of faces lit from the left and from the right, at most, between which the light walks
ROWS = 3  # walks that are drawn
JUDGE_CODE = 64  # numbers of the PCA of images off which the direction of light is read


class Task(NamedTuple):
    """Images x (N, C, 64, 64) to train on and y (M, C, 64, 64) unseen; what is known of both, or None."""

    x: np.ndarray
    y: np.ndarray
    x_truth: faces.Faces | None = None
    y_truth: faces.Faces | None = None


def main(args) -> None:
    task = choose(args)
    epochs = args.epochs if args.epochs is not None else 1 if args.quick else EPOCHS
    settings = {"data": args.data, "seed": args.seed, "epochs": epochs, "images": len(task.x)}
    results = Results("relighting", **settings)
    print(f"{args.data}: {len(task.x)} train, {len(task.y)} test images")
    rng = np.random.default_rng(args.seed)
    model = FaceIntrinsicAutoencoder(SIZE, task.x.shape[1], WIDTH, *CODES, rng=rng).to(args.device)
    history = []
    for name, count, weights in (("still", STILL_EPOCHS, STILL), ("moving", epochs, LOSS)):
        phase = settings | {"epochs": min(count, epochs)}
        muon = optim.Muon(model.parameters(), LEARNING_RATE)
        history += fit(name, model, lambda x, w=weights: intrinsic_loss(model, x, **w), task.x, muon, phase, args)
    figures.curves({"a still warp, then a moving one": history}, args.out / "loss.png", "epoch", "training loss")
    made, codes = see(model, task.y, args.device)
    linear = PCA(task.x, sum(CODES)).reconstruct(task.y)
    results.add("test MSE", mse(made.output, task.y), **{f"PCA_{sum(CODES)}": mse(linear, task.y)})
    draw_parts(made, task, args)
    swapped = decode(model, codes._replace(shading=np.roll(codes.shading, 1, axis=0)), args)
    rows = {"input": task.y, "lit like": np.roll(task.y, 1, axis=0)}
    rows |= {"relit": swapped.output, "relit photograph": relight(task.y, made, swapped)}
    if task.y_truth is not None:
        judge_parts(made, task.y_truth, results)
        rows["true"] = judge_swaps(rows["relit"], rows["relit photograph"], task.y_truth, results)
        judge_walks(model, codes, task, results, args)
    figures.image_rows({label: images[:SHOWN] for label, images in rows.items()}, args.out / "relit.png", 0.87)
    draw_walks(model, made, codes, task.y, args)
    results.save(args.out)


def choose(args) -> Task:
    """Draw or read the images; a quick run takes few. ValueError for images without colour."""
    n, m = (128, 64) if args.quick else (TRAIN, TEST)
    if args.data == "faces":
        drawn = [studio(*part, args.seed) for part in ((n, "train"), (m, "test"))]
        return Task(drawn[0].images, drawn[1].images, *drawn)
    data = load(args.data, seed=args.seed, train=n, test=m)
    if data.train_images.shape[1:] != (3, SIZE, SIZE):
        raise ValueError(f"--data is {args.data!r}; it must be 'faces' or a folder of images")
    return Task(data.train_images, data.test_images)


def decode(model: FaceIntrinsicAutoencoder, codes: IntrinsicCodes, args) -> Shaded:
    """Decode codes, arrays of (N, k) -> arrays."""
    parts = []
    with no_grad():
        for index in batches(len(codes.warp), 250):
            made = model.decode(IntrinsicCodes(*(Tensor.wrap(part[index]).to(args.device) for part in codes)))
            parts.append([t.to("cpu").numpy() for t in made])
    return Shaded(*(np.concatenate(part) for part in zip(*parts)))


def judge_parts(made: Shaded, truth: faces.Faces, results: Results) -> None:
    """Measure shading and albedo of the test images, looked up by the warp, within the mask."""
    shading, albedo = look(made.shading, made.warp), look(made.albedo, made.warp)
    y, blurred = truth.images, [retinex(truth.images, sigma) for sigma in BLURS]

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
    """Photographs x with the shading of `lit` in place of that of `made`, x S'(W) / S(W): all details stay."""
    before, after = (look(shading, made.warp) for shading in (made.shading, lit.shading))
    return (x * after / np.maximum(before, DARKEST)).clip(0, 1)


def judge_swaps(swapped: np.ndarray, photographs: np.ndarray, truth: faces.Faces, results: Results) -> np.ndarray:
    """Measure faces under the light of the image before them -> how they truly look, (M, 3, 64, 64)."""
    light = {name: np.roll(getattr(truth.scene, name), 1) for name in ("azimuth", "elevation", "ambient")}
    relit = faces.render(truth.scene._replace(**light), SIZE).images
    for name, images in (("MSE of relit faces", swapped), ("MSE of relit photographs", photographs)):
        results.add(name, mse(images, relit), copy=mse(truth.images, relit))
    return relit


def judge_walks(model: FaceIntrinsicAutoencoder, codes: IntrinsicCodes, task: Task, results: Results, args) -> None:
    """Measure whether the light, as a ridge regression on true images reads it off pixels, moves steadily."""
    pca = PCA(task.x, JUDGE_CODE)
    judge = RidgeCV(PENALTIES).fit(pca.encode(task.x), task.x_truth.scene.azimuth)
    azimuth = task.y_truth.scene.azimuth
    results.add("R^2 of azimuth, read off true images", judge.score(pca.encode(task.y), azimuth))
    left, right = np.flatnonzero(azimuth < -SIDE), np.flatnonzero(azimuth > SIDE)
    pairs = list(zip(left, right))[:PAIRS]
    read = [judge.predict(pca.encode(decode(model, walk(codes, a, b), args).output)) for a, b in pairs]
    steps = np.diff(read, axis=1)  # (pairs, steps)
    results.add("share of walks on which the light never turns back", (steps > 0).all(axis=1).mean(), chance=2.0**-8)
    truly = np.mean([azimuth[b] - azimuth[a] for a, b in pairs])
    results.add("azimuth covered by a walk", np.sum(steps, axis=1).mean(), true=truly)


def walk(codes: IntrinsicCodes, a: int, b: int) -> IntrinsicCodes:
    """Codes of face a while its light becomes that of face b, in SHOWN steps."""
    light = np.linspace(codes.shading[a], codes.shading[b], SHOWN, dtype=np.float32)
    return IntrinsicCodes(light, *(np.repeat(part[a : a + 1], SHOWN, axis=0) for part in codes[1:]))


def draw_parts(made: Shaded, task: Task, args) -> None:
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
    figures.image_rows({label: images[:SHOWN] for label, images in rows.items()}, args.out / "parts.png", 0.87)


def draw_walks(model: FaceIntrinsicAutoencoder, made: Shaded, codes: IntrinsicCodes, y: np.ndarray, args) -> None:
    """Draw faces lit from the right, and photographs of them, whose light becomes that of a target, last in a row."""
    left, right = np.split(made.shading, 2, axis=3)
    order = np.argsort((left - right).mean(axis=(1, 2, 3)))
    rows = {}
    for i in range(ROWS):
        a, b = order[i], order[-1 - i]
        lit = decode(model, walk(codes, a, b), args)
        still = Shaded(*(np.repeat(part[[a]], SHOWN, axis=0) for part in made))
        rows[f"{i + 1}: relit"] = np.concatenate([y[[a]], lit.output, y[[b]]])
        rows[f"{i + 1}: photograph"] = np.concatenate([y[[a]], relight(y[[a]], still, lit), y[[b]]])
    figures.image_rows(rows, args.out / "lighting.png", 0.87)
