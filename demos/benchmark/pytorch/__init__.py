"""The same in PyTorch, with its defaults but for TF32: float32 is float32 on a GPU too."""

import torch

from demos.benchmark.pytorch import lectures, networks
from demos.benchmark.pytorch.arrays import passes
from demos.benchmark.pytorch.kernels import kernel
from demos.benchmark.pytorch.networks import convolutions

__all__ = ["STEPS", "convolutions", "kernel", "passes", "prepare"]

STEPS = lectures.STEPS | networks.STEPS


def prepare() -> None:
    """Set what a user would set for a whole process."""
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = False
