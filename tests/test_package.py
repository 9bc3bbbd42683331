"""What importing minigrad costs, and what it brings along."""

import subprocess
import sys
import types

import minigrad


def test_importing_minigrad_brings_neither_matplotlib_nor_cupy_nor_scipy():
    code = "import sys, minigrad; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    assert not {"matplotlib", "cupy", "scipy", "tqdm", "pooch", "safetensors", "models", "demos"} & set(loaded)


def test_the_namespace_holds_ops_and_no_files_of_ops():
    modules = {name for name, value in vars(minigrad).items() if isinstance(value, types.ModuleType)}
    assert not {"shape", "reduce", "arithmetic", "elementwise"} & modules
    assert all(hasattr(minigrad, name) for name in minigrad.REGISTRY)
