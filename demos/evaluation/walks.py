"""Walks from one code to another."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np


def walk(codes: Any, a: int, b: int, moving: Collection[str], steps: int) -> Any:
    """Change the code of image a, step by step, into that of image b, but only in the parts named in `moving`.

    codes: a named tuple of arrays (N, k) -> the same of arrays (steps, k); the first is image a's.
    """
    ends = {name: (part[a], part[b] if name in moving else part[a]) for name, part in codes._asdict().items()}
    return type(codes)(*(np.linspace(start, end, steps, dtype=np.float32) for start, end in ends.values()))
