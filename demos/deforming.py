"""Deforming autoencoder: a digit as a template and a deformation, without and with a template for each class.

The appearance gets one number, the deformation 128: a plain network has to find templates that many digits share, a
class-aware one puts its guess of the digit beside them. Autoencoders with a code as short as the appearance's, and as
long as both, are measured in the same run. Images are padded with black from 28 x 28 to 32 x 32.
On real digits: python -m demos deforming --data mnist
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from demos import figures
from demos.data import load, to_32
from demos.evaluation.images import mse
from demos.evaluation.warp import align, grid_lines, look
from demos.results import Results
from demos.training import apply, batches, train
from minigrad import Tensor, nn, no_grad, optim
from models.autoencoder import ConvAutoencoder, reconstruction_loss
from models.deforming import (
    ClassAwareDeformingAutoencoder,
    ClassCodes,
    Deforming,
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
TILE = 0.87  # inches of a drawn image, three pixels for one


class Seen(NamedTuple):
    """What a network makes of images: outputs and textures (N, 1, 32, 32), warps (N, 32, 32, 2), codes (N, k) each."""

    output: np.ndarray
    texture: np.ndarray
    warp: np.ndarray
    codes: tuple[np.ndarray, ...]


def main(args) -> None:
    data = load(args.data, seed=args.seed, **({"train": 512, "test": 256} if args.quick else {}))
    n, m = (512, 256) if args.quick else (len(data.train_images), len(data.test_images))
    x, labels = to_32(data.train_images[:n]), data.train_labels[:n]
    y, y_labels = to_32(data.test_images[:m]), data.test_labels[:m]
    epochs = args.epochs if args.epochs is not None else 2 if args.quick else EPOCHS
    settings = {"data": data.name, "seed": args.seed, "epochs": epochs, "images": n}
    results = Results("deforming", **settings)
    models = build(float(x.mean()), args)
    histories = {name: fit(name, model, x, labels, settings, args) for name, model in models.items()}
    figures.curves(histories, args.out / "loss.png", "epoch", "training loss")
    seen = {name: see(models[name], y, args.device) for name in ("plain", "class-aware")}
    baselines = [name for name in models if name not in seen]
    errors = {name: mse(apply(models[name], y, device=args.device), y) for name in baselines}
    errors["mean image"] = mse(x.mean(axis=0), y)
    judge(seen, y, y_labels, errors, results)
    shown = np.array([np.argmax(y_labels == c) for c in np.unique(y_labels)])  # the first of each class
    draw_parts(seen, y, shown, args.out / "parts.png")
    draw_templates(seen, y, y_labels, args.out / "templates.png")
    draw_between(models["class-aware"], seen["class-aware"].codes, y, y_labels, args)
    results.save(args.out)


def build(brightness: float, args) -> dict[str, nn.Module]:
    """The networks without and with classes, and the autoencoders beside them; brightness: the mean of the images."""
    sizes = SIZE, 1, WIDTH, TEXTURE_CODE, WARP_CODE
    rngs = [np.random.default_rng([args.seed, i]) for i in range(4)]
    models = {
        "plain": DeformingAutoencoder(*sizes, brightness=brightness, rng=rngs[0]),
        "class-aware": ClassAwareDeformingAutoencoder(*sizes, brightness=brightness, rng=rngs[1]),
        f"autoencoder of {TEXTURE_CODE}": ConvAutoencoder(TEXTURE_CODE, rng=rngs[2]),
        f"autoencoder of {TEXTURE_CODE + WARP_CODE}": ConvAutoencoder(TEXTURE_CODE + WARP_CODE, rng=rngs[3]),
    }
    return {name: model.to(args.device) for name, model in models.items()}


def fit(name: str, model: nn.Module, x: np.ndarray, labels: np.ndarray, settings: dict, args) -> list[float]:
    """Train a network on images x (N, 1, 32, 32) and labels (N,), which only one of them looks at -> loss by epoch."""
    losses = {
        "plain": lambda batch, _: deforming_loss(model, batch, smooth=SMOOTH),
        "class-aware": lambda batch, truth: class_aware_loss(model, batch, truth, CLASSES, smooth=SMOOTH),
    }
    rng, epochs = np.random.default_rng(args.seed), settings["epochs"]
    return train(
        model,
        losses.get(name, lambda batch, _: reconstruction_loss(model, batch)),
        (x, labels),
        optim.Adam(model.parameters(), LEARNING_RATE),
        epochs=epochs,
        rng=rng,
        batch_size=BATCH,
        path=args.out / f"training-{name.replace(' ', '-')}.safetensors",
        resume=args.resume,
        settings=settings,
        label=name,
        device=args.device,
    )


def see(model: Deforming, y: np.ndarray, device: str) -> Seen:
    """Run a network on images y (N, 1, 32, 32)."""
    parts = []
    with no_grad():
        for index in batches(len(y), 250):
            codes = model.encode(Tensor.wrap(y[index]).to(device))
            made = model.decode(codes)
            parts.append([t.to("cpu").numpy() for t in (made.output, made.texture, made.warp, *codes)])
    output, texture, warp, *codes = (np.concatenate(part) for part in zip(*parts))
    return Seen(output, texture, warp, tuple(codes))


def within(images: np.ndarray, labels: np.ndarray) -> float:
    """Variance of a pixel among images of one class: the mean over classes and pixels."""
    return float(np.mean([images[labels == c].var(axis=0).mean() for c in np.unique(labels)]))


def judge(seen: dict[str, Seen], y: np.ndarray, labels: np.ndarray, errors: dict, results: Results) -> None:
    """Measure reconstructions, templates and warps of the test images y, and how well the class is guessed."""
    plain, aware = seen["plain"], seen["class-aware"]
    baselines = {name.replace(" ", "_"): error for name, error in errors.items()}
    results.add("test MSE, plain", mse(plain.output, y), **baselines)
    results.add("test MSE, class-aware", mse(aware.output, y), plain=mse(plain.output, y))
    textures = {name: s.texture for name, s in seen.items()} | {"images": y}
    spread = {name: within(t, labels) for name, t in textures.items()}
    share = {name: spread[name] / t.var(axis=0).mean() for name, t in textures.items()}
    measures = {"variance of templates within a class": spread, "share of it in all of their variance": share}
    for what, values in measures.items():
        results.add(what, values["class-aware"], plain=values["plain"], images=values["images"])
    for name, s in seen.items():
        aligned = within(align(y, s.warp), labels)
        results.add(f"variance of aligned images within a class, {name}", aligned, images=within(y, labels))
        steps = min(np.diff(s.warp[..., 0], axis=2).min(), np.diff(s.warp[..., 1], axis=1).min())
        results.add(f"smallest increment of a warp, {name}", steps)
    results.add("accuracy of the class", np.mean(aware.codes[0].argmax(axis=1) == labels))


def draw_parts(seen: dict[str, Seen], y: np.ndarray, shown: np.ndarray, path: Path) -> None:
    """Draw input, reconstruction, texture, the texture under the mean deformation, and the deformation as a grid."""
    rows = {"input": y[shown]}
    for name, s in seen.items():
        mean_warp = np.broadcast_to(s.warp.mean(axis=0), (len(shown), *s.warp.shape[1:]))
        rows |= {
            f"{name}, reconstruction": s.output[shown],
            f"{name}, texture": s.texture[shown],
            f"{name}, texture, mean deformation": look(s.texture[shown], mean_warp),
            f"{name}, deformation": grid_lines(s.warp[shown]),
        }
    figures.image_rows(rows, path, size=TILE)


def draw_templates(seen: dict[str, Seen], y: np.ndarray, labels: np.ndarray, path: Path) -> None:
    """Draw the mean input of each class and of all, and the mean texture of both networks beside it."""
    groups = [labels == c for c in np.unique(labels)] + [np.ones(len(labels), bool)]
    stacks = {"input": y} | {f"texture, {name}": s.texture for name, s in seen.items()}
    rows = {f"mean {name}": np.stack([images[g].mean(axis=0) for g in groups]) for name, images in stacks.items()}
    figures.image_rows(rows, path, size=TILE)


def draw_between(
    model: ClassAwareDeformingAutoencoder, codes: tuple[np.ndarray, ...], y: np.ndarray, labels: np.ndarray, args
) -> None:
    """Draw what lies between two images of a class, which stand at the ends: by shape (the warp's code), by appearance.

    The two are chosen far apart in appearance.
    """
    rows = {}
    for c in PAIRS:
        group = np.flatnonzero(labels == c)
        group = group[np.argsort(codes[1][group, 0])]
        a, b = group[len(group) // 10], group[-1 - len(group) // 10]
        first, last = ([part[i] for part in codes] for i in (a, b))
        for name, moving in (("shape", [2]), ("appearance", [1]), ("both", [1, 2])):
            mixed = [
                np.linspace(u, last[i] if i in moving else u, STEPS, dtype=np.float32) for i, u in enumerate(first)
            ]
            with no_grad():
                made = model.decode(ClassCodes(*(Tensor.wrap(part).to(args.device) for part in mixed)))
            between = made.output.to("cpu").numpy()
            rows[f"{c}: {name}"] = np.concatenate([y[a : a + 1], between, y[b : b + 1]])
    figures.image_rows(rows, args.out / "interpolation.png")
