"""What has to be unchanged for a resumed training to end with the same bits: the data, and the machine's arithmetic.

Other data are refused, as that would be another run. Another processor, library or number of threads can only round
differently: the run continues, and prints a line about it.
"""

from __future__ import annotations

import platform
import zlib
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_info

import minigrad
from minigrad import nn, saving
from minigrad.backend import gpu
from minigrad.distributed import world
from minigrad.kernels.threads import thread_count
from minigrad.saving.arrays import shortened

KEYS = {"history", "settings", "data", "environment"}  # of what a run keeps beside its arrays


def fingerprint(arrays: tuple[np.ndarray, ...]) -> list[str]:
    """Return for each array its dtype, shape and CRC-32, which the same data have on every machine.

    What is in a file (data/mapped.py) has its checksum there.
    """
    return [f"{x.dtype.str} {x.shape} {_checksum(x)}" for x in arrays]


def _checksum(x: Any) -> str:
    return f"{zlib.crc32(np.ascontiguousarray(x).data):08x}" if isinstance(x, np.ndarray) else x.checksum


def environment(device: str) -> dict[str, str]:
    """Return what rounding depends on: versions, BLAS and its kernels, the processor, threads, processes, the GPU."""
    blas = [info for info in threadpool_info() if info["user_api"] == "blas"]
    libraries = [f"{b['internal_api']} {b['version']} {b.get('architecture', '')}".strip() for b in blas]
    return {
        "minigrad": minigrad.__version__,
        "NumPy": np.__version__,
        "SciPy": version("scipy"),
        "BLAS": ", ".join(sorted(set(libraries))),
        "processor": _processor(),
        "threads": str(thread_count()),
        "processes": str(ranks.size if (ranks := world()) else 1),
        "device": device if device == "cpu" else _gpu_name(device),
    }


def go_on(
    path: Path,
    model: nn.Module,
    optimizer: Any,
    rngs: dict[str, np.random.Generator],
    expected: dict[str, Any],
) -> tuple[int, list[float]]:
    """Put a stopped run back into model, optimizer and rngs -> (the next epoch, the mean loss of each before).

    expected: "settings", "data" and "environment" as they are here. ValueError, with nothing changed, if settings or
    data were others, or the file is none that train wrote; one line is printed if the environment was another.
    """

    def check(epoch: int, extra: dict[str, Any]) -> None:
        _check_types(path, epoch, extra)
        refuse_another_run(path, extra, expected)

    epoch, extra = saving.load_training(path, model, optimizer, rngs, check)
    tell_another_environment(path, extra, expected)
    return epoch, extra["history"]


def refuse_another_run(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    """Raise ValueError if the "settings" or the "data" of the run that wrote the file were others than they are now."""
    if then["settings"] != now["settings"]:
        was = shortened(then["settings"])
        raise ValueError(f"{path} is of a run with the settings {was}, not {now['settings']}; give it those")
    if then["data"] != now["data"]:
        was, here = shortened(then["data"]), now["data"]
        where = _differences(then["environment"], now["environment"]) or "the same environment"
        mend = "give it those, or start anew without --resume"
        raise ValueError(f"{path} is of a run on other data: {was} then, {here} now ({where}); {mend}")


def tell_another_environment(path: Path, then: dict[str, Any], now: dict[str, Any]) -> None:
    """Print a line if the "environment" of the run that wrote the file was another than it is now."""
    changed = _differences(then["environment"], now["environment"])
    if changed:
        print(f"{path.name}: {changed}; the run goes on, but may end with other bits")


def _check_types(path: Path, epoch: int, extra: dict[str, Any]) -> None:
    """Refuse what train does not write."""
    history = extra.get("history")
    right = (
        extra.keys() == KEYS
        and isinstance(extra["environment"], dict)
        and isinstance(history, list)
        and len(history) == epoch
        and all(type(loss) in (int, float) for loss in history)
    )
    if not right:
        raise ValueError(f"{path} is no file of this training, or of an older version; start anew without --resume")


def _differences(then: dict[str, Any], now: dict[str, Any]) -> str:
    names = sorted(then.keys() | now.keys())
    changed = [name for name in names if then.get(name) != now.get(name)]
    return shortened(", ".join(f"{k} was {then.get(k, 'unknown')}, is {now.get(k, 'unknown')}" for k in changed))


def _processor() -> str:
    """Return the processor's model, as far as the system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:  # not Linux
        lines = []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.processor() or platform.machine()


def _gpu_name(device: str) -> str:
    number = int(device.partition(":")[2] or 0)
    return f"{gpu().cuda.runtime.getDeviceProperties(number)['name'].decode()}, CuPy {gpu().__version__}"
