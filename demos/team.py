"""Who trains: one process by itself, or several, each of which takes its rows of every batch.

The batches of several are those of one, shuffled by a generator that is the same everywhere. What else is random, such
as noise, comes from a generator of the rank's own. Only the first of the two is saved, and the second follows from it
anew in every epoch: so any number of ranks can go on from the file.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np

from demos.step import Step, batches
from minigrad import Tensor, nn
from minigrad.distributed import GradientSums, Ranks, world
from minigrad.ops.collective import Share, share, sharing

Place = tuple[int, list[float]]  # in a training: the next epoch, and the mean loss of each before


def team(step: Step, model: nn.Module, optimizer: Any, rng: np.random.Generator) -> Alone:
    """Return who trains a model: as many processes as mpiexec started."""
    ranks = world()
    return Alone(step, rng) if ranks is None else Together(step, model, optimizer, rng, ranks)


class Alone:
    """One process. shuffler: the generator that shuffles, the training's own; step: what a batch does to the model."""

    leads = True  # is this the process that saves?

    def __init__(self, step: Step, rng: np.random.Generator):
        self.step, self.shuffler = step, rng

    def begin(self, go_on: Callable[[], Place]) -> Place:
        """Begin the training, or go on from a file -> what go_on returns."""
        return go_on()

    def batches(self, n: int, size: int) -> list[np.ndarray]:
        """Return the rows of every batch of an epoch, shuffled."""
        return list(batches(n, size, self.shuffler))

    def mine(self, index: np.ndarray) -> np.ndarray:
        """Return the rows of a batch that this process takes."""
        return index

    def take(self, index: np.ndarray, loss: Callable[..., Tensor], batch: list[Tensor], optimizer: Any) -> float:
        """Take the step of a batch, of which this process has its rows -> the loss before it, of all rows."""
        return self.step(loss, batch, optimizer)


class Together(Alone):
    """Several processes, of which rank 0 reads and writes files."""

    def __init__(self, step: Step, model: nn.Module, optimizer: Any, rng: np.random.Generator, ranks: Ranks):
        super().__init__(RankStep(step, ranks, optimizer), copy.deepcopy(rng))
        self.model, self.optimizer, self.rng, self.ranks = model, optimizer, rng, ranks
        self.leads = ranks.rank == 0

    def begin(self, go_on: Callable[[], Place]) -> Place:
        """Let rank 0 begin, and set model, optimizer and shuffler of the others to its own."""
        optimizer, states = self.optimizer, self.shuffler.bit_generator
        told = (go_on(), optimizer.lr, states.state) if self.leads else None
        place, optimizer.lr, states.state = self.ranks.tell(told)
        tensors = [*self.model.parameters(), *self.model.buffers()]
        self.ranks.broadcast([*(t.data for t in tensors), *optimizer.state.values()])
        for t in tensors:
            t.mark_changed()
        return place

    def batches(self, n: int, size: int) -> list[np.ndarray]:
        order = super().batches(n, size)
        self._draw_apart()
        return order

    def mine(self, index: np.ndarray) -> np.ndarray:
        """Return this rank's rows. Where there are fewer rows than ranks, some compute with one that counts 0."""
        rows = np.array_split(index, self.ranks.size)[self.ranks.rank]
        return rows if len(rows) else index[:1]

    def take(self, index: np.ndarray, loss: Callable[..., Tensor], batch: list[Tensor], optimizer: Any) -> float:
        counts = tuple(map(len, np.array_split(index, self.ranks.size)))
        with sharing(Share(self.ranks, counts)):
            return self.step(loss, batch, optimizer)

    def _draw_apart(self) -> None:
        """Set the training's own generator to a state that follows from the shuffler's, left as it is, and the rank."""
        seed = [*copy.deepcopy(self.shuffler).integers(2**32, size=4).tolist(), self.ranks.rank]
        self.rng.bit_generator.state = type(self.rng.bit_generator)(seed).state


class RankStep(Step):
    """A step whose gradients are added up over all ranks, before they are changed and used as `step` does it."""

    def __init__(self, step: Step, ranks: Ranks, optimizer: Any):
        self.step, self.ranks, self.sums = step, ranks, GradientSums(optimizer.parameters, ranks)

    def gradients(self, loss: Callable[..., Tensor], batch: list[Tensor]) -> float:
        own: Any = share()
        if type(self.step).gradients is Step.gradients:
            return self.sums.backward(loss(*batch), own)
        # it walks more than once, so nothing can be sent before its end
        value = self.step.gradients(lambda *part: loss(*part) * own.weight, batch)
        self.sums.add_up()
        return float(self.ranks.sum(np.array(value)))

    def ready(self, optimizer: Any) -> None:
        self.step.ready(optimizer)
