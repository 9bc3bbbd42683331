"""Modules and layers, against NumPy formulas and PyTorch's naming."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


@pytest.fixture
def net(rng):
    return nn.Sequential(
        nn.Linear(4, 6, rng=rng), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.5, rng=rng), nn.Linear(6, 2, rng=rng)
    )


def tensor(a):
    return mg.Tensor(np.asarray(a, np.float64))


def test_state_dict_keys_are_those_of_pytorch(net):
    assert list(net.state_dict()) == [
        *("0.weight", "0.bias"),
        *("1.weight", "1.bias", "1.running_mean", "1.running_var", "1.num_batches_tracked"),
        *("4.weight", "4.bias"),
    ]
    assert net.state_dict()["0.weight"].shape == (6, 4)
    assert [name for name, _ in net.named_parameters()] == [
        "0.weight",
        "0.bias",
        "1.weight",
        "1.bias",
        "4.weight",
        "4.bias",
    ]


def test_attributes_of_a_module_are_found_by_their_type_lists_included(rng):
    class Net(nn.Module):
        def __init__(self):
            self.parts = [nn.Linear(2, 3, rng=rng), nn.ReLU(), nn.Linear(3, 1, bias=False, rng=rng)]
            self.scale = nn.Parameter(np.ones(1))
            self.offset = nn.Buffer([0.0])
            self.steps = 3  # no tensor: no part of the state

    model = Net()
    assert list(model.state_dict()) == ["scale", "offset", "parts.0.weight", "parts.0.bias", "parts.2.weight"]
    assert len(list(model.parameters())) == 4


def test_a_shared_parameter_is_one_parameter_under_two_names(rng):
    a, b = nn.Linear(3, 3, rng=rng), nn.Linear(3, 3, rng=rng)
    b.weight = a.weight
    model = nn.Sequential(a, b)
    assert [name for name, _ in model.named_parameters()] == ["0.weight", "0.bias", "1.bias"]
    assert "1.weight" in model.state_dict()


def test_a_state_dict_is_a_copy_and_loads_back_in_place(net, rng):
    state = net.state_dict()
    weight = net[0].weight
    array = weight.data
    weight.data += 1
    assert not np.array_equal(state["0.weight"], array)
    net.load_state_dict(state)
    assert weight.data is array and np.array_equal(array, state["0.weight"])


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda s: s.pop("0.bias"), r"the state lacks \['0.bias'\]"),
        (lambda s: s.update(extra=np.zeros(1)), r"this model lacks \['extra'\]"),
        (lambda s: s.update({"4.bias": np.zeros(3, "f")}), r"4.bias is float32 \(3,\); this model has float32 \(2,\)"),
        (lambda s: s.update({"4.bias": np.zeros(2, int)}), "4.bias is int64"),
    ],
)
def test_a_state_dict_that_does_not_fit_changes_nothing(net, change, message):
    before, state = net.state_dict(), {k: v + 1 for k, v in net.state_dict().items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        net.load_state_dict(state)
    assert all(np.array_equal(a, b) for a, b in zip(before.values(), net.state_dict().values()))


def test_linear_is_an_affine_map_of_the_last_axis(rng):
    layer, x = nn.Linear(4, 3, rng=rng), rng.normal(size=(2, 5, 4)).astype(np.float32)
    expected = np.einsum("bij,oj->bio", x, layer.weight.numpy()) + layer.bias.numpy()
    np.testing.assert_allclose(layer(mg.Tensor(x)).numpy(), expected, rtol=1e-5, atol=1e-6)
    assert nn.Linear(4, 3, bias=False, rng=rng).bias is None
    with pytest.raises(ValueError, match=r"linear: x has shape \(2, 5\), w \(3, 4\)"):
        layer(mg.Tensor(np.zeros((2, 5))))


def test_batch_norm_trains_on_the_batch_and_evaluates_on_the_running_average(rng):
    layer, x = nn.BatchNorm1d(3).to(dtype=np.float64), rng.normal(2, 3, size=(8, 3, 5))
    out = layer(tensor(x)).numpy()
    np.testing.assert_allclose(out.mean(axis=(0, 2)), 0, atol=1e-12)
    np.testing.assert_allclose(out.var(axis=(0, 2)), 1, rtol=1e-5)
    mean, var = 0.1 * x.mean(axis=(0, 2)), 0.9 + 0.1 * x.var(axis=(0, 2), ddof=1)
    np.testing.assert_allclose(layer.running_mean.numpy(), mean)
    np.testing.assert_allclose(layer.running_var.numpy(), var)
    assert layer.num_batches_tracked.item() == 1
    out = layer.eval()(tensor(x)).numpy()
    np.testing.assert_allclose(out, (x - mean[:, None]) / np.sqrt(var[:, None] + 1e-5))
    assert layer.num_batches_tracked.item() == 1


def test_batch_norm_says_what_it_needs():
    with pytest.raises(ValueError, match="axis 1 of length 3"):
        nn.BatchNorm1d(3)(mg.Tensor(np.zeros((4, 2))))
    with pytest.raises(ValueError, match="at least two"):
        nn.BatchNorm1d(3)(mg.Tensor(np.zeros((1, 3))))


def test_layer_norm_standardizes_each_example(rng):
    layer, x = nn.LayerNorm((3, 4)).to(dtype=np.float64), rng.normal(2, 3, size=(5, 3, 4))
    expected = (x - x.mean(axis=(1, 2), keepdims=True)) / np.sqrt(x.var(axis=(1, 2), keepdims=True) + 1e-5)
    np.testing.assert_allclose(layer(tensor(x)).numpy(), expected, rtol=1e-10)
    with pytest.raises(ValueError, match=r"its last axes must be \(3, 4\)"):
        layer(tensor(np.zeros((3, 5))))


def test_dropout_keeps_the_mean_in_training_and_does_nothing_in_evaluation(rng):
    layer, x = nn.Dropout(0.25, rng=rng), mg.Tensor(np.ones((200, 200), np.float32))
    out = layer(x).numpy()
    assert set(np.unique(out)) == {np.float32(0), np.float32(4 / 3)} and abs(out.mean() - 1) < 0.02
    assert layer.eval()(x) is x
    with pytest.raises(ValueError, match=r"\[0, 1\)"):
        nn.Dropout(1.0, rng=rng)


def test_embedding_looks_rows_up_and_adds_gradients_of_repeated_rows(rng):
    layer = nn.Embedding(5, 3, rng=rng)
    out = layer(np.array([[1, 1], [4, 0]]))
    np.testing.assert_array_equal(out.numpy()[0, 1], layer.weight.numpy()[1])
    out.sum().backward()
    np.testing.assert_array_equal(layer.weight.grad.numpy()[:, 0], [1, 2, 0, 0, 1])
    with pytest.raises(IndexError, match="rows 0 to 4"):
        layer([5])
    with pytest.raises(TypeError, match="integers"):
        layer([0.5])


@pytest.mark.parametrize(
    "layer, formula",
    [
        (nn.ReLU(), lambda x: np.maximum(x, 0)),
        (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
        (nn.ELU(1.5), lambda x: np.where(x > 0, x, 1.5 * (np.exp(x) - 1))),
        (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
        (nn.Tanh(), np.tanh),
        (nn.Softplus(), lambda x: np.log(1 + np.exp(x))),
        (nn.Softmax(dim=0), lambda x: np.exp(x) / np.exp(x).sum(axis=0)),
        (nn.Hardtanh(-0.5, 0.7), lambda x: np.clip(x, -0.5, 0.7)),
        (nn.Flatten(), lambda x: x.reshape(3, -1)),
    ],
)
def test_activations_are_their_formulas(layer, formula, rng):
    x = rng.normal(size=(3, 2, 4))
    np.testing.assert_allclose(layer(tensor(x)).numpy(), formula(x), rtol=1e-12)


def test_gelu_passes_the_normal_probability(rng):
    values = nn.GELU()(tensor([-1e4, -1.0, 0.0, 1.0, 1e4])).numpy()
    np.testing.assert_allclose(values, [0, -0.15865525, 0, 0.84134475, 1e4], atol=1e-8)


@pytest.mark.parametrize(
    "draw, variance",
    [
        (nn.init.kaiming_normal, 2 / 400),
        (nn.init.kaiming_uniform, 2 / 400),
        (nn.init.xavier_normal, 2 / 1000),
        (nn.init.xavier_uniform, 2 / 1000),
    ],
)
def test_initial_weights_have_the_variance_of_their_paper(draw, variance, rng):
    w = draw((600, 100, 2, 2), rng)[:, :, :1]  # fan in 400, fan out 2400
    expected = variance if variance == 2 / 400 else 2 / 2800
    assert w.dtype == np.float32 and abs(w.var() / expected - 1) < 0.05 and abs(w.mean()) < 1e-3
    with pytest.raises(ValueError, match="no fan"):
        draw((3,), rng)


@pytest.mark.parametrize(
    "change", [lambda m, rng: nn.init.initialise(m, nn.init.normal, rng), lambda m, rng: m.to(dtype="d")]
)
def test_a_graph_whose_weights_have_been_changed_since_refuses_to_be_walked(change, rng):
    layer = nn.Linear(3, 2, rng=rng)
    y = layer(mg.Tensor(np.ones((1, 3), "f"), requires_grad=True)).sum()
    change(layer, rng)
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_training_mode_reaches_every_part(net):
    net.eval()
    assert not any(module.training for _, module in net.named_modules())
    net.train()
    assert all(module.training for _, module in net.named_modules())


def test_a_whole_network_passes_the_gradient_check(rng):
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.LayerNorm(4), nn.Linear(4, 2, rng=rng)).to(
        dtype=np.float64
    )
    w = [p.data.copy() for p in net.parameters()]

    def f(x, *parameters):
        for (_, module), name in [(m, n) for m in net.named_modules() for n in vars(m[1]) if n in ("weight", "bias")]:
            setattr(module, name, parameters[places[id(module), name]])
        return net(x)

    slots = [(id(m), n) for _, m in net.named_modules() for n in vars(m) if n in ("weight", "bias")]
    places = {slot: i for i, slot in enumerate(slots)}
    assert mg.gradcheck(f, [rng.normal(size=(2, 3)), *w], order=2)


def test_summary_lists_layers_shapes_parameters_and_multiply_adds(net, capsys):
    table = nn.summary(net, (7, 4))
    assert capsys.readouterr().out.strip() == table.strip()
    rows = [line.split() for line in table.splitlines()]
    assert rows[2] == ["0", "Linear", "(7,", "6)", "30", "168"]
    assert rows[-1] == ["total", "56", "252"]
    assert net.training and net[1].num_batches_tracked.item() == 0, "the model is left as it was"


def test_modules_print_as_their_parts(net):
    assert "(0): Linear(weight (6, 4), bias (6,))" in repr(net) and "(3): Dropout(p=0.5)" in repr(net)


def test_wrong_parts_are_refused(rng):
    with pytest.raises(TypeError, match=r"layer 0 is .*nn.ReLU\(\)"):
        nn.Sequential(mg.relu)
    with pytest.raises(ValueError, match="at least 1"):
        nn.Linear(0, 3, rng=rng)
    with pytest.raises(NotImplementedError, match="defines no forward"):
        nn.Module()(1)


@pytest.mark.parametrize("part", [lambda p, m: [p], lambda p, m: {"a": m}, lambda p, m: [[m]]])
def test_parameters_in_containers_that_are_not_searched_are_refused(part, rng):
    model = nn.Module()
    model.hidden = part(nn.Parameter([1.0]), nn.ReLU())
    with pytest.raises(TypeError, match="Module.hidden: .* would be neither trained nor saved"):
        list(model.parameters())
