"""Code that reads what a stranger wrote, in a process of its own that has a limit of memory and of time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LIMIT = """
import os, resource, sys
from pathlib import Path
has = int(Path("/proc/self/statm").read_text().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (has + {memory},) * 2)
"""


def run(imports: str, code: str, *, memory: int, seconds: float = 60) -> str:
    """Run imports, then code with at most `memory` more bytes -> what it printed, or its last line of error."""
    if sys.platform != "linux":
        pytest.skip("memory is limited by RLIMIT_AS and /proc")
    program = imports + LIMIT.format(memory=memory) + code
    environment = os.environ | {"OPENBLAS_NUM_THREADS": "1", "MINIGRAD_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=seconds
    )
    return done.stdout if done.returncode == 0 else done.stderr.strip().splitlines()[-1]
