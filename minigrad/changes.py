"""When arrays last changed in place.

A gradient rule reads the same arrays as the forward pass. If an optimizer's step changes one of them in between, the
rule combines new numbers with old ones, and the gradient is wrong. So every change is noted with its time, and the
reverse walk refuses a graph that was recorded earlier. The note belongs to the memory, not to a Tensor, because x,
x.detach() and x[0] share theirs.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from typing import Any

from .backend import Array, is_array

clock = itertools.count(1)  # numbers all events, the making of tensors and the changes of arrays, in order
latest = 0  # when anything changed last: graphs that are newer need no closer look
_noted: dict[int, tuple[weakref.ref, int]] = {}  # by id of the array that owns the memory: that array, and when


def note(a: Array) -> None:
    """Note that the array a, and with it every array that shares its memory, was just changed in place."""
    global latest
    latest = next(clock)
    note_at(a, latest)


def note_at(a: Array, time: int) -> None:
    """Note that the array a was changed at some time of the clock; for a copy, that is when the original was."""
    owner = _owner(a)
    key = id(owner)
    known = _noted.get(key)
    # when the array is freed, its id may be given to another one, so the note is removed with it
    ref = known[0] if known else weakref.ref(owner, functools.partial(_forget, key))
    _noted[key] = ref, time


def _forget(key: int, ref: weakref.ref) -> None:
    _noted.pop(key, None)


def last_change(a: Array) -> int:
    """Return when the memory of the array a was last noted as changed; 0 for never."""
    known = _noted.get(id(_owner(a)))
    return known[1] if known else 0


def check(graph: list[Any]) -> None:
    """Raise RuntimeError if an array that a rule would read has changed since it was recorded. graph: its Tensors."""
    older = [t for t in graph if t._op is not None and t._serial <= latest]  # in training, none
    for made in older:
        for t in (made, *made._inputs):
            if hasattr(t, "_serial") and last_change(t.data) > made._serial:
                raise RuntimeError(
                    f"{made._op}: the data of an input were changed in place, as by an optimizer's step, after this"
                    " graph was recorded; call backward() before step(), or compute the result again"
                )


def _owner(a: Array) -> Array:
    """Return the array that a is a view of, or a itself if it is no view."""
    while is_array(a.base):
        a = a.base
    return a


# ---- parameters ------------------------------------------------------------------------------------------------------


def kept(params: dict[str, Any]) -> dict[str, Any]:
    """Return an op's parameters as a graph keeps them: copied, so that later changes, as to an index, do no harm."""
    for name, value in params.items():
        if type(value) not in _FIXED and not (type(value) is tuple and _FIXED.issuperset(map(type, value))):
            params = params | {name: _copied(value)}
    return params


_FIXED = {int, float, bool, str, slice, type(None)}


def _copied(value: Any) -> Any:
    """Return value, or a copy if it is an array or a list, which can change; also inside tuples."""
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    return value.copy("K") if is_array(value) else value
