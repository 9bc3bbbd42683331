"""The optimizers: each against its textbook formula on single numbers; in place, resumable, and clear when wrong."""

import math
import tracemalloc

import numpy as np
import pytest

from minigrad import Tensor
from minigrad.optim import LBFGS, SGD, Adam, AdamW, Muon, RMSprop, clip_grad_norm, clip_grad_value
from minigrad.optim.muon import ITERATION, SIZE, orthogonal
from minigrad.optim.optimizer import CHUNK

STEPS = 20
OPTIMIZERS = [
    (SGD, {"lr": 0.1}),
    (SGD, {"lr": 0.1, "weight_decay": 0.3}),
    (SGD, {"lr": 0.1, "momentum": 0.8}),
    (SGD, {"lr": 0.1, "momentum": 0.8, "nesterov": True, "weight_decay": 0.3}),
    (RMSprop, {}),
    (RMSprop, {"lr": 0.02, "alpha": 0.7, "eps": 0.1, "weight_decay": 0.3, "momentum": 0.6}),
    (Adam, {}),
    (Adam, {"lr": 0.02, "betas": (0.5, 0.7), "eps": 0.1, "weight_decay": 0.3}),
    (AdamW, {}),
    (AdamW, {"lr": 0.02, "betas": (0.5, 0.7), "eps": 0.1, "weight_decay": 0.3}),
]
every_optimizer = pytest.mark.parametrize(
    "kind, options", OPTIMIZERS, ids=[f"{k.__name__}-{'-'.join(o) or 'defaults'}" for k, o in OPTIMIZERS]
)


def sgd(x, gradients, lr, momentum=0.0, nesterov=False, weight_decay=0.0):
    v = 0.0
    for g in gradients:
        g = g + weight_decay * x
        v = momentum * v + g
        x = x - lr * (g + momentum * v if nesterov else v)
    return x


def rmsprop(x, gradients, lr=0.01, alpha=0.99, eps=1e-8, weight_decay=0.0, momentum=0.0):
    square, v = 0.0, 0.0
    for g in gradients:
        g = g + weight_decay * x
        square = alpha * square + (1 - alpha) * g**2
        v = momentum * v + g / (math.sqrt(square) + eps)
        x = x - lr * v
    return x


def adam(x, gradients, lr=0.001, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, decoupled=0.0):
    m, s = 0.0, 0.0
    for t, g in enumerate(gradients, 1):
        x = x - lr * decoupled * x
        g = g + weight_decay * x
        m = betas[0] * m + (1 - betas[0]) * g
        s = betas[1] * s + (1 - betas[1]) * g**2
        m_hat, s_hat = m / (1 - betas[0] ** t), s / (1 - betas[1] ** t)
        x = x - lr * m_hat / (math.sqrt(s_hat) + eps)
    return x


def adamw(x, gradients, weight_decay=0.01, **options):
    return adam(x, gradients, decoupled=weight_decay, **options)


TEXTBOOK = {SGD: sgd, RMSprop: rmsprop, Adam: adam, AdamW: adamw}


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def parameter(data, dtype=np.float64):
    return Tensor(np.asarray(data, dtype), requires_grad=True)


def in_order(shape, order, rng, dtype=np.float64):
    """Return random numbers that lie in memory in C or Fortran order, or as every second element of an array."""
    if order == "strided":
        return rng.normal(size=(*shape[:-1], 2 * shape[-1])).astype(dtype)[..., ::2]
    return np.asarray(rng.normal(size=shape), dtype, order)


def run(optimizer, gradients):
    """Step along gradients: a list, one entry per step, of lists of arrays, one per parameter."""
    for gs in gradients:
        for x, g in zip(optimizer.parameters, gs, strict=True):
            x.grad = None if g is None else Tensor.wrap(g)
        optimizer.step()


# The update formulas


