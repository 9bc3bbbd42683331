"""The states of an LSTM one after another, and their gradient back through time; recurrent.py says how both are cut.

A state is a pair in one array, h and then c.
"""

from __future__ import annotations

from ..backend import Array, xp
from .recurrent import by_gate, in_parts, sigmoid_in_place


def lstm_states(u: Array, h: Array, c: Array, w: Array, b: Array, mask: Array | None) -> Array:
    """Return all states (h, c) of an LSTM. u (T,4,N,H), h, c (N,H), w (4H,H), b (4H), mask (T,N) -> (T+1,2,N,H).

    u: what the inputs contribute to the gates i, f, g and o, in this order. mask: False where a state stays as it is.
    """
    T, (N, H), module = len(u), h.shape, xp(u)
    w, b = by_gate(w, H), b.reshape(4, 1, H)
    out = module.empty((T + 1, 2, N, H), u.dtype)
    out[0, 0], out[0, 1] = h, c

    def part(start: int, stop: int) -> None:
        v = module.empty((4, stop - start, H), u.dtype)
        i, f, g, o = v
        for t in range(T):
            state, new = out[t, :, start:stop], out[t + 1, :, start:stop]
            module.matmul(state[0], w, out=v)
            v += b
            v += u[t, :, start:stop]
            sigmoid_in_place(v[:2])
            module.tanh(g, out=g)
            sigmoid_in_place(o)

            # c' = f c + i g, h' = o tanh(c')
            module.multiply(i, g, out=new[1])
            f *= state[1]
            new[1] += f
            module.tanh(new[1], out=new[0])
            new[0] *= o
            if mask is not None:
                ended = ~mask[t, start:stop]
                new[:, ended] = state[:, ended]

    in_parts(part, u, N, N * w.size)
    return out


def lstm_gradient(g: Array, states: Array, u: Array, w: Array, b: Array, mask: Array | None) -> Array:
    """Return the gradients of sum g * states for u, h, c, w and b, flat; states = lstm_states(u, h, c, w, b, mask).

    The rule of the op lstm_states computes the same from small ops; here a step stays in the cache until it is done.
    """
    T, (N, H), module = len(u), states.shape[2:], xp(u)
    forward, backward, b = by_gate(w, H), w.reshape(4, H, H), b.reshape(4, 1, H)
    out = module.empty(u.size + 2 * N * H + w.size + b.size, u.dtype)
    gu, gs, last = (
        out[: u.size].reshape(u.shape),
        out[u.size :][: 2 * N * H].reshape(2, N, H),
        out[u.size + 2 * N * H :],
    )
    of_parts = []  # what w and b receive

    def part(start: int, stop: int) -> None:
        v, back = (module.empty((4, stop - start, H), u.dtype) for _ in range(2))
        received_by_w = module.zeros(w.size + b.size, u.dtype)
        gw, gb = received_by_w[: w.size].reshape(4, H, H), received_by_w[w.size :].reshape(4, 1, H)
        ones = module.ones((1, stop - start), u.dtype)
        G = g[T, :, start:stop].copy()
        for t in reversed(range(T)):
            state, new, gut = states[t, :, start:stop], states[t + 1, :, start:stop], gu[t, :, start:stop]
            if mask is not None:
                ended = ~mask[t, start:stop]
                held = G[:, ended]

            module.matmul(state[0], forward, out=v)
            v += b
            v += u[t, :, start:stop]
            _step_back(G, state[1], new[1], v, gut)
            if mask is not None:
                gut[:, ended] = 0

            # w, b and h receive from what goes into the gates; a state that was held receives all that came
            gw += module.matmul(gut.swapaxes(1, 2), state[0])
            gb += module.matmul(ones, gut)
            module.matmul(gut, backward, out=back)
            G[0] = back[0]
            for received in back[1:]:
                G[0] += received
            if mask is not None:
                G[:, ended] = held
            G += g[t, :, start:stop]
        gs[:, start:stop] = G
        of_parts.append((start, received_by_w))

    in_parts(part, u, N, N * w.size)
    last[...] = 0
    for _, received in sorted(of_parts, key=lambda found: found[0]):  # always added up in the same order
        last += received
    return out


def _step_back(G: Array, c: Array, c_new: Array, v: Array, gut: Array) -> None:
    """Carry the cotangents G = (of h', of c') of a new state back to the gates, gut (4,n,H), and to c, which is G[1].

    v (4,n,H): what goes into the gates i, f, g and o; the gates afterwards.
    """
    module = xp(G)
    i, f, new, o = v
    from_i, from_f, from_new, from_o = gut
    sigmoid_in_place(v[:2])
    module.tanh(new, out=new)
    sigmoid_in_place(o)

    # h' = o tanh(c'), so o receives G tanh(c') o (1 - o), and c' another G o (1 - tanh(c')^2)
    slope = from_f
    shown = module.tanh(c_new, out=from_new)
    G[0] *= o
    module.multiply(G[0], shown, out=from_o)
    module.subtract(1, o, out=slope)
    from_o *= slope
    shown *= shown
    module.subtract(1, shown, out=slope)
    slope *= G[0]
    G[1] += slope

    # c' = f c + i new, so each of the four receives G times the factor beside it
    module.multiply(G[1], i, out=from_new)
    module.multiply(from_new, new, out=from_i)
    module.subtract(1, i, out=i)
    from_i *= i
    new *= new
    module.subtract(1, new, out=new)
    from_new *= new
    G[1] *= f
    module.subtract(1, f, out=from_f)
    from_f *= G[1]
    from_f *= c
