"""Training runs that stop and go on bit for bit: model, optimizer, epoch and random numbers in one file.

A run that goes on wrongly does so in silence. So the file says what it was written by, and everything in it is held
against what is there to take it, before the first number changes.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from .arrays import Arrays, FilePath, load, save, shortened

Rngs = Mapping[str, np.random.Generator]
KEYS = {"epoch", "rngs", "optimizer", "lr", "extra"}  # of the metadata's "training_state"
PLACES = {"MT19937": ("pos", 624), "Philox": ("buffer_pos", 4)}  # where a generator stands in its own buffer, at most


class Stateful(Protocol):
    """What a model and an optimizer have in common here: their arrays, by name, out and in."""

    def state_dict(self) -> Arrays: ...
    def load_state_dict(self, arrays: Arrays, /) -> Any: ...


class Stepping(Stateful, Protocol):
    """An optimizer: what it was made with, which stays, and its learning rate, which schedules change."""

    made_with: dict[str, Any]
    lr: float


def save_training(
    path: FilePath, model: Stateful, optimizer: Stepping, epoch: int, rngs: Rngs, extra: dict[str, Any] | None = None
) -> None:
    """Write all that a run needs to go on: model, optimizer, epoch, the generators' states and a JSON-able dict.

    Errors are those of save. What Generator.spawn has handed out is not part of a generator's state.
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
    """Put a saved run back into model, optimizer (its lr too) and rngs, in place -> (epoch, extra).

    check(epoch, extra) is called before anything changes, and may raise. ValueError where the file is no training
    state; where names, shapes or dtypes of arrays, the optimizer's class or what it was made with, or the generators'
    names or kinds differ from those here; where a value is not what save_training writes. After any error, model,
    optimizer and rngs are as they were.
    """
    arrays, metadata = load(path)
    training = _training_state(path, metadata)
    _check_optimizer(path, training, optimizer)
    states = _checked_states(path, training["rngs"], rngs)
    parts = {"model.": model, "optimizer.": optimizer}
    split = {prefix: _checked_arrays(path, arrays, prefix, part) for prefix, part in parts.items()}
    unknown = [name for name in arrays if not name.startswith(tuple(parts))]
    if unknown:
        raise ValueError(f"{path} holds {shortened(unknown)}, neither a model's nor an optimizer's; get it elsewhere")
    check(training["epoch"], training["extra"])

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
        raise ValueError(f"{path} has a training state that is no dict of {sorted(KEYS)}; start the run anew")
    epoch, lr = training["epoch"], training["lr"]
    if type(epoch) is not int or not 0 <= epoch < 2**63:
        raise ValueError(f"{path} has the epoch {shortened(epoch)}; it must be a whole number from 0")
    if type(lr) not in (int, float) or not 0 <= lr < float("inf"):
        raise ValueError(f"{path} has the learning rate {shortened(lr)}; it must be a number from 0")
    for name in ("rngs", "optimizer", "extra"):
        if not isinstance(training[name], dict):
            raise ValueError(f"{path} has {shortened(training[name])} for {name}; it must be a dict")
    return training


def _check_optimizer(path: FilePath, training: dict[str, Any], optimizer: Stepping) -> None:
    """Refuse the state of another kind of optimizer, or of one made with other numbers: its arrays may well fit."""
    stored, own = training["optimizer"], _plain(optimizer.made_with)
    for name in sorted(stored.keys() | own.keys()):
        was, here = (shortened(made.get(name, "missing")) for made in (stored, own))
        if stored.get(name) != own.get(name):
            raise ValueError(f"{path}: the optimizer's {shortened(name)} was {was}, got {here}; make it with {was}")


def _checked_states(path: FilePath, stored: dict[str, Any], rngs: Rngs) -> dict[str, Any]:
    """Return the states to set, each tried on a fresh generator of its kind first, so that setting them cannot fail."""
    if stored.keys() != rngs.keys():
        raise ValueError(
            f"{path} holds generators {shortened(sorted(stored))}, got {sorted(rngs)}; give the same names"
        )
    return {name: _checked_state(path, name, stored[name], rng) for name, rng in rngs.items()}


def _checked_state(path: FilePath, name: str, stored: Any, rng: np.random.Generator) -> Any:
    kind = type(rng.bit_generator)
    was = stored.get("bit_generator") if isinstance(stored, dict) else None
    if was != kind.__name__:
        was = shortened(was)
        raise ValueError(f"{path}: generator {name!r} was {was}, got {kind.__name__}; make it {was}")
    trial = kind()
    try:
        trial.state = stored
    except Exception as error:  # NumPy raises nearly anything at a state that is none
        what = shortened(f"{type(error).__name__}: {error}")
        raise ValueError(f"{path} has no state for generator {name!r} ({what}); start the run anew") from error
    # NumPy cuts some numbers to size and takes others as they are, even a place outside of the generator's own buffer
    place, last = PLACES.get(kind.__name__, ("", 0))
    inner = trial.state["state"] | trial.state
    possible = 0 <= inner.get(place, 0) <= last and inner.get("has_uint32", 0) in (0, 1)
    if _plain(trial.state) != stored or not possible:
        raise ValueError(f"{path} has a state for generator {name!r} that none can have; start the run anew")
    return trial.state


def _checked_arrays(path: FilePath, arrays: Arrays, prefix: str, part: Stateful) -> Arrays:
    """Return the part's arrays under its own names, when these, the shapes and the dtypes are those it has."""
    kind = prefix.removesuffix(".")
    given = {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}
    own = {name: np.asarray(array) for name, array in part.state_dict().items()}
    if given.keys() != own.keys():
        odd = shortened(sorted(given.keys() ^ own.keys()))
        raise ValueError(f"{path}: the {kind} of the file and the one here do not both have {odd}; make them equal")
    for name, array in own.items():
        was, here = (f"{a.dtype} {a.shape}" for a in (given[name], array))
        if was != here:
            raise ValueError(f"{path}: {kind} {name!r} was {was}, got {here}; make it {was}")
    return given


def _load_all(path: FilePath, parts: list[tuple[Stateful, Arrays]]) -> None:
    """Load both parts or, where one refuses values that have the right shapes, none."""
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
    """Return what JSON keeps of a dict: MT19937, Philox and SFC64 have arrays in their states, and take lists back."""
    return json.loads(json.dumps(state, default=lambda array: array.tolist()))
