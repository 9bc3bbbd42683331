"""checkpoint: discard the results inside a piece of a network, and compute them again when a gradient needs them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from . import changes
from .modes import mode, recording
from .op import as_tensor
from .ops import reshape
from .tensor import Tensor, reverse


def checkpoint(f: Callable, *xs: Any, rngs: Sequence[np.random.Generator] = ()) -> Tensor:
    """Return f(*xs), a Tensor, without keeping the results inside f; they are computed again when they are needed.

    A chain of n layers, cut into sqrt(n) such pieces, keeps about 2 sqrt(n) results at the price of a second forward
    pass. Parameters that f reads from elsewhere get their gradients too. Side effects of f happen twice; the generators
    in rngs are reset for the second run. RuntimeError if that gives another result. Chen et al. 2016, arXiv 1604.06174.
    """
    inputs = [as_tensor(x) for x in xs]
    states = [rng.bit_generator.state for rng in rngs]
    start = next(changes.clock)
    sealed = [_leaf_like(x) for x in inputs]
    y = f(*sealed)
    if not isinstance(y, Tensor):
        raise TypeError(f"checkpoint: f returned a {type(y).__name__}; it must return one Tensor")
    out = y.detach()
    if y.requires_grad:
        # the graph of the first run shows what f reads from elsewhere; then it is discarded
        inputs += _read_from_elsewhere(y, sealed, start)
        out.record(_Recomputation(f, len(xs), rngs, states), tuple(inputs), {})
    return out


class _Recomputation:
    """What stands in the graph in place of the ops of f: its gradient rule runs f again, and walks back through it."""

    name = "checkpoint"

    def __init__(self, f: Callable, count: int, rngs: Sequence[np.random.Generator], states: list):
        self.f, self.count, self.rngs, self.states = f, count, rngs, states

    def pull_back(self, g: Tensor, out: Tensor, useful: set[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (input, its cotangent) for each input of out that is useful, from the cotangent g of out."""
        again = mode.recording  # is this walk itself recorded?
        given, elsewhere = out._inputs[: self.count], out._inputs[self.count :]
        with recording(True):
            # an alias for each input, so that an input that f gets twice, or also reads from elsewhere, counts apart
            stand_ins = [reshape(x, x.shape) if again else _leaf_like(x) for x in given]
            y = self._run(stand_ins)
        if not np.array_equal(Tensor.wrap(y.data).numpy(), Tensor.wrap(out.data).numpy(), equal_nan=True):
            raise RuntimeError(
                "checkpoint: f gave another result when it was run again; pass the generators it draws from as rngs,"
                " and let it depend on nothing else that changes"
            )

        # walk back from the second run's result to the aliases, and give their gradients to the inputs themselves
        wanted = [
            (x, variable)
            for x, variable in zip(out._inputs, (*stand_ins, *elsewhere))
            if x.requires_grad and id(x) in useful
        ]
        with recording(again):
            grads = reverse(y.ancestors(), [variable for _, variable in wanted], g, as_leaves=True)
        yield from ((x, gx) for (x, _), gx in zip(wanted, grads) if gx is not None)

    def _run(self, inputs: list[Tensor]) -> Tensor:
        """Run f with the generators in their former states, and put them back into their present ones."""
        now = [rng.bit_generator.state for rng in self.rngs]
        try:
            for rng, state in zip(self.rngs, self.states):
                rng.bit_generator.state = state
            return self.f(*inputs)
        finally:
            for rng, state in zip(self.rngs, now):
                rng.bit_generator.state = state

    def __repr__(self) -> str:
        return f"<checkpoint of {getattr(self.f, '__name__', type(self.f).__name__)}>"


def _leaf_like(x: Tensor) -> Tensor:
    """Return a leaf that shares x's data, and requires a gradient if x does."""
    leaf = x.detach()
    leaf.requires_grad = x.requires_grad
    return leaf


def _read_from_elsewhere(y: Tensor, sealed: list[Tensor], start: int) -> list[Tensor]:
    """List the tensors that y was made from, that require gradients, and that are older than start."""
    own = {id(x) for x in sealed}
    seen: dict[int, Tensor] = {id(y): y}
    found: list[Tensor] = []
    stack = [y]
    while stack:
        for x in stack.pop()._inputs:
            if not isinstance(x, Tensor) or not x.requires_grad or id(x) in own or id(x) in seen:
                continue
            seen[id(x)] = x
            (stack if x._serial > start else found).append(x)
    return found