@every_optimizer
def test_each_optimizer_follows_its_textbook_formula(kind, options, rng):
    x, gradients = rng.normal(size=5), rng.normal(size=(STEPS, 5))
    p = parameter(x)
    run(kind([p], **options), [[g] for g in gradients])
    expected = [TEXTBOOK[kind](x[i], gradients[:, i], **options) for i in range(5)]
    np.testing.assert_allclose(p.data, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "optimizer, expected",  # x after 20 steps from 0.5 and -1.5 with g = x cos t, t = 0 ... 19, by PyTorch 2.13
    [
        (lambda xs: SGD(xs, 0.1, 0.8, nesterov=True, weight_decay=0.3), [-0.032498229466607076, 0.09749468839982121]),
        (lambda xs: SGD(xs, lr=0.1, momentum=0.8), [0.22086504848772726, -0.6625951454631818]),
        (RMSprop, [0.3929471642459176, -1.4065384483357501]),
        (lambda xs: RMSprop(xs, 0.02, 0.7, 0.1, 0.3, 0.6), [0.22473603969497108, -1.1733533211100435]),
        (Adam, [0.49750298073820604, -1.497512145367065]),
        (lambda xs: Adam(xs, 0.02, (0.5, 0.7), 0.1, 0.3), [0.3779680298643471, -1.3613397587641716]),
        (AdamW, [0.49740337127714274, -1.4972125542475405]),
        (lambda xs: AdamW(xs, 0.02, (0.5, 0.7), 0.1, 0.3), [0.42089615359263477, -1.3071449135591147]),
    ],
)
def test_each_optimizer_takes_the_steps_of_pytorch(optimizer, expected):
    x = parameter([0.5, -1.5])
    optimizer = optimizer([x])
    for t in range(STEPS):
        run(optimizer, [[x.data * math.cos(t)]])
    np.testing.assert_allclose(x.data, expected, rtol=1e-12)


@every_optimizer
def test_float32_stays_float32_and_near_the_float64_result(kind, options, rng):
    x, gradients = rng.normal(size=(3, 4)), rng.normal(size=(STEPS, 1, 3, 4))
    p, q = parameter(x), parameter(x, np.float32)
    run(kind([p], **options), list(gradients))
    run(kind([q], **options), list(gradients.astype(np.float32)))
    assert q.dtype == np.float32
    np.testing.assert_allclose(q.data, p.data, rtol=1e-5, atol=1e-6)


