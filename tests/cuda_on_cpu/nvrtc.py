"""Compile kernels with NVIDIA's compiler, NVRTC, and read what they need of a GPU; no GPU is needed for that."""

from __future__ import annotations

import ctypes
import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

# What ptxas, the assembler, prints about each kernel.
USAGE = re.compile(
    r"entry function '(?P<kernel>\w+)'"
    r".*?(?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads"
    r".*?Used (?P<registers>\d+) registers(?:[^\n]*?(?P<shared>\d+) bytes smem)?",
    re.DOTALL,
)


class NoNvrtc(RuntimeError):
    """NVRTC is not installed here."""


class Usage(NamedTuple):
    """What a kernel takes: registers a thread; bytes that did not fit in them; bytes of shared memory a block."""

    registers: int
    spilled: int
    shared: int


def usage(path: Path, architecture: str = "sm_90") -> dict[str, Usage]:
    """Compile a .cu file; return the Usage of its kernels by name. NoNvrtc; RuntimeError with the log if it fails."""
    nvrtc, program, size = load(), ctypes.c_void_p(), ctypes.c_size_t()
    nvrtc.nvrtcCreateProgram(ctypes.byref(program), path.read_bytes(), str(path).encode(), 0, None, None)
    options = [b"-std=c++17", f"-arch={architecture}".encode(), b"--ptxas-options=-v"]
    failed = nvrtc.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    nvrtc.nvrtcGetProgramLogSize(program, ctypes.byref(size))
    log = ctypes.create_string_buffer(size.value)
    nvrtc.nvrtcGetProgramLog(program, log)
    nvrtc.nvrtcDestroyProgram(ctypes.byref(program))
    text = log.value.decode()
    if failed:
        raise RuntimeError(f"NVRTC cannot compile {path} for {architecture}:\n{text}")
    return {
        found["kernel"]: Usage(
            registers=int(found["registers"]),
            spilled=int(found["stores"]) + int(found["loads"]),
            shared=int(found["shared"] or 0),
        )
        for found in USAGE.finditer(text)
    }


def load() -> ctypes.CDLL:
    """Load NVRTC from the package nvidia-cuda-nvrtc."""
    nvidia = importlib.util.find_spec("nvidia")
    for folder in (nvidia and nvidia.submodule_search_locations) or ():
        for library in Path(folder).glob("*/lib/libnvrtc.so.*"):
            for builtins in library.parent.glob("libnvrtc-builtins.so.*"):
                ctypes.CDLL(str(builtins))  # NVRTC will ask for it by its bare name
            return ctypes.CDLL(str(library))
    raise NoNvrtc("NVRTC is not installed; pip install nvidia-cuda-nvrtc")
