"""A cast: a few people, each in many pictures. Drawn ones, whose scenes another can play, or those of a folder.

Drawn people stand before one backdrop, and whatever else an image shows, pose, expression and light, is drawn anew for
it. They are cut by the eyes, as photographs are for a swap: hair at the border, which is lighter than the skin of one
person and darker than that of another, would make opposite turns look alike.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from . import faces, folder
from .known import SIZE, cut, cut_with_landmarks
from .machine import once_per_machine
from .picture import upright_size
from .studio import BACKDROP

CANDIDATES = 12  # the people to choose from
SAME = ("parameters", "elevation", "ambient", "background")  # in all frames of a movement
FEWEST = 10  # pictures of a person in a folder


class Cast(NamedTuple):
    """One entry per person: name, images x (N, 3, 64, 64) to train on and y (M, 3, 64, 64) unseen.

    x_scenes and y_scenes say what drawn images show, x_landmarks (N, 20, 2) where; all are None for photographs.
    """

    names: tuple[str, ...]
    x: list[np.ndarray]
    y: list[np.ndarray]
    x_scenes: list[faces.Scene] | None = None
    y_scenes: list[faces.Scene] | None = None
    x_landmarks: list[np.ndarray] | None = None

    def actor(self, person: int) -> np.ndarray:
        """Who a drawn person is, (27,)."""
        return self.x_scenes[person].parameters[0]

    def truth(self, person: int, wearer: int) -> faces.Scene:
        """The scene of the wearer doing what a drawn person does in the unseen images."""
        return played(self.y_scenes[person], self.actor(wearer))


@once_per_machine
def drawn(train: int, test: int, seed: int, number: int = 2) -> Cast:
    """Draw `number` people, A, B and so on, of whom no two are much alike, `train` and `test` images of each."""
    actors = strangers(number, seed)
    scenes = {}
    for split, n in (("train", train), ("test", test)):
        _, scene = faces.draw(n * number, split=split, seed=seed)
        scene = scene._replace(background=np.full((n * number, 2, 3), BACKDROP))
        parts = np.arange(n * number).reshape(number, n)
        scenes[split] = [played(faces.take(scene, part), actor) for part, actor in zip(parts, actors, strict=True)]
    x, landmarks = zip(*map(cut_with_landmarks, scenes["train"]))
    y = [cut(scene) for scene in scenes["test"]]
    names = tuple(chr(ord("A") + k) for k in range(number))
    return Cast(names, list(x), y, scenes["train"], scenes["test"], list(landmarks))


def strangers(number: int, seed: int) -> np.ndarray:
    """Choose people who differ: the first of CANDIDATES, then whoever is least like all before -> (number, 27)."""
    low, high = np.transpose(list(faces.RANGES.values()))
    actors = faces.people(np.arange(CANDIDATES), seed=seed)
    places = (actors - low) / (high - low)
    chosen = [0]
    while len(chosen) < number:
        away = np.linalg.norm(places[:, None] - places[chosen], axis=2).min(axis=1)
        chosen.append(int(away.argmax()))
    return actors[chosen]


def played(scene: faces.Scene, actor: np.ndarray) -> faces.Scene:
    """Give the scene of n images to one person (27,), who does what is done in it."""
    return scene._replace(parameters=np.tile(actor, (len(scene.yaw), 1)))


def movement(actor: np.ndarray, steps: int) -> faces.Scene:
    """Let a person (27,) look round from left to right and back and smile on the way, while the light moves."""
    turn = np.linspace(0, 2 * np.pi, steps, endpoint=False)
    yaw, pitch, smile, azimuth = -0.45 * np.cos(turn), 0.2 * np.sin(turn), 2 * np.sin(turn / 2) - 1, 0.8 * np.sin(turn)
    scene = faces.Scene(actor, yaw, pitch, smile, azimuth, background=np.full((2, 3), BACKDROP))
    fields = scene._asdict()
    once = {name: np.resize(fields[name], (steps, *np.shape(fields[name]))) for name in SAME}
    return scene._replace(**once)


@once_per_machine
def from_folder(path: str, *, limit: int, seed: int) -> Cast:
    """Read a folder with a sub-folder per person; of each person's pictures, a fifth is kept for testing.

    At most `limit` pictures in all. ValueError for fewer than two people, fewer than FEWEST pictures of one, pictures
    of different sizes, and what folder.folder refuses.
    """
    read = folder.folder(path, size=SIZE, limit=limit, seed=seed)
    names = tuple(name for name in read.classes if name != ".")
    if len(names) < 2:
        found = f"one person, {names[0]!r}" if names else "pictures but no sub-folder"
        raise ValueError(f"{path} holds {found}; a swap needs two or more: make a sub-folder for each person")
    _check_sizes(Path(path), read.files)
    x, y = [], []
    for name in names:
        images = read.images[read.labels == read.classes.index(name)]
        if len(images) < FEWEST:
            raise ValueError(f"{Path(path) / name} holds {len(images)} pictures; add some, {FEWEST} are the fewest")
        kept, unseen = folder.split(len(images), seed=seed)
        x.append(images[kept])
        y.append(images[unseen])
    return Cast(names, x, y)


def _check_sizes(path: Path, files: tuple[str, ...]) -> None:
    """Refuse pictures of different sizes: faces that are not cut alike have no common place for an eye."""
    first = upright_size(path / files[0])
    for file in files[1:]:
        size = upright_size(path / file)
        if size != first:
            one, other = (f"{name} is {w} x {h}" for name, (w, h) in ((files[0], first), (file, size)))
            raise ValueError(f"{path}: {one}, {other}; cut all pictures to one size, the faces at one place")
