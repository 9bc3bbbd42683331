"""Feature visualisation: the image that activates part of a network most. Olah, Mordvintsev & Schubert, Distill 2017.

    x* = argmax over images x of s f(a(x)),   s = 1 to excite the part, s = -1 to inhibit it

a: the activations of a layer, (C, h, w) or (K,), before its ReLU, which would hide inhibition; f is one of

    neuron       a[c, h/2, w/2]         channel      mean of a[c]     layer              mean of a**2
    hidden unit  a[k], a dense layer    class logit  a[k], scores     class probability  softmax(a)[k]

Ascent on the pixels themselves ends in noise that resembles no photo. What helps, as in the authors' library Lucid:

    x = sigmoid(C F(t / frequency))       sines and colours of the sizes that photos have; Adam moves the coefficients
    f(a(jittered, scaled, turned x))      a feature is what still activates the part when it is moved a little
    gradients pass silent ReLUs           at the start, or what is silent could never be activated; see relu.py

The steps of ascent are taken in demos/pixels.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

import minigrad as mg
from minigrad import Tensor, nn

COLOUR = np.array([[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]])  # C C^T: how ImageNet's RGB covary
SMALL = 0.01  # standard deviation of the first t
GAIN = 0.25  # amplitude of a sine of frequency 1 at t = 1
JITTER, SCALE, DEGREES = 0.1, 0.1, 10.0  # at most: shift, as a share of the side; change of size; rotation


# ---- objectives ------------------------------------------------------------------------------------------------------


def _pick(a: Tensor, index: np.ndarray) -> Tensor:
    """Take a channel or a unit of every image: (N, K, ..) -> (N, ..)."""
    return a[np.arange(len(a)), index]


# the number of axes that a must have (None: any), and f of a and of one index per image
KINDS: dict[str, tuple[int | None, Callable[[Tensor, np.ndarray], Tensor]]] = {
    "neuron": (4, lambda a, index: _pick(a[:, :, a.shape[2] // 2, a.shape[3] // 2], index)),
    "channel": (4, lambda a, index: _pick(a, index).mean(axis=(1, 2))),
    "layer": (None, lambda a, index: mg.square(a).reshape(len(a), -1).mean(axis=1)),
    "hidden unit": (2, _pick),
    "class logit": (2, _pick),
    "class probability": (2, lambda a, index: _pick(mg.softmax(a, axis=1), index)),
}


def measure(a: Tensor, kind: str, index: int | Sequence[int] = 0) -> Tensor:
    """f(a) of every image: activations (N, C, h, w) or (N, K) -> (N,).

    index: the channel, unit or class, one for all images or one for each; a layer needs none. ValueError for an unknown
    kind, for activations that lack the axes it needs, or for an index out of range.
    """
    if kind not in KINDS:
        raise ValueError(f"measure: unknown kind {kind!r}; it must be one of {', '.join(map(repr, KINDS))}")
    axes, f = KINDS[kind]
    if axes not in (None, a.ndim):
        wanted = "a convolution's, (N, C, h, w)" if axes == 4 else "a dense layer's, (N, K)"
        raise ValueError(f"measure: the activations are {a.shape}; a {kind} needs {wanted}: take another layer")
    chosen = np.asarray(index)
    if chosen.dtype.kind not in "iu" or chosen.shape not in ((), (len(a),)):
        raise ValueError(f"measure: index is {index!r}; it must be a whole number, or {len(a)} of them, one per image")
    if kind != "layer" and not ((chosen >= 0) & (chosen < a.shape[1])).all():
        raise ValueError(f"measure: there is no {kind} {index}; this layer has 0 to {a.shape[1] - 1}")
    return f(a, np.broadcast_to(chosen, len(a)))


class Objective(NamedTuple):
    """f(a(x)) of a network's layer, a function of images (N, C, H, W) -> (N,); kind and index as in measure.

    network: anything with activations(x, names) -> {name: a}, such as those of features.py.
    """

    network: Any
    layer: str
    kind: str
    index: int | Sequence[int] = 0

    def __call__(self, x: Tensor) -> Tensor:
        return measure(self.network.activations(x, [self.layer])[self.layer], self.kind, self.index)


# ---- how an image is represented, and transformed --------------------------------------------------------------------


class FourierImage(nn.Module):
    """n images, each a sum of sines: image_shape (C, H, W), C 1 or 3 -> (n, C, H, W) in [0, 1], almost grey at first.

    F is the Hartley transform along both axes: F(t) = B_H t B_W with B[i, k] = cas(2 pi i k / n) / sqrt(n), where
    cas = cos + sin. It is the Fourier transform of real images in real numbers; B is its own inverse. Dividing t by the
    frequency gives the sines the amplitudes that photos have, so equal steps of all t change the coarse sines most.
    """

    def __init__(self, n: int, image_shape: tuple[int, int, int], *, rng: np.random.Generator):
        C, H, W = image_shape
        if C not in (1, 3):
            raise ValueError(f"FourierImage: {C} channels; it must be 1, grey, or 3, RGB")
        # the coefficients, and the amplitude of a sine per unit of its coefficient
        self.t = nn.Parameter(SMALL * rng.standard_normal((n, C, H, W), np.float32))
        frequency = np.hypot(np.fft.fftfreq(H)[:, None], np.fft.fftfreq(W))  # cycles a pixel, (H, W)
        self.size = nn.Buffer((GAIN / np.maximum(frequency, 1 / max(H, W))).astype(np.float32))
        self.rows, self.columns = (nn.Buffer(_hartley(length).astype(np.float32)) for length in (H, W))
        # independent channels -> RGB that covary as in photos
        mix = COLOUR / np.linalg.norm(COLOUR, axis=0).max() if C == 3 else np.ones((1, 1))
        self.mix = nn.Buffer(mix.astype(np.float32))

    def forward(self) -> Tensor:
        waves = self.rows @ (self.t * self.size) @ self.columns
        return mg.sigmoid(mg.einsum("dc,nchw->ndhw", self.mix, waves))


def _hartley(n: int) -> np.ndarray:
    """B above, (n, n): symmetric and orthogonal."""
    angle = 2 * np.pi * np.outer(np.arange(n), np.arange(n)) / n
    return (np.cos(angle) + np.sin(angle)) / np.sqrt(n)


def transform(x: Tensor, rng: np.random.Generator) -> Tensor:
    """Shift, scale and rotate each image (N, C, H, W) at random; beyond its edge it continues as it is there."""
    N, _, H, W = x.shape
    angle = np.deg2rad(rng.uniform(-DEGREES, DEGREES, N))
    scale, shift = rng.uniform(1 - SCALE, 1 + SCALE, N), rng.uniform(-2 * JITTER, 2 * JITTER, (2, N))
    cos, sin = scale * np.cos(angle), scale * np.sin(angle)
    theta = np.array([[cos, -sin * H / W, shift[0]], [sin * W / H, cos, shift[1]]])  # the image is 2 wide and 2 high
    grid = mg.affine_grid(theta.transpose(2, 0, 1).astype(x.dtype), x.shape)  # (2, 3, N) -> (N, 2, 3)
    return mg.grid_sample(x, grid.to(x.device), padding_mode="border")
