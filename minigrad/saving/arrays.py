"""Arrays to disk and back, completely or not at all.

A safetensors file is a length (8 bytes), a JSON header with the type, shape and position of each array, and the raw
bytes. Nothing in it is code, so loading a stranger's file is safe. https://github.com/huggingface/safetensors

Files written here also hold a dict, as JSON, and a checksum of everything, because safetensors notices a truncated file
but not a flipped bit. Both are in the header's __metadata__, under METADATA and CHECKSUM.
"""

import contextlib
import difflib
import json
import os
import zlib
from collections.abc import Mapping
from typing import Any, BinaryIO

import numpy as np

Arrays = dict[str, np.ndarray]
FilePath = str | os.PathLike[str]

METADATA, CHECKSUM = "minigrad", "minigrad_crc32"
MAX_DEPTH = 100  # of nested lists and dicts in the metadata
MAX_HEADER = 8 << 20  # bytes, enough for 80,000 arrays; two bytes of JSON may take eighty in memory

# safetensors' names of types -> NumPy's; always little-endian on disk
DTYPES = {
    "BOOL": "|b1", "I8": "|i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "|u1", "U16": "<u2", "U32": "<u4",
    "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip


def save(path: FilePath, arrays: Mapping[str, Any], metadata: dict[str, Any] | None = None) -> None:
    """Write arrays by name (bool, integer, float or complex64, any memory layout) and a JSON-able dict to one file.

    Whatever happens meanwhile, the file at path is either the old one or the new one, complete. There may be only one
    writer per path. ValueError for what safetensors or JSON cannot hold; OSError if the disk refuses, with the old file
    untouched.
    """
    packed = {name: _packed(name, value) for name, value in arrays.items()}
    text = _json(metadata or {})
    header = {METADATA: text, CHECKSUM: str(_crc32(packed, text))}
    content = _safetensors().numpy.save(packed, metadata=header)
    if _header_size(content) > MAX_HEADER:
        raise ValueError(f"saving.save: names and metadata take more than {MAX_HEADER} bytes; shorten them")
    _write_whole(path, content)


def load(path: FilePath) -> tuple[Arrays, dict[str, Any]]:
    """Read a safetensors file -> (arrays by name, sorted; metadata, {} if another program wrote the file).

    bfloat16, which NumPy lacks, becomes float32 with the same values. Metadata come back as JSON keeps them: tuples as
    lists, keys as strings. FileNotFoundError, or ValueError if the file is truncated, changed or foreign.
    Whatever the file contains, only the file is read, and memory is limited to four times its size plus 256 MiB for
    names and metadata, which MAX_HEADER bounds.
    """
    with open_existing(path) as file:
        content = file.read()
    if _header_size(content) > MAX_HEADER:
        raise ValueError(
            f"{path} is no complete safetensors file (its header has more than {MAX_HEADER} bytes);"
            " copy or download it again"
        )
    safetensors = _safetensors()
    try:
        records = sorted(safetensors.deserialize(content), key=lambda record: record[0])
        header = json.loads(str(content[8 : 8 + _header_size(content)], "utf-8"))
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is no complete safetensors file ({shortened(str(error))}); copy or download it again"
        ) from error
    stored = {name: _stored(path, name, record) for name, record in records}
    metadata = _metadata(path, stored, header.get("__metadata__") or {})
    return {name: _native(array) for name, array in stored.items()}, metadata


