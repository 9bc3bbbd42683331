"""Digits decoded in the browser by the networks of the demo vae, from codes of two and of five numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from demos.gallery.alive import pack
from demos.gallery.alive.kept import kept, restored
from demos.gallery.alive.networks import Layers, layers_of
from minigrad import nn
from models.autoencoder import DenseAutoencoder
from models.vae import DenseVAE

SIDE = 28  # of the images
SHOWN = 1200  # codes in a plane
CODE = 5
OUTER = 0.005  # share of the codes that may lie outside of a plane, at each of its sides


def plane(folder: Path) -> dict[str, Any] | None:
    """Write the planes of codes of the autoencoder and of the VAE: codes of test images, labels, decoders."""
    stored = kept(folder, "codes")
    if stored is None:
        return None
    codes = stored[0]
    kinds = {"autoencoder": ("autoencoder-k2", DenseAutoencoder), "variational autoencoder": ("vae-k2", DenseVAE)}
    planes = [
        {"title": title, "network": _decoder(kind, folder, name), **_plane(codes[name])}
        for title, (name, kind) in kinds.items()
    ]
    return {"planes": planes, "labels": pack.labels(codes["labels"][:SHOWN])}


def code(folder: Path) -> dict[str, Any] | None:
    """Write the VAE's decoder from five numbers, and for each class the code of a typical test image."""
    stored = kept(folder, "codes")
    if stored is None:
        return None
    codes = stored[0]
    name = f"vae-k{CODE}"
    typical = [_typical(codes[name][codes["labels"] == c]) for c in np.unique(codes["labels"])]
    return {
        "network": _decoder(DenseVAE, folder, name),
        "digits": np.unique(codes["labels"]).tolist(),
        "codes": np.round(typical, 3).tolist(),
    }


def _decoder(kind: type[DenseVAE] | type[DenseAutoencoder], folder: Path, name: str) -> Layers:
    model = restored(kind(int(name.partition("-k")[2]), rng=np.random.default_rng(0)), folder, name)
    return layers_of(model.decoder, nn.Sigmoid(), {"layer": "reshape", "shape": [1, SIDE, SIDE]})


def _plane(codes: np.ndarray) -> dict[str, Any]:
    """The codes that are shown, the box [[x, y] of the lower left corner, of the upper right] that holds nearly all.

    near: how far the nearest other code usually is, a median.
    """
    low, high = np.quantile(codes, [OUTER, 1 - OUTER], axis=0)
    margin = (high - low) * 0.08
    near = np.median(cKDTree(codes).query(codes, 2)[0][:, 1])
    box = np.round([low - margin, high + margin], 4).tolist()
    return {"codes": pack.numbers(codes[:SHOWN]), "box": box, "near": float(near)}


def _typical(codes: np.ndarray) -> np.ndarray:
    """The code that is nearest to the mean of all (N, k)."""
    return codes[np.argmin(np.square(codes - codes.mean(axis=0)).sum(axis=1))]
