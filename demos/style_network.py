"""One network for many styles: a photograph painted in a single pass, in any of four styles or between them.

Trains a network whose styles are scales and shifts of its channels, against the losses of style transfer; measures it
on pictures that it has not seen, beside descent on their pixels; and blends its styles. What judges is SqueezeNet if
its weights are at hand, else a layer of random filters.
In styles of your own: python -m demos style_network --styles a.jpg b.jpg c.jpg d.jpg --content photo.jpg
Without training: --weights FILE --content photo.jpg --style-weights .5 .5 0 0
One more style: --weights FILE --add-style new.jpg
"""

from __future__ import annotations

import math
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np

from demos import networks, options
from demos.data.contents import crops
from demos.data.paintings import PAINTINGS
from demos.data.photos import NAMES, photo, write
from demos.data.weights import NAMES as NETWORKS
from demos.painter import Painter
from demos.resume import fingerprint
from demos.run import Run
from demos.style_blends import study
from minigrad import Tensor, keep_memory, optim
from models.features import Features
from models.style_network import StyleLoss, StyleNetwork, with_another_style
from models.style_transfer import BETA, RECIPES, balanced

EPOCHS = 15
CROPS, SIDE, BATCH = 400, 96, 4  # of contents: how many, pixels of a side, and at a time
QUICK_SIDE = 40  # of a quick run's contents, pixels
WIDTHS, BLOCKS = (8, 16, 32), 3
RATE, RATE_OF_ONE = 1e-2, 1e-2  # of a whole network, of one style's scales and shifts
STYLE_SIZE = 256  # pixels of the shorter side of a style's picture: larger ones have larger strokes
BALANCED = 32  # crops that the losses are balanced on


def add_options(parser) -> None:
    add, known = parser.add_argument, f"{', '.join(NAMES)} or files"
    add("--styles", nargs="+", metavar="PICTURE", help=f"{known} (default: {' '.join(PAINTINGS)})")
    add("--content", default="hopper", metavar="PICTURE", help="what to paint at the end (default: hopper)")
    add("--size", type=options.whole(32), default=512, help="pixels of its shorter side (default: 512)")
    add("--style-weights", nargs="+", type=options.weight, metavar="SHARE", help="of each style (default: one by one)")
    add(
        "--weights",
        type=options.named,
        metavar="FILE",
        help="paint by a network that a run has saved, without training",
    )
    add("--add-style", type=options.named, metavar="PICTURE", help="teach the network of --weights one more style")
    add("--contents", type=Path, metavar="FOLDER", help="photographs of your own to train on")
    add("--features", choices=NETWORKS, help="network that judges (default: squeezenet if at hand, else random)")


def main(args) -> None:
    keep_memory()
    check(args)
    if args.weights and not args.add_style:
        paint(Painter.load(args.weights, args.device), args)
        return
    name, features = networks.choose_features(Namespace(features=args.features, weights=None, device=args.device))
    run = Run("style_network", args, epochs=EPOCHS, features=name)
    if args.add_style:
        painter = add_style(Painter.load(args.weights, args.device), name, features, run)
    else:
        painter = learn(args.styles or list(PAINTINGS), name, features, run)
    paint(painter, args)
    run.save()


def check(args) -> None:
    """Refuse options that contradict each other, before anything is trained."""
    if args.add_style and not args.weights:
        raise ValueError("--add-style: name the network that is to learn it, by --weights FILE")
    if args.styles and args.weights:
        raise ValueError(
            "--weights: this network has its styles already; leave out --styles, or train without --weights"
        )
    if args.styles and len({Path(name).stem for name in args.styles}) < len(args.styles):
        raise ValueError(f"--styles {' '.join(args.styles)}: two have one name; rename a file")
    if args.style_weights and not args.weights:
        check_shares(args.style_weights, len(args.styles or PAINTINGS))
    for picture in (args.content, *(args.styles or []), *([args.add_style] if args.add_style else [])):
        photo(picture, 16)  # raises if there is none


def check_shares(shares: list[float], styles: int) -> None:
    if len(shares) != styles or not sum(shares) > 0:
        raise ValueError(f"--style-weights: got {shares}; give {styles} numbers from 0, one for each style, not all 0")


