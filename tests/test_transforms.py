"""Gradients as functions of functions, against the library autograd, by hand and by the gradient check."""

import weakref

import numpy as np
import pytest

import minigrad as mg
from minigrad import checkpoint

A = np.array([[1.0, 2.0, -1.0], [0.5, -0.3, 0.7]])
X = np.array([0.3, -0.8, 1.1])
V = np.array([1.0, 2.0, -0.5])


def vector(x, np=mg):
    return np.tanh(np.matmul(A, x)) * np.sum(x * x)


def number(x, np=mg):
    return np.sum(np.exp(np.sin(x)) * x) + np.sum(vector(x, np) ** 2)


@pytest.fixture
def autograd():
    return pytest.importorskip("autograd")


def both(f, autograd):
    """f as minigrad and as autograd see it."""
    from autograd import numpy

    return f, lambda x: f(x, numpy)


def test_value_and_grad_is_autograds(autograd):
    ours, theirs = both(number, autograd)
    for got, expected in zip(mg.value_and_grad(ours)(X), autograd.value_and_grad(theirs)(X)):
        np.testing.assert_allclose(got, expected, rtol=1e-12)


def test_jacobian_is_autograds(autograd):
    ours, theirs = both(vector, autograd)
    np.testing.assert_allclose(mg.jacobian(ours)(X), autograd.jacobian(theirs)(X), rtol=1e-12)


def test_hessian_and_its_products_are_autograds(autograd):
    ours, theirs = both(number, autograd)
    expected = autograd.hessian(theirs)(X)
    np.testing.assert_allclose(mg.hessian(ours)(X), expected, rtol=1e-11)
    np.testing.assert_allclose(mg.hvp(ours)(X, V), expected @ V, rtol=1e-11)


def test_jvp_is_the_jacobian_times_a_direction(autograd):
    ours, theirs = both(vector, autograd)
    value, moved = mg.jvp(ours)(X, V)
    np.testing.assert_allclose(value, theirs(X), rtol=1e-12)
    np.testing.assert_allclose(moved, autograd.jacobian(theirs)(X) @ V, rtol=1e-12)


def test_transforms_nest():
    cube = lambda x: mg.sum(x**3)  # noqa: E731
    third = mg.jacobian(mg.hessian(cube))(X)
    assert np.array_equal(third.numpy().nonzero(), [[0, 1, 2]] * 3)
    np.testing.assert_allclose(third.numpy()[range(3), range(3), range(3)], 6.0)


@pytest.mark.parametrize(
    "transform",
    [
        lambda x: mg.value_and_grad(number)(x)[1],
        lambda x: mg.jacobian(vector)(x),
        lambda x: mg.hessian(number)(x),
        lambda x: mg.hvp(number)(x, V),
        lambda x: mg.jvp(vector)(x, V)[1],
    ],
)
def test_what_a_transform_returns_can_be_differentiated(transform):
    mg.gradcheck(transform, [X], order=2)


def test_shapes_are_those_of_result_and_argument():
    x = np.ones((2, 3), np.float32)
    assert mg.jacobian(lambda x: x[:, :2] * 2.0)(x).shape == (2, 2, 2, 3)
    assert mg.jacobian(lambda x: x[:, :0])(x).shape == (2, 0, 2, 3)
    assert mg.jacobian(lambda x: x.sum())(x).dtype == np.float32
    assert not mg.jacobian(lambda x: mg.Tensor([1.0, 2.0]))(x).numpy().any()


def test_further_arguments_pass_through_and_leave_no_gradients_behind():
    w = mg.Tensor(V, requires_grad=True)
    value, slope = mg.value_and_grad(lambda x, w, k: (x * w).sum() * k)(X, w, 2.0)
    np.testing.assert_allclose(value, 2 * X @ V)
    np.testing.assert_allclose(slope, 2 * V)
    assert w.grad is None


@pytest.mark.parametrize(
    "call, error, message",
    [
        (lambda: mg.value_and_grad(vector)(X), ValueError, r"f returned shape \(2,\); it must be one number"),
        (lambda: mg.jacobian(lambda x: 1.0)(X), TypeError, "f returned a float; it must return a Tensor"),
        (lambda: mg.hvp(number)(X, V[:2]), ValueError, r"hvp: v has shape \(2,\), x \(3,\)"),
        (lambda: mg.jacobian(vector)(np.arange(3)), TypeError, "differentiate by is int64; give floating-point"),
    ],
)
def test_wrong_functions_and_directions_are_named(call, error, message):
    with pytest.raises(error, match=message):
        call()


# ---- checkpoint ------------------------------------------------------------------------------------------------------


def test_a_checkpoint_changes_no_gradient_of_any_order():
    w = mg.Tensor(A, requires_grad=True)
    piece = lambda x: mg.tanh(w @ x) * x.sum()  # noqa: E731
    for order in (1, 2, 3):
        mg.gradcheck(lambda x, piece=piece: mg.exp(checkpoint(piece, x * 2.0)), [X], order=order)
    plain, kept = ((f(mg.Tensor(X)).sum(), w) for f in (piece, lambda x: checkpoint(piece, x)))
    assert np.array_equal(mg.grad(*plain), mg.grad(*kept))


def test_a_tensor_that_is_read_twice_gets_both_gradients_once():
    def through(keep):
        x = mg.Tensor(X, requires_grad=True)
        h = x * 3.0
        call = checkpoint if keep else lambda f, *xs: f(*xs)
        y = call(lambda a, b: mg.exp(a * b) * h * x, h, h)  # given twice, read twice from elsewhere
        (first,) = mg.grad(y.sum(), [x], create_graph=True)
        return first.numpy(), mg.grad((first**2).sum(), x).numpy()

    for kept, plain in zip(through(True), through(False)):
        np.testing.assert_allclose(kept, plain, rtol=1e-12)


def test_a_checkpoint_keeps_no_results_from_inside():
    x = mg.Tensor(X, requires_grad=True)
    held = []

    def chain(x):
        h = mg.exp(x)
        held.append(weakref.ref(h))
        return mg.sin(h)

    y = checkpoint(chain, x)
    assert held[0]() is None
    y.sum().backward()
    np.testing.assert_allclose(x.grad, np.cos(np.exp(X)) * np.exp(X))


def test_random_numbers_are_drawn_again_from_the_given_generators():
    rng = np.random.default_rng(3)
    noisy = lambda x: x * mg.Tensor(rng.normal(size=3))  # noqa: E731
    x = mg.Tensor(X, requires_grad=True)
    y = checkpoint(noisy, x, rngs=[rng])
    after = rng.bit_generator.state
    y.sum().backward()
    np.testing.assert_allclose(x.grad.numpy() * X, y.numpy())
    assert rng.bit_generator.state == after
    with pytest.raises(RuntimeError, match="f gave another result when it was run again; pass the generators"):
        checkpoint(noisy, x).sum().backward()


def test_a_checkpoint_of_constants_is_a_constant():
    assert not checkpoint(mg.exp, X).requires_grad
    with mg.no_grad():
        assert not checkpoint(mg.exp, mg.Tensor(X, requires_grad=True)).requires_grad
    with pytest.raises(TypeError, match="checkpoint: f returned a tuple; it must return one Tensor"):
        checkpoint(lambda x: (x, x), X)


def test_a_step_between_the_two_runs_is_noticed():
    w = mg.Tensor(V, requires_grad=True)
    y = checkpoint(lambda x: x * w, X).sum()
    w.data += 1.0
    w.mark_changed()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()
