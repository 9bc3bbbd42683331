"""NumPy's array functions under NumPy's names: values against NumPy's own, and what the first wrong calls say."""

import copy
import math
import re
import tracemalloc

import numpy as np
import pytest
from scipy import special

import minigrad as mg
from minigrad import instead
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


# ---- functions of NumPy's names --------------------------------------------------------------------------------------

A = np.random.default_rng(0).normal(size=(2, 3, 4))
LIKE_NUMPY = {
    "std": lambda m, x: m.std(x),
    "std of rows": lambda m, x: m.std(x, axis=(0, -1), keepdims=True, ddof=1),
    "sort": lambda m, x: m.sort(x),
    "sort along another axis": lambda m, x: m.sort(x, axis=0),
    "argsort": lambda m, x: m.argsort(x, axis=1),
    "any": lambda m, x: m.any(x > 1.0, axis=0),
    "all": lambda m, x: m.all(x < 1.0, axis=-1, keepdims=True),
    "tril": lambda m, x: m.tril(x),
    "tril below": lambda m, x: m.tril(x, -1),
    "triu": lambda m, x: m.triu(x),
    "triu above": lambda m, x: m.triu(x, k=2),
    "repeat": lambda m, x: m.repeat(x, 2),
    "repeat along an axis": lambda m, x: m.repeat(x, 3, axis=1),
    "repeat not at all": lambda m, x: m.repeat(x, 0, axis=1),
    "repeat each so often": lambda m, x: m.repeat(x, [1, 0, 2], axis=1),
    "tile": lambda m, x: m.tile(x, 2),
    "tile fewer axes": lambda m, x: m.tile(x, (2, 3)),
    "tile more axes": lambda m, x: m.tile(x, (2, 1, 1, 2)),
    "diag of a vector": lambda m, x: m.diag(x[0, 0]),
    "diag of a vector above": lambda m, x: m.diag(x[0, 0], 2),
    "diag of a vector below": lambda m, x: m.diag(x[0, 0], k=-1),
    "diag of a matrix": lambda m, x: m.diag(x[0]),
    "diag of a matrix above": lambda m, x: m.diag(x[0], 2),
    "diag of a matrix below": lambda m, x: m.diag(x[0], -1),
    "diag beyond a matrix": lambda m, x: m.diag(x[0], 5),
    "logaddexp": lambda m, x: m.logaddexp(x, 400.0 * x[:1]),
    "floor": lambda m, x: m.floor(x),
    "ceil": lambda m, x: m.ceil(x),
    "round": lambda m, x: m.round(4.0 * x),
    "round to decimals": lambda m, x: m.round(x, 2),
    "floor_divide": lambda m, x: m.floor_divide(x, 0.3),
    "remainder": lambda m, x: m.remainder(x, -0.3),
    "log2": lambda m, x: m.log2(x * x),
    "tan": lambda m, x: m.tan(x),
    "arcsin": lambda m, x: m.arcsin(x / 4.0),
    "arccos": lambda m, x: m.arccos(x / 4.0),
    "arctan": lambda m, x: m.arctan(x),
    "arctan2": lambda m, x: m.arctan2(x, -x[:1, ::-1]),
    "sinh": lambda m, x: m.sinh(x),
    "cosh": lambda m, x: m.cosh(x),
    "zeros_like": lambda m, x: m.zeros_like(x),
    "ones_like": lambda m, x: m.ones_like(x, dtype=np.int64),
    "full_like": lambda m, x: m.full_like(x, 2.5),
    "cumsum": lambda m, x: m.cumsum(x, axis=0),
}


@pytest.mark.parametrize("name", LIKE_NUMPY)
def test_functions_with_numpys_names_agree_with_numpy_and_numpy_calls_them(name):
    f = LIKE_NUMPY[name]
    expected = f(np, A)
    for y in (f(mg, mg.Tensor(A)), f(mg, A), f(np, mg.Tensor(A))):
        assert isinstance(y, mg.Tensor) and y.dtype == expected.dtype
        equal(y, expected)


