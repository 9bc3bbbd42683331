"""What the demos draw. Every function writes one PNG, aside first, so that none is ever half-written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np


def _axes(rows: int = 1, columns: int = 1, size: tuple[float, float] = (5, 4)):
    """Return (figure, 2-D array of axes); no display is needed or opened."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure, path: Path) -> None:
    aside = path.with_suffix(".partial.png")
    figure.savefig(aside, dpi=110, bbox_inches="tight")
    os.replace(aside, path)


def image_rows(rows: dict[str, np.ndarray], path: Path) -> None:
    """Draw one labelled row of images an entry: label -> (n, 1 or 3, H, W) in [0, 1]."""
    n = max(len(images) for images in rows.values())
    figure, axes = _axes(len(rows), 1, (0.62 * n, 0.66))
    for ax, (label, images) in zip(axes[:, 0], rows.items()):
        tiles = [_colour(image) for image in images]
        tiles += [np.ones_like(tiles[0])] * (n - len(tiles))
        ax.imshow(np.concatenate(tiles, axis=1).clip(0, 1), interpolation="nearest")  # (H, n*W, 3)
        ax.set_axis_off()
        ax.text(-0.01, 0.5, label, transform=ax.transAxes, ha="right", va="center", fontsize=9)
    _save(figure, path)


def _colour(image: np.ndarray) -> np.ndarray:
    """(1 or 3, H, W) -> (H, W, 3)."""
    return np.broadcast_to(image.transpose(1, 2, 0), (*image.shape[1:], 3))


def scatter_codes(codes: dict[str, np.ndarray], labels: np.ndarray, path: Path) -> None:
    """Draw 2-D codes beside each other, coloured by class: title -> (n, 2)."""
    figure, axes = _axes(1, len(codes), (5.2, 4.8))
    for ax, (title, code) in zip(axes[0], codes.items()):
        points = ax.scatter(code[:, 0], code[:, 1], c=labels, cmap="tab10", s=5, linewidths=0)
        ax.set(title=title, xlabel="code 1", ylabel="code 2")
    bar = figure.colorbar(points, ax=axes[0].tolist(), ticks=np.unique(labels))
    bar.set_label("class")
    _save(figure, path)


def curves(lines: dict[str, Sequence[float]], path: Path, xlabel: str, ylabel: str) -> None:
    """Draw one line an entry over 1, 2, 3, .. with a logarithmic y axis."""
    figure, axes = _axes()
    for label, values in lines.items():
        axes[0, 0].plot(np.arange(1, len(values) + 1), values, label=label)
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel, yscale="log")
    axes[0, 0].grid(alpha=0.3, which="both")
    axes[0, 0].legend()
    _save(figure, path)
