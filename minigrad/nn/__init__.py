"""Networks: Module and its layers under PyTorch's names, weight layouts and state-dict keys."""

from . import init
from .layers import (
    ELU,
    GELU,
    Dropout,
    Embedding,
    Flatten,
    Hardtanh,
    LeakyReLU,
    Linear,
    ReLU,
    Sigmoid,
    Softmax,
    Softplus,
    Tanh,
)
from .module import Module, Parameter, Sequential
from .normalize import BatchNorm1d, LayerNorm
from .summary import summary

__all__ = [
    "ELU",
    "GELU",
    "BatchNorm1d",
    "Dropout",
    "Embedding",
    "Flatten",
    "Hardtanh",
    "LayerNorm",
    "LeakyReLU",
    "Linear",
    "Module",
    "Parameter",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Tanh",
    "init",
    "summary",
]
