"""Telling the arguments of a call apart: inputs, which may have gradients, and parameters, which never do."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from .tensor import Tensor


class Signature:
    """The arguments of an op's forward function, as written in its def.

    Arguments before the "/", or a "*xs", are inputs; the rest are parameters. Inputs are given by position.
    """

    def __init__(self, forward: Callable):
        self.name, self.text = forward.__name__, str(inspect.signature(forward))
        arguments = inspect.signature(forward).parameters.values()

        # inputs: their names, whether there is a list of them, and how many may be left out
        self.variadic = any(a.kind is a.VAR_POSITIONAL for a in arguments)
        self.inputs = [a.name for a in arguments if a.kind in (a.POSITIONAL_ONLY, a.VAR_POSITIONAL)]
        self.optional = sum(a.default is not a.empty for a in arguments if a.kind is a.POSITIONAL_ONLY)

        # parameters: their names, their defaults, and how many may be given by position
        self.params = [a.name for a in arguments if a.name not in self.inputs]
        self.defaults = {a.name: a.default for a in arguments if a.name in self.params and a.default is not a.empty}
        self.names = frozenset(self.params)
        self.by_position = sum(a.kind is a.POSITIONAL_OR_KEYWORD for a in arguments)

        if not self.inputs:
            raise TypeError(f"@op {self.name}: no inputs; put '/' after the arrays among the arguments: (x, /, axis)")

    def bind(self, args: tuple, named: dict[str, Any]) -> tuple[tuple, dict[str, Any]]:
        """Split a call into its inputs, with None for those left out, and its parameters, with their defaults."""
        inputs, rest = self._one_list(args) if self.variadic else self._by_position(args, named)
        params = dict(zip(self.params, rest))
        if named and (twice := params.keys() & named.keys()):
            raise TypeError(f"{self.name}: got {', '.join(sorted(twice))} twice, by position and by name")
        params = {**self.defaults, **params, **named}
        for name, value in params.items():
            if isinstance(value, Tensor):
                raise TypeError(
                    f"{self.name}: {name} is a parameter, which is never differentiated; give a number or an array"
                )
        if params.keys() != self.names:
            raise TypeError(f"{self.name}{self.text}: got the parameters {sorted(params)}")
        return inputs, params

    def _one_list(self, args: tuple) -> tuple[tuple, tuple]:
        """For (*xs, ..): accept concatenate(x, y) and, as in NumPy, concatenate([x, y], 1)."""
        together = bool(args) and isinstance(args[0], list | tuple)
        inputs, rest = (tuple(args[0]), args[1:]) if together else (args, ())
        if not inputs or len(rest) > len(self.params):
            raise TypeError(f"{self.name}{self.text}: needs at least one input, in one list")
        return inputs, rest

    def _by_position(self, args: tuple, named: dict[str, Any]) -> tuple[tuple, tuple]:
        """For (x, y, /, ..): the inputs come first, then the parameters that may be given by position."""
        n = len(self.inputs)
        if named and (wrong := [name for name in self.inputs if name in named]):
            raise TypeError(f"{self.name}: {', '.join(wrong)} is an input; give it by its position")
        if len(args) < n - self.optional or len(args) > n + self.by_position:
            raise TypeError(f"{self.name}{self.text}: got {len(args)} positional arguments")
        return args[:n] + (None,) * (n - len(args)), args[n:]
