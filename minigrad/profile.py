"""Where does a training step go? Under `with mg.profile() as p:` every op is counted and timed; then print(p).

    op               of           dtype    calls      ms   share      MB   M multiply-adds   of floor
    convolve         forward      float32      3   12.31     41%    33.1           1,204.0        71%
    convolve_weight  convolve.w   float32      3    9.77     33%    33.1           1,204.0        89%

An op runs in the forward pass, in a gradient rule (that of convolve for its input w, above), or in the walk back
itself, which adds up what several uses of a tensor send back. "(rule itself)" is what a rule does between its ops, and
"(between ops)" the engine, and whatever else the program does; some two microseconds per op, there, are the profile's.

An op moves its inputs and its output once, in bytes, and nothing where the output is a view. From that and from its
multiply-adds follows a floor, the time that the machine's fastest products and copies would take. Above 100% of it are
arrays that a cache holds, and convolutions in Winograd's form, which needs fewer products than the definition.
"""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from .backend import Array, device_of, is_array
from .kernels.blocks import in_blocks
from .kernels.matmul import matmul
from .modes import mode


@dataclass
class Row:
    """All calls of one op in one place."""

    op: str  # which op; "(rule itself)"; or an optimizer's step
    of: str  # "forward", "OP.INPUT" for the gradient rule of an op for an input, "walk", or "optimizer"
    dtype: str  # of the results
    device: str  # where they are
    calls: int = 0
    seconds: float = 0.0  # without what is counted in another row
    bytes: int = 0  # read and written; 0 where they cannot be told
    multiply_adds: int = 0  # likewise

    @property
    def floor(self) -> float:
        """The seconds that it would take at this CPU's fastest rates of products and of copies; 0 on a GPU."""
        if self.device != "cpu":
            return 0.0
        products, copies = rates("float64" if self.dtype == "float64" else "float32")
        return max(2 * self.multiply_adds / products, self.bytes / copies)


class Profile:
    """What happened in the block: `rows`, those that took longest first, and its wall time in `seconds`."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._rows: dict[tuple[str, ...], Row] = {}

    @property
    def rows(self) -> list[Row]:
        """One Row for each op, place, dtype and device, those that took longest first."""
        return sorted(self._rows.values(), key=lambda row: -row.seconds)

    def __str__(self) -> str:
        """Return the table, with the 20 rows that took longest."""
        return table(self)

    def add(self, key: tuple[str, str, str, str], seconds: float, moved: int, work: int) -> None:
        """Count one call. key: op, of, dtype and device of its Row."""
        row = self._rows.setdefault(key, Row(*key))
        row.calls += 1
        row.seconds += seconds
        row.bytes += moved
        row.multiply_adds += work


@contextmanager
def profile() -> Iterator[Profile]:
    """Count and time every op of this block, forward and in gradient rules, and the steps of optimizers.

    It sees the thread that opened it. Profiles nest: what an inner one sees, the outer one sees too. A call that raises
    is not counted. On a GPU, where ops only queue work, each is waited for, which takes longer than letting them queue.
    """
    found = Profile()
    before = mode.profiles, mode.watched
    mode.profiles, mode.watched = (*mode.profiles, found), True
    start = time.perf_counter()
    try:
        yield found
    finally:
        found.seconds = time.perf_counter() - start
        mode.profiles, mode.watched = before
        if not mode.profiles:
            mode.spent = 0.0


# ---- what ops and optimizers call ------------------------------------------------------------------------------------


class Call:
    """What a timed block tells about itself."""

    result: Array = None
    arrays: list = []  # its inputs
    params: dict[str, Any] = {}
    moved = 0  # bytes, where there is no result to tell them from


@contextmanager
def timed(name: str, of: str = "") -> Iterator[Call]:
    """Time this block, less the timed blocks inside it, for the open profiles. By default `of` tells from the mode."""
    if not mode.profiles:
        yield Call()
        return
    of = of or (".".join(mode.rule) if mode.rule else "walk" if mode.walking else "forward")
    outer, mode.spent = mode.spent, 0.0
    call, start, total = Call(), time.perf_counter(), 0.0
    try:
        yield call
        _wait_for(call.result)
        total = time.perf_counter() - start
        _count(call, name, of, total - mode.spent)
    finally:
        mode.spent = outer + total


def timed_step(step: Callable) -> Callable:
    """Make an optimizer's method step a timed block."""

    @functools.wraps(step)
    def step_in_profile(self: Any, *args: Any, **kwargs: Any) -> Any:
        if not mode.watched:
            return step(self, *args, **kwargs)
        with timed(f"{type(self).__name__}.step", "optimizer") as call:
            call.moved = self.bytes_moved()
            return step(self, *args, **kwargs)

    return step_in_profile


