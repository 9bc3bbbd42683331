"""IDX, the file format of MNIST: a dtype code, the dimensions, then the numbers, all big endian."""

import gzip
import math
import zlib

import numpy as np

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}

MAX_BYTES = 1 << 28  # 256 MiB; MNIST's largest file unpacks to 45


def read_idx(path, *, limit=MAX_BYTES):
    """Read an IDX file, plain or gzip -> writable array of the file's shape and dtype, in native byte order.

    Layout: two zero bytes, one dtype code, one number of dimensions, each dimension as uint32, then the values in C
    order. No more bytes are unpacked than the header announces, and `limit` at most. ValueError where the file is
    anything else, down to a missing or an extra byte, or is larger. LeCun, Cortes & Burges 1998.
    """
    with open(path, "rb") as start:
        packed = start.read(2) == b"\x1f\x8b"
    try:
        with gzip.open(path) if packed else open(path, "rb") as file:
            return _read(path, file, limit)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _error(path, "a whole gzip stream", str(error)) from error


def _read(path, file, limit):
    """Read the header and as many values as it announces."""
    start = file.read(4)
    if len(start) < 4 or start[:2] != b"\0\0":
        raise _error(
            path,
            "a header that starts with two zero bytes, a dtype code and the number of dimensions",
            f"{start.hex(' ') or 'nothing'} in a file of {len(start)} bytes" if len(start) < 4 else start.hex(" "),
        )
    code, ndim = start[2:]
    if code not in DTYPES:
        raise _error(path, f"a dtype code among {', '.join(f'0x{known:02x}' for known in DTYPES)}", f"0x{code:02x}")
    sizes = file.read(4 * ndim)
    if len(sizes) < 4 * ndim:
        raise _error(path, f"a header of {4 + 4 * ndim} bytes for {ndim} dimensions", f"{4 + len(sizes)} bytes")

    shape = tuple(np.frombuffer(sizes, ">u4").tolist())
    dtype = np.dtype(DTYPES[code])
    expected = math.prod(shape) * dtype.itemsize  # Python integers: no overflow
    announced = f"{expected} bytes of {dtype.name} after the header, for shape {shape}"
    if expected > limit:
        raise _error(path, f"at most {limit} bytes of values", announced)
    content = file.read(expected + 1)  # one more, to meet the end of the file, where gzip checks what it unpacked
    if len(content) != expected:
        raise _error(path, announced, "more" if len(content) > expected else f"{len(content)} bytes")
    try:
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # more axes than NumPy has, or a zero among huge dimensions
        raise _error(path, "a shape that NumPy can hold", str(shape)) from error


def _error(path, expected, got):
    return ValueError(
        f"read_idx: {path}: expected {expected}; got {got}. "
        "The file is damaged or not IDX: delete it and download it again"
    )
