"""Studies of style transfer, on small pictures: layers, the weight of the style, mixtures, optimisers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from demos import figures
from demos.data.photos import as_bytes
from demos.pixels import paint
from demos.results import Results
from minigrad import Tensor, no_grad, saving
from models.style_transfer import Recipe

SIZE, EVALUATIONS = 128, 80
SWEEP = (0.01, 0.1, 1.0, 10.0, 100.0)  # times the run's beta
PATH = (0.0, 0.25, 0.5, 0.75, 1.0)  # share of the second style
BUDGETS = {"lbfgs": 100, "adam": 200}  # evaluations


def study(task, pictures: list[str], results: Results, args) -> None:
    """Draw layers.png, sweep.png, mixing.png and optimizers.png for the run's content image and two styles."""
    content, styles = task.read(pictures, study_work(task, args)[0])
    how = {"evaluations": 2 if args.quick else EVALUATIONS, "device": args.device}
    layers(task, content, styles[0], how, args)
    sweep(task, content, styles[0], how, args)
    mix(task, content, styles, how, results, args)
    race(task, content, styles[0], results, args)


def study_work(task, args) -> tuple[int, int]:
    """Return the size of the pictures, and how many evaluations there will be."""
    size = 32 if args.quick else min(SIZE, args.size)
    count = 2 * len(task.recipe.style) + len(SWEEP) + len(PATH)
    return size, 2 * (count + 2) if args.quick else count * EVALUATIONS + sum(BUDGETS.values())


def layers(task, content: Tensor, style: Tensor, how: dict, args) -> None:
    """Rebuild the content image from each layer alone, and the style from the Gram matrices of the layers up to it."""
    names = [name for name in task.features.layers if name in task.recipe.style]
    columns = [[array(content), array(style)]]
    for i, name in enumerate(names):
        recipes = (
            Recipe({name: 1.0}, {}, task.recipe.smoothness / 10),
            Recipe({}, dict.fromkeys(names[: i + 1], 1.0), task.recipe.smoothness / 10),
        )
        losses = [task.loss(content, [style], recipe=recipe, beta=1.0) for recipe in recipes]
        columns.append([paint(loss, task.noise(content), **how, label=f"layer {name}")[0][0] for loss in losses])
    titles = ["picture", *(f"layer {name}" for name in names)]
    figures.image_table(columns, titles, ["content", "style, up to"], args.out / "layers.png")


def sweep(task, content: Tensor, style: Tensor, how: dict, args) -> None:
    """Paint with small to large weights of the style."""
    weights = [task.beta * factor for factor in SWEEP]
    losses = [task.loss(content, [style], beta=weight) for weight in weights]
    painted = [paint(loss, content.to("cpu").numpy(), **how, label="sweep")[0] for loss in losses]
    titles = [f"beta / alpha = {weight:g}" for weight in weights]
    figures.image_table([[x[0]] for x in painted], titles, [""], args.out / "sweep.png")
    keep("sweep", painted, args, weights=weights)


def mix(task, content: Tensor, styles: list[Tensor], how: dict, results: Results, args) -> None:
    """Walk from one style to the other, and measure the distance to both."""
    painted = []
    for share in PATH:
        loss = task.loss(content, styles, shares=[1 - share, share])
        painted.append(paint(loss, content.to("cpu").numpy(), **how, label="mixing")[0])
        with no_grad():
            first, second = (loss.item() for loss in loss.losses(Tensor(painted[-1]).to(args.device)).styles)
        results.add(f"style loss to the first, {share:.0%} of the second", first, to_the_second=second)
    columns = [[array(styles[0])], *([x[0]] for x in painted), [array(styles[1])]]
    titles = ["first style", *(f"{share:.0%} of the second" for share in PATH), "second style"]
    figures.image_table(columns, titles, [""], args.out / "mixing.png")
    keep("mixing", painted, args, shares=PATH)


def race(task, content: Tensor, style: Tensor, results: Results, args) -> None:
    """Minimise the same loss with both optimisers; Adam gets twice the evaluations."""
    loss, lowest, histories = task.loss(content, [style]), {}, {}
    budgets = dict.fromkeys(BUDGETS, 2) if args.quick else BUDGETS
    for optimizer, budget in budgets.items():
        how = {"evaluations": budget, "optimizer": optimizer, "device": args.device}
        picture, histories[optimizer] = paint(loss, content.to("cpu").numpy(), **how, label=optimizer)
        with no_grad():
            lowest[optimizer] = loss(Tensor(picture).to(args.device)).item()
    baseline = {f"Adam_at_{budgets['adam']}": lowest["adam"]}
    results.add(f"loss by L-BFGS at {budgets['lbfgs']} evaluations", lowest["lbfgs"], **baseline)
    figures.curves(histories, args.out / "optimizers.png", "evaluation", "loss")


def keep(name: str, painted: list[np.ndarray], args, **numbers: Sequence[float]) -> None:
    """Keep the pictures of a study, and the numbers that they differ in, for the gallery to slide over."""
    arrays = {"pictures": as_bytes(np.concatenate(painted))} | {key: np.array(x) for key, x in numbers.items()}
    saving.save(args.out / f"{name}.safetensors", arrays)


def array(x: Tensor) -> np.ndarray:
    """(1, 3, H, W) on any device -> (3, H, W)."""
    return x.to("cpu").numpy()[0]
