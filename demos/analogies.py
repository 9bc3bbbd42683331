"""Visual analogies: a is to b as c is to what? Sprites turn, grow and move as other sprites did.

First an autoencoder learns to exchange parts of its code: the shape, colour, scale, angle or place of one sprite with
that of another. From there three networks learn analogies, which differ only in how they apply the step from a to b to
c: by adding it, by multiplying, or by a small network. That is learnt on codes alone, which costs little, repeated
application included; then everything learns on images. It measures them on combinations of shape and colour that
training never saw, beside a copy of c, and applies one turn again and again.
"""

from __future__ import annotations

import numpy as np

from demos import figures
from demos.data.sprites import ANGLE, COUNTS, KINDS, SHAPE, SIZE, Analogies, analogies, draw, is_of, sprites, step
from demos.evaluation.images import mse
from demos.options import whole
from demos.run import Run
from demos.training import as_kernels_do
from minigrad import Tensor, optim
from models.analogies import FORMS, AnalogyMaker, analogy_loss, disentangling_loss, exchange, repeated_loss

EPOCHS = 4
PAIRS, ANALOGIES, TEST = 8800, 80_000, 600  # to learn exchanges from, to learn analogies from, to judge by
ON_IMAGES = 1600  # analogies whose images are drawn, for the last training
PARTS = {"shape": 8, "colour": 8, "scale": 8, "angle": 24, "place": 16}  # of a code, and their numbers
PART_OF = np.array([0, 1, 2, 4, 4, 3])  # of each factor
WHERE = PARTS["place"]
CODE = sum(PARTS.values())
ALPHA = 2e-3  # weight of the error on codes, whose variance is about a hundred times that of pixels
EXCHANGE, IMAGES = (16, 5e-3), (16, 1e-3)  # pairs or analogies in a batch, and the learning rate
CODES = {"mul": (64, 1e-3), "deep": (64, 4e-3)}
WARM_UP = 100  # steps
REPEATS = 4  # of an analogy, that are learnt, and of a turn, that are measured
SHOWN = 12  # analogies and exchanges in a row
DRAWN = 6  # repeats of a turn in a row
LARGE = 3  # least steps of 15 degrees of the turns that are drawn repeatedly


def add_options(parser) -> None:
    parser.add_argument("--size", type=whole(1), default=SIZE, help=f"side of the images in pixels (default: {SIZE})")


def main(args) -> None:
    run = Run("analogies", args, epochs=EPOCHS, size=args.size)
    draw(np.zeros((0, len(COUNTS)), int), args.size)  # refuses a size that is too small
    test = analogies(run.choose(quick=60, whole=TEST), "test", run.rng(1))
    start, history = fit_exchange(run)
    judge_exchanges(start, test.factors[:, 0], test.factors[:, 2], run)
    models, histories = {}, {"exchange": history}
    for form in FORMS:
        models[form], histories[form] = fit_form(form, start, run)
    figures.curves(histories, run.out / "loss.png", "epoch", "training loss")
    judge_analogies(models, test, run)
    judge_repeats(models, test.factors[test.kind == KINDS.index("rotate")], run)
    run.save()


# ---- training --------------------------------------------------------------------------------------------------------


def fit_exchange(run: Run) -> tuple[AnalogyMaker, list[float]]:
    """Train f and g to exchange parts of codes; the form, add, has nothing else to learn -> (model, losses)."""
    rng = run.rng()
    model = new_model("add", rng, run)
    a, b = (sprites(run.choose(quick=64, whole=PAIRS), "train", rng) for _ in range(2))
    switches = rng.integers(2, size=(len(a), len(PARTS))).astype(bool)
    # a new pair of shape and colour may be a held out one: then they stay together
    allowed = is_of("train", exchanged(a, b, switches)) & is_of("train", exchanged(b, a, switches))
    switches[:, 1] = np.where(allowed, switches[:, 1], switches[:, 0])

    def loss(a: Tensor, b: Tensor, switches: Tensor) -> Tensor:
        a, b, s = (x.to("cpu").numpy() for x in (a, b, switches))
        return disentangling_loss(
            model, *(seen(x, run) for x in (a, b, exchanged(a, b, s), exchanged(b, a, s))), numbers(s, run)
        )

    return model, fit(model, loss, (a, b, switches), "exchange", EXCHANGE, model.parameters(), rng, run)


