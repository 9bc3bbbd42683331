"""Ops whose backward is no derivative on purpose: the gradient check says so, and another loss has this gradient."""

import importlib
import pkgutil

import numpy as np
import pytest

import minigrad as mg
import models
from minigrad import Tensor
from minigrad.op import Op
from models.relu import relu
from tests.surrogates import SURROGATES

CHECKED = {relu}  # by tests/test_visualize.py
each = pytest.mark.parametrize("surrogate", SURROGATES, ids=lambda surrogate: surrogate.op.name)


def variables(surrogate):
    """Return the inputs as Tensors: those that are differentiated, then all."""
    inputs = [Tensor(a, requires_grad=a.dtype.kind == "f") for a in surrogate.inputs]
    return [x for x in inputs if x.requires_grad], inputs


def difference(surrogate):
    """Compare the gradient of the op with that of the surrogate's loss -> the largest error, relative to the latter."""
    xs, inputs = variables(surrogate)
    out = surrogate.op(*inputs, **surrogate.params)
    g = np.random.default_rng(1).normal(size=out.shape)
    loss = surrogate.loss(g, *surrogate.inputs, **surrogate.params)
    ours, theirs = mg.grad(out, xs, Tensor(g)), mg.grad(loss(*xs), xs)
    return max(np.abs(a.numpy() - b.numpy()).max() / np.abs(b.numpy()).max() for a, b in zip(ours, theirs, strict=True))


def test_every_op_that_a_model_makes_is_a_surrogate_or_checked_elsewhere():
    known = {surrogate.op for surrogate in SURROGATES} | CHECKED | set(mg.REGISTRY.values())
    for found in pkgutil.iter_modules(models.__path__, "models."):
        made = {x for x in vars(importlib.import_module(found.name)).values() if isinstance(x, Op)}
        assert made <= known, found.name


@each
def test_the_gradient_check_says_that_it_is_no_derivative(surrogate):
    with pytest.raises(mg.GradcheckError, match="analytic .*, numeric") as refused:
        mg.gradcheck(lambda *xs: surrogate.op(*xs, **surrogate.params), surrogate.inputs)
    assert type(refused.value) is mg.GradcheckError  # the function has no kink: the rule is what differs


@each
def test_it_is_the_gradient_of_the_surrogate_loss(surrogate):
    assert difference(surrogate) < 1e-14


@each
@pytest.mark.parametrize("change", [lambda gx: gx * 0.0, lambda gx: gx * 1.001, lambda gx: -gx])
def test_a_wrong_rule_would_be_noticed(surrogate, change, monkeypatch):
    for name, rule in surrogate.op.rules.items():
        if rule is not None:
            with monkeypatch.context() as patch:
                patch.setitem(
                    surrogate.op.rules, name, lambda *args, rule=rule, **params: change(rule(*args, **params))
                )
                assert difference(surrogate) > 1e-4


@each
def test_the_surrogate_loss_itself_has_the_gradient_that_differences_measure(surrogate):
    xs, inputs = variables(surrogate)
    g = np.random.default_rng(1).normal(size=surrogate.op(*inputs, **surrogate.params).shape)
    mg.gradcheck(surrogate.loss(g, *surrogate.inputs, **surrogate.params), xs)


@each
def test_it_refuses_a_second_derivative(surrogate):
    xs, inputs = variables(surrogate)
    first = mg.grad(surrogate.op(*inputs, **surrogate.params).sum(), xs, create_graph=True)
    with pytest.raises(NotImplementedError, match=f"{surrogate.op.name}: .*second order is not available"):
        mg.grad(sum(x.sum() for x in first), xs)
