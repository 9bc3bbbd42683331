"""Every gradient: against differences, to third order, on every device; against closed forms at extreme numbers."""

import math
import os

import numpy as np
import pytest
from scipy import special

import minigrad as mg
from minigrad.backend import gpu
from tests.cases import CASES


def devices():
    """Return the devices to test on; MINIGRAD_REQUIRE_GPU=1 makes the absence of a GPU a failure."""
    if os.environ.get("MINIGRAD_REQUIRE_GPU") == "1":
        return ["cpu", "cuda"]
    try:
        gpu()
    except RuntimeError:
        return ["cpu"]
    return ["cpu", "cuda"]


def on(device, f):
    """Return f computed on device, between inputs and outputs on the CPU, where the check measures."""

    def there_and_back(*xs):
        y = f(*[x.to(device) for x in xs])
        return y.to("cpu") if isinstance(y, mg.Tensor) else [t.to("cpu") for t in y]

    return f if device == "cpu" else there_and_back


def outputs(f, inputs):
    """Return the arrays that f computes."""
    y = f(*map(mg.Tensor, inputs))
    return [t.data for t in ([y] if isinstance(y, mg.Tensor) else y)]


def cast(inputs, dtype):
    """Return the inputs with the floating-point ones in dtype."""
    return [a.astype(dtype) if a.dtype.kind == "f" else a for a in inputs]


EMPTY = [case for case in CASES if case.empty]


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("case", [case for case in CASES if not case.empty], ids=lambda case: case.id)
def test_gradients_of_orders_1_to_3_match_differences(case, device):
    mg.gradcheck(on(device, case.f), case.inputs, order=3)


@pytest.mark.parametrize("device", devices())
@pytest.mark.parametrize("case", EMPTY, ids=lambda case: case.id)
def test_gradients_of_orders_1_to_3_are_zeros_where_there_are_no_numbers(case, device):
    xs = [mg.Tensor(a, requires_grad=a.dtype.kind == "f") for a in case.inputs]
    variables = [x for x in xs if x.requires_grad]
    y = on(device, case.f)(*xs)
    total = sum(t.sum() for t in ([y] if isinstance(y, mg.Tensor) else y))
    for _ in range(3):
        if not total.requires_grad:
            break
        gradients = mg.grad(total, variables, create_graph=True)
        assert [gx.shape for gx in gradients] == [x.shape for x in variables]
        assert not any(gx.data.any() for gx in gradients)
        total = sum(gx.sum() for gx in gradients)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_float32_results_are_within_4_roundings_of_float64(case):
    inputs = cast(case.inputs, np.float32)
    same_numbers = cast(inputs, np.float64)  # so that only the arithmetic differs
    for single, double in zip(outputs(case.f, inputs), outputs(case.f, same_numbers), strict=True):
        size = max(1.0, np.abs(double).max(initial=0.0))
        assert np.abs(single - double).max(initial=0.0) <= 4 * np.finfo(np.float32).eps * size


# ---- where numbers are extreme ---------------------------------------------------------------------------------------

EXTREMES = np.array([-1e4, -1e2, -1.0, 0.0, 1.0, 1e2, 1e4])
SMALL = np.array([-1e-3, -1e-6, -1e-10, 0.0, 1e-10, 1e-6, 1e-3])
DECAY = np.exp(-np.abs(EXTREMES))  # e**-|x|, in which nothing overflows
LOGISTIC = np.where(EXTREMES < 0, DECAY, 1.0) / (1.0 + DECAY)


def close(actual, expected, dtype):
    """Compare within 8 roundings of dtype, relative to the larger of 1 and the number expected."""
    assert actual.dtype == dtype
    assert np.isfinite(actual).all()
    np.testing.assert_allclose(actual, expected, rtol=8 * np.finfo(dtype).eps, atol=8 * np.finfo(dtype).eps)


