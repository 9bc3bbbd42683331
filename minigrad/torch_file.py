"""Read PyTorch's .pth files without PyTorch, and without running anything that they say.

A .pth file is a pickle plus raw numbers. A pickle is a little program for a stack machine, and one of its
instructions calls any importable function: os.system too. So ours may name only what a state dict needs, each name
stands for a harmless class of this file, and the numbers are fetched afterwards, with every bound checked.

The zip container (PyTorch >= 1.6)       The legacy stream (before)
    NAME/data.pkl     the pickle             pickle    a magic number
    NAME/byteorder    little or big          pickle    the protocol, 1001
    NAME/data/0       storage 0, raw         pickle    facts about the writer's machine
    NAME/data/1       ...                    pickle    the pickle
                                             pickle    the list of storage keys
                                             per key   int64 count, then that many raw numbers

A storage is a flat run of numbers; a tensor is an offset, a size and strides into one, so tensors may share it.
Format: torch/serialization.py, https://github.com/pytorch/pytorch
"""

import io
import math
import os
import pickle
import pickletools
import zipfile
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from .checkpoint.arrays import FilePath, from_bfloat16, open_existing

MAGIC = 0x1950A86A20F9469CFC6C

STORAGES = {
    "torch.DoubleStorage": "f8", "torch.FloatStorage": "f4", "torch.HalfStorage": "f2", "torch.BFloat16Storage": "u2",
    "torch.LongStorage": "i8", "torch.IntStorage": "i4", "torch.ShortStorage": "i2", "torch.CharStorage": "i1",
    "torch.ByteStorage": "u1", "torch.BoolStorage": "?",
}  # fmt: skip


