"""Forward values against oracles that share no code with the ops; and what holds for all: layouts, dtypes, memory."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import special
from scipy.sparse import csr_array

import minigrad as mg
from tests.cases import CASES

SHAPES = hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4)
SHAPES_WITH_AXES = hnp.array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4)


def strided(a):
    """Return the numbers of a at every other place of a larger array."""
    large = np.full([2 * n for n in a.shape], 7, a.dtype)
    view = large[(*[slice(None, None, 2)] * a.ndim, ...)]
    view[...] = a
    return view


LAYOUTS = {
    "C": lambda a: np.array(a, order="C"),
    "Fortran": lambda a: np.array(a, order="F"),
    "strided": strided,
    "reversed": lambda a: np.flip(np.flip(a).copy()),
    "broadcast": lambda a: np.broadcast_to(a[tuple(slice(1) for _ in a.shape)], a.shape),  # all elements the first
}


@st.composite
def arrays(draw, shape=SHAPES):
    """Draw normal numbers of a shape, in one of the memory layouts."""
    shape = draw(shape) if isinstance(shape, st.SearchStrategy) else shape
    numbers = np.random.default_rng(draw(st.integers(0, 99))).normal(size=shape)
    return LAYOUTS[draw(st.sampled_from(sorted(LAYOUTS)))](numbers)


@st.composite
def reductions(draw):
    """Draw an array, an axis (one, several, or None) and keepdims."""
    x = draw(arrays(SHAPES_WITH_AXES))
    several = st.lists(st.integers(0, x.ndim - 1), min_size=1, unique=True).map(tuple)
    axis = draw(st.none() | st.integers(-x.ndim, x.ndim - 1) | several)
    return x, axis, draw(st.booleans())


def tensor(array):
    """Return a Tensor that keeps the array's memory layout, where Tensor(array) would copy it to C order."""
    return mg.Tensor.wrap(array)


def equal(y, expected):
    """Compare shapes and values, within a few roundings."""
    assert y.shape == np.shape(expected)
    np.testing.assert_allclose(y.data, expected, rtol=1e-13, atol=1e-13)


# ---- elementwise -----------------------------------------------------------------------------------------------------

UNARY = {
    "abs": np.fabs,
    "cos": np.cos,
    "elu": lambda x: np.where(x > 0, x, np.expm1(x)),
    "erf": np.vectorize(math.erf, otypes=[float]),
    "exp": np.exp,
    "expm1": lambda x: 2 * np.sinh(x / 2) * np.exp(x / 2),
    "gelu": lambda x: x * special.ndtr(x),
    "hardtanh": lambda x: np.where(x < -1, -1, np.where(x > 1, 1, x)),
    "leaky_relu": lambda x: np.where(x < 0, x / 100, x),
    "negative": lambda x: 0 - x,
    "reciprocal": np.reciprocal,
    "relu": lambda x: np.where(x < 0, 0, x),
    "sigmoid": special.expit,
    "sign": lambda x: np.where(x < 0, -1, np.where(x > 0, 1, 0)),
    "sin": np.sin,
    "softplus": lambda x: np.logaddexp(0, x),
    "square": lambda x: np.power(x, 2),
    "tanh": np.tanh,
}
UNARY_OF_POSITIVE = {"log": np.log, "log1p": lambda x: np.log(1 + x), "sqrt": lambda x: np.power(x, 0.5)}
BINARY = {
    "add": np.add,
    "subtract": np.subtract,
    "multiply": np.multiply,
    "divide": np.divide,
    "maximum": lambda x, y: np.where(x > y, x, y),
    "minimum": lambda x, y: np.where(x < y, x, y),
}


@pytest.mark.parametrize("name", UNARY)
@given(x=arrays())
def test_functions_of_one_input(name, x):
    equal(getattr(mg, name)(tensor(x)), UNARY[name](x))


@pytest.mark.parametrize("name", UNARY_OF_POSITIVE)
@given(x=arrays())
def test_functions_of_one_positive_input(name, x):
    equal(getattr(mg, name)(mg.abs(tensor(x))), UNARY_OF_POSITIVE[name](np.fabs(x)))


@given(x=arrays(), low=st.floats(-2, 0), high=st.floats(0, 2))
def test_clip(x, low, high):
    equal(mg.clip(tensor(x), low, high), np.where(x < low, low, np.where(x > high, high, x)))
    equal(mg.clip(tensor(x), max=high), np.where(x > high, high, x))


@st.composite
def broadcastable(draw, count=2):
    """Draw arrays whose shapes broadcast together."""
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=count, max_dims=3, max_side=3, min_side=0))
    return [draw(arrays(shape)) for shape in shapes.input_shapes]


@pytest.mark.parametrize("name", BINARY)
@given(inputs=broadcastable())
def test_functions_of_two_inputs_broadcast(name, inputs):
    equal(getattr(mg, name)(*map(tensor, inputs)), BINARY[name](*inputs))


@given(inputs=broadcastable())
def test_power(inputs):
    x, y = inputs
    equal(mg.abs(tensor(x)) ** tensor(y), np.exp(y * np.log(np.fabs(x))))


@given(inputs=broadcastable(3))
def test_where(inputs):
    c, x, y = inputs
    assert mg.where(c > 0, 1.0, 0.5).dtype == np.float32  # numbers alone make float32, as everywhere
    equal(mg.where(c > 0, tensor(x), tensor(y)), (c > 0) * x + (c <= 0) * y)


