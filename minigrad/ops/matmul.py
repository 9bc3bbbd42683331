"""Sums of products: matrix products, and every one that einsum can name."""

from __future__ import annotations

import math
import string

import numpy as np

from ..backend import xp
from ..kernels import matmul as kernels
from ..op import as_tensor, op, unbroadcast
from .shape import check_axes, swapaxes, unsqueeze


@op(dtypes="sums")
def matmul(x, y, /):
    """Matrix product of the last two axes, the others broadcast: (..,m,k), (..,k,n) -> (..,m,n); vectors too."""
    if np.ndim(x) == 0 or np.ndim(y) == 0 or x.shape[-1] != y.shape[-2 if y.ndim > 1 else 0]:
        raise ValueError(f"matmul: shapes {np.shape(x)} and {np.shape(y)} do not fit; want (..,m,k) and (..,k,n)")
    return _product(x, y)


def _product(x, y):
    """Multiply by the CPU's own kernel, or by the GPU's library."""
    return kernels.matmul(x, y) if xp(x) is np else xp(x).matmul(x, y)


def _matmul_rule(side):
    def rule(g, out, x, y):
        # a vector is a matrix of one row (x) or one column (y)
        if y.ndim == 1:
            g = unsqueeze(g, -1)
        if x.ndim == 1:
            g = unsqueeze(g, -2)
        rows = unsqueeze(x, 0) if x.ndim == 1 else x
        columns = unsqueeze(y, 1) if y.ndim == 1 else y
        if side == "x":
            return unbroadcast(g @ swapaxes(columns, -1, -2), rows).reshape(x.shape)
        return unbroadcast(swapaxes(rows, -1, -2) @ g, columns).reshape(y.shape)

    return rule


matmul.defvjp(x=_matmul_rule("x"), y=_matmul_rule("y"))


@op(dtypes="sums")
def row_products(x, /):
    """x x^T, the inner products of all rows: (..,m,k) -> (..,m,m)."""
    return _product(x, xp(x).swapaxes(x, -1, -2))


# x stands on both sides: with g symmetric or not, its gradients there are g x and g^T x
row_products.defvjp(x=lambda g, out, x: (g + swapaxes(g, -1, -2)) @ x)


@op(dtypes="sums")
def linear(x, w, b=None, /):
    """x w^T + b, an affine map of the last axis. x (..,n), w (m,n), b (m) or None -> (..,m)."""
    if x.ndim == 0 or w.ndim != 2 or x.shape[-1] != w.shape[1]:
        raise ValueError(f"linear: x has shape {x.shape}, w {w.shape}; want (..,n) and (m,n)")
    if b is not None and b.shape != w.shape[:1]:
        raise ValueError(f"linear: b has shape {b.shape}; want {w.shape[:1]}, one number for each row of w")
    out = _product(x.reshape(-1, w.shape[1]), w.T).reshape(*x.shape[:-1], len(w))
    if b is None:
        return out
    return xp(x).add(out, b, out=out if out.dtype == b.dtype else None)  # in place, unless b's dtype promotes


linear.defvjp(
    x=lambda g, out, x, w, b: g @ w,
    w=lambda g, out, x, w, b: g.reshape((-1, w.shape[0])).T @ x.reshape((-1, w.shape[1])),
    b=lambda g, out, x, w, b: unbroadcast(g, b),
)


def einsum(subscripts, *operands):
    """Einstein summation, as in numpy.einsum: einsum("bij,bjk->bik", x, y). Letters, "..." and "->" are understood."""
    xs = [as_tensor(x, operands) for x in operands]
    terms, result = _subscripts(subscripts, [x.ndim for x in xs])
    return contract(*xs, terms=terms, result=result)


@op(dtypes="sums")
def contract(*xs, terms, result):
    """einsum with its subscripts taken apart: terms, one string of letters an operand, and the result's."""
    if len(xs) == 2 and (order := _matrix_order(xs, terms, result)):
        return _contract_by_matmul(*xs, terms, result, *order)
    return xp(xs[0]).einsum(f"{','.join(terms)}->{result}", *xs, optimize=len(xs) > 2)


def _matrix_order(xs, terms, result):
    """Sort the letters of two operands into those of a batch, of rows, of columns, and those summed over.

    None where that is no product of matrices: rows, columns or sums are missing, or a letter repeats or is broadcast.
    """
    first, second = terms
    shared = [c for c in first if c in second]
    batch, summed = [c for c in shared if c in result], [c for c in shared if c not in result]
    rows, columns = ([c for c in term if c in result and c not in shared] for term in terms)
    if not (rows and columns and summed):
        return None
    # every letter once in its place: no diagonals, none that is summed in one operand alone
    operands = (first, second, result), (batch + rows + summed, batch + columns + summed, batch + rows + columns)
    if any(sorted(term) != sorted(letters) for term, letters in zip(*operands)):
        return None
    fit = all(xs[0].shape[first.index(c)] == xs[1].shape[second.index(c)] for c in shared)
    return (batch, rows, columns, summed) if fit else None


