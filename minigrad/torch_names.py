"""The names that the pickle of a state dict may use, and the harmless substitutes for them.

The name of a type of numbers stands for itself. The name of a function stands for a function in this file, which checks
its arguments and raises Refused if they could do harm. The key of a dict may only be a string or a 64-bit integer,
because a tuple that holds another one twice, and so on sixty times, takes years to hash. A size may only be a tuple of
at most MAX_AXES integers below 2^63.
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


Step = Callable[[int], None]  # called with the number of elements that a function looks at; may raise Refused


class Refused(Exception):
    """What is wrong with a file and what to do: the rest of a sentence that begins with the file's path."""


class Name(NamedTuple):
    """A name that the pickle looks up, one of STORAGES or CALLS."""

    full: str


class Storage(NamedTuple):
    """A flat run of numbers, somewhere in the file."""

    kind: str
    key: str
    dtype: np.dtype
    length: int


class Tensor(NamedTuple):
    """Where the numbers of a tensor are in a storage: [i, j, ..] is at offset + i stride[0] + j stride[1] + .."""

    storage: Storage
    offset: int
    size: tuple[int, ...]
    stride: tuple[int, ...]


def checked_key(key: Any) -> Any:
    """Return the key of a dict if it can be hashed quickly: a string, or a small integer, as some checkpoints have."""
    if type(key) is not str and not (type(key) is int and -(2**63) <= key < 2**63):
        raise Refused(f"has a {type(key).__name__} as a key, which must be a string or a small integer: refused")
    return key


def _ordered_dict(step: Step, pairs: Any = ()) -> dict:
    """Make a dict for an OrderedDict. Python 2 calls it with a list of pairs, Python 3 with nothing."""
    step(len(pairs))
    if type(pairs) not in (list, tuple) or not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise Refused("has an OrderedDict of something other than pairs: it is damaged; copy or download it again")
    return {checked_key(key): value for key, value in pairs}


def _size(step: Step, axes: Any) -> tuple[int, ...]:
    """Check a size or strides: a tuple of integers from 0. A list is refused, because it could change later."""
    if type(axes) is not tuple or len(axes) > MAX_AXES:
        raise Refused(
            f"has a tensor whose size or strides are not a tuple of at most {MAX_AXES} numbers; download it again"
        )
    step(len(axes))
    if not all(type(n) is int and 0 <= n < 2**63 for n in axes):
        raise Refused("has a tensor whose size or strides are not integers from 0 to 2^63; download it again")
    return axes


def _tensor(step: Step, storage: Any, offset: Any, size: Any, stride: Any, *_requires_grad_and_hooks: Any) -> Tensor:
    if type(storage) is not Storage:
        raise Refused("has a tensor without a storage: it is damaged; copy or download it again")
    (offset,) = _size(step, (offset,))
    if len(_size(step, size)) != len(_size(step, stride)):
        raise Refused(f"has a tensor of size {size} and strides {stride}; copy or download it again")
    return Tensor(storage, offset, size, stride)


def _parameter(step: Step, tensor: Any, *_requires_grad_and_hooks: Any) -> Any:
    """Take the tensor for the parameter."""
    return tensor


CALLS: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": _ordered_dict,
    "torch.Size": _size,
    "torch._utils._rebuild_tensor": _tensor,  # PyTorch 0.1 to 0.3; VGG-16's weights are that old
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch.nn.parameter.Parameter": _parameter,
}
