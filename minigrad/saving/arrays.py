"""Arrays to disk and back, whole or not at all.

A safetensors file is a length (8 bytes), a JSON header that names each array's type, shape and place, and the
raw bytes. Nothing in it is code, so loading a stranger's file is safe. https://github.com/huggingface/safetensors

Ours hold a dict besides, as JSON, and a checksum of everything: safetensors sees a truncated file, but not a flipped
bit. Both lie in the header's __metadata__, under METADATA and CHECKSUM.
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
MAX_DEPTH = 100  # of lists and dicts inside one another in the metadata
MAX_HEADER = 8 << 20  # bytes; 80,000 arrays, say. What JSON says in two bytes takes eighty in memory

# safetensors' name of a type -> NumPy's; always little-endian on disk.
DTYPES = {
    "BOOL": "|b1", "I8": "|i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U8": "|u1", "U16": "<u2", "U32": "<u4",
    "U64": "<u8", "F16": "<f2", "F32": "<f4", "F64": "<f8", "C64": "<c8",
}  # fmt: skip


def save(path: FilePath, arrays: Mapping[str, Any], metadata: dict[str, Any] | None = None) -> None:
    """Write arrays (name -> bool, integer, float or complex64 array, any layout) and a JSON-able dict to one file.

    The file at path is the old one or the new one, whole, whatever happens meanwhile. One writer a path. ValueError
    for what safetensors or JSON cannot hold; OSError where the disk refuses, with the old file untouched.
    """
    packed = {name: _packed(name, value) for name, value in arrays.items()}
    text = _json(metadata or {})
    header = {METADATA: text, CHECKSUM: str(_crc32(packed, text))}
    content = _safetensors().numpy.save(packed, metadata=header)
    if _header_size(content) > MAX_HEADER:
        raise ValueError(f"saving.save: names and metadata take more than {MAX_HEADER} bytes; save less of them")
    _write_whole(path, content)


def load(path: FilePath) -> tuple[Arrays, dict[str, Any]]:
    """Read a safetensors file -> (arrays by name, in the names' order; metadata, {} in files that others wrote).

    bfloat16, which NumPy lacks, becomes float32 with the same values. Metadata is what JSON keeps: tuples come back
    as lists, keys as strings. FileNotFoundError, or ValueError where the file is truncated, changed or foreign.
    Whatever the file says, nothing but the file is read, and no more memory taken than four times its size and, for
    names and metadata, 256 MiB (MAX_HEADER bounds them).
    """
    with open_existing(path) as file:
        content = file.read()
    if _header_size(content) > MAX_HEADER:
        raise ValueError(f"{path} is no whole safetensors file (a header of more than {MAX_HEADER} bytes); get it anew")
    safetensors = _safetensors()
    try:
        records = sorted(safetensors.deserialize(content), key=lambda record: record[0])
        header = json.loads(str(content[8 : 8 + _header_size(content)], "utf-8"))
    except (safetensors.SafetensorError, ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} is no whole safetensors file ({shortened(str(error))}); copy or download it again"
        ) from error
    stored = {name: _stored(path, name, record) for name, record in records}
    metadata = _metadata(path, stored, header.get("__metadata__") or {})
    return {name: _native(array) for name, array in stored.items()}, metadata


def open_existing(path: FilePath) -> BinaryIO:
    """Open a file for reading. FileNotFoundError or ValueError (a folder) say what to do about it."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"{path} does not exist (looked in {os.getcwd()}); check the path")
    if os.path.isdir(path):
        raise ValueError(f"{path} is a folder; give the path of a file in it")
    return open(path, "rb")


def shortened(value: Any) -> str:
    """Return a text for an error message, or the repr of another value, in 200 characters at most."""
    text = value if isinstance(value, str) else repr(value)
    return text if len(text) <= 200 else f"{text[:150]} .. ({len(text)} characters)"


def from_bfloat16(bits: np.ndarray) -> np.ndarray:
    """Return the float32 values of bfloat16 numbers given as uint16: bfloat16 is the upper half of a float32."""
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
    # safetensors reads the raw memory, so it must be contiguous. asarray keeps 0-d; ascontiguousarray would not.
    array = np.asarray(value)
    array = np.asarray(array, dtype=array.dtype.newbyteorder("<"), order="C")
    if array.dtype.str not in DTYPES.values():
        raise ValueError(f"saving.save: {name!r} has dtype {array.dtype}; convert it to one of {list(DTYPES)}")
    if not isinstance(name, str) or name == "__metadata__":
        raise ValueError(f"saving.save: {name!r} cannot name an array; use any other string")
    return array


def _stored(path: FilePath, name: str, record: dict[str, Any]) -> np.ndarray:
    dtype, shape, data = record["dtype"], record["shape"], record["data"]
    if dtype not in DTYPES and dtype != "BF16":
        raise ValueError(
            f"{path}: {shortened(repr(name))} has type {dtype}, which NumPy lacks; convert it to one of {list(DTYPES)}"
        )
    try:
        array = np.ndarray(shape, DTYPES.get(dtype, "<u2"), data)
    except ValueError as error:  # more axes than NumPy has, or a zero among huge dimensions
        raise ValueError(
            f"{path}: {shortened(repr(name))} has a shape that NumPy cannot hold ({error}); save it as another"
        ) from error
    return from_bfloat16(array) if dtype == "BF16" else array


def _json(metadata: dict[str, Any]) -> str:
    try:
        text = json.dumps(metadata)
    except (TypeError, ValueError, RecursionError) as error:
        what = f"{type(error).__name__}: {error}"
        raise ValueError(f"saving.save: metadata is not JSON ({what}); use str, int, float, list, dict") from error
    if _depth(metadata) > MAX_DEPTH:
        raise ValueError(f"saving.save: metadata is nested {_depth(metadata)} deep; it may be {MAX_DEPTH} deep")
    return text


def _metadata(path: FilePath, stored: Arrays, header: dict[str, str]) -> dict[str, Any]:
    """Return the dict that save wrote into the header, once the checksum fits; {} where others wrote the file."""
    if not _is_ours(header):
        return {}
    text = header.get(METADATA, "")
    if header.keys() != {METADATA, CHECKSUM} or header[CHECKSUM] != str(_crc32(stored, text)):
        raise ValueError(f"{path} has changed since it was saved (its checksum differs); copy or download it again")
    try:
        metadata = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} has metadata that are not JSON ({error}); get it from elsewhere") from error
    if not isinstance(metadata, dict) or _depth(metadata) > MAX_DEPTH:
        raise ValueError(f"{path} has metadata that are no dict, {MAX_DEPTH} deep at most; get it from elsewhere")
    return metadata


