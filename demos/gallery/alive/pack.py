"""Arrays for the page: base64 of their bytes, little-endian, as alive.array unpacks them in the browser."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np

LEVELS = 32767  # of a number in two bytes, on either side of 0


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
    """Pack numbers in two bytes each: whole multiples of a scale that each row, index of the first axis, has its own.

    Half the size of float32, and off by less than 1 / 65534 of the largest of the row.
    """
    rows = x.reshape(len(x), -1)
    scale = np.maximum(np.abs(rows).max(axis=1), 1e-30) / LEVELS
    return _packed("i2", np.round(rows / scale[:, None]).astype("<i2").reshape(x.shape)) | {"scale": numbers(scale)}


def _packed(kind: str, x: np.ndarray) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(x).tobytes()).decode()
    return {"type": kind, "shape": list(x.shape), "data": data}
