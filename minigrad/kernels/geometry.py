"""The sizes of a convolution, made once, checked once, and carried through all three of its forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

Pair = tuple[int, int]
Tap = tuple[int, slice, slice]  # a place of the kernel along an axis, positions of the kernel, pixels


@dataclass(frozen=True)
class Geometry:
    """How a kernel slides over an image; every pair is (vertical, horizontal).

    input: (H, W). kernel: (kh, kw). stride, dilation: at least 1.
    padding: ((top, bottom), (left, right)), at least 0.
    groups: input and output channels are cut into this many sets, each convolved by itself.
    """

    input: Pair
    kernel: Pair
    stride: Pair = (1, 1)
    padding: tuple[Pair, Pair] = ((0, 0), (0, 0))
    dilation: Pair = (1, 1)
    groups: int = 1

    @property
    def extent(self) -> Pair:
        """The pixels that a dilated kernel spans: d (k - 1) + 1."""
        (kh, kw), (dh, dw) = self.kernel, self.dilation
        return dh * (kh - 1) + 1, dw * (kw - 1) + 1

    @property
    def output(self) -> Pair:
        """The positions of the kernel: floor((n + before + after - extent) / stride) + 1."""
        oh, ow = (
            (n + sum(pad) - extent) // stride + 1
            for n, pad, extent, stride in zip(self.input, self.padding, self.extent, self.stride)
        )
        return oh, ow


def pair(name: str, value: int | Sequence[int], least: int) -> Pair:
    """Return value, an int or two, as a pair; ValueError, naming it, if it is neither, or below `least`."""
    two = tuple(value) if isinstance(value, Sequence) else (value, value)
    if len(two) != 2 or not all(isinstance(n, int | np.integer) and n >= least for n in two):
        raise ValueError(f"{name} is {value!r}; it must be a whole number from {least}, or two (vertical, horizontal)")
    return int(two[0]), int(two[1])


def padding_pairs(name: str, value: int | Sequence) -> tuple[Pair, Pair]:
    """Return padding as ((top, bottom), (left, right)): from a number, (vertical, horizontal), or those four."""
    if isinstance(value, Sequence) and len(value) == 2 and isinstance(value[0], Sequence):
        return pair(name, value[0], 0), pair(name, value[1], 0)
    vertical, horizontal = pair(name, value, 0)
    return (vertical, vertical), (horizontal, horizontal)


def inside(first: int, step: int, size: int, n: int) -> tuple[int, int]:
    """Return the range of those i in range(n) for which first + i step lies in range(size).

    This is all that kernels know of borders: the rest of range(n), before and behind, lies in the padding.
    """
    start = min(n, max(0, -(first // step)))
    return start, max(start, min(n, (size - 1 - first) // step + 1))


def taps(geo: Geometry, axis: int) -> Iterator[Tap]:
    """Yield, for each place k of the kernel along an axis, the positions at which it lies on a pixel, and those pixels.

    Kernel 3 over pixels 0 to 3, stride 2, a pixel of padding at both ends; below each position the places k:

        pixels        .  0  1  2  3  .
        position 0    0  1  2                k = 0: positions 1:2 on pixels 1:3:2
        position 1          0  1  2          k = 1: positions 0:2 on pixels 0:4:2

    A place that meets padding only has two empty slices.
    """
    size, stride, outputs = geo.input[axis], geo.stride[axis], geo.output[axis]
    for k in range(geo.kernel[axis]):
        pixel = k * geo.dilation[axis] - geo.padding[axis][0]  # the one under k at position 0
        start, stop = inside(pixel, stride, size, outputs)
        yield k, slice(start, stop), slice(pixel + start * stride, pixel + stop * stride, stride)