@pytest.mark.parametrize("indexing", ["xy", "ij"])
@pytest.mark.parametrize("lengths", [(3,), (3, 2), (3, 2, 4)])
def test_meshgrid(indexing, lengths, rng):
    vectors = [rng.normal(size=n) for n in lengths]
    for y, expected in zip(mg.meshgrid(*vectors, indexing=indexing), np.meshgrid(*vectors, indexing=indexing)):
        equal(y, expected)


def test_creation_takes_numpys_arguments_and_makes_float32():
    for y, expected in [
        (mg.zeros((2, 3)), np.zeros((2, 3), np.float32)),
        (mg.ones(3), np.ones(3, np.float32)),
        (mg.ones((2, 1), np.int8), np.ones((2, 1), np.int8)),
        (mg.full((2, 2), 0.5), np.full((2, 2), 0.5, np.float32)),
        (mg.full(2, 7), np.full(2, 7)),
        (mg.full(2, 7, np.float64), np.full(2, 7.0)),
        (mg.full(2, np.float64(0.1)), np.full(2, 0.1)),
        (mg.arange(4), np.arange(4)),
        (mg.arange(5, 1, -2), np.arange(5, 1, -2)),
        (mg.arange(0.5, 2.0, 0.5), np.float32([0.5, 1.0, 1.5])),
        (mg.arange(np.float64(2.0)), np.arange(2.0)),
        (mg.arange(3, dtype=np.float64), np.arange(3.0)),
        (mg.one_hot([2, 0], 3), np.float32([[0, 0, 1], [1, 0, 0]])),
        (mg.one_hot(mg.Tensor(1), 2, dtype=bool), np.array([False, True])),
    ]:
        assert y.dtype == expected.dtype and np.array_equal(y.data, expected) and not y.requires_grad
    assert mg.ones(2, requires_grad=True).requires_grad


def test_topk_returns_the_largest_in_descending_order_and_the_first_of_equals_first():
    values, index = mg.topk(np.array([[3.0, 5.0, 5.0, 1.0], [2.0, 2.0, 2.0, 9.0]]), 3)
    assert values.data.tolist() == [[5.0, 5.0, 3.0], [9.0, 2.0, 2.0]]
    assert index.data.tolist() == [[1, 2, 0], [3, 0, 1]]
    values, index = mg.topk(A, 1, axis=1)
    equal(values, A.max(axis=1, keepdims=True))
    assert np.array_equal(index.data, A.argmax(axis=1, keepdims=True))
    assert [t.shape for t in mg.topk(A, 0, axis=0)] == [(0, 3, 4)] * 2


