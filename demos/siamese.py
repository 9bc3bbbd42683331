"""Siamese network: a measure of similarity, learned from pairs and tested on classes that it has never seen.

Trains on pairs of the digits 0 to 6, with the loss of the slide and with the contrastive one. For the digits 7 to 9, in
fonts that are new too, it measures which pairs are found alike and how well five labelled examples per class classify
the rest: by distance of embeddings, of pixels and of PCA. It draws nearest neighbours; those of another class are red.
On real data: python -m demos siamese --data mnist, or --data olivetti (faces of 30 people, tested on 10 others)
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from demos import figures
from demos.data import load
from demos.data.augment import bend, graft
from demos.data.olivetti import split
from demos.evaluation.linear import PCA
from demos.evaluation.neighbours import few_shot_accuracy, nearest, pair_auc, pair_distances, pair_roc, precision
from demos.run import Run
from minigrad import Tensor, optim
from models.siamese import LOSSES, Siamese, pair_loss

DATASETS = ["glyphs", "mnist", "olivetti"]
EPOCHS = {"digits": 20, "olivetti": 70}
KNOWN_DIGITS = 7  # 0 to 6 are trained on; the others are unseen
TRAIN, TEST = 8000, 1000  # at most this many images of all digits, and of the unseen ones
EMBEDDING = 32
BATCH = {"digits": 128, "olivetti": 100}
LEARNING_RATE = 2e-3
BEND = {
    "digits": {"affine": 0.3, "shift": 0.1, "elastic": 0.2},
    "olivetti": {"affine": 0.15, "shift": 0.1, "elastic": 0.1, "mirror": True},
}
GRAFTED = 0.3  # share of the images
HARDEST = {"digits": 0.05, "olivetti": 1.0}  # share of a batch: pairs of two classes that the contrastive loss takes
NEIGHBOURS = 9


class Task(NamedTuple):
    """Images x (N, 1, S, S) of known classes, with labels from 0, and y (M, 1, S, S) of unseen ones.

    shots: labelled examples per unseen class, by which the others are classified.
    """

    kind: str
    x: np.ndarray
    labels: np.ndarray
    y: np.ndarray
    y_labels: np.ndarray
    shots: int


def add_options(parser) -> None:
    parser.add_argument("--loss", choices=[*LOSSES, "both"], default="both", help="loss to minimise (default: both)")


def main(args) -> None:
    task = choose(args)
    run = Run("siamese", args, epochs=EPOCHS[task.kind], images=len(task.x))
    run.results.note(unseen=len(task.y))
    # what distances are measured between: pixels, PCA, and the embedding that each loss finds
    names = list(LOSSES) if args.loss == "both" else [args.loss]
    codes, histories = {"pixels": task.y, f"PCA, k = {EMBEDDING}": PCA(task.x, EMBEDDING).encode(task.y)}, {}
    for name in names:
        model, histories[name] = fit(name, task, run)
        codes[name] = embed(model, task, run)
    figures.curves(histories, run.out / "loss.png", "epoch", "training loss")
    judge(codes, names, task, run)
    planes = {"pixels": task.y} | {f"embedding, {name}": codes[name] for name in names}
    planes = {name: PCA(code, 2).encode(code) for name, code in planes.items()}
    figures.scatter_codes(planes, task.y_labels, run.out / "embedding.png")
    draw_neighbours(codes[names[0]], task, run.out / "neighbours.png")
    run.save()


def choose(args) -> Task:
    """Load the data and divide it into known and unseen classes; faces are reduced to 32 x 32 pixels."""
    if args.data not in DATASETS:
        raise ValueError(f"--data is {args.data!r}; it must be one of {', '.join(map(repr, DATASETS))}")
    if args.data == "olivetti":
        x, labels, y, y_labels = split()
        return Task("olivetti", halve(x), labels, halve(y), y_labels, shots=1)
    data = load(args.data, seed=args.seed, **({"train": 512, "test": 256} if args.quick else {}))
    x, labels, y, y_labels = data[1:]
    x, labels = x[:TRAIN], labels[:TRAIN]
    known, unseen = labels < KNOWN_DIGITS, np.flatnonzero(y_labels >= KNOWN_DIGITS)[:TEST]
    return Task("digits", x[known], labels[known], y[unseen], y_labels[unseen], shots=5)


def halve(x: np.ndarray) -> np.ndarray:
    """Average 2 x 2 pixels: (N, C, H, W) -> (N, C, H/2, W/2)."""
    N, C, H, W = x.shape
    return x.reshape(N, C, H // 2, 2, W // 2, 2).mean(axis=(3, 5))


def fit(loss: str, task: Task, run: Run) -> tuple[Siamese, list[float]]:
    """Train the encoder on pairs of the known classes, each image bent anew every time; return it and its losses."""
    rng = run.rng()
    model = Siamese(task.x.shape[1:], EMBEDDING, rng=rng).to(run.device)
    classes = int(task.labels.max()) + 1
    hardest = HARDEST[task.kind] if loss == "contrastive" else 1.0

    def loss_of_batch(x: Tensor, labels: Tensor) -> Tensor:
        x, labels = graft(x, labels, rng, share=GRAFTED, classes=classes)
        return pair_loss(model, bend(x, rng, **BEND[task.kind]), labels, loss, hardest=hardest)

    history = run.fit(
        model,
        loss_of_batch,
        (task.x, task.labels),
        optim.Adam(model.parameters(), LEARNING_RATE),
        rng,
        state=f"training-{loss}",
        label=f"siamese, {loss}",
        batch_size=BATCH[task.kind],
        loss=loss,
        hardest=hardest,
    )
    return model, history


def embed(model: Siamese, task: Task, run: Run) -> np.ndarray:
    """Embed the unseen classes -> (M, EMBEDDING). Where images may be mirrored, take the mean with the mirror image."""
    sides = [task.y, task.y[..., ::-1]] if BEND[task.kind].get("mirror") else [task.y]
    return np.mean([run.apply(model, side) for side in sides], axis=0)


def judge(codes: dict[str, np.ndarray], names: list[str], task: Task, run: Run) -> None:
    """Measure every code (M, ..) of the unseen classes, those in `names` beside the others, and draw its distances."""
    auc, shot, found, curves, distances = {}, {}, {}, {}, {}
    for name, code in codes.items():
        distance, different = pair_distances(code, task.y_labels)
        auc[name], curve = pair_auc(distance, different), pair_roc(distance, different)
        shot[name] = few_shot_accuracy(code, task.y_labels, shots=task.shots, rng=run.rng())
        found[name] = precision(nearest(code, NEIGHBOURS), task.y_labels)
        curves[f"{name}: {auc[name]:.3f}"] = curve
        distances[name] = {"same class": distance[~different], "two classes": distance[different]}
    figures.roc_curves(
        curves, run.out / "roc.png", "pairs of two classes called alike", "pairs of one class called alike"
    )
    figures.overlaid_histograms(distances, run.out / "distances.png", "distance of a pair")
    measures = {"pair AUC": auc, f"{task.shots}-shot accuracy": shot, f"precision at {NEIGHBOURS}": found}
    for measure, values in measures.items():
        baselines = {"pixels": values["pixels"], "PCA": values[f"PCA, k = {EMBEDDING}"]}
        for name in names:
            run.results.add(f"{measure}, {name}", values[name], **baselines)


def draw_neighbours(code: np.ndarray, task: Task, path: Path) -> None:
    """Draw the neighbours of an image of three unseen classes, by code and by pixels; other classes are red."""
    by_code, by_pixels = nearest(code, NEIGHBOURS), nearest(task.y, NEIGHBOURS)
    rows = {}
    for label in np.unique(task.y_labels)[:3]:
        query = np.argmax(task.y_labels == label)
        rows[f"query {label}"] = task.y[query : query + 1]
        for how, found in (("embedding", by_code[query]), ("pixels", by_pixels[query])):
            rows[f"{label}, by {how}"] = figures.redden(task.y[found], task.y_labels[found] != label)
    figures.image_rows(rows, path)
