"""A folder of images of your own, or of CelebA, whose attributes are read where their list is at hand."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from .picture import read_rgb

SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
ATTRIBUTES = "list_attr_celeba.txt"
MAX_LIST, MAX_HEADER = 100_000_000, 100_000  # characters of a list and of its line of names; CelebA's: 27 million, 430
LIMIT = 10_000  # images: 0.5 GB at 64 x 64


class Folder(NamedTuple):
    """images (n, 3, size, size) float32 in [0, 1], in the order of files, relative to the folder.

    labels (n,) int64: positions in classes, the names of the sub-folders, "." for none. attributes (n, a) int8, -1 or
    1, by attribute_names; a is 0 where there is no list of them. Liu, Luo, Wang & Tang 2015 (CelebA).
    """

    images: np.ndarray
    files: tuple[str, ...]
    labels: np.ndarray
    classes: tuple[str, ...]
    attributes: np.ndarray
    attribute_names: tuple[str, ...]


def folder(path, *, size=64, limit=LIMIT, seed=0):
    """Read the images under a folder, their middle squares resized -> Folder, sorted by file.

    Of more than `limit` images, as many are drawn by `seed`. CelebA's list_attr_celeba.txt is looked for in the folder
    and beside it. FileNotFoundError if there is no such folder or no image in it; ValueError if images cannot be read
    (picture.read_rgb says which, and which are too large), all of them named, or if the list of attributes has another
    form, more than 100 MB, or lacks an image.
    """
    path = Path(path)
    if size < 1 or limit < 1:
        raise ValueError(f"folder: size is {size} and limit {limit}; both must be at least 1")
    files = find_images(path)
    if len(files) > limit:
        chosen = np.random.default_rng(seed).choice(len(files), limit, replace=False)
        files = [files[i] for i in np.sort(chosen)]
    images = _read_all(path, files, size)
    tops = [file.parts[0] if len(file.parts) > 1 else "." for file in files]
    classes, labels = np.unique(tops, return_inverse=True)
    names, attributes = _attributes(path, files)
    return Folder(images, tuple(map(str, files)), labels.astype(np.int64), tuple(classes.tolist()), attributes, names)


def split(n, *, test=0.2, seed=0):
    """Split n images at random, `test` of them (rounded) for testing -> two sorted index arrays: train, test.

    ValueError if a part would be empty.
    """
    count = round(n * test)
    if not 0 < count < n:
        raise ValueError(f"split: {n} images leave {n - count} to train and {count} to test; both need one at least")
    order = np.random.default_rng(seed).permutation(n)
    return np.sort(order[count:]), np.sort(order[:count])


def find_images(path):
    """List the images under a folder, relative to it, sorted; FileNotFoundError if none. What is hidden is left out."""
    if not path.is_dir():
        raise FileNotFoundError(f"folder: {path} is not a folder; name one that holds images")
    found = (file.relative_to(path) for file in path.rglob("*") if file.suffix.lower() in SUFFIXES and file.is_file())
    files = sorted(file for file in found if not any(part.startswith((".", "__MACOSX")) for part in file.parts))
    if not files:
        raise FileNotFoundError(f"folder: {path} holds no image; put files of {', '.join(SUFFIXES)} into it or below")
    return files


def _read_all(path, files, size):
    """Read every file -> (n, 3, size, size) float32 in [0, 1]; ValueError that names all that fail."""
    from tqdm import tqdm

    listed = tqdm(files, desc=f"reading {path.name or path}", unit="image", mininterval=0.5)
    images, broken = read_images(path, listed, size)
    if broken:
        raise ValueError("\n".join([f"folder: {path}: these cannot be read; repair or remove them:", *broken]))
    return images


def read_images(path, files, size):
    """Read files -> (n, 3, size, size) float32 in [0, 1], and a line for each that cannot be read and stays black."""
    images, broken = np.zeros((len(files), 3, size, size), np.float32), []
    for i, file in enumerate(files):
        try:
            images[i] = _read(path / file, size)
        except ValueError as error:
            broken.append(f"  {error}")
    return images, broken


def _read(path, size):
    """Read one image, upright, cut to its middle square, resized with anti-aliasing -> (3, size, size) in [0, 1]."""
    from PIL import Image

    image = read_rgb(path, draft=size)
    side = min(image.size)
    left, top = ((length - side) / 2 for length in image.size)
    box = (left, top, left + side, top + side)
    image = image.resize((size, size), Image.Resampling.LANCZOS, box=box)
    return np.asarray(image, np.float32).transpose(2, 0, 1) / 255  # (H, W, 3) -> (3, H, W)


def _attributes(path, files):
    """Read the attributes of files from the list in their folder or beside it -> names, (n, a) int8."""
    lists = [place / ATTRIBUTES for place in (path, path.resolve().parent) if (place / ATTRIBUTES).is_file()]
    if not lists:
        return (), np.empty((len(files), 0), np.int8)
    return read_attributes(lists[0], [file.name for file in files])


def read_attributes(source, files):
    """Read the lines of files (n names) in a list of attributes -> their names, (n, a) int8. ValueError as in folder.

    The list is a count, a line of names, then lines of an image and a value, -1 or 1, for each name.
    """
    if source.stat().st_size > MAX_LIST:
        raise ValueError(f"folder: {source} has more than {MAX_LIST / 1e6:.0f} MB; move it away or shorten it")
    wanted, by_file = set(files), {}
    try:
        with open(source, encoding="utf-8") as lines:
            count, header = lines.readline(MAX_HEADER), lines.readline(MAX_HEADER)
            for line in lines:  # one at a time: most are of other images
                file, *values = line.split(maxsplit=1) or [""]
                if file in wanted:
                    by_file[file] = " ".join(values)
    except UnicodeDecodeError as error:
        raise ValueError(f"folder: {source} is no UTF-8 text ({error}); replace it or move it away") from error
    names = tuple(header.split())
    if not count.strip().isdecimal() or not names or len(header) == MAX_HEADER:
        raise ValueError(f"folder: {source} must start with the number of images and a line of names")
    return names, np.stack([_values(source, names, by_file, file) for file in files])


def _values(source, names, by_file, file):
    """Return the values in a file's line, (a,) int8, if they are what the header promises."""
    if file not in by_file:
        raise ValueError(f"folder: {source} has no line for {file}; move it away if it is of other images")
    values = by_file[file].split(maxsplit=len(names))  # one more than there may be, however long the line is
    if len(values) != len(names) or not set(values) <= {"-1", "1"}:
        raise ValueError(f"folder: {source}: the line of {file} must hold {len(names)} values, -1 or 1 each")
    return np.array(values, np.int8)
