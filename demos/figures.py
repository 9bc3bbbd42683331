"""What the demos draw. Every function writes one PNG, aside first, so that none is ever half-written."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

TINTS = ["#a9cdf3", "#fbd59b", "#b9e3b0", "#ecb8d3"]  # pale enough to write on


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


def image_rows(rows: dict[str, np.ndarray], path: Path, size: float = 0.62) -> None:
    """Draw one labelled row of images, each `size` inches, an entry: label -> (n, 1 or 3, H, W) in [0, 1]."""
    n = max(len(images) for images in rows.values())
    figure, axes = _axes(len(rows), 1, (size * n, size + 0.04))
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


def heat_maps(maps: dict[str, np.ndarray], path: Path, label: str) -> None:
    """Draw a row of 2-D arrays as heat maps in one scale: title -> (h, w); label: what the colours mean."""
    low, high = min(map(np.min, maps.values())), max(map(np.max, maps.values()))
    figure, axes = _axes(1, len(maps), (2.9, 3.0))
    for ax, (title, values) in zip(axes[0], maps.items()):
        image = ax.imshow(values, vmin=low, vmax=high, cmap="magma", interpolation="nearest")
        ax.set(title=title, xticks=[], yticks=[])
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.8).set_label(label)
    _save(figure, path)


class Board:
    """A lecture slide on squared paper: tables of unit squares and text. x points to the right, y down."""

    INCH = 0.36  # side of a square

    def __init__(self):
        self.figure, axes = _axes()
        self.ax = axes[0, 0]
        self.ax.set(aspect="equal")
        self.ax.set_axis_off()

    def table(self, x: float, y: float, cells: np.ndarray, colours: np.ndarray, title: str = "") -> None:
        """Draw cells (h, w), printed as they are, with the upper left corner at (x, y); colour "" makes one pale."""
        for (i, j), cell in np.ndenumerate(cells):
            self.square(x + j, y + i, colours[i, j])
            self.text(x + j + 0.5, y + i + 0.5, str(cell), 9, "black" if colours[i, j] else "#c4c4c4")
        self.text(x + cells.shape[1] / 2, y - 0.5, title, 11)

    def square(self, x: float, y: float, colour: str) -> None:
        """Fill the unit square right of and below (x, y); colour "" leaves it white with a pale edge."""
        from matplotlib.patches import Rectangle

        face, edge, order = (colour, "#8a8a8a", 2) if colour else ("white", "#e2e2e2", 1)
        self.ax.add_patch(Rectangle((x, y), 1, 1, facecolor=face, edgecolor=edge, linewidth=0.8, zorder=order))

    def text(
        self, x: float, y: float, text: str, size: float = 14, colour: str = "black", align: str = "center"
    ) -> None:
        """Write text centred at (x, y), or with `align` "left" or "right" beginning or ending there."""
        self.ax.text(x, y, text, fontsize=size, color=colour, ha=align, va="center", zorder=3)

    def save(self, path: Path) -> None:
        """Write the board, as large as what is on it."""
        self.ax.autoscale_view()
        self.ax.invert_yaxis()
        width, height = self.ax.dataLim.size
        self.figure.set_size_inches(width * self.INCH, height * self.INCH)
        _save(self.figure, path)
