"""Deforming autoencoder: a digit as a template and a deformation, without and with a template for each class.

Appearance is coded by one number, deformation by 128, so a plain network has to find templates that many digits share;
a class-aware one can use its guess of the digit too. Autoencoders with a code as short as the appearance's, and as
long as both together, are measured in the same run. Images are padded with black from 28 x 28 to 32 x 32.
On real digits: python -m demos deforming --data mnist
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from demos import figures
from demos.data import load, to_32
from demos.evaluation.images import mse
from demos.evaluation.walks import walk
from demos.evaluation.warp import align, grid_lines, look
from demos.results import Results
from demos.run import Run
from minigrad import nn, optim
from models.autoencoder import ConvAutoencoder, reconstruction_loss
from models.deforming import (
    ClassAwareDeformingAutoencoder,
    ClassCodes,
    Codes,
    Deformed,
    DeformingAutoencoder,
    class_aware_loss,
    deforming_loss,
)

DATASETS = ["glyphs", "mnist"]
EPOCHS = 12
SIZE = 32
WIDTH = 16
TEXTURE_CODE, WARP_CODE = 1, 128
SMOOTH, CLASSES = 0.3, 0.01  # weights of the warp's smoothness and of the classes in the loss
BATCH = 64
LEARNING_RATE = 2e-3
PAIRS = (2, 5, 8)  # classes of which two images are blended
STEPS = 7  # of a blend
TILE = 0.87  # inches of a drawn image: three pixels for each of its own


class Seen(NamedTuple):
    """What a network makes of images: output and texture (N, 1, 32, 32), warp (N, 32, 32, 2); and codes (N, k) each."""

    made: Deformed
    codes: Codes | ClassCodes


def main(args) -> None:
    data = load(args.data, seed=args.seed, **({"train": 512, "test": 256} if args.quick else {}))
    n, m = (512, 256) if args.quick else (len(data.train_images), len(data.test_images))
    x, labels = to_32(data.train_images[:n]), data.train_labels[:n]
    y, y_labels = to_32(data.test_images[:m]), data.test_labels[:m]
    run = Run("deforming", args, epochs=EPOCHS, images=n)
    models = build(float(x.mean()), run)
    histories = {name: fit(name, model, x, labels, run) for name, model in models.items()}
    figures.curves(histories, run.out / "loss.png", "epoch", "training loss")
    seen = {name: Seen(*run.see(models[name], y)) for name in ("plain", "class-aware")}
    baselines = [name for name in models if name not in seen]
    errors = {name: mse(run.apply(models[name], y), y) for name in baselines}
    errors["mean image"] = mse(x.mean(axis=0), y)
    judge(seen, y, y_labels, errors, run.results)
    shown = np.array([np.argmax(y_labels == c) for c in np.unique(y_labels)])  # the first of each class
    draw_parts(seen, y, shown, run.out / "parts.png")
    draw_templates(seen, y, y_labels, run.out / "templates.png")
    draw_between(models["class-aware"], seen["class-aware"].codes, y, y_labels, run)
    keep(seen["class-aware"].made, y, shown, run)
    run.save()


def build(brightness: float, run: Run) -> dict[str, nn.Module]:
    """Make the networks without and with classes, and two autoencoders; brightness: the mean of the images."""
    sizes = SIZE, 1, WIDTH, TEXTURE_CODE, WARP_CODE
    models = {
        "plain": DeformingAutoencoder(*sizes, brightness=brightness, rng=run.rng(0)),
        "class-aware": ClassAwareDeformingAutoencoder(*sizes, brightness=brightness, rng=run.rng(1)),
        f"autoencoder of {TEXTURE_CODE}": ConvAutoencoder(TEXTURE_CODE, rng=run.rng(2)),
        f"autoencoder of {TEXTURE_CODE + WARP_CODE}": ConvAutoencoder(TEXTURE_CODE + WARP_CODE, rng=run.rng(3)),
    }
    return {name: model.to(run.device) for name, model in models.items()}


def fit(name: str, model: nn.Module, x: np.ndarray, labels: np.ndarray, run: Run) -> list[float]:
    """Train a network on images x (N, 1, 32, 32) and labels (N,), which one of them alone uses -> loss by epoch."""
    losses = {
        "plain": lambda batch, _: deforming_loss(model, batch, smooth=SMOOTH),
        "class-aware": lambda batch, truth: class_aware_loss(model, batch, truth, CLASSES, smooth=SMOOTH),
    }
    return run.fit(
        model,
        losses.get(name, lambda batch, _: reconstruction_loss(model, batch)),
        (x, labels),
        optim.Adam(model.parameters(), LEARNING_RATE),
        run.rng(),
        state=f"training-{name.replace(' ', '-')}",
        label=name,
        batch_size=BATCH,
    )


def within(images: np.ndarray, labels: np.ndarray) -> float:
    """Return the variance of a pixel among images of one class, the mean over classes and pixels."""
    return float(np.mean([images[labels == c].var(axis=0).mean() for c in np.unique(labels)]))


def judge(seen: dict[str, Seen], y: np.ndarray, labels: np.ndarray, errors: dict, results: Results) -> None:
    """Measure reconstructions, templates and warps of the test images y, and how well the class is guessed."""
    plain, aware = seen["plain"].made, seen["class-aware"].made
    baselines = {name.replace(" ", "_"): error for name, error in errors.items()}
    results.add("test MSE, plain", mse(plain.output, y), **baselines)
    results.add("test MSE, class-aware", mse(aware.output, y), plain=mse(plain.output, y))
    # do the images of a class share a template?
    textures = {name: s.made.texture for name, s in seen.items()} | {"images": y}
    spread = {name: within(t, labels) for name, t in textures.items()}
    share = {name: spread[name] / t.var(axis=0).mean() for name, t in textures.items()}
    measures = {"variance of templates within a class": spread, "share of it in all of their variance": share}
    for what, values in measures.items():
        results.add(what, values["class-aware"], plain=values["plain"], images=values["images"])
    # are images alike once they are brought into the template's frame, and does any warp fold it?
    for name, (made, _) in seen.items():
        aligned = within(align(y, made.warp), labels)
        results.add(f"variance of aligned images within a class, {name}", aligned, images=within(y, labels))
        steps = min(np.diff(made.warp[..., 0], axis=2).min(), np.diff(made.warp[..., 1], axis=1).min())
        results.add(f"smallest increment of a warp, {name}", steps)
    results.add("accuracy of the class", np.mean(seen["class-aware"].codes.scores.argmax(axis=1) == labels))


def keep(made: Deformed, y: np.ndarray, shown: np.ndarray, run: Run) -> None:
    """Keep an image of each class, its texture and its warp, which the gallery combines with each other."""
    run.keep("parts", {"images": y[shown], "textures": made.texture[shown], "warps": made.warp[shown]})


def draw_parts(seen: dict[str, Seen], y: np.ndarray, shown: np.ndarray, path: Path) -> None:
    """Draw input, reconstruction, texture, the texture under the mean deformation, and the deformation as a grid."""
    rows = {"input": y[shown]}
    for name, (made, _) in seen.items():
        mean_warp = np.broadcast_to(made.warp.mean(axis=0), (len(shown), *made.warp.shape[1:]))
        rows |= {
            f"{name}, reconstruction": made.output[shown],
            f"{name}, texture": made.texture[shown],
            f"{name}, texture, mean deformation": look(made.texture[shown], mean_warp),
            f"{name}, deformation": grid_lines(made.warp[shown]),
        }
    figures.image_rows(rows, path, size=TILE)


def draw_templates(seen: dict[str, Seen], y: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Draw the mean input of each class and of all, and the mean texture of both networks beside it."""
    groups = [labels == c for c in np.unique(labels)] + [np.ones(len(labels), bool)]
    stacks = {"input": y} | {f"texture, {name}": s.made.texture for name, s in seen.items()}
    rows = {f"mean {name}": np.stack([images[g].mean(axis=0) for g in groups]) for name, images in stacks.items()}
    figures.image_rows(rows, path, size=TILE)


def draw_between(
    model: ClassAwareDeformingAutoencoder, codes: ClassCodes, y: np.ndarray, labels: np.ndarray, run: Run
) -> None:
    """Draw walks between two images of a class, which stand at the ends: by shape, the warp's code, and by appearance.

    The two images are chosen to differ much in appearance.
    """
    rows = {}
    for c in PAIRS:
        group = np.flatnonzero(labels == c)
        group = group[np.argsort(codes.texture[group, 0])]
        a, b = group[len(group) // 10], group[-1 - len(group) // 10]
        for name, moving in (("shape", {"warp"}), ("appearance", {"texture"}), ("both", {"texture", "warp"})):
            between = run.decode(model, walk(codes, a, b, moving, STEPS)).output
            rows[f"{c}: {name}"] = np.concatenate([y[a : a + 1], between, y[b : b + 1]])
    figures.image_rows(rows, run.out / "interpolation.png")
