"""Recurrent layers against numbers that PyTorch printed, against loops over single numbers, and step by step."""

import json
from pathlib import Path

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn
from minigrad.kernels import lstm, recurrent, recurrent_definitions
from minigrad.ops.recurrent import gru_states, lstm_states

# Written by PyTorch 2.13 in float64, for two layers in both directions, with sequences of full length ("whole") and of
# lengths 4, 1 and 3 ("lengths", through its packed sequences). The loss of the gradients is that of pytorch_loss.
PYTORCH = json.loads((Path(__file__).parent / "recurrent_pytorch.json").read_text(encoding="utf-8"))
T, N, D, H = 4, 3, 2, 2
LENGTHS = np.array([4, 1, 3])
LAYERS = {"GRU": nn.GRU, "LSTM": nn.LSTM}


def pytorch_loss(out, lasts):
    """Return the sum of out weighed by .1, .2, .3, .., and of the squares of the last h, and twice of those of c."""
    weights = np.arange(1, out.size + 1).reshape(out.shape) / 10
    return (out * weights).sum() + sum((last * last * (i + 1)).sum() for i, last in enumerate(lasts))


def as_tuple(x):
    return x if isinstance(x, tuple) else (x,)


@pytest.mark.parametrize("how", ["whole", "lengths"])
@pytest.mark.parametrize("name", LAYERS)
def test_outputs_and_gradients_are_those_of_pytorch(name, how, rng):
    given, wanted = PYTORCH[name], PYTORCH[name][how]
    layer = LAYERS[name](D, H, num_layers=2, bidirectional=True, rng=rng).to(dtype=np.float64)
    shapes = {path: p.shape for path, p in layer.named_parameters()}
    layer.load_state_dict({path: np.reshape(a, shapes[path]) for path, a in given["state"].items()})
    x = mg.Tensor(np.reshape(given["x"], (T, N, D)), requires_grad=True)
    states = [mg.Tensor(np.reshape(a, (4, N, H)), requires_grad=True) for a in given["states"]]

    start = states[0] if name == "GRU" else tuple(states)
    out, lasts = layer(x, start, LENGTHS if how == "lengths" else None)
    lasts = as_tuple(lasts)
    pytorch_loss(out, lasts).backward()

    close = {"rtol": 1e-7, "atol": 1e-8}
    np.testing.assert_allclose(out.data.ravel(), wanted["out"], **close)
    np.testing.assert_allclose([last.data.ravel() for last in lasts], wanted["last"], **close)
    np.testing.assert_allclose(x.grad.data.ravel(), wanted["grad_x"], **close)
    np.testing.assert_allclose([s.grad.data.ravel() for s in states], wanted["grad_states"], **close)
    for path, p in layer.named_parameters():
        np.testing.assert_allclose(p.grad.data.ravel(), wanted["grads"][path], **close, err_msg=path)


@pytest.mark.parametrize("name", LAYERS)
def test_state_dict_keys_of_recurrent_layers_are_those_of_pytorch(name, rng):
    layer = LAYERS[name](D, H, num_layers=2, bidirectional=True, rng=rng)
    assert list(layer.state_dict()) == list(PYTORCH[name]["state"])
    cell = {"GRU": nn.GRUCell, "LSTM": nn.LSTMCell}[name](D, H, rng=rng)
    assert list(cell.state_dict()) == ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
    assert list(LAYERS[name](D, H, bias=False, rng=rng).state_dict()) == ["weight_ih_l0", "weight_hh_l0"]


# ---- the kernels -----------------------------------------------------------------------------------------------------


@pytest.fixture(params=["a few sequences", "sequences cut in parts"])
def sizes(request, monkeypatch):
    """T, N, H; the second time every thread has sequences of its own."""
    if request.param == "sequences cut in parts":
        monkeypatch.setattr("minigrad.kernels.threads.SMALL", 1)
        monkeypatch.setattr("minigrad.kernels.threads.ASLEEP", 1)
        monkeypatch.setenv("MINIGRAD_NUM_THREADS", "2")
    return 3, 5, 2


@pytest.fixture(params=["masked", "unmasked"])
def mask(request, sizes, rng):
    T, N, _ = sizes
    return rng.random((T, N)) < 0.6 if request.param == "masked" else None


