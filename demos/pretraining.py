"""Pre-training: a classifier of few labels, whose first layers have learnt from images without labels before.

Trains the encoder of a 784-500-120-10 classifier to undo noise: greedily, one layer after the other, as in 2006, and
end to end. Then a few labels fine-tune it, 100 to 5,000 of them, beside the same network from random weights. Beside
them are linear classifiers, on the encoder's features, which stay as they are, and on pixels; and the nearest image.

All of it is repeated (--repeats), each time with labels, weights and batches of its own, which all methods share, so
that their differences are paired; intervals hold the true mean with 95% confidence. On real digits:
python -m demos pretraining --data mnist --repeats 10
"""

from __future__ import annotations

import copy
from typing import NamedTuple

import numpy as np

import minigrad as mg
from demos import figures, options
from demos.data import load
from demos.data.augment import bend
from demos.evaluation.intervals import mean_interval
from demos.evaluation.linear import ridge_accuracy
from demos.evaluation.neighbours import knn_accuracy
from demos.resume import fingerprint
from demos.run import Run
from minigrad import Tensor, nn, optim, saving
from models.classifier import Classifier, Encoder, Restorer, rectified, restoring_loss
from models.denoising import Noise, dropout

DATASETS = ["glyphs", "mnist"]
EPOCHS = 10  # of pre-training
LABELS = {100: 75, 500: 30, 1000: 20, 5000: 6}  # numbers of labels, and epochs of fine-tuning with so many
BATCH, FEW = 128, 50  # images in a batch of pre-training, and of fine-tuning
LEARNING_RATE = 1e-3
GENTLE = {"encoder": 1e-4, "scores": 3e-3}  # learning rates of fine-tuning: the new layer learns, the old ones keep
BEND = {"affine": 0.3, "shift": 0.15, "elastic": 0.15}  # of the images, as noise
DROPPED = 0.3  # share of pixels and of hidden units
WAYS = ("greedy", "end to end")  # to pre-train
NETWORKS = ("from scratch", *WAYS)
METHODS = (*NETWORKS, *(f"linear on {way}" for way in WAYS), "ridge on pixels", "nearest image")
FILTERS = 16  # in a row of the picture


class Task(NamedTuple):
    """Images x (N, 1, 28, 28) with labels, of which few are shown, and y (M, 1, 28, 28) to test on.

    counts: numbers of labels that are shown, rising, and the epochs of fine-tuning with them.
    """

    x: np.ndarray
    labels: np.ndarray
    y: np.ndarray
    y_labels: np.ndarray
    counts: dict[int, int]


def add_options(parser) -> None:
    parser.add_argument("--repeats", type=options.whole(2), default=3, help="paired repetitions of all (default: 3)")


def main(args) -> None:
    run = Run("pretraining", args, epochs=EPOCHS, quick_epochs=1)
    run.results.note(repeats=args.repeats)
    task = choose(run)
    print(f"{args.data}: {len(task.x)} images to pre-train on, {len(task.y)} to test on; {args.repeats} repeats")
    studies = [known_or_new(i, task, run) for i in range(args.repeats)]
    accuracy = {name: np.stack([study[name] for study in studies]) for name in METHODS}  # (repeats, counts) each
    judge(accuracy, task, run)
    draw(accuracy, task, run)
    draw_filters(studies[0], max(task.counts), run)
    run.save()


def choose(run: Run) -> Task:
    """Load the data; a quick run takes few."""
    data = load(run.args.data, seed=run.seed, **run.choose(quick={"train": 512, "test": 256}, whole={}))
    x, labels, y, y_labels = data[1:]
    if run.quick:  # a fixed data set comes whole
        return Task(x[:512], labels[:512], y[:256], y_labels[:256], {20: 1, 100: 1})
    return Task(x, labels, y, y_labels, LABELS)


def known_or_new(index: int, task: Task, run: Run) -> dict[str, np.ndarray]:
    """Take a repetition from its file, if a run that goes on has finished it before; else repeat everything."""
    path = run.out / f"repeat-{index + 1}.safetensors"
    made_by = {"settings": run.settings, "data": fingerprint(task[:4])}
    if run.args.resume and path.exists():
        study, was = saving.load(path)
        if was != made_by:
            raise ValueError(f"{path} is of a run with other settings or data; give it those, or another --out")
        return study
    study = repeat(index, task, run)
    saving.save(path, study, made_by)
    for state in run.out.glob(f"training-{index + 1}-*.safetensors"):
        state.unlink()  # of networks that are not needed any more, 90 MB
    return study