def test_gelu_by_tanh_and_silu():
    x = np.linspace(-4.0, 4.0, 9)
    equal(mg.silu(x), x / (1 + np.exp(-x)))
    equal(mg.gelu(x, approximate="tanh"), x * special.expit(2 * np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def test_the_standard_deviation_of_equal_numbers_has_gradient_0():
    x = mg.ones(3, requires_grad=True)
    assert mg.grad(mg.std(x), x).data.tolist() == [0.0, 0.0, 0.0]


def test_logaddexp_of_infinities_has_the_gradient_of_a_share():
    inf = np.inf
    x, y = (mg.Tensor(a, requires_grad=True) for a in ([-inf, inf, 1.0, -inf], [-inf, inf, -inf, 2.0]))
    z = mg.logaddexp(x, y)
    assert z.data.tolist() == [-np.inf, np.inf, 1.0, 2.0]
    assert mg.grad(z, x, np.ones(4)).data.tolist() == [0.5, 0.5, 1.0, 0.0]


# ---- operators and methods -------------------------------------------------------------------------------------------


def test_operators_of_masks_take_arrays_and_numbers_on_either_side():
    a, b = np.array([True, True, False, False]), np.array([True, False, True, False])
    x = mg.Tensor(a)
    for y, expected in [
        (x ^ b, a ^ b),
        (b ^ x, a ^ b),
        (b & x, a & b),
        (b | x, a | b),
        (True & x, a),
        (False | x, a),
        (True ^ x, ~a),
        (np.logical_not(x), ~a),
        (np.isfinite(mg.Tensor([1.0, np.inf])), [True, False]),
    ]:
        assert isinstance(y, mg.Tensor) and y.dtype == bool and y.data.tolist() == list(expected)


def test_floor_division_and_remainder_are_those_of_python(rng):
    a = rng.normal(size=5)
    x = mg.Tensor(a)
    for y, expected in [(x // 0.3, a // 0.3), (2 // x, 2 // a), (x % -0.3, a % -0.3), (2 % x, 2 % a), (a % x, a % a)]:
        equal(y, expected)
    assert (mg.Tensor([7, -7]) // 2).data.tolist() == [3, -4]


def test_methods_are_the_functions(rng):
    x = mg.Tensor(rng.normal(size=(2, 3, 4)))
    for y, expected in [
        (x.std(axis=1, ddof=1), mg.std(x, 1, ddof=1)),
        (x.norm(axis=(0, 2)), mg.norm(x, axis=(0, 2))),
        (x.flatten(), mg.flatten(x)),
        (x.flatten(1), mg.reshape(x, (2, 12))),
        (x.flatten(0, 1), mg.reshape(x, (6, 4))),
        ((x > 0).any(), mg.any(x > 0)),
        ((x > 0).all(axis=0), mg.all(x > 0, axis=0)),
    ]:
        assert y.shape == expected.shape and np.array_equal(y.data, expected.data)
    assert x.tolist() == x.data.tolist()


KEYWORDS = {
    "clip": lambda x: np.clip(x, a_min=-0.5, a_max=0.5),
    "clip below": lambda x: np.clip(x, a_min=0.0, a_max=None),
    "cumsum of all": lambda x: np.cumsum(x),
    "cumsum": lambda x: np.cumsum(x, axis=1, dtype=np.float64, out=None),
    "std": lambda x: np.std(x, axis=0, ddof=1, keepdims=True),
    "std by correction": lambda x: np.std(x, correction=1),
    "mean in float64": lambda x: np.mean(x, 0, np.float64),
    "sum in order": lambda x: np.sum(x, 0, None, None, True),
    "amax": lambda x: np.amax(x, axis=(0, 2)),
    "ravel": lambda x: np.ravel(x),
    "rint": lambda x: np.rint(3.0 * x),
}


@pytest.mark.parametrize("name", KEYWORDS)
def test_numpys_own_keywords_and_order_of_arguments_are_understood(name):
    f, a = KEYWORDS[name], A.astype(np.float32)
    y, expected = f(mg.Tensor(a)), f(a)
    assert isinstance(y, mg.Tensor) and y.dtype == expected.dtype
    np.testing.assert_allclose(y.data, expected, rtol=1e-6, atol=1e-6)


# ---- what to write instead -------------------------------------------------------------------------------------------

NAMES = {
    "x": mg.Tensor(np.arange(1.0, 10.0).reshape(3, 3) / 9),
    "y": mg.Tensor(np.ones((3, 3))),
    "n": 3,
    "shape": (9, 1),
    "axes": (1, 0),
    "index": np.array([[2, 0, 1]]),
    "axis": 0,
    "rng": np.random.default_rng(0),
    **{"mg": mg, "np": np, "math": math, "copy": copy},
}


@pytest.mark.parametrize("name", instead.FUNCTIONS)
def test_a_missing_function_is_answered_with_what_to_write_instead(name):
    with pytest.raises(AttributeError, match=f"minigrad has no {name}; write {re.escape(instead.FUNCTIONS[name])}$"):
        getattr(mg, name)
    y = eval(instead.FUNCTIONS[name], dict(NAMES))
    assert isinstance(y, mg.Tensor)
    calls = {"dot": (NAMES["x"], NAMES["y"]), "trace": (NAMES["x"],), "ravel": (NAMES["x"],), "log10": (NAMES["x"],)}
    if name in calls:
        np.testing.assert_allclose(y.data, getattr(np, name)(*[x.data for x in calls[name]]), rtol=1e-7)


@pytest.mark.parametrize("name", instead.METHODS)
def test_a_missing_method_is_answered_with_what_to_write_instead(name):
    hint = instead.METHODS[name]
    if name == "cuda":
        return
    with pytest.raises(AttributeError, match=f"Tensor has no {name}; write {re.escape(hint)}$"):
        getattr(NAMES["x"], name)
    exec(hint, NAMES | {"x": mg.ones((9, 1)), "y": mg.ones((1, 2))})


def test_a_missing_method_that_exists_as_a_function_is_answered_with_the_function():
    with pytest.raises(AttributeError, match=r"Tensor has no softmax; write mg.softmax\(x\)$"):
        X.softmax(axis=1)
    for name in ("softmx", "_softmax", "__softmax__"):
        with pytest.raises(AttributeError, match=f"Tensor has no {name}$"):
            getattr(X, name)
    with pytest.raises(AttributeError, match="minigrad has no softmx$"):
        mg.softmx  # noqa: B018
    with pytest.raises(TypeError, match=r'np.trace is not differentiable here; use mg.einsum\("ii", x\), or the array'):
        np.trace(X)


# ---- errors ----------------------------------------------------------------------------------------------------------

B = mg.Tensor([True, False])
ERRORS = [
    ("a number", lambda: mg.concatenate([1.0, X]), r"concatenate: xs\[0\] has no axes; join numbers with stack, or"),
    ("minus", lambda: -B, "negative: x is boolean; use ~x for its opposite"),
    ("difference", lambda: B - B, r"subtract: x and y are boolean; use x \^ y to see where they differ"),
    ("norm's order", lambda: mg.norm(X, 1), r"norm\(x, /, \*, axis=None, keepdims=False\): got 2 positional"),
    ("approximate", lambda: mg.gelu(X, "erf"), "gelu: unknown approximate 'erf'; choose 'none' or 'tanh'"),
    ("classes", lambda: mg.one_hot([0, 3], 3), "one_hot: indices from 0 to 3; there are classes 0 to 2"),
    ("negative class", lambda: mg.one_hot([-1], 3), "one_hot: indices from -1 to -1; there are"),
    ("no class", lambda: mg.one_hot([0.5], 3), "one_hot: got float32 indices; they must be integers"),
    ("sort axis", lambda: mg.sort(X, axis=2), "sort: axis is 2; with 2 axes"),
    ("argsort axis", lambda: mg.argsort(X, axis=-3), "argsort: axis is -3; with 2 axes"),
    ("topk", lambda: mg.topk(X, 4), "topk: k is 4; axis 1 has 3 elements"),
    ("flatten", lambda: mg.flatten(X, 1, 0), "flatten: start_dim 1 comes after end_dim 0; swap them"),
    ("repeat", lambda: mg.repeat(X, -1), "repeat: repeats is -1; it must not be negative"),
    ("tile", lambda: mg.tile(X, (2, -1)), r"tile: reps is \(2, -1\); it must not be negative"),
    ("meshgrid", lambda: mg.meshgrid(X, indexing="yx"), "meshgrid: unknown indexing 'yx'; choose 'xy' or 'ij'"),
    ("diag", lambda: mg.diag(1.0), r"diag: x has shape \(\); it must be a vector or a matrix"),
    ("tril", lambda: mg.tril([1.0]), r"tril: x has shape \(1,\); it must be one matrix or"),
    ("triu", lambda: mg.triu([1.0]), r"triu: x has shape \(1,\); it must be one matrix or"),
    ("std of nothing", lambda: mg.std(np.ones((0, 2)), axis=0), "std: x .* no elements along axis 0"),
    ("std of one", lambda: mg.std([1.0], ddof=1), "std: ddof is 1; it must be less than the number of elements, 1"),
    ("axes", lambda: mg.gram_matrix(X), r"gram_matrix: x has shape \(2, 3\); it needs four axes, \(N,C,H,W\)"),
]


@pytest.mark.parametrize(("f", "text"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_a_wrong_call_says_what_is_wrong(f, text):
    with pytest.raises((ValueError, TypeError, IndexError), match=text):
        f()
