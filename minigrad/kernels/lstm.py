"""The states of an LSTM one after another, and their gradient back through time; recurrent.py says how both are cut.

A state is a pair in one array, h and then c.
"""

from __future__ import annotations

from ..backend import Array, xp
from .recurrent import by_gate, in_parts, sigmoid_in_place, weights_receive


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


def lstm_gradient(
    g: Array, states: Array, u: Array, w: Array, b: Array, mask: Array | None
) -> tuple[Array, Array, Array, Array, Array]:
    """Return the gradients of sum g * states for u, h, c, w and b; states = lstm_states(u, h, c, w, b, mask).

    The rule of the op lstm_states computes the same from small ops. Here the slopes of all steps are found at once, and
    only what one step hands to the one before it is found step by step.
    """
    T, (N, H), module = len(u), states.shape[2:], xp(u)
    backward = w.reshape(4, H, H)
    gu, h_by_c, f = _slopes(states, u, w, b)
    first = module.empty((2, N, H), u.dtype)

    def part(start: int, stop: int) -> None:
        term, back = module.empty((stop - start, H), u.dtype), module.empty((4, stop - start, H), u.dtype)
        G = g[T, :, start:stop].copy()
        for t in reversed(range(T)):
            gut = gu[t, :, start:stop]
            if mask is not None:
                ended = ~mask[t, start:stop]
                held = G[:, ended]

            # the slopes times the cotangents G = (of h', of c') are what each gate receives; c' has some by way of h'
            gut[3] *= G[0]
            module.multiply(G[0], h_by_c[t, start:stop], out=term)
            G[1] += term
            gut[:3] *= G[1]
            if mask is not None:
                gut[:, ended] = 0

            # h receives what comes by the gates, c what f lets through; a state that was held, all that came
            module.matmul(gut, backward, out=back)
            module.sum(back, axis=0, out=G[0])
            G[1] *= f[t, start:stop]
            if mask is not None:
                G[:, ended] = held
            G += g[t, :, start:stop]
        first[:, start:stop] = G

    in_parts(part, u, N, N * w.size)
    return gu, *first, *weights_receive(gu, states[:-1, 0])


def _slopes(states: Array, u: Array, w: Array, b: Array) -> tuple[Array, Array, Array]:
    """Return how each c' moves with the gates i, f and g, and h' with o: (T,4,N,H); h' with c', (T,N,H); and f."""
    T, (N, H), module = len(u), states.shape[2:], xp(u)
    forward = by_gate(w, H)
    by_gates, h_by_c, gates_f = (module.empty(shape, u.dtype) for shape in (u.shape, (T, N, H), (T, N, H)))

    def part(start: int, stop: int) -> None:
        v = module.matmul(states[start:stop, :1], forward)
        v += b.reshape(4, 1, H)
        v += u[start:stop]
        i, f, new, o = (v[:, k] for k in range(4))
        sigmoid_in_place(v[:, :2])
        module.tanh(new, out=new)
        sigmoid_in_place(o)

        # c' = f c + i g, h' = o tanh(c')
        by_i, by_f, by_new, by_o = (by_gates[start:stop, k] for k in range(4))
        shown = module.tanh(states[start + 1 : stop + 1, 1])
        module.multiply(new, i * (1 - i), out=by_i)
        module.multiply(states[start:stop, 1], f * (1 - f), out=by_f)
        module.multiply(i, 1 - new * new, out=by_new)
        module.multiply(shown, o * (1 - o), out=by_o)
        module.multiply(o, 1 - shown * shown, out=h_by_c[start:stop])
        gates_f[start:stop] = f

    in_parts(part, u, T, 4 * T * N * w.size)
    return by_gates, h_by_c, gates_f
