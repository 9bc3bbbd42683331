"""The registry of ops is complete: every op has rules, a docstring and a gradient check; malformed ops are refused."""

import inspect
import types

import numpy as np
import pytest

import minigrad as mg
from tests.cases import CASES

WITHOUT_GRADIENT = {"argmax", "argmin", "argsort", "any", "all", "conv_matrix", "from_dlpack"}  # constant results
WITHOUT_GRADIENT |= {"zeros", "ones", "full", "arange", "zeros_like", "ones_like", "full_like", "one_hot"}


def unchecked(cases):
    """Return the names of the differentiable functions that no case checks."""
    functions = {name for name, f in vars(mg.ops).items() if isinstance(f, types.FunctionType)}
    return (functions | set(mg.REGISTRY)) - WITHOUT_GRADIENT - {case.name for case in cases}


def test_every_differentiable_function_has_a_case():
    assert unchecked(CASES) == set(), "add cases to tests/cases.py"


def test_every_case_is_of_a_function_that_exists():
    assert {case.name for case in CASES} <= set(vars(mg.ops)) | set(mg.REGISTRY)


@pytest.mark.parametrize("name", sorted({case.name for case in CASES}))
def test_a_function_that_lost_its_cases_is_noticed(name):
    assert unchecked([case for case in CASES if case.name != name]) == {name}


def test_a_new_op_without_a_case_is_noticed(registry):
    @mg.op
    def unheard_of(x, /):
        """x."""
        return x

    assert unchecked(CASES) == {"unheard_of"}


@pytest.mark.parametrize("name", [name for name in dir(mg) if not name.startswith("_")])
def test_every_public_name_has_a_docstring(name):
    assert inspect.getdoc(getattr(mg, name))


@pytest.mark.parametrize("op", mg.REGISTRY.values(), ids=str)
def test_every_op_is_documented_and_exported_or_internal_and_has_a_rule_or_none_for_every_input(op):
    assert op.__doc__
    assert vars(mg).get(op.name) is (None if op.name in mg.ops._INTERNAL else op)
    assert list(op.rules) == op.inputs
    assert all(rule is None or callable(rule) for rule in op.rules.values())


# ---- malformed ops ---------------------------------------------------------------------------------------------------


@pytest.fixture
def scale(registry):
    @mg.op
    def scale(x, y, /, factor=1.0):
        """factor x y."""
        return factor * x * y

    return scale


def rule(g, out, x, y, factor):
    return g * factor


def test_rules_that_fit_are_accepted(scale):
    scale.defvjp(x=rule, y=None)
    assert scale.rules == {"x": rule, "y": None}


@pytest.mark.parametrize(
    "wrong",
    [
        lambda g, out, x, y: g,
        lambda g, x, y, out, factor: g,
        lambda g, out, x, y, factor, more: g,
        lambda g, out, a, b, factor: g,
    ],
    ids=["a parameter missing", "another order", "one too many", "other names"],
)
def test_a_rule_of_another_signature_is_refused(scale, wrong):
    with pytest.raises(TypeError, match=r"scale.defvjp: the rule for y must take \(g, out, x, y, factor\)"):
        scale.defvjp(x=rule, y=wrong)


@pytest.mark.parametrize(
    "rules",
    [{}, {"x": rule}, {"x": rule, "y": rule, "z": rule}, {"y": rule, "x": rule}, {"x": rule, "factor": rule}],
    ids=["none at all", "one missing", "an unknown input", "another order", "a parameter"],
)
def test_rules_that_do_not_match_the_inputs_are_refused(scale, rules):
    with pytest.raises(TypeError, match=r"scale.defvjp: rules for .* inputs.* \['x', 'y'\]"):
        scale.defvjp(**rules)


def test_a_rule_of_a_variadic_op_must_take_the_place_of_its_input(registry):
    @mg.op
    def total(*xs, axis=0):
        """Sum of xs."""
        return sum(xs)

    with pytest.raises(TypeError, match=r"must take \(g, out, i, xs, axis\)"):
        total.defvjp(xs=lambda g, out, xs, axis: g)


def test_what_rules_share_is_computed_once_on_each_walk_back(scale):
    seen = []
    scale.share(lambda g, out, x, y, factor: seen.append((g, out, factor)) or g * factor)
    scale.defvjp(
        x=lambda g, out, x, y, factor, shared: shared * y,
        y=lambda g, out, x, y, factor, shared: shared * x,
    )
    x, y = (mg.Tensor(a, requires_grad=True) for a in ([2.0, 3.0], [5.0, 7.0]))
    z = scale(x, y, factor=10.0)
    for _ in range(2):
        assert [g.data.tolist() for g in mg.grad(z.sum(), [x, y])] == [[50, 70], [20, 30]]
    assert [out is z and factor == 10.0 for _, out, factor in seen] == [True, True]
    with mg.detect_anomaly():
        (gx,) = mg.grad(z.sum(), [x], create_graph=True)
    assert len(seen) == 3
    assert mg.grad(gx.sum(), y).data.tolist() == [10, 10]


def test_rules_that_share_must_take_what_is_shared(scale):
    scale.share(lambda g, out, x, y, factor: g)
    with pytest.raises(TypeError, match=r"the rule for x must take \(g, out, x, y, factor, shared\)"):
        scale.defvjp(x=rule, y=rule)


def test_ops_of_a_list_or_of_order_1_cannot_share(registry):
    @mg.op
    def total(*xs):
        """Sum of xs."""
        return sum(xs)

    @mg.op(order=1)
    def same(x, /):
        """x."""
        return x

    for op in (total, same):
        with pytest.raises(TypeError, match=rf"{op.name}.share: its rules cannot share work"):
            op.share(lambda g, out, x: g)


def test_a_second_op_with_the_same_name_is_refused(scale):
    with pytest.raises(ValueError, match="scale: an op of this name exists already"):
        mg.op(scale.forward)
    assert mg.REGISTRY["scale"] is scale


def test_an_op_without_inputs_is_refused_and_not_registered(registry):
    def nothing(x, axis):
        """All arguments are parameters."""

    with pytest.raises(TypeError, match="nothing: no inputs; put '/' after the"):
        mg.op(nothing)
    assert "nothing" not in mg.REGISTRY


def test_an_op_without_rules_says_so_when_its_gradient_is_asked_for(registry):
    @mg.op
    def planted(x, /):
        return x * 2

    assert planted(np.ones(2)).numpy().tolist() == [2, 2]
    with pytest.raises(TypeError, match=r"planted: .* give it planted.defvjp"):
        planted(mg.Tensor([1.0], requires_grad=True))


def test_an_op_is_recorded_only_if_the_input_that_is_tracked_has_a_rule(registry):
    @mg.op
    def times_sign(x, y, /):
        return x * np.sign(y)

    times_sign.defvjp(x=lambda g, out, x, y: g * mg.sign(y), y=None)
    for x, y, recorded in ((False, False, False), (False, True, False), (True, False, True), (True, True, True)):
        a, b = mg.Tensor([2.0, 3.0], requires_grad=x), mg.Tensor([-1.0, 1.0], requires_grad=y)
        out = times_sign(a, b)
        assert out.requires_grad == recorded
        if recorded:
            assert mg.grad(out, a, np.ones(2)).data.tolist() == [-1, 1]
