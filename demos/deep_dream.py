"""Deep dream: a photo, changed so that whatever a layer of a network sees in it, it sees more of.

Uses SqueezeNet if its weights are at hand (--features squeezenet downloads them, 5 MB), else the same network with
random weights, which amplifies textures only: it has never learned what eyes are.
On a photo of your own: python -m demos deep_dream --photo PATH --size 400
"""

from __future__ import annotations

import numpy as np
from tqdm import tqdm

from demos import figures, options
from demos.data.photos import NAMES, photo, write
from demos.data.weights import find_weights, load_features
from demos.evaluation.images import ssim
from demos.pixels import Octave, dream
from demos.run import Run
from minigrad import nn
from models.features import Features, SqueezeNet
from models.visualize import Objective

OCTAVES = 4
LAYERS = {"squeezenet": ["4", "9"], "vgg19": ["relu3_1", "relu4_1"], "random": ["4", "6.expand"]}
STEPS = {"squeezenet": 10, "vgg19": 10, "random": 20}  # in an octave
SIZE = {False: 320, True: 96}  # pixels of the shorter side, in a whole and in a quick run


def add_options(parser) -> None:
    add = parser.add_argument
    add("--photo", type=options.named, default="china", help=f"{', '.join(NAMES)} or a file (default: china, a pagoda)")
    add("--features", choices=list(LAYERS), help="network (default: squeezenet if at hand, else random)")
    add("--layer", nargs="+", help="layers to dream of, a picture each (default: two)")
    add("--octaves", type=options.whole(1), default=OCTAVES, help=f"sizes to dream at (default: {OCTAVES})")
    add("--size", type=options.whole(16), help=f"pixels of the shorter side (default: {SIZE[False]})")


def main(args) -> None:
    name = args.features or ("squeezenet" if find_weights("squeezenet") else "random")
    octaves = min(args.octaves, 2) if args.quick else args.octaves
    x = photo(args.photo, args.size or SIZE[args.quick])[None]
    features = (untrained(args.seed) if name == "random" else load_features(name)).to(args.device)
    run = Run("deep_dream", args, features=name, photo=args.photo, octaves=octaves)
    print(f"{name} weights, {x.shape[3]} x {x.shape[2]} pixels; the objective is the mean of a**2")
    pictures = {"photo": x[0]}
    for layer in args.layer or LAYERS[name]:
        dreams = dream(features, layer, run.tensor(x), octaves=octaves, steps=STEPS[name], rng=run.rng())
        found = list(tqdm(dreams, desc=layer, total=octaves, unit="octave"))
        judge(features, layer, x, found, run)
        pictures[f"layer {layer}"] = found[-1].image.to("cpu").numpy()[0]
        write(pictures[f"layer {layer}"], run.out / f"dream-{layer}.png")
    figures.image_table([[image] for image in pictures.values()], list(pictures), [""], run.out / "dreams.png", 4.2)
    run.save()


def judge(features: Features, layer: str, x: np.ndarray, found: list[Octave], run: Run) -> None:
    """Measure how much the objective rose, in all and within each octave, and how much is left of the photo x.

    The baseline is the photo with the same changes in other places: shuffled among its pixels.
    """
    results, dreamt = run.results, found[-1].image.to("cpu").numpy()
    places = run.rng().permutation(x[0, 0].size)
    shuffled = (x + (dreamt - x).reshape(1, 3, -1)[:, :, places].reshape(x.shape)).clip(0, 1)
    objective = Objective(features, layer, "layer")
    before, after, other = (objective(run.tensor(image)).item() for image in (x, dreamt, shuffled))
    rises = [octave.after / octave.before for octave in found]
    results.add(f"objective, times the photo's, layer {layer}", after / before, shuffled=other / before)
    results.add(f"least rise within an octave, layer {layer}", min(rises), largest=max(rises))
    results.add(f"SSIM to the photo, layer {layer}", ssim(dreamt, x), shuffled=ssim(shuffled, x))


def untrained(seed: int) -> SqueezeNet:
    """SqueezeNet with random weights of the size that keeps variance through ReLUs."""
    rng = np.random.default_rng(seed)
    features = SqueezeNet(rng=rng)
    nn.init.initialise(features, nn.init.kaiming_normal, rng)
    for p in features.parameters():
        p.requires_grad = False
    return features
