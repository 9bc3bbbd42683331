"""Style transfer: a photograph painted as another picture is, by changing its pixels until a network agrees.

Starts from the photograph and lowers the sum of a content loss and a style loss. Then, at a smaller size, it shows what
each layer of the network keeps, the effect of the weight of the style, and a path from one style to another. The
network is SqueezeNet if its weights are at hand (in MINIGRAD_DATA or the cache), else a layer of random filters, which
needs none; --features squeezenet or vgg19 downloads weights once.
On pictures of your own: python -m demos style_transfer --content photo.jpg --style painting.jpg
"""

from __future__ import annotations

import math
import time

import numpy as np

import minigrad as mg
from demos import figures, networks, options
from demos.data.photos import NAMES, as_bytes, photo, write
from demos.pixels import OPTIMIZERS, PREVIEW, estimate, paint
from demos.results import Results
from demos.style_studies import study, study_work
from minigrad import Tensor, keep_memory, no_grad, saving
from models.deep_dream import resize
from models.features import Features
from models.style_transfer import BETA, FIXED, RECIPES, Recipe, StyleTransfer, balanced, grams, style_loss

CONTENT, STYLE, OTHER_STYLE = "hopper", "mosaic", "strokes"
EVALUATIONS = 300
UNSEEN = {"squeezenet": "12", "vgg19": "relu4_3", "random": "scale16"}  # layers that no recipe uses
TRIAL_SIZE = 96  # on which time and memory are estimated
LUMA = np.array([0.299, 0.587, 0.114], np.float32).reshape(3, 1, 1)  # of red, green, blue


def add_options(parser) -> None:
    add = parser.add_argument
    add("--content", default=CONTENT, metavar="PICTURE", help=f"{', '.join(NAMES)} or a file (default: {CONTENT})")
    add(
        "--style", action="append", nargs="+", metavar=("PICTURE", "SHARE"),
        help=f"as --content, and its share; may be given several times (default: {STYLE})",
    )  # fmt: skip
    add("--size", type=options.whole(32), default=256, help="pixels of the shorter side (default: 256)")
    networks.add_options(parser)
    add("--content-layers", nargs="+", metavar="LAYER", help="layers whose activations are kept")
    add("--layers", nargs="+", metavar="LAYER", help="layers whose Gram matrices are matched")
    add("--beta", type=options.weight, help=f"weight of the style, the content's being 1 (default: {BETA:g})")
    add("--fixed-weights", action="store_true", help="CS231n's weights of layers instead of balanced ones, beta 1")
    add("--optimizer", choices=OPTIMIZERS, default="lbfgs", help="(default: lbfgs)")
    count = f"of the loss and its gradient (default: {EVALUATIONS})"
    add("--evaluations", type=options.whole(1), default=EVALUATIONS, help=count)
    start = "first picture: content, noise, which asks for a smaller --beta, or a file such as a smaller result"
    add("--start", type=options.named, default="content", metavar="PICTURE", help=f"{start} (default: content)")
    add("--preserve-colour", action="store_true", help="transfer brightness alone, and keep the photograph's colours")
    add("--no-studies", action="store_true", help="only the picture, no studies of layers, weights and mixtures")


def main(args) -> None:
    keep_memory()
    if args.quick:
        args.size, args.evaluations = min(args.size, 64), min(args.evaluations, 4)
    name, features = networks.choose_features(args)
    pictures, shares = read_styles(args.style or [[STYLE]])
    recipe = choose_recipe(name, args)
    beta = args.beta if args.beta is not None else 1.0 if args.fixed_weights else BETA
    task = Task(features, recipe, beta, args)
    results = Results(
        "style_transfer", content=args.content, styles=pictures, shares=shares, features=name, size=args.size,
        beta=beta, optimizer=args.optimizer, evaluations=args.evaluations, seed=args.seed,
    )  # fmt: skip
    transfer(task, pictures, shares, UNSEEN[name], results, args)
    if not args.no_studies:
        study(task, [*pictures, next(p for p in (STYLE, OTHER_STYLE) if p not in pictures)][:2], results, args)
    results.save(args.out)


# ---- choices ---------------------------------------------------------------------------------------------------------


