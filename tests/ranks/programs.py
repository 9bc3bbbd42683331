"""What the tests run under mpiexec: python -m tests.ranks.programs NAME RESULT [ARGUMENT ..].

Every program runs on one process as well as on several. Rank 0 writes what it has found to RESULT, a .npz file.
"""

import errno
import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import minigrad as mg
from demos.data.machine import once_per_machine
from demos.step import ClippedStep, Step
from demos.training import train
from minigrad import nn, optim
from minigrad.distributed import GradientSums, world
from minigrad.distributed.buffers import MEMORY, buffers
from minigrad.ops.collective import Share, batch_mean, mean_of_items, sharing, whole_batch
from models.autoencoder import ConvAutoencoder, DenseAutoencoder, reconstruction_loss
from models.deforming import DeformingAutoencoder, deforming_loss
from models.siamese import Siamese, pair_loss

RANKS = world()
RANK, SIZE = (0, 1) if RANKS is None else (RANKS.rank, RANKS.size)


class WithNorm(nn.Module):
    """Batch normalisation of images and of vectors."""

    def __init__(self, rng):
        self.first = nn.Sequential(nn.Conv2d(1, 4, 3, rng=rng), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten())
        self.last = nn.Sequential(nn.Linear(4 * 36, 8, rng=rng), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 1, rng=rng))

    def forward(self, x):
        return self.last(self.first(x))


class InParts(Step):
    """Add up the gradients of two halves."""

    def gradients(self, loss, batch):
        n, half = len(batch[0]), len(batch[0]) // 2
        parts = [[x[:half] for x in batch], [x[half:] for x in batch]] if half else [batch]
        plain, shares = super().gradients, [len(part[0]) / n for part in parts]
        return sum(plain(lambda *p, k=k: loss(*p) * k, part) for k, part in zip(shares, parts))


def words_loss(model, x, y):
    """A mean over what is not zero, whose share of the rows differs from rank to rank."""
    keep = y > 0.5
    loss = (mg.square(model(x)) * keep).sum() * (1 / max(1, int(keep.numpy().sum())))
    return mean_of_items(loss, int(keep.numpy().sum()))


def models(name, rng):
    """Return a model and its loss of a batch of images x (n, 1, S, S) and labels or numbers y."""
    side, step = 8, Step()
    if name == "dense":
        model = DenseAutoencoder(3, image_shape=(1, 8, 8), rng=rng)
        loss = lambda x, y: reconstruction_loss(model, x)  # noqa: E731
    elif name in ("conv", "clipped", "in parts"):
        model = ConvAutoencoder(3, image_shape=(1, 8, 8), rng=rng)
        loss = lambda x, y: reconstruction_loss(model, x, "bce")  # noqa: E731
        step = {"conv": Step(), "clipped": ClippedStep(0.01), "in parts": InParts()}[name]
    elif name == "norm":
        model = WithNorm(rng)
        loss = lambda x, y: mg.square(model(x) - y.reshape(-1, 1)).mean()  # noqa: E731
    elif name == "siamese":
        model = Siamese((1, 8, 8), 4, rng=rng)
        loss = lambda x, y: pair_loss(model, x, y > 0.5)  # noqa: E731
    elif name == "deforming":
        model, side = DeformingAutoencoder(8, 1, 4, 2, 3, rng=rng), 8
        loss = lambda x, y: deforming_loss(model, x)  # noqa: E731
    else:
        model = nn.Sequential(nn.Flatten(), nn.Linear(64, 5, rng=rng))
        loss = lambda x, y: words_loss(model, x, y.reshape(-1, 1))  # noqa: E731
    return model, loss, side, step


def trainings(result, *specs):
    """Train each of "model dtype images" for 50 steps; batches of 16 leave a last one of images % 16."""
    found = {spec: trained(*spec.split(",")) for spec in specs}
    if RANK == 0:
        np.savez(result, **{f"{spec}:{key}": a for spec, arrays in found.items() for key, a in arrays.items()})


def trainings_by_messages(result, *specs):
    """Train as if every rank had a machine of its own."""
    RANKS.neighbours = 1
    trainings(result, *specs)


def without_room(result):
    """Note what kind of memory is added up, and how, when the machine has no room for what all ranks see."""

    def full(file, start, size):
        raise OSError(errno.ENOSPC, "no space left on device")

    before, shared = list(MEMORY.glob("minigrad-*")), buffers(RANKS, [np.zeros(3)])
    os.posix_fallocate = full
    kept = buffers(RANKS, [np.zeros(3)])
    for buffer in (*shared, *kept):
        buffer.array[...] = RANK + 1
        buffer.start().Wait()
    if RANK == 0:
        kinds = [type(buffer).__name__ for buffer in (*shared, *kept)]
        left = len(list(MEMORY.glob("minigrad-*"))) - len(before)
        np.savez(result, kinds=kinds, sums=[buffer.array for buffer in (*shared, *kept)], left=left)


