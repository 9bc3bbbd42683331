"""The kinds of pictures that the demos draw. Every function writes one PNG, which is whole or not there."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from demos.files import written_whole
from demos.fonts import drawable

TINTS = ["#a9cdf3", "#fbd59b", "#b9e3b0", "#ecb8d3"]  # pale enough to write on


def _axes(rows: int = 1, columns: int = 1, size: tuple[float, float] = (5, 4)):
    """Return (figure, 2-D array of axes); no display is needed or opened."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(size[0] * columns, size[1] * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, figure.subplots(rows, columns, squeeze=False)


def _save(figure, path: Path) -> None:
    with written_whole(path) as aside:
        figure.savefig(aside, dpi=110, bbox_inches="tight")


def image_rows(rows: dict[str, np.ndarray], path: Path, size: float = 0.62) -> None:
    """Draw labelled rows of images, each `size` inches wide: label -> (n, 1 or 3, H, W) in [0, 1]."""
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


def redden(images: np.ndarray, which: np.ndarray) -> np.ndarray:
    """Turn grey images (n, 1, H, W) into colour (n, 3, H, W); those where `which` (n,) holds become red."""
    colour = np.where(which[:, None], [1.0, 0.25, 0.2], 1.0)  # (n, 3)
    return images * colour[:, :, None, None]


def scatter_codes(codes: dict[str, np.ndarray], labels: np.ndarray, path: Path) -> None:
    """Draw 2-D codes side by side, coloured by class; colours repeat after ten: title -> (n, 2)."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    classes, index = np.unique(labels, return_inverse=True)
    colours = [matplotlib.colormaps["tab10"](i % 10) for i in range(len(classes))]
    scale = {"cmap": ListedColormap(colours), "vmin": -0.5, "vmax": len(classes) - 0.5}
    figure, axes = _axes(1, len(codes), (5.2, 4.8))
    for ax, (title, code) in zip(axes[0], codes.items()):
        points = ax.scatter(code[:, 0], code[:, 1], c=index, s=5, linewidths=0, **scale)
        ax.set(title=title, xlabel="code 1", ylabel="code 2")
    bar = figure.colorbar(
        points, ax=axes[0].tolist(), ticks=range(len(classes)), format=lambda i, _: str(classes[int(i)])
    )
    bar.set_label("class")
    _save(figure, path)


def curves(lines: dict[str, Sequence[float]], path: Path, xlabel: str, ylabel: str) -> None:
    """Draw labelled lines over 1, 2, 3, .. with a logarithmic y axis."""
    figure, axes = _axes()
    for label, values in lines.items():
        axes[0, 0].plot(np.arange(1, len(values) + 1), values, label=label)
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel, yscale="log")
    axes[0, 0].grid(alpha=0.3, which="both")
    axes[0, 0].legend()
    _save(figure, path)


def rate_distortion(
    panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]], path: Path, xlabel: str, ylabel: str
) -> None:
    """Draw panels of labelled curves of quality against size, on a logarithmic axis: title -> label -> (x, y).

    The first label of a panel is drawn thicker, and the panel is cut off beyond four times its sizes.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = _axes(1, len(panels), (4.6, 4))
    for ax, (title, lines) in zip(axes[0], panels.items()):
        for i, (label, (x, y)) in enumerate(lines.items()):
            ax.plot(x, y, marker="o", markersize=5 if i == 0 else 3, linewidth=2.5 if i == 0 else 1.2, label=label)
        sizes, qualities = (np.concatenate([line[k] for line in lines.values()]) for k in (0, 1))
        largest = 4 * np.max(next(iter(lines.values()))[0])
        ax.set(title=title, xlabel=xlabel, xscale="log", xlim=(0.8 * sizes.min(), largest))
        ax.set_ylim(qualities.min() - 1, qualities[sizes <= largest].max() + 1)
        ax.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        ax.xaxis.set_major_formatter("{x:g}")
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.grid(alpha=0.3)
    axes[0, 0].set_ylabel(ylabel)
    axes[0, 0].legend(loc="lower right")
    _save(figure, path)