@every_optimizer
@pytest.mark.parametrize("x_order", ["C", "F", "strided"])
@pytest.mark.parametrize("g_order", ["C", "F", "strided"])
def test_memory_order_does_not_change_the_result(kind, options, x_order, g_order, rng):
    shape = (3, 2, CHUNK // 4 + 7)  # more than one chunk
    data = in_order(shape, x_order, rng, np.float32)
    x, plain = Tensor.wrap(data), parameter(data, np.float32)
    x.requires_grad = True
    gradients = [in_order(shape, g_order, rng, np.float32) for _ in range(2)]
    run(kind([x], **options), [[g] for g in gradients])
    run(kind([plain], **options), [[np.ascontiguousarray(g)] for g in gradients])
    assert x.data is data
    np.testing.assert_array_equal(x.data, plain.data)


@every_optimizer
def test_blocks_on_all_cores_do_not_change_the_result(kind, options, rng, monkeypatch):
    data, g = rng.normal(size=(2, 30, 40)).astype("f")
    p, q = parameter(data, np.float32), parameter(data, np.float32)
    run(kind([p], **options), [[g], [-g]])
    monkeypatch.setattr("minigrad.optim.optimizer.CHUNK", 0)
    monkeypatch.setattr("minigrad.optim.optimizer.LARGE", 1)
    monkeypatch.setattr("minigrad.kernels.blocks.LARGE", 1)
    monkeypatch.setattr("minigrad.kernels.blocks.BLOCK", 100)
    run(kind([q], **options), [[g], [-g]])
    assert p.data.tobytes() == q.data.tobytes()


@every_optimizer
@pytest.mark.parametrize("shape", [(), (0,), (2, 0), (1,), (CHUNK,), (CHUNK + 1,)])
def test_any_shape_is_updated_as_its_elements_are(kind, options, shape, rng):
    x, g = rng.normal(size=shape), rng.normal(size=shape)
    p = parameter(x)
    run(kind([p], **options), [[np.asarray(g)]])
    assert p.shape == shape
    for i in list(np.ndindex(shape))[-3:]:
        np.testing.assert_allclose(p.data[i], TEXTBOOK[kind](x[i], [g[i]], **options), rtol=1e-12)


@every_optimizer
def test_a_quadratic_is_minimized(kind, options):
    x = parameter([3.0, -2.0])
    optimizer = kind([x], **{**options, "weight_decay": 0, "lr": 0.1})
    for step in range(400):
        optimizer.lr = 0.1 * (1 - step / 400)
        optimizer.zero_grad()
        ((x - Tensor([1.0, 2.0])) * (x - Tensor([1.0, 2.0]))).sum().backward()
        optimizer.step()
    np.testing.assert_allclose(x.data, [1, 2], atol=1e-3)


# Muon, whose steps are matrices


@pytest.mark.parametrize("shape", [(5, 5), (3, 8), (8, 3), (1, 4), (4, 1)])
def test_a_matrix_keeps_its_singular_vectors_and_gets_singular_values_of_about_one(shape, rng):
    u = rng.normal(size=shape)
    left, values, right = np.linalg.svd(u, full_matrices=False)
    values, (a, b, c) = values / np.linalg.norm(values), ITERATION
    for _ in range(5):
        values = a * values + b * values**3 + c * values**5
    assert ((values > 0.6) & (values < 1.25)).all()
    np.testing.assert_allclose(orthogonal(u), left * values @ right, atol=1e-6)


def test_a_gradient_of_zero_gives_a_step_of_zero():
    assert not orthogonal(np.zeros((3, 2))).any()


def test_muon_steps_along_its_momentum_made_orthogonal(rng):
    x, gradients = rng.normal(size=(4, 3, 2, 2)), rng.normal(size=(3, 4, 3, 2, 2))
    p = parameter(x)
    run(Muon([p], lr=0.1, momentum=0.5, weight_decay=0.3), [[g] for g in gradients])
    m = 0
    for g in gradients:
        g = g + 0.3 * x
        m = 0.5 * m + g
        step = orthogonal((g + 0.5 * m).reshape(4, 12)).reshape(x.shape)
        x = x - 0.1 * SIZE * math.sqrt(12) * step
    np.testing.assert_allclose(p.data, x, rtol=1e-12)


def test_the_entries_of_a_muon_step_are_as_large_as_adams(rng):
    x, g = np.zeros((20, 50)), rng.normal(size=(20, 50))
    p = parameter(x)
    run(Muon([p], lr=1.0), [[g]])
    assert np.sqrt(np.mean(p.data**2)) == pytest.approx(SIZE, rel=0.2)


def test_muon_moves_vectors_as_adam_does(rng):
    gradients = rng.normal(size=(STEPS, 1, 5))
    p, q = parameter(np.ones(5)), parameter(np.ones(5))
    run(Muon([p], lr=0.01), list(gradients))
    run(Adam([q], lr=0.01), list(gradients))
    np.testing.assert_array_equal(p.data, q.data)


def test_muon_updates_a_strided_matrix_in_place(rng):
    data = in_order((4, 6), "strided", rng)
    x, plain = Tensor.wrap(data), parameter(data)
    x.requires_grad = True
    g = rng.normal(size=(4, 6))
    for p in (x, plain):
        run(Muon([p]), [[g], [g]])
    assert x.data is data
    np.testing.assert_allclose(x.data, plain.data, rtol=1e-12)


def test_muon_resumes_to_the_same_bits(rng):
    gradients = rng.normal(size=(6, 2, 3, 4))
    whole, part = ([parameter(np.ones((3, 4))), parameter(np.ones((3, 4)))] for _ in range(2))
    run(Muon(whole), list(gradients))
    first = Muon(part)
    run(first, list(gradients[:3]))
    second = Muon(part)
    second.load_state_dict(first.state_dict())
    run(second, list(gradients[3:]))
    np.testing.assert_array_equal(whole[0].data, part[0].data)


# In place, and without large temporaries


@every_optimizer
def test_a_step_changes_the_parameter_in_place_and_leaves_the_gradient(kind, options, rng):
    p, g = parameter(rng.normal(size=(4, 5))), rng.normal(size=(4, 5))
    data, before = p.data, p.data.copy()
    g.flags.writeable = False
    run(kind([p], **options), [[g]])
    assert p.data is data and not np.array_equal(data, before)


@every_optimizer
@pytest.mark.parametrize("size, share", [(2**18, 4), (2**24, 8)])
def test_a_step_allocates_little(kind, options, size, share, monkeypatch):
    """Temporaries of a chunk or, of a large parameter, of a block for each core."""
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "2")
    x = parameter(np.ones(size), np.float32)
    optimizer = kind([x], **options)
    x.grad = Tensor.wrap(np.ones_like(x.data))
    optimizer.step()
    tracemalloc.start()
    optimizer.step()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < x.data.nbytes / share


