"""Parameter groups: learning rates and weight decays of a part of the parameters' own."""

import numpy as np
import pytest

from minigrad import Tensor
from minigrad.optim import LBFGS, SGD, Adam, AdamW, RMSprop, clip_grad_norm


def parameter(data):
    return Tensor(np.asarray(data, np.float64), requires_grad=True)


@pytest.mark.parametrize("kind", [SGD, RMSprop, Adam, AdamW])
def test_a_group_takes_the_steps_of_an_optimizer_of_its_own(kind, rng):
    start = rng.normal(size=(2, 4))
    grouped, alone = [parameter(x) for x in start], [parameter(x) for x in start]
    one = kind([{"params": grouped[:1]}, {"params": grouped[1:], "lr": 0.03, "weight_decay": 0.2}], lr=0.1)
    two = [kind(alone[:1], lr=0.1), kind(alone[1:], lr=0.03, weight_decay=0.2)]
    for _ in range(3):
        for x, other in zip(grouped, alone):
            x.grad = Tensor(rng.normal(size=4))
            other.grad = x.grad
        for optimizer in (one, *two):
            optimizer.step()
    for x, other in zip(grouped, alone):
        np.testing.assert_allclose(x.numpy(), other.numpy(), rtol=1e-12)


def test_a_schedule_moves_all_groups_alike():
    x, y = parameter([0.0]), parameter([0.0])
    optimizer = SGD([{"params": [x]}, {"params": [y], "lr": 0.01}], lr=0.1)
    optimizer.lr = 0.05
    x.grad = y.grad = Tensor(np.ones(1))
    optimizer.step()
    np.testing.assert_allclose([x.item(), y.item()], [-0.05, -0.005])


@pytest.mark.parametrize(
    "groups, message",
    [
        ([{"lr": 0.1}], r"group 0 is \['lr'\]; it must be a dict with 'params'"),
        ([{"params": [parameter([1.0])], "betas": (0, 0)}], "group 0 is .'betas', 'params'."),
        ([{"params": []}, parameter([1.0])], "group 1 is a Tensor"),
        ([{"params": [parameter([1.0])], "lr": -1}], "lr of a group is -1"),
        ([{"params": []}], "got no parameters"),
    ],
)
def test_wrong_groups_are_refused(groups, message):
    with pytest.raises(ValueError, match=message):
        Adam(groups)


@pytest.mark.parametrize("kind", [LBFGS, lambda xs: clip_grad_norm(xs, 1)])
def test_an_optimizer_without_groups_says_so(kind):
    with pytest.raises(TypeError, match="parameter 0 is a dict; give one flat list"):
        kind([{"params": [parameter([1.0])]}])
