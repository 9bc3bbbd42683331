"""Tensor and the reverse walk: graphs deep and tangled, gradients of gradients, modes, memory, and other libraries."""

import gc
import threading
import tracemalloc

import numpy as np
import pytest

import minigrad as mg
from minigrad import optim


def leaf(*numbers, dtype=np.float64):
    return mg.Tensor(np.array(numbers if len(numbers) != 1 else numbers[0], dtype), requires_grad=True)


# ---- the walk --------------------------------------------------------------------------------------------------------


def test_a_chain_of_100_000_operations_is_differentiated_and_freed():
    x = leaf(3.0)
    y = x
    for _ in range(100_000):
        y = -y
    y.backward()
    assert x.grad.item() == 1.0
    del y  # frees the graph, one tensor inside the other
    gc.collect()


def test_a_deep_gradient_is_differentiable():
    x = leaf(1.0)
    y = x
    for _ in range(1000):
        y = y * x
    dx = mg.grad(y, x, create_graph=True)
    assert dx.item() == pytest.approx(1001)
    assert mg.grad(dx, x).item() == pytest.approx(1001 * 1000)


def test_diamonds_visit_each_node_once(monkeypatch):
    calls = []
    rule = mg.add.rules["x"]
    monkeypatch.setitem(mg.add.rules, "x", lambda g, out, x, y: calls.append(out) or rule(g, out, x, y))
    x = leaf(1.0)
    y = x
    for _ in range(64):
        y = y + y  # 2**64 paths
    y.backward()
    assert x.grad.item() == 2.0**64
    assert len(calls) == 64


def test_a_tensor_used_at_different_depths_waits_for_all_its_users():
    x = leaf(2.0)
    a = x * x
    b = a * x
    y = a + b * a  # x**2 + x**5
    assert mg.grad(y, x).item() == 2 * 2 + 5 * 2**4


def test_a_second_backward_doubles_the_leaves_and_nothing_else():
    x = leaf(1.0, 2.0)
    h = x * x
    y = h.sum()
    y.backward()
    once = x.grad.data.copy()
    y.backward()
    assert np.array_equal(x.grad.data, 2 * once)
    assert h.grad is None and y.grad is None


def test_backward_of_several_results_accumulates():
    x = leaf(1.0, 2.0)
    (x * 3.0).sum().backward()
    (x * 4.0).sum().backward()
    assert x.grad.data.tolist() == [7.0, 7.0]


def test_backward_from_a_leaf_gives_it_the_seed():
    x = leaf(5.0)
    x.backward()
    assert x.grad.item() == 1.0


def test_only_leaves_that_require_gradients_get_one():
    x, w, c = leaf(2.0), leaf(3.0), mg.Tensor(4.0)
    unused = leaf(1.0)
    (x * w * c).backward()
    assert (x.grad.item(), w.grad.item()) == (12.0, 8.0)
    assert c.grad is None and unused.grad is None


def test_grad_does_not_touch_the_grad_attribute():
    x = leaf(1.0, 2.0)
    y = (x * x).sum()
    assert mg.grad(y, x).data.tolist() == [2.0, 4.0]
    assert x.grad is None
    y.backward()
    mg.grad(y, x)
    assert x.grad.data.tolist() == [2.0, 4.0]


def test_grad_takes_one_tensor_or_several_and_intermediate_ones():
    x = leaf(3.0)
    h = x * x
    y = h * x
    assert mg.grad(y, h).item() == 3.0
    assert [t.item() for t in mg.grad(y, [x, h])] == [27.0, 3.0]
    assert [t.item() for t in mg.grad(y, (t for t in [y]))] == [1.0]


def test_grad_is_zero_where_the_result_does_not_depend_on_the_tensor():
    x, other = leaf(1.0), leaf(1.0, 2.0, dtype=np.float32)
    dx = mg.grad(x * 2.0, other)
    assert dx.data.tolist() == [0.0, 0.0] and dx.dtype == np.float32


