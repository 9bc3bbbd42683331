"""Module: a function with parameters, buffers and other modules as parts.

Nothing is registered. The type of an attribute says what it is: a Parameter is learned, a Buffer is saved but not
learned, a Module or a list of Modules is a part. Any other Tensor, such as an activation that forward keeps, is neither
saved nor moved. Parameters come in the order in which they were assigned, and the path of attribute names is the name
in the state dict, as in PyTorch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Self

import numpy as np

from ..backend import to_device, xp
from ..tensor import Tensor


class Parameter(Tensor):
    """A leaf Tensor that a Module learns. The data are copied. requires_grad=False freezes it."""

    def __init__(self, data: Any, requires_grad: bool = True):
        super().__init__(data, requires_grad)


class Buffer(Tensor):
    """A Tensor that a Module saves and moves but does not learn, such as running statistics. The data are copied."""

    def __init__(self, data: Any):
        super().__init__(data)


class Module:
    """A function with parameters: a subclass sets attributes in __init__ and defines forward."""

    training = True  # set by train() and eval(), read by Dropout and BatchNorm
    observer: Any = None  # called with (module, inputs, output) after every call of a module; see summary.py

    def forward(self, *inputs: Any) -> Any:
        """Compute the output. Every subclass defines its own."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward; give it one")

    def __call__(self, *inputs: Any) -> Any:
        out = self.forward(*inputs)
        if Module.observer is not None:
            Module.observer(self, inputs, out)
        return out

    def children(self) -> Iterator[tuple[str, Module]]:
        """Yield (name, module) for each direct part; those of a list called layers are "layers.0", "layers.1", .."""
        for name, value in vars(self).items():
            if isinstance(value, Module):
                yield name, value
            elif isinstance(value, list | tuple):
                yield from ((f"{name}.{i}", part) for i, part in enumerate(value) if isinstance(part, Module))
            self._check_findable(name, value)

    def _check_findable(self, name: str, value: Any) -> None:
        """Refuse parameters, buffers and modules in containers where they would be neither trained nor saved."""
        # a list of modules is searched, so only what is in dicts, in nested lists or bare in a list would be missed
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
                f"{type(self).__name__}.{name}: {what} would be neither trained nor saved; make it an attribute of its"
                " own, or put modules into a plain list"
            )

    def named_modules(self, prefix: str = "", above: tuple[Module, ...] = ()) -> Iterator[tuple[str, Module]]:
        """Yield (path, module) for this module, whose path is empty, and for all its parts.

        ValueError for a module that is a part of itself, such as one that keeps its parent in an attribute.
        """
        path = prefix.removesuffix(".")
        if any(self is module for module in above):
            raise ValueError(
                f"{type(above[0]).__name__}: {path} is a module that contains it; pass parents as arguments instead"
            )
        yield path, self
        for name, child in self.children():
            yield from child.named_modules(f"{prefix}{name}.", (*above, self))

    def _named_tensors(self) -> Iterator[tuple[str, Parameter | Buffer]]:
        """Yield (path, tensor) for every parameter and buffer; shared ones come under each of their names."""
        for path, module in self.named_modules():
            for name, value in vars(module).items():
                if isinstance(value, Parameter | Buffer):
                    yield f"{path}.{name}" if path else name, value

    def named_parameters(self) -> Iterator[tuple[str, Parameter]]:
        """Yield (path, parameter); a parameter that is used in several places comes only once."""
        seen = set()
        for path, t in self._named_tensors():
            if isinstance(t, Parameter) and id(t) not in seen:
                seen.add(id(t))
                yield path, t

    def parameters(self) -> Iterator[Parameter]:
        """Yield the parameters, each once."""
        return (p for _, p in self.named_parameters())

    def named_buffers(self) -> Iterator[tuple[str, Buffer]]:
        """Yield (path, buffer)."""
        return ((path, t) for path, t in self._named_tensors() if isinstance(t, Buffer))

    def buffers(self) -> Iterator[Buffer]:
        """Yield the buffers."""
        return (t for _, t in self.named_buffers())

    def zero_grad(self) -> None:
        """Clear the gradients of all parameters; otherwise the next backward() adds to them."""
        for parameter in self.parameters():
            parameter.grad = None

    def state_dict(self) -> dict[str, np.ndarray]:
        """Return a copy of every parameter and buffer by path, as NumPy arrays."""
        return {path: np.array(t.numpy()) for path, t in self._named_tensors()}

    def load_state_dict(self, state: Mapping[str, Any], strict: bool = True) -> tuple[list[str], list[str]]:
        """Set every parameter and buffer from arrays by path, cast to the dtype it has here.

        strict=False sets only those that both sides have, for instance from weights saved before a layer had a buffer.
        Returns the names that the state lacks, and those that this model lacks. ValueError, with nothing changed, if
        there are any and strict is True, if an array has another shape or kind of number, or if two names of one
        parameter have different arrays.
        """
        own = dict(self._named_tensors())
        missing = sorted(own.keys() - state.keys())
        unknown = sorted(state.keys() - own.keys())
        if strict and (missing or unknown):
            lacks = f"the state lacks {missing or 'nothing'}, this model lacks {unknown or 'nothing'}"
            raise ValueError(f"load_state_dict: {lacks}; make the architectures equal, or pass strict=False")

        # check everything before the first number changes
        arrays = {path: np.asarray(state[path]) for path in own if path in state}
        names: dict[int, str] = {}  # the first name of each tensor
        for path, a in arrays.items():
            t = own[path]
            first = names.setdefault(id(t), path)
            if not np.array_equal(a, arrays[first], equal_nan=a.dtype.kind == "f"):
                raise ValueError(
                    f"load_state_dict: {first} and {path} are one tensor here but two in the state; untie them"
                )
            if a.shape != t.shape or a.dtype.kind != t.dtype.kind:
                raise ValueError(f"load_state_dict: {path} is {a.dtype} {a.shape}; this model has {t.dtype} {t.shape}")

        for path, a in arrays.items():
            own[path].data[...] = xp(own[path].data).asarray(a)
            own[path].mark_changed()
        return missing, unknown

    def train(self, mode: bool = True) -> Self:
        """Put this module and all its parts into training mode, or into evaluation mode if False; return itself."""
        for _, module in self.named_modules():
            module.training = mode
        return self

    def eval(self) -> Self:
        """Enter evaluation mode: dropout keeps everything, batch normalisation uses its running statistics."""
        return self.train(False)

    def to(self, device: str | None = None, dtype: Any = None) -> Self:
        """Move parameters and buffers to a device, and convert floating-point ones to a dtype; return itself.

        Gradients are dropped. Make the optimizer afterwards, because its state takes the device and dtype of the
        parameters. TypeError for a dtype that is not floating-point, in which nothing could be learned.
        """
        if dtype is not None and np.dtype(dtype).kind != "f":
            raise TypeError(f"{type(self).__name__}.to: dtype is {np.dtype(dtype)}; choose float16, float32 or float64")
        for _, t in self._named_tensors():
            t.grad = None
            if dtype is not None and t.dtype.kind == "f":
                t.data = t.data.astype(dtype)
            if device is not None:
                t.data = to_device(t.data, device)
            t.mark_changed()
        return self

    def __repr__(self) -> str:
        list(self.named_modules())  # refuses a module that contains itself, which would never end
        parts = [f"  ({name}): " + repr(child).replace("\n", "\n  ") for name, child in self.children()]
        facts = [f"{k} {v.shape}" for k, v in vars(self).items() if isinstance(v, Parameter)]
        facts += [f"{k}={v}" for k, v in vars(self).items() if isinstance(v, int | float | tuple) and k != "training"]
        return "\n".join([f"{type(self).__name__}({', '.join(facts)}", *parts]) + ("\n)" if parts else ")")


class Sequential(Module):
    """Modules applied one after another: Sequential(Linear(2, 3, rng=rng), ReLU()). They are called "0", "1", .."""

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
        """Return layer i, or for a slice a Sequential of those layers, numbered from "0" again."""
        layers = [layer for _, layer in self.children()]
        return Sequential(*layers[i]) if isinstance(i, slice) else layers[i]

    def __len__(self) -> int:
        return sum(1 for _ in self.children())
