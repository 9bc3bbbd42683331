"""What is timed of minigrad. The files of demos/benchmark/pytorch are its twins."""

from demos.benchmark.ours import lectures, networks
from demos.benchmark.ours.arrays import passes
from demos.benchmark.ours.kernels import kernel, rates
from demos.benchmark.ours.networks import convolutions
from minigrad import keep_memory

__all__ = ["STEPS", "convolutions", "kernel", "passes", "prepare", "rates"]

STEPS = lectures.STEPS | networks.STEPS


def prepare() -> None:
    """Set what a user would set for a whole process."""
    keep_memory()
