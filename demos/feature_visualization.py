"""Feature visualisation: the images that activate neurons, channels, layers or classes of a network most, and least.

Draws channels of SqueezeNet from shallow to deep, some of them beside the photo crops that activate them most and
least, and units and classes of a classifier of digits, trained here. The channels are chosen at random. Without
SqueezeNet's weights (--features squeezenet downloads them, 5 MB) only the classifier is looked into.
On real digits: python -m demos feature_visualization --data mnist
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from tqdm import tqdm

import minigrad as mg
from demos import figures, options
from demos.data import load
from demos.data.augment import bend
from demos.data.photos import photo
from demos.data.weights import find_weights, load_features
from demos.pixels import ascend
from demos.run import Run
from minigrad import Tensor, optim
from models.digit_net import DigitNet
from models.visualize import FourierImage, Objective, measure

DATASETS = ["glyphs", "mnist"]
EPOCHS = 6
BATCH = 128
LEARNING_RATE = 2e-3
BEND = {"affine": 0.2, "shift": 0.15, "elastic": 0.15}
NOISE = 0.8  # at most, on the classifier's images: from clean ones it learns features too fine to be seen
STEPS = {"photos": 96, "digits": 200}
SIDE = 128  # pixels of the images drawn for a network of photos
CROPS = 600  # photo crops that they are compared with
LADDER = {  # layers from shallow to deep, and the kind of objective that is drawn for each
    "squeezenet": dict.fromkeys(
        ["3.expand", "4.expand", "6.expand", "7.expand", "9.expand", "10.expand", "12.expand"], "channel"
    ),
    "vgg19": dict.fromkeys(["conv1_2", "conv2_2", "conv3_2", "conv3_4", "conv4_2", "conv4_4"], "channel"),
    "digits": dict.fromkeys(["conv1", "conv2", "conv3"], "neuron") | {"hidden": "hidden unit", "scores": "class logit"},
}
JUDGED = {"squeezenet": "9.expand", "vgg19": "conv3_4", "digits": "conv3"}  # the layer whose channels are judged
DRAWN, SHOWN = 20, 8  # channels judged, and channels of a layer in the pictures
UNIT, CLASS = 2, 5  # the hidden unit and the class that show their kinds


def add_options(parser) -> None:
    names = list(JUDGED)
    parser.add_argument("--features", choices=names, help="network to look into (default: squeezenet if at hand)")
    layer = "layer whose channels are judged (default: one of medium depth)"
    parser.add_argument("--layer", type=options.named, help=layer)
    steps = f"steps of ascent (default: {STEPS['photos']}, {STEPS['digits']} for digits)"
    parser.add_argument("--steps", type=options.whole(1), help=steps)


class Subject(NamedTuple):
    """A network with the images (M, C, H, W) that its pictures, (C, H, W) too, are compared with, and the steps."""

    network: Any
    examples: np.ndarray
    steps: int


def main(args) -> None:
    name = args.features or ("squeezenet" if find_weights("squeezenet") else "digits")
    layer = args.layer or JUDGED[name]
    run = Run("feature_visualization", args, epochs=EPOCHS, quick_epochs=1)
    run.results.note(features=name, layer=layer)
    subject = None
    if name != "digits":
        features = load_features(name).to(run.device)
        subject = Subject(features, photo_crops(CROPS, SIDE, run.seed), steps_of("photos", args))
        width(subject, layer, run)  # refuses an unknown layer before the training
    digits = train_digits(run)
    subject = subject or digits
    print(f"looking into {name}, {subject.steps} steps")
    rng = run.rng()
    judge_channels(subject, layer, rng, run)
    draw_kinds(subject, layer, digits, rng, run)
    draw_ladder(subject, LADDER[name], rng, run)
    draw_classes(digits, run)
    run.save()


def steps_of(kind: str, args) -> int:
    """Choose the steps of ascent."""
    return args.steps or (4 if args.quick else STEPS[kind])


def draw(subject: Subject, objective: Objective, signs: Sequence[int], label: str, run: Run) -> np.ndarray:
    """Draw an image for each sign, 1 or -1, that raises or lowers the objective -> (N, C, H, W) in [0, 1]."""
    rng = run.rng()
    image = FourierImage(len(signs), subject.examples.shape[1:], rng=rng).to(run.device)
    steps = ascend(image, objective, signs, steps=subject.steps, rng=rng)
    for _ in tqdm(steps, desc=label, total=subject.steps, unit="step", mininterval=0.5, leave=False):
        pass
    with mg.no_grad():
        return image().to("cpu").numpy()


def activations(subject: Subject, x: np.ndarray, layer: str, run: Run) -> Tensor:
    """Compute a layer's activations for images x, not transformed -> (N, ..)."""
    return Tensor.wrap(run.apply(lambda batch: subject.network.activations(batch, [layer])[layer], x, 50))


def width(subject: Subject, layer: str, run: Run) -> int:
    """Count the channels or units of a layer."""
    return activations(subject, subject.examples[:1], layer, run).shape[1]


# ---- what is measured ------------------------------------------------------------------------------------------------


