"""The names that the pickle of a state dict may use, and the harmless things that stand for them here.

A name for a type of numbers stands for itself; one for a function stands for a function of this file, which looks at
its arguments and raises Refused where they could do harm: as the key of a dict, only texts and whole numbers of 64
bits (a tuple that holds itself twice, sixty times over, takes years to hash); as a size, a tuple of at most MAX_AXES
whole numbers of 63 bits.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

MAX_AXES = 64  # as in NumPy

STORAGES = {
    "torch.DoubleStorage": "f8", "torch.FloatStorage": "f4", "torch.HalfStorage": "f2", "torch.BFloat16Storage": "u2",
    "torch.LongStorage": "i8", "torch.IntStorage": "i4", "torch.ShortStorage": "i2", "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1", "torch.BoolStorage": "?",
}  # fmt: skip


Step = Callable[[int], None]  # called with how many elements a function looks at; may raise Refused


class Refused(Exception):
    """What is wrong with a file, and the mend: the end of a sentence that begins with the path."""


class Name(NamedTuple):
    """A name that the pickle looks up: one of STORAGES or CALLS."""

    full: str


class Storage(NamedTuple):
    """A flat run of numbers, somewhere in the file."""

    kind: str
    key: str
    dtype: np.dtype
    length: int


class Tensor(NamedTuple):
    """Where the numbers of a tensor are: number i, j, .. is at offset + i stride[0] + j stride[1] + .."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def checked_key(key: Any) -> Any:
    """Return the key of a dict if it can be hashed in no time; a checkpoint has texts, and whole numbers in places."""
    if type(key) is not str and not (type(key) is int and -(2**63) <= key < 2**63):
        raise Refused(f"has a key that is a {type(key).__name__}, no text and no small number: refused")
    return key


def _ordered_dict(step: Step, pairs: Any = ()) -> dict:
    """Make an OrderedDict, which keeps its order as every dict; Python 2 gives it a list of pairs, Python 3 nothing."""
    step(len(pairs))
    if type(pairs) not in (list, tuple) or not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise Refused("has an OrderedDict of what are no pairs: it is damaged; copy or download it again")
    return {checked_key(key): value for key, value in pairs}


def _size(step: Step, axes: Any) -> tuple[int, ...]:
    """Check a size or strides: a tuple (no list, which could change later) of whole numbers from 0."""
    if type(axes) is not tuple or len(axes) > MAX_AXES:
        raise Refused(f"has a tensor whose size or strides are no tuple of at most {MAX_AXES}; download it again")
    step(len(axes))
    if not all(type(n) is int and 0 <= n < 2**63 for n in axes):
        raise Refused("has a tensor whose size or strides are no whole numbers from 0 to 2^63; download it again")
    return axes


def _tensor(step: Step, storage: Any, offset: Any, size: Any, stride: Any, *_requires_grad_and_hooks: Any) -> Tensor:
    if type(storage) is not Storage:
        raise Refused("has a tensor without a storage: it is damaged; copy or download it again")
    (offset,) = _size(step, (offset,))
    if len(_size(step, size)) != len(_size(step, stride)):
        raise Refused(f"has a tensor of size {size} and strides {stride}; copy or download it again")
    return Tensor(storage, offset, size, stride)


def _parameter(step: Step, tensor: Any, *_requires_grad_and_hooks: Any) -> Any:
    """Make a parameter, which is its tensor."""
    return tensor


CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch.Size": _size,
    "torch._utils._rebuild_tensor": _tensor,  # PyTorch 0.1 to 0.3; VGG-16's weights are that old
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
}
