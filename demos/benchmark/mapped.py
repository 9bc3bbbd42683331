"""Time training steps on images in memory and on as many in a file, and the memory that each way takes.

python -m demos.benchmark.mapped [IMAGES]: 200,000 images of 64 x 64 in a file unless another number is given, and a
tenth of them in memory. The faces demo's network, batches of 64; the two ways take turns, each in a process of its own.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

import numpy as np

from demos.benchmark.worker import _status
from demos.data.mapped import MappedImages
from demos.training import _read
from minigrad import Tensor, keep_memory, optim
from models.conv_vae import ConvVAE
from models.vae import negative_elbo

IMAGES, SIZE, BATCH, STEPS, WARM, TURNS = 200_000, 64, 64, 60, 5, 3


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "noise.images"
        rng = np.random.default_rng(0)
        with open(path, "wb") as file:
            for start in range(0, count, 1000):
                file.write(rng.bytes(min(1000, count - start) * 3 * SIZE * SIZE))
        found: dict[str, list[dict[str, float]]] = {"memory": [], "file": []}
        for _ in range(TURNS):
            for way, of_way in found.items():
                words = [sys.executable, "-m", "demos.benchmark.mapped", way, str(path), str(count)]
                of_way.append(json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout))
    ratio = median(file["ms"] / memory["ms"] for file, memory in zip(found["file"], found["memory"]))
    for way, of_way in found.items():
        print(f"{way:<8}{median(one['ms'] for one in of_way):.1f} ms a step, {max(one['MB'] for one in of_way):.0f} MB")
    print(f"ratio   {ratio:.3f}; {count:,} images in the file, every one of them read")


def work(way: str, path: Path, count: int) -> None:
    """Train, after the whole file has been read once by rows at random, and print what it took."""
    keep_memory()
    images = MappedImages(path, ("",) * count, SIZE, "")
    rng = np.random.default_rng(1)
    if way == "file":
        for rows in np.array_split(rng.permutation(count), max(1, count // BATCH)):
            images[rows]
    source = images if way == "file" else images[np.arange(count // 10)]
    model = ConvVAE(64, image_shape=(3, SIZE, SIZE), width=16, sigma=0.15, learn_sigma=True, rng=rng)
    optimizer = optim.Adam(model.parameters(), 1e-3)
    order, times = rng.integers(len(source), size=(WARM + STEPS, BATCH)), []
    begun = time.perf_counter()
    for (batch,) in _read((source,), iter(order)):  # reading is part of a step
        optimizer.zero_grad()
        negative_elbo(model, Tensor.wrap(batch)).backward()
        optimizer.step()
        now = time.perf_counter()
        times.append(now - begun)
        begun = now
    print(json.dumps({"ms": 1e3 * median(times[WARM:]), "MB": _status("VmHWM") / 1e6}))


if __name__ == "__main__":
    if len(sys.argv) == 4:
        work(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else IMAGES)
