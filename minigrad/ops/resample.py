"""Sampling images at arbitrary points, between their pixels.

Bilinear sampling is linear in the image x and in the cotangent y of its result, and piecewise smooth in the grid:

    L(x, grid, y) = sum y * grid_sample(x, grid)

Its three gradients are the ops grid_sample_bilinear = dL/dy, grid_sample_input = dL/dx and grid_sample_grid = dL/dgrid.
The rules of the first two are calls of the three; those of the last follow from how the weights of the four pixels
around a point, its corners, change as the point moves.
"""

from __future__ import annotations

import math

import numpy as np

from ..backend import xp
from ..kernels import kernels_for
from ..kernels.grid_sample import corner_offsets, find_corners, locate
from ..op import as_tensor, op
from ..profile import timed
from ..tensor import Tensor
from .arithmetic import where
from .padding import pad
from .reduce import sum
from .shape import flip, reshape, scatter, stack, unsqueeze


def grid_sample(x, grid, *, mode="bilinear", padding_mode="zeros", align_corners=False):
    """x at the points of grid. x (N,C,H,W), grid (N,oh,ow,2) of (x, y) in [-1, 1] -> (N,C,oh,ow).

    -1 and 1 are the outer edges of the image or, with align_corners, the centres of its outer pixels. Outside there is
    0 ("zeros"), the nearest pixel ("border") or the image mirrored at its edges ("reflection"). mode "bilinear"
    interpolates between pixels; "nearest" takes the nearest pixel, and is constant in grid almost everywhere.
    Jaderberg et al. 2015, arXiv 1506.02025; defined as in PyTorch.
    """
    x, grid = (as_tensor(t, (x, grid)) for t in (x, grid))
    if x.ndim != 4 or grid.ndim != 4 or grid.shape[0] != x.shape[0] or grid.shape[3] != 2 or 0 in x.shape[2:]:
        raise ValueError(
            f"grid_sample: x has shape {x.shape}, grid {grid.shape}; they must be (N,C,H,W) and (N,oh,ow,2)"
        )
    if x.dtype != grid.dtype or x.dtype.kind != "f":
        raise TypeError(f"grid_sample: x is {x.dtype}, grid {grid.dtype}; both need the same floating-point dtype")
    if padding_mode not in ("zeros", "border", "reflection"):
        raise ValueError(
            f"grid_sample: unknown padding_mode {padding_mode!r}; choose 'zeros', 'border' or 'reflection'"
        )
    if mode == "nearest":
        return _nearest(x, grid.data, padding_mode, align_corners)
    if mode != "bilinear":
        raise ValueError(f"grid_sample: unknown mode {mode!r}; choose 'bilinear' or 'nearest'")
    corners = _corners(x, grid.data, padding_mode, align_corners)
    return grid_sample_bilinear(x, grid, padding_mode, align_corners, corners)


def _corners(x, grid, padding_mode, align_corners):
    """Return the corners of all points, which the op and both of its gradients need; None where a GPU finds them."""
    if xp(grid) is not np:
        return None
    if grid.dtype == np.float16:
        grid = grid.astype(np.float32)  # as the op computes
    with timed("find_corners") as call:  # no op, as it makes no array to differentiate, but a profile should show it
        corners = find_corners(grid, x.shape[2:], padding_mode, align_corners)
        call.arrays, call.result = [grid], corners.weights
    return corners


def _nearest(x, grid, padding_mode, align_corners):
    """Return the pixels of x that are nearest to the points of grid; halfway, the one with the even index."""
    N, C, H, W = x.shape
    module = xp(grid)
    first, a, b, _ = locate(grid, (H, W), padding_mode, align_corners)

    # the upper left corner, in an image surrounded by zeros, where pixel (0, 0) is in row 1 and column 1
    row, column = first // (W + 2), first % (W + 2)
    # move on by the distances from it; rint rounds halves to even, so it needs the numbers without the border
    lost = module.isnan(a) | module.isnan(b)
    row = module.rint(row - 1 + module.where(lost, 0, b)) + 1
    column = module.rint(column - 1 + module.where(lost, 0, a)) + 1
    place = (row * (W + 2) + column).astype(np.intp)

    images = module.arange(N).reshape(N, 1, 1, 1)
    channels = module.arange(C).reshape(1, C, 1, 1)
    out = _read(x, (images, channels, place[:, None]))
    return where(lost[:, None], math.nan, out) if lost.any() else out


# corners are a parameter, so that they are found once for a result and its gradients. But they follow grid, and the
# rules know it


@op(dtypes="real")
def grid_sample_bilinear(x, grid, /, padding_mode, align_corners, corners=None):
    """x interpolated at the points of grid. x (N,C,H,W), grid (N,oh,ow,2) -> (N,C,oh,ow). See grid_sample."""
    return kernels_for("grid_sample", x).grid_sample(x, grid, padding_mode, align_corners, corners)


@op(dtypes="real")
def grid_sample_input(y, grid, /, input_shape, padding_mode, align_corners, corners=None):
    """Spread y over the pixels that grid_sample read: its adjoint. y (N,C,oh,ow), grid (N,oh,ow,2) -> input_shape."""
    return kernels_for("grid_sample", y).grid_sample_input(y, grid, input_shape, padding_mode, align_corners, corners)


@op(dtypes="real")
def grid_sample_grid(y, x, grid, /, padding_mode, align_corners, corners=None):
    """The gradient of sum y * grid_sample(x, grid) with respect to grid. y (N,C,oh,ow), x (N,C,H,W) -> (N,oh,ow,2)."""
    return kernels_for("grid_sample", y).grid_sample_grid(y, x, grid, padding_mode, align_corners, corners)


