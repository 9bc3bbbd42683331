"""A demo of a second, run by the real command line, in which a rank fails where and as it is told.

python -m tests.ranks.small_demo FAULT --out FOLDER [--resume ..], where FAULT is none, or kind:rank:step.
"""

import errno
import os
import signal
import sys
import types
from pathlib import Path

import numpy as np

import minigrad as mg
from demos import __main__ as start
from demos import training
from demos.data.machine import once_per_machine
from demos.run import Run
from minigrad import nn, optim
from minigrad.distributed import world

DROP = 0.1  # of the inputs, so that there is noise
KIND, RANK, STEP = (*sys.argv[1].split(":"), "", "")[:3]


def fail(kind):
    if kind == "full disk":
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/some/file")
    if kind == "read-only":
        raise OSError(errno.EROFS, os.strerror(errno.EROFS), "/some/file")
    if kind == "bug":
        raise KeyError("a bug")
    if kind == "memory":
        named = {line.split()[-1] for line in Path("/proc/self/maps").read_text().splitlines() if "/dev/shm/" in line}
        raise ValueError(f"in memory under a name: {named - {'(deleted)'} or 'nothing'}")
    if kind == "exit":
        sys.exit(0)
    os.kill(os.getpid(), {"kill": signal.SIGKILL, "term": signal.SIGTERM}[kind])


@once_per_machine
def data(rng):
    if KIND == "no data":
        raise ValueError("there are no data")
    return rng.normal(size=(50, 6)).astype(np.float32)


def main(args):
    run, ranks, steps = Run("small", args, epochs=30), world(), iter(range(1 << 30))
    rng = run.rng()
    model = nn.Sequential(nn.Linear(6, 5, rng=rng), nn.ReLU(), nn.Linear(5, 6, rng=rng))
    x = data(run.rng(1))

    def loss(batch):
        if KIND != "none" and str(ranks.rank if ranks else 0) == RANK and next(steps) == int(STEP):
            fail(KIND)
        kept = batch if os.environ.get("NO_NOISE") else batch * (rng.random(batch.shape) > DROP)
        return mg.square(model(kept) - batch).mean()

    options = {"state": "training", "label": "small", "batch_size": 16}
    run.fit(model, loss, (x,), optim.Adam(model.parameters(), 1e-2), rng, **options)
    run.save()


if __name__ == "__main__":
    training.SECONDS_BETWEEN_SAVES = 0
    sys.modules["demos.autoencoder"] = types.SimpleNamespace(main=main, EPOCHS=30, __doc__="A small demo.")
    sys.argv[1:2] = ["autoencoder"]
    sys.exit(start.start())
