"""Numbers as colours, and signals over time."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from demos.fonts import drawable

from .paper import save, subplots


def heat_maps(maps: dict[str, np.ndarray], path: Path, label: str) -> None:
    """Draw a row of heat maps with a common scale: title -> (h, w); label: the meaning of the colours."""
    low, high = min(map(np.min, maps.values())), max(map(np.max, maps.values()))
    figure, axes = subplots(1, len(maps), (2.9, 3.0))
    for ax, (title, values) in zip(axes[0], maps.items()):
        image = ax.imshow(values, vmin=low, vmax=high, cmap="magma", interpolation="nearest")
        ax.set(title=title, xticks=[], yticks=[])
    figure.colorbar(image, ax=axes[0].tolist(), shrink=0.8).set_label(label)
    save(figure, path)


def attention_map(weights: np.ndarray, read: Sequence[str], written: Sequence[str], path: Path) -> None:
    """Draw how much each written word looked at each word that was read: weights (written, read) in [0, 1]."""
    figure, axes = subplots(1, 1, (1.2 + 0.62 * len(read), 1.4 + 0.4 * len(written)))
    image = axes[0, 0].imshow(weights, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    (read, of_read), (written, of_written) = drawable(read), drawable(written)
    slanted = {"rotation": 40, "ha": "left", "rotation_mode": "anchor"}
    axes[0, 0].set_xticks(range(len(read)), read, fontsize=11, fontfamily=of_read, **slanted)
    axes[0, 0].set_yticks(range(len(written)), written, fontsize=11, fontfamily=of_written)
    axes[0, 0].set(xlabel="read", ylabel="written")
    axes[0, 0].xaxis.set_label_position("top")
    axes[0, 0].tick_params(length=0, top=True, bottom=False, labeltop=True, labelbottom=False)
    figure.colorbar(image, ax=axes[0, 0], shrink=0.7).set_label("attention")
    save(figure, path)


def spectrograms(sounds: dict[str, np.ndarray], sample_rate: int, path: Path) -> None:
    """Draw how loud each frequency is at each time, in decibels below the loudest of all: title -> (T,)."""
    from scipy.signal import stft

    figure, axes = subplots(1, len(sounds), (4.2, 3.2))
    spectra = {title: stft(sound, sample_rate, nperseg=256) for title, sound in sounds.items()}
    loudest = max(np.abs(spectrum).max() for _, _, spectrum in spectra.values())
    for ax, (title, (frequency, time, spectrum)) in zip(axes[0], spectra.items()):
        levels = 20 * np.log10(np.maximum(np.abs(spectrum) / loudest, 1e-6))
        image = ax.pcolormesh(time, frequency / 1000, levels, vmin=-60, vmax=0, cmap="magma", rasterized=True)
        ax.set(title=title, xlabel="seconds")
    axes[0, 0].set_ylabel("kHz")
    figure.colorbar(image, ax=axes[0].tolist()).set_label("dB")
    save(figure, path)


def waves(rows: dict[str, list[np.ndarray]], titles: dict[str, list[str]], path: Path) -> None:
    """Draw labelled rows of 1-D signals, with one scale per column: label -> signals (length,) and their titles."""
    n = max(map(len, rows.values()))
    figure, axes = subplots(len(rows), n, (1.7, 1.0))
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
    save(figure, path)
