"""Face swap: what is shared and what is a person's own, warps, the loss, and what is refused."""

import numpy as np
import pytest

from minigrad import Tensor, optim
from models import face_swap
from models.face_swap import FaceSwap, random_warp, swap_loss

SIZE = 16


@pytest.fixture
def people(rng):
    """Images of three people, each of a shade of their own."""
    return [
        (shade + 0.1 * rng.random((n, 3, SIZE, SIZE))).astype(np.float32) for n, shade in ((5, 0.1), (4, 0.5), (3, 0.8))
    ]


def model_of(people, rng, **options):
    return FaceSwap(people, width=2, code=4, rng=rng, **options)


def values(module):
    return [p.numpy() for p in module.parameters()]


def test_each_decoder_starts_near_the_mean_image_of_its_person(people, rng):
    model = model_of(people, rng)
    for k, x in enumerate(people):
        drawn = model(Tensor(people[0]), 0, k).numpy()
        assert abs(drawn - x.mean(axis=0)).mean() < 0.05


def test_one_encoder_serves_all_and_all_decoders_start_from_the_same_weights(people, rng):
    model = model_of(people, rng)
    assert len(model.encoders) == 1 and len(model.decoders) == 3
    for other in model.decoders[1:]:
        assert all(np.array_equal(a, b) for a, b in zip(values(model.decoders[0].layers), values(other.layers)))
        assert not np.array_equal(other.start.numpy(), model.decoders[0].start.numpy())


def test_decoders_with_equal_weights_share_no_memory(people, rng):
    model = model_of(people, rng)
    model.decoders[0].layers[0].weight.data[...] = 7
    assert not (model.decoders[1].layers[0].weight.numpy() == 7).any()


def test_two_autoencoders_have_an_encoder_each_and_no_weights_in_common(people, rng):
    model = model_of(people[:2], rng, apart=True)
    assert len(model.encoders) == 2
    for parts in (model.encoders, [d.layers for d in model.decoders]):
        assert not np.array_equal(values(parts[0])[0], values(parts[1])[0])


def test_a_swap_encodes_the_one_and_decodes_the_other(people, rng):
    model = model_of(people, rng)
    x = Tensor(people[0])
    np.testing.assert_array_equal(model(x, 0, 2).numpy(), model.decode(model.encode(x, 0), 2).numpy())
    np.testing.assert_array_equal(model(x, 0).numpy(), model(x, 0, 0).numpy())


