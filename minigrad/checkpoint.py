"""Arrays to disk and back (safetensors), and training runs that stop and go on bit for bit.

A safetensors file is a length (8 bytes), a JSON header that names each array's type, shape and place, and the
raw bytes. Nothing in it is code, so loading a stranger's file is safe. https://github.com/huggingface/safetensors
"""

import contextlib
import json
import os
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO, Protocol

import numpy as np

Arrays = dict[str, np.ndarray]
FilePath = str | os.PathLike[str]
Rngs = Mapping[str, np.random.Generator]

# safetensors' name of a type -> NumPy's; always little-endian on disk.
DTYPES = {
    "BOOL": "|b1", "I8": "|i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "|u1", "U16": "<u2", "U32": "<u4",
    "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip


class Stateful(Protocol):
    """What a model and an optimizer have in common here: their arrays, by name, out and in."""

    def state_dict(self) -> Arrays: ...
    def load_state_dict(self, arrays: Arrays, /) -> Any: ...


def save(path: FilePath, arrays: Mapping[str, Any], metadata: dict[str, Any] | None = None) -> None:
    """Write arrays (name -> bool, integer, float or complex64 array, any layout) and a JSON-able dict to one file.

    The file at path is the old one or the new one, whole, whatever happens meanwhile. One writer a path. ValueError
    for what safetensors or JSON cannot hold; OSError where the disk refuses, with the old file untouched.
    """
    packed = {name: _packed(name, value) for name, value in arrays.items()}
    try:
        text = json.dumps(metadata or {})
    except TypeError as error:
        raise ValueError(f"checkpoint.save: metadata is not JSON: {error}; use str, int, float, list, dict") from error
    header = {"minigrad": text, "minigrad_crc32": str(_crc32(packed, text))}
    _write_whole(path, _safetensors().numpy.save(packed, metadata=header))


def load(path: FilePath) -> tuple[Arrays, dict[str, Any]]:
    """Read a safetensors file -> (arrays, metadata); metadata is {} in files that others wrote.

    bfloat16, which NumPy lacks, becomes float32 with the same values. Metadata is what JSON keeps: tuples come back
    as lists, keys as strings. FileNotFoundError, or ValueError where the file is truncated, changed or foreign.
    """
    with open_existing(path) as file:
        content = file.read()
    safetensors = _safetensors()
    try:
        records = safetensors.deserialize(content)
    except safetensors.SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file ({error}); copy or download it again") from error
    stored = {name: _stored(path, name, record) for name, record in records}
    header_size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + header_size]).get("__metadata__") or {}
    text = header.get("minigrad", "{}")
    if "minigrad_crc32" in header and header["minigrad_crc32"] != str(_crc32(stored, text)):
        raise ValueError(f"{path} has changed since it was saved (its checksum differs); copy or download it again")
    return {name: _native(array) for name, array in stored.items()}, json.loads(text)


def save_training(
    path: FilePath, model: Stateful, optimizer: Stateful, epoch: int, rngs: Rngs, extra: dict[str, Any] | None = None
) -> None:
    """Write all that a run needs to go on: model, optimizer, epoch, the generators' states and a JSON-able dict.

    Errors are those of save. What Generator.spawn has handed out is not part of a generator's state.
    """
    arrays = {f"model.{name}": array for name, array in model.state_dict().items()}
    arrays |= {f"optimizer.{name}": array for name, array in optimizer.state_dict().items()}
    states = {name: _plain(rng.bit_generator.state) for name, rng in rngs.items()}
    save(path, arrays, {"training_state": {"epoch": epoch, "rngs": states, "extra": extra or {}}})


def load_training(path: FilePath, model: Stateful, optimizer: Stateful, rngs: Rngs) -> tuple[int, dict[str, Any]]:
    """Put a saved run back into model, optimizer and rngs, in place -> (epoch, extra).

    ValueError where the file is no training state or its generators differ from rngs; whatever load_state_dict
    raises where the arrays do not fit. After an error model, optimizer and rngs are as they were.
    """
    arrays, metadata = load(path)
    if "training_state" not in metadata:
        raise ValueError(f"{path} holds arrays but no training state; write one with checkpoint.save_training")
    training = metadata["training_state"]
    states = _checked_states(path, training["rngs"], rngs)
    _load_both(path, arrays, {"model.": model, "optimizer.": optimizer})
    for name, state in states.items():
        rngs[name].bit_generator.state = state
    return training["epoch"], training["extra"]


