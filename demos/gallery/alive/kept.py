"""What demos have kept for the page, read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from minigrad import nn, saving

M = TypeVar("M", bound=nn.Module)


def kept(folder: Path, name: str) -> tuple[dict[str, np.ndarray], dict[str, Any]] | None:
    """Read the arrays and the notes of folder/name.safetensors; None if the demo has not written it.

    ValueError for a damaged file.
    """
    path = folder / f"{name}.safetensors"
    return saving.load(path) if path.exists() else None


def restored(model: M, folder: Path, name: str) -> M:
    """Give a model the weights that the demo kept under this name, and return it."""
    model.load_state_dict(saving.load(folder / f"{name}.safetensors")[0])
    return model.eval()
