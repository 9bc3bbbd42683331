"""Follow the pickle inside a .pth file on a machine that cannot run anything.

A pickle is a program for a stack machine: its instructions push numbers and texts, gather what lies above a mark into
lists and dicts, note things in a memory and fetch them again. One instruction looks up any importable function and
another calls it, os.system too; so Python's own machine must not follow a stranger's pickle. This one knows the names
that a state dict needs, and calls only the functions of this file that stand for them. PyTorch's
torch.load(weights_only=True) has a machine of this kind.

A program without harmful names may still be made to fill the memory or to run for ever. So keys are texts or whole
numbers (a tuple that holds itself twice, forty times over, takes years to hash), whole numbers in tensors and
storages have at most 63 bits, tensors at most MAX_AXES axes, and the machine takes no more steps than MAX_STEPS, nor
than two a byte of the file: a step is an instruction, or an element that a call looks at.
"""

import pickletools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from .checkpoint.arrays import shortened

MAX_STEPS = 2_000_000  # a few seconds, less than 256 MiB; a tensor takes about thirty-five
MAX_AXES = 64  # as in NumPy

STORAGES = {
    "torch.DoubleStorage": "f8", "torch.FloatStorage": "f4", "torch.HalfStorage": "f2", "torch.BFloat16Storage": "u2",
    "torch.LongStorage": "i8", "torch.IntStorage": "i4", "torch.ShortStorage": "i2", "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1", "torch.BoolStorage": "?",
}  # fmt: skip


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


def unpickle(file: Any, file_size: int, byteorder: str = "<") -> tuple[Any, dict[str, Storage]]:
    """Follow the pickle at a binary file's position -> (what it built, the storages that it refers to by key).

    Refused, or nearly any other error, where the program is damaged. The file is left after the pickle.
    """
    machine = _Machine(file_size, byteorder)
    for instruction, argument, _ in pickletools.genops(file):  # reads the instructions, follows none
        machine.follow(instruction.name, argument)
    return machine.stack.pop(), machine.storages


