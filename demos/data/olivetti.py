"""Olivetti faces: 40 people, 10 grey pictures of 64 x 64 each. AT&T Laboratories Cambridge; Samaria & Harter 1994."""

from typing import NamedTuple

import numpy as np

from .files import fetch, sha256_of, user_folder

NAME = "olivettifaces.mat"

# The pictures are published in two files: Roweis's own, which scikit-learn serves too, and one without his results.
MIRRORS = ("https://cs.nyu.edu/~roweis/data/olivettifaces.mat", "https://ndownloader.figshare.com/files/5976027")
SIZE = 16_000_000  # bytes, at most
SHA256 = "b612fb967f2dc77c9c62d3e1266e0c73d5fca46a4b8906c18e454d41af987794"
SHA256_PICTURES_ALONE = "b1988d02c72fe5b8ee82b5ef3bb7982eafc74f1e1ff0ae0ade35061ad0af534d"

TRAIN_SUBJECTS = 30  # of a permutation: the last ten of the file are easier to tell apart than most ten are


class Olivetti(NamedTuple):
    """images (400, 1, 64, 64) float32 in [0, 1]; subject (400,) int64, 0 to 39, ten in a row each."""

    images: np.ndarray
    subject: np.ndarray


def olivetti():
    """Load the Olivetti faces -> Olivetti.

    ValueError if the file is damaged or holds something else; OSError if it cannot be downloaded.
    """
    faces = _read(fetch(NAME, MIRRORS, _pin(), size=SIZE))
    images = faces.T.reshape(400, 64, 64).transpose(0, 2, 1)  # a column holds a picture column by column
    return Olivetti(np.ascontiguousarray(images[:, None], np.float32) / 255, np.repeat(np.arange(40), 10))


def split():
    """Load the Olivetti faces, 30 people to train on and 10 to test -> train images, labels, test images, labels.

    The people are permuted by default_rng(0).
    """
    images, subject = olivetti()
    train = np.isin(subject, np.random.default_rng(0).permutation(40)[:TRAIN_SUBJECTS])
    return images[train], subject[train], images[~train], subject[~train]


def _read(path):
    """Read the pictures of a .mat file -> (4096, 400) uint8, a column each. ValueError for anything else.

    The file's digest has to be known: some damaged ones make SciPy's reader end the process.
    """
    from scipy.io import loadmat

    try:
        faces = loadmat(path, variable_names=["faces"]).get("faces")
    except Exception as error:  # SciPy promises no set of errors for a damaged file
        raise ValueError(f"olivetti: {path} is no .mat file that can be read ({error}); download it again") from error
    got = "nothing of that name" if faces is None else f"{faces.dtype} {faces.shape}"
    if got != "uint8 (4096, 400)":
        raise ValueError(f"olivetti: {path} must hold faces, uint8 (4096, 400); got {got}; download it again")
    return faces


def _pin():
    """Return the SHA-256 to expect: of the user's own copy if that is the file without Roweis's results."""
    own = user_folder() and user_folder() / NAME
    alone = own and own.is_file() and sha256_of(own) == SHA256_PICTURES_ALONE
    return SHA256_PICTURES_ALONE if alone else SHA256