def fit_form(form: str, start: AnalogyMaker, run: Run) -> tuple[AnalogyMaker, list[float]]:
    """Train a network of a form on analogies, from the f and g of another -> (model, losses on images)."""
    rng = run.rng(2)
    model = new_model(form, rng, run)
    model.load_state_dict(start.state_dict(), strict=False)
    factors = analogies(run.choose(quick=64, whole=ANALOGIES), "train", rng).factors
    if form in CODES:  # add has nothing to learn there
        fit_change(model, factors, form, rng, run)

    def loss(factors: Tensor) -> Tensor:
        return analogy_loss(model, *(seen(x, run) for x in factors.to("cpu").numpy().swapaxes(0, 1)), ALPHA)

    return model, fit(model, loss, (factors[:ON_IMAGES],), form, IMAGES, model.parameters(), rng, run)


def fit_change(model: AnalogyMaker, factors: np.ndarray, form: str, rng, run: Run) -> None:
    """Train T on the codes of analogies, factors (n, 4, 6), in which the same happens to c again and again."""
    a, b, c, _ = factors.swapaxes(0, 1)
    steps = b - a
    again = np.stack([step(c, n * steps) for n in range(1, REPEATS + 1)], axis=1)
    known = ((again >= 0) & (again < COUNTS)).all(axis=-1)  # the others have left the image, or its scales
    which = np.ravel_multi_index(np.moveaxis(np.concatenate([factors[:, :3], again], axis=1), -1, 0), COUNTS, "clip")
    seen_once, index = np.unique(which, return_inverse=True)
    each = np.stack(np.unravel_index(seen_once, COUNTS), axis=1)
    codes = run.apply(lambda x: model.encode(seen(x.to("cpu").numpy(), run)), each)

    def loss(index: Tensor, known: Tensor) -> Tensor:
        fa, fb, *fc = codes[index.to("cpu").numpy().T]
        return repeated_loss(model, run.tensor(fb - fa), run.tensor(np.stack(fc)), known.transpose(1, 0))

    arrays = (index.reshape(which.shape), known.astype(np.float32))
    fit(model, loss, arrays, f"{form}-codes", CODES[form], model.change.parameters(), rng, run)


def new_model(form: str, rng: np.random.Generator, run: Run) -> AnalogyMaker:
    shape = (3, run.args.size, run.args.size)
    return AnalogyMaker(form, CODE - WHERE, WHERE, image_shape=shape, rng=rng).to(run.device)


def fit(model, loss, arrays: tuple, name: str, pace: tuple[int, float], parameters, rng, run: Run) -> list[float]:
    """Train parameters of a model with Muon -> its loss by epoch."""
    batch_size, rate = pace
    optimizer = optim.Muon(parameters, rate)
    names = {"state": f"training-{name}", "label": name}
    return run.fit(model, loss, arrays, optimizer, rng, **names, batch_size=batch_size, warm_up=WARM_UP)


def seen(factors: np.ndarray, run: Run) -> Tensor:
    """Draw sprites (n, 6) -> images on the run's device."""
    return run.tensor(as_kernels_do(draw(factors, run.args.size)))


def exchanged(a: np.ndarray, b: np.ndarray, switches: np.ndarray) -> np.ndarray:
    """Factors of sprites a (n, 6) whose parts are switched on, with the others of b: switches (n, 5) bool -> (n, 6)."""
    return np.where(switches[:, PART_OF], a, b)


def numbers(switches: np.ndarray, run: Run) -> Tensor:
    """Switches of parts (n, 5) -> of the numbers of a code (n, CODE), on the run's device."""
    return run.tensor(np.repeat(switches.astype(np.float32), list(PARTS.values()), axis=1))


# ---- measures and pictures -------------------------------------------------------------------------------------------


def judge_exchanges(model: AnalogyMaker, a: np.ndarray, b: np.ndarray, run: Run) -> None:
    """Measure, and draw, sprites of a (M, 6), their shapes and colours, in the poses of b."""
    switches = np.tile([part in ("shape", "colour") for part in PARTS], (len(a), 1))
    x, y, truth = (draw(factors, run.args.size) for factors in (a, b, exchanged(a, b, switches)))
    s = numbers(switches[:1], run)
    made = run.apply(lambda pair: exchange(model, pair[:, 0], pair[:, 1], s)[0], np.stack([x, y], axis=1))
    run.results.add("MSE, drawn again", mse(run.apply(model, x), x), mean_sprite=mse(x.mean(axis=0), x))
    run.results.add("MSE, sprite of a in the pose of b", mse(made, truth), a=mse(x, truth), b=mse(y, truth))
    rows = {"sprite of": x, "in the pose of": y, "exchanged": made, "truth": truth}
    figures.image_rows({label: images[:SHOWN] for label, images in rows.items()}, run.out / "exchanged.png", 0.8)