def test_a_rule_is_computed_only_for_inputs_that_need_it(monkeypatch):
    def refuse(*args):
        raise AssertionError("this gradient was not asked for")

    x, y = leaf(2.0), leaf(3.0)
    z = x * mg.Tensor(5.0) + x * y
    monkeypatch.setitem(mg.multiply.rules, "y", refuse)
    assert mg.grad(z, x).item() == 8.0


def test_cotangents_are_freed_during_the_walk():
    x = leaf(np.ones(100_000))
    y = x
    for _ in range(50):
        y = y * 1.5
    y = y.sum()
    tracemalloc.start()
    y.backward()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 5 * x.data.nbytes


def test_a_result_keeps_no_graph_of_constants():
    y = mg.Tensor(np.ones(3)) * 2.0
    assert not y.requires_grad and y._op is None and y._inputs == ()


# ---- gradients of gradients ------------------------------------------------------------------------------------------


def test_without_create_graph_a_gradient_is_a_constant():
    x = leaf(2.0)
    assert not mg.grad(x * x, x).requires_grad
    (x * x).backward()
    assert not x.grad.requires_grad


def test_backward_with_create_graph_leaves_a_differentiable_grad():
    x = leaf(2.0)
    (x**4).backward(create_graph=True)
    assert x.grad.item() == 32.0
    assert mg.grad(x.grad, x).item() == 48.0


def test_derivatives_of_every_order():
    x = leaf(0.5)
    y = mg.sin(x)
    for expected in (np.cos(0.5), -np.sin(0.5), -np.cos(0.5), np.sin(0.5), np.cos(0.5), -np.sin(0.5)):
        y = mg.grad(y, x, create_graph=True)
        assert y.item() == pytest.approx(expected, rel=1e-14)


def test_a_cotangent_that_requires_gradients_is_differentiated_through():
    x, g = leaf(2.0), leaf(3.0)
    dx = mg.grad(x**3, x, g, create_graph=True)
    assert [t.item() for t in mg.grad(dx, [x, g])] == [36.0, 12.0]


def test_hessian_vector_products_are_those_of_the_dense_hessian(rng):
    a = rng.normal(size=(5, 3))
    x = leaf(rng.normal(size=3))
    dx = mg.grad(mg.logsumexp(a @ x), x, create_graph=True)
    p = np.exp(a @ x.data) / np.exp(a @ x.data).sum()
    hessian = a.T @ (np.diag(p) - np.outer(p, p)) @ a
    for v in rng.normal(size=(4, 3)):
        np.testing.assert_allclose(mg.grad(dx, x, v).data, hessian @ v, rtol=1e-12)


def test_a_penalty_on_the_gradient_trains_the_weights_behind_it():
    x, w = leaf(2.0), leaf(3.0)
    dx = mg.grad(w * x**2, x, create_graph=True)  # 2 w x
    (dx**2).backward()
    assert w.grad.item() == 8 * 3 * 2**2
    assert x.grad.item() == 8 * 3**2 * 2


# ---- what is recorded ------------------------------------------------------------------------------------------------


def test_no_grad_records_nothing_and_recording_resumes():
    x = leaf(2.0)
    with mg.no_grad():
        assert not (x * x).requires_grad
        with mg.no_grad():
            assert not (x * x).requires_grad
        assert not (x * x).requires_grad
    assert (x * x).requires_grad


def test_recording_resumes_after_an_exception():
    x = leaf(2.0)
    with pytest.raises(KeyError), mg.no_grad():
        raise KeyError
    assert (x * x).requires_grad


def test_recording_resumes_after_a_rule_that_raises(monkeypatch):
    def fail(*args):
        raise KeyError

    x = leaf(2.0)
    y = x * x
    monkeypatch.setitem(mg.multiply.rules, "x", fail)
    with pytest.raises(KeyError):
        y.backward()
    assert (x + x).requires_grad


