"""The gradient check can fail: on every rule made wrong, and on functions that are wrong in ways of their own."""

import math

import numpy as np
import pytest

import minigrad as mg
from minigrad.differences import STEP
from tests.cases import CASES

MUTATIONS = {
    "zeroed": lambda gx: gx * 0.0,
    "scaled by 1.001": lambda gx: gx * 1.001,
    "sign flipped": lambda gx: -gx,
}
X = np.array([[0.5, -1.0, 2.0], [1.5, 0.7, -0.6]])
RULES = [(op, name) for op in mg.REGISTRY.values() for name, rule in op.rules.items() if rule is not None]


def first_error(cases):
    """Return the first error of the gradient check on cases, None if all pass."""
    for case in cases:
        try:
            mg.gradcheck(case.f, case.inputs)
        except mg.GradcheckError as error:
            return error
    return None


@pytest.mark.parametrize("mutation", MUTATIONS)
@pytest.mark.parametrize(("op", "argument"), RULES, ids=[f"{op.name}-{name}" for op, name in RULES])
def test_a_wrong_rule_is_caught(op, argument, mutation, monkeypatch):
    right, wrong = op.rules[argument], MUTATIONS[mutation]
    monkeypatch.setitem(op.rules, argument, lambda *args, **params: wrong(right(*args, **params)))
    error = first_error(case for case in CASES if case.name == op.name and not case.empty)
    assert type(error) is mg.GradcheckError, f"no case of {op.name} notices"  # and no KinkError


@pytest.fixture
def cube(registry):
    """x**3 as an op, whose rule the tests choose."""

    @mg.op
    def cube(x, /):
        """x**3."""
        return x * x * x

    cube.defvjp(x=lambda g, out, x: g * 3.0 * x * x)
    return cube


def test_a_right_rule_passes_to_third_order(cube):
    assert mg.gradcheck(cube, [X], order=3) is True


def test_the_error_names_op_argument_index_and_both_values(registry):
    @mg.op
    def weigh(x, w, /):
        """x w, with a gradient for w that is wrong in one place."""
        return x * w

    weigh.defvjp(x=lambda g, out, x, w: g * w, w=lambda g, out, x, w: g * x + np.array([[0, 0, 0], [0, 0, 0.25]]))
    with pytest.raises(mg.GradcheckError, match=r"weigh: w\[1, 2\]: analytic .*, numeric .*") as caught:
        mg.gradcheck(weigh, [X, X + 1.0])
    error = caught.value
    assert (error.op, error.argument, error.index) == ("weigh", "w", (1, 2))
    assert error.analytic == pytest.approx(error.numeric + 0.25)
    assert f"{error.analytic:.9g}" in str(error) and f"{error.numeric:.9g}" in str(error)


def test_an_error_of_second_order_says_so(cube):
    cube.defvjp(x=lambda g, out, x: g * 3.0 * mg.square(x.detach()))
    with pytest.raises(mg.GradcheckError, match=r"gradient of cube: x\[0, 0\]"):
        mg.gradcheck(cube, [X], order=2)


@pytest.mark.parametrize(
    "wrong_rule",
    [
        lambda g, out, x: g * 3.0 * x.data**2,
        lambda g, out, x: g * 3.0 * x * x.detach(),
        lambda g, out, x: mg.Tensor(g.data * 3.0 * x.data**2),
    ],
    ids=["the array instead of the tensor", "half detached", "arrays throughout"],
)
def test_a_rule_that_is_right_at_first_order_only_fails_at_second(cube, wrong_rule):
    cube.defvjp(x=wrong_rule)
    assert mg.gradcheck(cube, [X], order=1)
    with pytest.raises(mg.GradcheckError, match="gradient of cube"):
        mg.gradcheck(cube, [X], order=2)


def test_an_op_of_order_1_works_once_and_refuses_to_be_differentiated_again(registry):
    @mg.op(order=1)
    def cube(x, /):
        """x**3, with a rule that computes on arrays."""
        return x * x * x

    cube.defvjp(x=lambda g, out, x: mg.Tensor.wrap(g.data * 3.0 * x.data**2))
    assert mg.gradcheck(cube, [X])
    x = mg.Tensor(X, requires_grad=True)
    dx = mg.grad(cube(x).sum(), x, create_graph=True)
    np.testing.assert_allclose(dx.data, 3 * X**2)
    with pytest.raises(NotImplementedError, match="cube: .* second order is not available"):
        dx.sum().backward()
    with pytest.raises(NotImplementedError, match="cube"):
        mg.gradcheck(cube, [X], order=2)


