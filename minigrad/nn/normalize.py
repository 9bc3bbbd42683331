"""Normalisation layers: those of ops/normalize.py with learned scales and shifts, and running statistics."""

from __future__ import annotations

import math

import numpy as np

from .. import ops
from ..backend import Array, xp
from ..op import real
from ..ops.collective import batch_size, share, standardize_batch
from ..ops.normalize import affine_channels, moments, normalize
from ..tensor import Tensor
from .module import Buffer, Module, Parameter


class LayerNorm(Module):
    """Standardise each example over its last axes, then scale and shift each element: x (.., *normalized_shape)."""

    def __init__(self, normalized_shape: int | tuple[int, ...], eps: float = 1e-5):
        self.normalized_shape = (normalized_shape,) if isinstance(normalized_shape, int) else tuple(normalized_shape)
        self.eps = eps
        self.weight = Parameter(np.ones(self.normalized_shape, np.float32))
        self.bias = Parameter(np.zeros(self.normalized_shape, np.float32))

    def forward(self, x: Tensor) -> Tensor:
        n = len(self.normalized_shape)
        if x.shape[-n:] != self.normalized_shape:
            raise ValueError(f"LayerNorm: x has shape {x.shape}; its last axes must be {self.normalized_shape}")
        return ops.layer_norm(x, axis=tuple(range(-n, 0)), w=self.weight, b=self.bias, eps=self.eps)


class BatchNorm1d(Module):
    """Standardise each channel over the batch, then scale and shift it: (N, C) or (N, C, L).

    Training uses the batch's own mean and variance, and keeps a running average of them (of the unbiased variance), in
    which the newest has the weight momentum. Evaluation uses that average. Ioffe & Szegedy 2015, arXiv 1502.03167.
    A batch that is shared among ranks (ops/collective.py) has one mean and one variance on all of them.
    """

    ndims: tuple[int, ...] = (2, 3)

    def __init__(self, num_features: int, eps: float = 1e-5, momentum: float = 0.1):
        self.eps, self.momentum = eps, momentum
        self.weight = Parameter(np.ones(num_features, np.float32))
        self.bias = Parameter(np.zeros(num_features, np.float32))
        self.running_mean = Buffer(np.zeros(num_features, np.float32))
        self.running_var = Buffer(np.ones(num_features, np.float32))
        self.num_batches_tracked = Buffer(np.array(0))

    def forward(self, x: Tensor) -> Tensor:
        x = x if isinstance(x, Tensor) else Tensor(x)
        name, C = type(self).__name__, len(self.weight)
        if x.ndim not in self.ndims or x.shape[1] != C:
            counts = " or ".join(map(str, self.ndims))
            raise ValueError(f"{name}: x has shape {x.shape}; it needs {counts} axes, with axis 1 of length {C}")
        if not self.training:
            return ops.batch_norm(x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps)

        # one value has no variance
        axes = (0, *range(2, x.ndim))
        n = batch_size(x) * math.prod(x.shape[2:])
        if n < 2:
            raise ValueError(f"{name}: x has shape {x.shape}, one value per channel; training needs at least two")
        (x,) = real(x)
        out, mean, var = self._normalized(x, axes)
        self._track(mean, var * (n / (n - 1)))
        return out

    def _normalized(self, x: Tensor, axes: tuple[int, ...]) -> tuple[Tensor, Array, Array]:
        """Normalise x by the batch's own moments -> the result, mean, variance."""
        if share() is not None:
            standard, mean, var = standardize_batch(x, axes, self.eps)
            return affine_channels(standard, self.weight, self.bias), mean, var
        mean, var = moments(x, axes)
        return normalize(x, axes, self.eps, mean, var, self.weight, self.bias), mean, var

    def _track(self, mean, var) -> None:
        """Move the running statistics towards the batch's."""
        for running, now in ((self.running_mean, mean), (self.running_var, var)):
            running.data += self.momentum * (xp(now).asarray(now, running.dtype).reshape(-1) - running.data)
            running.mark_changed()  # a graph recorded in evaluation may have read it
        self.num_batches_tracked.data += 1


class BatchNorm2d(BatchNorm1d):
    """BatchNorm1d for images: (N,C,H,W)."""

    ndims = (4,)


class GroupNorm(Module):
    """Standardise each group of channels of each example, then (affine) scale and shift each channel: (N,C,..).

    Wu & He 2018, arXiv 1803.08494.
    """

    def __init__(self, num_groups: int, num_channels: int, eps: float = 1e-5, affine: bool = True):
        if num_groups < 1 or num_channels % num_groups:
            raise ValueError(f"GroupNorm: {num_groups} groups do not divide {num_channels} channels; choose a divisor")
        self.num_groups, self.num_channels, self.eps = num_groups, num_channels, eps
        self.weight = Parameter(np.ones(num_channels, np.float32)) if affine else None
        self.bias = Parameter(np.zeros(num_channels, np.float32)) if affine else None

    def forward(self, x: Tensor) -> Tensor:
        if x.ndim < 2 or x.shape[1] != self.num_channels:
            raise ValueError(
                f"{type(self).__name__}: x has shape {x.shape}; its axis 1 must have length {self.num_channels}"
            )
        return ops.group_norm(x, self.num_groups, self.weight, self.bias, eps=self.eps)


class InstanceNorm2d(GroupNorm):
    """Standardise each channel of each image by itself, then (affine) scale and shift it: (N,C,H,W).

    Ulyanov et al. 2016, arXiv 1607.08022. For separate weights per example, use mg.instance_norm.
    """

    def __init__(self, num_features: int, eps: float = 1e-5, *, affine: bool = False):
        super().__init__(num_features, num_features, eps, affine)