def test_no_grad_decorates_functions():
    @mg.no_grad()
    def double(x):
        return x + x

    x = leaf(2.0)
    assert not double(x).requires_grad
    assert not double(x).requires_grad  # and again
    assert (x + x).requires_grad


def test_no_grad_affects_one_thread_only():
    x, recorded = leaf(2.0), []
    with mg.no_grad():
        thread = threading.Thread(target=lambda: recorded.append((x * x).requires_grad))
        thread.start()
        thread.join()
        assert not (x * x).requires_grad
    assert recorded == [True]


def test_a_gradient_with_create_graph_is_recorded_even_where_nothing_else_is():
    x = leaf(2.0)
    y = x**3
    with mg.no_grad():
        dx = mg.grad(y, x, create_graph=True)
        assert not (x * x).requires_grad
    assert mg.grad(dx, x).item() == 12.0


def test_detach_shares_the_data_and_stops_the_gradient():
    x = leaf(2.0)
    y = x * x
    constant = y.detach()
    assert constant.data is y.data and not constant.requires_grad
    assert mg.grad(y + x * constant, x).item() == 2 * 2 + 4


def test_integer_tensors_never_require_gradients():
    with pytest.raises(TypeError, match="int64 cannot require gradients; convert to float32 or float64"):
        mg.Tensor([1, 2], requires_grad=True)
    x = leaf(1.5, 2.5)
    for y in (x.astype(np.int64), x > 2.0, mg.argmax(x)):
        assert not y.requires_grad
    assert mg.grad((x * mg.Tensor([2, 3])).sum(), x).data.tolist() == [2.0, 3.0]


# ---- errors of backward and grad -------------------------------------------------------------------------------------


def test_backward_of_many_elements_asks_for_a_cotangent():
    with pytest.raises(ValueError, match=r"backward: a result of shape \(2,\) needs a cotangent g; or reduce it"):
        (leaf(1.0, 2.0) * 2.0).backward()


def test_backward_needs_no_cotangent_for_one_element_of_any_shape():
    x = leaf(2.0)
    (x * x).reshape(1, 1).backward()
    assert x.grad.item() == 4.0


@pytest.mark.parametrize("g", [np.ones(3), np.ones((1, 2)), 1.0], ids=["too long", "an axis more", "a number"])
def test_a_cotangent_of_another_shape_is_refused(g):
    with pytest.raises(ValueError, match=r"backward: g has shape .*, the result \(2,\); they must be equal"):
        (leaf(1.0, 2.0) * 2.0).backward(g)


def test_backward_of_a_constant_is_refused():
    for y in (mg.Tensor(1.0) * 2.0, leaf(1.0).detach()):
        with pytest.raises(ValueError, match="backward: this result depends on no tensor that requires gradients"):
            y.backward()


def test_grad_refuses_what_does_not_require_gradients():
    x = leaf(1.0)
    for wrong in (mg.Tensor(1.0), 1.0, np.ones(2)):
        with pytest.raises(ValueError, match=r"grad: xs\[1\] does not require gradients; make it with requires_grad"):
            mg.grad(x * 2.0, [x, wrong])


def test_a_cotangent_takes_the_dtype_of_the_result():
    x = leaf(1.0, 2.0, dtype=np.float32)
    for y in (x * 2.0, x):
        assert mg.grad(y, x, np.ones(2)).dtype == np.float32


# ---- what a Tensor holds ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (1.5, np.float32),
        ([[1.0, 2]], np.float32),
        (np.array([1.5]), np.float64),
        (np.float64(1.5), np.float64),
        (np.float16(1.5), np.float16),
        (3, np.int64),
        ([1, 2], np.int64),
        (True, np.bool_),
        (np.uint8([1]), np.uint8),
    ],
    ids=repr,
)
def test_python_floats_become_float32_and_arrays_keep_their_dtype(data, dtype):
    x = mg.Tensor(data)
    assert x.dtype == dtype
    assert type(x.data) is np.ndarray
    assert np.array_equal(x.data, data)


