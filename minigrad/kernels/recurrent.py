"""Recurrences: the states of a GRU one after another, and the two linear recurrences that differentiate GRU and LSTM.

The sequences of a batch never meet. So a batch is cut into one part for each core, which then goes through time by
itself; but only if steps are large, as threads wait for the interpreter between any two of NumPy's calls.

T steps make T + 1 states, the first of which is given. What K gates say to N sequences with states of length H lies in
memory as (T,K,N,H): each gate in one piece, for NumPy is two or three times as fast there as in strips of rows.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..backend import Array, xp
from .threads import parallel
from .total import total


def gru_states(u: Array, h: Array, w: Array, b: Array, mask: Array | None) -> Array:
    """Return all states of a GRU. u (T,3,N,H), h (N,H), w (3H,H), b (3H), mask (T,N) or None -> (T+1,N,H).

    u: what the inputs contribute to the gates r, z and n, in this order. mask: False where a state stays as it is.
    """
    T, (N, H), module = len(u), h.shape, xp(u)
    w, b = by_gate(w, H), b.reshape(3, 1, H)
    out = module.empty((T + 1, N, H), u.dtype)
    out[0] = h

    def part(start: int, stop: int) -> None:
        r, z, n = v = module.empty((3, stop - start, H), u.dtype)
        for t in range(T):
            state, new, ut = out[t, start:stop], out[t + 1, start:stop], u[t, :, start:stop]
            module.matmul(state, w, out=v)
            v += b

            v[:2] += ut[:2]
            sigmoid_in_place(v[:2])
            n *= r
            n += ut[2]
            module.tanh(n, out=n)

            # (1 - z) n + z h, in an order that needs no memory
            module.subtract(state, n, out=new)
            new *= z
            new += n
            if mask is not None:
                ended = ~mask[t, start:stop]
                new[ended] = state[ended]

    in_parts(part, u, N, N * w.size)
    return out


def gru_gradient(
    g: Array, states: Array, u: Array, w: Array, b: Array, mask: Array | None
) -> tuple[Array, Array, Array, Array]:
    """Return the gradients of sum g * states for u, h, w and b, where states = gru_states(u, h, w, b, mask).

    The rule of the op gru_states computes the same from small ops. Here the slopes of all steps are found at once, and
    only what one step hands to the one before it is found step by step.
    """
    T, (N, H), module = len(u), states.shape[1:], xp(u)
    backward = w.reshape(3, H, H)
    gv, gu_n, z = _gru_slopes(states, u, w, b)
    gh = module.empty((N, H), u.dtype)

    def part(start: int, stop: int) -> None:
        back = module.empty((3, stop - start, H), u.dtype)
        G = g[T, start:stop].copy()
        for t in reversed(range(T)):
            # the slopes times the cotangent G of the new state are what each gate receives
            gvt, gu_nt, zt = gv[t, :, start:stop], gu_n[t, start:stop], z[t, start:stop]
            gvt *= G
            gu_nt *= G
            if mask is not None:
                ended = ~mask[t, start:stop]
                gvt[:, ended] = gu_nt[ended] = 0
                zt[ended] = 1

            # and the state before receives what comes by the gates, beside what z lets through
            module.matmul(gvt, backward, out=back)
            G *= zt
            for received in (*back, g[t, start:stop]):
                G += received
        gh[start:stop] = G

    in_parts(part, u, N, N * w.size)
    gw, gb = weights_receive(gv, states[:-1])
    gv[:, 2] = gu_n  # the inputs' contributions to r and z are added to v, and receive the same
    return gv, gh, gw, gb


def _gru_slopes(states: Array, u: Array, w: Array, b: Array) -> tuple[Array, Array, Array]:
    """Return how each new state moves with v = w h + b (T,3,N,H), and with u's part for n (T,N,H); and the gate z."""
    T, (N, H), module = len(u), states.shape[1:], xp(u)
    forward = by_gate(w, H)
    by_v, by_u_n, gates_z = (module.empty(shape, u.dtype) for shape in (u.shape, (T, N, H), (T, N, H)))

    def part(start: int, stop: int) -> None:
        before = states[start:stop]
        v = module.matmul(before[:, None], forward) + b.reshape(3, 1, H)
        gates = v[:, :2] + u[start:stop, :2]
        sigmoid_in_place(gates)
        r, z, v_n = gates[:, 0], gates[:, 1], v[:, 2]
        n = module.tanh(u[start:stop, 2] + r * v_n)

        # h' = (1 - z) n + z h, n = tanh(u_n + r v_n)
        by_n = (1 - z) * (1 - n * n)
        module.multiply(by_n * v_n, r * (1 - r), out=by_v[start:stop, 0])
        module.multiply(before - n, z * (1 - z), out=by_v[start:stop, 1])
        module.multiply(by_n, r, out=by_v[start:stop, 2])
        by_u_n[start:stop], gates_z[start:stop] = by_n, z

    in_parts(part, u, T, 4 * T * N * w.size)
    return by_v, by_u_n, gates_z


