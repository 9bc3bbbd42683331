"""Recurrent layers, GRU and LSTM, and their gradients: back through time by one linear recurrence.

A GRU goes from state to state, h' = f(u, h), where u is what the input contributes. As one op, gru_states, it returns
all states at once. The way back needs the cotangent G of each state, what the loss gains as that state grows:

    G[t] = g[t] + J[t]^T G[t+1]        g[t]: from the state's own uses,  J[t] = dh[t+1] / dh[t]

This is a recurrence too, and a linear one: pull_states of linear_recurrence.py. Once G is known there is no order in
time any more, so everything else is computed for all steps together, out of ordinary ops: the gates, J's factors D and
E, and what u, w and b receive from each step. So the rules here are differentiable like any others.
"""

from __future__ import annotations

from ..backend import xp
from ..dtypes import floating
from ..kernels import lstm as lstm_kernels
from ..kernels import recurrent as kernels
from ..modes import mode
from ..op import op, real
from ..tensor import Tensor
from .arithmetic import where
from .elementwise import sigmoid, square, tanh
from .linear_recurrence import by_gate, pull_states, to_gates, weights_receive
from .matmul import linear
from .reduce import sum
from .shape import concatenate, flip, reshape, split, stack, unsqueeze


def gru(x, h, w_ih, w_hh, b_ih=None, b_hh=None, *, lengths=None, reverse=False):
    """One layer of gated recurrent units: x (T,N,D), state h (N,H) -> all states (T,N,H), and the last one (N,H).

    w_ih (3H,D), w_hh (3H,H), b_ih, b_hh (3H): the gates r, z and n below each other, as in PyTorch. lengths: (N)
    integers for sequences that end before T; after its end a sequence gives 0. reverse: from each sequence's end to its
    start.
    Cho et al. 2014, arXiv 1406.1078; gru_cell says one step.
    """
    u, h, w, b, mask = _start("gru", x, h, w_ih, w_hh, b_ih, b_hh, 3, lengths, reverse)
    states = gru_states(*_of_one_dtype(u, h, w, b), mask=mask)
    return _finish(states, mask, reverse)


def lstm(x, h, c, w_ih, w_hh, b_ih=None, b_hh=None, *, lengths=None, reverse=False):
    """One layer of long short-term memory: x (T,N,D), h and c (N,H) -> all h (T,N,H), the last h and c (N,H).

    w_ih (4H,D), w_hh (4H,H), b_ih, b_hh (4H): the gates i, f, g and o below each other, as in PyTorch. lengths and
    reverse as in gru. Hochreiter & Schmidhuber 1997; lstm_cell says one step.
    """
    u, h, w, b, mask = _start("lstm", x, h, w_ih, w_hh, b_ih, b_hh, 4, lengths, reverse)
    states = lstm_states(*_of_one_dtype(u, h, *real(c), w, b), mask=mask)
    out, last = _finish(states[:, 0], mask, reverse)
    return out, last, states[-1, 1]


