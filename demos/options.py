"""The values that options take. Each is checked where it is read, so that an error names its option."""

from __future__ import annotations

import math
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path

from demos.data.folder import find_images

FEWEST = 50  # images of a folder: a seventh is kept for testing, and pairs are made of six
DIGITS = 18  # of a whole number, at most: it has to fit an int64


def whole(least: int) -> Callable[[str], int]:
    """Make the reader of a whole number from `least` on."""

    def read(text: str) -> int:
        if not text.isdecimal() or len(text) > DIGITS or int(text) < least:
            raise ArgumentTypeError(f"{text!r} is no whole number from {least} on, of {DIGITS} digits at most")
        return int(text)

    return read


def weight(text: str) -> float:
    """Read a number from 0 that is finite."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number < math.inf:  # nor NaN
        raise ArgumentTypeError(f"{text!r} is no finite number from 0")
    return number


def named(text: str) -> str:
    """Read the name of something; an empty one must not stand for the default."""
    if not text:
        raise ArgumentTypeError("the name is empty; give one, or leave the option out")
    return text


def folder(text: str) -> Path:
    """Read the path of a folder, which need not exist yet."""
    path = Path(named(text))
    for place in (path, *path.parents):
        if place.exists() and not place.is_dir():
            raise ArgumentTypeError(f"{place} is not a folder; name another")
    return path


def data_set(names: Sequence[str]) -> Callable[[str], str]:
    """Make the reader of a data set: one of names; FOLDER among them means any folder of images, FILE.tsv any file."""

    own = [name for name in names if name not in ("FOLDER", "FILE.tsv")]
    folders, files = "FOLDER" in names, "FILE.tsv" in names

    def read(text: str) -> str:
        if text in own or (files and text and Path(text).is_file()):
            return text
        if folders and text and Path(text).is_dir():
            _check_images(text)
            return text
        known = ", ".join(map(repr, own)) + " or a folder of images" * folders + " or a file" * files
        raise ArgumentTypeError(f"there is no data set {text!r}; it must be one of {known}")

    return read


def _check_images(folder: str) -> None:
    """Refuse a folder with fewer than FEWEST images, before anything is trained on them."""
    try:
        n = len(find_images(Path(folder)))
    except OSError as error:
        raise ArgumentTypeError(str(error)) from error
    if n < FEWEST:
        raise ArgumentTypeError(f"{folder} holds {n} images; at least {FEWEST} are needed to train and to test")