def judge_analogies(models: dict[str, AnalogyMaker], test: Analogies, run: Run) -> None:
    """Measure deep, beside the other forms and a copy of c, on all analogies and on those of each kind; draw some."""
    images = draw(test.factors, run.args.size)  # (M, 4, 3, S, S)
    c, d = images[:, 2], images[:, 3]
    answers = {form: answer(model, images, 1, run) for form, model in models.items()}
    for kind in ("all", *KINDS):
        which = np.full(len(c), True) if kind == "all" else test.kind == KINDS.index(kind)
        errors = {form: mse(made[which], d[which]) for form, made in answers.items()}
        run.results.add(f"MSE, {kind}, deep", errors.pop("deep"), **errors, copy=mse(c[which], d[which]))
    some = np.concatenate([np.flatnonzero(test.kind == k)[: SHOWN // len(KINDS)] for k in range(len(KINDS))])
    rows = {"a": images[:, 0], "is to b": images[:, 1], "as c": c, "to d (truth)": d}
    rows |= {f"by {form}": made for form, made in answers.items()}
    figures.image_rows({label: x[some] for label, x in rows.items()}, run.out / "analogies.png", 0.8)


def judge_repeats(models: dict[str, AnalogyMaker], factors: np.ndarray, run: Run) -> None:
    """Apply the turn from a to b to c again and again, factors (M, 4, 6), and measure deep beside the others."""
    images = draw(factors, run.args.size)
    c = images[:, 2]
    truth = [draw(turned(factors, n), run.args.size) for n in range(DRAWN + 1)]
    answers = {form: [answer(m, images, n, run) for n in range(1, DRAWN + 1)] for form, m in models.items()}
    for n in range(1, REPEATS + 1):
        errors = {form: mse(made[n - 1], truth[n]) for form, made in answers.items()}
        run.results.add(f"MSE, turned {n} times, deep", errors.pop("deep"), **errors, copy=mse(c, truth[n]))
    large = np.flatnonzero(np.abs(turn_of(factors)) >= LARGE)
    _, first = np.unique(factors[large, 2, SHAPE], return_index=True)  # one of each shape, of which two are drawn
    draw_repeats(images, {"truth": truth[1:], **answers}, large[first[::2]], run)


def draw_repeats(images: np.ndarray, rows: dict[str, list[np.ndarray]], which: np.ndarray, run: Run) -> None:
    """Draw a, b and c of some analogies, and c turned 1, 2, .. times, in a row for the truth and one for each form."""
    blank = [np.ones_like(images[0, 0])] * (len(rows) - 1)
    columns = [[tile for i in which for tile in (images[i, k], *blank)] for k in range(3)]
    columns += [[made[n][i] for i in which for made in rows.values()] for n in range(DRAWN)]
    titles = ["a", "is to b", "as c", *("to .." if n == 0 else f"{n + 1} times" for n in range(DRAWN))]
    figures.image_table(columns, titles, [*rows] * len(which), run.out / "repeated.png", 0.8)


def answer(model: AnalogyMaker, images: np.ndarray, times: int, run: Run) -> np.ndarray:
    """Answer analogies, of which images (M, 4, 3, S, S) show a, b and c -> (M, 3, S, S)."""
    return run.apply(lambda x: model.answer(x[:, 0], x[:, 1], x[:, 2], times), images[:, :3])


def turned(factors: np.ndarray, times: int) -> np.ndarray:
    """Factors (M, 4, 6) of analogies in which a turns -> those of c (M, 6), turned as often as asked."""
    c = factors[:, 2].copy()
    c[:, ANGLE] = (c[:, ANGLE] + times * turn_of(factors)) % COUNTS[ANGLE]
    return c


def turn_of(factors: np.ndarray) -> np.ndarray:
    """Factors (M, 4, 6) of analogies -> by how many of 24 steps b is turned from a, (M,) in -12 .. 11."""
    half = COUNTS[ANGLE] // 2
    return (factors[:, 1, ANGLE] - factors[:, 0, ANGLE] + half) % COUNTS[ANGLE] - half