def test_a_rule_of_the_wrong_shape_is_named(registry):
    @mg.op
    def plus(x, y, /):
        """x + y, but the rules forget that the inputs broadcast."""
        return x + y

    plus.defvjp(x=lambda g, out, x, y: g, y=lambda g, out, x, y: g)
    with pytest.raises(RuntimeError, match=r"plus: the rule for y gave shape \(2, 3\), the input has \(3,\)"):
        mg.gradcheck(plus, [X, X[0]])


def test_a_gradient_that_is_nan_fails(cube):
    cube.defvjp(x=lambda g, out, x: g * float("nan"))
    with pytest.raises(mg.GradcheckError, match=r"cube: x\[0, 0\]: analytic nan"):
        mg.gradcheck(cube, [X])


def test_a_function_that_is_nan_fails():
    with np.errstate(invalid="ignore"), pytest.raises(mg.GradcheckError, match="numeric nan"):
        mg.gradcheck(mg.log, [np.array([-1.0])])


def test_an_infinite_difference_is_taken_again_with_a_smaller_step(registry):
    @mg.op
    def one_over(x, /):
        return 1 / x

    at = np.array([-2 * STEP])  # two steps from the pole
    one_over.defvjp(x=lambda g, out, x: -g * out * out)
    assert mg.gradcheck(one_over, [at], order=2)
    one_over.defvjp(x=lambda g, out, x: g * 12345.0)
    with pytest.raises(mg.GradcheckError, match=r"analytic .*, numeric -?\d"):
        mg.gradcheck(one_over, [at])


def test_a_softmax_whose_gradient_is_zero_fails(monkeypatch):
    # cotangents of all ones would let it pass: the sum of a softmax is constant
    monkeypatch.setitem(mg.softmax.rules, "x", lambda g, out, x, axis: g * 0.0)
    with pytest.raises(mg.GradcheckError, match="softmax"):
        mg.gradcheck(mg.softmax, [X])


def test_the_second_output_is_checked_too(monkeypatch):
    split_and_scale = lambda x: [x[0], mg.exp(x[1])]  # noqa: E731
    assert mg.gradcheck(split_and_scale, [X])
    monkeypatch.setitem(mg.exp.rules, "x", lambda g, out, x: g * 1.001 * out)
    with pytest.raises(mg.GradcheckError, match=r"x\[1, 0\]"):
        mg.gradcheck(split_and_scale, [X])


# ---- kinks -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "inputs"),
    [
        pytest.param(mg.relu, [[-1.0, 0.0, 2.0]], id="relu at 0"),
        pytest.param(mg.relu, [[-1.5e-3]], id="relu within two steps of 0"),
        pytest.param(mg.abs, [[0.0]], id="abs at 0"),
        pytest.param(mg.abs, [[5e-4]], id="abs within a step of 0"),
        pytest.param(mg.sign, [[5e-4]], id="sign within a step of 0"),
        pytest.param(mg.norm, [[0.0]], id="norm at 0"),
        pytest.param(mg.maximum, [[1.0, 2.0], [3.0, 2.0]], id="maximum of equals"),
        pytest.param(mg.minimum, [[1.0, 2.0], [3.0, 2.0]], id="minimum of equals"),
        pytest.param(mg.max, [[1.0, 2.0, 2.0]], id="max of equals"),
        pytest.param(lambda x: mg.clip(x, 0.0, 1.0), [[0.5, 1.0]], id="clip at a limit"),
    ],
)
def test_a_kink_is_reported_as_a_kink(f, inputs):
    with pytest.raises(mg.KinkError, match="is at or near a kink: the slope jumps by about"):
        mg.gradcheck(f, [np.array(a) for a in inputs])


def test_a_kink_outside_the_step_does_not_matter():
    assert mg.gradcheck(mg.relu, [np.array([-0.01, 0.01])], order=2)


def test_a_curve_is_not_mistaken_for_a_kink():
    assert mg.gradcheck(lambda x: mg.exp(3.0 * x) * mg.sin(5.0 * x), [np.array([-1.0, 0.3, 1.2])], order=2)


@pytest.mark.parametrize("factor", [1.001, 1.1, 0.0, -1.0])
def test_a_wrong_gradient_is_not_mistaken_for_a_kink(cube, factor):
    cube.defvjp(x=lambda g, out, x: g * (3.0 * factor) * x * x)
    with pytest.raises(mg.GradcheckError) as caught:
        mg.gradcheck(cube, [X])
    assert type(caught.value) is mg.GradcheckError


