"""What a graph has read is not changed behind its back: a change is noticed, in whatever Tensor shares the memory."""

import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import changes, nn
from minigrad.optim import SGD


def leaf(*numbers):
    return mg.Tensor(np.array(numbers), requires_grad=True)


VIEWS = {
    "itself": lambda w: w,
    "detach": lambda w: w.detach(),
    "an index": lambda w: w.detach()[1:],
    "a reversed index": lambda w: w[::-1].detach(),
    "reshape": lambda w: w.reshape(2, 2).detach().T,
    "a view of the array": lambda w: mg.Tensor.wrap(w.data[:2]),
    "a view of a view": lambda w: w.detach()[1:].detach().reshape(3, 1)[:2],
    "broadcast_to": lambda w: mg.broadcast_to(w.detach(), (2, 4)),
    "a recorded view": lambda w: w.reshape(2, 2),
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS)
def test_a_step_is_noticed_through_every_view_of_the_parameter(view):
    w, x = leaf(1.0, 2.0, 3.0, 4.0), leaf(5.0)
    w.grad = mg.Tensor(np.ones(4))
    y = (x * view(w)).sum()
    SGD([w], lr=0.1).step()
    with pytest.raises(RuntimeError, match="multiply.*changed in place, as by an optimizer's step"):
        mg.grad(y, x)
    mg.grad((x * view(w)).sum(), x)  # computed anew


def test_a_change_to_a_view_is_noticed_in_the_array_it_is_a_view_of():
    w, x = leaf(1.0, 2.0), leaf(3.0)
    y = (x * w).sum()
    part = w.detach()[:1]
    part.data[...] = 7
    part.mark_changed()
    with pytest.raises(RuntimeError, match="changed in place"):
        y.backward()


def test_a_result_that_is_changed_and_marked_is_noticed():
    x = leaf(1.0, 2.0)
    y = mg.exp(x)
    y.data[...] = 0  # which the rule of exp reads
    y.mark_changed()
    with pytest.raises(RuntimeError, match="exp.*changed in place"):
        y.sum().backward()


def test_a_step_of_one_parameter_leaves_graphs_of_others_alone():
    w, other, x = leaf(1.0, 2.0), leaf(1.0, 2.0), leaf(3.0)
    y = (x * w.detach()).sum()
    other.mark_changed()
    (w * 2.0).detach().mark_changed()
    assert mg.grad(y, x).item() == 3.0


def test_a_graph_of_evaluation_keeps_the_statistics_that_it_was_recorded_with():
    norm, x = nn.BatchNorm1d(2).eval(), mg.Tensor(np.ones((3, 2)), requires_grad=True)
    y = norm(x).sum()
    norm.train()(mg.Tensor(np.eye(3, 2)))
    y.backward()
    np.testing.assert_allclose(x.grad, 1 / np.sqrt(1 + norm.eps), rtol=1e-6)  # the variance was 1
    np.testing.assert_array_equal(norm.weight.grad, 3 / np.float32(np.sqrt(1 + norm.eps)))


def test_notes_are_dropped_with_their_arrays():
    before = len(changes._noted)
    xs = [leaf(1.0) for _ in range(10)]
    for x in xs:
        x.mark_changed()
    assert len(changes._noted) == before + 10
    del x, xs
    assert len(changes._noted) == before


def index_of(kind):
    return {"an array": np.array([0, 2]), "a list": [0, 2], "a tuple": (np.array([0, 2]),)}[kind]


def overwrite(index):
    index = index[0] if isinstance(index, tuple) else index
    index[0] = 1


@pytest.mark.parametrize("kind", ["an array", "a list", "a tuple"])
def test_changing_an_index_after_the_call_does_not_move_its_gradient(kind):
    x, i = leaf(1.0, 2.0, 3.0), index_of(kind)
    y = mg.getitem(x, i).sum()
    z, j = leaf(1.0, 2.0), index_of(kind)
    scattered = (mg.scatter(z, j, (3,)) * np.array([5.0, 6.0, 7.0])).sum()
    overwrite(i)
    overwrite(j)
    assert mg.grad(y, x).data.tolist() == [1.0, 0.0, 1.0]
    assert mg.grad(scattered, z).data.tolist() == [5.0, 7.0]


def test_changing_limits_and_masks_after_the_call_does_not_move_their_gradients():
    x, low, mask = leaf(1.0, 2.0, 3.0), np.array([2.0, 0.0, 0.0]), np.array([True, False, True])
    clipped, chosen = mg.clip(x, low).sum(), x[mask].sum()
    low[...] = 9
    mask[...] = False
    assert mg.grad(clipped, x).data.tolist() == [0.0, 1.0, 1.0]
    assert mg.grad(chosen, x).data.tolist() == [1.0, 0.0, 1.0]


def test_no_gradient_is_lost_when_threads_call_backward_into_one_leaf(monkeypatch):
    w, rounds = leaf(0.0), 40
    add, meeting = mg.add.forward, threading.Barrier(2)

    def slow_add(x, y):
        try:
            meeting.wait(0.005)  # long enough for another thread to read what this one is about to replace
        except threading.BrokenBarrierError:
            meeting.reset()
        return add(x, y)

    def work():
        for _ in range(rounds):
            (w * 1.0).sum().backward()

    w.grad = mg.Tensor(np.zeros(1))
    monkeypatch.setattr(mg.add, "forward", slow_add)
    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert w.grad.item() == 2 * rounds
