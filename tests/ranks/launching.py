"""How tests start processes by mpiexec; these themselves do not import this file, and so start sooner."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
MPIEXEC = shutil.which("mpiexec", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
MISSING = " and ".join(
    [*(["mpi4py"] if importlib.util.find_spec("mpi4py") is None else []), *([] if MPIEXEC else ["mpiexec"])]
)
needs_mpi = [
    pytest.mark.mpi,
    pytest.mark.skipif(bool(MISSING), reason=f'NOTHING OF SEVERAL PROCESSES IS TESTED: {MISSING} missing, in ".[mpi]"'),
]


def command(n, *words):
    """Return the words that start n processes of Python."""
    return [str(MPIEXEC), "-n", str(n), sys.executable, *map(str, words)]


def environment(**more):
    """Return the environment of a fresh shell: this process may itself be one of several."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("PMI", "MPI_", "OMPI"))}
    return {**own, "PYTHONPATH": str(ROOT), **more}


def run(n, *words, timeout=120, **more):
    """Run n processes of Python to their end."""
    options = {"cwd": ROOT, "env": environment(**more), "capture_output": True, "text": True}
    return subprocess.run(command(n, *words), timeout=timeout, **options)
