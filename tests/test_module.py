"""What a Module offers beyond its parts: gradients forgotten, buffers listed, states that fit in part, slices."""

import contextlib

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def test_zero_grad_forgets_the_gradients_of_every_part(rng):
    net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Linear(3, 1, rng=rng))
    net(np.ones((1, 2))).sum().backward()
    assert all(p.grad is not None for p in net.parameters())
    net.zero_grad()
    assert all(p.grad is None for p in net.parameters())


def test_buffers_are_saved_and_not_learned(rng):
    net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.BatchNorm1d(3))
    assert [name for name, _ in net.named_buffers()] == ["1.running_mean", "1.running_var", "1.num_batches_tracked"]
    assert [b.shape for b in net.buffers()] == [(3,), (3,), ()]


def test_weights_saved_before_batches_were_counted_load_with_strict_false(rng):
    new, old = nn.BatchNorm1d(2), {"weight": np.array([2.0, 3.0]), "bias": np.ones(2), "head": np.ones(1)}
    old |= {"running_mean": np.ones(2), "running_var": np.full(2, 4.0)}
    with pytest.raises(ValueError, match="lacks .'num_batches_tracked'., this model lacks .'head'.; .* strict=False"):
        new.load_state_dict(old)
    assert new.load_state_dict(old, strict=False) == (["num_batches_tracked"], ["head"])
    assert new.weight.numpy().tolist() == [2, 3] and new.running_var.numpy().tolist() == [4, 4]


def test_a_partial_state_must_still_have_the_right_shapes(rng):
    net = nn.Linear(2, 3, rng=rng)
    before = net.state_dict()
    with pytest.raises(ValueError, match=r"weight is float64 \(2, 2\)"):
        net.load_state_dict({"bias": np.zeros(3), "weight": np.zeros((2, 2))}, strict=False)
    assert all(np.array_equal(before[name], a) for name, a in net.state_dict().items())


def test_a_slice_of_a_sequential_is_one_of_the_same_layers(rng):
    net = nn.Sequential(nn.Linear(2, 3, rng=rng), nn.Tanh(), nn.Linear(3, 1, rng=rng))
    x = rng.normal(size=(4, 2))
    head = net[:2]
    assert isinstance(head, nn.Sequential) and head[0] is net[0] and len(head) == 2
    assert np.array_equal(net[2](head(x)), net(x))
    assert list(net[2:].state_dict()) == ["0.weight", "0.bias"]


def test_a_module_that_contains_its_parent_is_refused(rng):
    class Child(nn.Module):
        def __init__(self, parent):
            self.parent = parent

    net = nn.Sequential(nn.Tanh())
    net.child = Child(net)
    for call in (lambda: list(net.parameters()), net.eval, net.state_dict, lambda: repr(net)):
        with pytest.raises(ValueError, match="Sequential: child.parent is a module that contains it; pass parents"):
            call()


def test_one_module_in_two_places_is_not_a_cycle(rng):
    shared = nn.Linear(2, 2, rng=rng)
    net = nn.Sequential(shared, nn.Tanh(), shared)
    assert len(list(net.parameters())) == 2 and len(net.state_dict()) == 4


@pytest.mark.parametrize(
    "layer, shape",
    [
        (lambda rng: nn.BatchNorm1d(3), (4, 3)),
        (lambda rng: nn.BatchNorm2d(3), (4, 3, 2, 2)),
        (lambda rng: nn.Dropout(0.5, rng=rng), (4, 3)),
        (lambda rng: nn.Dropout2d(0.5, rng=rng), (4, 3, 2, 2)),
        (lambda rng: nn.Flatten(), (4, 3, 2)),
        (lambda rng: nn.LayerNorm(3), (4, 3)),
        (lambda rng: nn.GDN(3), (4, 3)),
        (lambda rng: nn.GroupNorm(1, 3), (4, 3)),
        (lambda rng: nn.InstanceNorm2d(3), (4, 3, 2, 2)),
        (lambda rng: nn.MaxPool2d(2), (4, 3, 2, 2)),
        (lambda rng: nn.Softmax(), (4, 3)),
    ],
)
def test_layers_take_arrays_as_they_take_tensors(layer, shape, rng):
    x = rng.normal(size=shape)
    of_array, of_tensor = (layer(np.random.default_rng(0))(y) for y in (x, mg.Tensor(x)))
    assert isinstance(of_array, mg.Tensor) and np.array_equal(of_array, of_tensor)


# ---- what is state, and what passes by -------------------------------------------------------------------------------


class Watched(nn.Module):
    """A layer that keeps what it computed last, in every way that comes to mind."""

    def __init__(self, rng):
        self.layer = nn.Linear(2, 3, rng=rng)
        self.offset = nn.Buffer([1.0])

    def forward(self, x):
        self.seen = x
        self.hidden = self.layer(x)
        self.history = [self.hidden, self.hidden.detach()]
        self.by_name = {"hidden": self.hidden}
        return self.hidden + self.offset


@pytest.mark.parametrize("context", [mg.no_grad, contextlib.nullcontext])
def test_an_activation_that_a_module_keeps_is_no_part_of_its_state(context, rng):
    net, fresh = Watched(rng), Watched(rng)
    names = ["offset", "layer.weight", "layer.bias"]
    with context():
        net(mg.Tensor(np.ones((1, 2)), requires_grad=True))
    assert list(net.state_dict()) == names
    assert [name for name, _ in net.named_buffers()] == ["offset"]
    fresh.load_state_dict(net.state_dict())
    net.to(dtype=np.float64)
    assert net.offset.dtype == np.float64 and net.seen.grad is None


@pytest.mark.parametrize("part", [lambda b: [b], lambda b: {"a": b}, lambda b: [(b,)]])
def test_buffers_in_containers_that_are_not_searched_are_refused(part):
    model = nn.Module()
    model.hidden = part(nn.Buffer([1.0]))
    with pytest.raises(TypeError, match="Module.hidden: a Buffer in a .* would be neither trained nor saved"):
        model.state_dict()


def test_two_names_of_one_parameter_must_load_the_same_array(rng):
    net = nn.Sequential(nn.Linear(2, 2, rng=rng), nn.Linear(2, 2, rng=rng))
    net[1].weight = net[0].weight
    state = net.state_dict()
    state["0.weight"] = state["1.weight"] = np.array([[1.0, np.nan], [3.0, 4.0]], np.float32)
    net.load_state_dict(state)
    before = net.state_dict()
    state |= {"1.weight": np.zeros((2, 2), np.float32), "0.bias": np.ones(2, np.float32)}
    with pytest.raises(ValueError, match="0.weight and 1.weight are one tensor here but two in the state; untie them"):
        net.load_state_dict(state)
    for name, a in net.state_dict().items():
        np.testing.assert_array_equal(a, before[name])
    net.load_state_dict({"1.weight": np.eye(2)}, strict=False)  # one name alone is enough
    assert net[0].weight.numpy().tolist() == [[1, 0], [0, 1]]


def test_a_model_is_not_converted_to_integers(rng):
    net = nn.Linear(2, 3, rng=rng)
    with pytest.raises(TypeError, match="Linear.to: dtype is int64; choose float16, float32 or float64"):
        net.to(dtype=int)
    assert net.weight.dtype == np.float32
