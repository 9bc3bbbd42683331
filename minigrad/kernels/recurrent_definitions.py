"""What the recurrent kernels compute, as formulas and as loops over single numbers. Nobody calls this but the tests.

t counts steps, n sequences, k gates, a and b the vectors of a state, i and j the numbers in a vector.
"""

from __future__ import annotations

import math

import numpy as np


def gru_states(u: np.ndarray, h: np.ndarray, w: np.ndarray, b: np.ndarray, mask: np.ndarray | None) -> np.ndarray:
    """Return all states of a GRU. u (T,3,N,H), h (N,H), w (3H,H), b (3H), mask (T,N) or None -> (T+1,N,H).

    r = s(u[0] + v[0]), z = s(u[1] + v[1]), n = tanh(u[2] + r v[2]), h' = (1 - z) n + z h,  v = w h + b
    """
    T, _, N, H = u.shape
    out = np.zeros((T + 1, N, H), u.dtype)
    out[0] = h
    for t, n, i in np.ndindex(T, N, H):
        v = [_gate(w, b, out[t, n], k, i) for k in range(3)]
        r, z = (_sigmoid(u[t, k, n, i] + v[k]) for k in (0, 1))
        new = math.tanh(u[t, 2, n, i] + r * v[2])
        alive = mask is None or mask[t, n]
        out[t + 1, n, i] = (1 - z) * new + z * out[t, n, i] if alive else out[t, n, i]
    return out


def lstm_states(
    u: np.ndarray, h: np.ndarray, c: np.ndarray, w: np.ndarray, b: np.ndarray, mask: np.ndarray | None
) -> np.ndarray:
    """Return all states (h, c) of an LSTM. u (T,4,N,H), h, c (N,H), w (4H,H), b (4H), mask (T,N) -> (T+1,2,N,H).

    i = s(u[0] + v[0]), f = s(u[1] + v[1]), g = tanh(u[2] + v[2]), o = s(u[3] + v[3]),  v = w h + b
    c' = f c + i g, h' = o tanh(c')
    """
    T, _, N, H = u.shape
    out = np.zeros((T + 1, 2, N, H), u.dtype)
    out[0] = h, c
    for t, n, j in np.ndindex(T, N, H):
        i, f, g, o = (u[t, k, n, j] + _gate(w, b, out[t, 0, n], k, j) for k in range(4))
        cell = _sigmoid(f) * out[t, 1, n, j] + _sigmoid(i) * math.tanh(g)
        alive = mask is None or mask[t, n]
        out[t + 1, :, n, j] = (_sigmoid(o) * math.tanh(cell), cell) if alive else out[t, :, n, j]
    return out


def push_states(q: np.ndarray, D: np.ndarray, E: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return Q[0] = q[0], Q[t+1] = q[t+1] + J[t] Q[t]. q (T+1,S,N,H), D (T,S,S,N,H), E (T,S,K,N,H), w (K H,H)."""
    T, _, _, N, _ = E.shape
    out = q.copy()
    for t, n in np.ndindex(T, N):
        J = jacobian(D[t, :, :, n], E[t, :, :, n], w)
        out[t + 1, :, n] += np.einsum("aibj,bj->ai", J, out[t, :, n])
    return out


def pull_states(q: np.ndarray, D: np.ndarray, E: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return G[T] = q[T], G[t] = q[t] + J[t]^T G[t+1]. Shapes as in push_states."""
    T, _, _, N, _ = E.shape
    out = q.copy()
    for t, n in np.ndindex(T, N):
        t = T - 1 - t
        J = jacobian(D[t, :, :, n], E[t, :, :, n], w)
        out[t, :, n] += np.einsum("aibj,ai->bj", J, out[t + 1, :, n])
    return out


def jacobian(D: np.ndarray, E: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Return J of one step of one sequence. D (S,S,H), E (S,K,H), w (K H,H) -> (S,H,S,H).

    J[a,i,b,j] = D[a,b,i] if i = j,  plus for b = 0: sum over k of E[a,k,i] w[k H + i, j]
    """
    S, K, H = E.shape
    J = np.zeros((S, H, S, H), D.dtype)
    for a, i, b, j in np.ndindex(J.shape):
        if i == j:
            J[a, i, b, j] += D[a, b, i]
        for k in range(K if b == 0 else 0):
            J[a, i, b, j] += E[a, k, i] * w[k * H + i, j]
    return J


def _gate(w: np.ndarray, b: np.ndarray, h: np.ndarray, k: int, i: int) -> float:
    """Return number i of what a state h says to gate k."""
    row = k * len(h) + i
    return b[row] + sum(w[row, j] * h[j] for j in range(len(h)))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))
