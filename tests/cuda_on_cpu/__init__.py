"""Run the CUDA kernels of .cu files on the CPU, on NumPy arrays: for tests on machines without a GPU."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

HEADER = Path(__file__).with_name("cuda_cpu.h")
# extern "C" __global__ void name(, with __launch_bounds__(...), if any, before or after the void
KERNEL = re.compile(
    r'extern\s+"C"\s+__global__\s+(?:void\s+)?(?:__launch_bounds__\s*\((.*?)\)\s+)?(?:void\s+)?(\w+)\s*\('
)


class LaunchError(RuntimeError):
    """A kernel was called in a way that would fail, or compute nonsense, on a GPU."""


class NoCompiler(RuntimeError):
    """There is no g++ here."""


def cpu_module(
    seed: int = 0, flags: Sequence[str] = ("-O2",), defines: Sequence[str] = ()
) -> Callable[[Path], CpuModule]:
    """Return a provider for minigrad.kernels.launch that runs kernels on the CPU.

    seed: the order in which the threads of a block run between barriers: 0 ascending, 1 descending, any other number
    shuffled anew at each barrier. flags: for g++. defines: macros to define, such as "NAME" or "NAME=3".
    """
    return functools.partial(CpuModule, seed=seed, flags=tuple(flags), defines=tuple(defines))


class CpuModule:
    """A .cu file compiled for the CPU; has the shape of cupy.RawModule. NoCompiler without g++."""

    def __init__(self, path: Path, seed: int, flags: tuple[str, ...], defines: tuple[str, ...]):
        text = gxx(["-E", *(f"-D{name}" for name in defines), str(path)])
        kernels = {name: bounds or "1024" for bounds, name in KERNEL.findall(text)}
        exports = "\n".join(f"EXPORT({name}, {bounds})" for name, bounds in kernels.items())
        # In a namespace of its own, or g++ would not put a template's shared memory beside a function's.
        self._library = build(f"namespace {{\n{text}\n}}\n{exports}\n", flags)
        self._path, self._kernels, self._seed = Path(path), list(kernels), seed

    def get_function(self, name: str) -> Callable[[Sequence[int], Sequence[int], Sequence[Any]], None]:
        """Return the kernel, to be called with (grid, block, args)."""
        if name not in self._kernels:
            raise LaunchError(f"{self._path.name} has no kernel {name!r}; it has {', '.join(self._kernels)}")
        signature, launch = self._library[f"signature_{name}"], self._library[f"launch_{name}"]
        signature.restype = launch.restype = ctypes.c_char_p
        types = signature().decode().split()

        def kernel(grid: Sequence[int], block: Sequence[int], args: Sequence[Any]) -> None:
            if len(args) != len(types):
                raise LaunchError(f"{name}: takes {len(types)} arguments, got {len(args)}")
            cells = [cell(f"{name}: argument {i}", *pair) for i, pair in enumerate(zip(types, args))]
            addresses = (ctypes.c_void_p * len(cells))(*(c.ctypes.data for c in cells))
            error = launch(addresses, dim3(grid), dim3(block), ctypes.c_uint(self._seed))
            if error:
                raise LaunchError(f"{name}: {error.decode()}; grid {tuple(grid)}, block {tuple(block)}")

        return kernel


def cell(what: str, declared: str, arg: Any) -> np.ndarray:
    """Return the memory from which a kernel reads one argument; LaunchError unless arg is exactly as declared in C++.

    declared: NumPy's name of the type, "f4" for float; "*f4" for a pointer to floats.
    """
    dtype = np.dtype(declared.removeprefix("*"))
    if not declared.startswith("*"):
        if not isinstance(arg, np.generic) or arg.dtype != dtype:
            raise LaunchError(f"{what} must be np.{dtype}, got {describe(arg)}")
        return np.asarray(arg)
    if arg is None:  # a null pointer
        return np.asarray(np.uintp(0))
    if not isinstance(arg, np.ndarray) or arg.dtype != dtype or not arg.flags.c_contiguous:
        raise LaunchError(f"{what} must be a C-contiguous array of {dtype}, or None, got {describe(arg)}")
    return np.asarray(np.uintp(arg.ctypes.data))


def describe(arg: Any) -> str:
    """Name the kind of arg, for error messages."""
    if not isinstance(arg, np.ndarray):
        return f"{type(arg).__name__} {arg!r}"
    order = "a C-contiguous" if arg.flags.c_contiguous else "a non-contiguous"
    return f"{order} array of {arg.dtype}, shape {arg.shape}"


def dim3(sizes: Sequence[int]) -> ctypes.Array:
    """Return CUDA's dim3 of one to three sizes."""
    if not 1 <= len(sizes) <= 3:
        raise LaunchError(f"a grid or block has one to three sizes, got {tuple(sizes)}")
    return (ctypes.c_uint * 3)(*[*sizes, 1, 1][:3])


def build(text: str, flags: tuple[str, ...]) -> ctypes.PyDLL:
    """Compile and load C++ text; what any process compiled before is taken from a folder of temporary files."""
    options = [*flags, "-include", str(HEADER), "-shared", "-fPIC"]
    key = hashlib.sha256("\0".join([text, HEADER.read_text(), *options]).encode()).hexdigest()[:32]
    folder = Path(tempfile.gettempdir()) / f"minigrad-cuda-on-cpu-{os.getuid()}"
    library = folder / f"{key}.so"
    if not library.exists():
        folder.mkdir(mode=0o700, exist_ok=True)
        if folder.stat().st_uid != os.getuid():  # a library is loaded from it
            raise PermissionError(f"{folder} belongs to somebody else; set TMPDIR to a folder of your own")
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            gxx([*options, "-o", f"{scratch}/library.so"], text)
            os.replace(f"{scratch}/library.so", library)  # at once, so that no other process sees half of it
    return ctypes.PyDLL(str(library))  # which holds Python's lock: one launch at a time


def gxx(arguments: list[str], text: str | None = None) -> str:
    """Run g++, on C++ text from its standard input if given; return what it prints. RuntimeError if it fails."""
    if shutil.which("g++") is None:
        raise NoCompiler("kernels run on the CPU by way of g++, and it is not installed")
    if text is not None:
        arguments = [*arguments, "-"]
    environment = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}  # no sanitizer in g++
    command = ["g++", "-std=c++17", "-x", "c++", *arguments]
    done = subprocess.run(command, input=text, capture_output=True, text=True, env=environment)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr}")
    return done.stdout