# ---- scales ----------------------------------------------------------------------------------------------------------

FAST = {
    "sin(100 x)": (lambda x: mg.sin(100.0 * x), [0.3, 1.0, 2.0]),
    "sin(1000 pi x)": (lambda x: mg.sin(1000.0 * math.pi * x + 0.3), [0.3, 1.0, 2.0]),  # two steps are one wave
    "sin at 1000": (mg.sin, [1000.0, 1e6]),
    "softmax at temperature .01": (lambda x: mg.softmax(x / 0.01), [[0.5, 0.51, 0.49], [-1.0, 0.98, 1.0]]),
    "log near 0": (mg.log, [0.01, 0.001, 1e-6]),
    "1 / x near 0": (lambda x: 1.0 / x, [0.02, -0.0015, 1e-5]),
    "sqrt near 0": (mg.sqrt, [0.01, 1e-6]),
    "norm near 0": (mg.norm, [1e-5, -1e-5]),
}


@pytest.mark.parametrize("name", FAST)
def test_a_function_that_changes_within_the_step_passes(name):
    f, x = FAST[name]
    assert mg.gradcheck(f, [np.array(x)], order=2)


@pytest.mark.parametrize("factor", [1.001, 0.0, -1.0])
@pytest.mark.parametrize("name", FAST)
def test_a_wrong_gradient_of_a_function_that_changes_within_the_step_fails(name, factor, registry):
    @mg.op
    def scaled(x, /):
        """x, whose gradient is off by a factor."""
        return x * 1.0

    scaled.defvjp(x=lambda g, out, x: g * factor)
    f, x = FAST[name]
    with pytest.raises(mg.GradcheckError) as caught:
        mg.gradcheck(lambda x: f(scaled(x)), [np.array(x)])
    assert type(caught.value) is mg.GradcheckError


@pytest.mark.parametrize("scale", [1e-8, 1e-30, 1e8])
@pytest.mark.parametrize("factor", [1.001, 0.0, -1.0])
def test_a_wrong_gradient_fails_whatever_its_size(cube, scale, factor):
    assert mg.gradcheck(lambda x: scale * cube(x), [X], order=2)
    cube.defvjp(x=lambda g, out, x: g * (3.0 * factor) * x * x)
    with pytest.raises(mg.GradcheckError, match="analytic") as caught:
        mg.gradcheck(lambda x: scale * cube(x), [X])
    assert type(caught.value) is mg.GradcheckError


def test_a_small_gradient_with_a_wrong_sign_fails_beside_large_values(registry):
    @mg.op
    def one_and_a_little(x, /):
        return 1.0 + 1e-8 * x

    one_and_a_little.defvjp(x=lambda g, out, x: g * -1e-8)
    with pytest.raises(mg.GradcheckError, match=r"one_and_a_little: x\[0, 0\]: analytic"):
        mg.gradcheck(one_and_a_little, [X])


def test_one_small_element_of_a_gradient_with_a_wrong_sign_fails(monkeypatch):
    right = mg.sigmoid.rules["x"]
    monkeypatch.setitem(mg.sigmoid.rules, "x", lambda g, out, x: right(g, out, x) * np.where(x.data < -15, -1.0, 1.0))
    with pytest.raises(mg.GradcheckError, match=r"sigmoid: x\[1\]"):
        mg.gradcheck(mg.sigmoid, [np.array([0.0, -18.0])])


def test_a_small_kink_is_a_kink():
    with pytest.raises(mg.KinkError):
        mg.gradcheck(lambda x: 1e-8 * mg.abs(x), [np.array([0.0])])


def test_a_gradient_that_is_zero_up_to_rounding_passes():
    assert mg.gradcheck(lambda x: mg.softmax(x).sum(), [X], order=3)
    assert mg.gradcheck(lambda x: x - x, [X], order=2)


def test_a_slight_kink_is_stepped_around_unless_it_lies_at_the_input(cube):
    bent = lambda x: cube(x) + 1e-2 * mg.abs(x - 0.5)  # noqa: E731
    assert mg.gradcheck(bent, [np.array([0.501, 0.499, 0.49999])])
    with pytest.raises(mg.KinkError):
        mg.gradcheck(bent, [np.array([0.5])])
    cube.defvjp(x=lambda g, out, x: g * 3.01 * x * x)
    with pytest.raises(mg.GradcheckError, match="analytic") as caught:
        mg.gradcheck(bent, [np.array([0.501])])
    assert type(caught.value) is mg.GradcheckError