def judge_channels(subject: Subject, layer: str, rng: np.random.Generator, run: Run) -> None:
    """Measure, for channels chosen at random, how often a drawn image beats the best example or undercuts the worst."""
    results = run.results
    # an image that excites each channel, then an image that inhibits it
    given = activations(subject, subject.examples, layer, run)
    channels = rng.permutation(given.shape[1])[: run.choose(quick=4, whole=DRAWN)]
    n = len(channels)
    both = np.concatenate([channels, channels])
    drawn = draw(subject, Objective(subject.network, layer, "channel", both), [1] * n + [-1] * n, layer, run)
    high, low = measure(activations(subject, drawn, layer, run), "channel", both).numpy().reshape(2, n)
    # beside them, all examples
    examples = np.stack([measure(given, "channel", int(c)).numpy() for c in channels])  # (channels, examples)
    best, worst = examples.max(axis=1), examples.min(axis=1)
    results.add("channels excited beyond the best example", np.mean(high > best), examples=examples.shape[1])
    results.add("channels inhibited beyond the worst example", np.mean(low < worst), examples=examples.shape[1])
    centre, spread = examples.mean(axis=1), examples.std(axis=1)
    beside = {"excited": high, "best_example": best, "worst_example": worst, "inhibited": low}
    medians = {key: np.median((values - centre) / spread) for key, values in beside.items()}
    results.add("median answer, in deviations of the examples", medians.pop("excited"), **medians)
    rows = {
        "drawn to excite": drawn[:n][:SHOWN],
        "example of the best answer": subject.examples[examples.argmax(axis=1)][:SHOWN],
        "example of the worst answer": subject.examples[examples.argmin(axis=1)][:SHOWN],
        "drawn to inhibit": drawn[n:][:SHOWN],
    }
    figures.image_rows(rows, run.out / "channels.png", size=1.3)


def draw_kinds(subject: Subject, layer: str, digits: Subject, rng: np.random.Generator, run: Run) -> None:
    """Draw one of each kind of objective, excited and inhibited, and measure it beside the examples."""
    c = int(rng.integers(width(subject, layer, run)))
    asked = [(subject, layer, kind, c) for kind in ("neuron", "channel", "layer")]
    asked += [(digits, "hidden", "hidden unit", UNIT)]
    asked += [(digits, "scores", kind, CLASS) for kind in ("class logit", "class probability")]
    titles, images = [], []
    for who, where, kind, index in asked:
        pair = draw(who, Objective(who.network, where, kind, index), [1, -1], kind, run)
        excited, inhibited = measure(activations(who, pair, where, run), kind, index).numpy()
        given = measure(activations(who, who.examples, where, run), kind, index).numpy()
        titles.append(kind if kind == "layer" else f"{kind} {index}")
        bounds = {"best_example": given.max(), "inhibited": inhibited, "worst_example": given.min()}
        run.results.add(f"{titles[-1]} of {where}", excited, **bounds)
        images.append(pair)
    figures.image_table(images, titles, ["excited", "inhibited"], run.out / "kinds.png")


def draw_ladder(subject: Subject, ladder: dict[str, str], rng: np.random.Generator, run: Run) -> None:
    """Draw the images that activate a few parts of every layer, from shallow to deep. ladder: layer -> kind."""
    rows = {}
    for layer, kind in list(ladder.items())[: run.choose(quick=2, whole=None)]:
        parts = rng.permutation(width(subject, layer, run))[:SHOWN]
        rows[layer] = draw(subject, Objective(subject.network, layer, kind, parts), [1] * len(parts), layer, run)
    figures.image_rows(rows, run.out / "ladder.png", size=1.3)


def draw_classes(digits: Subject, run: Run) -> None:
    """Draw all classes of the classifier, logits and probabilities, and ten hidden units, excited and inhibited."""
    rows, ten = {}, np.arange(10)
    for kind, layer in (("class logit", "scores"), ("class probability", "scores"), ("hidden unit", "hidden")):
        for sign, what in ((1, "excited"), (-1, "inhibited")):
            rows[f"{kind}, {what}"] = draw(digits, Objective(digits.network, layer, kind, ten), [sign] * 10, kind, run)
    figures.image_rows(rows, run.out / "classes.png", size=1.0)


# ---- photos and digits -----------------------------------------------------------------------------------------------


def photo_crops(n: int, side: int, seed: int) -> np.ndarray:
    """Cut n squares out of the photos at hand, each at three sizes -> (n, 3, side, side)."""
    rng = np.random.default_rng(seed)
    own = Path(os.environ.get("MINIGRAD_DATA") or "none", "images").glob("*.jpg")
    names = ["hopper", "strokes", "mosaic", "china", "flower", *sorted(own)]
    photos = [photo(name, round(side * scale)) for name in names for scale in (1.25, 1.8, 2.5)]
    crops = np.empty((n, 3, side, side), np.float32)
    for i in range(n):
        image = photos[i % len(photos)]
        top, left = (rng.integers(length - side + 1) for length in image.shape[1:])
        crops[i] = image[:, top : top + side, left : left + side]
    return crops


def train_digits(run: Run) -> Subject:
    """Train the classifier on bent and noisy digits; return it with the test digits."""
    count = run.choose(quick=512, whole=8000)
    data = load(run.args.data, seed=run.seed, train=count, test=max(256, count // 4))
    x, labels = data.train_images[:count], data.train_labels[:count]
    rng = run.rng()
    model = DigitNet(rng=rng).to(run.device)

    def loss(batch: Tensor, classes: Tensor) -> Tensor:
        strength = NOISE * rng.random((len(batch), 1, 1, 1), np.float32)
        noise = strength * rng.standard_normal(batch.shape, np.float32)
        return mg.cross_entropy(model(bend(batch, rng, **BEND) + run.tensor(noise)), classes)

    run.fit(
        model,
        loss,
        (x, labels),
        optim.Adam(model.parameters(), LEARNING_RATE),
        rng,
        state="training-digits",
        label="classifier",
        batch_size=BATCH,
    )
    for p in model.parameters():
        p.requires_grad = False
    right = run.apply(model, data.test_images).argmax(axis=1) == data.test_labels
    run.results.add("classifier, test accuracy", right.mean(), guessing=0.1)
    return Subject(model, data.test_images, steps_of("digits", run.args))
