"""Copies and pickles of tensors, graphs, ops and modules."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def leaf(*numbers):
    return mg.Tensor(np.array(numbers), requires_grad=True)


class Activated(nn.Module):
    """A linear map and an op of its own choice."""

    def __init__(self, activation):
        self.linear = nn.Linear(3, 2, rng=np.random.default_rng(0))
        self.activation = activation

    def forward(self, x):
        return self.activation(self.linear(x))


@pytest.mark.parametrize("op", mg.REGISTRY.values(), ids=str)
def test_an_op_is_pickled_and_copied_by_its_name(op):
    assert pickle.loads(pickle.dumps(op)) is op
    assert copy.deepcopy(op) is copy.copy(op) is op


def test_a_module_that_holds_an_op_is_pickled(rng):
    model = Activated(mg.tanh)
    twin = pickle.loads(pickle.dumps(model))
    x = rng.normal(size=(4, 3)).astype(np.float32)
    assert np.array_equal(twin(x).data, model(x).data)
    assert twin.activation is mg.tanh and twin.linear.weight is not model.linear.weight


def test_an_op_of_another_module_is_found_by_a_new_process(tmp_path):
    (tmp_path / "cubes.py").write_text(
        "import minigrad as mg\n@mg.op\ndef cube(x, /):\n    return x**3\ncube.defvjp(x=None)\n"
    )
    write = f"import pickle, cubes; open({str(tmp_path / 'op')!r}, 'wb').write(pickle.dumps(cubes.cube))"
    read = f"import pickle; print(pickle.load(open({str(tmp_path / 'op')!r}, 'rb'))(2.0).item())"
    for code in (write, read):
        code = f"import sys; sys.path.append({str(tmp_path)!r}); {code}"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "8.0\n"


def test_an_op_that_no_module_defines_says_so_when_it_is_unpickled(registry):
    @mg.op
    def passing(x, /):
        return x

    pickled = pickle.dumps(passing)
    del mg.REGISTRY["passing"]
    with pytest.raises(LookupError, match="op passing is not defined at the top of module tests.test_copying"):
        pickle.loads(pickled)


def test_a_graph_3_000_deep_is_copied():
    x = leaf(1.0, 2.0)
    y = x
    for _ in range(3000):
        y = y * 1.0 + 0.001
    x2, y2 = copy.deepcopy([x, y])
    assert x2 is not x and np.array_equal(y2.data, y.data)
    y2.sum().backward()
    assert x.grad is None and x2.grad.data.tolist() == [1.0, 1.0]
    y.sum().backward()
    assert x.grad.data.tolist() == [1.0, 1.0]


def test_a_copied_graph_shares_no_memory_and_keeps_its_diamonds():
    x, w = leaf(1.0, 2.0), leaf(3.0, 4.0)
    h = x * w
    y = h * h + h * np.array([1.0, 0.5])
    x2, w2, y2 = copy.deepcopy((x, w, y))
    x.data[:] = w.data[:] = h.data[:] = 0.0
    dx, dw = mg.grad(y2, [x2, w2], np.ones(2))
    assert dx.data.tolist() == [(2 * 3 + 1) * 3.0, (2 * 8 + 0.5) * 4.0]
    assert dw.data.tolist() == [(2 * 3 + 1) * 1.0, (2 * 8 + 0.5) * 2.0]


def test_a_copied_leaf_has_its_own_gradient_and_its_class():
    p = nn.Parameter([1.0, 2.0])
    (p * p).sum().backward(create_graph=True)  # the gradient has a graph, which leads back to p
    twin = copy.deepcopy(p)
    assert type(twin) is nn.Parameter and twin.requires_grad
    assert mg.grad(twin.grad.sum(), twin).data.tolist() == [2.0, 2.0]


def test_a_copy_of_a_stale_graph_is_refused_like_the_graph_itself():
    w = nn.Parameter([1.0, 2.0])
    y = (w * w).sum()
    w.data += 1.0
    w.mark_changed()
    with pytest.raises(RuntimeError, match="changed in place"):
        copy.deepcopy(y).backward()


def test_a_shallow_copy_shares_the_data_and_the_graph():
    x = leaf(1.0, 2.0)
    y = copy.copy(x * x)
    assert copy.copy(x).data is x.data
    assert mg.grad(y.sum(), x).data.tolist() == [2.0, 4.0]


def test_a_leaf_is_pickled_and_a_result_is_refused():
    x = leaf(1.0, 2.0)
    twin = pickle.loads(pickle.dumps(x))
    assert twin.requires_grad and np.array_equal(twin.data, x.data)
    with pytest.raises(TypeError, match=r"<op exp> made is not pickled, for its graph; pickle x.detach\(\)"):
        pickle.dumps(mg.exp(x))
    assert np.array_equal(pickle.loads(pickle.dumps(mg.exp(x).detach())).data, np.exp(x.data))


def test_a_trained_parameter_is_not_taken_for_a_changed_one_in_a_new_process(tmp_path):
    p = nn.Parameter([1.0, 2.0])
    for _ in range(100_000):
        p.mark_changed()  # as by as many steps
    (tmp_path / "p").write_bytes(pickle.dumps(p))
    code = f"import pickle, minigrad; p = pickle.load(open({str(tmp_path / 'p')!r}, 'rb'))"
    code += "; (p * p).sum().backward(); print(p.grad)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.startswith("Tensor([2., 4.]"), done.stderr
