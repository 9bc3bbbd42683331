"""Painting in rounds: a picture that is kept after each, so that an interrupted run can go on from there.

A round is one descent by L-BFGS, which starts without a memory of the rounds before. That costs a few evaluations, and
makes each round depend on nothing but the picture that it starts from: a resumed run ends with the same bits.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from demos.pixels import paint
from demos.resume import environment, fingerprint, refuse_another_run, tell_another_environment
from minigrad import Tensor, saving

KEYS = {"rounds", "settings", "data", "environment"}  # of what is kept beside the picture


def paint_in_rounds(
    loss: Callable[[Tensor], Tensor],
    start: np.ndarray,
    *,
    rounds: int,
    evaluations: int,
    path: Path,
    resume: bool,
    settings: dict[str, Any],
    data: tuple[np.ndarray, ...],
    device: str = "cpu",
    label: str = "",
    preview: Callable[[np.ndarray], None] = lambda picture: None,
) -> tuple[np.ndarray, list[float]]:
    """Minimise loss over the pixels of a picture, see pixels.paint -> the picture, the loss at every evaluation.

    evaluations: of all rounds together. path: of the file that is written after each round and that resume goes on
    from. settings and data: what the loss depends on; ValueError if others are resumed, or if the file is damaged.
    """
    run = {"settings": settings, "data": fingerprint((start, *data)), "environment": environment(device)}
    first, picture, history = _go_on(path, start, run) if resume and path.exists() else (0, start, [])
    for i in range(first, rounds):
        share = evaluations * (i + 1) // rounds - evaluations * i // rounds
        name = f"{label}, {i + 1} of {rounds}"
        how = {"evaluations": share, "device": device, "label": name, "preview": preview}
        picture, losses = paint(loss, picture, **how)
        history += losses
        arrays = {"picture": picture, "history": np.array(history)}
        saving.save(path, arrays, {"painting": {"rounds": i + 1, **run}})
    return picture, history


def _go_on(path: Path, start: np.ndarray, run: dict[str, Any]) -> tuple[int, np.ndarray, list[float]]:
    """Read a stopped run -> rounds that are done, the picture, the losses. ValueError if it was another run."""
    arrays, metadata = saving.load(path)
    kept = metadata.get("painting")
    right = (
        isinstance(kept, dict)
        and kept.keys() == KEYS
        and type(kept["rounds"]) is int
        and kept["rounds"] > 0
        and isinstance(kept["environment"], dict)
        and {name: (a.dtype, a.ndim) for name, a in arrays.items()}
        == {"picture": (start.dtype, start.ndim), "history": (np.float64, 1)}
        and arrays["picture"].shape == start.shape
    )
    if not right:
        raise ValueError(f"{path} is no file of this painting, or of an older version; start anew without --resume")
    refuse_another_run(path, kept, run)
    tell_another_environment(path, kept, run)
    return kept["rounds"], arrays["picture"], arrays["history"].tolist()