def test_parameters_without_gradient_are_skipped_and_count_no_step(rng):
    x, y = parameter([1.0]), parameter([1.0])
    gradients = rng.normal(size=(3, 1))
    run(Adam([x, y]), [[g, g if i else None] for i, g in enumerate(gradients)])
    assert x.data == pytest.approx(adam(1.0, gradients[:, 0]), rel=1e-12)
    assert y.data == pytest.approx(adam(1.0, gradients[1:, 0]), rel=1e-12)


def test_zero_grad_forgets_the_gradients():
    x = parameter([1.0, 2.0])
    for optimizer in (SGD([x], lr=0.1), LBFGS([x])):
        (x * x).sum().backward()
        optimizer.zero_grad()
        assert x.grad is None


def test_lr_may_be_set_to_zero_and_to_a_numpy_scalar():
    x = parameter([1.0], np.float32)
    optimizer = SGD([x], lr=0.5)
    optimizer.lr = 0
    run(optimizer, [[np.ones(1, np.float32)]])
    assert x.data == 1
    optimizer.lr = np.float64(0.25)
    run(optimizer, [[np.ones(1, np.float32)]])
    assert x.data == 0.75 and type(optimizer.lr) is float


# State


def make(kind, options):
    rng = np.random.default_rng(1)
    shapes = [(4, 5), (), (3,)]
    xs = [Tensor.wrap(np.asarray(rng.normal(size=s), np.float32, "F")) for s in shapes]
    for x in xs:
        x.requires_grad = True
    return kind(xs, **options)


@every_optimizer
def test_an_interrupted_run_ends_where_the_uninterrupted_one_does(kind, options, rng):
    whole, first, second = (make(kind, options) for _ in range(3))
    gradients = [[rng.normal(size=x.shape).astype(np.float32) for x in whole.parameters] for _ in range(STEPS)]
    gradients = [[np.asarray(g) for g in gs] for gs in gradients]
    run(whole, gradients)
    run(first, gradients[:7])
    second.load_state_dict(first.state_dict())
    for x, saved in zip(second.parameters, first.parameters, strict=True):
        x.data[...] = saved.data
    run(second, gradients[7:])
    for x, y in zip(whole.parameters, second.parameters, strict=True):
        np.testing.assert_array_equal(x.data, y.data)


