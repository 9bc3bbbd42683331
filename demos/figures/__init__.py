"""The kinds of pictures that the demos draw. Every function writes one PNG, which is whole or not there."""

from .board import TINTS, Board
from .charts import (
    curves,
    growth,
    histograms,
    intervals,
    overlaid_histograms,
    rate_distortion,
    roc_curves,
    scatter_codes,
    shares,
    time_bars,
)
from .images import image_rows, image_table, marked_rows, mosaics, redden, signed
from .maps import attention_map, heat_maps, spectrograms, waves

__all__ = [
    "TINTS",
    "Board",
    "attention_map",
    "curves",
    "growth",
    "heat_maps",
    "histograms",
    "image_rows",
    "image_table",
    "intervals",
    "marked_rows",
    "mosaics",
    "overlaid_histograms",
    "rate_distortion",
    "redden",
    "roc_curves",
    "scatter_codes",
    "shares",
    "signed",
    "spectrograms",
    "time_bars",
    "waves",
]
