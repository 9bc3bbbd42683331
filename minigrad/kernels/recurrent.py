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


def gru_gradient(g: Array, states: Array, u: Array, w: Array, b: Array, mask: Array | None) -> Array:
    """Return the gradients of sum g * states for u, h, w and b, flat, where states = gru_states(u, h, w, b, mask).

    The rule of the op gru_states computes the same from small ops; here a step stays in the cache until it is done.
    """
    T, (N, H), module = len(u), states.shape[1:], xp(u)
    forward, backward, b = by_gate(w, H), w.reshape(3, H, H), b.reshape(3, 1, H)
    out = module.empty(u.size + N * H + w.size + b.size, u.dtype)
    gu, gh, last = out[: u.size].reshape(u.shape), out[u.size :][: N * H].reshape(N, H), out[u.size + N * H :]
    of_parts = []  # what w and b receive

    def part(start: int, stop: int) -> None:
        v, gv, back = (module.empty((3, stop - start, H), u.dtype) for _ in range(3))
        received_by_w = module.zeros(w.size + b.size, u.dtype)
        gw, gb = received_by_w[: w.size].reshape(3, H, H), received_by_w[w.size :].reshape(3, 1, H)
        ones = module.ones((1, stop - start), u.dtype)
        G = g[T, start:stop].copy()
        for t in reversed(range(T)):
            state, ut, gut = states[t, start:stop], u[t, :, start:stop], gu[t, :, start:stop]
            _gru_step_back(G, state, ut, module.matmul(state, forward, out=v), b, gut, gv)
            if mask is not None:
                ended = ~mask[t, start:stop]
                gut[:, ended] = gv[:, ended] = 0

            # w and b receive from gv, and so does the state before, beside what z lets through
            gw += module.matmul(gv.swapaxes(1, 2), state)
            gb += module.matmul(ones, gv)
            module.matmul(gv, backward, out=back)
            z = v[1]
            if mask is not None:
                z[ended] = 1
            G *= z
            for received in (*back, g[t, start:stop]):
                G += received
        gh[start:stop] = G
        of_parts.append((start, received_by_w))

    in_parts(part, u, N, N * w.size)
    last[...] = 0
    for _, received in sorted(of_parts, key=lambda found: found[0]):  # always added up in the same order
        last += received
    return out


def _gru_step_back(G: Array, state: Array, ut: Array, v: Array, b: Array, gut: Array, gv: Array) -> None:
    """Carry the cotangent G (n,H) of a new state back to what went into its gates: gut from the input, gv by w and b.

    v = w h holds the gates r, z and n afterwards. All but G and state are (3,n,H).
    """
    module = xp(G)
    v += b
    r, z, n = v
    from_r, from_z, from_n = gut
    v_n, slope, gv_n = gv

    # the gates once more, as in gru_states; v_n is kept
    v[:2] += ut[:2]
    sigmoid_in_place(v[:2])
    v_n[...] = n
    n *= r
    n += ut[2]
    module.tanh(n, out=n)

    # h' = n + z (h - n), so z receives G (h - n) z (1 - z)
    module.subtract(state, n, out=from_z)
    from_z *= z
    module.subtract(1, z, out=slope)
    slope *= G
    from_z *= slope

    # n receives G (1 - z) (1 - n^2)
    module.multiply(n, n, out=from_n)
    module.subtract(1, from_n, out=from_n)
    from_n *= slope

    # v_n receives that times r, and r that times v_n (1 - r)
    module.multiply(from_n, r, out=gv_n)
    module.multiply(gv_n, v_n, out=from_r)
    module.subtract(1, r, out=slope)
    from_r *= slope
    gv[:2] = gut[:2]


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
    """Run part(start, stop) on the N sequences: on a CPU, those of each core at once where a step's work is large."""
    if isinstance(x, np.ndarray):
        parallel(part, N, work // 4)  # four times as much work as elsewhere makes a second thread worth it
    else:
        part(0, N)
