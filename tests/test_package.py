"""What importing minigrad costs, and what it brings along."""

import subprocess
import sys
import types

import pytest

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


KEEP = """
import resource, sys, numpy as np, minigrad
kept = minigrad.keep_memory() if {keep} else True
for _ in range(3):
    np.ones(1 << 20)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(20):
    arrays = [np.ones(1 << 20) for _ in range(8)]  # 8 MiB each
    del arrays
print(kept, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="page faults are counted on Linux")
def test_kept_memory_is_not_faulted_in_again_and_again():
    def faults(keep):
        code = KEEP.format(keep=keep)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        kept, count = done.stdout.split()
        return int(count) if kept == "True" else pytest.skip("no glibc here, so keep_memory() does nothing")

    assert faults(keep=True) < faults(keep=False) / 4
