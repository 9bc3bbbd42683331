"""Photo style: the colours and the light of one photograph in another, which stays a photograph.

A room of one's own takes the look of the room of the neighbour's son: walls from walls, floor from floor, bed from bed.
Beside it stands what plain style transfer makes of the same two pictures, and where each of them bends straight lines.
The network is SqueezeNet if its weights are at hand (in MINIGRAD_DATA or the cache), else a layer of random filters.
On pictures of your own: python -m demos photo_style --content mine.jpg --style theirs.jpg
with masks, pictures in which each region has its colour, the same one in both: --content-mask a.png --style-mask b.png
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

import minigrad as mg
from demos import figures, networks, options
from demos.data.masks import read_masks, soft_masks
from demos.data.photos import photo, write
from demos.data.rooms import REGIONS, ROOMS, room
from demos.rounds import paint_in_rounds
from demos.run import Run
from minigrad import no_grad
from models.colour_transfer import match_colours
from models.features import Features
from models.matting import bent_windows
from models.photo_style import STIFFNESS, PhotoLosses, PhotoStyle
from models.style_transfer import BETA, RECIPES, StyleTransfer, balanced

CONTENT, STYLE = "plain", "rich"
EVALUATIONS = 240
ROUNDS = 6  # after each of which an interrupted run can go on


def add_options(parser) -> None:
    add = parser.add_argument
    pictures = f"{', '.join(ROOMS)}, hopper, mosaic, strokes or a file"
    add("--content", type=options.named, default=CONTENT, metavar="PICTURE", help=f"{pictures} (default: {CONTENT})")
    add("--style", type=options.named, default=STYLE, metavar="PICTURE", help=f"the same (default: {STYLE})")
    for which in ("content", "style"):
        add(f"--{which}-mask", type=options.named, metavar="FILE", help=f"regions of the {which}, a colour for each")
    add("--size", type=options.whole(32), default=256, help="pixels of the shorter side (default: 256)")
    networks.add_options(parser)
    add("--beta", type=options.weight, default=BETA, help=f"weight of the style (default: {BETA:g})")
    stiffness = ", ".join(f"{number:g} for {name}" for name, number in STIFFNESS.items())
    add("--stiffness", type=options.weight, help=f"weight of straight lines (default: {stiffness})")
    count = f"of a loss and its gradient, for each of both pictures (default: {EVALUATIONS})"
    add("--evaluations", type=options.whole(1), default=EVALUATIONS, help=count)
    add("--resume", action="store_true", help="go on where an interrupted run stopped")


def main(args) -> None:
    mg.keep_memory()
    if args.quick:
        args.size, args.evaluations = min(args.size, 48), min(args.evaluations, 4)
    scene = read_scene(args)
    name, features = networks.choose_features(args)
    if args.stiffness is None:
        args.stiffness = STIFFNESS[name]
    names = {key: getattr(args, key) for key in ("content", "style", "content_mask", "style_mask")}
    run = Run(
        "photo_style", args, **names, features=name, weights=args.weights, size=args.size, beta=args.beta,
        stiffness=args.stiffness, evaluations=args.evaluations,
    )  # fmt: skip
    plain, ours = make_losses(scene, features, RECIPES[name], run)
    H, W = scene.content.shape[1:]
    print(f"{W} x {H} pixels; regions: {', '.join(scene.regions)}")
    matched = match_colours(scene.content, scene.style, scene.masks, scene.style_masks)
    painted = {
        "style transfer": fit(plain, scene.content, scene, "style_transfer", run),
        "photo style": fit(ours, matched, scene, "photo_style", run),
    }
    pictures, histories = ({name: result[i] for name, result in painted.items()} for i in range(2))
    judge(plain, ours, scene, pictures, run)
    draw(scene, pictures, run)
    figures.curves(histories, run.out / "loss.png", "evaluation", "loss")
    run.save()


# ---- pictures and regions --------------------------------------------------------------------------------------------


class Scene(NamedTuple):
    """Two pictures, (3, H, W) and (3, h, w), and what belongs together: names, masks (R, 1, H, W) and (R, 1, h, w)."""

    content: np.ndarray
    style: np.ndarray
    regions: list[str]
    masks: np.ndarray
    style_masks: np.ndarray


def read_scene(args) -> Scene:
    """Read both pictures and their regions: from masks, from the rooms themselves, or else a single one, everything."""
    files = args.content_mask, args.style_mask
    if (files[0] is None) != (files[1] is None):
        raise ValueError("--content-mask and --style-mask go together: give both, or none")
    names = args.content, args.style
    content, style = (room(name, args.size)[0] if name in ROOMS else photo(name, args.size) for name in names)
    if files[0] is not None:
        regions, labels = read_masks((Path(files[0]), Path(files[1])), (content.shape[1:], style.shape[1:]))
    elif all(name in ROOMS for name in names):
        regions, labels = REGIONS, tuple(room(name, args.size)[1] for name in names)
    else:
        regions, labels = ["everything"], tuple(np.zeros(x.shape[1:], int) for x in (content, style))
    return Scene(content, style, *common_regions(regions, *labels))


def common_regions(
    regions: list[str], content: np.ndarray, style: np.ndarray
) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return the names and the masks of the regions that both pictures have, and tell of any other of the content."""
    here, there = (np.bincount(labels.ravel(), minlength=len(regions)) / labels.size for labels in (content, style))
    for name, share, learns in zip(regions, here, there > 0):
        if share and not learns:
            print(f"region {name}, {share:.1%} of the content, is not in the style: it learns from nothing there")
    both = [i for i in range(len(regions)) if here[i] and there[i]]
    if not both:
        raise ValueError(
            "the two masks have no colour in common; paint regions that belong together in the same colour"
        )
    return [regions[i] for i in both], soft_masks(content, both), soft_masks(style, both)


