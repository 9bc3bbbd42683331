"""What NumPy has no word for: each algorithm in NumPy, and its CUDA twin, a .cu file with the code that launches it.

What they compute is said in definitions.py.
"""

import importlib
from types import ModuleType

import numpy as np

from ..backend import Array, xp


def kernels_for(name: str, x: Array) -> ModuleType:
    """Return the module of kernels for where x is: of "conv" conv.py for NumPy's arrays, conv_cuda.py for a GPU's."""
    return importlib.import_module(f".{name}" if xp(x) is np else f".{name}_cuda", __name__)