def repeat(index: int, task: Task, run: Run) -> dict[str, np.ndarray]:
    """Pre-train, fine-tune and judge with labels, weights and batches of its own.

    -> by method, the share of test images that are classified right with each number of labels, (counts,); and some
    filters of the first layer, (FILTERS, 784), as pre-training and as fine-tuning with most labels left them.
    """
    encoders = {name: Encoder(task.x[0].size, rng=run.rng(index)) for name in NETWORKS}  # all start alike
    for way in WAYS:
        pretrain(way, encoders[way].to(run.device), index, task, run)
    features = {way: [run.apply(encoders[way], images) for images in (task.x, task.y)] for way in WAYS}
    accuracy: dict[str, list[float]] = {}
    for count, epochs in task.counts.items():
        few = few_of_each(task.labels, count, run.rng(index, count))
        labels = task.labels[few]
        tuned = fine_tune(encoders, few, epochs, index, task, run)
        found = {name: right(run.apply(network, task.y), task.y_labels) for name, network in tuned.items()}
        for way, (x, y) in features.items():
            found[f"linear on {way}"] = ridge_accuracy(x[few], labels, y, task.y_labels)
        found["ridge on pixels"] = ridge_accuracy(task.x[few], labels, task.y, task.y_labels)
        found["nearest image"] = knn_accuracy(task.x[few], labels, task.y, task.y_labels)
        for method, value in found.items():
            accuracy.setdefault(method, []).append(value)
    study = {method: np.array(values) for method, values in accuracy.items()}
    for name in NETWORKS:
        before, after = (filters(encoder) for encoder in (encoders[name], tuned[name].encoder))
        study[f"filters, {name}, before"], study[f"filters, {name}, after"] = before, after
    return study


def pretrain(way: str, encoder: Encoder, index: int, task: Task, run: Run) -> None:
    """Train the layers of an encoder without labels to undo noise: one after the other, or all together."""
    if way == "end to end":
        return undo_noise(encoder.layers, task.x, bend_and_drop, way, run.rng(index, 1), index, run)
    first, second = encoder.layers
    undo_noise([first], task.x, bend_and_drop, "greedy, layer 1", run.rng(index, 2), index, run)
    h = run.apply(lambda x: rectified([first], x.reshape(len(x), -1)), task.x)
    return undo_noise([second], h, drop, "greedy, layer 2", run.rng(index, 3), index, run)


def undo_noise(
    layers: list[nn.Linear], h: np.ndarray, noise: Noise, name: str, rng: np.random.Generator, index: int, run: Run
) -> None:
    """Train layers, below a decoder that is forgotten, to restore h: images (N, 1, 28, 28) or hidden units (N, n)."""
    restorer = Restorer(layers, rng=rng).to(run.device)
    run.fit(
        restorer,
        lambda batch: restoring_loss(restorer, batch, noise, rng, pixels=h.ndim == 4),
        (h,),
        optim.Adam(restorer.parameters(), LEARNING_RATE),
        rng,
        state=f"training-{index + 1}-{name.replace(', ', '-').replace(' ', '-')}",
        label=f"repeat {index + 1}, {name}",
        batch_size=BATCH,
    )


def drop(h: Tensor, rng: np.random.Generator) -> Tensor:
    """The noise of hidden units: some are silent."""
    return dropout(h, rng, DROPPED)


def bend_and_drop(x: Tensor, rng: np.random.Generator) -> Tensor:
    """The noise of images: they are bent, and some pixels are black."""
    return dropout(bend(x, rng, **BEND), rng, DROPPED)


class Rivals(nn.Module):
    """Networks that read the same batches. Each gets the gradient of its own loss alone."""

    def __init__(self, networks: list[Classifier]):
        self.networks = networks

    def loss(self, x: Tensor, labels: Tensor) -> Tensor:
        """The sum of their cross entropies."""
        return sum(mg.cross_entropy(network(x), labels) for network in self.networks)


