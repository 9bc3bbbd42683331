"""minigrad: how deep learning works inside, from scratch on NumPy.

Read tensor.py first, then op.py, then any file of ops/.
"""

from . import instead, nn, ops, optim, saving, schedules
from .anomaly import detect_anomaly
from .backend import keep_memory
from .gradcheck import GradcheckError, KinkError, gradcheck
from .graph import draw_graph
from .modes import no_grad
from .op import REGISTRY, op, unbroadcast
from .ops import *
from .profile import profile
from .recompute import checkpoint
from .tensor import Tensor, grad
from .torch_file import load_pth
from .transforms import hessian, hvp, jacobian, jvp, value_and_grad

for _name, _value in list(globals().items()):  # the files of ops are no part of this namespace, their functions are
    if getattr(_value, "__name__", "").startswith("minigrad.ops."):
        del globals()[_name]


def __getattr__(name):
    """Say what to write for a name that other libraries have."""
    hint = f"; write {instead.FUNCTIONS[name]}" if name in instead.FUNCTIONS else ""
    raise AttributeError(f"minigrad has no {name}{hint}", name=name)


__version__ = "0.2.0"
