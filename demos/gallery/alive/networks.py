"""Networks for the page: their layers, in order, as layers.js computes them."""

from __future__ import annotations

from typing import Any

from demos.gallery.alive import pack
from minigrad import nn

Layers = list[dict[str, Any]]


def layers_of(*parts: nn.Module | dict[str, Any]) -> Layers:
    """List the layers of modules in a row. A part that no module stands for is given as it is to be written."""
    return [layer for part in parts for layer in (_layers(part) if isinstance(part, nn.Module) else [part])]


def _layers(module: nn.Module) -> Layers:
    if isinstance(module, nn.Sequential):
        return layers_of(*module)
    if isinstance(module, nn.Linear):
        return [{"layer": "linear", **_weights(module)}]
    if isinstance(module, nn.Conv2d):
        _only(module, stride=1, dilation=1, groups=1)
        return [{"layer": "conv2d", **_weights(module), "padding": module.options["padding"]}]
    if isinstance(module, nn.LeakyReLU):
        return [{"layer": "leaky_relu", "slope": module.negative_slope}]
    if isinstance(module, nn.Upsample) and module.scale_factor == 2 and module.mode == "nearest":
        return [{"layer": "upsample"}]
    simple = {nn.ReLU: "relu", nn.Sigmoid: "sigmoid"}
    if type(module) not in simple:
        raise ValueError(f"layers_of: the page knows no {type(module).__name__}; write it in layers.js first")
    return [{"layer": simple[type(module)]}]


def _weights(module: Any) -> dict[str, Any]:
    return {"weight": pack.rounded(module.weight.data), "bias": pack.numbers(module.bias.data)}


def _only(module: Any, **known: int) -> None:
    """Refuse options that layers.js does not compute."""
    for name, value in known.items():
        if module.options[name] != value:
            raise ValueError(f"layers_of: {name} is {module.options[name]}; the page computes {value} alone")