def spectrograms(sounds: dict[str, np.ndarray], sample_rate: int, path: Path) -> None:
    """Draw how loud each frequency is at each time, in decibels below the loudest of all: title -> (T,)."""
    from scipy.signal import stft

    figure, axes = _axes(1, len(sounds), (4.2, 3.2))
    spectra = {title: stft(sound, sample_rate, nperseg=256) for title, sound in sounds.items()}
    loudest = max(np.abs(spectrum).max() for _, _, spectrum in spectra.values())
    for ax, (title, (frequency, time, spectrum)) in zip(axes[0], spectra.items()):
        levels = 20 * np.log10(np.maximum(np.abs(spectrum) / loudest, 1e-6))
        image = ax.pcolormesh(time, frequency / 1000, levels, vmin=-60, vmax=0, cmap="magma", rasterized=True)
        ax.set(title=title, xlabel="seconds")
    axes[0, 0].set_ylabel("kHz")
    figure.colorbar(image, ax=axes[0].tolist()).set_label("dB")
    _save(figure, path)


def heat_maps(maps: dict[str, np.ndarray], path: Path, label: str) -> None:
    """Draw a row of heat maps with a common scale: title -> (h, w); label: the meaning of the colours."""
    low, high = min(map(np.min, maps.values())), max(map(np.max, maps.values()))
    figure, axes = _axes(1, len(maps), (2.9, 3.0))
    for ax, (title, values) in zip(axes[0], maps.items()):
        image = ax.imshow(values, vmin=low, vmax=high, cmap="magma", interpolation="nearest")
        ax.set(title=title, xticks=[], yticks=[])
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.8).set_label(label)
    _save(figure, path)


def attention_map(weights: np.ndarray, read: Sequence[str], written: Sequence[str], path: Path) -> None:
    """Draw how much each written word looked at each word that was read: weights (written, read) in [0, 1]."""
    figure, axes = _axes(1, 1, (1.2 + 0.62 * len(read), 1.4 + 0.4 * len(written)))
    image = axes[0, 0].imshow(weights, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    (read, of_read), (written, of_written) = drawable(read), drawable(written)
    slanted = {"rotation": 40, "ha": "left", "rotation_mode": "anchor"}
    axes[0, 0].set_xticks(range(len(read)), read, fontsize=11, fontfamily=of_read, **slanted)
    axes[0, 0].set_yticks(range(len(written)), written, fontsize=11, fontfamily=of_written)
    axes[0, 0].set(xlabel="read", ylabel="written")
    axes[0, 0].xaxis.set_label_position("top")
    axes[0, 0].tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    figure.colorbar(image, ax=axes[0, 0], shrink=0.7).set_label("attention")
    _save(figure, path)


def shares(lines: dict[str, Sequence[float]], ticks: Sequence[str], path: Path, xlabel: str, ylabel: str) -> None:
    """Draw labelled lines of shares in [0, 1], with a point over each tick."""
    figure, axes = _axes()
    for label, values in lines.items():
        axes[0, 0].plot(values, marker="o", label=label)
    axes[0, 0].set_xticks(range(len(ticks)), ticks)
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel, ylim=(-0.03, 1.03))
    axes[0, 0].grid(alpha=0.3)
    axes[0, 0].legend()
    _save(figure, path)


def intervals(
    panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]], ticks: Sequence[int], path: Path, xlabel: str
) -> None:
    """Draw panels of labelled lines over a logarithmic axis: title -> label -> values and half widths, (ticks,) each.

    A label has one colour in all panels.
    """
    from matplotlib.ticker import NullLocator

    names = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    figure, axes = _axes(1, len(panels), (5.6, 4.4))
    for ax, (title, lines) in zip(axes[0], panels.items()):
        for label, (values, half) in lines.items():
            ax.errorbar(
                ticks, values, half, marker="o", markersize=4, capsize=3, label=label, color=f"C{names.index(label)}"
            )
        ax.set(title=title, xlabel=xlabel, xscale="log")
        ax.set_xticks(ticks, [f"{tick:,}" for tick in ticks])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(alpha=0.3)
        ax.legend()
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
        _save(self.figure, path)


