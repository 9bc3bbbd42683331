"""When arrays last changed in place, by the memory that they lie in.

A gradient rule reads the arrays that the forward pass read. An optimizer's step changes some of them in place; a graph
recorded before it would yield gradients of numbers that never met. So each change is noted with its time, and the
reverse walk compares. The note belongs to the memory, not to a Tensor, for x, x.detach() and x[0] share theirs.
"""

from __future__ import annotations

import functools
import itertools
import weakref
from typing import Any

from .backend import Array, is_array

clock = itertools.count(1)  # of all events, the makings of tensors and the changes of arrays: later ones are larger
latest = 0  # when anything changed last: what is newer needs no closer look
_noted: dict[int, tuple[weakref.ref, int]] = {}  # (the array that owns the memory, when it changed), by the array's id


def note(a: Array) -> None:
    """Note that the array a was changed in place just now, and with it all arrays that share its memory."""
    global latest
    latest = next(clock)
    note_at(a, latest)


def note_at(a: Array, time: int) -> None:
    """Note a change of the array a at a time of the clock, as of the array that a is a copy of."""
    owner = _owner(a)
    key = id(owner)
    known = _noted.get(key)
    # the note goes when its array goes, whose id may then be another's
    ref = known[0] if known else weakref.ref(owner, functools.partial(_forget, key))
    _noted[key] = ref, time


def _forget(key: int, ref: weakref.ref) -> None:
    _noted.pop(key, None)


def last_change(a: Array) -> int:
    """Return when the memory of the array a was last noted as changed; 0 for never."""
    known = _noted.get(id(_owner(a)))
    return known[1] if known else 0


def check(graph: list[Any]) -> None:
    """Raise RuntimeError if what a rule would read has changed since it was recorded: it would see other numbers.

    graph: the Tensors of a graph.
    """
    for made in graph:
        if made._op is None or made._serial > latest:
            continue
        for t in (made, *made._inputs):
            if hasattr(t, "_serial") and last_change(t.data) > made._serial:
                raise RuntimeError(
                    f"{made._op}: the data of an input were changed in place, as by an optimizer's step, after this"
                    " graph was recorded; call backward() before step(), or compute the result anew"
                )


def _owner(a: Array) -> Array:
    """Return the array that a is a view of, a itself if of none."""
    while is_array(a.base):
        a = a.base
    return a


# ---- parameters ------------------------------------------------------------------------------------------------------


def kept(params: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of an op as a graph keeps them: whoever changes an index array later moves no gradient."""
    for name, value in params.items():
        if type(value) not in _FIXED:
            params = params | {name: _copied(value)}
    return params


_FIXED = {int, float, bool, str, slice, type(None)}


def _copied(value: Any) -> Any:
    """Return value, or a copy where it can change: arrays and lists, also within tuples."""
    if type(value) in (list, tuple):
        return type(value)(map(_copied, value))
    return value.copy() if is_array(value) else value