def test_state_dict_names_and_copies():
    optimizer = Adam([parameter([1.0]), parameter([1.0, 2.0])])
    state = optimizer.state_dict()
    assert list(state) == ["steps", "m.0", "m.1", "s.0", "s.1"]
    for array in state.values():
        array += 1
    assert all((array == 0).all() for array in optimizer.state_dict().values())
    optimizer.load_state_dict(state)
    for array in state.values():
        array += 1
    assert all((array == 1).all() for array in optimizer.state_dict().values())


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda state: state.pop("m.1"), r"Adam: 'm.1' is missing in the loaded state, float64 \(2,\) here"),
        (
            lambda state: state.update({"v.0": np.zeros(1)}),
            r"'v.0' is float64 \(1,\) in the loaded state, missing here",
        ),
        (lambda state: state.update({"s.1": np.zeros(3)}), r"'s.1' is float64 \(3,\) in the loaded state"),
        (lambda state: state.update({"s.1": np.zeros(2, "f")}), r"'s.1' is float32 \(2,\) in the loaded state"),
        (lambda state: state.update(steps=np.zeros(1, int)), r"'steps' is int64 \(1,\) in the loaded state"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_changes_nothing(change, message):
    optimizer = Adam([parameter([1.0]), parameter([1.0, 2.0])])
    state = {name: array + 1 for name, array in optimizer.state_dict().items()}
    change(state)
    with pytest.raises(ValueError, match=message):
        optimizer.load_state_dict(state)
    assert all((array == 0).all() for array in optimizer.state_dict().values())


# Errors

X = parameter([1.0])
PLAIN = Tensor([1.0])


@pytest.mark.parametrize(
    "kind",
    [
        *(lambda xs: SGD(xs, lr=0.1), RMSprop, Adam, AdamW, LBFGS),
        *(lambda xs: clip_grad_norm(xs, 1), lambda xs: clip_grad_value(xs, 1)),
    ],
)
@pytest.mark.parametrize(
    "parameters, error, message",
    [
        ([], ValueError, "got no parameters"),
        (X, TypeError, r"got one Tensor; give a list"),
        ([X, np.ones(2)], TypeError, "parameter 1 is a ndarray"),
        ([PLAIN], ValueError, "parameter 0 does not require gradients; make it with requires_grad=True"),
        ([X, X * 2.0], ValueError, "parameter 1 is a result of multiply; give leaves, only they have a .grad"),
        ([X, X], ValueError, "parameter 1 was given twice; give each once"),
    ],
)
def test_wrong_parameters_are_refused(kind, parameters, error, message):
    with pytest.raises(error, match=message):
        kind(parameters)


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: SGD([X], lr=0), r"SGD: lr is 0; it must be a number in \(0, inf\)"),
        (lambda: SGD([X], lr=-1), "SGD: lr is -1"),
        (lambda: Adam([X], lr=math.nan), "Adam: lr is nan"),
        (lambda: AdamW([X], lr=math.inf), "AdamW: lr is inf"),
        (lambda: SGD([X], lr="0.1"), "SGD: lr is '0.1'"),
        (lambda: SGD([X], lr=0.1, momentum=1), r"SGD: momentum is 1; it must be a number in \[0, 1\)"),
        (lambda: SGD([X], lr=0.1, momentum=-0.1), "SGD: momentum is -0.1"),
        (lambda: SGD([X], lr=0.1, nesterov=True), "SGD: nesterov needs a momentum above 0; try momentum=0.9"),
        (lambda: SGD([X], lr=0.1, weight_decay=-1), r"SGD: weight_decay is -1; it must be a number in \[0, inf\)"),
        (lambda: RMSprop([X], alpha=1), "RMSprop: alpha is 1"),
        (lambda: RMSprop([X], eps=0), "RMSprop: eps is 0"),
        (lambda: RMSprop([X], momentum=1.5), "RMSprop: momentum is 1.5"),
        (lambda: Adam([X], betas=(1, 0.9)), r"Adam: betas\[0\] is 1"),
        (lambda: Adam([X], betas=(0.9, -1)), r"Adam: betas\[1\] is -1"),
        (lambda: Adam([X], eps=-1), "Adam: eps is -1"),
        (lambda: LBFGS([X], max_iterations=0), "LBFGS: max_iterations is 0; it must be a positive integer"),
        (lambda: LBFGS([X], history=2.5), "LBFGS: history is 2.5"),
        (lambda: LBFGS([X], tolerance=-1), "LBFGS: tolerance is -1"),
        (lambda: clip_grad_norm([X], 0), "clip_grad_norm: max_norm is 0"),
        (lambda: clip_grad_value([X], -1), "clip_grad_value: clip_value is -1"),
    ],
)
def test_numbers_out_of_range_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    "g, message",
    [
        (np.ones(3), r"Adam: parameter 1 is float64 \(2,\) on cpu, its gradient is float64 \(3,\) on"),
        (np.ones(1), r"its gradient is float64 \(1,\)"),  # would broadcast
        (np.ones(2, np.float32), r"its gradient is float32 \(2,\)"),
    ],
)
def test_a_gradient_unlike_its_parameter_is_refused_and_changes_nothing(g, message):
    x, y = parameter([1.0]), parameter([1.0, 2.0])
    optimizer = Adam([x, y])
    with pytest.raises(ValueError, match=message):
        run(optimizer, [[np.ones(1), g]])
    assert x.data == 1 and (optimizer.state_dict()["steps"] == 0).all()


