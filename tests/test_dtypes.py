"""Which dtype an op computes in and returns, of every dtype that it can be given."""

import re

import numpy as np
import pytest

import minigrad as mg
from minigrad.kernels.geometry import Geometry
from minigrad.ops.conv import col2im
from minigrad.ops.matmul import row_products
from minigrad.ops.pool import max_pool2d_scatter, sum_pool2d, sum_unpool2d
from tests.cases import CASES

X64 = np.array([1.0, 2.0])
TENTHS = [0.1, 0.2]

# ---- Python's numbers ------------------------------------------------------------------------------------------------

BESIDE_FLOAT64 = {
    "+": (lambda x, y: x + y, [1.1, 2.2]),
    "+ from the left": (lambda x, y: y + x, [1.1, 2.2]),
    "multiply": (mg.multiply, [0.1, 0.4]),
    "maximum of a tuple": (lambda x, y: mg.maximum(x, tuple(y)) - x, [0.0, 0.0]),
    "where": (lambda x, y: mg.where([True, False], x, y), [1.0, 0.2]),
    "concatenate": (lambda x, y: mg.concatenate([x, y]), [1.0, 2.0, 0.1, 0.2]),
    "stack": (lambda x, y: mg.stack([y, x]), [[0.1, 0.2], [1.0, 2.0]]),
    "matmul": (lambda x, y: x @ [y, y], [0.1 + 2 * 0.1, 0.2 + 2 * 0.2]),
    "outer": (mg.outer, [[0.1, 0.2], [0.2, 0.4]]),
    "tensordot": (lambda x, y: mg.tensordot(x, y, 1), 0.1 + 2 * 0.2),
    "einsum": (lambda x, y: mg.einsum("i,i->i", x, y), [0.1, 0.4]),
    "conv1d": (lambda x, y: mg.conv1d(x.reshape(1, 1, 2), [[y]]).reshape(1), [0.1 + 2 * 0.2]),
    "a loss": (lambda x, y: mg.l1_loss(x, y, "none"), [0.9, 1.8]),
    "a bias": (lambda x, y: mg.linear(x, np.zeros((2, 2)), y), TENTHS),
}


@pytest.mark.parametrize(("f", "expected"), BESIDE_FLOAT64.values(), ids=BESIDE_FLOAT64)
def test_a_list_beside_float64_keeps_its_precision(f, expected):
    y = f(mg.Tensor(X64), TENTHS)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-15)


@pytest.mark.parametrize("numbers", [[0.1, 0.2], [1, 2], ((0.1, 2),)], ids=str)
def test_a_list_beside_float32_and_float16_does_not_widen_them(numbers):
    for dtype in (np.float16, np.float32):
        x = mg.Tensor(X64.astype(dtype))
        assert (x * numbers).dtype == dtype and (numbers - x).dtype == dtype
        assert mg.stack([x, np.ravel(numbers).tolist()]).dtype == dtype


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_list_is_compared_in_the_dtype_of_the_tensor_as_a_number_is(dtype):
    x = mg.Tensor(np.array([0.1, 0.2], dtype))
    assert (x == 0.1).numpy().tolist() == (x == [0.1, 0.1]).numpy().tolist() == [True, False]
    assert (x <= [0.1, 0.2]).numpy().all() and not (x != (0.1, 0.2)).numpy().any()


def test_the_cotangent_of_a_float64_result_keeps_its_precision():
    x = mg.Tensor(np.array(2.0), requires_grad=True)
    (x * 1.0).backward(0.1)
    assert x.grad.item() == 0.1
    assert mg.grad(x.reshape(1) * 1.0, x, [0.1]).item() == 0.1
    assert mg.grad(x * 1.0, x, np.float32(0.1)).item() == np.float32(0.1)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        ([np.array([0.1]), np.array([0.2])], np.float64),
        ([[np.float64(0.1)], [2.0]], np.float64),
        ((np.float32([0.1]), [0.2]), np.float32),
        ([np.float16(0.5), 0.25], np.float32),
        ([np.array([1, 2]), [3, 4]], np.int64),
        ([[0.1, 2], [3, True]], np.float32),
        ([], np.float32),
    ],
)
def test_a_list_of_arrays_keeps_their_dtype_and_a_list_of_numbers_is_float32(data, dtype):
    x = mg.Tensor(data)
    assert x.dtype == dtype
    assert x.numpy().tolist() == np.array(data).astype(dtype).tolist()


