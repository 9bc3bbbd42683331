"""A writer of .pth files whose pickles may say anything: what PyTorch would write, and what an enemy would."""

import io
import pickle
import zipfile
from typing import Any, NamedTuple

CONTAINERS = ["zip", "legacy"]


class Name(NamedTuple):
    """The instruction that looks a name up."""

    full: str


class Call(NamedTuple):
    """The instruction that calls."""

    function: Any
    args: tuple


class Build(NamedTuple):
    """The instruction that sets attributes."""

    target: Any
    state: Any


class Reference(NamedTuple):
    """The instruction that refers to something outside of the pickle."""

    pid: Any


class Raw(NamedTuple):
    """Instructions as they are."""

    code: bytes


def instructions(x):
    """Return the pickle instructions (protocol 2) that put x onto the stack."""
    match x:
        case Raw(code):
            return code
        case Name(full):
            return "c{}\n{}\n".format(*full.rsplit(".", 1)).encode()
        case Call(function, args):
            return instructions(function) + instructions(args) + b"R"
        case Build(target, state):
            return instructions(target) + instructions(state) + b"b"
        case Reference(pid):
            return instructions(pid) + b"Q"
        case tuple():
            return b"(" + b"".join(map(instructions, x)) + b"t"
        case list():
            return b"](" + b"".join(map(instructions, x)) + b"e"
        case dict():
            return b"}(" + b"".join(instructions(k) + instructions(v) for k, v in x.items()) + b"u"
        case _:
            return pickle.dumps(x, 2)[2:-1].replace(b"q\x00", b"")  # less PROTO, STOP and the memory slot


def program(x):
    return b"\x80\x02" + instructions(x) + b"."


def storage(numbers, key="0", kind="FloatStorage", *view):
    return Reference(("storage", Name(f"torch.{kind}"), key, "cpu", len(numbers), *view))


def tensor(storage, offset, size, stride):
    hooks = Call(Name("collections.OrderedDict"), ())
    return Call(Name("torch._utils._rebuild_tensor_v2"), (storage, offset, size, stride, False, hooks))


def state_dict(**entries):
    """As Module.state_dict makes it: an OrderedDict with an attribute _metadata."""
    filled = b"(" + b"".join(instructions(k) + instructions(v) for k, v in entries.items()) + b"u"
    ordered = Raw(instructions(Call(Name("collections.OrderedDict"), ())) + filled)
    return Build(ordered, {"_metadata": {"": {"version": 1}}})


def zip_bytes(content, numbers, byteorder=b"little", compression=zipfile.ZIP_STORED):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", compression) as archive:
        records = {"data.pkl": program(content), "byteorder": byteorder, "version": b"3\n"}
        records |= {f"data/{key}": x.tobytes() for key, x in numbers.items()}
        for name, record in records.items():
            archive.writestr(zipfile.ZipInfo(f"archive/{name}"), record, compression)  # without the time of writing
    return file.getvalue()


def legacy_bytes(content, numbers):
    machine = {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}
    head = [pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, machine)]
    pickles = [*head, program(content), pickle.dumps(list(numbers), 2)]
    return b"".join(pickles) + b"".join(x.size.to_bytes(8, "little") + x.tobytes() for x in numbers.values())


def pth_bytes(container, content, numbers):
    return zip_bytes(content, numbers) if container == "zip" else legacy_bytes(content, numbers)