def load_pth(path: FilePath, key: str | None = None) -> dict[str, np.ndarray]:
    """Read a state dict -> name: array (contiguous, native, its own memory); entries that are no tensors stay out.

    path is a file of torch.save; key picks the state dict out of a checkpoint such as {"state_dict": ..., "epoch": 3}.
    bfloat16, which NumPy lacks, becomes float32 with the same values. FileNotFoundError, or ValueError where the file
    is truncated, damaged, holds anything but a state dict, or asks for a name that no state dict needs.
    """
    with open_existing(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            is_zip = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            content, numbers = _read_zip(file, size) if is_zip else _read_legacy(file, size)
            return _arrays(_state_dict(content, key), numbers, size)
        except _Refused as error:
            raise ValueError(f"{path} {error}") from error
        except Exception as error:  # a damaged pickle or zip raises nearly anything
            what = f"{type(error).__name__}: {error}"
            raise ValueError(f"{path} is damaged or no PyTorch file ({what}); copy or download it again") from error


class _Refused(Exception):
    """What is wrong with a file, and the mend: the end of a sentence that begins with the path."""


class _Storage(NamedTuple):
    kind: str
    key: str
    dtype: np.dtype
    length: int


class _StandIn:
    """Stands for a class of PyTorch. BUILD, which sets attributes on anything, finds this method and sets none."""

    def __setstate__(self, state: Any) -> None:
        """Drop attributes such as _metadata."""


class _Dict(_StandIn, dict):
    """Stands for OrderedDict."""


class _Tensor(_StandIn):
    """Stands for a tensor: where its numbers will be."""

    def __init__(self, storage: _Storage, offset: int, size: tuple, stride: tuple, *_requires_grad_and_hooks: Any):
        if len(size) != len(stride) or not all(type(n) is int and n >= 0 for n in (offset, *size, *stride)):
            raise _Refused(f"has a tensor of offset {offset}, size {size}, stride {stride}; copy or download it again")
        self.storage, self.offset, self.size, self.stride = storage, offset, tuple(size), tuple(stride)


class _Parameter(_StandIn):
    """Stands for a parameter, which is its tensor."""

    def __new__(cls, tensor: Any, *_requires_grad_and_hooks: Any) -> Any:
        return tensor


STAND_INS = {
    "collections.OrderedDict": _Dict,
    "torch.Size": tuple,
    "torch._utils._rebuild_tensor": _Tensor,  # PyTorch 0.1 to 0.3; VGG-16's weights are that old
    "torch._utils._rebuild_tensor_v2": _Tensor,
    "torch._utils._rebuild_parameter": _Parameter,
    "torch.nn.parameter.Parameter": _Parameter,
}


class _Unpickler(pickle.Unpickler):
    """Follows a pickle that may name STORAGES and STAND_INS and nothing else."""

    def __init__(self, program: bytes, file_size: int, byteorder: str):
        super().__init__(io.BytesIO(program), encoding="utf-8")
        self.file_size, self.byteorder = file_size, byteorder
        self.storages: dict[str, _Storage] = {}

    def find_class(self, module: str, name: str) -> Any:
        full = f"{module}.{name}"
        if full in STORAGES:
            return full
        if full in STAND_INS:
            return STAND_INS[full]
        raise _Refused(f"asks for {full}, which no state dict needs: refused; save model.state_dict() alone")

    def persistent_load(self, pid: Any) -> _Storage:
        """Note a storage that the pickle refers to: ("storage", kind, key, device, length) and, in old files, None."""
        match pid:
            case ("storage", kind, key, _, length) | ("storage", kind, key, _, length, None):
                pass
            case _:
                raise _Refused("refers to more than numbers, perhaps a whole model; save model.state_dict() alone")
        dtype = np.dtype(self.byteorder + STORAGES[kind])
        if not 0 <= length * dtype.itemsize <= self.file_size:
            raise _Refused(f"has {self.file_size} bytes but claims {length} numbers in one storage; download it again")
        self.storages[key] = _Storage(kind, key, dtype, length)
        return self.storages[key]


def _unpickle(file: BinaryIO, file_size: int, byteorder: str = "<") -> tuple[Any, dict[str, _Storage]]:
    """Follow the pickle that begins at the file's position -> (what it built, the storages that it refers to)."""
    start = file.tell()
    for instruction, argument, _ in pickletools.genops(file):  # reads the instructions, follows none
        if instruction.name in ("PUT", "LONG_BINPUT") and int(argument or 0) > file_size:
            raise _Refused(f"asks for memory slot {argument}: it is damaged; copy or download it again")
        if instruction.name in ("EXT1", "EXT2", "EXT4"):  # names by number, which may go past find_class
            raise _Refused("asks for registered extensions, which no state dict needs: refused; get it elsewhere")
    end = file.tell()
    file.seek(start)
    unpickler = _Unpickler(file.read(end - start), file_size, byteorder)
    return unpickler.load(), unpickler.storages


def _read_zip(file: BinaryIO, size: int) -> tuple[Any, dict[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        if any(r.compress_type != zipfile.ZIP_STORED for r in records) or sum(r.file_size for r in records) > size:
            raise _Refused("is compressed or claims more than its size; give the file as torch.save wrote it")
        names = archive.namelist()
        programs = [name for name in names if name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise _Refused("is a zip archive but has no data.pkl; give a file that torch.save wrote")
        folder = programs[0].removesuffix("data.pkl")
        is_big = folder + "byteorder" in names and archive.read(folder + "byteorder") == b"big"
        content, storages = _unpickle(io.BytesIO(archive.read(programs[0])), size, ">" if is_big else "<")
        return content, {key: archive.read(f"{folder}data/{key}") for key in storages}


def _read_legacy(file: BinaryIO, size: int) -> tuple[Any, dict[str, bytes]]:
    magic, protocol, _machine = (_unpickle(file, size)[0] for _ in range(3))
    if (magic, protocol) != (MAGIC, 1001):
        raise _Refused("is a pickle but not PyTorch's; give a file that torch.save wrote")
    content, storages = _unpickle(file, size)
    numbers = {}
    for key in _unpickle(file, size)[0]:
        count = int.from_bytes(file.read(8), "little")
        if count != storages[key].length:
            raise _Refused(f"ends early or is damaged at storage {key}; copy or download it again")
        numbers[key] = file.read(count * storages[key].dtype.itemsize)
    return content, numbers


def _state_dict(content: Any, key: str | None) -> dict[str, _Tensor]:
    """Return the tensors of content, or of content[key]; where content is nested, say which keys there are."""
    if key is not None:
        if not isinstance(content, dict) or key not in content:
            raise _Refused(f"has no key {key!r}; it holds {_kind(content)}")
        content = content[key]
    tensors = {k: v for k, v in content.items() if isinstance(v, _Tensor)} if isinstance(content, dict) else {}
    nested = isinstance(content, dict) and any(isinstance(value, dict) for value in content.values())
    if nested or (content != {} and not tensors) or not all(isinstance(name, str) for name in tensors):
        raise _Refused(f"holds {_kind(content)}, no state dict; if one is inside: load_pth(path, key=...)")
    return tensors


def _kind(content: Any) -> str:
    if isinstance(content, dict):
        return f"a dict with the keys {[key for key in content if isinstance(key, str)]}"
    return f"a {type(content).__name__.strip('_')}"


def _arrays(tensors: dict[str, _Tensor], numbers: dict[str, bytes], file_size: int) -> dict[str, np.ndarray]:
    # Shared and expanded (stride 0) tensors may be larger than the file, but no file of a kilobyte is a terabyte.
    total = sum(math.prod(t.size) * t.storage.dtype.itemsize for t in tensors.values())
    if total > 16 * file_size:
        raise _Refused(f"has {file_size} bytes but claims tensors of {total} bytes; download it again")
    return {name: _array(name, tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _array(name: str, tensor: _Tensor, raw: bytes) -> np.ndarray:
    """Copy one tensor out of its storage's raw bytes, when all of it lies inside."""
    kind, key, dtype, length = tensor.storage
    size, stride, offset = tensor.size, tensor.stride, tensor.offset
    if len(raw) != length * dtype.itemsize:
        raise _Refused(f"has {len(raw)} bytes of storage {key}, not {length} numbers; copy or download it again")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size:
        view = np.empty(size, dtype)
    elif last < length:
        view = np.ndarray(size, dtype, raw, offset * dtype.itemsize, [step * dtype.itemsize for step in stride])
    else:
        raise _Refused(f"lets {name} reach number {last} of storage {key}, which has {length}; download it again")
    if kind == "torch.BFloat16Storage":
        return from_bfloat16(view)
    return view.astype(dtype.newbyteorder("="), order="C")
