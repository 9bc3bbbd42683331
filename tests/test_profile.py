"""mg.profile: what it counts, how it times, and that nothing of it is left once it is closed."""

import sys
import threading

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn, op, optim
from minigrad.modes import mode
from minigrad.profile import Row, rates, table, timed

rng = np.random.default_rng(0)


def leaf(*shape):
    return mg.Tensor(rng.standard_normal(shape, np.float32), requires_grad=True)


def calls(p):
    """Return {(op, of): calls} of a profile, without what rules do between their ops."""
    return {(row.op, row.of): row.calls for row in p.rows if row.op != "(rule itself)"}


def rules(p):
    """Return {OP.INPUT: how often this gradient rule ran}."""
    return {row.of: row.calls for row in p.rows if row.op == "(rule itself)"}


def counted(f, *arrays, **params):
    """Return the one row of a call."""
    with mg.profile() as p:
        f(*arrays, **params)
    (row,) = p.rows
    return row


# ---- counts ----------------------------------------------------------------------------------------------------------


def test_the_ops_of_a_small_network_are_counted_forward_and_by_rule():
    net = nn.Sequential(nn.Linear(3, 4, rng=rng), nn.Tanh(), nn.Linear(4, 2, rng=rng))
    x = mg.Tensor(np.ones((5, 3), np.float32))
    with mg.profile() as p:
        net(x).sum().backward()
    forward = {op: n for (op, of), n in calls(p).items() if of == "forward"}
    assert forward == {"linear": 2, "tanh": 1, "sum": 1}
    assert rules(p) == {"sum.x": 1, "linear.x": 1, "linear.w": 2, "linear.b": 2, "tanh.x": 1}
    assert calls(p)["matmul", "linear.x"] == 1 and calls(p)["matmul", "linear.w"] == 2
    assert ("linear", "walk") not in calls(p)


def test_what_the_walk_adds_up_is_counted_apart_from_additions_of_the_forward_pass():
    x = leaf(3)
    with mg.profile() as p:
        (x * x + x).sum().backward()
    assert calls(p)["add", "forward"] == 1
    assert calls(p)["add", "walk"] == 2  # three uses of x
    assert calls(p)["multiply", "multiply.x"] == calls(p)["multiply", "multiply.y"] == 1


def test_a_gradient_of_a_gradient_is_counted_by_the_rules_of_its_ops():
    x = leaf(3)
    with mg.profile() as first:
        y = mg.grad(mg.exp(x).sum(), x, create_graph=True)
    with mg.profile() as second:
        mg.grad(y.sum(), x)
    assert calls(first)["exp", "forward"] == 1 and rules(first) == {"sum.x": 1, "exp.x": 1}
    # the first gradient is 1 * exp(x): through the product to exp(x), and through exp
    assert rules(second)["multiply.y"] == 1 and rules(second)["exp.x"] == 1 and "multiply.x" not in rules(second)


def test_a_recomputed_piece_is_counted_once_forward_and_once_in_the_walk():
    x = leaf(3)
    with mg.profile() as p:
        mg.checkpoint(mg.exp, x).sum().backward()
    assert calls(p)["exp", "forward"] == 1 and calls(p)["exp", "walk"] == 1


def test_the_mean_and_the_variance_of_a_normalisation_are_counted_though_they_are_no_op():
    x = mg.Tensor(np.ones((5, 3, 4, 4), np.float32))
    with mg.profile() as p:
        mg.batch_norm(x)
    assert calls(p)["moments", "forward"] == 1
    assert next(row.bytes for row in p.rows if row.op == "moments") == 4 * (5 * 3 * 4 * 4 + 3)


def test_the_profile_changes_no_bit():
    def gradient():
        x = mg.Tensor(np.linspace(-1, 1, 8, dtype=np.float32), requires_grad=True)
        mg.gelu(x * 3.0).sum().backward()
        return x.grad.data.tobytes()

    with mg.profile():
        watched = gradient()
    assert watched == gradient()


# ---- bytes and multiply-adds -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "shapes", "work"),
    [
        (mg.matmul, [(7, 2, 3), (3, 5)], 7 * 2 * 3 * 5),
        (mg.matmul, [(3,), (3, 5)], 3 * 5),
        (nn.Linear(3, 5, rng=rng), [(7, 2, 3)], 7 * 2 * 3 * 5),
        (lambda x, y: mg.einsum("bij,bjk->bik", x, y), [(7, 2, 3), (7, 3, 5)], 7 * 2 * 3 * 5),
    ],
)
def test_multiply_adds_of_products_follow_from_their_shapes(f, shapes, work):
    row = counted(f, *[leaf(*shape) for shape in shapes])
    assert row.multiply_adds == work