@given(inputs=broadcastable(), seed=st.integers(0, 99))
def test_a_gradient_is_summed_over_the_axes_that_were_broadcast(inputs, seed):
    x, y = (mg.Tensor(a, requires_grad=True) for a in inputs)
    z = x + y
    g = np.random.default_rng(seed).normal(size=z.shape)
    for t, dt in zip((x, y), mg.grad(z, [x, y], g)):
        owner = np.broadcast_to(np.arange(t.size).reshape(t.shape), z.shape)  # which element each result came from
        equal(dt, np.bincount(owner.ravel(), weights=g.ravel(), minlength=t.size).reshape(t.shape))


# ---- reductions ------------------------------------------------------------------------------------------------------

REDUCTIONS = {
    "sum": np.sum,
    "mean": np.mean,
    "var": np.var,
    "max": np.max,
    "min": np.min,
    "prod": np.prod,
    "logsumexp": special.logsumexp,
    "norm": lambda x, axis, keepdims: np.sqrt(np.sum(np.square(x), axis=axis, keepdims=keepdims)),
}


@pytest.mark.parametrize("name", REDUCTIONS)
@given(reduction=reductions())
def test_reductions(name, reduction):
    x, axis, keepdims = reduction
    expected = REDUCTIONS[name](x, axis=axis, keepdims=keepdims)
    if name != "norm":  # whose second argument is an order elsewhere, so that axis goes by name
        equal(getattr(mg, name)(tensor(x), axis, keepdims), expected)
    equal(getattr(mg, name)(tensor(x), axis=axis, keepdims=keepdims), expected)


@given(reduction=reductions())
def test_softmax_and_its_logarithm(reduction):
    x, axis, _ = reduction
    equal(mg.softmax(tensor(x), axis=axis), special.softmax(x, axis=axis))
    equal(mg.log_softmax(tensor(x), axis=axis), special.log_softmax(x, axis=axis))


@given(x=arrays(SHAPES_WITH_AXES), ddof=st.integers(0, 2))
def test_var_with_another_divisor(x, ddof):
    assume(x.shape[-1] > ddof)
    equal(mg.var(tensor(x), axis=-1, ddof=ddof), np.var(x, axis=-1, ddof=ddof))


@given(x=arrays(SHAPES_WITH_AXES), data=st.data())
def test_argmax_and_argmin(x, data):
    axis = data.draw(st.none() | st.integers(-x.ndim, x.ndim - 1))
    assert np.array_equal(mg.argmax(tensor(x), axis).data, np.argmax(x, axis))
    assert np.array_equal(mg.argmin(x, axis).data, np.argmin(x, axis))
    assert not mg.argmax(mg.Tensor(x, requires_grad=True)).requires_grad


def test_sums_over_nothing_are_0_and_products_1():
    assert mg.sum(mg.Tensor(np.ones((0, 2))), axis=0).data.tolist() == [0.0, 0.0]
    assert mg.prod(mg.Tensor(np.ones((2, 0))), axis=1).data.tolist() == [1.0, 1.0]
    assert mg.sum(mg.Tensor(np.ones((2, 3))), axis=()).shape == (2, 3)


# ---- shape -----------------------------------------------------------------------------------------------------------


@given(x=arrays(SHAPES_WITH_AXES), data=st.data())
def test_moving_axes_and_elements(x, data):
    axis, other = (data.draw(st.integers(-x.ndim, x.ndim - 1)) for _ in range(2))
    order = tuple(data.draw(st.permutations(range(-x.ndim, 0))))
    shift = data.draw(st.integers(-5, 5))
    t = tensor(x)
    equal(mg.transpose(t), x.T)
    equal(mg.transpose(t, order), np.moveaxis(x, order, range(x.ndim)))
    equal(mg.swapaxes(t, axis, other), np.swapaxes(x, axis, other))
    equal(mg.unsqueeze(t, axis), np.expand_dims(x, axis))
    equal(mg.squeeze(mg.unsqueeze(t, axis), axis), x)
    equal(mg.squeeze(t), np.squeeze(x))
    equal(mg.reshape(t, -1), np.ravel(x))
    equal(mg.flip(t, axis), np.flip(x, axis))
    equal(mg.roll(t, shift, axis), np.roll(x, shift, axis))
    equal(mg.roll(t, shift), np.roll(x, shift))
    equal(mg.broadcast_to(t, (2, *x.shape)), np.stack([x, x]))
    equal(mg.cumsum(t, axis), np.add.accumulate(x, axis))