def open_existing(path: FilePath) -> BinaryIO:
    """Open a file for reading. FileNotFoundError, or ValueError for a folder, with what to do about it."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} does not exist (looked in {os.getcwd()}); check the path")
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; give the path of a file in it")
    return open(path, "rb")


def shortened(value: Any) -> str:
    """Return a string, or the repr of another value, in at most 200 characters, for an error message."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:150]} .. ({len(text)} characters)"


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Return the float32 values of bfloat16 numbers, given as uint16: bfloat16 is the upper half of a float32."""
    out = np.empty(bits.shape, np.float32)
    np.left_shift(bits, 16, out=out.view(np.uint32), dtype=np.uint32)
    return out


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError("saving needs safetensors: python -m pip install safetensors") from error
    return safetensors


def _header_size(content: bytes) -> int:
    return int.from_bytes(content[:8], "little")


def _packed(name: str, value: Any) -> np.ndarray:
    # safetensors reads the raw memory, so it must be contiguous; ascontiguousarray would add an axis to a scalar
    array = np.asarray(value)
    array = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    if array.dtype.str not in DTYPES.values():
        raise ValueError(f"saving.save: {name!r} has dtype {array.dtype}; convert it to one of {list(DTYPES)}")
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"saving.save: {name!r} cannot name an array; use another string")
    return array


def _stored(path: FilePath, name: str, record: dict[str, Any]) -> np.ndarray:
    dtype, shape, data = record["dtype"], record["shape"], record["data"]
    if dtype not in DTYPES and dtype != "BF16":
        raise ValueError(
            f"{path}: {shortened(repr(name))} has type {dtype}, which NumPy lacks; save it as one of {list(DTYPES)}"
        )
    try:
        array = np.ndarray(shape, DTYPES.get(dtype, "<u2"), data)
    except ValueError as error:  # more axes than NumPy has, or a zero among huge dimensions
        raise ValueError(
            f"{path}: {shortened(repr(name))} has a shape that NumPy cannot hold ({error}); save it in another shape"
        ) from error
    return from_bfloat16(array) if dtype == "BF16" else array


def _json(metadata: dict[str, Any]) -> str:
    try:
        text = json.dumps(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"saving.save: metadata is not JSON ({what}); use str, int, float, list, dict") from error
    if _depth(metadata) > MAX_DEPTH:
        raise ValueError(f"saving.save: metadata is nested {_depth(metadata)} deep; the limit is {MAX_DEPTH}")
    return text


def _metadata(path: FilePath, stored: Arrays, header: dict[str, str]) -> dict[str, Any]:
    """Return the dict that save wrote into the header, if the checksum fits; {} if another program wrote the file."""
    if not _is_ours(header):
        return {}
    text = header.get(METADATA, "")
    if header.keys() != {METADATA, CHECKSUM} or header[CHECKSUM] != str(_crc32(stored, text)):
        raise ValueError(f"{path} has changed since it was saved (its checksum differs); copy or download it again")
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} has metadata that are not JSON ({error}); use another copy of it") from error
    if not isinstance(metadata, dict) or _depth(metadata) > MAX_DEPTH:
        raise ValueError(f"{path} has metadata that are not a dict of depth {MAX_DEPTH}; use another copy of it")
    return metadata


def _is_ours(header: dict[str, str]) -> bool:
    """Recognise a file that save wrote by the names of its two entries, or by similar names.

    If only the exact names counted, damage to a name would switch the checksum off.
    """
    few = header if len(header) <= 4 else header.keys() & {METADATA, CHECKSUM}
    return any(difflib.get_close_matches(name, few, n=1) for name in (METADATA, CHECKSUM))


def _depth(value: Any) -> int:
    """Return how deeply lists and dicts are nested; without recursion, because they may be nested too deeply for it."""
    depth, level = 0, [value]
    while level := [part for part in level if isinstance(part, dict | list | tuple)]:
        depth += 1
        level = [part for whole in level for part in (whole.values() if isinstance(whole, dict) else whole)]
    return depth


def _native(array: np.ndarray) -> np.ndarray:
    return array.astype(array.dtype.newbyteorder("="), copy=not array.flags.owndata)


def _crc32(arrays: Arrays, text: str) -> int:
    crc = zlib.crc32(text.encode())
    for name, array in sorted(arrays.items()):
        crc = zlib.crc32(f"{name} {array.dtype.str} {array.shape}".encode(), crc)
        crc = zlib.crc32(array.data, crc)
    return crc


def _write_whole(path: FilePath, content: bytes) -> None:
    """Write a new file beside the old one, then rename it: os.replace is atomic, a write is not.

    A process that is killed leaves PATH.partial behind, which nothing reads and the next save overwrites.
    """
    target = os.path.realpath(path)  # a link stays a link
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"saving.save: there is no folder {folder}; create it first")
    partial = target + ".partial"
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # to the disk before the rename, or a power cut may keep the name without content
        os.replace(partial, target)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):  # if not even opening it succeeded
            os.unlink(partial)
        if isinstance(error, OSError):
            error.filename, error.filename2 = target, None  # the error of a full disk names no file
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    """Make the rename itself survive a power cut, where the system can."""
    with contextlib.suppress(OSError):  # Windows and some network disks cannot; the file is complete in any case
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
