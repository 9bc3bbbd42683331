"""Feature visualisation: the images that neurons, channels, layers, classes of a network answer to most, and least.

Draws channels of SqueezeNet from shallow to deep, and beside some of them the photo crops that they answer to most and
least; and units and classes of a classifier of digits, trained here. Which channels are drawn is left to chance. Where
SqueezeNet's weights are not at hand (--features squeezenet downloads them, 5 MB) the classifier is all that is drawn.
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
from demos.data.photos import NAMES, photo
from demos.data.weights import find_weights, load_features
from demos.results import Results
from demos.training import apply, train
from minigrad import Tensor, optim
from models.digit_net import DigitNet
from models.visualize import FourierImage, Objective, ascend, measure

DATASETS = ["glyphs", "mnist"]
EPOCHS = 6
BATCH = 128
LEARNING_RATE = 2e-3
BEND = {"affine": 0.2, "shift": 0.15, "elastic": 0.15}
NOISE = 0.8  # at most, of the classifier's images: what it learns from clean ones is too fine to be seen
STEPS = {"photos": 96, "digits": 200}
SIDE = 128  # pixels of the images drawn for a network of photos
CROPS = 600  # photo crops that they are compared with
LADDER = {  # layers from shallow to deep, by the kind of what is drawn of them
    "squeezenet": dict.fromkeys(
        ["3.expand", "4.expand", "6.expand", "7.expand", "9.expand", "10.expand", "12.expand"], "channel"
    ),
    "vgg19": dict.fromkeys(["conv1_2", "conv2_2", "conv3_2", "conv3_4", "conv4_2", "conv4_4"], "channel"),
    "digits": dict.fromkeys(["conv1", "conv2", "conv3"], "neuron") | {"hidden": "hidden unit", "scores": "class logit"},
}
JUDGED = {"squeezenet": "9.expand", "vgg19": "conv3_4", "digits": "conv3"}  # the layer whose channels are judged
DRAWN, SHOWN = 20, 8  # channels judged, and channels of a layer in the pictures
UNIT, CLASS = 2, 5  # the hidden unit and the class among the six kinds


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
    results = Results("feature_visualization", data=args.data, seed=args.seed, features=name, layer=layer)
    subject = None
    if name != "digits":
        features = load_features(name).to(args.device)
        subject = Subject(features, photo_crops(CROPS, SIDE, args.seed), steps_of("photos", args))
        width(subject, layer, args.device)  # a layer that is none is told before the training
    digits = train_digits(args, results)
    subject = subject or digits
    print(f"looking into {name}, {subject.steps} steps")
    rng = np.random.default_rng(args.seed)
    judge_channels(subject, layer, results, rng, args)
    draw_kinds(subject, layer, digits, results, rng, args)
    draw_ladder(subject, LADDER[name], rng, args)
    draw_classes(digits, args)
    results.save(args.out)


def steps_of(kind: str, args) -> int:
    """Choose the steps of ascent."""
    return args.steps or (4 if args.quick else STEPS[kind])


def draw(subject: Subject, objective: Objective, signs: Sequence[int], label: str, args) -> np.ndarray:
    """Draw an image for each sign, 1 or -1, that raises or lowers the objective -> (N, C, H, W) in [0, 1]."""
    rng = np.random.default_rng(args.seed)
    image = FourierImage(len(signs), subject.examples.shape[1:], rng=rng).to(args.device)
    steps = ascend(image, objective, signs, steps=subject.steps, rng=rng)
    for _ in tqdm(steps, desc=label, total=subject.steps, unit="step", mininterval=0.5, leave=False):
        pass
    with mg.no_grad():
        return image().to("cpu").numpy()


def answers(subject: Subject, x: np.ndarray, layer: str, device: str) -> Tensor:
    """Compute a layer's activations for images x, as they are -> (N, ..)."""
    return Tensor.wrap(apply(lambda batch: subject.network.activations(batch, [layer])[layer], x, 50, device))


def width(subject: Subject, layer: str, device: str) -> int:
    """Count the channels or units of a layer."""
    return answers(subject, subject.examples[:1], layer, device).shape[1]


# ---- what is measured ------------------------------------------------------------------------------------------------


def judge_channels(subject: Subject, layer: str, results: Results, rng: np.random.Generator, args) -> None:
    """Measure, over channels drawn by lot, how often what was drawn beats the best example, and undercuts the worst."""
    given = answers(subject, subject.examples, layer, args.device)
    channels = rng.permutation(given.shape[1])[: 4 if args.quick else DRAWN]
    n = len(channels)
    both = np.concatenate([channels, channels])
    drawn = draw(subject, Objective(subject.network, layer, "channel", both), [1] * n + [-1] * n, layer, args)
    high, low = measure(answers(subject, drawn, layer, args.device), "channel", both).numpy().reshape(2, n)
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
    figures.image_rows(rows, args.out / "channels.png", size=1.3)


