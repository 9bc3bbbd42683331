"""What a warp W says of an image: where points lie in the template, the image as the template sees it; and its grid.

Places are (x, y) with -1 and 1 the centres of the outer pixels, as in models/warp.py; a frame that goes from edge to
edge, such as that of the landmarks of demos.data.faces, is brought there by `from_edges`.
"""

from __future__ import annotations

import numpy as np

from minigrad import Tensor, grid_sample, no_grad, upsample
from models.warp import identity_grid, look_up

LINES = 8  # of the drawn grid, along each axis of the template
FINE = 3  # pixels of the drawn grid for one of the image
STEPS = 60
RELAXATION = 0.5  # of a step: W changes by at most 2.5 times what its place does, and 1 - 0.5 * 2.5 is above -1


def from_edges(points: np.ndarray, size: int) -> np.ndarray:
    """Places with -1 and 1 at the edges of an image of `size` pixels -> the same with them at the outer centres."""
    return points * (size / (size - 1))


def warp_points(warp: np.ndarray, points: np.ndarray) -> np.ndarray:
    """W(p), bilinearly: warp (N, H, W, 2), points (N, K, 2) of the images -> places in the template, (N, K, 2)."""
    field = np.ascontiguousarray(warp.transpose(0, 3, 1, 2))  # (N, H, W, 2) -> (N, 2, H, W)
    with no_grad():
        grid = Tensor.wrap(points.astype(warp.dtype)[:, None])
        found = grid_sample(Tensor.wrap(field), grid, padding_mode="border", align_corners=True).numpy()
    return found[:, :, 0].transpose(0, 2, 1)  # (N, 2, 1, K) -> (N, K, 2)


def inverse_warp(warp: np.ndarray) -> np.ndarray:
    """The image's place of every pixel of the template: warp (N, S, S, 2) -> V (N, S, S, 2) with W(V(q)) about q.

    By steps p += 0.5 (q - W(p)) from p = q, kept inside the image: where no place of it is sent to q, its border is
    the answer, and where W stands still, one of the places is.
    """
    N, S = warp.shape[:2]
    wanted = np.broadcast_to(identity_grid(S).astype(warp.dtype).reshape(1, S * S, 2), (N, S * S, 2))
    places = wanted
    for _ in range(STEPS):
        places = (places + RELAXATION * (wanted - warp_points(warp, places))).clip(-1, 1)
    return places.reshape(N, S, S, 2)


def align(x: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """Images (N, C, S, S) brought into the template's frame, x(V(q)) with V the inverse of the warp (N, S, S, 2)."""
    with no_grad():
        grid = Tensor.wrap(inverse_warp(warp).astype(x.dtype))
        return grid_sample(Tensor.wrap(x), grid, padding_mode="border", align_corners=True).numpy()


def look(texture: np.ndarray, warp: np.ndarray) -> np.ndarray:
    """Textures (N, C, S, S) looked up where warps (N, S, S, 2) say."""
    with no_grad():
        return look_up(Tensor.wrap(texture), Tensor.wrap(np.ascontiguousarray(warp))).numpy()


def grid_lines(warp: np.ndarray) -> np.ndarray:
    """The lines of a grid on the template, as the images show them: warps (N, S, S, 2) -> (N, 1, FINE S, FINE S)."""
    field = Tensor.wrap(np.ascontiguousarray(warp.transpose(0, 3, 1, 2)))
    with no_grad():
        fine = upsample(field, FINE, "bilinear", align_corners=True).numpy()
    lines = fine * LINES / 2  # integers on the lines
    width = np.stack(np.gradient(lines, axis=(2, 3))).max(axis=0).clip(0.02)  # of a pixel, in cells
    nearest = np.round(lines).clip(1 - LINES / 2, LINES / 2 - 1)  # but for the template's borders, where warps stop
    apart = np.abs(lines - nearest) / width - 0.3  # in pixels
    return apart.min(axis=1, keepdims=True).clip(0, 1)