def test_a_parameter_converted_after_its_optimizer_was_made_is_refused():
    x = parameter([1.0])
    optimizer = Adam([x])
    x.data = x.data.astype(np.float32)
    with pytest.raises(ValueError, match="its m is float64.*Convert a model before you make its optimizer"):
        run(optimizer, [[np.ones(1, np.float32)]])


def test_a_schedule_that_sets_a_negative_lr_is_refused():
    optimizer = SGD([parameter([1.0])], lr=0.1)
    optimizer.lr = -0.1
    with pytest.raises(ValueError, match="SGD: lr is -0.1"):
        optimizer.step()


# L-BFGS


def rosenbrock(x, y):
    return (1.0 - x) * (1.0 - x) + 100.0 * (y - x * x) * (y - x * x)


def closure_of(loss, *xs):
    def closure():
        value = loss(*xs)
        value.backward()
        return value

    return closure


@pytest.mark.parametrize("dtype, tolerance", [(np.float64, 1e-6), (np.float32, 1e-2)])
def test_lbfgs_finds_the_minimum_of_rosenbrocks_function(dtype, tolerance):
    x, y = parameter(-1.2, dtype), parameter(1.0, dtype)
    x_data = x.data
    loss = LBFGS([x, y]).step(closure_of(rosenbrock, x, y))
    assert x.data is x_data and x.dtype == dtype
    assert abs(x.item() - 1) < tolerance and abs(y.item() - 1) < tolerance
    assert loss == rosenbrock(x, y).item() < tolerance**2


def test_lbfgs_solves_least_squares_for_parameters_of_several_shapes_and_orders(rng):
    a, target = Tensor(rng.normal(size=(9, 3))), Tensor(rng.normal(size=(9, 2)))
    w, b = Tensor.wrap(np.zeros((3, 2), order="F")), parameter(np.zeros(2))
    w.requires_grad = True

    def squares(w, b):
        residual = a @ w + b - target
        return (residual * residual).sum()

    LBFGS([w, b]).step(closure_of(squares, w, b))
    solution = np.linalg.lstsq(np.column_stack([a.data, np.ones(9)]), target.data, rcond=None)[0]
    np.testing.assert_allclose(np.vstack([w.data, b.data]), solution, atol=1e-6)


def test_lbfgs_calls_back_after_each_iteration_and_stops_when_told():
    x, y = parameter(-1.2), parameter(1.0)
    seen = []

    def callback(iteration, loss):
        seen.append((iteration, loss))
        assert loss == rosenbrock(x, y).item()
        if iteration == 5:
            raise StopIteration

    loss = LBFGS([x, y]).step(closure_of(rosenbrock, x, y), callback)
    assert [i for i, _ in seen] == [1, 2, 3, 4, 5]
    assert loss == seen[-1][1] == min(value for _, value in seen)


def test_lbfgs_does_at_most_max_iterations():
    x, y = parameter(-1.2), parameter(1.0)
    seen = []
    LBFGS([x, y], max_iterations=3).step(closure_of(rosenbrock, x, y), lambda *progress: seen.append(progress))
    assert len(seen) == 3


def test_lbfgs_ends_at_the_tolerance_and_needs_fewer_iterations_with_more_history(rng):
    scale = Tensor(np.geomspace(1, 1000, 20))

    def quadratic(x):
        return (scale * x * x).sum()

    def iterations_and_slope(**options):
        x, seen = parameter(np.ones(20)), []
        LBFGS([x], max_iterations=1000, **options).step(
            closure_of(quadratic, x), lambda *progress: seen.append(progress)
        )
        return len(seen), np.abs(2 * scale.data * x.data).max()

    short, long = iterations_and_slope(history=2), iterations_and_slope(history=20)
    assert long[0] < short[0] < 1000 and max(short[1], long[1]) <= 1e-7
    rough = iterations_and_slope(tolerance=1.0)
    assert rough[0] < long[0] and 1e-7 < rough[1] <= 1