@pytest.mark.parametrize("data", [1j, "text", None, [1, "a"], np.array([1j]), object], ids=repr)
def test_data_that_are_not_real_numbers_are_refused(data):
    with pytest.raises(TypeError, match="Tensor: got .* data; they must be real numbers"):
        mg.Tensor(data)


def test_a_list_of_tensors_is_refused_with_what_to_do():
    with pytest.raises(TypeError, match=r"got a list of Tensors; join them with mg\.stack or mg\.concatenate"):
        mg.Tensor([leaf(1.0), leaf(2.0)])


def test_a_tensor_of_a_tensor_is_a_leaf_with_its_own_copy():
    x = leaf(1.0, 2.0)
    y = mg.Tensor(x * 2.0)
    assert not y.requires_grad and y.data.tolist() == [2.0, 4.0]
    y.data[0] = 7.0
    assert x.data.tolist() == [1.0, 2.0]


def test_changing_the_callers_array_later_changes_nothing():
    array, constant, index = np.array([1.0, 2.0]), np.array([3.0, 4.0]), np.array([1, 1])
    x = mg.Tensor(array, requires_grad=True)
    y = (x * constant)[index].sum()
    array[:], constant[:], index[:] = 7.0, 7.0, 0
    assert x.data.tolist() == [1.0, 2.0]
    assert mg.grad(y, x).data.tolist() == [0.0, 8.0]


def test_properties_are_those_of_the_array():
    x = mg.Tensor(np.zeros((2, 3)))
    assert (x.shape, x.ndim, x.size, x.dtype, x.device) == ((2, 3), 2, 6, np.float64, "cpu")
    assert x.T.shape == (3, 2)


def test_item_is_a_python_number():
    assert type(mg.Tensor([[2.5]]).item()) is float
    assert type(mg.Tensor(2).item()) is int
    with pytest.raises(ValueError, match=r"item: the tensor has shape \(2,\), so 2 elements; it must have one"):
        mg.Tensor([1.0, 2.0]).item()


def test_numpy_is_a_read_only_view():
    x = leaf(1.0, 2.0)
    array = x.numpy()
    assert np.shares_memory(array, x.data)
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 7.0
    x.data[0] = 5.0  # the tensor's own array stays writable
    assert array.tolist() == [5.0, 2.0]


def test_conversion_to_python_numbers():
    x = mg.Tensor([2.75])
    assert (float(x), int(x), bool(x), bool(mg.Tensor(0.0))) == (2.75, 2, True, False)
    with pytest.raises(ValueError, match="the truth of 2 elements is ambiguous"):
        bool(mg.Tensor([1.0, 2.0]))
    with pytest.raises(ValueError, match="item"):
        float(mg.Tensor([1.0, 2.0]))


def test_length_and_iteration_go_along_the_first_axis():
    x = leaf([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])
    assert len(x) == 3
    first, *_ = x
    assert mg.grad(first.sum(), x).data.tolist() == [[1.0, 1.0], [0.0, 0.0], [0.0, 0.0]]
    assert [row.data.tolist() for row in x] == x.data.tolist()
    with pytest.raises(TypeError, match="without axes"):
        len(mg.Tensor(1.0))
    with pytest.raises(TypeError, match="without axes"):
        list(mg.Tensor(1.0))


def test_repr_shows_numbers_dtype_and_whether_gradients_are_required():
    assert repr(mg.Tensor([1.0, 2.5])) == "Tensor([1. , 2.5], dtype=float32)"
    assert repr(leaf(1.0)) == "Tensor(1., dtype=float64, requires_grad=True)"


def test_item_assignment_says_what_to_do_instead():
    x = leaf(1.0, 2.0)
    with pytest.raises(TypeError, match=r"not changed in place.*mg\.where"):
        x[0] = 7.0
    x.data[0] = 7.0
    assert x.data.tolist() == [7.0, 2.0]


def test_tensors_are_hashed_by_identity():
    x, y = leaf(1.0), leaf(1.0)
    assert len({x, y, x}) == 2


