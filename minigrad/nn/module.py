"""Module: parameters, buffers and other modules under one roof.

There is no registration. A module's attributes say what they are by their type: a Parameter is learned, a Buffer is
saved but not learned, a Module or a list of Modules is a part. Any other Tensor, such as an activation that forward
keeps, passes by: it is neither saved nor moved. Order of assignment is the order of parameters, and the path of
attribute names is the name in the state dict, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from ..backend import to_device, xp
from ..tensor import Tensor


class Parameter(Tensor):
    """A leaf Tensor that a Module learns. The data are copied; requires_grad=False freezes it."""

    def __init__(self, data: Any, requires_grad: bool = True):
        super().__init__(data, requires_grad)


class Buffer(Tensor):
    """A Tensor that a Module saves and moves, but does not learn, such as running statistics. The data are copied."""

    def __init__(self, data: Any):
        super().__init__(data)


class Module:
    """A function with parameters: a subclass sets attributes in __init__ and defines forward."""

    training = True  # train() and eval() change it; Dropout and BatchNorm heed it
    observer: Any = None  # called with (module, inputs, output) after each call of any module; see summary.py

    def forward(self, *inputs: Any) -> Any:
        """Compute the output. Every module defines its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward")

    def __call__(self, *inputs: Any) -> Any:
        out = self.forward(*inputs)
        if Module.observer is not None:
            Module.observer(self, inputs, out)
        return out

    def children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) for each direct part; "layers.0", "layers.1", .. for a list called layers."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple):
                yield from ((f"{name}.{i}", part) for i, part in enumerate(value) if isinstance(part, Module))
            self._check_findable(name, value)

    def _check_findable(self, name: str, value: Any) -> None:
        """Refuse parameters, buffers and modules where they would be neither trained nor saved."""
        hidden: list[Any] = []
        if isinstance(value, dict):
            hidden = [part for part in value.values() if isinstance(part, Parameter | Buffer | Module)]
        elif isinstance(value, list | tuple):
            nested = [part for inner in value if isinstance(inner, list | tuple) for part in inner]
            hidden = [part for part in value if isinstance(part, Parameter | Buffer)]
            hidden += [part for part in nested if isinstance(part, Parameter | Buffer | Module)]
        if hidden:
            what = f"a {type(hidden[0]).__name__} in a {type(value).__name__}"
            raise TypeError(
                f"{type(self).__name__}.{name}: {what} would be neither trained nor saved; make it an attribute, or put"
                " modules into a plain list"
            )

    def named_modules(self, prefix: str = "", above: tuple[Module, ...] = ()) -> Iterator[tuple[str, Module]]:
        """Yield (path, module) for this module and all its parts; the path of this one is empty.

        ValueError for a module that is a part of itself, as one that keeps its parent in an attribute.
        """
        path = prefix.removesuffix(".")
        if any(self is module for module in above):
            raise ValueError(f"{type(above[0]).__name__}: {path} is a module that holds it; pass parents as arguments")
        yield path, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}{name}.", (*above, self))

    def _named_tensors(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Yield (path, tensor) for every parameter and buffer, shared ones under each of their names."""
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter | Buffer):
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (path, parameter); a parameter used in several places comes once."""
        seen = set()
        for path, t in self._named_tensors():
            if isinstance(t, Parameter) and id(t) not in seen:
                seen.add(id(t))
                yield path, t

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters."""
        return (p for _, p in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield (path, buffer), as running statistics are."""
        return ((path, t) for path, t in self._named_tensors() if isinstance(t, Buffer))

    def buffers(self) -> Iterator[Buffer]:
        """Yield the buffers."""
        return (t for _, t in self.named_buffers())

    def zero_grad(self) -> None:
        """Forget the gradients of all parameters: backward() adds to those it finds."""
        for parameter in self.parameters():
            parameter.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of every parameter and buffer by path, as NumPy arrays."""
        return {path: np.array(t.numpy()) for path, t in self._named_tensors()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> tuple[list[str], list[str]]:
        """Set every parameter and buffer from arrays by path, cast to the dtype they have here.

        strict=False sets those that both sides have, as with weights that were saved before a layer had a buffer.
        Returns the names that the state lacks, and those that this model lacks. ValueError, and nothing is changed, if
        there are such names and strict is True, if an array is of another shape or kind of number, or if two names of
        one parameter get different arrays.
        """
        own = dict(self._named_tensors())
        missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
        if strict and (missing or unknown):
            lacks = f"the state lacks {missing or 'nothing'}, this model lacks {unknown or 'nothing'}"
            raise ValueError(f"load_state_dict: {lacks}; make the architectures equal, or pass strict=False")
        arrays = {path: np.asarray(state[path]) for path in own if path in state}
        names: dict[int, str] = {}  # the first name of each tensor
        for path, a in arrays.items():
            t = own[path]
            first = names.setdefault(id(t), path)
            if not np.array_equal(a, arrays[first], equal_nan=a.dtype.kind == "f"):
                raise ValueError(f"load_state_dict: {first} and {path} are one here, but the state has two; untie them")
            if a.shape != t.shape or a.dtype.kind != t.dtype.kind:
                raise ValueError(f"load_state_dict: {path} is {a.dtype} {a.shape}; this model has {t.dtype} {t.shape}")
        for path, a in arrays.items():
            own[path].data[...] = xp(own[path].data).asarray(a)
            own[path].mark_changed()
        return missing, unknown

    def train(self, mode: bool = True) -> Self:
        """Set the mode of this module and all its parts: training, or evaluation. Returns itself."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Set evaluation mode: dropout passes everything, batch normalisation uses its running statistics."""
        return self.train(False)

    def to(self, device: str | None = None, dtype: Any = None) -> Self:
        """Move parameters and buffers to a device, and floating-point ones to a dtype. Returns itself.

        Gradients are dropped. Make the optimiser afterwards: its state lies beside the parameters. TypeError for a
        dtype that is not floating-point, in which nothing could be learned.
        """
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise TypeError(f"{type(self).__name__}.to: dtype is {np.dtype(dtype)}; weights are float16, 32 or 64")
        for _, t in self._named_tensors():
            t.grad = None
            if dtype is not None and t.dtype.kind == "f":
                t.data = t.data.astype(dtype)
            if device is not None:
                t.data = to_device(t.data, device)
            t.mark_changed()
        return self

    def __repr__(self) -> str:
        list(self.named_modules())  # refuses a module that holds itself
        parts = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.children()]
        facts = [f"{k} {v.shape}" for k, v in vars(self).items() if isinstance(v, Parameter)]
        facts += [f"{k}={v}" for k, v in vars(self).items() if isinstance(v, int | float | tuple) and k != "training"]
        return "\n".join([f"{type(self).__name__}({', '.join(facts)}", *parts]) + ("\n)" if parts else ")")


class Sequential(Module):
    """Modules one after another: Sequential(Linear(2, 3, rng=rng), ReLU()). Its parts are called "0", "1", .."""

    def __init__(self, *layers: Module):
        for i, layer in enumerate(layers):
            if not isinstance(layer, Module):
                raise TypeError(f"Sequential: layer {i} is {layer!r}; it must be a Module, such as nn.ReLU()")
            setattr(self, str(i), layer)

    def forward(self, x: Any) -> Any:
        for _, layer in self.children():
            x = layer(x)
        return x

    def __getitem__(self, i: int | slice) -> Module:
        """Return layer i, or, for a slice, a Sequential of the same layers, which count from "0" again."""
        layers = [layer for _, layer in self.children()]
        return Sequential(*layers[i]) if isinstance(i, slice) else layers[i]

    def __len__(self) -> int:
        return sum(1 for _ in self.children())
