"""The one door to CUDA: compile a .cu file of this folder and run a kernel of it.

On a GPU the modules are CuPy's. `provider` may be replaced by anything of the same shape, so that the very host code
that sizes grids and orders arguments can be run, and tested, where there is no GPU.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..backend import gpu

FOLDER = Path(__file__).parent


def cupy_module(path: Path) -> Any:
    """Compile a .cu file for the current GPU; the result's get_function(name) is called with (grid, block, args)."""
    return gpu().RawModule(code=path.read_text(encoding="utf-8"), options=("-std=c++17",))


provider = cupy_module


@functools.cache
def _module(provider: Any, path: Path) -> Any:
    return provider(path)


def launch(file: str, kernel: str, grid: Sequence[int], block: Sequence[int], args: Sequence[Any]) -> None:
    """Run kernel of FOLDER/file on a grid of blocks of threads, with args in the order of its C++ signature.

    Arrays must be C-contiguous; scalars exact NumPy types, such as np.int32, for nothing converts them on the way.
    """
    _module(provider, FOLDER / file).get_function(kernel)(tuple(grid), tuple(block), tuple(args))