def test_comparisons_are_boolean_constants():
    x, y = leaf(1.0, 2.0, 3.0), mg.Tensor([2.0, 2.0, 2.0])
    for result, expected in [
        (x == y, [0, 1, 0]),
        (x != y, [1, 0, 1]),
        (x < y, [1, 0, 0]),
        (x <= 2, [1, 1, 0]),
        (x > y.data, [0, 0, 1]),
        (x >= 2.0, [0, 1, 1]),
        ((x > 1) & (x < 3), [0, 1, 0]),
        ((x < 2) | (x > 2), [1, 0, 1]),
        (~(x > 1), [1, 0, 0]),
    ]:
        assert result.dtype == np.bool_ and not result.requires_grad
        assert result.data.tolist() == [bool(v) for v in expected]


def test_methods_are_the_functions_of_the_same_name(rng):
    x = mg.Tensor(rng.uniform(0.5, 1.5, size=(1, 3)))
    for name in ["exp", "log", "sqrt", "abs", "sum", "mean", "max", "min", "prod", "var", "argmax", "squeeze"]:
        assert np.array_equal(getattr(x, name)().data, getattr(mg, name)(x).data)
    for y, expected in [
        (x.clip(0.7, 1.2), mg.clip(x, 0.7, 1.2)),
        (x.sum(1, keepdims=True), mg.sum(x, 1, True)),
        (x.var(axis=1, ddof=1), mg.var(x, 1, ddof=1)),
        (x.reshape(3, 1), mg.reshape(x, (3, 1))),
        (x.reshape((3, -1)), mg.reshape(x, (3, 1))),
        (x.transpose(), mg.transpose(x)),
        (x.transpose(1, 0), mg.transpose(x, (1, 0))),
        (x.transpose((1, 0)), mg.transpose(x, (1, 0))),
        (x.swapaxes(0, 1), mg.swapaxes(x, 0, 1)),
        (x.unsqueeze(1), mg.unsqueeze(x, 1)),
        (x.cumsum(1), mg.cumsum(x, 1)),
        (abs(-x), mg.abs(x)),
        (x.to("cpu"), x),
    ]:
        assert y.shape == expected.shape and np.array_equal(y.data, expected.data)


# ---- NumPy and others ------------------------------------------------------------------------------------------------

OPERATORS = {
    "+": lambda x, y: x + y,
    "-": lambda x, y: x - y,
    "*": lambda x, y: x * y,
    "/": lambda x, y: x / y,
    "**": lambda x, y: x**y,
    "@": lambda x, y: x @ y,
}


@pytest.mark.parametrize("operator", OPERATORS)
def test_operators_take_arrays_and_numbers_on_either_side(operator):
    f, right = OPERATORS[operator], np.array([0.5, 3.0])
    x = leaf(right)
    numbers = [] if operator == "@" else [np.float64(2.0), 2.0, 2]
    for left in (np.array([1.5, 2.5]), [1.5, 2.5], *numbers):
        array = np.array(left, np.float64)
        np.testing.assert_allclose(f(left, x).data, f(array, right), rtol=1e-15)
        np.testing.assert_allclose(f(x, left).data, f(right, array), rtol=1e-15)
        assert mg.gradcheck(lambda x, left=left: f(left, x), [right])
        assert mg.gradcheck(lambda x, left=left: f(x, left), [right])


def test_comparisons_take_arrays_on_the_left():
    y = np.array([1.0, 2.0, 3.0]) < leaf(2.0, 2.0, 4.0)
    assert isinstance(y, mg.Tensor) and y.data.tolist() == [True, False, True]


def test_numpys_elementwise_functions_of_tensors_are_differentiable():
    x = leaf(0.5, 2.0)
    for f, slope in [(np.exp, np.exp(x.data)), (np.absolute, np.ones(2)), (np.square, 2 * x.data)]:
        assert mg.grad(f(x).sum(), x).data.tolist() == slope.tolist()
    assert mg.grad(np.multiply(np.array([3.0, 4.0]), x).sum(), x).data.tolist() == [3.0, 4.0]