def _count(call: Call, name: str, of: str, seconds: float) -> None:
    """Add a call to all open profiles."""
    out, moved, work, dtype, device = call.result, call.moved, 0, "", "cpu"
    if out is not None:
        dtype, device = str(out.dtype), device_of(np.asarray(out) if isinstance(out, np.generic) else out)
        moved = _bytes_moved(name, call.arrays, out)
        work = MULTIPLY_ADDS[name](out, *call.arrays, **call.params) if name in MULTIPLY_ADDS else 0
    for open_profile in mode.profiles:
        open_profile.add((name, of, dtype, device), seconds, moved, work)


def _bytes_moved(name: str, inputs: list, out: Array) -> int:
    """Return the bytes of the inputs and the output; 0 where the output is a view of an input."""
    arrays = [a for a in inputs if is_array(a)]
    if isinstance(out, np.ndarray) and any(np.may_share_memory(out, a) for a in arrays):
        return 0
    if name == "getitem":  # it reads no more than it returns
        return 2 * out.nbytes
    return out.nbytes + sum(a.nbytes for a in arrays)


def _wait_for(result: Array) -> None:
    """Wait until a GPU has computed it."""
    if result is not None and not isinstance(result, np.ndarray | np.generic) and is_array(result):
        result.device.synchronize()


# ---- multiply-adds, as the definitions have them ---------------------------------------------------------------------


def _letters(out: Array, *xs: Array, terms: list[str], result: str) -> int:
    """Return the product of the sizes of all letters of an einsum of two operands; 0 for more, whose order varies."""
    sizes = {letter: n for term, x in zip(terms, xs) for letter, n in zip(term, x.shape)}
    return math.prod(sizes.values()) if len(xs) == 2 else 0


MULTIPLY_ADDS: dict[str, Callable[..., int]] = {
    "matmul": lambda out, x, y: out.size * x.shape[-1],
    "row_products": lambda out, x: out.size * x.shape[-1],
    "linear": lambda out, x, w, b=None: out.size * w.shape[1],
    "contract": _letters,
    "convolve": lambda out, x, w, b=None, geo=None: out.size * w[0].size,
    "convolve_transposed": lambda out, y, w, b=None, geo=None: y.size * w[0].size,
    "convolve_weight": lambda out, x, y, geo: y.size * out[0].size,
    "gru_states": lambda out, u, h, w, b, mask: u.size * h.shape[1],
    "lstm_states": lambda out, u, h, c, w, b, mask: u.size * h.shape[1],
    "push_states": lambda out, q, D, E, w: len(D) * D.shape[3] * w.size,
    "pull_states": lambda out, q, D, E, w: len(D) * D.shape[3] * w.size,
}


# ---- the machine, and the table --------------------------------------------------------------------------------------


@functools.cache
def rates(dtype: str) -> tuple[float, float]:
    """Measure this CPU, once: operations per second in a large product, bytes per second read and written in copies."""
    a = np.ones((1024, 1024), dtype)
    long, copy = np.ones(1 << 23, np.float32), np.empty(1 << 23, np.float32)
    product = min(_seconds(lambda: matmul(a, a)) for _ in range(5))
    copied = min(_seconds(lambda: in_blocks(np.copyto, copy, long)) for _ in range(5))
    return 2 * a.size * len(a) / product, 2 * long.nbytes / copied


def _seconds(f: Callable[[], Any]) -> float:
    start = time.perf_counter()
    f()
    return time.perf_counter() - start


def table(p: Profile, most: int = 20) -> str:
    """Return the `most` rows that took longest as text, then the others, what lies between ops, and all together."""
    rows, rest = p.rows[:most], p.rows[most:]
    cells: list[tuple[str, ...]] = [("op", "of", "dtype", "calls", "ms", "share", "MB", "M multiply-adds", "of floor")]
    cells += [_cells(row, p.seconds) for row in rows]
    if rest:
        ms = sum(row.seconds for row in rest)
        cells.append((f"{len(rest)} more rows", "", "", f"{sum(row.calls for row in rest):,}", *_time(ms, p.seconds)))
    between = p.seconds - sum(row.seconds for row in p.rows)
    cells.append(("(between ops)", "", "", "", *_time(between, p.seconds)))
    cells.append(("all", "", "", f"{sum(row.calls for row in p.rows):,}", *_time(p.seconds, p.seconds)))
    widths = [max(len(line[i]) for line in cells if i < len(line)) for i in range(9)]
    aligned = [[c.ljust(w) if i < 3 else c.rjust(w) for i, (c, w) in enumerate(zip(line, widths))] for line in cells]
    return "\n".join("  ".join(line).rstrip() for line in aligned)


def _cells(row: Row, whole: float) -> tuple[str, ...]:
    share = f"{row.floor / row.seconds:.0%}" if row.floor and row.seconds else ""
    work = f"{row.multiply_adds / 1e6:,.1f}" if row.multiply_adds else ""
    moved = f"{row.bytes / 1e6:,.1f}" if row.bytes else ""
    return row.op, row.of, row.dtype, f"{row.calls:,}", *_time(row.seconds, whole), moved, work, share


def _time(seconds: float, whole: float) -> tuple[str, str]:
    return f"{1e3 * seconds:.2f}", f"{seconds / whole:.0%}" if whole else ""