def test_lbfgs_leaves_the_best_point_when_the_closure_fails():
    x, y = parameter(-1.2), parameter(1.0)
    losses = []

    def closure():
        if len(losses) == 10:
            raise KeyboardInterrupt
        losses.append(closure_of(rosenbrock, x, y)().item())
        return rosenbrock(x, y)

    with pytest.raises(KeyboardInterrupt):
        LBFGS([x, y]).step(closure)
    assert rosenbrock(x, y).item() == min(losses) < losses[0]


def test_lbfgs_takes_a_missing_gradient_for_zero():
    x, y = parameter([3.0]), parameter([4.0])
    LBFGS([x, y]).step(closure_of(lambda x: (x * x).sum(), x))
    assert abs(x.item()) < 1e-6 and y.item() == 4


def test_lbfgs_refuses_a_closure_without_loss_gradient_or_finite_value():
    x = parameter([3.0])
    optimizer = LBFGS([x])
    with pytest.raises(TypeError, match="LBFGS: the closure returned a float; it must return the loss, a Tensor"):
        optimizer.step(lambda: 3.0)
    with pytest.raises(
        RuntimeError, match=r"LBFGS: no parameter has a gradient; the closure must call loss.backward\(\)"
    ):
        optimizer.step(lambda: (x * x).sum())
    with pytest.raises(FloatingPointError, match="LBFGS: the loss is nan"):
        optimizer.step(closure_of(lambda x: (x * math.nan).sum(), x))
    assert x.item() == 3


# Clipping


def with_gradients(*arrays):
    xs = [parameter(np.zeros_like(a), a.dtype) for a in arrays]
    for x, a in zip(xs, arrays, strict=True):
        x.grad = Tensor.wrap(a.copy(order="K"))
    return xs


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clip_grad_norm_scales_the_joint_norm(dtype, rng):
    arrays = [
        in_order((3, 4), "F", rng, dtype),
        rng.normal(size=5).astype(dtype),
        np.array(2, dtype),
        np.zeros((0,), dtype),
    ]
    norm = np.linalg.norm(np.concatenate([a.ravel() for a in arrays]))
    xs = [*with_gradients(*arrays), parameter([1.0])]
    memory = [x.grad.data for x in xs[:-1]]
    assert clip_grad_norm(xs, 2 * norm) == pytest.approx(norm, rel=1e-6)
    for x, a in zip(xs, arrays, strict=False):
        np.testing.assert_array_equal(x.grad.data, a)
    clip_grad_norm(xs, norm / 2)
    for x, a, m in zip(xs, arrays, memory, strict=False):
        assert x.grad.data is m and x.grad.dtype == dtype
        np.testing.assert_allclose(x.grad.data, a / 2, rtol=1e-6)
    assert clip_grad_norm([X], 1) == 0  # no gradients at all


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_clip_grad_norm_refuses_a_gradient_that_is_not_finite(bad):
    xs = with_gradients(np.array([1.0, 2.0]), np.array([bad]))
    with pytest.raises(FloatingPointError, match=f"clip_grad_norm: the norm is {bad}"):
        clip_grad_norm(xs, 1)
    np.testing.assert_array_equal(xs[0].grad.data, [1, 2])


def test_clip_grad_value_limits_each_element():
    xs = [*with_gradients(np.array([[1.0, -3], [0.5, math.nan]], order="F"), np.array(9.0)), parameter([1.0])]
    memory = xs[0].grad.data
    clip_grad_value(xs, 1.5)
    assert xs[0].grad.data is memory
    np.testing.assert_array_equal(memory, [[1, -1.5], [0.5, math.nan]])
    assert xs[1].grad.item() == 1.5
