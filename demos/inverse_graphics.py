"""Deep inverse graphics: heads turn and lights move, because one number of the code is the azimuth, one the light.

Trains a VAE on procedural faces that come in batches: in each a head turns, or nods, or the light moves, or people
differ. For unseen people it measures how well each of the first three numbers of the code tells its factor, what else
it tells, and how an image with one of them exchanged compares with the true one. A plain VAE, which sees the same
images in no order, is the baseline: of its numbers those count that tell most of the factors.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from demos import figures
from demos.data import faces
from demos.data.turning import FACTORS, FIELDS, cut, in_batches, turning
from demos.evaluation.images import mse
from demos.evaluation.likelihood import posterior
from demos.evaluation.linear import ridge_r2
from demos.run import Run
from minigrad import Tensor, optim
from models.conv_vae import ConvVAE
from models.inverse_graphics import inverse_graphics_loss
from models.vae import negative_elbo

EPOCHS = 10
BATCHES, SIZE = 576, 8  # training images come in so many batches of so many
TEST = 400
CODE = 32
WIDTH = 16
SIGMA = 0.1  # of a pixel, at first: it is learned
KAPPA = 1.0  # the paper has 1/100; this is for a loss in nats per image
TOGETHER = 4  # batches per step, so that each step hears of several factors
LEARNING_RATE = 4e-3
STEPS = 7  # of a sweep
MOTION = {"azimuth": "head turns", "elevation": "head nods", "light": "light moves"}
SHOWN = 9  # people in whose photographs a factor is exchanged


class Task(NamedTuple):
    """Batches x (B, n, 3, 64, 64) to train on, which numbers of the code may explain each, active (B, CODE), and scene.

    y (M, 3, 64, 64): unseen people, whose factors vary independently of each other, and y_scene.
    """

    x: np.ndarray
    active: np.ndarray
    scene: faces.Scene
    y: np.ndarray
    y_scene: faces.Scene


class Read(NamedTuple):
    """A trained model and its losses, its codes (.., CODE) of x and y, and the place of each of FACTORS in a code."""

    model: ConvVAE
    history: list[float]
    x: np.ndarray
    y: np.ndarray
    places: tuple[int, ...]


def main(args) -> None:
    task = choose(args)
    run = Run("inverse_graphics", args, epochs=EPOCHS, images=task.x.shape[0] * SIZE)
    print(f"{len(task.x)} training batches of {SIZE} images, {len(task.y)} test images of other people")
    ours, plain = fit_ours(task, run), fit_plain(task, run)
    draw_losses({"inverse graphics": ours, "plain VAE": plain}, task, run)
    judge_codes(ours, plain, task, run)
    judge_exchanges(ours, plain, task, run)
    draw_sweeps(ours, plain, task, run)
    run.save()


def choose(args) -> Task:
    """Draw the images; a quick run takes few."""
    batches, test = (24, 48) if args.quick else (BATCHES, TEST)
    drawn = in_batches(batches, SIZE, "train", args.seed)
    active = np.zeros((batches, CODE), bool)
    for row, kind in zip(active, drawn.varies):
        row[list(FACTORS).index(kind) if kind in FACTORS else slice(len(FACTORS), None)] = True
    scene = turning(test, "test", args.seed)
    return Task(drawn.images, active, drawn.scene, cut(scene), scene)


def fit_ours(task: Task, run: Run) -> Read:
    """Train a VAE on batches in which one thing varies, holding what is inactive; its places are the first three."""
    rng = run.rng()
    model = new_model(task, rng, run)

    def loss(x: Tensor, active: Tensor) -> Tensor:
        return inverse_graphics_loss(model, x, active, KAPPA)

    history = fit(model, loss, (task.x, task.active), TOGETHER, "inverse graphics", rng, run)
    return Read(model, history, *codes(model, task, run), tuple(range(len(FACTORS))))


def fit_plain(task: Task, run: Run) -> Read:
    """Train the same VAE on the same images without their batches; its places are those that tell most of a factor."""
    rng = run.rng(1)
    model = new_model(task, rng, run)
    images = task.x.reshape(-1, *task.x.shape[2:])
    history = fit(model, lambda x: negative_elbo(model, x), (images,), TOGETHER * SIZE, "plain VAE", rng, run)
    x, y = codes(model, task, run)
    factors = known(task.scene)
    places = told(x, factors, x, factors).argmax(axis=0)
    return Read(model, history, x, y, tuple(places))


def new_model(task: Task, rng: np.random.Generator, run: Run) -> ConvVAE:
    options = {"width": WIDTH, "sigma": SIGMA, "learn_sigma": True, "mean": task.x.mean(axis=(0, 1))}
    return ConvVAE(CODE, image_shape=task.x.shape[2:], **options, rng=rng).to(run.device)


def fit(model: ConvVAE, loss: Callable, arrays: tuple, batch_size: int, name: str, rng, run: Run) -> list[float]:
    """Train a model with Muon -> its loss by epoch."""
    optimizer = optim.Muon(model.parameters(), LEARNING_RATE)
    state = f"training-{name.replace(' ', '-')}"
    return run.fit(model, loss, arrays, optimizer, rng, state=state, label=name, batch_size=batch_size)


def codes(model: ConvVAE, task: Task, run: Run) -> list[np.ndarray]:
    """Encode the images of all batches, and those of the unseen people -> means of the codes."""
    return [posterior(model, x.reshape(-1, *task.y.shape[1:]), run.device)[0] for x in (task.x, task.y)]


# ---- measures --------------------------------------------------------------------------------------------------------


def known(scene: faces.Scene) -> np.ndarray:
    """Return the factors of a scene, (n, 3)."""
    return np.stack([getattr(scene, field) for field in FIELDS.values()], axis=1)


def told(x: np.ndarray, x_known: np.ndarray, y: np.ndarray, y_known: np.ndarray) -> np.ndarray:
    """Share of the variance of y_known (M, T) that a line in each number of the codes y (M, k) explains -> (k, T)."""
    return np.stack([ridge_r2(x[:, [i]], x_known, y[:, [i]], y_known) for i in range(x.shape[1])])


def judge_codes(ours: Read, plain: Read, task: Task, run: Run) -> None:
    """Measure what the place of each factor tells of it, of the other two, and of the person, the most of any trait.

    And what the other numbers of the code together still tell of the factor: an exchange leaves that behind.
    """
    tables = [shares(read, task) for read in (ours, plain)]
    for k, name in enumerate(FACTORS):
        mine, theirs = (table[k] for table in tables)
        add, place = run.results.add, f"from z{k + 1}"
        add(f"R^2 of {name}, {place}", mine[k], plain_VAE=theirs[k])
        add(f"R^2 of other factors, {place}", np.delete(mine[:3], k).max(), plain_VAE=np.delete(theirs[:3], k).max())
        add(f"R^2 of the person, {place}", mine[3], plain_VAE=theirs[3])
        rest = [left_behind(read, k, task) for read in (ours, plain)]
        add(f"R^2 of {name}, from all but z{k + 1}", rest[0], plain_VAE=rest[1])
    draw_tables((ours, plain), tables, run)


def shares(read: Read, task: Task) -> np.ndarray:
    """What each place (rows) tells of each of FACTORS and of the person: R^2, (3, 4), negative ones as 0."""
    x, y = (np.concatenate([known(s), s.smile[:, None], s.parameters], axis=1) for s in (task.scene, task.y_scene))
    places = list(read.places)
    r2 = told(read.x[:, places], x, read.y[:, places], y).clip(0)
    return np.concatenate([r2[:, :3], r2[:, 3:].max(axis=1, keepdims=True)], axis=1)


def left_behind(read: Read, factor: int, task: Task) -> float:
    """What a linear map of all numbers but the place of a factor tells of it: R^2."""
    x, y = (np.delete(codes, read.places[factor], axis=1) for codes in (read.x, read.y))
    return float(ridge_r2(x, known(task.scene)[:, [factor]], y, known(task.y_scene)[:, [factor]])[0])


def judge_exchanges(ours: Read, plain: Read, task: Task, run: Run) -> None:
    """Give every unseen face one number of the code of the face before it, and compare with the true render."""
    again = [decoded(read, read.y, run) for read in (ours, plain)]
    run.results.add("MSE, unseen people", mse(again[0], task.y), plain_VAE=mse(again[1], task.y))
    rows = {"photograph": task.y, "the other": np.roll(task.y, 1, axis=0)}
    for k, (name, field) in enumerate(FIELDS.items()):
        truth = cut(task.y_scene._replace(**{field: np.roll(getattr(task.y_scene, field), 1)}))
        mine, theirs = (exchanged(read, k, run) for read in (ours, plain))
        beside = {"copy": mse(task.y, truth), "plain_VAE": mse(theirs, truth)}
        run.results.add(f"MSE, {name} exchanged", mse(mine, truth), **beside)
        rows |= {f"its {name}: z{k + 1} taken": mine, f"its {name}: rendered": truth}
    figures.image_rows({label: images[:SHOWN] for label, images in rows.items()}, run.out / "exchanged.png", 0.9)


def exchanged(read: Read, factor: int, run: Run) -> np.ndarray:
    """Decode the codes of y, in each of which the place of a factor has the number of the code before."""
    place, code = read.places[factor], read.y.copy()
    code[:, place] = np.roll(code[:, place], 1)
    return decoded(read, code, run)


def decoded(read: Read, code: np.ndarray, run: Run) -> np.ndarray:
    return run.apply(read.model.decode, code.astype(np.float32))


# ---- pictures --------------------------------------------------------------------------------------------------------


def draw_losses(reads: dict[str, Read], task: Task, run: Run) -> None:
    """Draw every loss, which falls below 0, as the spread of normal pixels that have it as their entropy."""
    pixels = task.y[0].size
    spreads = {name: np.exp(np.array(r.history) / pixels) / np.sqrt(2 * np.pi * np.e) for name, r in reads.items()}
    figures.curves(spreads, run.out / "loss.png", "epoch", "spread of a pixel, from the loss")


def draw_sweeps(ours: Read, plain: Read, task: Task, run: Run) -> None:
    """Draw one photograph of an unseen person, then what the decoder makes of its code while one number moves.

    Below each such row stands what the renderer draws of this person. plain.png has the same of the plain VAE.
    """
    limits = [high for _, high in FACTORS.values()]
    face = int(np.argmin((np.abs(known(task.y_scene)) / limits).max(axis=1)))  # seen from the front
    before = np.concatenate([task.y[[face]], np.ones_like(task.y[[face]])])  # the photograph and a gap
    for read, file in ((ours, "sweeps.png"), (plain, "plain.png")):
        rows = {}
        for k, (name, field) in enumerate(FIELDS.items()):
            values = np.linspace(*FACTORS[name], STEPS)
            moved = sweep(read, k, face, values, task, run)
            truth = cut(faces.take(task.y_scene, np.full(STEPS, face))._replace(**{field: values}))
            rows[f"{MOTION[name]}: by z{read.places[k] + 1}"] = np.concatenate([before, moved])
            rows[f"{MOTION[name]}: rendered"] = np.concatenate([before, truth])
        figures.image_rows(rows, run.out / file, 0.9)


def sweep(read: Read, factor: int, face: int, values: np.ndarray, task: Task, run: Run) -> np.ndarray:
    """Move the place of a factor to where training images with these values have it -> images (STEPS, 3, 64, 64)."""
    place, code = read.places[factor], np.repeat(read.y[[face]], len(values), axis=0)
    code[:, place] = np.polyval(np.polyfit(known(task.scene)[:, factor], read.x[:, place], 3), values)
    return decoded(read, code, run)


def draw_tables(reads: tuple[Read, ...], tables: list[np.ndarray], run: Run) -> None:
    """Draw R^2 of every factor, and of the person, from every place, the higher the darker."""
    board = figures.Board()
    for left, title, read, table in zip((0, 5), ("batches of one factor", "plain VAE"), reads, tables, strict=True):
        cells = np.vectorize(lambda r2: f"{r2:.2f}".removeprefix("0"))(table.T)
        colours = np.array(["#f4f7fb", "#d5e5f7", "#a9cdf3"])[(table.T > 0.1).astype(int) + (table.T >= 0.8)]
        board.table(left, 0, cells, colours)
        board.text(left + 1.5, -1.4, title, 10)
        for column, place in enumerate(read.places):
            board.text(left + column + 0.5, -0.5, f"z{place + 1}", 8)
    for row, name in enumerate([*FACTORS, "the person"]):
        board.text(-0.3, row + 0.5, name, 10, align="right")
    board.save(run.out / "table.png")
