"""Studies of a style network: what it paints unseen, beside descent on pixels; its styles blended; its speed."""

from __future__ import annotations

import itertools
import time

import numpy as np

from demos import figures
from demos.data.contents import unseen
from demos.data.photos import photo
from demos.painter import Painter
from demos.pixels import paint
from demos.run import Run
from minigrad import no_grad
from models.style_network import StyleLoss
from models.style_transfer import StyleTransfer

EVALUATIONS = 100  # of descent
SHOWN, TILE = 384, 256  # pixels of the shorter side
PATH = (0.0, 0.25, 0.5, 0.75, 1.0)  # share of the second style
GRID = 5  # blends in a row of the four-corner grid
LARGE = 512  # pixels of a side, for the time


def study(painter: Painter, pictures: list[str], loss: StyleLoss, side: int, run: Run) -> None:
    """Measure the painter against descent, along its blends and by the clock; draw styles.png and corners.png."""
    against_descent(painter, loss, side, run)
    along_blends(painter, loss, run)
    draw_styles(painter, pictures, run)
    draw_corners(painter, run)
    large = photo(run.args.content, LARGE)[:, :LARGE, :LARGE]
    began = time.perf_counter()
    painter.paint(large, one(painter, 0))
    run.results.add(f"seconds for {LARGE} x {LARGE} pixels", time.perf_counter() - began)


def one(painter: Painter, s: int) -> np.ndarray:
    """The shares of style s alone."""
    return np.eye(len(painter.names), dtype=np.float32)[s]


def square(picture: np.ndarray) -> np.ndarray:
    """Cut (3, H, W) to its upper middle square."""
    H, W = picture.shape[1:]
    length = min(H, W)
    top, left = (H - length) // 4, (W - length) // 2
    return picture[:, top : top + length, left : left + length]


def transfer(loss: StyleLoss, content: np.ndarray, s: int, run: Run) -> StyleTransfer:
    """The loss of style s for a content image (3, H, W), with the weights that the network was trained by."""
    style = loss.styles[s]
    return StyleTransfer(loss.features, run.tensor(content[None]), [style], loss.recipes[s], beta=loss.beta)


def against_descent(painter: Painter, loss: StyleLoss, side: int, run: Run) -> None:
    """Compare the loss of one pass with that of descent on pixels, on content that was never trained on."""
    ratios = []
    for content, picture in unseen(side).items():
        x = square(picture)
        for s, name in enumerate(painter.names):
            judge = transfer(loss, x, s, run)
            evaluations = run.choose(quick=2, whole=EVALUATIONS)
            label = f"{content}, {name}, by descent"
            descended, _ = paint(judge, x[None], evaluations=evaluations, device=run.device, label=label)
            painted = painter.paint(x, one(painter, s))[None]
            with no_grad():
                pass_, descent, start = (judge(run.tensor(p)).item() for p in (painted, descended, x[None]))
            run.results.add(f"loss, {content} in {name}", pass_, descent=descent, content_image=start)
            ratios.append(pass_ / descent)
    run.results.add(f"loss, times that of descent at {EVALUATIONS}", float(np.median(ratios)), largest=max(ratios))


def along_blends(painter: Painter, loss: StyleLoss, run: Run) -> None:
    """Walk from each style to each other: of every step, does it leave the first and near the second?"""
    names = painter.names
    x = square(unseen(run.choose(quick=32, whole=SHOWN))["hopper"])
    for a, b in itertools.combinations(range(len(names)), 2):
        judges, far = [transfer(loss, x, s, run) for s in (a, b)], []
        for share in PATH:
            painted = run.tensor(painter.paint(x, (1 - share) * one(painter, a) + share * one(painter, b))[None])
            with no_grad():
                far.append([judge.losses(painted).styles[0].item() for judge in judges])
        away, nearer = np.diff(np.array(far), axis=0).T
        right = (away > 0).sum() + (nearer < 0).sum()
        run.results.add(f"right steps from {names[a]} to {names[b]}", right, of=2 * len(away))


def draw_styles(painter: Painter, pictures: list[str], run: Run) -> None:
    """Draw unseen photographs in every style, below the styles' own pictures."""
    size = run.choose(quick=32, whole=SHOWN)
    contents = [square(picture) for picture in unseen(size).values()]
    columns = [[np.ones((3, size, size), np.float32), *contents]]
    for s, picture in enumerate(pictures):
        style = square(photo(picture, size))
        columns.append([style, *(painter.paint(x, one(painter, s)) for x in contents)])
    titles = ["photograph", *painter.names]
    figures.image_table(columns, titles, ["style", *[""] * len(contents)], run.out / "styles.png", 2.6)


def draw_corners(painter: Painter, run: Run) -> None:
    """Draw one photograph in four styles, at the corners of a grid, and in blends of them between."""
    x = photo(run.args.content, run.choose(quick=32, whole=TILE))
    corners = [one(painter, s % len(painter.names)) for s in range(4)]  # fewer styles take several corners
    ways = np.linspace(0, 1, GRID)
    grid = np.stack([np.stack([painter.paint(x, mixed(corners, v, u)) for u in ways]) for v in ways])
    names = [painter.names[s % len(painter.names)] for s in range(4)]
    title = f"{names[0]}, {names[1]} above; {names[2]}, {names[3]} below; between them their blends"
    figures.mosaics({title: grid}, run.out / "corners.png", 9.0)


def mixed(corners: list[np.ndarray], v: float, u: float) -> np.ndarray:
    """Blend the shares of four corners, two above and two below, at v down and u to the right."""
    (a, b, c, d) = corners
    return (1 - v) * ((1 - u) * a + u * b) + v * ((1 - u) * c + u * d)
