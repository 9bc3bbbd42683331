"""Resuming training bit for bit: model, optimizer, epoch and random number generators in one file.

A run that is resumed wrongly does not fail; it just computes something else. So the file also says how it was made, and
everything in it is compared with the objects that receive it before the first number changes.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from .arrays import Arrays, FilePath, load, save, shortened

Rngs = Mapping[str, np.random.Generator]
KEYS = {"epoch", "rngs", "optimizer", "lr", "extra"}  # of the metadata's "training_state"
PLACES = {"MT19937": ("pos", 624), "Philox": ("buffer_pos", 4)}  # the position in a generator's buffer, and its maximum


class Stateful(Protocol):
    """What a model and an optimizer have in common: arrays by name, which can be read and set."""

    def state_dict(self) -> Arrays: ...
    def load_state_dict(self, arrays: Arrays, /) -> Any: ...


class Stepping(Stateful, Protocol):
    """An optimizer: the numbers it was made with, and its learning rate, which schedules change."""

    made_with: dict[str, Any]
    lr: float


def save_training(
    path: FilePath, model: Stateful, optimizer: Stepping, epoch: int, rngs: Rngs, extra: dict[str, Any] | None = None
) -> None:
    """Write everything that a run needs to be resumed: model, optimizer, epoch, generators and a JSON-able dict.

    Errors as for save. The number of generators that Generator.spawn has made is not part of a generator's state.
    """
    arrays = {f"model.{name}": array for name, array in model.state_dict().items()}
    arrays |= {f"optimizer.{name}": array for name, array in optimizer.state_dict().items()}
    training = {
        "epoch": epoch,
        "rngs": {name: _plain(rng.bit_generator.state) for name, rng in rngs.items()},
        "optimizer": _plain(optimizer.made_with),
        "lr": optimizer.lr,
        "extra": extra or {},
    }
    save(path, arrays, {"training_state": training})


def load_training(
    path: FilePath,
    model: Stateful,
    optimizer: Stepping,
    rngs: Rngs,
    check: Callable[[int, dict[str, Any]], Any] = lambda epoch, extra: None,
) -> tuple[int, dict[str, Any]]:
    """Put a saved run back into model, optimizer (with its lr) and rngs, in place -> (epoch, extra).

    check(epoch, extra) is called before anything changes, and may raise. ValueError if the file holds no training
    state or a value that save_training does not write, or if it differs from the objects here: in names, shapes or
    dtypes of arrays, in the optimizer's class or the numbers it was made with, or in the generators' names or kinds.
    After any error, model, optimizer and rngs are unchanged.
    """
    # check everything first
    arrays, metadata = load(path)
    training = _training_state(path, metadata)
    _check_optimizer(path, training, optimizer)
    states = _checked_states(path, training["rngs"], rngs)
    parts = {"model.": model, "optimizer.": optimizer}
    split = {prefix: _checked_arrays(path, arrays, prefix, part) for prefix, part in parts.items()}
    unknown = [name for name in arrays if not name.startswith(tuple(parts))]
    if unknown:
        raise ValueError(
            f"{path} holds {shortened(unknown)}, which belong to neither model nor optimizer; use another copy of it"
        )
    check(training["epoch"], training["extra"])

    # then change everything
    _load_all(path, [(part, split[prefix]) for prefix, part in parts.items()])
    optimizer.lr = float(training["lr"])
    for name, state in states.items():
        rngs[name].bit_generator.state = state
    return training["epoch"], training["extra"]


def _training_state(path: FilePath, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metadata that save_training wrote, every entry of the type that it has there."""
    if "training_state" not in metadata:
        raise ValueError(f"{path} holds arrays but no training state; write one with saving.save_training")
    training = metadata["training_state"]
    if not isinstance(training, dict) or training.keys() != KEYS:
        raise ValueError(f"{path}: the training state is not a dict of {sorted(KEYS)}; start the run again")
    epoch, lr = training["epoch"], training["lr"]
    if type(epoch) is not int or not 0 <= epoch < 2**63:
        raise ValueError(f"{path}: the epoch is {shortened(epoch)}; it must be an integer, 0 or more")
    if type(lr) not in (int, float) or not 0 <= lr < float("inf"):
        raise ValueError(f"{path}: the learning rate is {shortened(lr)}; it must be a finite number, 0 or more")
    for name in ("rngs", "optimizer", "extra"):
        if not isinstance(training[name], dict):
            raise ValueError(f"{path}: {name} is {shortened(training[name])}; it must be a dict")
    return training


