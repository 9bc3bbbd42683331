"""Sums of products: matrix products, and everything that einsum can express."""

from __future__ import annotations

import math
import string

import numpy as np

from ..backend import xp
from ..kernels import matmul as kernels
from ..op import as_tensor, op, unbroadcast
from .shape import check_axes, swapaxes, transpose, unsqueeze


@op(dtypes="sums")
def matmul(x, y, /):
    """Matrix product of the last two axes, the others broadcast: (..,m,k), (..,k,n) -> (..,m,n); vectors too."""
    if np.ndim(x) == 0 or np.ndim(y) == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(
            f"matmul: shapes {np.shape(x)} and {np.shape(y)} do not fit; they must be (..,m,k) and (..,k,n)"
        )
    return kernels.matmul(x, y)


def _matmul_x(g, out, x, y):
    # z_ij = sum_k x_ik y_kj, so dx_ik = sum_j g_ij y_kj: g y^T
    g, rows, columns = _as_matrices(g, x, y)
    gx = unbroadcast(g @ _transposed(columns), rows)
    return gx if gx.shape == x.shape else gx.reshape(x.shape)


def _matmul_y(g, out, x, y):
    # likewise dy_kj = sum_i x_ik g_ij: x^T g
    g, rows, columns = _as_matrices(g, x, y)
    gy = unbroadcast(_transposed(rows) @ g, columns)
    return gy if gy.shape == y.shape else gy.reshape(y.shape)


def _as_matrices(g, x, y):
    """Give back the axes that matmul drops: a vector x is a matrix of one row, a vector y one of one column."""
    if y.ndim == 1:
        g = unsqueeze(g, -1)
        y = unsqueeze(y, 1)
    if x.ndim == 1:
        g = unsqueeze(g, -2)
        x = unsqueeze(x, 0)
    return g, x, y


def _transposed(x):
    return transpose(x) if x.ndim == 2 else swapaxes(x, -1, -2)


matmul.defvjp(x=_matmul_x, y=_matmul_y)


@op(dtypes="sums")
def row_products(x, /):
    """x x^T, the inner products of all pairs of rows: (..,m,k) -> (..,m,m)."""
    return kernels.matmul(x, xp(x).swapaxes(x, -1, -2))


# x stands on both sides of the product, and receives g x from the left and g^T x from the right
row_products.defvjp(x=lambda g, out, x: (g + _transposed(g)) @ x)


@op(dtypes="sums")
def linear(x, w, b=None, /):
    """x w^T + b, an affine map of the last axis. x (..,n), w (m,n), b (m) or None -> (..,m)."""
    if x.ndim == 0 or w.ndim != 2 or x.shape[-1] != w.shape[1]:
        raise ValueError(f"linear: x has shape {x.shape}, w {w.shape}; they must be (..,n) and (m,n)")
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"linear: b has shape {b.shape}; it must be {w.shape[:1]}, one number for each row of w")
    out = kernels.matmul(x.reshape(-1, w.shape[1]), w.T)  # (rows, n) (n, m) -> (rows, m)
    out = out.reshape(*x.shape[:-1], len(w))
    if b is None:
        return out
    # in place, unless b has a wider dtype
    return xp(x).add(out, b, out=out if out.dtype == b.dtype else None)


def _linear_x(g, out, x, w, b):
    # as one product of matrices, for a stack of them would not be shared among the cores
    return g @ w if x.ndim == 2 else (g.reshape((-1, w.shape[0])) @ w).reshape(x.shape)


linear.defvjp(
    x=_linear_x,
    w=lambda g, out, x, w, b: g.reshape((-1, w.shape[0])).T @ x.reshape((-1, w.shape[1])),
    b=lambda g, out, x, w, b: g if b.ndim == g.ndim else g.reshape((-1, w.shape[0])).sum(axis=0),
)


def einsum(subscripts, *operands):
    """Einstein summation, as in numpy.einsum: einsum("bij,bjk->bik", x, y). Accepts letters, "..." and "->"."""
    xs = [as_tensor(x, operands) for x in operands]
    terms, result = _subscripts(subscripts, [x.ndim for x in xs])
    return contract(*xs, terms=terms, result=result)


@op(dtypes="sums")
def contract(*xs, terms, result):
    """einsum with parsed subscripts: terms holds one string of letters per operand, result that of the result."""
    if len(xs) == 2:
        order = _matrix_order(xs, terms, result)
        if order:
            return _contract_by_matmul(*xs, terms, result, *order)
    return xp(xs[0]).einsum(f"{','.join(terms)}->{result}", *xs, optimize=len(xs) > 2)


def _matrix_order(xs, terms, result):
    """Sort the letters of two operands into batch, rows, columns and summed, if the sum is a product of matrices.

    (batch, rows, summed) times (batch, summed, columns) -> (batch, rows, columns), each group being several letters.
    None if there are no rows, columns or summed letters, or if a letter repeats or is broadcast.
    """
    first, second = terms
    shared = [c for c in first if c in second]
    batch = [c for c in shared if c in result]
    summed = [c for c in shared if c not in result]
    rows = [c for c in first if c in result and c not in shared]
    columns = [c for c in second if c in result and c not in shared]
    if not (rows and columns and summed):
        return None

    # every letter must stand once where it belongs: no diagonals, and none that is summed in one operand alone
    expected = {first: batch + rows + summed, second: batch + columns + summed, result: batch + rows + columns}
    if any(sorted(term) != sorted(letters) for term, letters in expected.items()):
        return None

    x, y = xs
    fit = all(x.shape[first.index(c)] == y.shape[second.index(c)] for c in shared)
    return (batch, rows, columns, summed) if fit else None