def open_existing(path: FilePath) -> BinaryIO:
    """Open a file for reading. FileNotFoundError or ValueError (a folder) say what to do about it."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} does not exist (looked in {os.getcwd()}); check the path")
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; give the path of a file in it")
    return open(path, "rb")


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Return the float32 values of bfloat16 numbers given as uint16: bfloat16 is the upper half of a float32."""
    out = np.empty(bits.shape, np.float32)
    np.left_shift(bits, 16, out=out.view(np.uint32), dtype=np.uint32)
    return out


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("checkpoint needs safetensors: python -m pip install safetensors") from error
    return safetensors


def _packed(name: str, value: Any) -> np.ndarray:
    # safetensors reads the raw memory, so it must be contiguous. asarray keeps 0-d; ascontiguousarray would not.
    array = np.asarray(value)
    array = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    if array.dtype.str not in DTYPES.values():
        raise ValueError(f"checkpoint.save: {name!r} has dtype {array.dtype}; convert it to one of {list(DTYPES)}")
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"checkpoint.save: {name!r} cannot name an array; use any other string")
    return array


def _stored(path: FilePath, name: str, record: dict[str, Any]) -> np.ndarray:
    dtype = record["dtype"]
    if dtype == "BF16":
        return from_bfloat16(np.ndarray(record["shape"], "<u2", record["data"]))
    if dtype not in DTYPES:
        raise ValueError(f"{path}: {name!r} has type {dtype}, which NumPy lacks; convert it to one of {list(DTYPES)}")
    return np.ndarray(record["shape"], DTYPES[dtype], record["data"])


def _native(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("="))


def _crc32(arrays: Arrays, text: str) -> int:
    # safetensors sees a truncated file, but not a flipped bit
    crc = zlib.crc32(text.encode())
    for name, array in sorted(arrays.items()):
        crc = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), crc)
        crc = zlib.crc32(array.data, crc)
    return crc


def _write_whole(path: FilePath, content: bytes) -> None:
    """Write a new file beside the old one, then rename it: os.replace is atomic, a write is not.

    A killed process leaves PATH.partial behind, which nothing reads and the next save overwrites.
    """
    target = os.path.realpath(path)  # a link stays a link
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"checkpoint.save: there is no folder {folder}; make it first")
    partial = target + ".partial"
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on the disk before the rename, or a power cut may keep the name and no content
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):  # where not even the opening succeeded
            os.unlink(partial)
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    with contextlib.suppress(OSError):  # Windows and some network disks cannot; the file itself is whole already
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    # MT19937, Philox and SFC64 keep arrays in their state; all of them take lists back
    return json.loads(json.dumps(state, default=lambda array: array.tolist()))


def _checked_states(path: FilePath, stored: dict[str, Any], rngs: Rngs) -> dict[str, Any]:
    """Return the states to set, each tried on a fresh generator of its kind first, so that setting them cannot fail."""
    if stored.keys() != rngs.keys():
        raise ValueError(f"{path} holds generators {sorted(stored)}, got {sorted(rngs)}; give the same names")
    states = {}
    for name, rng in rngs.items():
        kind = type(rng.bit_generator)
        saved_kind = stored[name]["bit_generator"]
        if saved_kind != kind.__name__:
            raise ValueError(f"{path}: generator {name!r} was {saved_kind}, got {kind.__name__}; make it {saved_kind}")
        trial = kind()
        trial.state = stored[name]
        states[name] = trial.state
    return states


def _load_both(path: FilePath, arrays: Arrays, parts: dict[str, Stateful]) -> None:
    before = {prefix: {k: np.array(v) for k, v in part.state_dict().items()} for prefix, part in parts.items()}
    try:
        for prefix, part in parts.items():
            part.load_state_dict({k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)})
    except BaseException as error:
        for prefix, part in parts.items():
            part.load_state_dict(before[prefix])
        error.add_note(f"while loading {path}; nothing was changed")
        raise