@given(x=arrays(SHAPES_WITH_AXES), data=st.data())
def test_joining_and_cutting(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    cuts = sorted(data.draw(st.lists(st.integers(0, x.shape[axis]), max_size=3)))
    pieces = mg.split(tensor(x), cuts, axis)
    for piece, expected in zip(pieces, np.split(x, cuts, axis), strict=True):
        equal(piece, expected)
    for piece, expected in zip(mg.split(tensor(x), x.shape[axis], axis), np.split(x, x.shape[axis], axis), strict=True):
        equal(piece, expected)
    equal(mg.concatenate(pieces, axis=axis), x)
    equal(mg.stack([tensor(x), tensor(2 * x)], axis=axis), np.stack([x, 2 * x], axis=axis))


@given(x=arrays(SHAPES_WITH_AXES), data=st.data())
def test_pad(x, data):
    widths = data.draw(st.lists(st.tuples(*[st.integers(0, 2)] * 2), min_size=x.ndim, max_size=x.ndim))
    equal(mg.pad(tensor(x), widths), np.pad(x, widths))
    equal(mg.pad(tensor(x), widths, constant_values=1.5), np.pad(x, widths, constant_values=1.5))
    equal(mg.pad(tensor(x), widths, "edge"), np.pad(x, widths, "edge"))
    narrow = [(min(a, n - 1), min(b, n - 1)) for (a, b), n in zip(widths, x.shape)]
    equal(mg.pad(tensor(x), narrow, mode="reflect"), np.pad(x, narrow, "reflect"))
    equal(mg.pad(tensor(x), 1), np.pad(x, 1))
    equal(mg.pad(tensor(x), (0, 2)), np.pad(x, (0, 2)))


@given(x=arrays(SHAPES_WITH_AXES), data=st.data())
def test_indexing_and_its_adjoint(x, data):
    index = data.draw(hnp.basic_indices(x.shape, allow_newaxis=True) | hnp.integer_array_indices(x.shape))
    y = tensor(x)[index]
    equal(y, x[index])
    places = np.arange(x.size).reshape(x.shape)[index]  # where in x each element of y came from
    expected = np.bincount(np.ravel(places), weights=np.ravel(y.data), minlength=x.size).reshape(x.shape)
    equal(mg.scatter(y, index, x.shape), expected)


@given(x=arrays(SHAPES_WITH_AXES))
def test_indexing_by_a_mask(x):
    mask = x > 0
    equal(tensor(x)[mask], np.extract(mask, x))
    equal(tensor(x)[tensor(x) > 0], np.extract(mask, x))
    equal(mg.scatter(np.extract(mask, x), mask, x.shape), np.where(mask, x, 0))


@given(x=arrays(SHAPES_WITH_AXES), data=st.data())
def test_take_and_take_along_axis(x, data):
    axis = data.draw(st.integers(-x.ndim, x.ndim - 1))
    n = x.shape[axis]
    indices = data.draw(
        hnp.arrays(int, hnp.array_shapes(min_dims=0, max_dims=2, max_side=3), elements=st.integers(-n, n - 1))
    )
    equal(mg.take(tensor(x), indices, axis), np.take(x, indices, axis))
    equal(mg.take(tensor(x), indices), np.take(x, indices))
    index = np.argsort(x, axis=axis)
    equal(mg.take_along_axis(tensor(x), index, axis), np.take_along_axis(x, index, axis))
    equal(mg.take_along_axis(tensor(x), mg.Tensor(index), axis), np.sort(x, axis=axis))
    first = index[tuple(slice(None) if i == axis % x.ndim else slice(1) for i in range(x.ndim))]
    equal(mg.take_along_axis(tensor(x), first, axis), np.take_along_axis(x, first, axis))
    equal(mg.take_along_axis(tensor(x), [0, x.size - 1], None), np.take_along_axis(x, np.array([0, x.size - 1]), None))


# ---- products --------------------------------------------------------------------------------------------------------


def nested_einsum(subscripts, *operands):
    """Einstein summation by its definition: one loop a letter; an axis of length 1 broadcasts."""
    left, result = subscripts.split("->")
    terms = left.split(",")
    lengths = {}
    for letter, n in ((letter, n) for term, x in zip(terms, operands) for letter, n in zip(term, x.shape)):
        lengths[letter] = max(n, lengths.get(letter, 1))
    out = np.zeros([lengths[letter] for letter in result])
    for place in itertools.product(*map(range, lengths.values())):
        at = dict(zip(lengths, place))
        factors = [x[tuple(at[c] if n > 1 else 0 for c, n in zip(term, x.shape))] for term, x in zip(terms, operands)]
        out[tuple(at[letter] for letter in result)] += math.prod(factors)
    return out


@st.composite
def einsums(draw):
    """Draw subscripts of up to three letters, with operands to match, some of whose axes broadcast."""
    terms = draw(st.lists(st.text("ijk", max_size=3), min_size=1, max_size=3))
    letters = sorted(set("".join(terms)))
    result = "".join(draw(st.permutations(letters))[: draw(st.integers(0, len(letters)))])
    operands = []
    for term in terms:
        lengths = {letter: draw(st.sampled_from([n, n, 1])) for letter, n in zip("ijk", (2, 3, 4))}
        operands.append(draw(arrays(tuple(lengths[letter] for letter in term))))
    return f"{','.join(terms)}->{result}", operands


@given(einsum=einsums())
def test_einsum_is_nested_loops_and_differentiable(einsum):
    subscripts, operands = einsum
    equal(mg.einsum(subscripts, *map(tensor, operands)), nested_einsum(subscripts, *operands))
    assert mg.gradcheck(lambda *xs: mg.einsum(subscripts, *xs), operands)


@pytest.mark.parametrize(
    ("short", "long"),
    [
        ("ij,jk", "ij,jk->ik"),
        ("ba", "ba->ab"),
        ("ii", "ii->"),
        ("i j , j k -> i k", "ij,jk->ik"),
        ("...i->...", "ai->a"),
        ("...i,...i->...", "ai,ai->a"),
        ("...", "ab->ab"),
        ("i...", "ia->ai"),
    ],
)
def test_einsum_understands_short_forms(short, long, rng):
    xs = [rng.normal(size=(3, 3)) for _ in short.split(",")]
    equal(mg.einsum(short, *xs), nested_einsum(long, *xs))


@st.composite
def factors(draw):
    """Draw the two operands of a matrix product: matrices, batches of them that broadcast, or vectors."""
    shapes = draw(hnp.mutually_broadcastable_shapes(signature=np.matmul.signature, max_dims=2, max_side=3, min_side=0))
    return [draw(arrays(shape)) for shape in shapes.input_shapes]


@given(inputs=factors())
def test_matmul_is_a_sum_of_products(inputs):
    x, y = inputs
    rows = x[None, :] if x.ndim == 1 else x
    columns = y[:, None] if y.ndim == 1 else y
    product = (rows[..., :, :, None] * columns[..., None, :, :]).sum(axis=-2)  # (..,m,k,n) -> (..,m,n)
    added = tuple(axis for axis, t in ((-2, x), (-1, y)) if t.ndim == 1)
    equal(tensor(x) @ tensor(y), product.squeeze(added))


@pytest.mark.parametrize("form", ["csr", "csc", "coo", "dia"])
@pytest.mark.parametrize("shape", [(5,), (5, 3)])
def test_a_sparse_matrix_multiplies_as_the_dense_one_does(form, shape, rng):
    dense = rng.normal(size=(4, 5)) * (rng.random((4, 5)) < 0.4)
    x, c = rng.normal(size=shape), rng.normal(size=(4, *shape[1:]))
    t = mg.Tensor(x, requires_grad=True)
    y = mg.sparse_matmul(csr_array(dense).asformat(form), t)
    equal(y, np.einsum("ij,j...->i...", dense, x))
    equal(mg.grad(y, t, c), np.einsum("ij,i...->j...", dense, c))


@given(x=arrays((2, 3, 4)), w=arrays((5, 4)), b=arrays(5))
def test_linear_outer_and_tensordot(x, w, b):
    expected = nested_einsum("abn,mn->abm", x, w)
    equal(mg.linear(tensor(x), tensor(w)), expected)
    equal(mg.linear(tensor(x), tensor(w), tensor(b)), expected + b)
    equal(mg.outer(tensor(b), tensor(w)), nested_einsum("i,j->ij", b, w.ravel()))
    equal(mg.tensordot(tensor(x), tensor(w.T), 1), expected)
    equal(mg.tensordot(tensor(x), tensor(x), ((0, -1), (0, 2))), nested_einsum("iaj,ibj->ab", x, x))


# ---- normalisation and losses ----------------------------------------------------------------------------------------


def nested_standardize(x, eps=1e-5):
    """Standardize each row of a matrix, one at a time."""
    return np.array([[(v - row.mean()) / math.sqrt(row.var() + eps) for v in row] for row in x])


@given(x=arrays((3, 4)), w=arrays(4), b=arrays(4))
def test_normalisations(x, w, b):
    equal(mg.standardize(tensor(x), 1), nested_standardize(x))
    equal(mg.layer_norm(tensor(x), w=tensor(w), b=tensor(b), eps=0.1), nested_standardize(x, 0.1) * w + b)
    equal(mg.batch_norm(tensor(x), w=tensor(w), b=tensor(b)), nested_standardize(x.T).T * w + b)
    given_statistics = mg.batch_norm(tensor(x), tensor(b), mg.abs(tensor(w)), eps=0.5)
    equal(given_statistics, (x - b) / np.sqrt(np.fabs(w) + 0.5))


@pytest.mark.parametrize("shape", [(2, 3), (2, 3, 4), (2, 3, 4, 1), (1, 3, 2, 1, 2)])
def test_divisive_norm_divides_by_a_pooled_size_of_all_channels(shape, rng):
    x, gamma, beta = rng.standard_normal(shape), rng.random((3, 3)), rng.random(3) + 0.1
    quotients, products = np.empty(shape), np.empty(shape)
    for n, i, *place in np.ndindex(*shape):
        size = math.sqrt(beta[i] + math.fsum(gamma[i, j] * x[n, j, *place] ** 2 for j in range(3)))
        quotients[n, i, *place], products[n, i, *place] = x[n, i, *place] / size, x[n, i, *place] * size
    equal(mg.divisive_norm(tensor(x), tensor(gamma), tensor(beta)), quotients)
    equal(mg.divisive_norm(tensor(x), tensor(gamma), tensor(beta), inverse=True), products)


def reduced(losses):
    """Return what each reduction makes of the losses."""
    return {"none": losses, "sum": np.sum(losses), "mean": np.mean(losses)}


LOSSES = {
    "mse_loss": lambda x, t: (x - t) ** 2,
    "l1_loss": lambda x, t: max(x, t) - min(x, t),
    "huber_loss": lambda x, t: (x - t) ** 2 / 2 if abs(x - t) <= 1 else abs(x - t) - 0.5,
    "binary_cross_entropy_with_logits": lambda x, t: (
        -t * math.log(special.expit(x)) - (1 - t) * math.log(special.expit(-x))
    ),
}


@pytest.mark.parametrize("name", LOSSES)
@given(x=arrays((3, 2)), t=arrays((3, 2)))
def test_losses_against_targets_of_their_own_shape(name, x, t):
    t = special.expit(t)  # into [0, 1], where every loss accepts it
    for reduction, expected in reduced(np.vectorize(LOSSES[name])(x, t)).items():
        equal(getattr(mg, name)(tensor(x), tensor(t), reduction), expected)


@given(x=arrays((4, 3, 2)), data=st.data())
def test_cross_entropy_counts_only_targets_that_are_not_ignored(x, data):
    ignored = data.draw(st.sampled_from([-100, 0, 2]))
    t = data.draw(hnp.arrays(int, (4, 2), elements=st.sampled_from([0, 1, 2, ignored])))
    log_p = np.log(np.exp(x) / np.exp(x).sum(axis=1, keepdims=True))
    losses = np.zeros(t.shape)
    for i, k in zip(*np.nonzero(t != ignored)):
        losses[i, k] = -log_p[i, t[i, k], k]
    equal(mg.cross_entropy(tensor(x), t, reduction="none", ignore_index=ignored), losses)
    equal(mg.nll_loss(tensor(log_p), mg.Tensor(t), reduction="sum", ignore_index=ignored), losses.sum())
    assume((t != ignored).any())
    equal(mg.cross_entropy(tensor(x), t, ignore_index=ignored), losses.sum() / (t != ignored).sum())


@given(m=arrays((2, 3)), v=arrays((2, 3)))
def test_gaussian_kl_is_the_expectation_of_the_difference_of_log_densities(m, v):
    z, weights = np.polynomial.hermite_e.hermegauss(2)  # exact for the polynomial that it integrates, of degree 2

    def kl(m, v, prior_m, prior_v):
        x = m + math.exp(v / 2) * z
        difference = ((x - prior_m) ** 2 / math.exp(prior_v) + prior_v - z**2 - v) / 2
        return weights @ difference / math.sqrt(2 * math.pi)

    for reduction, expected in reduced(np.vectorize(kl)(m, v, 0, 0)).items():
        equal(mg.gaussian_kl(tensor(m), tensor(v), reduction=reduction), expected)
    equal(mg.gaussian_kl(tensor(m), tensor(v), 0.3, -0.7, "none"), np.vectorize(kl)(m, v, 0.3, -0.7))
    equal(mg.gaussian_kl(tensor(m), tensor(v), tensor(v[0]), tensor(m[0])), np.vectorize(kl)(m, v, v[0], m[0]).mean())


# ---- memory ----------------------------------------------------------------------------------------------------------


def run(case, inputs):
    """Return the leaves of a case, its outputs, the seeds of a backward pass, and the gradients it gives."""
    leaves = [tensor(a) for a in inputs]
    for t in leaves:
        t.requires_grad = t.dtype.kind == "f"
    y = case.f(*leaves)
    outputs = [t for t in ([y] if isinstance(y, mg.Tensor) else y) if t.requires_grad]
    rng = np.random.default_rng(0)
    seeds = [mg.Tensor(np.array(rng.normal(size=t.shape), t.dtype)) for t in outputs]
    for t, g in zip(outputs, seeds):
        t.backward(g)
    return leaves, outputs, seeds, [t.grad for t in leaves if t.grad is not None]


def graph(outputs):
    """Return the outputs and all tensors they were made from."""
    found = {id(t): t for t in outputs}
    stack = list(outputs)
    while stack:
        for x in stack.pop()._inputs:
            if isinstance(x, mg.Tensor) and id(x) not in found:
                found[id(x)] = x
                stack.append(x)
    return list(found.values())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_no_op_changes_its_inputs_and_every_gradient_has_memory_of_its_own(case):
    leaves, outputs, seeds, grads = run(case, [a.copy() for a in case.inputs])
    for t, a in zip(leaves, case.inputs):
        assert np.array_equal(t.data, a)
    others = [t.data for t in graph(outputs) + seeds]
    for i, g in enumerate(grads):
        assert not any(np.shares_memory(g.data, a) for a in others)
        assert not any(np.shares_memory(g.data, other.data) for other in grads[:i])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_the_memory_layout_of_the_inputs_changes_nothing(case, layout):
    inputs = [LAYOUTS[layout](a) if a.dtype.kind == "f" else a for a in case.inputs]
    _, outputs, _, grads = run(case, inputs)
    _, expected_outputs, _, expected_grads = run(case, [a.copy() for a in inputs])
    for t, expected in zip(outputs + grads, expected_outputs + expected_grads, strict=True):
        equal(t, expected.data)


@pytest.mark.parametrize(
    "f",
    [lambda x, y: x + y, lambda x, y: (x + y) * 1.0, lambda x, y: mg.concatenate([x, y])],
    ids=["of the seed", "of one made on the way", "of views"],
)
def test_two_gradients_of_one_cotangent_are_two_arrays(f):
    x, y = mg.Tensor([1.0, 2.0], requires_grad=True), mg.Tensor([3.0, 4.0], requires_grad=True)
    z = f(x, y)
    g = mg.Tensor(np.ones(z.shape, np.float32))
    z.backward(g)
    x.grad.data[:] = 7.0
    assert y.grad.data.tolist() == [1.0, 1.0]
    assert g.data.tolist() == [1.0] * g.size


@pytest.mark.parametrize(
    "f",
    [lambda x: x.reshape(2, 1), lambda x: x.T, lambda x: x[::-1], lambda x: x.sum(), lambda x: x],
    ids=["reshape", "T", "reversed", "sum", "itself"],
)
def test_a_gradient_can_be_changed_without_changing_the_seed_or_the_next_gradient(f):
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    y = f(x)
    g = np.ones(y.shape, np.float32)
    for seed in (g, mg.Tensor(g)):
        dx = mg.grad(y, x, seed)
        dx.data[:] = 7.0
        assert np.all(np.asarray(seed) == 1.0)
        assert mg.grad(y, x, seed).data.tolist() == [1.0, 1.0]


def test_one_input_asked_for_twice_gets_two_gradients():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    first, second = mg.grad(x.sum(), [x, x])
    first.data[:] = 7.0
    assert second.data.tolist() == [1.0, 1.0]


# ---- dtypes ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_float32_stays_float32_forward_and_backward(case):
    _, outputs, _, grads = run(case, [a.astype(np.float32) if a.dtype.kind == "f" else a for a in case.inputs])
    assert {t.dtype for t in outputs + grads} <= {np.dtype(np.float32)}


@pytest.mark.parametrize("name", [*BINARY, "power"])
def test_float32_with_float64_is_float64_and_each_gradient_has_its_inputs_dtype(name):
    x = mg.Tensor(np.array([1.5, 2.5], np.float32), requires_grad=True)
    y = mg.Tensor(np.array([2.0, 0.5], np.float64), requires_grad=True)
    for first, second in [(x, y), (y, x)]:
        z = getattr(mg, name)(first, second)
        assert z.dtype == np.float64
        assert [t.dtype for t in mg.grad(z.sum(), [x, y])] == [np.float32, np.float64]


def test_a_bias_of_another_dtype_promotes_as_a_sum_does():
    x, w = (mg.Tensor(np.ones((2, 2), np.float32), requires_grad=True) for _ in range(2))
    b = mg.Tensor(np.array([1e-9, 1.0]), requires_grad=True)
    y = mg.linear(x, w, b)
    assert y.dtype == np.float64 and y.data[0, 0] == 2.0 + 1e-9
    assert [t.dtype for t in mg.grad(y.sum(), [x, w, b])] == [np.float32, np.float32, np.float64]
    assert mg.linear(np.array([1, 2]), np.array([[3, 4]]), np.array([0.5])).data.tolist() == [11.5]


def test_a_gradient_comes_back_through_astype_in_the_dtype_it_left():
    x = mg.Tensor([1.0, 2.0], requires_grad=True)
    y = x.astype(np.float64)
    assert y.dtype == np.float64
    assert mg.grad(mg.exp(y).sum(), x).dtype == np.float32


@pytest.mark.parametrize("scalar", [2, 2.5, True], ids=repr)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("name", [*BINARY, "power"])
def test_python_scalars_never_promote(name, dtype, scalar):
    x = mg.Tensor(np.array([1.5, 2.5], dtype))
    assert getattr(mg, name)(x, scalar).dtype == dtype
    assert getattr(mg, name)(scalar, x).dtype == dtype


OF_ONE_INPUT = ["square", "abs", "sign", "negative", "sum", "max", "min", "prod"]
OF_TWO_INPUTS = ["add", "subtract", "multiply", "power", "maximum", "minimum", "matmul"]


@pytest.mark.parametrize("dtype", [np.int8, np.int32, np.int64, np.uint8])
@pytest.mark.parametrize("name", OF_ONE_INPUT + OF_TWO_INPUTS)
def test_integers_behave_as_numpys(name, dtype):
    x = np.array([[1, 2], [3, 4]], dtype)
    inputs = [x] if name in OF_ONE_INPUT else [x, x.T]
    y, expected = getattr(mg, name)(*inputs), getattr(np, name)(*inputs)
    assert y.dtype == expected.dtype
    assert np.array_equal(y.data, expected)


@pytest.mark.parametrize("name", ["mean", "var"])
def test_averages_of_integers_are_float32(name):
    y = getattr(mg, name)(mg.Tensor([1, 2, 4]))
    assert y.dtype == np.float32
    assert abs(y.item() - getattr(np, name)([1, 2, 4])) < 1e-6


def test_booleans_are_summed_as_integers():
    x = mg.Tensor([True, True, False])
    assert mg.sum(x).item() == 2
    assert mg.cumsum(x, 0).data.tolist() == [1, 2, 2]


@pytest.mark.parametrize("f", [mg.leaky_relu, mg.elu, mg.softplus, mg.sigmoid, mg.gelu], ids=lambda f: f.__name__)
def test_activations_of_integers_are_those_of_the_floats(f):
    x = np.array([-100, -1, 0, 3])
    assert f(mg.Tensor(x)).dtype == np.float32
    np.testing.assert_array_equal(f(mg.Tensor(x)).data, f(mg.Tensor(x.astype(np.float32))).data)


# ---- errors ----------------------------------------------------------------------------------------------------------

M = mg.Tensor(np.ones((2, 3)))
V = mg.Tensor(np.ones(3))

ERRORS = [
    ("add", lambda: M + np.ones(2), ValueError, r"\(2,3\) \(2,\)"),
    ("maximum", lambda: mg.maximum(M, np.ones(2)), ValueError, r"\(2,3\) \(2,\)"),
    ("where", lambda: mg.where(M > 0, np.ones(2), M), ValueError, r"\(2,3\) \(2,\)"),
    ("power", lambda: mg.Tensor([1, 2]) ** -1, ValueError, "negative integer powers"),
    ("text", lambda: M + "1", TypeError, "got <U1 data; they must be real numbers"),
    ("None", lambda: mg.exp(None), TypeError, "got object data; they must be real numbers"),
    ("complex", lambda: M * 1j, TypeError, "got complex128 data; they must be real numbers"),
    ("too few", lambda: mg.add(M), TypeError, r"add\(x, y, /\): got 1 positional"),
    ("too many", lambda: mg.exp(M, M), TypeError, r"exp\(x, /\): got 2 positional"),
    ("unknown keyword", lambda: mg.sum(M, axes=0), TypeError, r"sum\(x, /, axis=None, keepdims=False\)"),
    ("given twice", lambda: mg.sum(M, 0, axis=1), TypeError, "sum: got axis twice"),
    ("missing parameter", lambda: mg.roll(M), TypeError, r"roll\(x, /, shift, axis=None\)"),
    ("astype", lambda: mg.astype(M, "float33"), TypeError, "float33"),
    ("device", lambda: M.to("tpu"), ValueError, "unknown device 'tpu'; choose 'cpu',"),
    ("clip", lambda: mg.clip(M), ValueError, "clip: min and max are both None"),
    ("reshape", lambda: M.reshape(4), ValueError, r"reshape array of size 6 into shape \(4,\)"),
    ("transpose", lambda: mg.transpose(M, (0, 2)), ValueError, "axis 2 is out of bounds"),
    ("transpose twice", lambda: mg.transpose(M, (0, 0)), ValueError, "repeated axis in transpose"),
    ("swapaxes", lambda: mg.swapaxes(M, 0, 2), ValueError, "swapaxes: axis is 2; with 2 axes"),
    ("broadcast_to", lambda: mg.broadcast_to(M, (4, 3)), ValueError, r"\(2,3\).*\(4,3\)"),
    ("squeeze", lambda: mg.squeeze(M, 0), ValueError, r"squeeze: axis 0 of shape \(2, 3\) has length 2"),
    ("unsqueeze", lambda: mg.unsqueeze(M, 4), ValueError, "unsqueeze: axis is 4; with 3 axes"),
    ("concatenate", lambda: mg.concatenate([M, V]), ValueError, "same number of dimensions"),
    ("concatenate nothing", lambda: mg.concatenate([]), TypeError, "needs at least one input"),
    ("concatenate too many", lambda: mg.concatenate([M, M], 0, 1), TypeError, r"concatenate\(\*xs, axis=0\): needs"),
    ("concatenate axis", lambda: mg.concatenate([M, M], axis=None), ValueError, "axis is None; with 2 axes it"),
    ("input by name", lambda: mg.linear(M, np.ones((2, 3)), b=V), TypeError, "linear: b is an input; give it by its"),
    ("one statistic", lambda: mg.batch_norm(M, None, V), ValueError, "batch_norm: got only one of mean and var"),
    ("stack", lambda: mg.stack([M, V]), ValueError, r"stack: got the shapes .*\(2, 3\), \(3,\)"),
    ("stack nothing", lambda: mg.stack([]), ValueError, "stack: "),
    ("split", lambda: mg.split(M, 4), ValueError, "split: 2 elements on axis 0 do not divide into 4"),
    ("pad width", lambda: mg.pad(M, -1), ValueError, "pad: negative widths in"),
    ("pad mode", lambda: mg.pad(M, 1, "wrap"), ValueError, "pad: unknown mode 'wrap';"),
    ("pad reflect", lambda: mg.pad(M, 2, "reflect"), ValueError, "pad: mode 'reflect' cannot add 2 elements to axis 0"),
    ("pad edge", lambda: mg.pad(np.ones((0, 2)), 1, "edge"), ValueError, "pad: mode 'edge' cannot add 1 element"),
    ("roll", lambda: mg.roll(M, 1, 2), ValueError, "axis 2 is out of bounds"),
    ("flip", lambda: mg.flip(M, 2), ValueError, "axis 2 is out of bounds"),
    ("cumsum", lambda: mg.cumsum(M, 2), ValueError, "axis 2 is out of bounds"),
    ("getitem", lambda: M[2], IndexError, "index 2 is out of bounds for axis 0 with size 2"),
    ("getitem axes", lambda: M[0, 0, 0], IndexError, "too many indices"),
    ("getitem text", lambda: M["a"], IndexError, "only integers"),
    ("scatter", lambda: mg.scatter(V, np.array([0, 1, 4]), (4,)), IndexError, "index 4 is out of bounds"),
    ("take", lambda: mg.take(M, 3, axis=1), IndexError, "index 3 is out of bounds"),
    ("take_along_axis", lambda: mg.take_along_axis(M, [0], 0), ValueError, "indices has 1 axes, x has 2"),
    ("its index", lambda: mg.take_along_axis(M, [[2]], 0), IndexError, "index 2 is out of bounds"),
    ("its length", lambda: mg.take_along_axis(M, [[1, 0]], 0), IndexError, "could not be broadcast"),
    *[
        (f"{f.name} axis", lambda f=f: f(M, axis=2), ValueError, f"{f.name}: axis is 2; .* from -2 to 1")
        for f in [mg.sum, mg.max, mg.min, mg.prod, mg.logsumexp, mg.norm, mg.softmax, mg.log_softmax]
    ],
    ("mean axis", lambda: mg.mean(M, axis=2), ValueError, "axis is 2; with 2 axes it must be"),
    ("var axis", lambda: mg.var(M, axis=-3), ValueError, "var: axis is -3; .* from -2 to 1"),
    ("sum twice", lambda: M.sum(axis=(0, -2)), ValueError, r"sum: axis is \(0, -2\), which names an axis twice"),
    ("mean of nothing", lambda: mg.mean(np.ones((0, 2)), axis=0), ValueError, "mean: x .* no elements along axis 0"),
    ("var ddof", lambda: mg.var(M, axis=0, ddof=2), ValueError, "var: ddof is 2; it must be less than"),
    ("max of nothing", lambda: mg.max(np.ones((0, 2)), axis=0), ValueError, "no identity"),
    ("matmul", lambda: M @ M, ValueError, r"matmul: shapes \(2, 3\) and \(2, 3\) do not fit"),
    ("matmul scalar", lambda: M @ 2.0, ValueError, r"matmul: shapes \(2, 3\) and \(\) do not fit"),
    ("linear x", lambda: mg.linear(M, np.ones((2, 4))), ValueError, r"linear: x has shape \(2, 3\), w \(2, 4\)"),
    ("linear b", lambda: mg.linear(M, np.ones((2, 3)), V), ValueError, r"b has shape \(3,\); it must be \(2,\)"),
    ("einsum count", lambda: mg.einsum("ij,jk->ik", M), ValueError, "einsum: 'ij,jk->ik' names 2 operands, got 1"),
    ("einsum axes", lambda: mg.einsum("i->i", M), ValueError, "einsum: 'i' in 'i->i' does not fit an operand of 2"),
    ("einsum letters", lambda: mg.einsum("i?->i", M), ValueError, r"einsum: 'i\?->i' may contain only letters"),
    ("einsum dots", lambda: mg.einsum("i...->i", M), ValueError, "einsum: 'i...->i' lacks '...' in its result"),
    ("einsum diagonal", lambda: mg.einsum("ii->i", M), ValueError, "collapsing index 'i' don't match"),
    ("einsum result", lambda: mg.einsum("ij->k", M), ValueError, "'k' which never appeared"),
    ("tensordot", lambda: mg.tensordot(M, M, ((0, 1), 0)), ValueError, "tensordot: 2 axes of x and 1 of y; give"),
    ("sparse", lambda: mg.sparse_matmul(np.eye(2), M), TypeError, "sparse_matmul: matrix is a ndarray; give one of"),
    ("sparse", lambda: mg.sparse_matmul(csr_array((3, 9)), M), ValueError, "sparse_matmul: shapes .3, 9. and"),
    ("tensordot axes", lambda: mg.tensordot(M, M, 3), ValueError, "tensordot: ax"),
    ("standardize", lambda: mg.standardize(M, 2), ValueError, "standardize: axis is 2; with 2 axes"),
    ("divisive_norm", lambda: mg.divisive_norm(M, np.ones((2, 2)), V), ValueError, r"gamma \(2, 2\) and beta \(3,\)"),
    ("mse_loss", lambda: mg.mse_loss(M, V), ValueError, r"mse_loss: shapes \(2, 3\) and \(3,\); they must be equal"),
    ("l1_loss", lambda: mg.l1_loss(M, V), ValueError, "l1_loss: shapes"),
    ("huber_loss", lambda: mg.huber_loss(M, M, delta=0), ValueError, "huber_loss: delta is 0; it must be positive"),
    ("reduction", lambda: mg.mse_loss(M, M, "avg"), ValueError, "mse_loss: unknown reduction 'avg';"),
    ("nll reduction", lambda: mg.nll_loss(M, [0, 1], reduction="a"), ValueError, "nll_loss: unknown reduction 'a';"),
    ("cross_entropy class", lambda: mg.cross_entropy(M, [0, 3]), ValueError, "from 0 to 3; x has scores of"),
    ("cross_entropy dtype", lambda: mg.cross_entropy(M, [0.0, 1.0]), ValueError, "target is float64"),
    ("cross_entropy shape", lambda: mg.cross_entropy(M, [0, 1, 2]), ValueError, r"must hold integers of shape \(2,\)"),
    ("cross_entropy ignored", lambda: mg.cross_entropy(M, [-100] * 2), ValueError, "every target is ignored"),
    ("gaussian_kl", lambda: mg.gaussian_kl(M, V), ValueError, r"gaussian_kl: shapes \(2, 3\) and \(3,\)"),
]  # fmt: skip


@pytest.mark.parametrize(("f", "error", "text"), [row[1:] for row in ERRORS], ids=[row[0] for row in ERRORS])
def test_a_wrong_call_says_what_is_wrong(f, error, text):
    with pytest.raises(error, match=text):
        f()


def test_data_that_would_be_lost_are_refused():
    with pytest.raises(TypeError, match="complex128 holds no real numbers"):
        mg.astype(np.ones(2), complex)
    with pytest.raises(TypeError, match="masked array"):
        mg.Tensor(np.ma.masked_array([1.0, 2.0], mask=[True, False]))
    with pytest.raises(ValueError, match="axes is 3, but x has 2 axes"):
        mg.tensordot(np.ones((2, 2)), np.ones((2, 2)), 3)