def test_a_smaller_step_passes_between_kinks():
    near = [np.array([1e-3])]
    with pytest.raises(mg.KinkError, match="give a smaller step"):
        mg.gradcheck(mg.relu, near)
    assert mg.gradcheck(mg.relu, near, step=1e-4)


def test_differences_that_do_not_settle_say_so(registry):
    @mg.op
    def blurred(x, /):
        """x, whose digits after the fifth are noise."""
        return x + 1e-5 * np.sin(1e15 * x)

    blurred.defvjp(x=lambda g, out, x: g)
    with pytest.raises(mg.GradcheckError, match=r"blurred: x\[0\]: the differences do not settle: .*give or take"):
        mg.gradcheck(blurred, [np.array([0.3])])


# ---- numbers that are overwritten ------------------------------------------------------------------------------------


def test_an_op_that_overwrites_its_input_fails(registry):
    @mg.op
    def double(x, /):
        x *= 2.0
        return x.copy()

    double.defvjp(x=lambda g, out, x: g * 2.0)
    with pytest.raises(mg.GradcheckError, match=r"^double overwrites x: \[0, 0\] was 0.5 and is 1; compute on a copy"):
        mg.gradcheck(double, [X])
    assert X[0, 0] == 0.5


def test_an_op_that_overwrites_integers_fails(registry):
    @mg.op
    def picked(x, index, /):
        index += 1
        return x * 1.0

    picked.defvjp(x=lambda g, out, x, index: g, index=None)
    with pytest.raises(mg.GradcheckError, match=r"^picked overwrites index: \[0\] was 3 and is 4"):
        mg.gradcheck(picked, [X, np.array([3])])


@pytest.mark.parametrize(("lent", "called"), [("x", "x"), ("g", "cotangent 0"), ("out", "output 0")])
def test_a_rule_that_overwrites_what_it_is_given_fails(lent, called, cube):
    def rule(g, out, x):
        gx = g * 3.0 * x * x
        {"x": x, "g": g, "out": out}[lent].data[0, 1] = 7.0
        return gx

    cube.defvjp(x=rule)
    with pytest.raises(mg.GradcheckError, match=rf"^gradient of cube overwrites {called}: \[0, 1\] was .* and is 7"):
        mg.gradcheck(cube, [X])


# ---- what may be checked ---------------------------------------------------------------------------------------------


def test_float32_inputs_are_refused():
    with pytest.raises(TypeError, match="gradcheck: x is float32; differences need float64"):
        mg.gradcheck(mg.exp, [X.astype(np.float32)])


def test_an_order_below_1_is_refused():
    with pytest.raises(ValueError, match="gradcheck: order is 0; it must be at least 1"):
        mg.gradcheck(mg.exp, [X], order=0)


def test_inputs_that_are_all_integers_are_refused():
    with pytest.raises(TypeError, match="no floating-point input"):
        mg.gradcheck(mg.sum, [np.array([1, 2])])


@pytest.mark.parametrize("f", [mg.argmax, lambda x: [], lambda x: (), lambda x: x[:0]])
def test_a_function_that_returns_nothing_to_check_is_refused(f):
    with pytest.raises(
        ValueError, match="gradcheck: .* returns no floating-point numbers, so there is nothing to check"
    ):
        mg.gradcheck(f, [X])


def test_inputs_that_are_all_empty_are_refused():
    with pytest.raises(ValueError, match="every floating-point input is empty, so there is nothing to check"):
        mg.gradcheck(mg.exp, [np.zeros((0, 3)), np.array([1])])
    with pytest.raises(TypeError, match="no floating-point input"):
        mg.gradcheck(lambda: mg.Tensor(1.0), [])


@pytest.mark.parametrize("step", [0.0, -1e-3, float("nan"), float("inf")])
def test_an_invalid_step_is_refused(step):
    with pytest.raises(ValueError, match="gradcheck: step is .*; it must be a number above 0"):
        mg.gradcheck(mg.exp, [X], step=step)


def test_tensors_are_accepted_as_inputs_and_left_unchanged():
    x = mg.Tensor(X, requires_grad=True)
    assert mg.gradcheck(mg.exp, [x], order=2)
    assert x.grad is None and np.array_equal(x.data, X)


def test_the_callers_generator_draws_the_cotangents(rng):
    before = rng.bit_generator.state
    assert mg.gradcheck(mg.exp, [X], rng=rng)
    assert rng.bit_generator.state != before


def test_a_jump_is_reported_as_a_kink():
    with pytest.raises(mg.KinkError, match="at or near a kink"):
        mg.gradcheck(mg.sign, [np.array([0.0, 1.0])])
