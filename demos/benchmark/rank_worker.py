"""Time training steps on the processes that mpiexec started, or on one, and print what rank 0 found as JSON.

python -m demos.benchmark.rank_worker MODEL STEPS, under MINIGRAD_NUM_THREADS.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from demos.step import Step
from demos.team import RankStep
from demos.training import as_kernels_do
from minigrad import Tensor, keep_memory, nn, optim
from minigrad.distributed import world
from minigrad.kernels.threads import thread_count
from minigrad.ops.collective import Share, sharing
from models.autoencoder import DenseAutoencoder, reconstruction_loss
from models.conv_vae import ConvVAE
from models.siamese import Siamese, pair_loss
from models.vae import DenseVAE, negative_elbo

WARM = 3  # steps that are not timed


def model_of(name: str) -> tuple[nn.Module, Callable[..., Tensor], tuple[np.ndarray, ...]]:
    """Return a demo's network, its loss and a batch of the demo's size."""
    rng = np.random.default_rng(0)
    if name in ("autoencoder", "vae"):
        x = rng.random((128, 1, 28, 28), np.float32)
        model = DenseAutoencoder(32, rng=rng) if name == "autoencoder" else DenseVAE(20, rng=rng)
        return (
            model,
            lambda x: reconstruction_loss(model, x) if name == "autoencoder" else negative_elbo(model, x),
            (x,),
        )
    if name == "faces":
        faces = ConvVAE(64, image_shape=(3, 64, 64), width=16, sigma=0.15, learn_sigma=True, rng=rng)
        return faces, lambda x: negative_elbo(faces, x), (rng.random((16, 3, 64, 64), np.float32),)
    siamese = Siamese(rng=rng)
    batch = rng.random((128, 1, 28, 28), np.float32), rng.integers(0, 7, 128)
    return siamese, lambda x, labels: pair_loss(siamese, x, labels), batch


class Clock:
    """Times what is spent on sums of gradients: to start them, to move them along, and to wait for them."""

    def __init__(self, buffers: list[Any]):
        self.calls, self.waits = 0.0, 0.0
        for buffer in buffers:
            buffer.start = functools.partial(self.started, buffer.start)

    def started(self, start: Callable[[], Any]) -> Clock.Request:
        begun = time.perf_counter()
        request = start()
        self.calls += time.perf_counter() - begun
        return Clock.Request(self, request)

    class Request:
        def __init__(self, clock: Clock, request: Any):
            self.clock, self.request = clock, request

        def Test(self) -> bool:
            begun = time.perf_counter()
            done = self.request.Test()
            self.clock.calls += time.perf_counter() - begun
            return done

        def Wait(self) -> None:
            begun = time.perf_counter()
            self.request.Wait()
            self.clock.waits += time.perf_counter() - begun


def main(name: str, steps: int) -> None:
    keep_memory()
    threadpool_limits(thread_count(), "blas")
    ranks = world()
    model, loss, arrays = model_of(name)
    optimizer = optim.Adam(model.parameters(), 1e-3)
    index = np.arange(len(arrays[0]))
    rows = index if ranks is None else np.array_split(index, ranks.size)[ranks.rank]
    batch = [Tensor.wrap(as_kernels_do(a[rows])) for a in arrays]
    step = Step() if ranks is None else RankStep(Step(), ranks, optimizer)
    clock = Clock([bucket.buffer for bucket in step.sums.buckets]) if isinstance(step, RankStep) else None
    times, spent = [], []
    for _ in range(WARM + steps):
        before = (clock.calls, clock.waits) if clock else (0, 0)
        begun = time.perf_counter()
        if ranks is None:
            step(loss, batch, optimizer)
        else:
            with sharing(Share(ranks, tuple(map(len, np.array_split(index, ranks.size))))):
                step(loss, batch, optimizer)
        times.append(time.perf_counter() - begun)
        spent.append((clock.calls - before[0], clock.waits - before[1]) if clock else (0.0, 0.0))
    found = {"ms": 1e3 * median(times[WARM:]), "bytes": sum(p.data.nbytes for p in model.parameters())}
    found |= {key: 1e3 * median(s[i] for s in spent[WARM:]) for i, key in enumerate(("calls", "waits"))}
    if isinstance(step, RankStep):
        found |= network(step)
    if ranks is None or ranks.rank == 0:
        print(json.dumps(found))


def network(step: RankStep) -> dict[str, float]:
    """Time sums with nothing else to do: messages -> latency (s), bandwidth (bytes/s); gradients -> alone (ms)."""
    ranks = step.ranks

    def messages(n: int) -> Callable[[], Any]:
        buffer = np.zeros(max(1, n // 4), np.float32)
        return lambda: ranks.sum(buffer)

    def gradients() -> None:
        for request in [bucket.buffer.start() for bucket in step.sums.buckets]:
            request.Wait()

    def seconds(f: Callable[[], Any]) -> float:
        times = []
        for _ in range(30):
            ranks.comm.Barrier()
            begun = time.perf_counter()
            f()
            times.append(time.perf_counter() - begun)
        return median(times)

    small, large = seconds(messages(4)), seconds(messages(8 << 20))
    return {"latency": small / 2, "bandwidth": (8 << 20) / (large - small), "alone": 1e3 * seconds(gradients)}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