def test_a_list_that_holds_tensors_at_any_depth_is_refused():
    x = mg.Tensor([1.0], requires_grad=True)
    for data in ([x], [[1.0], x], [[x], [x]]):
        with pytest.raises(TypeError, match=r"got a list of Tensors; join them with mg.stack"):
            mg.Tensor(data)
        with pytest.raises(TypeError, match=r"got a list of Tensors; join them with mg.stack"):
            x + data


# ---- what can require gradients --------------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [[1, 2], [True], np.uint8([3])], ids=str)
def test_whole_numbers_cannot_be_made_to_require_gradients(data):
    x = mg.Tensor(data)
    with pytest.raises(TypeError, match="cannot require gradients; convert to float32 or float64 first"):
        x.requires_grad = True
    assert not x.requires_grad
    x.requires_grad = False


def test_requires_grad_of_a_leaf_can_be_assigned():
    x = mg.Tensor([1.0])
    x.requires_grad = True
    (x * 2.0).sum().backward()
    assert x.grad.data.tolist() == [2.0]
    x.requires_grad = 0
    assert x.requires_grad is False and not (x * 2.0).requires_grad


def test_a_result_is_detached_and_not_frozen():
    y = mg.Tensor([1.0], requires_grad=True) * 2.0
    y.requires_grad = True
    with pytest.raises(ValueError, match=r"a result of multiply requires gradients as its inputs do; use .detach\(\)"):
        y.requires_grad = False
    assert not y.detach().requires_grad


# ---- what ops make of dtypes: the table of minigrad/dtypes.py --------------------------------------------------------

IDS = {f"{i} {case.id}": case for i, case in enumerate(CASES)}
WHOLE = {"bool": 2, "uint8": 200, "int8": 100, "int64": 100}  # the largest magnitude drawn, plus 1


REFUSALS = (  # what is no number, has no fractions, or is no probability
    r"(subtract: x and y are|negative: x is) boolean|Integers to negative integer powers|power: the exponent"
    r"|upsample: .*fractions"
    r"|affine_grid: .*fractions|grid_sample: .*floating-point|\w+_pool[12]d: .*floating-point"
    r"|binary_cross_entropy: .* probabilities"
)


def outputs(case, arrays):
    with np.errstate(all="ignore"):
        y = case.f(*map(mg.Tensor, arrays))
    return y if isinstance(y, list | tuple) else [y]