def _check_optimizer(path: FilePath, training: dict[str, Any], optimizer: Stepping) -> None:
    """Refuse the state of an optimizer of another class, or made with other numbers, even if its arrays would fit."""
    stored, own = training["optimizer"], _plain(optimizer.made_with)
    for name in sorted(stored.keys() | own.keys()):
        was, here = (shortened(made.get(name, "missing")) for made in (stored, own))
        if stored.get(name) != own.get(name):
            raise ValueError(f"{path}: the optimizer's {shortened(name)} was {was}, now {here}; make it with {was}")


def _checked_states(path: FilePath, stored: dict[str, Any], rngs: Rngs) -> dict[str, Any]:
    """Return the states to set, after trying each one on a new generator, so that setting them cannot fail."""
    if stored.keys() != rngs.keys():
        raise ValueError(
            f"{path} holds the generators {shortened(sorted(stored))}, got {sorted(rngs)}; use the same names"
        )
    return {name: _checked_state(path, name, stored[name], rng) for name, rng in rngs.items()}


def _checked_state(path: FilePath, name: str, stored: Any, rng: np.random.Generator) -> Any:
    kind = type(rng.bit_generator)
    was = stored.get("bit_generator") if isinstance(stored, dict) else None
    if was != kind.__name__:
        was = shortened(was)
        raise ValueError(f"{path}: generator {name!r} was {was}, now {kind.__name__}; make it {was}")

    trial = kind()
    try:
        trial.state = stored
    except Exception as error:  # NumPy raises nearly anything for an invalid state
        what = shortened(f"{type(error).__name__}: {error}")
        raise ValueError(f"{path}: the state of generator {name!r} is invalid ({what}); start the run again") from error

    # NumPy truncates some numbers and accepts others unchecked, even a position outside of the generator's buffer
    place, last = PLACES.get(kind.__name__, ("", 0))
    inner = trial.state["state"] | trial.state
    possible = 0 <= inner.get(place, 0) <= last and inner.get("has_uint32", 0) in (0, 1)
    if _plain(trial.state) != stored or not possible:
        raise ValueError(f"{path}: the state of generator {name!r} is impossible; start the run again")
    return trial.state


def _checked_arrays(path: FilePath, arrays: Arrays, prefix: str, part: Stateful) -> Arrays:
    """Return the arrays of a part, model or optimizer, if their names, shapes and dtypes are those that it has."""
    kind = prefix.removesuffix(".")
    given = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    own = {name: np.asarray(array) for name, array in part.state_dict().items()}
    if given.keys() != own.keys():
        odd = shortened(sorted(given.keys() ^ own.keys()))
        raise ValueError(f"{path}: only one of the file's {kind} and the one here has {odd}; make them equal")
    for name, array in own.items():
        was, here = (f"{a.dtype} {a.shape}" for a in (given[name], array))
        if was != here:
            raise ValueError(f"{path}: {kind} {name!r} was {was}, now {here}; make it {was}")
    return given


def _load_all(path: FilePath, parts: list[tuple[Stateful, Arrays]]) -> None:
    """Load both parts, or none if one of them refuses its values."""
    before = [{name: np.array(array) for name, array in part.state_dict().items()} for part, _ in parts]
    try:
        for part, arrays in parts:
            part.load_state_dict(arrays)
    except BaseException as error:
        for (part, _), arrays in zip(parts, before, strict=True):
            part.load_state_dict(arrays)
        if isinstance(error, ValueError):
            raise ValueError(f"{path}: {error}; nothing was changed") from error
        error.add_note(f"while loading {path}; nothing was changed")
        raise


def _plain(state: Mapping[str, Any]) -> dict[str, Any]:
    """Return a dict as JSON keeps it: the states of some generators contain arrays, which they accept as lists too."""
    return json.loads(json.dumps(state, default=lambda array: array.tolist()))
