"""Visual analogies: the three forms of T, what the losses compare, which form can rotate."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, optim
from models.analogies import (
    FORMS,
    Add,
    AnalogyMaker,
    Deep,
    Multiply,
    analogy_loss,
    disentangling_loss,
    exchange,
    repeated_loss,
)

SHAPE = (3, 16, 16)


@pytest.fixture(params=FORMS)
def model(request, rng):
    return AnalogyMaker(request.param, 4, 2, image_shape=SHAPE, rng=rng)


def images(rng, n=5, count=4):
    return [Tensor(rng.random((n, *SHAPE), np.float32)) for _ in range(count)]


# The forms


def test_add_takes_the_same_step_from_wherever_it_starts(rng):
    s, c = Tensor(rng.random((5, 4))), Tensor(rng.random((5, 4)))
    assert Add(4, rng=rng)(s, c).numpy().tolist() == s.numpy().tolist()


def test_multiply_contracts_a_three_way_tensor_with_both_vectors(rng):
    multiply = Multiply(4, rng=rng)
    s, c = rng.random((5, 4), np.float32), rng.random((5, 4), np.float32)
    expected = np.einsum("ijk,ni,nj->nk", multiply.weight.numpy(), s, c)
    np.testing.assert_allclose(multiply(Tensor(s), Tensor(c)).numpy(), expected, rtol=1e-4, atol=1e-6)


def test_multiply_by_signs_and_zeros_rotates_codes_on_a_circle(rng):
    multiply = Multiply(2, rng=rng)
    # the step is (cos u - 1, sin u), what a turn by u does to the angle 0; the product is that of complex numbers
    multiply.weight.data[...] = [[[1, 0], [0, 1]], [[0, 1], [-1, 0]]]
    t, u = rng.random((2, 9)) * 2 * np.pi
    circle = lambda angle: np.stack([np.cos(angle), np.sin(angle)], axis=1)  # noqa: E731
    code, step = circle(t).astype(np.float32), (circle(u) - [1, 0]).astype(np.float32)
    turned = Tensor(code) + multiply(Tensor(step), Tensor(code))
    np.testing.assert_allclose(turned.numpy(), circle(t + u), atol=1e-6)


def test_deep_reads_the_step_and_the_code_and_ends_in_a_linear_layer(rng):
    deep = Deep(4, rng=rng)
    s, c = Tensor(rng.random((5, 4), np.float32)), Tensor(rng.random((5, 4), np.float32))
    before = deep(s, c).numpy()
    assert (deep(s * 2, c).numpy() != before).any() and (deep(s, c * 2).numpy() != before).any()
    deep.layers[-1].bias.data -= 100.0
    np.testing.assert_allclose(deep(s, c).numpy(), before - 100, rtol=1e-4)


# The model


def test_an_answer_applies_the_step_from_a_to_b_to_the_code_of_c_as_often_as_asked(model, rng):
    a, b, c, _ = images(rng)
    step, z = model.encode(b) - model.encode(a), model.encode(c)
    for times in range(4):
        np.testing.assert_allclose(model.answer(a, b, c, times).numpy(), model.decode(z).numpy(), rtol=1e-5)
        z = z + model.change(step, z)


def test_where_nothing_happens_add_and_multiply_leave_c_as_it_is(rng):
    for form in ("add", "mul"):
        model = AnalogyMaker(form, 4, 2, image_shape=SHAPE, rng=rng)
        a, c = images(rng, count=2)
        np.testing.assert_allclose(model.answer(a, a, c, 3).numpy(), model(c).numpy(), rtol=1e-5)


def test_the_loss_is_the_error_of_both_readings_on_images_and_on_codes(model, rng):
    a, b, c, d = images(rng)
    fa, fb, fc, fd = (model.encode(x) for x in (a, b, c, d))
    errors = []
    for start, end, moved, goal, code in ((fa, fb, fc, d, fd), (fc, fd, fa, b, fb)):
        z = model.apply(end - start, moved)
        errors.append([mg.mse_loss(model.decode(z), goal).item(), mg.mse_loss(z, code).item()])
    on_images, on_codes = np.mean(errors, axis=0)
    for alpha in (0.0, 0.7):
        assert analogy_loss(model, a, b, c, d, alpha).item() == pytest.approx(on_images + alpha * on_codes, rel=1e-4)


def test_the_loss_of_repeated_application_counts_the_codes_that_are_known(model, rng):
    step, codes = Tensor(rng.random((5, 6), np.float32)), Tensor(rng.random((4, 5, 6), np.float32))
    known = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 1, 0], [0, 1, 0, 0, 0]], np.float32)
    errors, z = [], codes[0]
    for n in range(3):
        z = model.apply(step, z)
        errors += [(z - codes[n + 1]).numpy()[i] ** 2 for i in range(5) if known[n, i]]
    assert repeated_loss(model, step, codes, Tensor(known)).item() == pytest.approx(np.mean(errors), rel=1e-5)


def test_the_losses_reach_every_parameter_that_they_use(model, rng):
    analogy_loss(model, *images(rng), 0.1).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and np.abs(parameter.grad.numpy()).max() > 0, name


def test_an_exchange_takes_the_numbers_that_are_switched_on_from_one_code_and_the_rest_from_the_other(model, rng):
    a, b = images(rng, count=2)
    fa, fb = model.encode(a).numpy(), model.encode(b).numpy()
    switches = rng.integers(2, size=(5, 6)).astype(np.float32)
    for made, on, off in zip(exchange(model, a, b, Tensor(switches)), (fa, fb), (fb, fa), strict=True):
        code = np.where(switches == 1, on, off)
        np.testing.assert_allclose(made.numpy(), model.decode(Tensor(code)).numpy(), rtol=1e-5)
    whole = exchange(model, a, b, Tensor(np.ones(6, np.float32)))
    np.testing.assert_allclose(whole[0].numpy(), model(a).numpy(), rtol=1e-5)


def test_the_disentangling_loss_compares_both_exchanges_with_what_they_should_show(model, rng):
    a, b, c, d = images(rng)
    s = Tensor(np.array([1, 1, 0, 0, 0, 1], np.float32))
    ab, ba = exchange(model, a, b, s)
    expected = (mg.mse_loss(ab, c).item() + mg.mse_loss(ba, d).item()) / 2
    assert disentangling_loss(model, a, b, c, d, s).item() == pytest.approx(expected, rel=1e-6)
    assert disentangling_loss(model, a, b, ab, ba, s).item() == 0


def test_unknown_forms_and_images_that_do_not_halve_three_times_are_refused(rng):
    with pytest.raises(ValueError, match="AnalogyMaker: unknown form 'sub'; it must be one of 'add', 'mul', 'deep'"):
        AnalogyMaker("sub", 4, 2, image_shape=SHAPE, rng=rng)
    with pytest.raises(ValueError, match="images are 20 x 20; three halvings need multiples of 8"):
        AnalogyMaker("add", 4, 2, image_shape=(3, 20, 20), rng=rng)


# What the docstring says of rotation


def circles(angle):
    """Codes of angles: the cosine and sine of t and of 2t, (N, 4)."""
    return np.concatenate([[np.cos(n * angle), np.sin(n * angle)] for n in (1, 2)]).T.astype(np.float32)


def fitted(form, rng):
    """Fit T on codes of angles and their turns -> the mean squared error on others, as a share of standing still's."""
    change = FORMS[form](4, rng=rng)
    a, c, u = rng.random((3, 3000)) * 2 * np.pi
    codes = [Tensor(circles(t)) for t in (a, a + u, c, c + u)]

    def loss(part):
        fa, fb, fc, fd = (code[part] for code in codes)
        return mg.mse_loss(fc + change(fb - fa, fc), fd)

    parameters = list(change.parameters())
    if parameters:
        adam = optim.Adam(parameters, 3e-3)
        for step in range(300):
            adam.zero_grad()
            loss(slice(100 * (step % 20), 100 * (step % 20) + 100)).backward()
            adam.step()
    return loss(slice(2000, None)).item() / mg.mse_loss(codes[2], codes[3]).item()


def test_on_codes_of_angles_a_network_rotates_and_neither_a_sum_nor_a_product_with_unknown_starts_does(rng):
    errors = {form: fitted(form, rng) for form in FORMS}
    assert errors["deep"] < 0.3 < 0.8 < min(errors["add"], errors["mul"])
