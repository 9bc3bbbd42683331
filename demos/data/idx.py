"""IDX, the file format of MNIST: a dtype code, the dimensions, then the numbers, all big endian."""

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

DTYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path):
    """Read an IDX file, plain or gzip -> writable array of the file's shape and dtype, in native byte order.

    Layout: two zero bytes, one dtype code, one number of dimensions, each dimension as uint32, then the values in C
    order. ValueError where the file is anything else, down to a missing or an extra byte. LeCun, Cortes & Burges 1998.
    """
    content = _unpack(path)
    if len(content) < 4 or content[:2] != b"\0\0":
        raise _error(
            path,
            "a header that starts with two zero bytes, a dtype code and the number of dimensions",
            f"{content[:4].hex(' ') or 'nothing'} in a file of {len(content)} bytes",
        )
    code, ndim = content[2:4]
    if code not in DTYPES:
        raise _error(path, f"a dtype code among {', '.join(f'0x{known:02x}' for known in DTYPES)}", f"0x{code:02x}")
    start = 4 + 4 * ndim
    if len(content) < start:
        raise _error(path, f"a header of {start} bytes for {ndim} dimensions", f"a file of {len(content)} bytes")

    shape = tuple(np.frombuffer(content, ">u4", ndim, offset=4).tolist())
    dtype = np.dtype(DTYPES[code])
    expected, got = math.prod(shape) * dtype.itemsize, len(content) - start  # Python integers: no overflow
    if expected != got:
        raise _error(path, f"{expected} bytes of {dtype.name} after the header, for shape {shape}", f"{got} bytes")
    try:
        return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # more axes than NumPy has, or a zero among huge dimensions
        raise _error(path, "a shape that NumPy can hold", str(shape)) from error


def _unpack(path):
    """Read the bytes of a file, through gzip if it starts as gzip does."""
    content = Path(path).read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _error(path, "a whole gzip stream", str(error)) from error


def _error(path, expected, got):
    return ValueError(
        f"read_idx: {path}: expected {expected}; got {got}. "
        "The file is damaged or not IDX: delete it and download it again"
    )