grid_sample_bilinear.defvjp(
    x=lambda g, out, x, grid, padding_mode, align_corners, corners: grid_sample_input(
        g, grid, x.shape, padding_mode, align_corners, corners
    ),
    grid=lambda g, out, x, grid, padding_mode, align_corners, corners: grid_sample_grid(
        g, x, grid, padding_mode, align_corners, corners
    ),
)
grid_sample_input.defvjp(
    y=lambda g, out, y, grid, input_shape, padding_mode, align_corners, corners: grid_sample_bilinear(
        g, grid, padding_mode, align_corners, corners
    ),
    grid=lambda g, out, y, grid, input_shape, padding_mode, align_corners, corners: grid_sample_grid(
        y, g, grid, padding_mode, align_corners, corners
    ),
)


def _corner_places(grid, x_shape, padding_mode, align_corners):
    """Return the places of each point's four corners, its distances (a, b) from the first one, and their slopes.

    Indexing images surrounded by zeros, (N,C,(H+2)(W+2)), with the places gives (N,C,4,oh,ow). (a, b) and slopes have
    shape (N,oh,ow,2). Only (a, b) is a differentiable function of grid; the others are constant between its kinks.
    """
    N, C, H, W = x_shape
    first, a, b, slopes = locate(grid.data, (H, W), padding_mode, align_corners)
    module = xp(first)
    corner = module.array(corner_offsets(W)).reshape(1, 1, 4, 1, 1) + first[:, None, None]
    images = module.arange(N).reshape(N, 1, 1, 1, 1)
    channels = module.arange(C).reshape(1, C, 1, 1, 1)
    places = images, channels, corner
    # between its kinks the map from grid to (a, b) is linear, so it is known from its value and its slope
    offset = module.stack([a, b], axis=-1) - grid.data * slopes
    return places, grid * Tensor.wrap(slopes) + Tensor.wrap(offset), Tensor.wrap(slopes)


def _read(x, places):
    """Return the pixels of x, surrounded by zeros, at places: (N,C,H,W) -> (N,C,4,oh,ow)."""
    padded = pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    return reshape(padded, (*x.shape[:2], -1))[places]


def _weight_changes(g, ab, slopes):
    """Return how fast the weights of the corners change as the grid moves along g: (N,oh,ow,2) -> (N,1,4,oh,ow)."""
    a, b = ab[:, None, ..., 0], ab[:, None, ..., 1]
    step = g * slopes
    da, db = step[:, None, ..., 0], step[:, None, ..., 1]
    changes = [
        -(1.0 - b) * da - (1.0 - a) * db,  # of the weight (1-b) (1-a)
        (1.0 - b) * da - a * db,  # (1-b) a
        (1.0 - a) * db - b * da,  # b (1-a)
        b * da + a * db,  # b a
    ]
    return stack(changes, axis=2)


# out = d/dgrid of sum y * corners * weights, so sum g * out = sum y * corners * (change of the weights along g). From
# there, each rule is the gradient with respect to one factor.


def _rule_y(g, out, y, x, grid, padding_mode, align_corners, corners):
    places, ab, slopes = _corner_places(grid, x.shape, padding_mode, align_corners)
    return sum(_read(x, places) * _weight_changes(g, ab, slopes), axis=2)


def _rule_x(g, out, y, x, grid, padding_mode, align_corners, corners):
    places, ab, slopes = _corner_places(grid, x.shape, padding_mode, align_corners)
    N, C, H, W = x.shape
    spread = unsqueeze(y, 2) * _weight_changes(g, ab, slopes)  # (N,C,4,oh,ow)
    padded = scatter(spread, places, (N, C, (H + 2) * (W + 2)))
    return padded.reshape(N, C, H + 2, W + 2)[:, :, 1:-1, 1:-1]


def _rule_grid(g, out, y, x, grid, padding_mode, align_corners, corners):
    places, _, slopes = _corner_places(grid, x.shape, padding_mode, align_corners)
    corners = _read(x, places)
    x00, x01, x10, x11 = (corners[:, :, k] for k in range(4))
    # the weights are products of a linear function of a and one of b: only d2/da db is not 0
    twist = sum(y * (x00 - x01 - x10 + x11), axis=1)
    return unsqueeze(twist, -1) * flip(g * slopes, -1) * slopes


grid_sample_grid.defvjp(y=_rule_y, x=_rule_x, grid=_rule_grid)


def affine_grid(theta, size, align_corners=False):
    """The grid of an affine map: the output pixel at (x, y) is read at theta (x, y, 1).

    theta (N,2,3), size (N,C,H,W) -> (N,H,W,2). Coordinates as in grid_sample. Jaderberg et al. 2015, arXiv 1506.02025.
    """
    theta = theta if isinstance(theta, Tensor) else Tensor(theta)
    N, _, H, W = size
    if theta.dtype.kind != "f":
        raise TypeError(
            f"affine_grid: theta is {theta.dtype}, in which fractions would be lost; convert it to float32 first"
        )
    if theta.shape != (N, 2, 3):
        raise ValueError(f"affine_grid: theta has shape {theta.shape}; for size {tuple(size)} it must be ({N}, 2, 3)")
    y, x = (_pixel_centres(n, align_corners) for n in (H, W))
    points = np.stack([*np.meshgrid(x, y), np.ones((H, W))], axis=-1).reshape(-1, 3)  # (H W, 3) of (x, y, 1)
    out = Tensor.wrap(xp(theta.data).asarray(points, theta.dtype)) @ theta.transpose(0, 2, 1)
    return out.reshape(N, H, W, 2)


def _pixel_centres(n, align_corners):
    """Return the positions in [-1, 1] of the centres of n pixels."""
    outermost = 1.0 if align_corners and n > 1 else (n - 1) / n
    return np.linspace(-outermost, outermost, n)
