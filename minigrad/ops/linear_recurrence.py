"""Linear recurrences, forward and backward in time: what differentiates recurrent layers, to any order.

push_states carries small changes of the states forward, through the Jacobian J of each step. pull_states carries
cotangents back, through J transposed. The rules of each are calls of the other, so the two close under
differentiation. kernels/recurrent.py says how J is made of D, E and w.
"""

from __future__ import annotations

from ..kernels import recurrent as kernels
from ..op import op
from .matmul import linear
from .reduce import sum
from .shape import reshape, transpose, unsqueeze


@op(dtypes="real")
def push_states(q, D, E, w, /):
    """Q[0] = q[0], Q[t+1] = q[t+1] + J[t] Q[t]. q (T+1,S,N,H), D (T,S,S,N,H), E (T,S,K,N,H), w (K H,H) -> like q.

    J s = D s + E (w s[0]), as kernels/recurrent.py spells out.
    """
    return kernels.push_states(q, D, E, w)


@op(dtypes="real")
def pull_states(q, D, E, w, /):
    """G[T] = q[T], G[t] = q[t] + J[t]^T G[t+1]: push_states transposed, shapes as there."""
    return kernels.pull_states(q, D, E, w)


# The transposed maps give the same number, sum g Q = sum G q. It is linear in each J[t], between Q[t] and G[t+1], from
# which the three factors of J receive what they receive in any product.


def _D_receives(Q, G):
    return unsqueeze(G[1:], 2) * unsqueeze(Q[:-1], 1)  # (T,S,1,N,H) (T,1,S,N,H)


def _E_receives(Q, G, w):
    return unsqueeze(G[1:], 2) * unsqueeze(to_gates(Q[:-1, 0], w), 1)  # (T,S,1,N,H) (T,1,K,N,H)


def _w_receives(Q, G, E):
    return weights_receive(sum(E * unsqueeze(G[1:], 2), axis=1), Q[:-1, 0])[0]


push_states.defvjp(
    q=lambda g, out, q, D, E, w: pull_states(g, D, E, w),
    D=lambda g, out, q, D, E, w: _D_receives(out, pull_states(g, D, E, w)),
    E=lambda g, out, q, D, E, w: _E_receives(out, pull_states(g, D, E, w), w),
    w=lambda g, out, q, D, E, w: _w_receives(out, pull_states(g, D, E, w), E),
)
pull_states.defvjp(
    q=lambda g, out, q, D, E, w: push_states(g, D, E, w),
    D=lambda g, out, q, D, E, w: _D_receives(push_states(g, D, E, w), out),
    E=lambda g, out, q, D, E, w: _E_receives(push_states(g, D, E, w), out, w),
    w=lambda g, out, q, D, E, w: _w_receives(push_states(g, D, E, w), out, E),
)


# ---- states and gates ------------------------------------------------------------------------------------------------


def to_gates(h, w, b=None):
    """Return w h + b for the states before all steps, by gate: h (T,N,H), w (K H,H) -> (T,K,N,H)."""
    return by_gate(linear(h, w, b), h.shape[2])


def by_gate(v, H):
    """Sort by gate: (T,N,K H) -> (T,K,N,H)."""
    return transpose(reshape(v, (*v.shape[:2], v.shape[2] // H, H)), (0, 2, 1, 3))


def weights_receive(gv, before):
    """Return what w and b receive in all steps, from the cotangents gv (T,K,N,H) of v = w h + b."""
    T, K, N, H = gv.shape
    rows = reshape(transpose(gv, (0, 2, 1, 3)), (T * N, K * H))
    return rows.T @ reshape(before, (T * N, H)), sum(rows, axis=0)