def _is_ours(header: dict[str, str]) -> bool:
    """Tell a file of ours by the names of its two entries, or by names like them.

    Were only the names themselves known, damage to them would switch the checksum off.
    """
    few = header if len(header) <= 4 else header.keys() & {METADATA, CHECKSUM}
    return any(difflib.get_close_matches(name, few, n=1) for name in (METADATA, CHECKSUM))


def _depth(value: Any) -> int:
    """Return how deep lists and dicts lie inside one another; not recursively, since they may lie too deep for that."""
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

    A killed process leaves PATH.partial behind, which nothing reads and the next save overwrites.
    """
    target = os.path.realpath(path)  # a link stays a link
    folder = os.path.dirname(target)
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"saving.save: there is no folder {folder}; make it first")
    partial = target + ".partial"
    try:
        with open(partial, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # on the disk before the rename, or a power cut may keep the name and no content
        os.replace(partial, target)
    except BaseException as error:
        with contextlib.suppress(FileNotFoundError):  # where not even the opening succeeded
            os.unlink(partial)
        if isinstance(error, OSError):
            error.filename, error.filename2 = target, None  # a full disk names no file
        raise
    _sync_folder(folder)


def _sync_folder(folder: str) -> None:
    with contextlib.suppress(OSError):  # Windows and some network disks cannot; the file itself is whole already
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
