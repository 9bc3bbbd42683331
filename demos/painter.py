"""A trained style network with the names of its styles: what paints, and the file that keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from minigrad import Tensor, no_grad, saving
from models.style_network import StyleNetwork

MOST = 1024  # channels, blocks and styles of a file, at most


class Painter:
    """model: on the CPU, or on the device that it is to paint on. names: of its styles, in their order."""

    def __init__(self, model: StyleNetwork, names: list[str]):
        self.model, self.names = model.eval(), names

    def paint(self, content: np.ndarray, shares: np.ndarray) -> np.ndarray:
        """Paint a picture (3, H, W) in [0, 1] by shares (S,) of sum 1 -> the same shape."""
        device = next(self.model.parameters()).device
        x, mixture = (Tensor(a[None]).to(device) for a in (content, np.asarray(shares, np.float32)))
        with no_grad():
            return self.model(x, mixture).to("cpu").numpy()[0]

    def save(self, path: Path) -> None:
        """Write the weights and the names, whole or not at all."""
        shape = {"styles": self.names, "widths": list(self.model.widths), "blocks": self.model.blocks}
        saving.save(path, self.model.state_dict(), {"style_network": shape})

    @classmethod
    def load(cls, path: str | Path, device: str = "cpu") -> Painter:
        """Read a painter that save wrote. FileNotFoundError; ValueError for any other file."""
        arrays, metadata = saving.load(path)
        try:
            shape = metadata["style_network"]
            _check(shape)
            names, widths = shape["styles"], tuple(shape["widths"])
            model = StyleNetwork(len(names), widths=widths, blocks=shape["blocks"], rng=np.random.default_rng(0))
            model.load_state_dict(arrays)
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"{path} holds no style network ({error}); train one anew") from error
        return cls(model.to(device), names)


def _check(shape: Any) -> None:
    """Raise ValueError, or another error, for a shape that no demo gives."""
    names, sizes = shape["styles"], [len(shape["styles"]), *shape["widths"], shape["blocks"]]
    whole = all(type(n) is int and 0 < n <= MOST for n in sizes)
    if not whole or len(shape["widths"]) != 3 or not all(isinstance(name, str) for name in names):
        raise ValueError("its shape is none of ours")
