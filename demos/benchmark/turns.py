"""Two libraries that take turns, each in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from typing import Any

# what NumPy, OpenBLAS, oneDNN, PyTorch and MKL read when they choose their code
WITHOUT_AVX512 = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",  # as NumPy 2.4 calls them
    "OPENBLAS_CORETYPE": "Haswell",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "ATEN_CPU_CAPABILITY": "avx2",
    "MKL_ENABLE_INSTRUCTIONS": "AVX2",
}


class Turns:
    """Runs demos/benchmark/worker.py for each library in turn, under the same environment variables."""

    def __init__(self, libraries: list[str], pairs: int, quick: bool, environment: dict[str, str]):
        self.libraries, self.pairs, self.quick, self.environment = libraries, pairs, quick, environment

    def take(self, what: str, of: str) -> dict[str, list[Any]]:
        """Return what each library's worker printed in each of its turns."""
        turns: dict[str, list[Any]] = {library: [] for library in self.libraries}
        for _ in range(self.pairs):
            for library in self.libraries:
                turns[library].append(self._run(library, what, of))
        return turns

    def once(self, what: str, of: str) -> Any:
        """Return what our own worker printed, once."""
        return self._run("ours", what, of)

    def _run(self, library: str, what: str, of: str) -> Any:
        quick = ["--quick"] if self.quick else []
        command = [sys.executable, "-m", "demos.benchmark.worker", library, what, of, *quick]
        done = subprocess.run(command, capture_output=True, text=True, env=os.environ | self.environment)
        if done.returncode:
            raise RuntimeError(f"benchmark: {' '.join(command)} failed:\n{done.stderr}")
        return json.loads(done.stdout)


def compare(times: dict[str, list[float]]) -> dict[str, float]:
    """Return PyTorch's median and our ratio to it: median, least and greatest of the pairs; nothing without PyTorch."""
    if "pytorch" not in times:
        return {}
    ratios = sorted(a / b for a, b in zip(times["ours"], times["pytorch"]))
    return {"PyTorch": median(times["pytorch"]), "ratio": median(ratios), "from": ratios[0], "to": ratios[-1]}