# ---- training --------------------------------------------------------------------------------------------------------


def learn(pictures: list[str], name: str, features: Features, run: Run) -> Painter:
    """Train a network on the styles of pictures, save it, measure it and draw what it paints."""
    model = StyleNetwork(len(pictures), widths=WIDTHS, blocks=BLOCKS, rng=run.rng(0)).to(run.device)
    optimizer = optim.Muon(list(model.parameters()), RATE)
    loss = fit(model, pictures, name, features, optimizer, run, state="training")
    painter = Painter(model.to("cpu"), [Path(picture).stem for picture in pictures])
    file = run.out / "style_network.safetensors"
    painter.save(file)
    run.results.add("numbers in the network", sum(p.size for p in model.parameters()), bytes=file.stat().st_size)
    study(painter, pictures, loss, run.choose(quick=QUICK_SIDE, whole=SIDE), run)
    return painter


def add_style(painter: Painter, name: str, features: Features, run: Run) -> Painter:
    """Train the scales and shifts of one more style, and save the network under its name."""
    picture, model = run.args.add_style, with_another_style(painter.model).to(run.device)
    if Path(picture).stem in painter.names:
        raise ValueError(f"--add-style {picture}: {run.args.weights} has a style of that name; rename the picture")
    own = list(model.norms())
    for p in model.parameters():
        p.requires_grad = any(p is q for q in own)
    fit(model, [picture], name, features, optim.Adam(own, RATE_OF_ONE), run, state="training-added", of=painter.names)
    more = Painter(model.to("cpu"), [*painter.names, Path(picture).stem])
    file = run.out / f"{Path(run.args.weights).stem}-{more.names[-1]}.safetensors"
    more.save(file)
    print(f"{file} paints {', '.join(more.names)}")
    return more


def fit(
    model: StyleNetwork, pictures: list[str], name: str, features: Features, optimizer: Any, run: Run, *, state: str,
    **settings: Any,
) -> StyleLoss:  # fmt: skip
    """Train what the optimizer holds on the last styles of the model, those of pictures -> their loss."""
    count, epochs = run.choose(quick=8, whole=CROPS), run.epochs
    side = run.choose(quick=QUICK_SIDE, whole=SIDE)
    x = crops(count, side, run.seed, run.args.contents)
    drawn = [photo(picture, run.choose(quick=64, whole=STYLE_SIZE))[None] for picture in pictures]
    styles, some = [run.tensor(picture) for picture in drawn], run.tensor(x[:BALANCED])
    recipes = [balanced(RECIPES[name], features, some, [style]) for style in styles]
    judge, rng, first = StyleLoss(features, styles, recipes, BETA), run.rng(1), model.styles - len(styles)

    def loss(contents: Tensor) -> Tensor:
        which = (rng.integers(len(styles)) + np.arange(len(contents))) % len(styles)  # the styles in turns
        shares = np.eye(model.styles, dtype=np.float32)[first + which]
        return judge(model(contents, run.tensor(shares)), contents, which)

    run.fit(
        model, loss, (x,), optimizer, rng, state=state, label="painting", batch_size=BATCH, epochs=epochs,
        styles=dict(zip(pictures, fingerprint(tuple(drawn)))), **settings,
    )  # fmt: skip
    return judge


# ---- painting --------------------------------------------------------------------------------------------------------


def paint(painter: Painter, args) -> None:
    """Write the content in the mixture of --style-weights, or in every style."""
    if args.style_weights:
        check_shares(args.style_weights, len(painter.names))
        wanted = {"blend": np.float32(args.style_weights) / math.fsum(args.style_weights)}
    else:
        wanted = dict(zip(painter.names, np.eye(len(painter.names), dtype=np.float32)))
    content = photo(args.content, min(args.size, 64) if args.quick else args.size)
    for name, shares in wanted.items():
        began = time.perf_counter()
        picture = painter.paint(content, shares)
        seconds = time.perf_counter() - began
        file = args.out / f"{Path(args.content).stem}-{name}.png"
        write(picture, file)
        print(f"{file}: {content.shape[2]} x {content.shape[1]} pixels in {seconds:.2f} s")