ELEMENTWISE = {
    # name: (x, value, slope), in closed forms that are exact where x is extreme
    "sigmoid": (EXTREMES, LOGISTIC, DECAY / (1.0 + DECAY) ** 2),
    "softplus": (EXTREMES, np.logaddexp(0.0, EXTREMES), LOGISTIC),
    "tanh": (EXTREMES, np.tanh(EXTREMES), 4.0 * DECAY**2 / (1.0 + DECAY**2) ** 2),
    "elu": (EXTREMES, np.where(EXTREMES > 0, EXTREMES, DECAY - 1.0), np.where(EXTREMES > 0, 1.0, DECAY)),
    "gelu": (
        EXTREMES,
        EXTREMES * special.ndtr(EXTREMES),
        special.ndtr(EXTREMES) + EXTREMES * np.exp(-(EXTREMES**2) / 2) / math.sqrt(2 * math.pi),
    ),
    "expm1": (SMALL, SMALL + SMALL**2 / 2 + SMALL**3 / 6 + SMALL**4 / 24 + SMALL**5 / 120, np.exp(SMALL)),
    "log1p": (SMALL, SMALL - SMALL**2 / 2 + SMALL**3 / 3 - SMALL**4 / 4 + SMALL**5 / 5, 1.0 / (1.0 + SMALL)),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_functions_are_right_at_the_extremes(name, dtype):
    at, value, slope = ELEMENTWISE[name]
    x = mg.Tensor(at.astype(dtype), requires_grad=True)
    y = getattr(mg, name)(x)
    dx = mg.grad(y, x, np.ones_like(at), create_graph=True)
    close(y.data, value, dtype)
    close(dx.data, slope, dtype)
    assert np.isfinite(mg.grad(dx, x, np.ones_like(at)).data).all()


@pytest.mark.parametrize("name", ["expm1", "log1p"])
def test_small_numbers_keep_all_their_digits(name):
    at, value, _ = ELEMENTWISE[name]
    np.testing.assert_allclose(getattr(mg, name)(mg.Tensor(at)).data, value, rtol=1e-15)


SCORES = np.array([[1e4, 0.0, -1e4], [1e2, 1e2, -1e2], [-1e4, -1e4, -1e4], [1e4, 1e4, 1e4], [0.0, 0.0, 0.0]])
SHARES = np.array([[1.0, 0.0, 0.0], [0.5, 0.5, 0.0], *[[1 / 3] * 3] * 3])
EXCESS = np.log([1.0, 2.0, 3.0, 3.0, 3.0])  # of the log of the sum of e**score over the largest score
BEHIND = SCORES.max(axis=1, keepdims=True) - SCORES


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def scores(request):
    return mg.Tensor(SCORES.astype(request.param), requires_grad=True)


def test_logsumexp_is_right_at_the_extremes(scores):
    y = mg.logsumexp(scores, axis=1)
    close(y.data, SCORES.max(axis=1) + EXCESS, scores.dtype)
    close(mg.grad(y.sum(), scores).data, SHARES, scores.dtype)


def test_logsumexp_of_nothing_but_minus_infinity_is_minus_infinity():
    assert mg.logsumexp(mg.Tensor([[-np.inf, -np.inf], [0.0, -np.inf]]), axis=1).data.tolist() == [-np.inf, 0.0]


def test_softmax_is_right_at_the_extremes(scores, rng):
    g = rng.normal(size=SCORES.shape)
    y = mg.softmax(scores)
    close(y.data, SHARES, scores.dtype)
    jacobians = SHARES[:, :, None] * (np.eye(3) - SHARES[:, None, :])
    close(mg.grad(y, scores, g).data, np.einsum("nij,nj->ni", jacobians, g), scores.dtype)


def test_log_softmax_is_right_at_the_extremes(scores, rng):
    g = rng.normal(size=SCORES.shape)
    y = mg.log_softmax(scores)
    close(y.data, -BEHIND - EXCESS[:, None], scores.dtype)
    close(mg.grad(y, scores, g).data, g - SHARES * g.sum(axis=1, keepdims=True), scores.dtype)


def test_cross_entropy_is_right_at_the_extremes(scores):
    classes = np.array([2, 0, 1, 0, 2])
    y = mg.cross_entropy(scores, classes, reduction="none")
    close(y.data, BEHIND[np.arange(5), classes] + EXCESS, scores.dtype)
    close(mg.grad(y.sum(), scores).data, SHARES - np.eye(3)[classes], scores.dtype)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", [0.0, 0.25, 1.0])
def test_binary_cross_entropy_with_logits_is_right_at_the_extremes(target, dtype):
    x = mg.Tensor(EXTREMES.astype(dtype), requires_grad=True)
    y = mg.binary_cross_entropy_with_logits(x, mg.Tensor(np.full(EXTREMES.shape, target, dtype)), reduction="none")
    close(y.data, np.logaddexp(0.0, EXTREMES) - target * EXTREMES, dtype)
    close(mg.grad(y.sum(), x).data, LOGISTIC - target, dtype)


def test_a_number_raised_to_a_float64_power_has_a_float64_gradient():
    y = mg.Tensor(np.array([0.5, 2.0, -3.0]), requires_grad=True)
    close(mg.grad((2.0**y).sum(), y).data, math.log(2) * 2.0**y.data, np.float64)


def test_the_branch_that_where_does_not_take_passes_on_no_nan():
    x = mg.Tensor([-1.0, 0.0, 4.0], requires_grad=True)
    with np.errstate(divide="ignore"):
        y = 1.0 / mg.where(x > 0, x, 0.0)
        dx = mg.grad(y.sum(), x)
    assert dx.data.tolist() == [0.0, 0.0, -1 / 16]


def test_equal_maxima_share_the_gradient():
    x = mg.Tensor([[2.0, 5.0, 5.0], [1.0, 1.0, 1.0]], requires_grad=True)
    np.testing.assert_allclose(mg.grad(mg.max(x, axis=1).sum(), x).data, [[0, 0.5, 0.5], [1 / 3] * 3], rtol=1e-6)
    np.testing.assert_allclose(mg.grad(mg.min(x, axis=1).sum(), x).data, [[1, 0, 0], [1 / 3] * 3], rtol=1e-6)
    assert mg.grad(mg.maximum(x, mg.Tensor([2.0, 7.0, 1.0])).sum(), x).data.tolist() == [[0.5, 0, 1], [0, 0, 0.5]]
    assert mg.grad(mg.minimum(x, mg.Tensor([2.0, 7.0, 1.0])).sum(), x).data.tolist() == [[0.5, 1, 0], [1, 1, 0.5]]


@pytest.mark.parametrize("other", [np.array([3, 1, 4], np.uint8), np.array([True, False, True])], ids=["uint8", "bool"])
def test_minimum_against_numbers_without_a_sign_has_the_right_gradient(other):
    x = mg.Tensor([2.0, 2.0, 2.0], requires_grad=True)
    assert mg.grad(mg.minimum(x, other).sum(), x).data.tolist() == (other > 2.0).astype(float).tolist()


@pytest.mark.parametrize(
    ("f", "at", "expected"),
    [(mg.relu, 0.0, 0.0), (mg.abs, 0.0, 0.0), (mg.norm, 0.0, 0.0), (lambda x: mg.clip(x, 0.0, 1.0), 1.0, 1.0)],
    ids=["relu", "abs", "norm", "clip"],
)
def test_at_a_kink_the_gradient_is_the_documented_one(f, at, expected):
    x = mg.Tensor(at, requires_grad=True)
    assert mg.grad(f(x), x).item() == expected
