"""The overcomplete autoencoder: its code, its penalties, its unit columns; and signals of which the truth is known."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

import minigrad as mg
from demos.data.atoms import COHERENCE, LOUDNESS, NOISE, signals
from demos.sparse import nearest
from minigrad import Tensor
from models.sparse import PENALTIES, SparseAutoencoder, sparse_loss

VALUE = {"L1": np.abs, "L2": np.square}


def model_of(penalty="L1", weight=0.6, hidden=7, **options):
    options = {"shape": (1, 2, 2), "rng": np.random.default_rng(1)} | options
    model = SparseAutoencoder(hidden, penalty, weight, **options).to(dtype=np.float64)
    model.project()  # in float64
    return model.eval()


def columns(model):
    return model.decoder.weight.numpy()


@pytest.mark.parametrize("penalty", PENALTIES)
def test_codes_are_wider_than_images_and_outputs_as_large(penalty, rng):
    model, x = model_of(penalty), Tensor(rng.standard_normal((3, 1, 2, 2)))
    assert model.encode(x).shape == (3, 7) and model(x).shape == x.shape


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_loss_is_the_formula(penalty, rng):
    model, x = model_of(penalty), rng.standard_normal((3, 1, 2, 2))
    model.decoder.bias.data[...] = rng.standard_normal(4)
    W, D, c = model.encoder.weight.numpy(), columns(model), model.decoder.bias.numpy()
    expected = 0
    for row in x.reshape(3, 4):
        u = W @ (row - c)
        h = np.sign(u) * np.maximum(np.abs(u) - 0.3, 0) if penalty == "L1" else u / 1.6
        expected += (np.sum((row - D @ h - c) ** 2) + 0.6 * VALUE[penalty](h).sum()) / 3
    assert sparse_loss(model, Tensor(x)).item() == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_with_an_orthonormal_decoder_the_first_code_minimises_the_loss(penalty, rng):
    model, x = model_of(penalty, hidden=4), rng.standard_normal((1, 1, 2, 2))
    D = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    model.load_state_dict(
        model.state_dict() | {"encoder.weight": D.T, "decoder.weight": D, "decoder.bias": np.zeros(4)}
    )
    u, h = D.T @ x.reshape(4), model.encode(Tensor(x)).numpy()[0]
    best = [minimize_scalar(lambda t, v=v: (v - t) ** 2 + 0.6 * VALUE[penalty](t), (-3, 3), tol=1e-10).x for v in u]
    np.testing.assert_allclose(h, best, rtol=0, atol=1e-6)
    assert (h == 0).any() == (penalty == "L1")


@pytest.mark.parametrize("penalty", PENALTIES)
def test_the_gradient_is_that_of_the_loss(penalty, rng):
    model, x = model_of(penalty, weight=0.05), Tensor(rng.standard_normal((2, 1, 2, 2)))

    def loss(W, D, c):
        model.encoder.weight, model.decoder.weight, model.decoder.bias = W, D, c
        return sparse_loss(model, x)

    inputs = [model.encoder.weight.numpy(), columns(model), rng.standard_normal(4)]
    assert mg.gradcheck(loss, inputs, order=2)


def test_without_a_penalty_the_code_is_linear(rng):
    model, x = model_of(weight=0.0), rng.standard_normal((3, 1, 2, 2))
    expected = x.reshape(3, 4) @ model.encoder.weight.numpy().T
    np.testing.assert_allclose(model.encode(Tensor(x)).numpy(), expected, rtol=0, atol=1e-12)


def test_projection_makes_columns_unit_vectors_and_keeps_their_directions(rng):
    model = model_of()
    before = columns(model).copy()
    model.decoder.weight.data *= rng.uniform(0.1, 9, 7)
    model.project()
    np.testing.assert_allclose(columns(model), before, rtol=0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(columns(model), axis=0), 1)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_longer_columns_would_cheat_the_penalty(penalty, rng):
    model = model_of(penalty)
    D, code = model.decoder.weight, Tensor(rng.standard_normal((3, 7)))
    output, size = model.decode(code).numpy(), PENALTIES[penalty](code).sum().item()
    D.data *= 100
    np.testing.assert_allclose(model.decode(code * 0.01).numpy(), output, rtol=0, atol=1e-12)
    assert PENALTIES[penalty](code * 0.01).sum().item() < 0.011 * size


def test_dropout_of_a_linear_code_is_the_l2_penalty_on_average(rng):
    p, x = 0.8, Tensor(np.repeat(rng.standard_normal((1, 1, 2, 2)), 200_000, axis=0))
    dropped, plain = model_of(weight=0.0, dropout=p).train(), model_of(weight=0.0)
    one = x[:1]
    expected = sparse_loss(plain, one).item() + p / (1 - p) * mg.square(plain.encode(one)).sum().item()
    assert sparse_loss(dropped, x).item() == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("penalty, weight", [("L3", 1.0), ("L1", -1.0), ("L1", float("nan"))])
def test_an_unknown_penalty_or_weight_is_named(penalty, weight):
    with pytest.raises(
        ValueError, match=f"penalty '{penalty}' of weight {weight}; it must be 'L1' or 'L2', and the weight 0"
    ):
        model_of(penalty, weight)


def test_the_nearest_column_is_found_whatever_its_sign_and_length(rng):
    atoms = np.linalg.qr(rng.standard_normal((9, 9)))[0][:3]
    shuffled = np.stack([-5 * atoms[2], rng.standard_normal(9) * 0.01, 2 * atoms[0], atoms[1]], axis=1)
    found, cosines = nearest(atoms, shuffled)
    np.testing.assert_allclose(cosines, 1)
    np.testing.assert_allclose(found, atoms, atol=1e-12)


# Signals


@pytest.fixture(scope="module")
def drawn():
    return {split: signals(3000, split=split, seed=2) for split in ("train", "test")}


def test_atoms_have_norm_one_and_do_not_resemble_each_other(drawn):
    atoms = drawn["train"].atoms
    product = np.abs(atoms @ atoms.T)
    np.testing.assert_allclose(np.diag(product), 1)
    assert atoms.shape == (96, 128) and (product - np.eye(96)).max() <= COHERENCE


def test_signals_are_sums_of_few_atoms_and_noise(drawn):
    for part in drawn.values():
        used = part.coefficients != 0
        assert set(used.sum(axis=1)) == {4} and used.mean(axis=0).min() > 0.02
        size = np.abs(part.coefficients[used])
        assert LOUDNESS[0] <= size.min() and size.max() <= LOUDNESS[1] and part.coefficients[used].min() < 0
        rest = part.signals - part.coefficients @ part.atoms
        assert rest.std() == pytest.approx(NOISE, rel=0.02) and part.signals.dtype == np.float32


def test_the_splits_share_their_atoms_and_nothing_else(drawn):
    train, test = drawn["train"], drawn["test"]
    assert np.array_equal(train.atoms, test.atoms) and not np.isclose(train.signals, test.signals).all(axis=1).any()


def test_equal_arguments_draw_equal_bits_and_other_seeds_other_atoms(drawn):
    for first, second in zip(drawn["train"], signals(3000, seed=2), strict=True):
        assert first.tobytes() == second.tobytes()
    assert not np.array_equal(signals(1).atoms, drawn["train"].atoms)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"split": "val"}, "split is 'val'; it must be 'train' or 'test'"),
        ({"active": 97}, r"active is 97; it must lie in \[0, atoms\], here \[0, 96\]"),
        ({"length": 16, "atoms": 500}, r"\d+ atoms of length 16 fit in, not 500"),
    ],
)
def test_impossible_signals_are_refused_with_the_reason(options, message):
    with pytest.raises(ValueError, match=message):
        signals(5, **options)