def read_styles(options: list[list[str]]) -> tuple[list[str], list[float]]:
    """Read --style PICTURE [SHARE] .. -> pictures, and shares of sum 1. ValueError for a share that is not positive."""
    pictures, shares = [], []
    for picture, *share in options:
        try:
            (number,) = map(float, share or ["1"])
        except ValueError:
            number = -1.0
        if not 0 < number < math.inf:
            raise ValueError(f"--style {picture} {' '.join(share)}: give one picture and at most one positive share")
        pictures.append(picture)
        shares.append(number)
    return pictures, [share / sum(shares) for share in shares]


def choose_recipe(name: str, args) -> Recipe:
    """Return the network's recipe, with other layers if they are given."""
    if args.fixed_weights and (name != "squeezenet" or args.layers or args.content_layers):
        raise ValueError("--fixed-weights: they are for squeezenet and its own layers; leave it out")
    recipe = FIXED if args.fixed_weights else RECIPES[name]
    if args.content_layers:
        recipe = recipe._replace(content=dict.fromkeys(args.content_layers, 1.0))
    if args.layers:
        recipe = recipe._replace(style=dict.fromkeys(args.layers, 1.0))
    return recipe


class Task:
    """The network, the layers and the options by which this run paints."""

    def __init__(self, features: Features, recipe: Recipe, beta: float, args):
        self.features, self.recipe, self.beta, self.args = features, recipe, beta, args

    def read(self, pictures: list[str], size: int) -> tuple[Tensor, list[Tensor]]:
        """Read the content image and the styles, each (1, 3, H, W), in grey with --preserve-colour."""
        content, *styles = (photo(picture, size)[None] for picture in (self.args.content, *pictures))
        if self.args.preserve_colour:
            content, styles = grey(content), [match(grey(style), grey(content)) for style in styles]
        content, *styles = (Tensor(x).to(self.args.device) for x in (content, *styles))
        return content, styles

    def loss(self, content: Tensor, styles: list[Tensor], **options) -> StyleTransfer:
        """Make the loss. options: shares, beta, or a recipe to be balanced, in place of the run's own."""
        balance = not self.args.fixed_weights or "recipe" in options
        recipe = options.pop("recipe", self.recipe)
        recipe = balanced(recipe, self.features, content, styles) if balance else recipe
        return StyleTransfer(self.features, content, styles, recipe, **({"beta": self.beta} | options))

    def first(self, content: Tensor) -> np.ndarray:
        """Return the picture that painting starts from, (1, 3, H, W), as --start says."""
        start = self.args.start
        if start == "content":
            return content.to("cpu").numpy()
        if start == "noise":
            return self.noise(content)
        x = photo(start, min(content.shape[2:]))[None]
        if any(abs(a - b) > 1 for a, b in zip(x.shape[2:], content.shape[2:])):
            raise ValueError(f"--start {start}: its proportions are not the content's; give a picture that has them")
        x = resize(Tensor(grey(x) if self.args.preserve_colour else x), content.shape[2:])
        return x.numpy()

    def noise(self, like: Tensor) -> np.ndarray:
        """Draw a picture of noise around grey, of the size of another."""
        return np.random.default_rng(self.args.seed).normal(0.5, 0.1, like.shape).clip(0, 1).astype(np.float32)


# ---- the picture -----------------------------------------------------------------------------------------------------


def transfer(task: Task, pictures: list[str], shares: list[float], unseen: str, results: Results, args) -> None:
    """Paint the content image in the styles, draw it beside them, and measure it."""
    content, styles = task.read(pictures, args.size)
    loss = task.loss(content, styles, shares=shares)
    announce(task, pictures, content.shape[2:], args)
    start = task.first(content)
    originals = [photo(picture, args.size)[None] for picture in (args.content, *pictures)]
    frames = [as_bytes(start[0])]

    def show(x: np.ndarray) -> None:
        picture = recolour(x, originals[0])[0] if args.preserve_colour else x[0]
        write(picture, args.out / "result.png")
        frames.append(as_bytes(picture))

    how = {"evaluations": args.evaluations, "optimizer": args.optimizer, "device": args.device}
    began = time.perf_counter()
    try:
        result, history = paint(loss, start, **how, preview=show, label="painting")
    except KeyboardInterrupt:
        print(f"\nthe picture so far is {args.out / 'result.png'}")
        raise
    seconds = (time.perf_counter() - began) / len(history)
    judge(loss, task.features, unseen, content, styles, Tensor(result).to(args.device), results)
    results.add("seconds an evaluation", seconds)
    result = recolour(result, originals[0]) if args.preserve_colour else result
    titles = ["content", *(["style"] if len(styles) == 1 else [f"style, {share:.0%}" for share in shares]), "result"]
    figures.mosaics({t: x[None] for t, x in zip(titles, [*originals, result])}, args.out / "transfer.png")
    figures.curves({args.optimizer: history}, args.out / "loss.png", "evaluation", "loss")
    keep(originals[:2], frames, len(history), args)


