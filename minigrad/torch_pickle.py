"""Execute the pickle inside a .pth file on a machine that can do no harm.

A pickle is a program for a stack machine. Its instructions push numbers and strings, gather what lies above a mark into
lists and dicts, store values in a memory and fetch them again. One instruction looks up any importable function and
another one calls it, even os.system, so Python's own machine must not execute a stranger's pickle. This one knows only
the names that a state dict needs, and calls only the functions in torch_names.py that stand for them. PyTorch's
torch.load(weights_only=True) works in the same way.

A program without harmful names could still fill the memory or run for ever. So the machine hashes and compares nothing
but strings and small integers, and takes at most MAX_STEPS steps, and at most two for each byte of the file. A step is
an instruction, or an element that a call looks at.
"""

import pickletools
from collections.abc import Callable
from typing import Any

import numpy as np

from .saving.arrays import shortened
from .torch_names import CALLS, STORAGES, Name, Refused, Storage, Tensor, checked_key

MAX_STEPS = 2_000_000  # they take a few seconds and less than 256 MiB; a tensor needs about 35


def unpickle(file: Any, file_size: int, byteorder: str = "<") -> tuple[Any, dict[str, Storage]]:
    """Execute the pickle at the position of a binary file -> (the object it built, the storages it refers to, by key).

    Refused, or nearly any other error, if the program is damaged. The file's position is then behind the pickle.
    """
    machine = _Machine(file_size, byteorder)
    for instruction, argument, _ in pickletools.genops(file):  # this only decodes the instructions
        machine.execute(instruction.name, argument)
    return machine.stack.pop(), machine.storages


class _Machine:
    """A stack, the positions of the marks in it, a memory, and the storages found so far."""

    def __init__(self, file_size: int, byteorder: str):
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memory: dict[int, Any] = {}
        self.storages: dict[str, Storage] = {}
        self.file_size, self.byteorder = file_size, byteorder
        self.steps, self.most = 0, min(MAX_STEPS, 2 * file_size)

    def step(self, count: int = 1) -> None:
        """Count steps, and refuse to go on when there have been too many."""
        self.steps += count
        if self.steps > self.most:
            raise Refused(f"takes more than {self.most} steps to read, which no state dict needs: refused")

    def execute(self, name: str, argument: Any) -> None:
        self.step()
        if name in VALUES:
            self.stack.append(argument)
        elif name in CONSTANTS:
            self.stack.append(CONSTANTS[name]())
        elif name in INSTRUCTIONS:
            INSTRUCTIONS[name](self, argument)
        else:
            raise Refused(f"asks for {name}, which no state dict needs: refused; save only model.state_dict()")

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
        """Push a string of Python 2, which consists of bytes; pickletools returns each byte as a character."""
        self.stack.append(latin.encode("latin-1").decode("utf-8"))

    # ---- containers

    def top(self, *kinds: type) -> Any:
        if type(self.stack[-1]) not in kinds:
            raise Refused("is damaged: its pickle fills something that is no container; copy or download it again")
        return self.stack[-1]

    def extend(self, items: list[Any]) -> None:
        self.top(list).extend(items)

    def put(self, items: list[Any]) -> None:
        """Put alternating keys and values into the dict on top of the stack."""
        self.top(dict).update(zip(map(checked_key, items[::2]), items[1::2], strict=True))

    def last(self, count: int) -> list[Any]:
        if len(self.stack) < count:
            raise Refused("is damaged: its pickle takes more than the stack holds; copy or download it again")
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
            raise Refused(f"asks for {full}, which no state dict needs: refused; save only model.state_dict()")
        self.stack.append(Name(full))

    def look_up_pushed(self, _: Any) -> None:
        module, name = self.last(2)
        if type(module) is not str or type(name) is not str:
            raise Refused("asks for a name that is not a string: it is damaged; copy or download it again")
        self.look_up(f"{module} {name}")

    def call(self, _: Any) -> None:
        function, arguments = self.last(2)
        if type(function) is not Name or function.full not in CALLS or type(arguments) is not tuple:
            raise Refused("is damaged: it calls something that is no function; copy or download it again")
        self.step(len(arguments))
        self.stack.append(CALLS[function.full](self.step, *arguments))

    def set_attributes(self, _: Any) -> None:
        """Discard attributes, such as the _metadata of a state dict."""
        self.stack.pop()
        self.top(dict, Tensor)

    def refer(self, _: Any) -> None:
        """Note a storage that the pickle refers to: ("storage", kind, key, device, length), and None in old files."""
        reference = self.stack.pop()
        match reference if type(reference) is tuple else None:
            case ("storage", Name(kind), str(key), _, int(length)) if kind in STORAGES and len(key) < 100:
                pass
            case ("storage", Name(kind), str(key), _, int(length), None) if kind in STORAGES and len(key) < 100:
                pass
            case _:
                raise Refused("refers to more than numbers, perhaps a whole model; save only model.state_dict()")
        dtype = np.dtype(self.byteorder + STORAGES[kind])
        if not 0 <= length * dtype.itemsize <= self.file_size:
            raise Refused(f"has {self.file_size} bytes, but one storage claims to be larger; download it again")
        self.storages[key] = Storage(kind, key, dtype, length)
        self.stack.append(self.storages[key])


# ---- the instructions, by their names in pickletools; a set becomes a list, so that nothing in it has to be hashed

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