def test_recurrent_states_are_those_of_the_definition(sizes, mask, rng):
    T, N, H = sizes
    draw = rng.standard_normal
    for name, K, states in (("gru_states", 3, 1), ("lstm_states", 4, 2)):
        inputs = [draw((T, K, N, H)), *draw((states, N, H)), draw((K * H, H)), draw(K * H)]
        found = getattr(recurrent if name == "gru_states" else lstm, name)(*inputs, mask)
        np.testing.assert_allclose(found, getattr(recurrent_definitions, name)(*inputs, mask), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("S", [1, 2])
def test_linear_recurrences_are_those_of_the_definition(sizes, S, rng):
    (T, N, H), K = sizes, 3
    shapes = (T + 1, S, N, H), (T, S, S, N, H), (T, S, K, N, H), (K * H, H)
    inputs = [rng.standard_normal(shape) for shape in shapes]
    before = inputs[0].copy()
    for name in ("push_states", "pull_states"):
        found = getattr(recurrent, name)(*inputs)
        np.testing.assert_allclose(found, getattr(recurrent_definitions, name)(*inputs), rtol=1e-11, atol=1e-11)
    np.testing.assert_array_equal(inputs[0], before)


@pytest.mark.parametrize("S", [1, 2])
def test_pulling_back_is_the_adjoint_of_pushing_forward(S, rng):
    T, N, K, H = 4, 2, 3, 2
    D, E, w = (rng.standard_normal(s) for s in ((T, S, S, N, H), (T, S, K, N, H), (K * H, H)))
    q, g = rng.standard_normal((2, T + 1, S, N, H))
    for kernels in (recurrent, recurrent_definitions):
        assert np.vdot(g, kernels.push_states(q, D, E, w)) == pytest.approx(np.vdot(kernels.pull_states(g, D, E, w), q))


@pytest.mark.parametrize("name", LAYERS)
def test_the_gradient_of_a_layer_is_that_of_its_rule_of_small_ops(name, sizes, mask, rng):
    T, N, H = sizes
    K, states, op, gradient = {
        "GRU": (3, 1, gru_states, recurrent.gru_gradient),
        "LSTM": (4, 2, lstm_states, lstm.lstm_gradient),
    }[name]
    u, w, b = (rng.standard_normal(shape) for shape in ((T, K, N, H), (K * H, H), (K * H,)))
    inputs = [mg.Tensor(x, requires_grad=True) for x in (u, *rng.standard_normal((states, N, H)), w, b)]
    out = op(*inputs, mask)
    g = rng.standard_normal(out.shape)
    before = g.copy()
    found = gradient(g, out.data, u, w, b, mask)
    for got, composed, used in zip(
        found, mg.grad(out, inputs, g, create_graph=True), mg.grad(out, inputs, g), strict=True
    ):
        np.testing.assert_allclose(got, composed.data, rtol=1e-11, atol=1e-11)
        np.testing.assert_array_equal(got, used.data)
    np.testing.assert_array_equal(g, before)
    if mask is not None:  # what stands beyond the end of a sequence may even be NaN
        u.swapaxes(1, 2)[~mask] = np.nan
        for again, got in zip(gradient(g, out.data, u, w, b, mask), found):
            np.testing.assert_array_equal(again, got)


def test_the_jacobian_of_the_linear_recurrence_is_the_one_of_a_step(rng):
    w, h, step = rng.standard_normal((6, 2)), rng.standard_normal(2), rng.standard_normal(2) * 1e-6
    v = (w @ h).reshape(3, 2)
    D, E = h**2, np.cos(v)  # of the step h^3 / 3 + sum over k of sin(w[k] h)
    J = recurrent_definitions.jacobian(D[None, None], E[None], w)[0, :, 0]
    change = ((h + step) ** 3 - (h - step) ** 3) / 3
    change += (np.sin(w @ (h + step)) - np.sin(w @ (h - step))).reshape(3, 2).sum(0)
    np.testing.assert_allclose(J @ step * 2, change, rtol=1e-7)


def test_gates_that_are_wide_open_or_shut_do_not_overflow(rng):
    u = np.full((1, 3, 1, 1), -1e4, np.float32)
    h, w, b = np.ones((1, 1), np.float32), np.zeros((3, 1), np.float32), np.zeros(3, np.float32)
    assert recurrent.gru_states(u, h, w, b, None)[1] == -1  # z = 0: all of n, which is -1
    assert recurrent.gru_states(-u, h, w, b, None)[1] == 1  # z = 1: all of h


# ---- the layers ------------------------------------------------------------------------------------------------------


def test_a_gru_layer_is_its_cell_step_by_step(rng):
    layer, cell = nn.GRU(D, H, rng=rng), nn.GRUCell(D, H, rng=rng)
    cell.load_state_dict({path.removesuffix("_l0"): a for path, a in layer.state_dict().items()})
    x = mg.Tensor(rng.standard_normal((T, N, D), np.float32))
    out, last = layer(x)
    h = None
    for t in range(T):
        h = cell(x[t], h)
        np.testing.assert_allclose(out.data[t], h.data, atol=1e-6)
    np.testing.assert_allclose(last.data[0], h.data, atol=1e-6)


def test_an_lstm_layer_is_its_cell_step_by_step(rng):
    layer, cell = nn.LSTM(D, H, rng=rng), nn.LSTMCell(D, H, rng=rng)
    cell.load_state_dict({path.removesuffix("_l0"): a for path, a in layer.state_dict().items()})
    x = mg.Tensor(rng.standard_normal((T, N, D), np.float32))
    out, (h_last, c_last) = layer(x)
    state = None
    for t in range(T):
        state = cell(x[t], state)
        np.testing.assert_allclose(out.data[t], state[0].data, atol=1e-6)
    np.testing.assert_allclose(h_last.data[0], state[0].data, atol=1e-6)
    np.testing.assert_allclose(c_last.data[0], state[1].data, atol=1e-6)


@pytest.mark.parametrize("name", LAYERS)
def test_what_a_sequence_gives_does_not_depend_on_its_padding(name, rng):
    layer = LAYERS[name](D, H, num_layers=2, bidirectional=True, rng=rng).to(dtype=np.float64)
    x = rng.standard_normal((T, N, D))
    out, lasts = layer(mg.Tensor(x), None, LENGTHS)
    for n, length in enumerate(LENGTHS):
        alone, lasts_alone = layer(mg.Tensor(x[:length, n : n + 1]))
        np.testing.assert_allclose(out.data[:length, n], alone.data[:, 0], atol=1e-12)
        assert not out.data[length:, n].any()
        for last, last_alone in zip(as_tuple(lasts), as_tuple(lasts_alone)):
            np.testing.assert_allclose(last.data[:, n], last_alone.data[:, 0], atol=1e-12)


@pytest.mark.parametrize("name", LAYERS)
def test_padding_receives_no_gradient(name, rng):
    layer = LAYERS[name](D, H, bidirectional=True, rng=rng)
    x = mg.Tensor(rng.standard_normal((T, N, D), np.float32), requires_grad=True)
    out, _ = layer(x, None, LENGTHS)
    out.sum().backward()
    padded = np.arange(T)[:, None] >= LENGTHS
    assert not x.grad.data[padded].any()
    assert x.grad.data[~padded].all()


def test_a_sequence_of_no_length_keeps_the_state_it_was_given(rng):
    layer = nn.GRU(D, H, rng=rng)
    h = rng.standard_normal((1, 2, H), np.float32)
    out, last = layer(mg.Tensor(rng.standard_normal((T, 2, D), np.float32)), h, [0, T])
    np.testing.assert_array_equal(last.data[0, 0], h[0, 0])
    assert not out.data[:, 0].any()
    assert out.data[:, 1].all()


def test_with_batch_first_sequences_come_first_and_states_do_not_change(rng):
    layer, turned = (nn.LSTM(D, H, batch_first=b, rng=np.random.default_rng(0)) for b in (False, True))
    x = mg.Tensor(rng.standard_normal((T, N, D), np.float32))
    (out, (h, c)), (out_turned, (h_turned, c_turned)) = layer(x), turned(x.transpose(1, 0, 2))
    np.testing.assert_array_equal(out.data, out_turned.data.transpose(1, 0, 2))
    np.testing.assert_array_equal(h.data, h_turned.data)
    np.testing.assert_array_equal(c.data, c_turned.data)


def test_dropout_lies_between_layers_alone_and_in_training_alone(rng):
    x = mg.Tensor(rng.standard_normal((T, N, D), np.float32))
    one = nn.GRU(D, H, dropout=0.9, rng=rng)
    np.testing.assert_array_equal(one(x)[0].data, one(x)[0].data)
    two = nn.GRU(D, H, num_layers=2, dropout=0.9, rng=rng)
    assert (two(x)[0].data != two(x)[0].data).any()
    two.eval()
    np.testing.assert_array_equal(two(x)[0].data, two(x)[0].data)


def test_second_order_of_a_layer_in_two_directions_matches_differences(rng):
    layer = nn.GRU(1, 1, bidirectional=True, rng=rng).to(dtype=np.float64)
    mg.gradcheck(lambda x: layer(x, None, [2, 1])[0], [rng.standard_normal((2, 2, 1))], order=2)


def test_a_recurrent_layer_summed_up_counts_its_weights(rng):
    text = nn.summary(nn.LSTM(3, 5, rng=rng), (7, 2, 3))
    assert "(7, 2, 5), (1, 2, 5), (1, 2, 5)" in text
    assert f"{7 * 2 * 4 * 5 * (3 + 5):,}" in text


def test_wrong_calls_of_recurrent_layers_are_told_what_to_mend(rng):
    gru = nn.GRU(D, H, rng=rng)
    x = mg.Tensor(np.zeros((T, N, D), np.float32))
    with pytest.raises(ValueError, match=r"GRU: x has shape \(3, 2\); it must have three axes"):
        gru(x[0])
    with pytest.raises(ValueError, match=r"gru: x \(4, 3, 1\), h \(3, 2\).* do not fit; they must be \(T,N,D\)"):
        gru(x[:, :, :1])
    with pytest.raises(ValueError, match=r"GRU: a state has shape \(3, 2\); it must be \(1, 3, 2\)"):
        gru(x, np.zeros((N, H), np.float32))
    with pytest.raises(ValueError, match=r"gru: lengths from 1 to 5; x has 4 steps"):
        gru(x, None, [1, 2, 5])
    with pytest.raises(ValueError, match=r"gru: lengths are float64 \(2,\); they must be integers, \(3,\)"):
        gru(x, None, np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match="LSTM: input_size 2, hidden_size 0, num_layers 1; all must be at least 1"):
        nn.LSTM(2, 0, rng=rng)