def test_multiply_adds_of_a_convolution_and_of_its_gradients_are_the_same():
    x, w = leaf(2, 4, 6, 7), leaf(10, 2, 3, 2)  # two groups
    with mg.profile() as p:
        y = mg.conv2d(x, w, stride=2, groups=2)
        y.sum().backward()
    work = {row.op: row.multiply_adds for row in p.rows if row.op.startswith("convolve")}
    assert set(work) == {"convolve", "convolve_transposed", "convolve_weight"}
    assert set(work.values()) == {y.size * 2 * 3 * 2}


def test_multiply_adds_of_a_recurrent_layer_are_those_of_its_input_and_its_states():
    with mg.profile() as p:
        nn.GRU(3, 4, rng=rng)(leaf(5, 2, 3))
    assert sum(row.multiply_adds for row in p.rows) == 5 * 2 * 12 * (3 + 4)


def test_an_op_moves_its_inputs_and_its_output_and_a_view_moves_nothing():
    x = mg.Tensor(np.ones((6, 4), np.float32))
    assert counted(mg.multiply, x, mg.Tensor(np.ones(4, np.float32))).bytes == 4 * (24 + 4 + 24)
    assert counted(mg.transpose, x).bytes == counted(lambda: x[2:]).bytes == 0
    assert counted(lambda: x[np.array([0, 3])]).bytes == 4 * (8 + 8)


def test_each_dtype_has_a_row_of_its_own():
    with mg.profile() as p:
        for dtype in (np.float32, np.float64):
            mg.exp(mg.Tensor(np.ones(3, dtype)))
    assert {(row.dtype, row.calls, row.bytes) for row in p.rows} == {("float32", 1, 24), ("float64", 1, 48)}


# ---- optimizers ------------------------------------------------------------------------------------------------------


def test_a_step_of_an_optimizer_has_a_row_with_its_traffic():
    x, unused = leaf(3, 5), leaf(2)
    adam = optim.Adam([x, unused], 0.1)
    x.sum().backward()
    with mg.profile() as p:
        adam.step()
    (row,) = p.rows
    assert (row.op, row.of, row.calls) == ("Adam.step", "optimizer", 1)
    assert row.bytes == 4 * 15 * (1 + 2 + 2 + 2)  # the gradient read; x, m and s read and written
    assert optim.Adam.step.__doc__.startswith("Update")


def test_what_lbfgs_computes_in_its_closure_is_counted_apart_from_the_step():
    x = leaf(4)
    evaluations = 0

    def closure():
        nonlocal evaluations
        evaluations += 1
        loss = mg.square(x - 1.0).sum()
        loss.backward()
        return loss

    with mg.profile() as p:
        optim.LBFGS([x]).step(closure)
    assert calls(p)["LBFGS.step", "optimizer"] == 1 and calls(p)["square", "forward"] == evaluations > 1
    assert sum(row.seconds for row in p.rows) <= p.seconds


# ---- times -----------------------------------------------------------------------------------------------------------


def test_times_are_positive_and_together_no_longer_than_the_block():
    net = nn.Sequential(nn.Linear(20, 30, rng=rng), nn.ReLU(), nn.Linear(30, 20, rng=rng))
    adam = optim.Adam(net.parameters())
    with mg.profile() as p:
        for _ in range(3):
            adam.zero_grad()
            mg.mse_loss(net(leaf(8, 20)), mg.Tensor(np.zeros((8, 20), np.float32))).backward()
            adam.step()
    seconds = [row.seconds for row in p.rows]
    assert min(seconds) > 0 and sum(seconds) <= p.seconds
    assert seconds == sorted(seconds, reverse=True)


def test_a_block_is_timed_without_the_blocks_inside_it(monkeypatch):
    times = iter([0.0, 1.0, 2.0, 5.0, 10.0, 11.0])  # opened; rule begins; op begins; op ends; rule ends; closed
    monkeypatch.setattr("time.perf_counter", lambda: next(times))
    with mg.profile() as p, timed("outer"), timed("inner"):
        pass
    assert {row.op: row.seconds for row in p.rows} == {"outer": 6.0, "inner": 3.0} and p.seconds == 11.0


