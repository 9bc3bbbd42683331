"""Parameters of float16 take the steps that they would take in float32, rounded."""

import numpy as np
import pytest

from minigrad import Tensor
from minigrad.optim import LBFGS, SGD, Adam, AdamW, Muon, RMSprop, clip_grad_norm

OPTIMIZERS = {
    "SGD": lambda xs: SGD(xs, lr=0.1, momentum=0.9, weight_decay=0.01),
    "RMSprop": lambda xs: RMSprop(xs, lr=0.01, momentum=0.5),
    "Adam": lambda xs: Adam(xs, lr=0.01),
    "AdamW": lambda xs: AdamW(xs, lr=0.01),
    "Muon": lambda xs: Muon(xs, lr=0.01),
}


def run(make, dtype, scale, steps=5):
    """Return a matrix and a vector after some steps along gradients of size scale."""
    rng = np.random.default_rng(0)
    xs = [Tensor(rng.normal(size=shape).astype(dtype), requires_grad=True) for shape in [(3, 4), (5,)]]
    optimizer = make(xs)
    for _ in range(steps):
        for x in xs:
            x.grad = Tensor((scale * rng.normal(size=x.shape)).astype(np.float16).astype(dtype))
        optimizer.step()
    return xs, optimizer


@pytest.mark.parametrize("scale", [1e-6, 1e-3, 1.0, 300.0])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_steps_of_float16_are_those_of_float32_at_every_size_of_the_gradient(make, scale):
    xs, _ = run(make, np.float16, scale)
    wide, _ = run(make, np.float32, scale)
    for x, y in zip(xs, wide):
        assert x.dtype == np.float16 and np.isfinite(x.numpy()).all()
        np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_the_state_of_float16_parameters_is_float32_and_loads_back(make):
    xs, optimizer = run(make, np.float16, 1e-3)
    state = optimizer.state_dict()
    assert {a.dtype for name, a in state.items() if name != "steps"} == {np.dtype(np.float32)}
    other = make([Tensor(x, requires_grad=True) for x in xs])
    other.load_state_dict(state)
    for x, y in zip(optimizer.parameters, other.parameters):
        x.grad = y.grad = Tensor(np.full(x.shape, 1e-3, np.float16))
    optimizer.step()
    other.step()
    for x, y in zip(optimizer.parameters, other.parameters):
        assert np.array_equal(x.numpy(), y.numpy())


def test_a_gradient_of_another_dtype_than_its_float16_parameter_is_refused():
    x = Tensor(np.ones(2, np.float16), requires_grad=True)
    x.grad = Tensor(np.ones(2, np.float32))
    with pytest.raises(ValueError, match=r"parameter 0 is float16 \(2,\) on cpu, its gradient is float32 \(2,\)"):
        Adam([x]).step()


def test_the_norm_of_float16_gradients_neither_overflows_nor_vanishes():
    for scale in (300.0, 1e-5):
        x = Tensor(np.zeros(100, np.float16), requires_grad=True)
        x.grad = Tensor(np.full(100, scale, np.float16))
        assert abs(clip_grad_norm([x], 1e9) / (10 * float(np.float16(scale))) - 1) < 1e-3


def test_lbfgs_reaches_the_minimum_of_a_float16_parameter():
    x = Tensor(np.float16([3.0, -2.0]), requires_grad=True)
    optimizer = LBFGS([x])

    def closure():
        optimizer.zero_grad()
        loss = ((x - 1.0) * (x - 1.0)).sum()
        loss.backward()
        return loss

    for _ in range(3):
        optimizer.step(closure)
    np.testing.assert_allclose(x.numpy(), [1.0, 1.0], atol=0.01)
