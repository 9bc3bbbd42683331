"""Curves, bars, histograms and points, with labelled axes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from .paper import save, subplots


def curves(lines: dict[str, Sequence[float]], path: Path, xlabel: str, ylabel: str) -> None:
    """Draw labelled lines over 1, 2, 3, .. with a logarithmic y axis."""
    figure, axes = subplots()
    for label, values in lines.items():
        axes[0, 0].plot(np.arange(1, len(values) + 1), values, label=label)
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel, yscale="log")
    axes[0, 0].grid(alpha=0.3, which="both")
    axes[0, 0].legend()
    save(figure, path)


def rate_distortion(
    panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]], path: Path, xlabel: str, ylabel: str
) -> None:
    """Draw panels of labelled curves of quality against size, on a logarithmic axis: title -> label -> (x, y).

    The first label of a panel is drawn thicker, and the panel is cut off beyond four times its sizes.
    """
    from matplotlib.ticker import LogLocator, NullFormatter

    figure, axes = subplots(1, len(panels), (4.6, 4))
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
    save(figure, path)


def shares(lines: dict[str, Sequence[float]], ticks: Sequence[str], path: Path, xlabel: str, ylabel: str) -> None:
    """Draw labelled lines of shares in [0, 1], with a point over each tick."""
    figure, axes = subplots()
    for label, values in lines.items():
        axes[0, 0].plot(values, marker="o", label=label)
    axes[0, 0].set_xticks(range(len(ticks)), ticks)
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel, ylim=(-0.03, 1.03))
    axes[0, 0].grid(alpha=0.3)
    axes[0, 0].legend()
    save(figure, path)


def intervals(
    panels: dict[str, dict[str, tuple[np.ndarray, np.ndarray]]], ticks: Sequence[int], path: Path, xlabel: str
) -> None:
    """Draw panels of labelled lines over a logarithmic axis: title -> label -> values and half widths, (ticks,) each.

    A label has one colour in all panels.
    """
    from matplotlib.ticker import NullLocator

    names = list(dict.fromkeys(label for lines in panels.values() for label in lines))
    figure, axes = subplots(1, len(panels), (5.6, 4.4))
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
    save(figure, path)


def scatter_codes(codes: dict[str, np.ndarray], labels: np.ndarray, path: Path) -> None:
    """Draw 2-D codes side by side, coloured by class; colours repeat after ten: title -> (n, 2)."""
    import matplotlib
    from matplotlib.colors import ListedColormap

    classes, index = np.unique(labels, return_inverse=True)
    colours = [matplotlib.colormaps["tab10"](i % 10) for i in range(len(classes))]
    scale = {"cmap": ListedColormap(colours), "vmin": -0.5, "vmax": len(classes) - 0.5}
    figure, axes = subplots(1, len(codes), (5.2, 4.8))
    for ax, (title, code) in zip(axes[0], codes.items()):
        points = ax.scatter(code[:, 0], code[:, 1], c=index, s=5, linewidths=0, **scale)
        ax.set(title=title, xlabel="code 1", ylabel="code 2")
    bar = figure.colorbar(
        points, ax=axes[0].tolist(), ticks=range(len(classes)), format=lambda i, _: str(classes[int(i)])
    )
    bar.set_label("class")
    save(figure, path)


def histograms(values: dict[str, np.ndarray], path: Path, label: str) -> None:
    """Draw a row of histograms with the same bins and logarithmic shares: title -> numbers; label: their meaning."""
    low, high = min(map(np.min, values.values())), max(map(np.max, values.values()))
    figure, axes = subplots(1, len(values), (2.9, 2.7))
    for ax, (title, numbers) in zip(axes[0], values.items()):
        flat = numbers.reshape(-1)
        ax.hist(flat, bins=81, range=(low, high), weights=np.full(flat.shape, 1 / flat.size), color="#4f7cac", log=True)
        ax.set(title=title, xlabel=label, ylim=(1e-7, 2))
        ax.label_outer()
    axes[0, 0].set_ylabel("share")
    save(figure, path)


def overlaid_histograms(panels: dict[str, dict[str, np.ndarray]], path: Path, xlabel: str) -> None:
    """Draw a row of panels of overlaid histograms, each of area 1: title -> label -> numbers."""
    figure, axes = subplots(1, len(panels), (3.4, 2.9))
    for ax, (title, groups) in zip(axes[0], panels.items()):
        bins = np.linspace(min(map(np.min, groups.values())), max(map(np.max, groups.values())), 61)
        for label, numbers in groups.items():
            ax.hist(numbers, bins, density=True, alpha=0.55, label=label)
        ax.set(title=title, xlabel=xlabel, yticks=[])
    axes[0, 0].legend()
    save(figure, path)


def roc_curves(lines: dict[str, tuple[np.ndarray, np.ndarray]], path: Path, xlabel: str, ylabel: str) -> None:
    """Draw labelled lines from (0, 0) to (1, 1), and the diagonal of guessing: label -> (x, y), each (n,)."""
    figure, axes = subplots(1, 1, (5, 4.6))
    axes[0, 0].plot([0, 1], [0, 1], color="#b0b0b0", linestyle=":", linewidth=1)
    for label, (x, y) in lines.items():
        axes[0, 0].plot(x, y, label=label)
    axes[0, 0].set(xlabel=xlabel, ylabel=ylabel, xlim=(0, 1), ylim=(0, 1), aspect="equal")
    axes[0, 0].grid(alpha=0.3)
    axes[0, 0].legend(loc="lower right")
    save(figure, path)


def growth(panels: dict[str, dict[str, tuple[Sequence[float], Sequence[float]]]], path: Path, ylabel: str) -> None:
    """Draw panels of labelled lines on logarithmic axes: what grows -> label -> (its sizes, values)."""
    from matplotlib.ticker import NullLocator

    figure, axes = subplots(1, len(panels), (4, 3.6))
    for ax, (what, lines) in zip(axes[0], panels.items()):
        for label, (sizes, values) in lines.items():
            ax.plot(sizes, values, marker="o", markersize=4, label=label)
        ax.set(xlabel=what, xscale="log", yscale="log")
        ax.set_xticks(sizes, [f"{size:g}" for size in sizes])
        ax.xaxis.set_minor_locator(NullLocator())
        ax.grid(alpha=0.3)
        ax.legend(title="slope")
    axes[0, 0].set_ylabel(ylabel)
    save(figure, path)


def time_bars(bars: Sequence[tuple[str, str, float, float]], path: Path, xlabel: str) -> None:
    """Draw times, the first on top: (what, where, time, the floor that it could fall to or 0); a colour for each where.

    A where that contains a dot is a gradient rule, and all of these have one colour.
    """
    from matplotlib.patches import Patch

    colours = {"forward": "#4f7cac", "rule": "#e08e45", "walk": "#7fb069", "optimizer": "#b56b9c", "": "#b0b0b0"}
    kinds = ["rule" if "." in where else where for _, where, _, _ in bars]
    figure, axes = subplots(1, 1, (8, 1 + 0.27 * len(bars)))
    ax, places = axes[0, 0], np.arange(len(bars))
    ax.barh(places, [time for _, _, time, _ in bars], color=[colours[kind] for kind in kinds])
    ax.barh(places, [floor for *_, floor in bars], height=0.25, color="black")
    ax.set_yticks(places, [f"{what}  in {where}" if "." in where else what for what, where, _, _ in bars], fontsize=9)
    ax.invert_yaxis()
    ax.set(xlabel=xlabel)
    names = {"rule": "in a gradient rule", "walk": "in the walk back"}
    legend = [Patch(color=colours[kind], label=names.get(kind, kind)) for kind in colours if kind and kind in kinds]
    ax.legend(handles=[*legend, Patch(color="black", label="as fast as the machine can")], loc="lower right")
    save(figure, path)