# ---- opening and closing ---------------------------------------------------------------------------------------------


def test_without_a_profile_no_op_rule_or_step_looks_at_a_clock(monkeypatch):
    def refuse(*args):
        raise AssertionError("an op was timed")

    monkeypatch.setattr(sys.modules["minigrad.op"], "timed", refuse)
    monkeypatch.setattr("time.perf_counter", refuse)
    x = leaf(3)
    mg.exp(x).sum().backward()
    optim.SGD([x], 0.1).step()


def test_nothing_is_left_behind_after_the_block():
    with mg.profile() as p:
        mg.exp(leaf(3))
    before = calls(p)
    mg.exp(leaf(3)).sum().backward()
    assert calls(p) == before and (mode.profiles, mode.watched, mode.spent) == ((), False, 0.0)


def test_nothing_is_left_behind_by_an_error_and_what_raised_is_not_counted():
    @op
    def failing(x, /):
        raise ArithmeticError("as planned")

    del mg.REGISTRY["failing"]
    with pytest.raises(ArithmeticError), mg.profile() as p:
        mg.exp(leaf(3))
        failing(leaf(3))
    assert calls(p) == {("exp", "forward"): 1} and p.seconds > 0
    assert (mode.profiles, mode.watched, mode.spent, mode.rule, mode.walking) == ((), False, 0.0, None, False)


def test_an_outer_profile_sees_what_an_inner_one_sees():
    with mg.profile() as outer:
        mg.exp(leaf(3))
        with mg.profile() as inner:
            mg.exp(leaf(3))
            mg.tanh(leaf(3))
        mg.tanh(leaf(3))
    assert calls(inner) == {("exp", "forward"): 1, ("tanh", "forward"): 1}
    assert calls(outer) == {("exp", "forward"): 2, ("tanh", "forward"): 2}
    assert inner.seconds < outer.seconds


def test_a_profile_sees_its_own_thread_alone():
    with mg.profile() as p:
        thread = threading.Thread(target=lambda: mg.exp(leaf(3)))
        thread.start()
        thread.join()
        mg.tanh(leaf(3))
    assert calls(p) == {("tanh", "forward"): 1}


def test_profiles_and_detect_anomaly_nest_either_way():
    zero = mg.Tensor([0.0, 1.0])
    with np.errstate(divide="ignore"):
        with mg.profile() as p:
            with mg.detect_anomaly(), pytest.raises(FloatingPointError, match="log made"):
                mg.log(zero)
            mg.log(zero)
        with mg.detect_anomaly():
            with mg.profile() as inner:
                mg.exp(zero)
            with pytest.raises(FloatingPointError, match="log made"):
                mg.log(zero)
    assert calls(p) == {("log", "forward"): 2} and calls(inner) == {("exp", "forward"): 1}


# ---- the table -------------------------------------------------------------------------------------------------------


def test_the_table_names_ops_rules_and_what_is_left_and_its_shares_add_up():
    x = leaf(64, 64)
    with mg.profile() as p:
        (x @ x).sum().backward()
    lines = str(p).splitlines()
    assert lines[0].split() == ["op", "of", "dtype", "calls", "ms", "share", "MB", "M", "multiply-adds", "of", "floor"]
    assert any(line.startswith("matmul") and "matmul.x" in line and "float32" in line for line in lines)
    assert lines[-2].startswith("(between ops)") and lines[-1].startswith("all") and lines[-1].endswith("100%")


def test_the_table_sums_up_the_rows_that_do_not_fit():
    with mg.profile() as p:
        for f in (mg.exp, mg.tanh, mg.sin):
            f(leaf(3))
    last = [line.split("  ")[0] for line in table(p, most=1).splitlines()[2:]]
    assert last == ["2 more rows", "(between ops)", "all"]


def test_an_empty_profile_has_a_table_too():
    with mg.profile() as p:
        pass
    assert p.rows == [] and str(p).splitlines()[-1].startswith("all")


def test_the_floor_is_set_by_products_or_by_copies_whichever_take_longer():
    products, copies = rates("float32")
    assert products > 0 and copies > 0
    assert Row("matmul", "forward", "float32", "cpu", bytes=1, multiply_adds=10**9).floor == 2e9 / products
    assert Row("exp", "forward", "float32", "cpu", bytes=10**9).floor == 1e9 / copies
    assert Row("exp", "forward", "float32", "cuda:0", bytes=10**9).floor == 0
