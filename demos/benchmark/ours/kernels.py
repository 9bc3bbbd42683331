"""Single kernels, on arrays that lie in memory as the engine leaves them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from demos.benchmark.shapes import Shape
from demos.benchmark.worker import milliseconds
from minigrad.backend import to_device
from minigrad.kernels import kernels_for
from minigrad.kernels.matmul import matmul
from minigrad.profile import rates as cpu_rates


def kernel(name: str, shape: Shape, device: str) -> Callable[[], None]:
    """Return a call of the kernel on arrays that lie in memory as the engine leaves them: C,H,W,N on a CPU."""
    rng, geo = np.random.default_rng(0), shape.geometry
    x, y = _batch(rng, device, shape.N, shape.C, *geo.input), _batch(rng, device, shape.N, shape.O, *geo.output)
    w = to_device(rng.standard_normal((shape.O, shape.C, *geo.kernel), np.float32), device)
    first, second = {"conv2d": (x, w), "conv_transpose2d": (y, w), "conv2d_weight": (x, y)}[name]
    f = getattr(kernels_for("conv", w), name)

    def call() -> None:
        f(first, second, geo)
        synchronize(device)

    return call


def _batch(rng: np.random.Generator, device: str, N: int, *size: int):
    if device != "cpu":
        return to_device(rng.standard_normal((N, *size), np.float32), device)
    return rng.standard_normal((*size, N), np.float32).transpose(3, 0, 1, 2)


def rates(device: str) -> tuple[float, float]:
    """Measure the machine: operations per second in products of large matrices, bytes per second read and written."""
    if device == "cpu":
        return cpu_rates("float32")
    n = 8192
    a = to_device(np.random.default_rng(0).standard_normal((n, n), np.float32), device)
    times = [milliseconds(lambda f=f: (f(), synchronize(device)), 2, 5) for f in (lambda: matmul(a, a), a.copy)]
    return 2e3 * n**3 / times[0], 2e3 * a.nbytes / times[1]


def synchronize(device: str) -> None:
    """Wait until a GPU has done what it was given."""
    if device != "cpu":
        import cupy

        cupy.cuda.get_current_stream().synchronize()
