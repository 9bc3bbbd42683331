"""Time one training step in this process: python -m demos.benchmark.worker LIBRARY STEP -> milliseconds."""

import importlib
import json
import sys
import time
from statistics import median


def main(library: str, name: str, quick: bool) -> None:
    step = importlib.import_module(f"demos.benchmark.{library}").STEPS[name]()
    times = []
    for i in range(3 if quick else 70):
        start = time.perf_counter()
        step()
        if i >= (1 if quick else 20):  # the first ones warm caches and memory up
            times.append(time.perf_counter() - start)
    print(json.dumps(1e3 * median(times)))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], "--quick" in sys.argv)