def _contract_by_matmul(x, y, terms, result, batch, rows, columns, summed):
    """Contract by one product of matrices, each group of letters being one axis: 4 to 20 times as fast as loops."""
    lengths = dict(zip(terms[0] + terms[1], x.shape + y.shape))

    def lay_out(a, term, *groups):
        """Bring a's axes into the order of the groups, and merge those of each group."""
        order = [term.index(c) for group in groups for c in group]
        return a.transpose(order).reshape([math.prod(lengths[c] for c in group) for group in groups])

    left = lay_out(x, terms[0], batch, rows, summed)
    right = lay_out(y, terms[1], batch, summed, columns)
    product = kernels.matmul(left, right)  # (batch, rows, columns)

    # split the groups into their letters again, in the order of the result
    letters = [*batch, *rows, *columns]
    product = product.reshape([lengths[c] for c in letters])
    return product.transpose([letters.index(c) for c in result])


def _contract_rule(g, out, i, xs, terms, result):
    # The sum is linear in operand i, so its gradient is an einsum too: of g and the other operands, to i's letters.
    # For "ij,jk->ik" and i = 0 that is "ik,jk->ij".
    others = [j for j in range(len(xs)) if j != i]
    operands = [g, *(xs[j] for j in others)]
    given = [result, *(terms[j] for j in others)]

    # the length of each letter in them: the longer one where a 1 broadcasts
    known: dict[str, int] = {}
    for term, x in zip(given, operands):
        for letter, n in zip(term, x.shape):
            known[letter] = max(n, known.get(letter, n))

    # two kinds of letters need one operand more
    wanted = ""
    unused = iter(sorted(set(string.ascii_letters) - set("".join(terms))))
    for letter, n in zip(terms[i], xs[i].shape):
        if letter in wanted:  # a diagonal, "ii": the gradient is 0 off the diagonal, by a factor delta_ij
            twin = next(unused)
            operands.append(xp(g.data).eye(n, dtype=g.dtype))
            given.append(letter + twin)
            letter = twin
        elif known.get(letter, -1) < n:  # summed in operand i alone: the gradient is constant along it
            operands.append(xp(g.data).ones(n, dtype=g.dtype))
            given.append(letter)
        wanted += letter
    return unbroadcast(contract(*operands, terms=tuple(given), result=wanted), xs[i])


contract.defvjp(xs=_contract_rule)


def _subscripts(subscripts, ndims):
    """Parse "ij,...j->i..." into one string of letters per operand and one for the result, "..." spelt out."""
    text = subscripts.replace(" ", "")
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, got {len(ndims)}; they must agree")
    if not set(text.replace("->", "").replace("...", "").replace(",", "")) <= set(string.ascii_letters):
        raise ValueError(f"einsum: {subscripts!r} may contain only letters, ',', '...' and '->'")

    # "..." becomes unused letters; the last ones, so that dots of different lengths align at their ends, as broadcast
    spare = "".join(sorted(set(string.ascii_letters) - set(text)))
    hidden = 0  # the most axes that a "..." stands for
    for k, (term, ndim) in enumerate(zip(terms, ndims)):
        n = ndim - len(term.replace("...", ""))
        if n < 0 or (n > 0 and "..." not in term):
            raise ValueError(f"einsum: {term!r} in {subscripts!r} does not fit an operand of {ndim} axes")
        terms[k] = term.replace("...", spare[-n:] if n else "")
        hidden = n if n > hidden else hidden
    dots = spare[-hidden:] if hidden else ""

    if not arrow:  # by convention, the result has the letters that occur once, in alphabetical order
        letters = left.replace(",", "").replace("...", "")
        result = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    elif dots and "..." not in result:
        raise ValueError(f"einsum: {subscripts!r} lacks '...' in its result; to sum over those axes, name them")
    return tuple(terms), result.replace("...", dots)


def outer(x, y):
    """The product of every element of x with every element of y: (m), (n) -> (m,n). Both are flattened."""
    x, y = (as_tensor(v, (x, y)) for v in (x, y))
    return x.reshape((-1, 1)) * y.reshape((1, -1))


def tensordot(x, y, axes=2):
    """Sum of products over axes: the last `axes` axes of x and the first of y, or a pair (axes of x, axes of y)."""
    x, y = (as_tensor(v, (x, y)) for v in (x, y))
    if isinstance(axes, int | np.integer):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ValueError(f"tensordot: axes is {axes}, but x has {x.ndim} axes and y has {y.ndim}; give fewer")
        axes = (range(x.ndim - axes, x.ndim), range(axes))
    pairs: list[list[int]] = [[int(side)] if isinstance(side, int | np.integer) else list(side) for side in axes]
    if len(pairs[0]) != len(pairs[1]):
        raise ValueError(f"tensordot: {len(pairs[0])} axes of x and {len(pairs[1])} of y; give as many of each")
    for side, t in zip(pairs, (x, y)):
        check_axes("tensordot", side, t.ndim)

    # as an einsum: a letter for each axis, the same one for both axes of a pair
    xs = list(string.ascii_lowercase[: x.ndim])
    ys = list(string.ascii_uppercase[: y.ndim])
    for a, b in zip(*pairs):
        ys[b] = xs[a]
    result = [c for c in xs if c not in ys] + [c for c in ys if c not in xs]
    return einsum(f"{''.join(xs)},{''.join(ys)}->{''.join(result)}", x, y)
