"""The matting Laplacian: how far a picture's colours are from a locally affine function of another picture's.

Levin, Lischinski & Weiss 2008, "A closed-form solution to natural image matting". In a window w of 3 x 3 pixels of the
photograph I, explain one channel v of another picture by the colours there: v_i = a_w . I_i + b_w. What is left over,
with the best a_w and b_w of each window, and a small weight eps on a_w, summed over all windows, is a quadratic form:

    min over a, b of  sum over w of (sum over i in w of (v_i - a_w . I_i - b_w)^2 + eps |a_w|^2)  =  v^T M v

    M_ij = sum over windows with i and j in them of   [i = j] - 1/9 (1 + (I_i - mu)^T (S + eps/9)^-1 (I_j - mu))

mu and S being the mean and the covariance of the window's nine colours. M is symmetric and positive semidefinite. It is
0 on pictures that are affine in I: brighter, bluer, of more contrast, but with edges where the photograph has edges. So
it asks of a painted picture that it stay a photograph (Luan et al. 2017, arXiv 1703.07511).

A pixel shares windows with its 24 nearest pixels only, so that M has 25 numbers in a row.
"""

from __future__ import annotations

import itertools

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import sparse

import minigrad as mg
from minigrad import Tensor

SIDE = 3  # pixels of a window
EPS = 1e-7


def matting_laplacian(image: np.ndarray, eps: float = EPS) -> sparse.csr_array:
    """Return M (H W, H W), in float64, for an image (C, H, W) in [0, 1]. ValueError unless H and W are at least 3."""
    C, H, W = image.shape
    if min(H, W) < SIDE:
        raise ValueError(f"matting_laplacian: the image is {W} x {H} pixels; it must have at least {SIDE} x {SIDE}")
    h, w, pixels = H - SIDE + 1, W - SIDE + 1, SIDE * SIDE

    colours = _windows(image)
    covariance = np.einsum("nac,nad->ncd", colours, colours) / pixels
    whitened = colours @ np.linalg.inv(covariance + eps / pixels * np.eye(C))

    # M by its diagonals: for each step (dy, dx) to a neighbour, the number for every pixel that it starts from
    steps = list(itertools.product(range(1 - SIDE, SIDE), repeat=2))
    diagonals = {step: np.zeros((H, W)) for step in steps}
    places = list(np.ndindex(SIDE, SIDE))
    for i, (y, x) in enumerate(places):
        products = np.einsum("nc,nbc->bn", whitened[:, i], colours)
        for j, (v, u) in enumerate(places):
            diagonals[v - y, u - x][y : y + h, x : x + w] += ((i == j) - (1 + products[j]) / pixels).reshape(h, w)

    # a diagonal is stored by the pixel that it leads to; M is symmetric, so that is the opposite one by its start
    data = np.stack([diagonals[-dy, -dx].ravel() for dy, dx in steps])
    offsets = [dy * W + dx for dy, dx in steps]
    return _merged(data, offsets, H * W).tocsr()


def bent_windows(picture: np.ndarray, image: np.ndarray, eps: float = EPS) -> np.ndarray:
    """Return what v^T M v is summed from, window by window: (H-2, W-2), where pictures (C, H, W) are bent and how much.

    It is 0 where the picture is an affine function of the image, large where a line has moved or texture has grown.
    """
    colours, v = _windows(image), _windows(picture)
    together = colours.transpose(0, 2, 1) @ v  # (h w, C, C)
    spread = colours.transpose(0, 2, 1) @ colours + eps * np.eye(len(image))
    left = (v * v).sum(axis=(1, 2)) - (together * np.linalg.solve(spread, together)).sum(axis=(1, 2))
    return left.clip(0).reshape(image.shape[1] - SIDE + 1, image.shape[2] - SIDE + 1)


def _windows(image: np.ndarray) -> np.ndarray:
    """Return the colours of each window from their mean, in float64: (C, H, W) -> (h w, 9, C)."""
    windows = sliding_window_view(image.astype(np.float64), (SIDE, SIDE), axis=(1, 2))
    colours = windows.reshape(len(image), -1, SIDE * SIDE).transpose(1, 2, 0)
    return colours - colours.mean(axis=1, keepdims=True)


def _merged(data: np.ndarray, offsets: list[int], n: int) -> sparse.dia_array:
    """Return the matrix with these diagonals; in narrow pictures two steps can lead equally far, and are added."""
    distinct = sorted(set(offsets))
    sums = np.zeros((len(distinct), n))
    for offset, diagonal in zip(offsets, data):
        sums[distinct.index(offset)] += diagonal
    return sparse.dia_array((sums, distinct), shape=(n, n))


def matting_energy(x: Tensor, laplacian: sparse.csr_array) -> Tensor:
    """Sum v^T M v over the channels v of a picture x (1, C, H, W), per pixel and channel. laplacian: of x's dtype."""
    v = x.reshape((x.shape[1], -1)).T  # (H W, C)
    return (v * mg.sparse_matmul(laplacian, v)).sum() / x.size