@pytest.mark.parametrize("case", IDS.values(), ids=IDS)
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_every_function_returns_the_floating_dtype_that_it_is_given(case, dtype):
    inputs = [a.astype(dtype) if a.dtype.kind == "f" else a for a in case.inputs]
    exact = outputs(case, [a.astype(np.float64) if a.dtype.kind == "f" else a for a in inputs])
    tolerance = {"float16": 0.02, "float32": 1e-4, "float64": 0}[dtype]
    for y, wanted in zip(outputs(case, inputs), exact):
        assert y.dtype == (dtype if wanted.dtype.kind == "f" else wanted.dtype)
        np.testing.assert_allclose(y.numpy(), wanted.numpy(), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("case", IDS.values(), ids=IDS)
@pytest.mark.parametrize("dtype", WHOLE)
def test_every_function_turns_whole_numbers_into_whole_numbers_or_float32_or_refuses_them(case, dtype):
    rng = np.random.default_rng(len(case.id))
    low = 0 if dtype in ("bool", "uint8") else 1 - WHOLE[dtype]
    drawn = [rng.integers(low, WHOLE[dtype], a.shape).astype(dtype) if a.dtype.kind == "f" else a for a in case.inputs]
    try:
        found = outputs(case, drawn)
    except (TypeError, ValueError) as error:
        assert re.match(REFUSALS, str(error))
        return
    exact = outputs(case, [a if b.dtype.kind != "f" else a.astype(np.float64) for a, b in zip(drawn, case.inputs)])
    for y, wanted in zip(found, exact):
        assert y.dtype == np.float32 or y.dtype.kind in "iub"
        if y.dtype == np.float32:  # nothing has wrapped around
            with np.errstate(over="ignore"):
                limit = wanted.numpy().astype(np.float32)  # beyond float32, infinity
            scale = np.abs(limit[np.isfinite(limit)]).max(initial=0)
            np.testing.assert_allclose(y.numpy(), limit, rtol=1e-4, atol=1e-4 * scale)


LOSSES = {
    "l1_loss": (mg.l1_loss, 5.5),
    "mse_loss": (mg.mse_loss, 50.5),
    "huber_loss": (mg.huber_loss, 5.0),
    "smooth_l1_loss": (mg.smooth_l1_loss, 5.0),
    "binary_cross_entropy_with_logits": (mg.binary_cross_entropy_with_logits, -94.65),
}


@pytest.mark.parametrize(("loss", "expected"), LOSSES.values(), ids=LOSSES)
def test_losses_of_whole_numbers_do_not_wrap_around(loss, expected):
    x, target = np.uint8([0, 10]), np.uint8([1, 20])
    for a, b in [(x, target), (x.astype(np.int64), target), (x, target.tolist()), (x, target.astype(np.float32))]:
        y = loss(a, b)
        assert y.dtype == np.float32
        assert abs(y.item() - expected) < 0.01
    assert loss(x, target.astype(np.float64)).dtype == np.float64


def test_statistics_of_whole_numbers_do_not_wrap_around():
    pixels = np.array([[[[0, 200], [100, 0]]]], np.uint8)
    assert mg.total_variation(pixels).item() == 200**2 + 100**2 + 100**2 + 200**2
    assert mg.total_variation(pixels, order=1).item() == 600
    assert mg.gram_matrix(pixels).item() == (200**2 + 100**2) / 4
    assert mg.norm(np.int8([100, 100, 50])).item() == 150
    assert mg.sqrt(np.uint8([2])).item() == np.sqrt(np.float32(2))


N = 2000
WIDE = Geometry((1, 2 * N - 1), (1, N), (1, 1))  # windows that all overlap
LONG = {
    "sum": (lambda x: mg.sum(x, 0), [(N, 2)]),
    "cumsum": (lambda x: mg.cumsum(x, 0), [(N, 2)]),
    "mean": (lambda x: mg.mean(x * 100.0, 0), [(N, 2)]),
    "var": (lambda x: mg.var(x, 0), [(N, 2)]),
    "norm": (lambda x: mg.norm(x, axis=0), [(N, 2)]),
    "logsumexp": (lambda x: mg.logsumexp(x, 0), [(N, 2)]),
    "softmax": (lambda x: mg.softmax(x, 0) * 1000.0, [(N, 2)]),
    "standardize": (lambda x: mg.standardize(x, 0), [(N, 2)]),
    "matmul": (mg.matmul, [(2, N), (N, 2)]),
    "linear": (mg.linear, [(2, N), (3, N)]),
    "einsum": (lambda x, y: mg.einsum("ni,nj->ij", x, y), [(N, 2), (N, 3)]),
    "conv2d": (mg.conv2d, [(1, 80, 5, 5), (2, 80, 5, 5)]),
    "conv_transpose2d": (lambda x, w: mg.conv_transpose2d(x, w), [(1, N, 1, 1), (N, 1, 1, 1)]),
    "prod": (lambda x: mg.prod((x > 0.5).astype(x.dtype) * 0.125 + 0.9375, 0), [(500, 2)]),
    "sum_pool2d": (lambda x: sum_pool2d(x, WIDE), [(1, 1, 1, 2 * N - 1)]),
    "sum_unpool2d": (lambda x: sum_unpool2d(x, WIDE), [(1, 1, 1, N)]),
    "col2im": (lambda x: col2im(mg.broadcast_to(x, (1, N, N)), WIDE), [(1, 1, N)]),
    "max_pool2d_scatter": (
        lambda x: max_pool2d_scatter(x * 0.1, np.arange(N)[::-1].reshape(1, 1, 1, N), WIDE),
        [(1, 1, 1, N)],
    ),
    "mse_loss": (mg.mse_loss, [(N, 2), (N, 2)]),
    "scatter": (lambda x: mg.scatter(x, np.zeros(N, int), (2,)), [(N,)]),
    "erf": (mg.erf, [(N,)]),
}


@pytest.mark.parametrize(("f", "shapes"), LONG.values(), ids=LONG)
def test_float16_is_summed_in_float32_and_rounded_once(f, shapes):
    rng = np.random.default_rng(0)
    xs = [rng.random(shape).astype(np.float16) for shape in shapes]
    y, exact = f(*map(mg.Tensor, xs)), f(*[mg.Tensor(x.astype(np.float64)) for x in xs])
    assert y.dtype == np.float16
    np.testing.assert_allclose(y.numpy(), exact.numpy(), rtol=2e-3, atol=1e-6)


COUNTS = {
    "sum": (lambda x: mg.sum(x, 1), [3, 3]),
    "cumsum": (lambda x: mg.cumsum(x, 1)[:, -1], [3, 3]),
    "matmul": (lambda x: mg.matmul(x, x.T)[0], [3, 3]),
    "row_products": (lambda x: row_products(x)[0], [3, 3]),
    "linear": (lambda x: mg.linear(x, x)[1], [3, 3]),
    "einsum": (lambda x: mg.einsum("ij,ij,kj->k", x, x, x), [6, 6]),
    "conv2d": (lambda x: mg.conv2d(x.reshape(1, 1, 2, 3), x.reshape(1, 1, 2, 3)).reshape(1), [6]),
}


@pytest.mark.parametrize(("f", "expected"), COUNTS.values(), ids=COUNTS)
def test_booleans_are_counted_in_sums_of_products(f, expected):
    y = f(mg.Tensor(np.ones((2, 3), bool)))
    assert y.dtype.kind == "i" and y.numpy().tolist() == expected


def test_booleans_that_are_moved_stay_booleans():
    mask = mg.Tensor([[True, False]])
    for moved in (mg.pad(mask, 1), mg.scatter(mask, 1, (3, 1, 2)), mg.flip(mask), mask[0], mg.where(mask, mask, False)):
        assert moved.dtype == bool


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int64])
@pytest.mark.parametrize("f", [mg.add, mg.multiply, mg.power, mg.maximum, lambda x, y: mg.where(x, y, x), mg.clip])
def test_a_python_float_turns_whole_numbers_into_float32(f, dtype):
    y = f(mg.Tensor(np.array([0, 1], dtype)), 0.5)
    assert y.dtype == np.float32


def test_whole_numbers_beside_floats_promote_as_in_numpy_in_arithmetic_and_take_their_dtype_in_functions():
    small, large, x = np.int16([3]), np.int64([3]), np.float32([2.0])
    assert [mg.multiply(x, n).dtype for n in (small, large)] == [np.float32, np.float64]
    assert [mg.divide(x, n).dtype for n in (small, large)] == [np.float32, np.float32]
    assert mg.divide(np.float64([2.0]), large).item() == 2 / 3


def test_an_op_with_an_unknown_treatment_of_dtypes_is_refused(registry):
    assert mg.REGISTRY["sqrt"].dtypes == "real" and mg.REGISTRY["add"].dtypes == "numpy"
    with pytest.raises(ValueError, match="@op twice: dtypes is 'int'; it must be 'numpy', 'sums' or 'real'"):

        @mg.op(dtypes="int")
        def twice(x, /):
            return x * 2
