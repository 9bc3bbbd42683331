"""The picture of a graph."""

import shutil

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


@pytest.fixture
def loss_and_names(rng):
    net = nn.Sequential(nn.Linear(4, 3, rng=rng), nn.ReLU(), nn.Linear(3, 1, rng=rng))
    x = mg.Tensor(np.ones((2, 4)))
    return mg.square(net(x)).mean(), dict(net.named_parameters()) | {"x": x}


def test_a_two_layer_net_is_drawn_with_its_names_ops_and_shapes(loss_and_names):
    text = mg.draw_graph(loss_and_names[0], names=loss_and_names[1])
    for label in ["0.weight", "2.bias", '"x\\n', "relu", "linear", "square", "float32 3 x 4"]:
        assert label in text
    assert text.count("shape=box") == 5 and text.startswith("digraph {") and text.endswith("}\n")


def test_a_tensor_used_twice_is_one_node_with_two_arrows():
    x = mg.Tensor([1.0], requires_grad=True)
    text = mg.draw_graph(x * x)
    assert text.count("t1 -> t0;") == 2 and text.count("label=") == 2


def test_a_deep_graph_is_drawn_without_recursion():
    y = mg.Tensor([1.0], requires_grad=True)
    for _ in range(5000):
        y = y + 1.0
    assert mg.draw_graph(y).count("->") == 5000


def test_the_text_goes_to_a_dot_file_and_a_picture_beside_it(loss_and_names, tmp_path):
    path = tmp_path / "net.dot"
    text = mg.draw_graph(loss_and_names[0], path)
    assert path.read_text() == text
    assert path.with_suffix(".svg").exists() == (shutil.which("dot") is not None)
    with pytest.raises(ValueError, match=r"must end in \.dot"):
        mg.draw_graph(loss_and_names[0], tmp_path / "net.png")
