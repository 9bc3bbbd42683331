"""Faces with what is known of them: drawn ones, or a folder's with the attributes that are listed for it.

Drawn ones are cut as CelebA's photographs are: the eyes at one place, the face as large as the picture. So a mouth
stays where it is when its head turns, and a smile changes the same pixels in all pictures.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import faces, folder, load
from .machine import once_per_machine
from .mapped import MappedImages, mapped

ATTRIBUTES = ("smile", "skin_tone", "hair_tone", "azimuth", "elevation", "yaw", "pitch")  # light: azimuth, elevation
RARE = 0.02  # share of the images from which on an attribute of a folder is worth knowing
MEASURED = 5000  # images of a folder too large for memory that are read all the same: what is not training needs some
WHOLE = 80  # side of a picture when it is drawn
SIZE = 64  # of what is kept of it
TOP, LEFT = 12, 8  # its first row and column
CHUNK = 400  # pictures drawn at a time: their albedo, shading and masks need memory too


class KnownFaces(NamedTuple):
    """Images x (N, 3, S, S) to train on and y (M, 3, S, S) unseen; what is known of them, (N, a) and (M, a), by name.

    photos and unseen_photos (.., 3, S, S), maybe none: grey ones of which nothing is known. whole: of a folder that
    holds more images than memory should, all but y, in a file; x are some of them.
    """

    x: np.ndarray
    x_known: np.ndarray
    y: np.ndarray
    y_known: np.ndarray
    names: tuple[str, ...]
    photos: np.ndarray
    unseen_photos: np.ndarray
    whole: MappedImages | None = None


@once_per_machine
def known_faces(name: str, *, train: int, test: int, seed: int, limit: int | None = None) -> KnownFaces:
    """Draw train and test "faces", of people of their own; "olivetti" adds its photographs, of 30 people and 10 others.

    Any other name is the path of a folder, of which at most limit images are read. If that is None, all are; beyond
    folder.LIMIT only MEASURED, and these and the others are in `whole`. ValueError if there is no such folder, and what
    folder.folder and mapped.mapped raise.
    """
    if name not in ("faces", "olivetti"):
        return _folder(name, limit, seed)
    none = np.empty((0, 3, SIZE, SIZE), np.float32)
    parts = _drawn(train, "train", seed), _drawn(test, "test", seed)
    photos = [none, none]
    if name == "olivetti":
        real = load("olivetti")
        photos = [np.repeat(images, 3, axis=1) for images in (real.train_images, real.test_images)]
    return KnownFaces(*parts[0], *parts[1], ATTRIBUTES, *photos)


def _drawn(n: int, split: str, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw procedural faces -> images (n, 3, SIZE, SIZE), ATTRIBUTES (n, a)."""
    scene = faces.draw(n, split=split, seed=seed)[1]
    person = dict(zip(faces.PARAMETERS, scene.parameters.T, strict=True))
    return cut(scene), np.stack([(scene._asdict() | person)[name] for name in ATTRIBUTES], axis=1)


def cut(scene: faces.Scene) -> np.ndarray:
    """Render a scene of arrays, the eyes at one place, the face as large as the picture -> (n, 3, SIZE, SIZE)."""
    return cut_with_landmarks(scene)[0]


def cut_with_landmarks(scene: faces.Scene) -> tuple[np.ndarray, np.ndarray]:
    """Render and cut -> images (n, 3, SIZE, SIZE), landmarks (n, 20, 2) in their frame, which a few may be beyond."""
    n = len(scene.yaw)
    images, landmarks = np.empty((n, 3, SIZE, SIZE), np.float32), np.empty((n, len(faces.LANDMARKS), 2))
    kept = slice(TOP, TOP + SIZE), slice(LEFT, LEFT + SIZE)
    for start in range(0, n, CHUNK):
        some = slice(start, start + CHUNK)
        whole = faces.render(faces.take(scene, some), WHOLE, aligned=True)
        images[some] = whole.images[:, :, *kept]
        pixels = (whole.landmarks + 1) * WHOLE / 2 - (LEFT, TOP)
        landmarks[some] = pixels * 2 / SIZE - 1
    return images, landmarks


def _folder(name: str, limit: int | None, seed: int) -> KnownFaces:
    """Read a folder, of its attributes those that are not RARE."""
    if not Path(name).is_dir():
        raise ValueError(f"--data is {name!r}; it must be 'faces', 'olivetti' or a folder of images")
    many = limit is None and len(folder.find_images(Path(name))) > folder.LIMIT
    read = folder.folder(name, limit=MEASURED if many else limit or folder.LIMIT, seed=seed)
    parts = folder.split(len(read.images), seed=seed)
    share = (read.attributes[parts[0]] > 0).mean(axis=0)
    often = np.flatnonzero((share >= RARE) & (share <= 1 - RARE))
    halves = [array for part in parts for array in (read.images[part], read.attributes[part][:, often])]
    none = np.empty((0, *read.images.shape[1:]), np.float32)
    whole = _all_but({read.files[i] for i in parts[1]}, Path(name)) if many else None
    return KnownFaces(*halves, tuple(read.attribute_names[i] for i in often), none, none, whole)


def _all_but(unseen: set[str], path: Path) -> MappedImages:
    """Return the images of a folder but those of some files, from a file that holds all."""
    images = mapped(path, size=SIZE)
    print(f"{path}: {len(images)} images in {images.path}")
    return images.only(np.array([i for i, file in enumerate(images.files) if file not in unseen]))