class _Machine:
    """A stack, the places of the marks in it, a memory, and the storages met so far."""

    def __init__(self, file_size: int, byteorder: str):
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self.file_size, self.byteorder = file_size, byteorder
        self.steps, self.most = 0, min(MAX_STEPS, 2 * file_size)

    def step(self, count: int = 1) -> None:
        self.steps += count
        if self.steps > self.most:
            raise Refused(f"takes more than {self.most} steps to read, which no state dict does: refused")

    def follow(self, name: str, argument: Any) -> None:
        self.step()
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name]())
        elif name in INSTRUCTIONS:
            INSTRUCTIONS[name](self, argument)
        else:
            raise Refused(f"asks for {name}, which no state dict needs: refused; save model.state_dict() alone")

    # ---- the stack and the memory

    def mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def above_mark(self) -> list[Any]:
        start = self.marks.pop()
        items = self.stack[start:]
        del self.stack[start:]
        return items

    def remember(self, place: int | None) -> None:
        self.memory[len(self.memory) if place is None else place] = self.stack[-1]

    def fetch(self, place: int) -> None:
        self.stack.append(self.memory[place])

    def text(self, latin: str) -> None:
        """Push a text of Python 2, which is bytes; pickletools gives each byte as a character."""
        self.stack.append(latin.encode("latin-1").decode("utf-8"))

    # ---- containers

    def top(self, *kinds: type) -> Any:
        if type(self.stack[-1]) not in kinds:
            raise Refused("is damaged: its pickle fills what is no container; copy or download it again")
        return self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def put(self, items: list[Any]) -> None:
        """Put keys and values, which take turns, into the dict on top."""
        self.top(dict).update(zip(map(_checked_key, items[::2]), items[1::2], strict=True))

    def last(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise Refused("is damaged: its pickle takes more than it has; copy or download it again")
        items = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return items

    def dict_above_mark(self, _: Any) -> None:
        items = self.above_mark()
        self.stack.append({})
        self.put(items)

    # ---- names, calls, storages

    def look_up(self, name: str) -> None:
        full = name.replace(" ", ".", 1)
        if full not in STORAGES and full not in CALLS:
            full = shortened(full)
            raise Refused(f"asks for {full}, which no state dict needs: refused; save model.state_dict() alone")
        self.stack.append(Name(full))

    def look_up_pushed(self, _: Any) -> None:
        module, name = self.last(2)
        if type(module) is not str or type(name) is not str:
            raise Refused("asks for a name that is no text: it is damaged; copy or download it again")
        self.look_up(f"{module} {name}")

    def call(self, _: Any) -> None:
        function, arguments = self.last(2)
        if type(function) is not Name or function.full not in CALLS or type(arguments) is not tuple:
            raise Refused("is damaged: it calls what is no function; copy or download it again")
        self.stack.append(CALLS[function.full](self, *arguments))

    def set_attributes(self, _: Any) -> None:
        """Drop attributes, such as _metadata of a state dict."""
        self.stack.pop()
        self.top(dict, Tensor)

    def refer(self, _: Any) -> None:
        """Note a storage that the pickle refers to: ("storage", kind, key, device, length) and, in old files, None."""
        reference = self.stack.pop()
        match reference if type(reference) is tuple else None:
            case ("storage", Name(kind), str(key), _, int(length)) if kind in STORAGES and len(key) < 100:
                pass
            case ("storage", Name(kind), str(key), _, int(length), None) if kind in STORAGES and len(key) < 100:
                pass
            case _:
                raise Refused("refers to more than numbers, perhaps a whole model; save model.state_dict() alone")
        dtype = np.dtype(self.byteorder + STORAGES[kind])
        if not 0 <= length * dtype.itemsize <= self.file_size:
            raise Refused(f"has {self.file_size} bytes but claims more numbers in one storage; download it again")
        self.storages[key] = Storage(kind, key, dtype, length)
        self.stack.append(self.storages[key])


def _checked_key(key: Any) -> Any:
    if type(key) is not str and not (type(key) is int and -(2**63) <= key < 2**63):
        raise Refused(f"has a key that is a {type(key).__name__}, no text and no small number: refused")
    return key


# ---- what the names stand for


def _ordered_dict(machine: _Machine, pairs: Any = ()) -> dict:
    """Make an OrderedDict, which keeps its order as every dict; Python 2 gives it a list of pairs, Python 3 nothing."""
    machine.step(len(pairs))
    if type(pairs) not in (list, tuple) or not all(type(pair) in (list, tuple) and len(pair) == 2 for pair in pairs):
        raise Refused("has an OrderedDict of what are no pairs: it is damaged; copy or download it again")
    return {_checked_key(key): value for key, value in pairs}


def _size(machine: _Machine, axes: Any) -> tuple[int, ...]:
    """Check a size or strides: a tuple (no list, which could change later) of whole numbers from 0."""
    if type(axes) is not tuple or len(axes) > MAX_AXES:
        raise Refused(f"has a tensor whose size or strides are no tuple of at most {MAX_AXES}; download it again")
    machine.step(len(axes))
    if not all(type(n) is int and 0 <= n < 2**63 for n in axes):
        raise Refused("has a tensor whose size or strides are no whole numbers from 0 to 2^63; download it again")
    return axes


def _tensor(
    machine: _Machine, storage: Any, offset: Any, size: Any, stride: Any, *_requires_grad_and_hooks: Any
) -> Tensor:
    if type(storage) is not Storage:
        raise Refused("has a tensor without a storage: it is damaged; copy or download it again")
    (offset,) = _size(machine, (offset,))
    if len(_size(machine, size)) != len(_size(machine, stride)):
        raise Refused(f"has a tensor of size {size} and strides {stride}; copy or download it again")
    return Tensor(storage, offset, size, stride)


def _parameter(machine: _Machine, tensor: Any, *_requires_grad_and_hooks: Any) -> Any:
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


# ---- the instructions by their names in pickletools; a set becomes a list, so that nothing in it has to be hashed

VALUES = {
    "INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT", "UNICODE", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "STRING", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8",
}  # fmt: skip
CONSTANTS: dict[str, Callable[[], Any]] = {
    "NONE": lambda: None, "NEWTRUE": lambda: True, "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple, "EMPTY_LIST": list, "EMPTY_DICT": dict, "EMPTY_SET": list,
}  # fmt: skip
INSTRUCTIONS: dict[str, Callable[[_Machine, Any], Any]] = {
    **dict.fromkeys(["PROTO", "FRAME", "STOP"], lambda machine, _: None),
    **dict.fromkeys(["PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"], _Machine.remember),
    **dict.fromkeys(["GET", "BINGET", "LONG_BINGET"], _Machine.fetch),
    **dict.fromkeys(["BINSTRING", "SHORT_BINSTRING"], _Machine.text),
    "MARK": _Machine.mark,
    "POP": lambda machine, _: machine.stack.pop(),
    "POP_MARK": lambda machine, _: machine.above_mark(),
    "DUP": lambda machine, _: machine.stack.append(machine.stack[-1]),
    "TUPLE": lambda machine, _: machine.stack.append(tuple(machine.above_mark())),
    "TUPLE1": lambda machine, _: machine.stack.append(tuple(machine.last(1))),
    "TUPLE2": lambda machine, _: machine.stack.append(tuple(machine.last(2))),
    "TUPLE3": lambda machine, _: machine.stack.append(tuple(machine.last(3))),
    **dict.fromkeys(["LIST", "FROZENSET"], lambda machine, _: machine.stack.append(machine.above_mark())),
    "DICT": _Machine.dict_above_mark,
    "APPEND": lambda machine, _: machine.extend(machine.last(1)),
    **dict.fromkeys(["APPENDS", "ADDITEMS"], lambda machine, _: machine.extend(machine.above_mark())),
    "SETITEM": lambda machine, _: machine.put(machine.last(2)),
    "SETITEMS": lambda machine, _: machine.put(machine.above_mark()),
    "GLOBAL": _Machine.look_up,
    "STACK_GLOBAL": _Machine.look_up_pushed,
    **dict.fromkeys(["REDUCE", "NEWOBJ"], _Machine.call),
    "BUILD": _Machine.set_attributes,
    "BINPERSID": _Machine.refer,
}