def gru_cell(x, h, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of a GRU: x (N,D), state h (N,H) -> the next state (N,H). Weights as in gru.

    r, z = sigmoid(W x + b + W' h + b'), n = tanh(W x + b + r (W' h + b')), and the state moves from h towards n:
    h' = (1 - z) n + z h. r says how much of the state n sees, z how much of it stays.
    """
    x, h, w_ih, w_hh, b_ih, b_hh = _reals(x, h, w_ih, w_hh, b_ih, b_hh)
    H = h.shape[1]
    u, v = linear(x, w_ih, b_ih), linear(h, w_hh, b_hh)
    gates = sigmoid(u[:, : 2 * H] + v[:, : 2 * H])
    r, z = gates[:, :H], gates[:, H:]
    n = tanh(u[:, 2 * H :] + r * v[:, 2 * H :])
    return n + z * (h - n)


def lstm_cell(x, h, c, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: x (N,D), h and c (N,H) -> the next h and c (N,H). Weights as in lstm.

    i, f, o = sigmoid(W x + b + W' h + b'), g = tanh(the same). The cell forgets and learns, c' = f c + i g, and shows
    part of itself, h' = o tanh(c').
    """
    x, h, c, w_ih, w_hh, b_ih, b_hh = _reals(x, h, c, w_ih, w_hh, b_ih, b_hh)
    i, f, g, o = split(linear(x, w_ih, b_ih) + linear(h, w_hh, b_hh), 4, axis=1)
    c = sigmoid(f) * c + sigmoid(i) * tanh(g)
    return sigmoid(o) * tanh(c), c


# ---- the states as one op --------------------------------------------------------------------------------------------
# Every rule would have to walk back through time, so that is what they share.


@op(dtypes="real")
def gru_states(u, h, w, b, /, mask):
    """All states of a GRU, the given one first. u (T,3,N,H), h (N,H), w (3H,H), b (3H) -> (T+1,N,H).

    mask: (T,N), False where a state stays as it is, or None.
    """
    return kernels.gru_states(u, h, w, b, mask)


def _gru_shared(g, out, u, h, w, b, mask):
    """Return what u, h, w and b receive."""
    if not mode.recording:  # the same numbers, faster; they need not be differentiable
        return [Tensor.wrap(x) for x in kernels.gru_gradient(g.data, out.data, u.data, w.data, b.data, mask)]
    before = out[:-1]
    v = to_gates(before, w, b)
    gates = sigmoid(u[:, :2] + v[:, :2])
    r, z, v_n = gates[:, 0], gates[:, 1], v[:, 2]
    n = tanh(u[:, 2] + r * v_n)

    # how h' = (1 - z) n + z h moves with what goes into each gate, and with h
    by_n = _held(mask, (1.0 - z) * (1.0 - square(n)), 0.0)
    by_z = _held(mask, (before - n) * z * (1.0 - z), 0.0)
    by_r = by_n * v_n * r * (1.0 - r)
    E = unsqueeze(stack([by_r, by_z, by_n * r], axis=1), 1)  # (T,1,3,N,H)
    D = _held(mask, z, 1.0)

    G = pull_states(unsqueeze(g, 1), reshape(D, (len(D), 1, 1, *D.shape[1:])), E, w)[:, 0]
    G_next = unsqueeze(G[1:], 1)
    gv = E[:, 0] * G_next
    gu = concatenate([gv[:, :2], unsqueeze(by_n, 1) * G_next], axis=1)
    return gu, G[0], *weights_receive(gv, before)


gru_states.share(_gru_shared)
gru_states.defvjp(
    u=lambda g, out, u, h, w, b, mask, shared: shared[0],
    h=lambda g, out, u, h, w, b, mask, shared: shared[1],
    w=lambda g, out, u, h, w, b, mask, shared: shared[2],
    b=lambda g, out, u, h, w, b, mask, shared: shared[3],
)


@op(dtypes="real")
def lstm_states(u, h, c, w, b, /, mask):
    """All states (h, c) of an LSTM. u (T,4,N,H), h, c (N,H), w (4H,H), b (4H) -> (T+1,2,N,H).

    mask: (T,N), False where a state stays as it is, or None.
    """
    return lstm_kernels.lstm_states(u, h, c, w, b, mask)


def _lstm_shared(g, out, u, h, c, w, b, mask):
    """Return what u, h, c, w and b receive."""
    if not mode.recording:
        return [Tensor.wrap(x) for x in lstm_kernels.lstm_gradient(g.data, out.data, u.data, w.data, b.data, mask)]
    before, c_before, c_after = out[:-1, 0], out[:-1, 1], out[1:, 1]
    gates = u + to_gates(before, w, b)
    i, f, new, o = sigmoid(gates[:, 0]), sigmoid(gates[:, 1]), tanh(gates[:, 2]), sigmoid(gates[:, 3])
    shown = tanh(c_after)

    # how c' = f c + i g and h' = o tanh(c') move with what goes into each gate, and with c
    by_o = shown * o * (1.0 - o)
    c_by = [new * i * (1.0 - i), c_before * f * (1.0 - f), i * (1.0 - square(new)), o * 0.0]
    h_by_c = o * (1.0 - square(shown))
    h_by = [h_by_c * by for by in c_by[:3]] + [by_o]
    E = stack([_held(mask, stack(by, axis=1), 0.0) for by in (h_by, c_by)], axis=1)  # (T,2,4,N,H)

    # a state that is held keeps both vectors
    h_row = [_held(mask, o * 0.0, 1.0), _held(mask, h_by_c * f, 0.0)]
    c_row = [o * 0.0, _held(mask, f, 1.0)]
    D = stack([stack(h_row, axis=1), stack(c_row, axis=1)], axis=1)  # (T,2,2,N,H)

    G = pull_states(g, D, E, w)
    gv = sum(E * unsqueeze(G[1:], 2), axis=1)  # (T,4,N,H)
    return gv, G[0, 0], G[0, 1], *weights_receive(gv, before)


lstm_states.share(_lstm_shared)
lstm_states.defvjp(
    u=lambda g, out, u, h, c, w, b, mask, shared: shared[0],
    h=lambda g, out, u, h, c, w, b, mask, shared: shared[1],
    c=lambda g, out, u, h, c, w, b, mask, shared: shared[2],
    w=lambda g, out, u, h, c, w, b, mask, shared: shared[3],
    b=lambda g, out, u, h, c, w, b, mask, shared: shared[4],
)


# ---- what comes before and after -------------------------------------------------------------------------------------


def _held(mask, x, value):
    """Return x (T,..,N,H), and value where the mask (T,N) is False."""
    if mask is None:
        return x
    return where(Tensor.wrap(mask.reshape(len(mask), *[1] * (x.ndim - 3), -1, 1)), x, value)


def _start(name, x, h, w_ih, w_hh, b_ih, b_hh, gates, lengths, reverse):
    """Check the arguments of a layer. Return u (T,K,N,H), h, w_hh, b_hh and the mask (T,N), in the order of reading."""
    x, h, w_ih, w_hh, b_ih, b_hh = _reals(x, h, w_ih, w_hh, b_ih, b_hh)
    N, D = x.shape[1:] if x.ndim == 3 else (0, 0)
    H = h.shape[-1]
    biases = all(b is None or b.shape == (gates * H,) for b in (b_ih, b_hh))
    if x.ndim != 3 or h.shape != (N, H) or w_ih.shape != (gates * H, D) or w_hh.shape != (gates * H, H) or not biases:
        raise ValueError(
            f"{name}: x {x.shape}, h {h.shape}, w_ih {w_ih.shape}, w_hh {w_hh.shape} and biases"
            f" {[b.shape for b in (b_ih, b_hh) if b is not None]} do not fit; they must be (T,N,D), (N,H),"
            f" ({gates} H,D), ({gates} H,H) and ({gates} H,)"
        )
    u = by_gate(linear(x, w_ih, b_ih), H)
    b_hh = Tensor.wrap(xp(w_hh.data).zeros(gates * H, w_hh.dtype)) if b_hh is None else b_hh
    mask = None if lengths is None else _mask(name, lengths, x)
    if reverse:  # a sequence then begins with its padding, through which the state is held
        u, mask = flip(u, 0), None if mask is None else mask[::-1]
    return u, h, w_hh, b_hh, mask


def _reals(*xs):
    """Return xs as Tensors of real numbers, but None as it is."""
    tensors = iter(real(*[x for x in xs if x is not None]))
    return [None if x is None else next(tensors) for x in xs]


def _of_one_dtype(*xs):
    """Return the Tensors xs in the dtype that they promote to."""
    dtype = floating(xs)
    return [x if x.dtype == dtype else x.astype(dtype) for x in xs]


def _mask(name, lengths, x):
    """Return where sequences of these lengths have not ended yet: (N) -> (T,N)."""
    T, N = x.shape[:2]
    lengths = xp(x.data).asarray(lengths.data if isinstance(lengths, Tensor) else lengths)
    if lengths.shape != (N,) or lengths.dtype.kind not in "iu":
        raise ValueError(f"{name}: lengths are {lengths.dtype} {lengths.shape}; they must be integers, ({N},)")
    if N and not 0 <= lengths.min() <= lengths.max() <= T:
        raise ValueError(f"{name}: lengths from {lengths.min()} to {lengths.max()}; x has {T} steps")
    return xp(x.data).arange(T)[:, None] < lengths


def _finish(states, mask, reverse):
    """Return the states (T,N,H) after each step in the order of x, 0 beyond a sequence's end; and the last (N,H)."""
    out, last = _held(mask, states[1:], 0.0), states[-1]
    return flip(out, 0) if reverse else out, last
