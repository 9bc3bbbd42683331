"""Time one library in this process, and print milliseconds as JSON.

python -m demos.benchmark.worker LIBRARY step NAME          a training step -> a number
python -m demos.benchmark.worker LIBRARY kernels DEVICE     all kernels -> {name: number}
"""

import importlib
import json
import sys
import time
from collections.abc import Callable
from statistics import median

from demos.benchmark import shapes


def main(library: str, what: str, name: str, quick: bool) -> None:
    module = importlib.import_module(f"demos.benchmark.{library}")
    if what == "step":
        times = milliseconds(module.STEPS[name](), *((1, 2, 0) if quick else (10, 30)))
    else:
        kernels = {
            f"{kernel} {shape}": module.kernel(kernel, shape, name)
            for shape in (shapes.CPU if name == "cpu" else shapes.GPU)
            for kernel in shapes.KERNELS
        }
        times = {kernel: milliseconds(f, *((1, 1, 0) if quick else (5, 25))) for kernel, f in kernels.items()}
    print(json.dumps(times))


def milliseconds(f: Callable[[], None], warm: int, runs: int, settle: float = 0.1) -> float:
    """Median time of f, once it has been called `warm` times and for `settle` seconds.

    Then caches and memory are as in a long run, and threads have found a core each.
    """
    settled = time.perf_counter() + settle
    while warm > 0 or time.perf_counter() < settled:
        f()
        warm -= 1
    times = []
    for _ in range(runs):
        start = time.perf_counter()
        f()
        times.append(time.perf_counter() - start)
    return 1e3 * median(times)


if __name__ == "__main__":
    main(*sys.argv[1:4], quick="--quick" in sys.argv)