def fine_tune(
    encoders: dict[str, Encoder], few: np.ndarray, epochs: int, index: int, task: Task, run: Run
) -> dict[str, Classifier]:
    """Train copies of the encoders, with a linear layer on top, with the labels of images `few` (n,).

    At the full learning rate a pre-trained encoder soon forgets; from random weights it has nothing to keep.
    """
    classes = int(task.labels.max()) + 1
    tuned = {}
    for name, encoder in encoders.items():
        tuned[name] = Classifier(copy.deepcopy(encoder), classes, rng=run.rng(index, len(few)))  # all start alike
    rivals = Rivals([network.to(run.device) for network in tuned.values()])
    groups: list[dict] = [{"params": list(tuned["from scratch"].parameters())}]
    for way in WAYS:
        groups.append({"params": list(tuned[way].encoder.parameters()), "lr": GENTLE["encoder"]})
        groups.append({"params": list(tuned[way].scores.parameters()), "lr": GENTLE["scores"]})
    run.fit(
        rivals,
        rivals.loss,
        (task.x[few], task.labels[few]),
        optim.Adam(groups, LEARNING_RATE),
        run.rng(index, len(few), 1),
        state=f"training-{index + 1}-labels-{len(few)}",
        label=f"repeat {index + 1}, {len(few)} labels",
        batch_size=FEW,
        epochs=epochs,
    )
    return tuned


def few_of_each(labels: np.ndarray, count: int, rng: np.random.Generator) -> np.ndarray:
    """Choose `count` images, as many of each class -> their indices."""
    classes = np.unique(labels)
    each = count // len(classes)
    return np.concatenate([rng.choice(np.flatnonzero(labels == c), each, replace=False) for c in classes])


def right(scores: np.ndarray, labels: np.ndarray) -> float:
    """Share of rows of scores (N, classes) that are largest at the label."""
    return float(np.mean(scores.argmax(axis=1) == labels))


def filters(encoder: Encoder) -> np.ndarray:
    """The first FILTERS rows of the first layer's weights (FILTERS, 784)."""
    return encoder.layers[0].weight.to("cpu").numpy()[:FILTERS].copy()


def judge(accuracy: dict[str, np.ndarray], task: Task, run: Run) -> None:
    """Judge accuracies (repeats, counts): their means, and the paired gains over the network from scratch."""
    means = {name: mean_interval(values)[0] for name, values in accuracy.items()}
    for k, count in enumerate(task.counts):
        beside = {name.replace(" ", "_"): mean[k] for name, mean in means.items() if name != "end to end"}
        run.results.add(f"accuracy, {count} labels, end to end", means["end to end"][k], **beside)
        for way in WAYS:
            gain, half = mean_interval(accuracy[way][:, k] - accuracy["from scratch"][:, k])
            run.results.add(f"gain, {count} labels, {way}", gain, at_least=gain - half, at_most=gain + half)


def draw(accuracy: dict[str, np.ndarray], task: Task, run: Run) -> None:
    """Draw accuracies against the number of labels, and the paired gains, with their intervals."""
    gains = {name: accuracy[name] - accuracy["from scratch"] for name in NETWORKS}
    panels = {"share of test images classified right": accuracy, "gain over the network from scratch, paired": gains}
    lines = {title: {name: mean_interval(values) for name, values in panel.items()} for title, panel in panels.items()}
    figures.intervals(lines, list(task.counts), run.out / "accuracy.png", "labels")


def draw_filters(study: dict[str, np.ndarray], most: int, run: Run) -> None:
    """Draw what learning has added to the random weights of some filters of the first layer, before and after labels.

    All networks start from the same weights. Each filter is on a scale of its own; grey is 0.
    """
    random = study["filters, from scratch, before"]
    rows = {"the random start": random}
    for name in NETWORKS:
        if name in WAYS:
            rows[f"{name}, before fine-tuning"] = study[f"filters, {name}, before"] - random
        rows[f"{name}, after {most:,} labels"] = study[f"filters, {name}, after"] - random
    figures.image_rows(
        {label: figures.signed(row).reshape(-1, 1, 28, 28) for label, row in rows.items()}, run.out / "filters.png"
    )
