"""Which dtype an op computes in and returns, of every dtype that it can be given."""

import numpy as np
import pytest

import minigrad as mg

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
def test_a_list_beside_float64_keeps_every_digit(f, expected):
    y = f(mg.Tensor(X64), TENTHS)
    assert y.dtype == np.float64
    np.testing.assert_allclose(y.numpy(), expected, rtol=1e-15)


@pytest.mark.parametrize("numbers", [[0.1, 0.2], [1, 2], ((0.1, 2),)], ids=str)
def test_a_list_beside_float32_and_float16_does_not_widen_them(numbers):
    for dtype in (np.float16, np.float32):
        x = mg.Tensor(X64.astype(dtype))
        assert (x * numbers).dtype == dtype and (numbers - x).dtype == dtype
        assert mg.stack([x, np.ravel(numbers).tolist()]).dtype == dtype


def test_the_cotangent_of_a_float64_result_keeps_every_digit():
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


def test_a_leaf_is_frozen_and_freed_by_assignment():
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
