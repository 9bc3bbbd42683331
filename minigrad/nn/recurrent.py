"""Recurrent layers: sequences read step by step, with a state that remembers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from .. import ops
from ..backend import xp
from ..op import real
from ..tensor import Tensor
from . import init
from .layers import Dropout
from .module import Module, Parameter


class _Recurrent(Module):
    """The weights of a recurrent layer, and the way through its layers and directions.

    Layer l has weight_ih_l{l} (KH,D), weight_hh_l{l} (KH,H), and the biases bias_ih_l{l} and bias_hh_l{l} (KH) for its
    K gates below each other; "_reverse" follows for the direction back. All come from U(-1/sqrt(H), 1/sqrt(H)).
    """

    GATES: int

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        rng: np.random.Generator,
    ):
        if min(input_size, hidden_size, num_layers) < 1:
            raise ValueError(
                f"{type(self).__name__}: input_size {input_size}, hidden_size {hidden_size}, num_layers {num_layers};"
                " all must be at least 1"
            )
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional = batch_first, bidirectional
        self.between = Dropout(dropout, rng=rng) if dropout else None
        directions = 2 if bidirectional else 1
        for i, (suffix, _) in enumerate(self._directions()):
            read = input_size if i < directions else directions * hidden_size  # a layer above reads all states below
            _add_weights(self, suffix, read, hidden_size, self.GATES, bias, rng)

    def _directions(self) -> Iterator[tuple[str, bool]]:
        """Yield the ending of the weights' names, and whether it reads backwards: for each direction of each layer."""
        for layer in range(self.num_layers):
            yield f"_l{layer}", False
            if self.bidirectional:
                yield f"_l{layer}_reverse", True

    def _run(self, x: Any, states: list[Any], lengths: Any) -> tuple[Tensor, list[Tensor]]:
        """Read x, from a list of states, each (layers * directions, N, H) or None -> all states of the last layer, and
        the last state of every layer and direction, each in the form of the states given."""
        (x,) = real(x)
        if x.ndim != 3:
            raise ValueError(f"{type(self).__name__}: x has shape {x.shape}; it must have three axes, a batch's")
        x = ops.swapaxes(x, 0, 1) if self.batch_first else x  # (T,N,D)
        first = [self._state(state, x) for state in states]

        lasts: list[tuple] = []
        read: list[Tensor] = []  # by the directions of one layer
        for i, (suffix, reverse) in enumerate(self._directions()):
            if i and not reverse:
                x = _beside(read) if self.between is None else self.between(_beside(read))
                read = []
            out, *last = self._read(x, [state[i] for state in first], _weights(self, suffix), lengths, reverse)
            read.append(out)
            lasts.append(tuple(last))
        x = _beside(read)
        return ops.swapaxes(x, 0, 1) if self.batch_first else x, [ops.stack(parts) for parts in zip(*lasts)]

    def _read(self, x: Tensor, states: list[Tensor], weights: tuple, lengths: Any, reverse: bool) -> tuple:
        """Read x in one direction of one layer -> all states, then the last of each kind."""
        raise NotImplementedError

    def _state(self, state: Any, x: Tensor) -> Tensor:
        """Return the states to start from: those given, checked, or zeros."""
        shape = self.num_layers * (2 if self.bidirectional else 1), x.shape[1], self.hidden_size
        if state is None:
            return Tensor.wrap(xp(x.data).zeros(shape, x.dtype))
        (state,) = real(state)
        if state.shape != shape:
            raise ValueError(
                f"{type(self).__name__}: a state has shape {state.shape}; it must be {shape}: layers times"
                " directions, sequences, hidden_size"
            )
        return state

    def multiply_adds(self, x: Tensor, *more: Any) -> int:
        weights = [p.size for p in self.parameters() if p.ndim == 2]
        return int(np.prod(x.shape[:2])) * sum(weights)


