"""What importing minigrad costs, what it brings along, and which versions it is declared for."""

import configparser
import re
import subprocess
import sys
import types
from pathlib import Path

import pytest

import minigrad

ROOT = Path(__file__).parent.parent
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")


def test_importing_minigrad_brings_neither_matplotlib_nor_cupy_nor_scipy():
    code = "import sys, minigrad; print(*sorted({m.partition('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "numpy" in loaded
    assert not {"matplotlib", "cupy", "scipy", "tqdm", "pooch", "safetensors", "models", "demos"} & set(loaded)


def test_the_namespace_holds_ops_and_no_files_of_ops():
    modules = {name for name, value in vars(minigrad).items() if isinstance(value, types.ModuleType)}
    assert not {"shape", "reduce", "arithmetic", "elementwise"} & modules
    assert minigrad.REGISTRY.keys() - vars(minigrad) == minigrad.ops._INTERNAL


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


def test_the_lowest_versions_that_are_tested_are_those_that_setup_cfg_allows():
    extras = SETUP["options.extras_require"]
    declared = SETUP["options"]["install_requires"] + extras["demos"] + extras["test"] + extras["dev"]
    lowest = dict(re.findall(r"^([\w-]+)>=([\d.]+)$", declared, re.M))
    constraints = (ROOT / "tests" / "constraints-lowest.txt").read_text()
    tested = dict(re.findall(r"^([\w-]+)==([\d.]+)$", constraints, re.M))
    assert tested.keys() == lowest.keys()
    assert [name for name in lowest if not f"{tested[name]}.".startswith(f"{lowest[name]}.")] == []


def test_the_oldest_declared_python_is_the_oldest_that_can_install_it():
    declared = re.findall(r"Python :: (3\.\d+)", SETUP["metadata"]["classifiers"])
    assert SETUP["options"]["python_requires"] == f">={declared[0]}"