def _contract_by_matmul(x, y, terms, result, batch, rows, columns, summed):
    """Contract as one product of matrices, several letters made one axis: BLAS is 4 to 20 times as fast as loops."""
    lengths = dict(zip(terms[0] + terms[1], x.shape + y.shape))

    def lay_out(a, term, *groups):
        order = [term.index(c) for group in groups for c in group]
        return a.transpose(order).reshape([math.prod(lengths[c] for c in group) for group in groups])

    product = _product(lay_out(x, terms[0], batch, rows, summed), lay_out(y, terms[1], batch, summed, columns))
    letters = [*batch, *rows, *columns]
    return product.reshape([lengths[c] for c in letters]).transpose([letters.index(c) for c in result])


def _contract_rule(g, out, i, xs, terms, result):
    # The sum is linear in operand i, so its gradient is an einsum too: g and the other operands, down to i's letters.
    wanted, operands, given = "", [g], [result]
    for j, x in enumerate(xs):
        if j != i:
            operands.append(x)
            given.append(terms[j])
    known: dict[str, int] = {}  # the lengths of the letters given; the longer one where a 1 broadcasts
    for term, x in zip(given, operands):
        for letter, n in zip(term, x.shape):
            known[letter] = max(n, known.get(letter, n))
    unused = iter(sorted(set(string.ascii_letters) - set("".join(terms))))
    for letter, n in zip(terms[i], xs[i].shape):
        if letter in wanted:  # a diagonal, "ii": the gradient lies on it, delta_ij
            twin = next(unused)
            operands.append(xp(g.data).eye(n, dtype=g.dtype))
            given.append(letter + twin)
            letter = twin
        elif known.get(letter, -1) < n:  # summed in operand i alone: the gradient is the same all along it
            operands.append(xp(g.data).ones(n, dtype=g.dtype))
            given.append(letter)
        wanted += letter
    return unbroadcast(contract(*operands, terms=tuple(given), result=wanted), xs[i])


contract.defvjp(xs=_contract_rule)


def _subscripts(subscripts, ndims):
    """Take "ij,...j->i..." apart into one string of letters an operand and one for the result."""
    text = subscripts.replace(" ", "")
    left, arrow, result = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ndims):
        raise ValueError(f"einsum: {subscripts!r} names {len(terms)} operands, got {len(ndims)}")
    if not set(text.replace("->", "").replace("...", "").replace(",", "")) <= set(string.ascii_letters):
        raise ValueError(f"einsum: {subscripts!r} may hold letters, ',', '...' and '->' only")
    spare = "".join(sorted(set(string.ascii_letters) - set(text)))
    hidden = 0  # the most axes that a "..." stands for
    for k, (term, ndim) in enumerate(zip(terms, ndims)):
        n = ndim - len(term.replace("...", ""))
        if n < 0 or (n > 0 and "..." not in term):
            raise ValueError(f"einsum: {term!r} in {subscripts!r} does not fit an operand of {ndim} axes")
        terms[k] = term.replace("...", spare[-n:] if n else "")
        hidden = n if n > hidden else hidden
    dots = spare[-hidden:] if hidden else ""
    if not arrow:  # by convention: letters that occur once, in alphabetical order
        letters = left.replace(",", "").replace("...", "")
        result = dots + "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
    elif dots and "..." not in result:
        raise ValueError(f"einsum: {subscripts!r} lacks '...' in its result; to sum those axes, name them")
    return tuple(terms), result.replace("...", dots)


def outer(x, y):
    """All products of an element of x and one of y: (m), (n) -> (m,n); x and y made flat."""
    x, y = (as_tensor(v, (x, y)) for v in (x, y))
    return x.reshape((-1, 1)) * y.reshape((1, -1))


def tensordot(x, y, axes=2):
    """Sum of products over axes: the last `axes` of x with the first of y, or a pair (axes of x, axes of y)."""
    x, y = (as_tensor(v, (x, y)) for v in (x, y))
    if isinstance(axes, int | np.integer):
        if not 0 <= axes <= min(x.ndim, y.ndim):
            raise ValueError(f"tensordot: axes is {axes}, but x has {x.ndim} axes and y {y.ndim}")
        axes = (range(x.ndim - axes, x.ndim), range(axes))
    pairs: list[list[int]] = [[int(side)] if isinstance(side, int | np.integer) else list(side) for side in axes]
    if len(pairs[0]) != len(pairs[1]):
        raise ValueError(f"tensordot: {len(pairs[0])} axes of x against {len(pairs[1])} of y; they must pair up")
    for side, t in zip(pairs, (x, y)):
        check_axes("tensordot", side, t.ndim)
    xs = list(string.ascii_lowercase[: x.ndim])
    ys = list(string.ascii_uppercase[: y.ndim])
    for a, b in zip(*pairs):
        ys[b] = xs[a]
    result = [c for c in xs if c not in ys] + [c for c in ys if c not in xs]
    return einsum(f"{''.join(xs)},{''.join(ys)}->{''.join(result)}", x, y)