def weights_receive(gv: Array, before: Array) -> tuple[Array, Array]:
    """Return what w (K H,H) and b (K H) receive from gv (T,K,N,H), of v = w h + b; before (T,N,H): the states h."""
    T, K, N, H = gv.shape
    module = xp(gv)
    rows = module.ascontiguousarray(before).reshape(T * N, H)
    gw, gb = module.empty((K, H, H), gv.dtype), module.empty((K, H), gv.dtype)

    def part(start: int, stop: int) -> None:
        for k in range(start, stop):
            received = module.ascontiguousarray(gv[:, k]).reshape(T * N, H)
            module.matmul(received.T, rows, out=gw[k])
            gb[k] = total(received, 0)

    in_parts(part, gv, K, 4 * gv.size * H)
    return gw.reshape(K * H, H), gb.reshape(K * H)


# ---- linear recurrences ----------------------------------------------------------------------------------------------
# How does a small change of a state change the next one? A state is S vectors of length H, of which the first, s[0],
# goes through w (K,H,H) to K gates. A step J is linear in the change: it scales each vector, and adds what comes by the
# gates.
#
#     (J s)[a] = sum over b of D[a,b] s[b]  +  sum over k of E[a,k] (w[k] s[0])
#
# D and E multiply element by element. push_states goes forward in time with J, pull_states backward with J transposed.


def push_states(q: Array, D: Array, E: Array, w: Array) -> Array:
    """Return Q[0] = q[0], Q[t+1] = q[t+1] + J[t] Q[t]. q (T+1,S,N,H), D (T,S,S,N,H), E (T,S,K,N,H), w (KH,H)."""
    (T, S, _, N, H), module = E.shape, xp(q)
    w = by_gate(w, H)
    out = q.copy()

    def part(start: int, stop: int) -> None:
        for t in range(T):
            state, new = out[t, :, start:stop], out[t + 1, :, start:stop]
            v = module.matmul(state[0], w)  # (K,n,H)
            for a in range(S):
                new[a] += (E[t, a, :, start:stop] * v).sum(axis=0)
                new[a] += (D[t, a, :, start:stop] * state).sum(axis=0)

    in_parts(part, q, N, N * w.size)
    return out


def pull_states(q: Array, D: Array, E: Array, w: Array) -> Array:
    """Return G[T] = q[T], G[t] = q[t] + J[t]^T G[t+1]: push_states transposed. Shapes as there."""
    (T, S, K, N, H), module = E.shape, xp(q)
    w = w.reshape(K, H, H)
    out = q.copy()

    def part(start: int, stop: int) -> None:
        v, back = (module.empty((K, stop - start, H), q.dtype) for _ in range(2))
        term = module.empty((S, stop - start, H), q.dtype)
        for t in reversed(range(T)):
            state, new = out[t + 1, :, start:stop], out[t, :, start:stop]
            for a in range(S):
                module.multiply(E[t, a, :, start:stop], state[a], out=back if a else v)
                if a:
                    v += back
                module.multiply(D[t, a, :, start:stop], state[a], out=term)
                new += term
            module.matmul(v, w, out=back)
            for k in range(K):
                new[0] += back[k]

    in_parts(part, q, N, N * w.size)
    return out


def by_gate(w: Array, H: int) -> Array:
    """Return w (K H,H) as a stack (K,H,H) to multiply states by: (n,H) (K,H,H) -> (K,n,H)."""
    return xp(w).ascontiguousarray(w.reshape(-1, H, H).swapaxes(1, 2))


def sigmoid_in_place(x: Array) -> None:
    """Replace x by 1 / (1 + e**-x) = (1 + tanh(x / 2)) / 2, which cannot overflow."""
    x *= 0.5
    xp(x).tanh(x, out=x)
    x *= 0.5
    x += 0.5


def in_parts(part: Callable[[int, int], None], x: Array, N: int, work: int) -> None:
    """Run part(start, stop) on N sequences, steps or gates: on a CPU, each core's at once where their work is large."""
    if isinstance(x, np.ndarray):
        parallel(part, N, work // 4)  # four times as much work as elsewhere makes a second thread worth it
    else:
        part(0, N)
