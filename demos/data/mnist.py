"""MNIST: 70,000 handwritten digits, 28 x 28. LeCun, Bottou, Bengio & Haffner 1998."""

from typing import NamedTuple

import numpy as np

from .files import fetch, user_folder
from .idx import read_idx

# The original host refuses downloads; these serve the same bytes to PyTorch's and TensorFlow's loaders.
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "https://storage.googleapis.com/cvdf-datasets/mnist/")


class Published(NamedTuple):
    """SHA-256 and bytes of the file that the mirrors serve, and of what it holds unpacked."""

    sha256: str
    size: int
    unpacked: tuple[str, int] | None


FILES = {
    "train-images-idx3-ubyte.gz": Published(
        "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
        9_912_422,
        ("ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db", 47_040_016),
    ),
    "train-labels-idx1-ubyte.gz": Published(
        "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
        28_881,
        ("65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5", 60_008),
    ),
    "t10k-images-idx3-ubyte.gz": Published(
        "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
        1_648_877,
        ("0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7", 7_840_016),
    ),
    "t10k-labels-idx1-ubyte.gz": Published(
        "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
        4_542,
        ("ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2", 10_008),
    ),
}


def mnist():
    """Load MNIST -> train images, train labels, test images, test labels.

    Images (n, 1, 28, 28) float32 in [0, 1], bright ink on black; labels (n,) int64, 0 to 9. 60,000 train, 10,000 test.
    Where MINIGRAD_DATA holds the t10k pair without the train pair, its 10,000 images, which are ordered by writer, are
    permuted by default_rng(0) and split into 8,000 and 2,000, and a line says so.
    ValueError if a file is damaged or a pair disagrees; OSError if it cannot be downloaded.
    """
    test_images, test_labels = _pair("t10k")
    if not _only_t10k():
        return *_pair("train"), test_images, test_labels
    print("mnist: MINIGRAD_DATA holds only the t10k pair; permuted by default_rng(0), split 8,000 train / 2,000 test")
    order = np.random.default_rng(0).permutation(len(test_labels))
    train, test = order[:8000], order[8000:]
    return test_images[train], test_labels[train], test_images[test], test_labels[test]


def _only_t10k():
    """Tell whether the user's folder holds t10k files and no train files."""
    folder = user_folder()
    present = {name.split("-")[0] for name in FILES if folder and (folder / name).is_file()}
    return present == {"t10k"}


def _pair(part):
    """Load the images and labels of "train" or "t10k"; ValueError if they do not match."""
    images, labels = (
        read_idx(fetch(name, [mirror + name for mirror in MIRRORS], **FILES[name]._asdict()))
        for name in (f"{part}-images-idx3-ubyte.gz", f"{part}-labels-idx1-ubyte.gz")
    )
    if images.shape[1:] != (28, 28) or labels.shape != images.shape[:1]:
        raise ValueError(
            f"mnist: {part} images are {images.shape} and labels {labels.shape}, expected (n, 28, 28) and "
            "(n,); delete both files and download them again"
        )
    return images[:, None].astype(np.float32) / 255, labels.astype(np.int64)
