"""Read PyTorch's .pth files without PyTorch, and without running any code that they contain.

A .pth file is a pickle plus raw numbers. torch_pickle.py executes the pickle, which tells where the numbers are; they
are read afterwards, with every bound checked.

The zip container (PyTorch >= 1.6)       The legacy stream (before)
    NAME/data.pkl     the pickle             pickle    a magic number
    NAME/byteorder    little or big          pickle    the protocol, 1001
    NAME/data/0       storage 0, raw         pickle    facts about the writer's machine
    NAME/data/1       ...                    pickle    the pickle
                                             pickle    the list of storage keys
                                             per key   int64 count, then that many raw numbers

A storage is a flat run of numbers. A tensor is an offset, a size and strides into one, so several tensors may share it.
Format: torch/serialization.py, https://github.com/pytorch/pytorch
"""

import io
import math
import os
import zipfile
from typing import Any, BinaryIO

import numpy as np

from .saving.arrays import FilePath, from_bfloat16, open_existing, shortened
from .torch_names import Refused, Storage, Tensor
from .torch_pickle import unpickle

MAGIC = 0x1950A86A20F9469CFC6C
MAX_EXPANSION = 16  # bytes of arrays per byte of the file: tensors may share numbers, and repeat them (with stride 0)


def load_pth(path: FilePath, key: str | None = None) -> dict[str, np.ndarray]:
    """Read a state dict -> arrays by name, each contiguous, native and with its own memory; other entries are left out.

    path is a file written by torch.save; key selects the state dict in a checkpoint such as {"model": .., "epoch": 3}.
    bfloat16, which NumPy lacks, becomes float32 with the same values. FileNotFoundError, or ValueError if the file is
    truncated or damaged, holds anything but a state dict, or asks for a name that no state dict needs.

    Whatever the file contains, none of it runs and no other file is read. Its pickle may take at most MAX_STEPS steps,
    and the arrays at most MAX_EXPANSION times as many bytes as the file.
    """
    with open_existing(path) as file:
        try:
            size = os.fstat(file.fileno()).st_size
            is_zip = file.read(4) == b"PK\x03\x04"
            file.seek(0)
            content, numbers = (_read_zip if is_zip else _read_legacy)(_Bounded(file, size), size)
            return _arrays(_state_dict(content, key), numbers, size)
        except Refused as error:
            raise ValueError(f"{path} {error}") from error
        except MemoryError:
            raise
        except Exception as error:  # a damaged pickle or zip raises nearly anything
            what = shortened(f"{type(error).__name__}: {error}")
            raise ValueError(f"{path} is damaged or not a PyTorch file ({what}); copy or download it again") from error


class _Bounded:
    """A file that is never asked for more than it has, since Python reserves memory for whatever a length says."""

    def __init__(self, file: BinaryIO, size: int):
        self.file, self.size = file, size
        self.readline, self.tell, self.seek, self.seekable = file.readline, file.tell, file.seek, file.seekable

    def read(self, count: int = -1) -> bytes:
        return self.file.read(min(count, self.size))


def _read_zip(file: Any, size: int) -> tuple[Any, dict[str, bytes]]:
    with zipfile.ZipFile(file) as archive:
        records = archive.infolist()
        if any(r.compress_type != zipfile.ZIP_STORED for r in records) or sum(r.file_size for r in records) > size:
            raise Refused("is compressed or claims more than its size; give the file as torch.save wrote it")
        names = archive.namelist()
        programs = [name for name in names if name.endswith("/data.pkl")]
        if len(programs) != 1:
            raise Refused("is a zip archive but has no data.pkl; give a file that torch.save wrote")
        folder = programs[0].removesuffix("data.pkl")

        # the pickle first, then the storages that it refers to
        is_big = folder + "byteorder" in names and archive.read(folder + "byteorder") == b"big"
        content, storages = unpickle(io.BytesIO(archive.read(programs[0])), size, ">" if is_big else "<")
        return content, {key: archive.read(f"{folder}data/{key}") for key in storages}


def _read_legacy(file: Any, size: int) -> tuple[Any, dict[str, bytes]]:
    magic, protocol, _machine = (unpickle(file, size)[0] for _ in range(3))
    if (magic, protocol) != (MAGIC, 1001):
        raise Refused("is a pickle but not PyTorch's; give a file that torch.save wrote")
    content, storages = unpickle(file, size)
    keys = unpickle(file, size)[0]

    # then the raw numbers of each storage, in the order of the keys
    numbers = {}
    for key in keys if type(keys) is list else [keys]:
        count = int.from_bytes(file.read(8), "little")
        if type(key) is not str or key not in storages or count != storages[key].length:
            what = key if type(key) is str else "without a name"
            raise Refused(f"ends early or is damaged at storage {shortened(what)}; copy or download it again")
        numbers[key] = file.read(count * storages[key].dtype.itemsize)
    return content, numbers


def _state_dict(content: Any, key: str | None) -> dict[str, Tensor]:
    """Return the tensors in content, or in content[key]; if dicts are nested in it, an error lists the keys."""
    if key is not None:
        if not isinstance(content, dict) or key not in content:
            raise Refused(f"has no key {key!r}; it holds {_kind(content)}")
        content = content[key]
    tensors = {k: v for k, v in content.items() if isinstance(v, Tensor)} if isinstance(content, dict) else {}
    nested = isinstance(content, dict) and any(isinstance(value, dict) for value in content.values())
    if nested or (content != {} and not tensors) or not all(isinstance(name, str) for name in tensors):
        raise Refused(f"holds {_kind(content)}, not a state dict; if one is inside, use load_pth(path, key=...)")
    return tensors


def _kind(content: Any) -> str:
    if isinstance(content, dict):
        return f"a dict with the keys {shortened([key for key in content if isinstance(key, str)])}"
    return f"a {type(content).__name__}"


def _arrays(tensors: dict[str, Tensor], numbers: dict[str, bytes], file_size: int) -> dict[str, np.ndarray]:
    total = sum(math.prod(t.size) * _bytes_of_number(t.storage) for t in tensors.values())
    if total > MAX_EXPANSION * file_size:
        claim = total if total < 2**63 else "very many"
        raise Refused(f"has {file_size} bytes, but its tensors claim {claim} bytes; download it again")
    return {name: _array(name, tensor, numbers[tensor.storage.key]) for name, tensor in tensors.items()}


def _bytes_of_number(storage: Storage) -> int:
    return 4 if storage.kind == "torch.BFloat16Storage" else storage.dtype.itemsize


def _array(name: str, tensor: Tensor, raw: bytes) -> np.ndarray:
    """Copy one tensor out of the raw bytes of its storage, if it lies entirely inside."""
    kind, key, dtype, length = tensor.storage
    size, stride, offset = tensor.size, tensor.stride, tensor.offset
    if len(raw) != length * dtype.itemsize:
        raise Refused(f"has {len(raw)} bytes of storage {key}, not {length} numbers; copy or download it again")
    last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
    if 0 in size:
        view = np.empty(size, dtype)
    elif last < length:
        view = np.ndarray(size, dtype, raw, offset * dtype.itemsize, [step * dtype.itemsize for step in stride])
    else:
        raise Refused(
            f"lets {shortened(name)} reach number {last} of storage {key}, which has only {length}; download it again"
        )
    if kind == "torch.BFloat16Storage":
        return from_bfloat16(view)
    return view.astype(dtype.newbyteorder("="), order="C")
