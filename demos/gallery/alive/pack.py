"""Arrays for the page: base64 of their bytes, little-endian, as alive.array unpacks them in the browser."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

LEVELS = 2**23 - 1  # of a number in three bytes, on either side of 0


def numbers(x: np.ndarray) -> dict[str, Any]:
    """Pack numbers as float32."""
    return _packed("f4", np.asarray(x, "<f4"))


def labels(x: np.ndarray) -> dict[str, Any]:
    """Pack whole numbers from 0 to 255 in a byte each."""
    return _packed("u1", np.asarray(x, np.uint8))


def pictures(x: np.ndarray) -> dict[str, Any]:
    """Pack images (N, 1 or 3, H, W) in [0, 1] in a byte per number."""
    return _packed("u1", (x.clip(0, 1) * 255 + 0.5).astype(np.uint8))


def rounded(x: np.ndarray) -> dict[str, Any]:
    """Pack numbers in three bytes each: whole multiples of a scale that each row, index of the first axis, has its own.

    Off by less than 1e-7 of the largest of the row. Two bytes would do for the eye, but not for the decoders: in them
    the errors of 500 weights add up, to 3e-4 of a pixel.
    """
    rows = x.reshape(len(x), -1).astype(np.float64)
    scale = np.maximum(np.abs(rows).max(axis=1), 1e-30) / LEVELS
    whole = np.round(rows / scale[:, None]).astype("<i4")
    lower = whole.view(np.uint8).reshape(-1, 4)[:, :3]  # of the four bytes, the last only repeats the sign
    return _packed("i3", lower) | {"shape": list(x.shape), "scale": numbers(scale)}


def _packed(kind: str, x: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(x).tobytes()).decode()
    return {"type": kind, "shape": list(x.shape), "data": data}