# ---- painting --------------------------------------------------------------------------------------------------------


def make_losses(scene: Scene, features: Features, recipe, run: Run) -> tuple[StyleTransfer, PhotoStyle]:
    """Make the loss of style transfer and that of photo style, with the same weights of the layers."""
    content, style = run.tensor(scene.content[None]), run.tensor(scene.style[None])
    recipe, beta = balanced(recipe, features, content, [style]), run.args.beta
    masks = {"masks": run.tensor(scene.masks), "style_masks": run.tensor(scene.style_masks)}
    ours = PhotoStyle(features, content, style, recipe, **masks, beta=beta, stiffness=run.args.stiffness)
    return StyleTransfer(features, content, [style], recipe, beta=beta), ours


def fit(loss, start: np.ndarray, scene: Scene, name: str, run: Run) -> tuple[np.ndarray, list[float]]:
    """Paint from a first picture (3, H, W), kept in the run's folder meanwhile -> (3, H, W), the losses."""
    picture, history = paint_in_rounds(
        loss, start[None], rounds=run.choose(quick=2, whole=ROUNDS), evaluations=run.args.evaluations,
        path=run.out / f"{name}.safetensors", resume=run.args.resume, settings=run.settings,
        data=(scene.content, scene.style, scene.masks, scene.style_masks), device=run.device,
        label=name.replace("_", " "), preview=lambda x: write(x[0], run.out / f"{name}.png"),
    )  # fmt: skip
    write(picture[0], run.out / f"{name}.png")
    return picture[0], history


# ---- what came of it -------------------------------------------------------------------------------------------------


def judge(plain: StyleTransfer, ours: PhotoStyle, scene: Scene, pictures: dict[str, np.ndarray], run: Run) -> None:
    """Measure how far each picture is from the style, region by region and as a whole, and how much it is bent."""
    shown = [run.tensor(x[None]) for x in (pictures["photo style"], pictures["style transfer"], scene.content)]
    with no_grad():
        whole = [plain.losses(x).styles[0].item() for x in shown]
        losses: list[PhotoLosses] = [ours.losses(x) for x in shown]
    figures_of = {
        f"style loss of {name}": [x.regions[i].item() for x in losses] for i, name in enumerate(scene.regions)
    }
    figures_of["style loss of all regions"] = [x.style.item() for x in losses]
    figures_of["style loss without regions"] = whole
    for name, (mine, theirs, content) in figures_of.items():
        run.results.add(name, mine, style_transfer=theirs, share=mine / theirs, content_image=content)
    mine, theirs, _ = (x.matting.item() for x in losses)
    run.results.add("matting energy", mine, style_transfer=theirs, share=mine / theirs)


def draw(scene: Scene, pictures: dict[str, np.ndarray], run: Run) -> None:
    """Draw all pictures, and below each painted one where it bends lines: the darker, the more, on a common scale."""
    bent = {name: np.sqrt(bent_windows(x, scene.content)) for name, x in pictures.items()}
    most = np.quantile(bent["style transfer"], 0.98)
    columns = [[scene.content, scene.style], *([x, 1 - (bent[name] / most)[None]] for name, x in pictures.items())]
    titles = ["content, and its style below", *(f"{name}, and where it bends lines" for name in pictures)]
    figures.image_table(columns, titles, ["", ""], run.out / "slide.png", 3.1)