def keep(originals: list[np.ndarray], frames: list[np.ndarray], evaluations: int, args) -> None:
    """Keep the photograph, the first style and what they became after more and more evaluations, for the gallery.

    frames: the picture at first, after every PREVIEW evaluations, and at the end; 1, 2, 4 and so on of them are kept.
    """
    doubling = [2**i for i in range(len(frames).bit_length()) if 2**i < len(frames) - 1]
    chosen = [0, *doubling, len(frames) - 1]
    counts = [min(i * PREVIEW, evaluations) for i in chosen[:-1]] + [evaluations]
    arrays = {"frames": np.stack([frames[i] for i in chosen]), "evaluations": np.array(counts)}
    for name, original in zip(("content", "style"), originals):
        arrays[name] = as_bytes(original[0])
    saving.save(args.out / "painting.safetensors", arrays)


def announce(task: Task, pictures: list[str], size: tuple[int, int], args) -> None:
    """Print an estimate of memory and time, from a trial on small pictures."""
    content, styles = task.read(pictures, min(TRIAL_SIZE, args.size))
    loss, trial = task.loss(content, styles), content.to("cpu").numpy()
    memory, seconds = estimate(loss, trial, size[0] * size[1], args.optimizer, args.device)
    more = 0.0
    if not args.no_studies:
        small, evaluations = study_work(task, args)
        more = seconds * (small / args.size) ** 2 * evaluations
    print(
        f"{size[1]} x {size[0]} pixels, {args.evaluations} evaluations: about {memory:.0f} MB and "
        f"{seconds * args.evaluations:.0f} s" + (f"; {more:.0f} s for the studies" if more else "")
    )


def judge(
    loss: StyleTransfer, features: Features, unseen: str, content: Tensor, styles: list[Tensor], result: Tensor,
    results: Results,
) -> None:  # fmt: skip
    """Compare the losses of the picture with those of the content image and of the style image."""
    H, W = content.shape[2:]
    grid = mg.affine_grid(Tensor(np.eye(2, 3, dtype=np.float32)[None]).to(content.device), (1, 3, H, W))
    stretched = mg.grid_sample(styles[0], grid, padding_mode="border")
    with no_grad():
        at_result, at_content, at_style = (loss.losses(x) for x in (result, content, stretched))
        wanted = grams(features.activations(styles[0], [unseen]))[unseen]
        apart = [style_loss(grams(features.activations(x, [unseen]))[unseen], wanted).item() for x in (result, content)]
    style = [sum(s * e.item() for s, e in zip(loss.shares, losses.styles)) for losses in (at_result, at_content)]
    kept = at_result.content.item(), at_style.content.item()
    results.add("style loss", style[0], content_image=style[1], share=style[0] / style[1])
    results.add("content loss", kept[0], style_image=kept[1], share=kept[0] / kept[1])
    if unseen not in loss.recipe.style:
        shares = {"content_image": apart[1], "share": apart[0] / apart[1]}
        results.add(f"style loss at {unseen}, not asked for", apart[0], **shares)


def grey(x: np.ndarray) -> np.ndarray:
    """Replace every colour by its brightness: (1, 3, H, W) -> the same shape."""
    return np.broadcast_to((x * LUMA).sum(axis=1, keepdims=True), x.shape).copy()


def recolour(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Give a picture the colours of another: its own brightness with the other's differences of red, green and blue."""
    return (grey(x) + like - grey(like)).clip(0, 1)


def match(x: np.ndarray, like: np.ndarray) -> np.ndarray:
    """Give x the mean and the standard deviation of another picture. Gatys, Bethge, Hertzmann & Shechtman 2016."""
    return ((x - x.mean()) * (like.std() / max(x.std(), 1e-6)) + like.mean()).clip(0, 1)
