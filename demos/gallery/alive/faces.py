"""Faces decoded in the browser, by the network of the demo faces: moved along attributes, or drawn from noise.

Noise is decoded from where the codes are: the browser draws it from the mixture of Gaussians that the demo has fitted
to them. The demo's map from N(0, I) has the same distribution, but needs a bisection for each number.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from demos.gallery.alive import pack
from demos.gallery.alive.kept import kept, restored
from demos.gallery.alive.networks import Layers, layers_of
from minigrad import nn
from models.conv_vae import ConvVAE

SIZE = 64
WORDS = {"azimuth": "light from the side", "elevation": "light from above", "yaw": "turn", "pitch": "nod"}
WIDTHS = 8  # the decoder's first convolution has eight times the network's width


def faces(folder: Path) -> dict[str, Any] | None:
    """Write the decoder, the codes of faces to start from, and the mixture of Gaussians that was fitted to all codes.

    moves: what one standard deviation of each attribute adds to a code.
    """
    stored, fitted = kept(folder, "attributes"), kept(folder, "mixture")
    if stored is None or fitted is None:
        return None
    arrays, notes = stored
    mixture, _ = fitted
    return {
        "network": decoder(folder),
        "names": [WORDS.get(name, name.replace("_", " ")) for name in notes["names"]],
        "moves": np.round(arrays["moves"], 4).tolist(),
        "codes": np.round(arrays["codes"], 4).tolist(),
        "mixture": {part: pack.rounded(mixture[part]) for part in ("means", "factors")}
        | {"weights": mixture["weights"].tolist()},
    }


def decoder(folder: Path) -> Layers:
    state = kept(folder, "vae")[0]
    features, code = state["widen.weight"].shape
    width = features // (SIZE // 16) ** 2 // WIDTHS
    learned = {"learn_sigma": True, "image_shape": (3, SIZE, SIZE)}
    model = restored(ConvVAE(code, width=width, **learned, rng=np.random.default_rng(0)), folder, "vae")
    return layers_of_faces(model)


def layers_of_faces(model: ConvVAE) -> Layers:
    """The layers from a code to the image, as ConvVAE.decode applies them."""
    reshape = {"layer": "reshape", "shape": list(model.small)}
    start = {"layer": "add", "bias": pack.numbers(model.pixel_bias.data)}
    return layers_of(model.widen, reshape, model.decoder, start, nn.Sigmoid())