class GRU(_Recurrent):
    """Gated recurrent units: x (T,N,input_size) -> all states (T,N,H), and the last one of each layer (layers,N,H).

    Called as gru(x, h, lengths): h (layers,N,H) is the state to start from, zeros if None. lengths: (N) integers for
    sequences that end before T; beyond its end a sequence gives 0, and its last state is that at its end. Weights are
    named as in PyTorch, see _Recurrent. batch_first: x is (N,T,input_size), and so are the states. dropout: between
    layers. bidirectional: a second set of weights reads from the end to the start; all states are (T,N,2H) then, and
    the layers 2 layers: forward, backward, forward, .. One step is written out in ops.gru_cell.
    """

    GATES = 3

    def forward(self, x: Any, h: Any = None, lengths: Any = None) -> tuple[Tensor, Tensor]:
        out, (last,) = self._run(x, [h], lengths)
        return out, last

    def _read(self, x: Tensor, states: list[Tensor], weights: tuple, lengths: Any, reverse: bool) -> tuple:
        return ops.gru(x, *states, *weights, lengths=lengths, reverse=reverse)


class LSTM(_Recurrent):
    """Long short-term memory: as GRU, but for a state of two parts (h, c), both to start from and returned.

    Called as lstm(x, (h, c), lengths) -> all h (T,N,H), and the last (h, c). One step is written out in ops.lstm_cell.
    """

    GATES = 4

    def forward(self, x: Any, state: Any = None, lengths: Any = None) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        out, (h, c) = self._run(x, [None, None] if state is None else [*state], lengths)
        return out, (h, c)

    def _read(self, x: Tensor, states: list[Tensor], weights: tuple, lengths: Any, reverse: bool) -> tuple:
        return ops.lstm(x, *states, *weights, lengths=lengths, reverse=reverse)


class GRUCell(Module):
    """One step of a GRU: x (N,input_size), state h (N,H) or None for zeros -> the next state (N,H).

    weight_ih (3H,input_size), weight_hh (3H,H), bias_ih, bias_hh (3H), as in GRU.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, rng: np.random.Generator):
        self.hidden_size = hidden_size
        _add_weights(self, "", input_size, hidden_size, 3, bias, rng)

    def forward(self, x: Any, h: Any = None) -> Tensor:
        return ops.gru_cell(x, _or_zeros(h, x, self.hidden_size), *_weights(self, ""))


class LSTMCell(Module):
    """One step of an LSTM: x (N,input_size), state (h, c), each (N,H), or None for zeros -> the next (h, c).

    weight_ih (4H,input_size), weight_hh (4H,H), bias_ih, bias_hh (4H), as in LSTM.
    """

    def __init__(self, input_size: int, hidden_size: int, bias: bool = True, *, rng: np.random.Generator):
        self.hidden_size = hidden_size
        _add_weights(self, "", input_size, hidden_size, 4, bias, rng)

    def forward(self, x: Any, state: Any = None) -> tuple[Tensor, Tensor]:
        h, c = (_or_zeros(s, x, self.hidden_size) for s in state or (None, None))
        return ops.lstm_cell(x, h, c, *_weights(self, ""))


def _add_weights(
    module: Module, suffix: str, read: int, hidden: int, gates: int, bias: bool, rng: np.random.Generator
) -> None:
    """Give a module the weights of one direction of one layer."""
    bound = 1 / math.sqrt(hidden)
    shapes: dict[str, tuple[int, ...]] = {"weight_ih": (gates * hidden, read), "weight_hh": (gates * hidden, hidden)}
    shapes |= {"bias_ih": (gates * hidden,), "bias_hh": (gates * hidden,)} if bias else {}
    for name, shape in shapes.items():
        setattr(module, name + suffix, Parameter(init.uniform(shape, rng, bound)))


def _weights(module: Module, suffix: str) -> tuple:
    """Return the weights of one direction of one layer; None for biases that it lacks."""
    return tuple(getattr(module, name + suffix, None) for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"))


def _beside(read: list[Tensor]) -> Tensor:
    """Return what the directions of a layer read, beside each other: (T,N,H) or (T,N,2H)."""
    return ops.concatenate(read, axis=2) if len(read) > 1 else read[0]


def _or_zeros(state: Any, x: Any, hidden: int) -> Any:
    return Tensor(np.zeros((len(x), hidden), np.float32)).to(x.device).astype(x.dtype) if state is None else state