def test_numpys_array_functions_of_tensors_are_differentiable(rng):
    a = rng.normal(size=(2, 3))
    x = leaf(a)
    for f in (
        lambda x: np.sum(x, axis=0),
        lambda x: np.mean(x, axis=-1, keepdims=True),
        lambda x: np.amax(x, 1),
        lambda x: np.var(x, axis=0, ddof=1),
        lambda x: np.concatenate([x, x], axis=1),
        lambda x: np.concatenate([x, x], 1),
        lambda x: np.stack([x, x]),
        lambda x: np.where(a > 0, x, 0.0),
        lambda x: np.reshape(x, (3, 2)),
        lambda x: np.transpose(x),
        lambda x: np.expand_dims(x, 1),
        lambda x: np.clip(x, -0.5, 0.5),
        lambda x: np.einsum("ij->j", x),
        lambda x: np.pad(x, 1),
        lambda x: np.take(x, [2, 0], axis=1),
        lambda x: np.tensordot(x, x, ([1], [1])),
    ):
        y = f(x)
        assert isinstance(y, mg.Tensor) and y.requires_grad
        np.testing.assert_allclose(y.data, f(a), rtol=1e-13)
        assert mg.gradcheck(f, [a])


def test_numpys_comparisons_of_arrays_take_tensors():
    x = leaf(1.0, 2.0)
    assert np.allclose(x, x.data) is True
    assert np.array_equal(x, [1.0, 2.0]) is True


@pytest.mark.parametrize(
    ("f", "name"),
    [
        (lambda x: np.add.reduce(x), "np.add.reduce"),
        (lambda x: np.multiply.outer(x, x), "np.multiply.outer"),
        (lambda x: np.arctanh(x), "np.arctanh"),
        (lambda x: np.exp(x, out=np.zeros(2)), "np.exp is not differentiable here with out"),
        (lambda x: np.exp(x, where=np.array([True, False])), "np.exp is not differentiable here with where"),
        (lambda x: np.partition(x, 1), "np.partition"),
        (lambda x: np.linalg.norm(x, 1), "np.linalg.norm"),
    ],
    ids=["ufunc method", "outer", "unknown ufunc", "out", "where", "unknown function", "linalg"],
)
def test_numpy_functions_without_an_op_are_refused_with_what_to_do(f, name):
    with pytest.raises(TypeError, match=name) as caught:
        f(leaf(1.0, 2.0))
    assert "x.numpy()" in str(caught.value)


def test_adding_to_an_array_in_place_is_refused():
    array = np.zeros(2)
    with pytest.raises(TypeError, match="np.add"):
        array += leaf(1.0, 2.0)
    assert array.tolist() == [0.0, 0.0]


def test_asarray_reads_a_tensor():
    x = leaf(1.0, 2.0)
    view, copy = np.asarray(x), np.array(x)
    assert np.shares_memory(view, x.data) and not view.flags.writeable
    assert not np.shares_memory(copy, x.data) and copy.flags.writeable
    assert np.asarray(x, dtype=np.float32).dtype == np.float32


def test_dlpack_shares_memory_both_ways():
    array = np.array([1.0, 2.0])
    x = mg.from_dlpack(array)
    assert isinstance(x, mg.Tensor) and np.shares_memory(x.data, array)
    assert np.shares_memory(np.from_dlpack(x), array)
    with pytest.raises(TypeError, match=r"requires gradients is not exported; export x.detach\(\)"):
        np.from_dlpack(leaf(1.0))


# ---- detect_anomaly --------------------------------------------------------------------------------------------------


def test_detect_anomaly_names_the_op_whose_forward_made_it():
    x = mg.Tensor([0.0, 1.0])
    log_made_it = pytest.raises(FloatingPointError, match=r"^log made a NaN or infinity; inputs of shape \(2,\)")
    with np.errstate(divide="ignore"), mg.detect_anomaly(), log_made_it:
        mg.log(x * 2.0)


