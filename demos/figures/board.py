"""A lecture slide on squared paper."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .paper import save, subplots

TINTS = ["#a9cdf3", "#fbd59b", "#b9e3b0", "#ecb8d3"]  # pale enough to write on


class Board:
    """A lecture slide on squared paper: tables of unit squares and text. x points to the right, y down."""

    INCH = 0.36  # side of a square

    def __init__(self):
        self.figure, axes = subplots()
        self.ax = axes[0, 0]
        self.ax.set(aspect="equal")
        self.ax.set_axis_off()

    def table(self, x: float, y: float, cells: np.ndarray, colours: np.ndarray, title: str = "") -> None:
        """Draw cells (h, w), printed as they are, from the upper left corner (x, y); colour "" makes one pale."""
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
        """Write the board, cropped to what is on it."""
        self.ax.autoscale_view()
        self.ax.invert_yaxis()
        width, height = self.ax.dataLim.size
        self.figure.set_size_inches(width * self.INCH, height * self.INCH)
        save(self.figure, path)
