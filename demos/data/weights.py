"""Networks with the weights that they were trained to: load_features("squeezenet"), or "vgg19"; "random" has none."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

import minigrad as mg
from minigrad import saving
from models.features import VGG19, Features, RandomFeatures, SqueezeNet

from .files import fetch, find

ADDRESS = "https://download.pytorch.org/models/"


class Source(NamedTuple):
    """Where a network's weights are: torchvision's file, its SHA-256 and bytes, and files made of it, with theirs.

    The first digits of torchvision's digests are in its files' names, and PyTorch checks these alone.
    """

    network: type[Features]
    published: str
    sha256: str
    size: int
    converted: dict[str, str]


SOURCES = {
    "squeezenet": Source(
        SqueezeNet,
        "squeezenet1_1-b8a52dc0.pth",
        "b8a52dc049b60e4b6ab68ad0df457362afab8b6304b2febdc1650a5dab4d7e7b",
        4_958_839,
        {"squeezenet1_1_features.safetensors": "759d753d31819d96f8c04ccf78661819fc2879d5b2941fc3e39dd0f3646a96ad"},
    ),
    "vgg19": Source(
        VGG19,
        "vgg19-dcbb9e9d.pth",
        "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
        574_673_361,
        {},
    ),
}
NAMES = (*SOURCES, "random")


def load_features(name: str, path: str | Path | None = None) -> Features:
    """Make a network of models/features.py with its weights, none of which requires a gradient -> Module.

    "squeezenet" and "vgg19" take the weights from `path`, a .safetensors or torchvision's .pth, else from where
    find_weights finds them, else from torchvision's server (5 MB and 548 MB), once. "random" needs none.
    ValueError for an unknown name, a path for "random", or a file that is not of this network; errors of fetch.
    """
    if name not in NAMES:
        raise ValueError(f"load_features: unknown name {name!r}; it must be one of {', '.join(map(repr, NAMES))}")
    rng = np.random.default_rng(0)
    if name == "random":
        if path is not None:
            raise ValueError(f"load_features: 'random' takes no weights, got {path}; name another network, or no path")
        features = RandomFeatures(rng=rng)
    else:
        source = SOURCES[name]
        features = source.network(rng=rng)
        file = Path(path) if path is not None else find_weights(name)
        if file is None:
            file = fetch(source.published, [ADDRESS + source.published], source.sha256, size=source.size)
        _load(features, file)
    for p in features.parameters():
        p.requires_grad = False
    return features.eval()


def find_weights(name: str) -> Path | None:
    """Find a network's weights in the folder that MINIGRAD_DATA names, then in the cache; None if only a download has.

    ValueError for a file of one of the names that Source gives, but with other contents.
    """
    source = SOURCES[name]
    for file, sha256 in (source.converted | {source.published: source.sha256}).items():
        if find(file) is not None:
            return fetch(file, [], sha256, size=source.size)
    return None


def _load(features: Features, file: Path) -> None:
    """Set the weights from a file of either kind, known by its suffix."""
    readers = {".safetensors": lambda path: saving.load(path)[0], ".pth": mg.load_pth, ".pt": mg.load_pth}
    if file.suffix not in readers:
        raise ValueError(
            f"load_features: {file} ends in none of {', '.join(readers)}; give weights in one of these forms"
        )
    try:
        features.load_state_dict(readers[file.suffix](file))
    except ValueError as error:
        raise ValueError(f"load_features: {file} does not fit {type(features).__name__}: {error}") from error
