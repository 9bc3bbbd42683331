"""A figure without a display, and a file that is whole or not there."""

from __future__ import annotations

from pathlib import Path

from demos.files import written_whole
from minigrad.distributed import world


def subplots(rows: int = 1, columns: int = 1, size: tuple[float, float] = (5, 4)):
    """Return (figure, 2-D array of axes); no display is needed or opened."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def save(figure, path: Path) -> None:
    """Draw into a file. Of several processes rank 0 alone draws."""
    ranks = world()
    if ranks is not None and ranks.rank:
        return
    with written_whole(path) as aside:
        figure.savefig(aside, dpi=110, bbox_inches="tight")