def test_a_settled_model_gives_swapped_codes_the_mean_and_the_covariance_of_the_wearer(people, rng, monkeypatch):
    model = model_of(people[:2], rng)
    mix = rng.normal(size=(2, 4, 4))
    codes = [(rng.normal(size=(50, 4)) @ mix[k] + 3 * k).astype(np.float32) for k in range(2)]
    model.settle(codes)
    seen = []
    monkeypatch.setattr(model, "encode", lambda x, person: Tensor(codes[person]))
    monkeypatch.setattr(model, "decode", lambda code, person: seen.append(code.numpy()))
    model(Tensor(people[0]), 0, 1)
    np.testing.assert_allclose(seen[0].mean(axis=0), codes[1].mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(np.cov(seen[0].T), np.cov(codes[1].T), rtol=0.01, atol=0.01)


def test_codes_that_differ_in_scale_alone_are_scaled_and_not_turned():
    P, Q = np.diag([1.0, 4.0, 0.25]), np.diag([9.0, 4.0, 1.0])
    np.testing.assert_allclose(face_swap.least_move(P, Q), np.diag([3.0, 1.0, 2.0]), atol=1e-9)


def test_the_encoder_does_not_see_the_colours_of_a_person(people, rng):
    tinted = people[0] * np.array([0.5, 0.8, 0.6], np.float32).reshape(3, 1, 1) + 0.1
    model = model_of([people[0], tinted], rng)
    a, b = model.encode(Tensor(people[0]), 0), model.encode(Tensor(tinted), 1)
    np.testing.assert_allclose(a.numpy(), b.numpy(), atol=1e-4)


def test_the_loss_is_the_mean_absolute_error_over_images_and_people(people, rng, monkeypatch):
    model = model_of(people[:2], rng)
    monkeypatch.setattr(face_swap, "JITTER", 0.0)
    x = [Tensor(p[:3]) for p in people[:2]]
    errors = [abs(model(x[k], k).numpy() - x[k].numpy()).mean() for k in range(2)]
    assert swap_loss(model, x, rng).item() == pytest.approx(np.mean(errors), rel=1e-3)


def test_the_input_is_warped_and_the_target_is_not(people, rng, monkeypatch):
    model = model_of(people[:2], rng)
    monkeypatch.setattr(face_swap, "random_warp", lambda x, rng: x * 0)
    x = [Tensor(p[:3]) for p in people[:2]]
    errors = [abs(model(x[k] * 0, k).numpy() - x[k].numpy()).mean() for k in range(2)]
    assert swap_loss(model, x, rng).item() == pytest.approx(np.mean(errors), rel=1e-5)


@pytest.mark.parametrize("apart", [False, True])
def test_a_few_steps_bring_the_loss_down_and_reach_every_parameter(apart, people, rng):
    model = model_of(people, rng, apart=apart)
    optimizer = optim.Adam(model.parameters(), 1e-2)
    x = [Tensor(p[:3]) for p in people]
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        loss = swap_loss(model, x, rng)
        loss.backward()
        assert all(p.grad is not None for p in model.parameters())
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]


def test_a_warp_moves_a_picture_of_positions_smoothly_and_by_what_the_jitter_says(rng):
    size, n = 32, 400
    ramp = np.broadcast_to(np.linspace(0, 1, size, dtype=np.float32), (n, 1, size, size))
    moved = (random_warp(Tensor(ramp), rng).numpy() - ramp)[:, 0] * 2 * (size - 1) / size  # in frames that are 2 wide
    node = moved[:, 7:9, 7:9].mean(axis=(1, 2))  # about a point of the grid
    assert 0.75 < node.std() / face_swap.JITTER < 1.05
    inside = moved[:, :, 6:-6]  # the border is not left
    assert abs(np.diff(inside, axis=2)).max() < 7 * face_swap.JITTER * 2 * (face_swap.GRID - 1) / size
    assert np.std(moved[:, 8] - moved[:, 24]) > face_swap.JITTER  # far points move independently


def test_each_image_has_a_warp_of_its_own_and_no_gradient_passes(rng):
    x = Tensor(np.broadcast_to(rng.random((1, 3, SIZE, SIZE), np.float32), (2, 3, SIZE, SIZE)), requires_grad=True)
    warped = random_warp(x, rng)
    assert not warped.requires_grad and not np.allclose(*warped.numpy())
    assert warped.numpy().min() >= x.numpy().min() and warped.numpy().max() <= x.numpy().max()


@pytest.mark.parametrize(
    "shapes, message",
    [
        ([(2, 3, 16, 16)], "people holds 1 person; a swap needs two or more"),
        (
            [(2, 3, 16, 16), (2, 3, 32, 32)],
            r"images are \[\(3, 16, 16\), \(3, 32, 32\)\]; all must be \(3, size, size\)",
        ),
        ([(2, 3, 24, 24)] * 2, "size a multiple of 16"),
        ([(2, 1, 16, 16)] * 2, r"all must be \(3, size, size\)"),
        ([(2, 3, 16, 32)] * 2, r"all must be \(3, size, size\)"),
        ([(2, 16, 16)] * 2, r"all must be \(3, size, size\)"),
    ],
)
def test_a_single_person_and_images_of_other_shapes_are_refused(shapes, message, rng):
    with pytest.raises(ValueError, match=f"FaceSwap: .*{message}"):
        FaceSwap([np.zeros(shape, np.float32) for shape in shapes], rng=rng)