def draw_kinds(subject: Subject, layer: str, digits: Subject, results: Results, rng: np.random.Generator, args) -> None:
    """Draw one of each kind of objective, excited and inhibited, and measure it beside the examples."""
    c = int(rng.integers(width(subject, layer, args.device)))
    asked = [(subject, layer, kind, c) for kind in ("neuron", "channel", "layer")]
    asked += [(digits, "hidden", "hidden unit", UNIT)]
    asked += [(digits, "scores", kind, CLASS) for kind in ("class logit", "class probability")]
    titles, images = [], []
    for who, where, kind, index in asked:
        pair = draw(who, Objective(who.network, where, kind, index), [1, -1], kind, args)
        excited, inhibited = measure(answers(who, pair, where, args.device), kind, index).numpy()
        given = measure(answers(who, who.examples, where, args.device), kind, index).numpy()
        titles.append(kind if kind == "layer" else f"{kind} {index}")
        bounds = {"best_example": given.max(), "inhibited": inhibited, "worst_example": given.min()}
        results.add(f"{titles[-1]} of {where}", excited, **bounds)
        images.append(pair)
    figures.image_table(images, titles, ["excited", "inhibited"], args.out / "kinds.png")


def draw_ladder(subject: Subject, ladder: dict[str, str], rng: np.random.Generator, args) -> None:
    """Draw what a few parts of every layer answer to, from shallow to deep: layer -> kind."""
    rows = {}
    for layer, kind in list(ladder.items())[: 2 if args.quick else None]:
        parts = rng.permutation(width(subject, layer, args.device))[:SHOWN]
        rows[layer] = draw(subject, Objective(subject.network, layer, kind, parts), [1] * len(parts), layer, args)
    figures.image_rows(rows, args.out / "ladder.png", size=1.3)


def draw_classes(digits: Subject, args) -> None:
    """Draw all classes of the classifier: logits and probabilities, excited and inhibited; and ten hidden units."""
    rows, ten = {}, np.arange(10)
    for kind, layer in (("class logit", "scores"), ("class probability", "scores"), ("hidden unit", "hidden")):
        for sign, what in ((1, "excited"), (-1, "inhibited")):
            rows[f"{kind}, {what}"] = draw(digits, Objective(digits.network, layer, kind, ten), [sign] * 10, kind, args)
    figures.image_rows(rows, args.out / "classes.png", size=1.0)


# ---- photos and digits -----------------------------------------------------------------------------------------------


def photo_crops(n: int, side: int, seed: int) -> np.ndarray:
    """Cut n squares out of the photos at hand, each at three sizes -> (n, 3, side, side)."""
    import sklearn.datasets

    rng = np.random.default_rng(seed)
    folders = [
        Path(sklearn.datasets.__file__).parent / "images",
        Path(os.environ.get("MINIGRAD_DATA") or "none", "images"),
    ]
    names = [*NAMES, *sorted(file for folder in folders for file in folder.glob("*.jpg"))]
    photos = [photo(name, round(side * scale)) for name in names for scale in (1.25, 1.8, 2.5)]
    crops = np.empty((n, 3, side, side), np.float32)
    for i in range(n):
        image = photos[i % len(photos)]
        top, left = (rng.integers(length - side + 1) for length in image.shape[1:])
        crops[i] = image[:, top : top + side, left : left + side]
    return crops


def train_digits(args, results: Results) -> Subject:
    """Train the classifier on bent and noisy digits; return it with the test digits."""
    count = 512 if args.quick else 8000
    data = load(args.data, seed=args.seed, train=count, test=max(256, count // 4))
    x, labels = data.train_images[:count], data.train_labels[:count]
    epochs = args.epochs if args.epochs is not None else 1 if args.quick else EPOCHS
    rng = np.random.default_rng(args.seed)
    model = DigitNet(rng=rng).to(args.device)

    def loss(batch: Tensor, classes: Tensor) -> Tensor:
        noise = NOISE * rng.random((len(batch), 1, 1, 1), np.float32) * rng.standard_normal(batch.shape, np.float32)
        return mg.cross_entropy(model(bend(batch, rng, **BEND) + Tensor(noise).to(args.device)), classes)

    train(
        model,
        loss,
        (x, labels),
        optim.Adam(model.parameters(), LEARNING_RATE),
        epochs=epochs,
        rng=rng,
        batch_size=BATCH,
        path=args.out / "training-digits.safetensors",
        resume=args.resume,
        settings={"data": args.data, "seed": args.seed, "epochs": epochs, "images": len(x)},
        label="classifier",
        device=args.device,
    )
    for p in model.parameters():
        p.requires_grad = False
    right = apply(model, data.test_images, device=args.device).argmax(axis=1) == data.test_labels
    results.add("classifier, test accuracy", right.mean(), guessing=0.1)
    return Subject(model, data.test_images, steps_of("digits", args))