def signed(images: np.ndarray) -> np.ndarray:
    """Map images (N, ..) of positive and negative numbers to [0, 1], each by its own largest; 0 becomes grey."""
    largest = np.abs(images).reshape(len(images), -1).max(axis=1)
    return 0.5 + 0.5 * images / np.maximum(largest, 1e-12).reshape(-1, *[1] * (images.ndim - 1))


def histograms(values: dict[str, np.ndarray], path: Path, label: str) -> None:
    """Draw a row of histograms with the same bins and logarithmic shares: title -> numbers; label: their meaning."""
    low, high = min(map(np.min, values.values())), max(map(np.max, values.values()))
    figure, axes = _axes(1, len(values), (2.9, 2.7))
    for ax, (title, numbers) in zip(axes[0], values.items()):
        flat = numbers.reshape(-1)
        ax.hist(flat, bins=81, range=(low, high), weights=np.full(flat.shape, 1 / flat.size), color="#4f7cac", log=True)
        ax.set(title=title, xlabel=label, ylim=(1e-7, 2))
        ax.label_outer()
    axes[0, 0].set_ylabel("share")
    _save(figure, path)


def waves(rows: dict[str, list[np.ndarray]], titles: dict[str, list[str]], path: Path) -> None:
    """Draw labelled rows of 1-D signals, with one scale per column: label -> signals (length,) and their titles."""
    n = max(map(len, rows.values()))
    figure, axes = _axes(len(rows), n, (1.7, 1.0))
    for line, (label, signals) in zip(axes, rows.items()):
        line[0].text(-0.05, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
        for ax, signal, title in zip(line, signals, titles[label]):
            ax.plot(signal, linewidth=0.9, color="#30567f")
            ax.set_title(title, fontsize=8, pad=2)
    for column in axes.T:
        limit = 1.1 * max(np.abs(line.get_ydata()).max() for ax in column for line in ax.lines)
        for ax in column:
            ax.set_ylim(-limit, limit)
    for ax in axes.flat:
        ax.set_axis_off()
    _save(figure, path)


def roc_curves(lines: dict[str, tuple[np.ndarray, np.ndarray]], path: Path, xlabel: str, ylabel: str) -> None:
    """Draw labelled lines from (0, 0) to (1, 1), and the diagonal of guessing: label -> (x, y), each (n,)."""
    figure, axes = _axes(1, 1, (5, 4.6))
    axes[0, 0].plot([0, 1], [0, 1], color="#b0b0b0", linestyle=":", linewidth=1)
    for label, (x, y) in lines.items():
        axes[0, 0].plot(x, y, label=label)
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes[0, 0].grid(alpha=0.3)
    axes[0, 0].legend(loc="lower right")
    _save(figure, path)


def overlaid_histograms(panels: dict[str, dict[str, np.ndarray]], path: Path, xlabel: str) -> None:
    """Draw a row of panels of overlaid histograms, each of area 1: title -> label -> numbers."""
    figure, axes = _axes(1, len(panels), (3.4, 2.9))
    for ax, (title, groups) in zip(axes[0], panels.items()):
        bins = np.linspace(min(map(np.min, groups.values())), max(map(np.max, groups.values())), 61)
        for label, numbers in groups.items():
            ax.hist(numbers, bins, density=True, alpha=0.55, label=label)
        ax.set(title=title, xlabel=xlabel, yticks=[])
    axes[0, 0].legend()
    _save(figure, path)


def mosaics(panels: dict[str, np.ndarray], path: Path, size: float = 4.6) -> None:
    """Draw a row of panels, each `size` inches wide: title -> images (rows, columns, 1 or 3, H, W) in [0, 1]."""
    figure, axes = _axes(1, len(panels), (size, size + 0.25))
    for ax, (title, images) in zip(axes[0], panels.items()):
        rows, columns, _, H, W = images.shape
        tiles = np.stack([[_colour(image) for image in row] for row in images])  # (rows, columns, H, W, 3)
        board = tiles.transpose(0, 2, 1, 3, 4).reshape(rows * H, columns * W, 3)
        ax.imshow(board.clip(0, 1), interpolation="antialiased")
        ax.set_title(title)
        ax.set_axis_off()
    _save(figure, path)


def image_table(
    columns: Sequence[Sequence[np.ndarray]], titles: Sequence[str], rows: Sequence[str], path: Path, size: float = 1.9
) -> None:
    """Draw columns of images of any sizes, each (1 or 3, H, W) in [0, 1], `size` inches wide, under their titles."""
    height, width = columns[0][0].shape[1:]
    figure, axes = _axes(len(rows), len(columns), (size, size * height / width + 0.1))
    for line, (column, title) in zip(axes.T, zip(columns, titles, strict=True)):
        for ax, image in zip(line, column, strict=True):
            ax.imshow(_colour(image).clip(0, 1), interpolation="nearest")
            ax.set_axis_off()
        line[0].set_title(title, fontsize=11)
    for ax, label in zip(axes[:, 0], rows):
        ax.text(-0.04, 0.5, label, transform=ax.transAxes, ha="right", va="center", fontsize=11)
    _save(figure, path)


def marked_rows(rows: dict[str, tuple[np.ndarray, np.ndarray]], path: Path, size: float = 0.87) -> None:
    """Draw labelled rows of images with points on them: label -> (n, 1 or 3, H, W) and (n, K, 2).

    The x and y of a point are -1 and 1 at the centres of the outer pixels.
    """
    n = max(len(images) for images, _ in rows.values())
    figure, axes = _axes(len(rows), n, (size, size))
    figure.get_layout_engine().set(w_pad=0.01, h_pad=0.01, wspace=0, hspace=0)
    for line, (label, (images, points)) in zip(axes, rows.items()):
        line[0].text(-0.06, 0.5, label, transform=line[0].transAxes, ha="right", va="center", fontsize=9)
        for ax, image, places in zip(line, images, points):
            ax.imshow(_colour(image).clip(0, 1), interpolation="nearest")
            x, y = ((places[:, k] + 1) / 2 * (image.shape[2 - k] - 1) for k in range(2))
            ax.scatter(x, y, s=4, color="#00e5ff", edgecolors="black", linewidths=0.3)
        for ax in line:
            ax.set_axis_off()
    _save(figure, path)


def time_bars(bars: Sequence[tuple[str, str, float, float]], path: Path, xlabel: str) -> None:
    """Draw times, the first on top: (what, where, time, the floor that it could fall to or 0); a colour for each where.

    A where that contains a dot is a gradient rule, and all of these have one colour.
    """
    from matplotlib.patches import Patch

    colours = {"forward": "#4f7cac", "rule": "#e08e45", "walk": "#7fb069", "optimizer": "#b56b9c", "": "#b0b0b0"}
    kinds = ["rule" if "." in where else where for _, where, _, _ in bars]
    figure, axes = _axes(1, 1, (8, 1 + 0.27 * len(bars)))
    ax, places = axes[0, 0], np.arange(len(bars))
    ax.barh(places, [time for _, _, time, _ in bars], color=[colours[kind] for kind in kinds])
    ax.barh(places, [floor for *_, floor in bars], height=0.25, color="black")
    ax.set_yticks(places, [f"{what}  in {where}" if "." in where else what for what, where, _, _ in bars], fontsize=9)
    ax.invert_yaxis()
    ax.set(xlabel=xlabel)
    names = {"rule": "in a gradient rule", "walk": "in the walk back"}
    legend = [Patch(color=colours[kind], label=names.get(kind, kind)) for kind in colours if kind and kind in kinds]
    ax.legend(handles=[*legend, Patch(color="black", label="as fast as the machine can")], loc="lower right")
    _save(figure, path)
