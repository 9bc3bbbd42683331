"""NumPy's array functions under NumPy's names: values against NumPy's own, and what the first wrong calls say."""

import tracemalloc

import numpy as np
import pytest

import minigrad as mg
from tests.test_ops import equal

X = mg.Tensor(np.arange(6.0).reshape(2, 3) - 1.5)


# ---- products --------------------------------------------------------------------------------------------------------


def test_the_gradient_of_a_product_with_a_zero_takes_memory_in_proportion_to_its_elements():
    x = mg.Tensor(np.linspace(0.5, 1.5, 4000), requires_grad=True)
    x.data[7] = 0.0
    tracemalloc.start()
    dx = mg.grad(mg.prod(x), x).data
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 * x.data.nbytes
    assert np.count_nonzero(dx) == 1
    np.testing.assert_allclose(dx[7], np.prod(np.delete(x.data, 7)), rtol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 13])
def test_the_gradient_of_a_product_is_the_product_of_the_others(n, rng):
    a = rng.normal(size=(2, n)) * (rng.random((2, n)) < 0.7)
    x = mg.Tensor(a, requires_grad=True)
    others = [[np.prod(np.delete(row, i)) for i in range(n)] for row in a]
    np.testing.assert_allclose(mg.grad(mg.prod(x, axis=1), x, np.ones(2)).data, others, rtol=1e-13)


@pytest.mark.parametrize("size", [1e-30, 1e30])
def test_a_product_that_leaves_the_floats_keeps_its_gradient(size):
    x = mg.Tensor(np.float32([size, size, 1 / size]), requires_grad=True)
    with np.errstate(over="ignore", under="ignore"):
        y = mg.prod(x[:2])
        dx = mg.grad(y, x).data
    assert y.item() in (0.0, np.inf)
    np.testing.assert_allclose(dx, [size, size, 0.0], rtol=1e-6)


MATRIX_PRODUCTS = {
    "ij,jk->ik": [(2, 3), (3, 4)],
    "ij,kj->ki": [(2, 3), (4, 3)],
    "bij,bjk->bik": [(2, 3, 4), (2, 4, 5)],
    "bhqd,bhkd->bhqk": [(2, 3, 4, 5), (2, 3, 6, 5)],
    "nchw,oc->nohw": [(2, 3, 4, 5), (6, 3)],
    "iajb,bka->jki": [(2, 3, 4, 5), (5, 6, 3)],
    "ij,jk->ki": [(2, 0), (0, 4)],
}


@pytest.mark.parametrize("subscripts", MATRIX_PRODUCTS)
def test_an_einsum_of_two_operands_that_is_a_matrix_product_is_computed_as_one(subscripts, rng, monkeypatch):
    x, y = (rng.normal(size=shape) for shape in MATRIX_PRODUCTS[subscripts])
    expected = np.einsum(subscripts, x, y)
    monkeypatch.setattr(np, "einsum", None)  # which misses BLAS
    equal(mg.einsum(subscripts, x, y), expected)


@pytest.mark.parametrize("number", [int, np.int64, np.uint8])
def test_tensordot_takes_numpys_integers(number, rng):
    x, y = rng.normal(size=(2, 3)), rng.normal(size=(3, 2))
    equal(mg.tensordot(x, y, number(1)), x @ y)
    equal(mg.tensordot(x, y, (number(0), number(1))), x.T @ y.T)


# ---- reductions ------------------------------------------------------------------------------------------------------

REDUCTIONS = [mg.sum, mg.mean, mg.var, mg.max, mg.min, mg.prod, mg.logsumexp, mg.norm, mg.softmax, mg.log_softmax]


@pytest.mark.parametrize("f", [*REDUCTIONS, mg.standardize, mg.flip], ids=lambda f: f.__name__)
def test_several_axes_are_given_as_a_tuple_or_a_list(f):
    x = mg.Tensor(X.data, requires_grad=True)
    pairs = [(y, mg.grad(y, x, np.ones(y.shape))) for y in (f(x, axis=[0, 1]), f(x, axis=(0, 1)))]
    for by_list, by_tuple in zip(*pairs):
        assert np.array_equal(by_list.data, by_tuple.data)


def test_logsumexp_over_nothing_is_minus_infinity():
    nothing = np.ones((0, 2))
    assert mg.logsumexp(nothing).item() == -np.inf
    assert mg.logsumexp(nothing, axis=0).data.tolist() == [-np.inf] * 2
    assert mg.logsumexp(nothing, axis=0, keepdims=True).shape == (1, 2)
    x = mg.Tensor(nothing, requires_grad=True)
    assert mg.grad(mg.logsumexp(x, axis=0).sum(), x).shape == (0, 2)
    assert mg.softmax(nothing, axis=0).shape == mg.log_softmax(nothing, axis=0).shape == (0, 2)


# ---- through NumPy ---------------------------------------------------------------------------------------------------


def test_numpys_comparisons_take_tensors_by_keyword():
    assert np.allclose(X, b=X) is True
    assert np.allclose(a=X, b=X.data) is True
    assert np.array_equal(X.data, a2=X) is True


def test_an_empty_list_picks_nothing():
    x = mg.Tensor(X.data, requires_grad=True)
    assert x[[]].shape == mg.take(x, [], axis=0).shape == (0, 3)
    assert x[:, []].shape == (2, 0)
    assert mg.grad(x[[]].sum(), x).data.tolist() == np.zeros((2, 3)).tolist()


ERRORS = [
    ("a number", lambda: mg.concatenate([1.0, X]), r"concatenate: xs\[0\] has no axes; to join numbers, use stack"),
    ("axes", lambda: mg.gram_matrix(X), r"gram_matrix: x has shape \(2, 3\); want four axes, \(N,C,H,W\)"),
]


@pytest.mark.parametrize(("f", "text"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_a_wrong_call_says_what_is_wrong(f, text):
    with pytest.raises(ValueError, match=text):
        f()
