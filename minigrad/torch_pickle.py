"""Follow the pickle inside a .pth file on a machine that cannot run anything.

A pickle is a program for a stack machine: its instructions push numbers and texts, gather what lies above a mark into
lists and dicts, note things in a memory and fetch them again. One instruction looks up any importable function and
another calls it, os.system too; so Python's own machine must not follow a stranger's pickle. This one knows the names
that a state dict needs, and calls only the functions of torch_names.py that stand for them. PyTorch's
torch.load(weights_only=True) has a machine of this kind.

A program without harmful names may still be made to fill the memory or to run for ever. So the machine hashes and
compares nothing but texts and small numbers, and takes no more steps than MAX_STEPS, nor than two for each byte of the
file: a step is an instruction, or an element that a call looks at.
"""

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from .saving.arrays import shortened
from .torch_names import CALLS, STORAGES, Name, Refused, Storage, Tensor, checked_key

MAX_STEPS = 2_000_000  # a few seconds, less than 256 MiB; a tensor takes about thirty-five


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
        self.top(dict).update(zip(map(checked_key, items[::2]), items[1::2], strict=True))

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
        self.step(len(arguments))
        self.stack.append(CALLS[function.full](self.step, *arguments))

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