def test_detect_anomaly_names_the_op_whose_rule_made_it():
    x = leaf(0.0)
    with np.errstate(divide="ignore"), mg.detect_anomaly():
        y = mg.sqrt(x)
        with pytest.raises(FloatingPointError, match="divide, in the gradient rule of sqrt for x, made a NaN or inf"):
            y.backward()


def test_detect_anomaly_does_not_blame_the_op_that_was_given_a_nan():
    with mg.detect_anomaly(), pytest.raises(FloatingPointError, match="exp was given, and passes on, a NaN"):
        mg.exp(mg.Tensor([np.nan, 1.0]))


def test_detect_anomaly_accepts_finite_numbers_and_integers_and_can_be_left():
    with mg.detect_anomaly():
        assert mg.exp(leaf(1.0)).item() == np.exp(1.0)
        assert (mg.Tensor([1, 2]) * 3).data.tolist() == [3, 6]
    with np.errstate(divide="ignore"):
        assert mg.log(mg.Tensor(0.0)).item() == -np.inf


def test_detect_anomaly_within_detect_anomaly_ends_with_the_outer_one():
    zero = mg.Tensor(0.0)
    with np.errstate(divide="ignore"):
        with mg.detect_anomaly():
            with mg.detect_anomaly(), pytest.raises(FloatingPointError, match="log made"):
                mg.log(zero)
            with pytest.raises(FloatingPointError, match="log made"):
                mg.log(zero)
        assert mg.log(zero).item() == -np.inf


# ---- what is refused, and what is not --------------------------------------------------------------------------------


def test_a_graph_whose_leaf_has_been_stepped_since_refuses_to_be_walked():
    w, v = leaf(2.0), leaf(3.0)
    h = w * v
    first, second = h.sum(), (h * h).sum()
    first.backward()
    optim.SGD([w, v], lr=1.0).step()
    with pytest.raises(RuntimeError, match=r"multiply.*: .* changed in place, as by an optimizer's step"):
        second.backward()
    with pytest.raises(RuntimeError, match="changed in place"):
        mg.grad(second, v)  # w itself is not asked for, but the rule for v reads it
    ((w * v) ** 2).sum().backward()  # computed anew, it is fine


@pytest.mark.parametrize(
    "call", [lambda x, t: mg.elu(x, t), lambda x, t: mg.clip(x, max=t), lambda x, t: mg.sum(x, axis=t)]
)
def test_a_tensor_as_a_parameter_is_refused(call):
    with pytest.raises(TypeError, match="is a parameter, which is never differentiated"):
        call(leaf([1.0, 2.0]), mg.Tensor([1.0]))


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_a_matrix_becomes_an_array_and_foreign_byte_orders_become_native():
    x = mg.Tensor(np.asmatrix([[1.0, 2.0], [3.0, 4.0]]))
    np.testing.assert_array_equal((x * x).numpy(), [[1, 4], [9, 16]])
    assert mg.Tensor(np.array([1.0, 2.0], ">f8")).dtype.isnative


def test_whole_number_tensors_index_and_tensors_of_one_element_format():
    names = ["a", "b", "c"]
    assert names[mg.argmax(np.array([1.0, 5.0, 2.0]))] == "b"
    assert f"{leaf(1.23456):.2f}" == "1.23"
    with pytest.raises(TypeError, match="no index"):
        names[leaf(1.0)]


@pytest.mark.parametrize(
    "call", [lambda: mg.nll_loss(np.zeros((2, 3)), np.array([0, 1])), lambda: mg.l1_loss(leaf([1.0]), [1.0])]
)
def test_arrays_and_lists_are_accepted_as_tensors(call):
    assert call().item() == 0


def test_an_op_that_returns_no_array_is_named_as_the_culprit(registry):
    @mg.op
    def planted(x, /):
        return [1.0]

    with pytest.raises(TypeError, match="forward must return an array, got a list"):
        planted(leaf([1.0]))
