"""Who trains: one process by itself, or several, each of which takes its rows of every batch.

The batches of several are those of one, shuffled by a generator that is the same everywhere. What else is random, such
as noise, comes from a generator of the rank's own. Only the first of the two is saved, and the second follows from it
anew in every epoch: so any number of ranks can go on from the file.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from demos.step import Step, batches
from minigrad import Tensor, nn
from minigrad.distributed import GradientSums, Ranks, world
from minigrad.ops.collective import Share, sharing

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

    def batches(self, n: int, size: int) -> Iterator[np.ndarray]:
        """Yield the rows of every batch of an epoch, shuffled, that this process takes."""
        return batches(n, size, self.shuffler)


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

    def batches(self, n: int, size: int) -> Iterator[np.ndarray]:
        """Yield this rank's rows. Where there are fewer rows than ranks, some compute with one that counts 0."""
        order = batches(n, size, self.shuffler)
        self._draw_apart()
        for index in order:
            parts = np.array_split(index, self.ranks.size)
            self.step.share = share = Share(self.ranks, tuple(map(len, parts)))
            yield parts[self.ranks.rank] if share.rows else index[:1]

    def _draw_apart(self) -> None:
        """Set the training's own generator to a state that follows from the shuffler's, left as it is, and the rank."""
        seed = [*copy.deepcopy(self.shuffler).integers(2**32, size=4).tolist(), self.ranks.rank]
        self.rng.bit_generator.state = type(self.rng.bit_generator)(seed).state


class RankStep(Step):
    """A step whose gradients are added up over all ranks, before they are changed and used as `step` does it."""

    share: Share  # of the present batch

    def __init__(self, step: Step, ranks: Ranks, optimizer: Any):
        self.step, self.ranks, self.sums = step, ranks, GradientSums(optimizer.parameters, ranks)

    def gradients(self, loss: Callable[..., Tensor], batch: list[Tensor]) -> float:
        with sharing(self.share):
            if type(self.step).gradients is Step.gradients:
                return self.sums.backward(loss(*batch), self.share)
            # it walks more than once, so nothing can be sent before its end
            weight = self.share.weight
            value = self.step.gradients(lambda *part: loss(*part) * weight, batch)
            self.sums.add_up()
            return float(self.ranks.sum(np.array(value)))

    def ready(self, optimizer: Any) -> None:
        self.step.ready(optimizer)