def sometimes_unused(result):
    """Take steps whose loss depends on one of two layers in turn -> the sums' memory, which is to stay finite."""
    first, second = (nn.Linear(2, 1, rng=np.random.default_rng(i)) for i in (0, 1))
    sums = GradientSums([*first.parameters(), *second.parameters()], RANKS)
    for layer in (first, *[second] * 200):
        sums.backward(layer(np.ones((1, 2), np.float32)).sum(), Share(RANKS, (1, 1)))
    if RANK == 0:
        np.savez(result, sums=np.concatenate([bucket.buffer.array for bucket in sums.buckets]))


def trained(name, dtype, images):
    rng = np.random.default_rng(5)
    model, loss, side, step = models(name, rng)
    data = np.random.default_rng(6)
    x, y = data.random((int(images), 1, side, side)).astype(dtype), data.random(int(images)).astype(dtype)
    model.to(dtype=np.dtype(dtype))
    # Adam divides by the size of a gradient, so where it is 0 but for rounding, nothing is left but rounding: of the
    # last bias of embeddings, whose differences alone count, and of the biases before batch normalisation.
    slow = name in ("siamese", "norm")
    optimizer = optim.SGD(model.parameters(), 1e-3, momentum=0.9) if slow else optim.Adam(model.parameters(), 1e-3)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "state.safetensors"
        options = {"epochs": 10, "batch_size": 16, "path": path, "settings": {}, "step": step}
        history = train(model, loss, (x, y), optimizer, rng=rng, **options)
    arrays = model.state_dict()
    everyone = [arrays] if RANKS is None else RANKS.comm.gather(arrays)
    if RANK == 0:
        assert all(other[key].tobytes() == a.tobytes() for other in everyone for key, a in arrays.items())
    return arrays | {"history": np.array(history)}


def gradients(result):
    """Differentiate what spans ranks, of rows that are spread over them, 3 to the first and 2 to the second."""
    rows = np.random.default_rng(1).normal(size=(5, 2))
    counts = (3, 2) if SIZE == 2 else (5,)
    start = sum(counts[:RANK])
    x = mg.Tensor(rows[start : start + counts[RANK]], requires_grad=True)
    weigh = np.random.default_rng(2).normal(size=(5, 2))

    def gathered():
        return (whole_batch(x) ** 3 * weigh).sum() * (1 / SIZE)  # every rank has the same, so each takes its share

    def reduced():
        return (batch_mean(x * x) ** 2).sum() * (1 / SIZE)

    found = {}
    with sharing(Share(RANKS, counts)) if RANKS else sharing(Share(_Single(), (5,))):
        for f in (gathered, reduced):
            (first,) = mg.grad(f(), [x], create_graph=True)
            (second,) = mg.grad((first * first).sum(), [x])
            found[f"{f.__name__} 1"], found[f"{f.__name__} 2"] = first.numpy(), second.numpy()
    parts = [found] if RANKS is None else RANKS.comm.gather(found)
    if RANK == 0:
        np.savez(result, **{key: np.concatenate([part[key] for part in parts]) for key in found})


class _Single:
    """The ranks of a process by itself."""

    rank, size = 0, 1

    def sum(self, x):
        return x.copy()

    def gather(self, x, counts):
        return x.copy()


def order(result):
    """Note what the walk has left to do when each bucket is sent, the parameters being of three layers."""
    rng = np.random.default_rng(0)
    layers = [nn.Linear(600, 600, rng=rng) for _ in range(3)]  # each fills a bucket
    model = nn.Sequential(*layers)
    sums, events = GradientSums(model.parameters(), RANKS), []
    take = sums._take
    for bucket in sums.buckets:
        start, size = bucket.buffer.start, bucket.buffer.array.size
        bucket.buffer.start = lambda start=start, size=size: (events.append(f"send {size}"), start())[1]
    names = {id(p): key for key, p in model.named_parameters()}
    sums._take = lambda x, g: (events.append(names[id(x)]), take(x, g))[1]
    loss = mg.square(model(np.ones((4, 600), np.float32))).mean()
    sums.backward(loss, Share(RANKS, (4, 4)))
    if RANK == 0:
        np.savez(result, events=np.array(events))


def one_copy(result):
    """Make 32 MB of numbers for all ranks, and 32 more for each; note who did, and what each then holds by itself."""
    calls = []

    @once_per_machine
    def labels():
        calls.append("labels")
        return np.arange(10)[::2], "a name"

    @once_per_machine
    def images():
        calls.append("images")
        return {"images": np.arange(1 << 22, dtype=np.float64), "labels": labels(), "none": np.empty((0, 3))}

    start = private_memory()
    data = images()
    total = data["images"].sum()
    RANKS.comm.Barrier()  # only now all have read all pages
    held = private_memory() - start
    same = total == np.arange(1 << 22, dtype=np.float64).sum() and data["labels"][0].tolist() == [0, 2, 4, 6, 8]
    if RANK == 0:
        data["images"][0] = 1
    RANKS.comm.Barrier()
    first = data["images"][0]
    own = np.arange(1 << 22, dtype=np.float64)
    found = RANKS.comm.gather((len(calls), same, held, private_memory() - start, first))
    del own
    if RANK == 0:
        np.savez(result, **dict(zip(("calls", "same", "held", "held_of_own", "first"), map(np.array, zip(*found)))))


def private_memory():
    """Return the megabytes that belong to this process alone."""
    lines = Path("/proc/self/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private")) / 1024


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
