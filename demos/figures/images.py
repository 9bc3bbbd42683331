"""Rows, tables and mosaics of images."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .paper import save, subplots


def image_rows(rows: dict[str, np.ndarray], path: Path, size: float = 0.62) -> None:
    """Draw labelled rows of images, each `size` inches wide: label -> (n, 1 or 3, H, W) in [0, 1]."""
    n = max(len(images) for images in rows.values())
    figure, axes = subplots(len(rows), 1, (size * n, size + 0.04))
    for ax, (label, images) in zip(axes[:, 0], rows.items()):
        tiles = [_colour(image) for image in images]
        tiles += [np.ones_like(tiles[0])] * (n - len(tiles))
        ax.imshow(np.concatenate(tiles, axis=1).clip(0, 1), interpolation="nearest")  # (H, n*W, 3)
        ax.set_axis_off()
        ax.text(-0.01, 0.5, label, transform=ax.transAxes, ha="right", va="center", fontsize=9)
    save(figure, path)


def marked_rows(rows: dict[str, tuple[np.ndarray, np.ndarray]], path: Path, size: float = 0.87) -> None:
    """Draw labelled rows of images with points on them: label -> (n, 1 or 3, H, W) and (n, K, 2).

    The x and y of a point are -1 and 1 at the centres of the outer pixels.
    """
    n = max(len(images) for images, _ in rows.values())
    figure, axes = subplots(len(rows), n, (size, size))
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for line, (label, (images, points)) in zip(axes, rows.items()):
        line[0].text(-0.06, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
        for ax, image, places in zip(line, images, points):
            ax.imshow(_colour(image).clip(0, 1), interpolation="nearest")
            x, y = ((places[:, k] + 1) / 2 * (image.shape[2 - k] - 1) for k in range(2))
            ax.scatter(x, y, s=4, color="#00e5ff", edgecolors="black", linewidths=0.3)
        for ax in line:
            ax.set_axis_off()
    save(figure, path)


def image_table(
    columns: Sequence[Sequence[np.ndarray]], titles: Sequence[str], rows: Sequence[str], path: Path, size: float = 1.9
) -> None:
    """Draw columns of images of any sizes, each (1 or 3, H, W) in [0, 1], `size` inches wide, under their titles."""
    height, width = columns[0][0].shape[1:]
    figure, axes = subplots(len(rows), len(columns), (size, size * height / width + 0.1))
    for line, (column, title) in zip(axes.T, zip(columns, titles, strict=True)):
        for ax, image in zip(line, column, strict=True):
            ax.imshow(_colour(image).clip(0, 1), interpolation="nearest")
            ax.set_axis_off()
        line[0].set_title(title, fontsize=11)
    for ax, label in zip(axes[:, 0], rows):
        ax.text(-0.04, 0.5, label, transform=ax.transAxes, ha="right", va="center", fontsize=11)
    save(figure, path)


def mosaics(panels: dict[str, np.ndarray], path: Path, size: float = 4.6) -> None:
    """Draw a row of panels, each `size` inches wide: title -> images (rows, columns, 1 or 3, H, W) in [0, 1]."""
    figure, axes = subplots(1, len(panels), (size, size + 0.25))
    for ax, (title, images) in zip(axes[0], panels.items()):
        rows, columns, _, H, W = images.shape
        tiles = np.stack([[_colour(image) for image in row] for row in images])  # (rows, columns, H, W, 3)
        board = tiles.transpose(0, 2, 1, 3, 4).reshape(rows * H, columns * W, 3)
        ax.imshow(board.clip(0, 1), interpolation="antialiased")
        ax.set_title(title)
        ax.set_axis_off()
    save(figure, path)


def redden(images: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Turn grey images (n, 1, H, W) into colour (n, 3, H, W); those where `which` (n,) holds become red."""
    colour = np.where(which[:, None], [1.0, 0.25, 0.2], 1.0)  # (n, 3)
    return images * colour[:, :, None, None]


def signed(images: np.ndarray) -> np.ndarray:
    """Map images (N, ..) of positive and negative numbers to [0, 1], each by its own largest; 0 becomes grey."""
    largest = np.abs(images).reshape(len(images), -1).max(axis=1)
    return 0.5 + 0.5 * images / np.maximum(largest, 1e-12).reshape(-1, *[1] * (images.ndim - 1))


def _colour(image: np.ndarray) -> np.ndarray:
    """(1 or 3, H, W) -> (H, W, 3)."""
    return np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))
