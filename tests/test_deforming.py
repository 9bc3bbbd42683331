"""The deforming autoencoders: warps against sums of increments, losses against their formulas, inverses."""

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

import minigrad as mg
from demos.evaluation.warp import align, from_edges, inverse_warp, warp_points
from minigrad import Tensor
from models.deforming import (
    ClassAwareDeformingAutoencoder,
    ClassCodes,
    DeformingAutoencoder,
    IntrinsicDeformingAutoencoder,
    class_aware_loss,
    deform,
    deforming_loss,
    intrinsic_loss,
    loss_of_output,
)
from models.warp import displacement, identity_grid, identity_logit, increments, integral_warp, look_up

MODELS = [DeformingAutoencoder, ClassAwareDeformingAutoencoder, IntrinsicDeformingAutoencoder]


def smooth_warp(rng, n, size, strength):
    """Warps (n, size, size, 2) that fold nowhere, of increments that change slowly."""
    noise = gaussian_filter(rng.normal(size=(n, 2, size, size)), (0, 0, size / 8, size / 8))
    return integral_warp(increments(Tensor(identity_logit(size) + strength * noise))).numpy()


def images(rng, n=2, channels=1, size=8):
    return Tensor(rng.random((n, channels, size, size), np.float32))


@pytest.mark.parametrize("size", [8, 32, 64])
def test_the_first_bias_of_the_warp_makes_the_identity(size):
    warp = integral_warp(increments(Tensor(np.full((1, 2, size, size), identity_logit(size)))))
    np.testing.assert_allclose(warp.numpy()[0], identity_grid(size), atol=1e-6)


def test_the_identity_needs_the_known_share_of_the_largest_increment():
    assert mg.sigmoid(Tensor(identity_logit(64))).item() == pytest.approx(0.40635, abs=1e-5)


def test_a_warp_is_the_running_sum_of_its_increments(rng):
    steps = rng.random((2, 2, 3, 5)) / 5
    warp = integral_warp(Tensor(steps)).numpy()
    for n, i, j in np.ndindex(2, 3, 5):
        x, y = -1 - 2 / 4 + sum(steps[n, 0, i, : j + 1]), -1 - 2 / 2 + sum(steps[n, 1, : i + 1, j])
        np.testing.assert_allclose(warp[n, i, j], np.clip([x, y], -1, 1))


def test_no_warp_changes_the_order_of_neighbours(rng):
    warp = integral_warp(increments(Tensor(10 * rng.normal(size=(4, 2, 8, 8))))).numpy()
    assert (np.diff(warp[..., 0], axis=2) >= 0).all() and (np.diff(warp[..., 1], axis=1) >= 0).all()


def test_the_identity_looks_up_the_texture_itself(rng):
    texture = images(rng, channels=3)
    grid = Tensor(np.stack([identity_grid(8)] * 2))
    np.testing.assert_allclose(look_up(texture, grid).numpy(), texture.numpy(), atol=1e-5)


@pytest.mark.parametrize("kind", MODELS)
def test_an_untrained_model_deforms_nothing(kind, rng):
    model = kind(16, 3, 2, rng=rng)
    made = model(images(rng, channels=3, size=16))
    np.testing.assert_allclose(made.warp.numpy(), np.stack([identity_grid(16)] * 2), atol=1e-6)
    np.testing.assert_allclose(made.output.numpy(), made.texture.numpy(), atol=1e-5)


def test_the_codes_have_the_lengths_that_were_asked_for(rng):
    x = images(rng, channels=3, size=16)
    plain = DeformingAutoencoder(16, 3, 2, 5, 7, rng=rng).encode(x)
    aware = ClassAwareDeformingAutoencoder(16, 3, 2, 5, 7, classes=4, rng=rng).encode(x)
    intrinsic = IntrinsicDeformingAutoencoder(16, 3, 2, 5, 7, rng=rng).encode(x)
    assert [code.shape for code in plain] == [(2, 5), (2, 7)]
    assert [code.shape for code in aware] == [(2, 4), (2, 5), (2, 7)]
    assert [code.shape for code in intrinsic] == [(2, 5), (2, 5), (2, 7)]


def test_the_texture_of_the_intrinsic_model_is_shading_times_albedo(rng):
    made = IntrinsicDeformingAutoencoder(16, 3, 2, rng=rng)(images(rng, channels=3, size=16))
    assert made.shading.shape == (2, 1, 16, 16) and made.albedo.shape == (2, 3, 16, 16)
    np.testing.assert_allclose(made.texture.numpy(), made.shading.numpy() * made.albedo.numpy())


def test_scores_that_differ_by_a_constant_are_the_same_class(rng):
    model = ClassAwareDeformingAutoencoder(8, 1, 2, rng=rng)
    codes = model.encode(images(rng))
    shifted = ClassCodes(codes.scores + 3.0, codes.texture, codes.warp)
    np.testing.assert_allclose(model.decode(shifted).texture.numpy(), model.decode(codes).texture.numpy(), atol=1e-6)


def loss_by_hand(output, x, warp, distance, smooth, drift):
    moved = warp - identity_grid(warp.shape[1])
    steps = np.concatenate([np.abs(np.diff(moved, axis=axis)).ravel() for axis in (1, 2)])
    error = np.abs(output - x) if distance == "absolute" else (output - x) ** 2
    return error.mean() + smooth * steps.mean() + drift * (moved.mean(axis=0) ** 2).mean()


@pytest.mark.parametrize("distance", ["squared", "absolute"])
def test_the_loss_is_its_formula(distance, rng):
    x, texture = rng.random((3, 2, 8, 8)), rng.random((3, 2, 8, 8))
    made = deform(Tensor(texture), Tensor(rng.normal(size=(3, 2, 8, 8))))
    ours = loss_of_output(made, Tensor(x), distance=distance, smooth=0.7, drift=0.3).item()
    expected = loss_by_hand(made.output.numpy(), x, made.warp.numpy(), distance, 0.7, 0.3)
    assert ours == pytest.approx(expected, rel=1e-6)


def test_the_class_aware_loss_adds_the_cross_entropy(rng):
    model, x, labels = ClassAwareDeformingAutoencoder(8, 1, 2, rng=rng), images(rng), np.array([3, 1])
    scores = model.encode(x).scores.numpy().astype(np.float64)
    surprise = np.mean(np.log(np.exp(scores).sum(axis=1)) - scores[[0, 1], labels])
    added = class_aware_loss(model, x, Tensor.wrap(labels)).item() - deforming_loss(model, x).item()
    assert added == pytest.approx(surprise, rel=1e-4)


def test_the_intrinsic_loss_adds_the_slopes_of_the_shading(rng):
    model, x = IntrinsicDeformingAutoencoder(8, 3, 2, rng=rng), images(rng, channels=3)
    shading = model(x).shading.numpy()
    slopes = np.concatenate([np.square(np.diff(shading, axis=axis)).ravel() for axis in (2, 3)])
    added = intrinsic_loss(model, x, shading=5.0).item() - deforming_loss(model, x).item()
    assert added == pytest.approx(5.0 * slopes.mean(), rel=1e-3)


@pytest.mark.parametrize("distance", ["squared", "absolute"])
def test_the_gradient_of_the_loss_passes_the_check(distance):
    rng = np.random.default_rng(4)  # draws no place near the border of a cell, where the gradient jumps
    x, logits = Tensor(rng.random((2, 1, 4, 4))), identity_logit(4) - 0.5 + 0.3 * rng.normal(size=(2, 2, 4, 4))
    mg.gradcheck(
        lambda texture, logits: loss_of_output(deform(texture, logits), x, distance=distance),
        [rng.random((2, 1, 4, 4)), logits],
    )


@pytest.mark.parametrize("kind", MODELS)
def test_every_parameter_learns_once_the_warp_has_left_the_identity(kind, rng):
    model, x = kind(8, 3, 2, rng=rng), images(rng, channels=3)
    model.warp.last.weight.data[...] = 0.1 * rng.normal(size=model.warp.last.weight.shape)
    loss_of_output(model(x), x).backward()
    assert all(np.abs(p.grad.numpy()).max() > 0 for p in model.parameters() if p.ndim > 1)


@pytest.mark.parametrize("size", [4, 28])
def test_sizes_that_do_not_halve_to_four_are_refused(size, rng):
    with pytest.raises(ValueError, match=f"{size} x {size}; the side must be a power of 2, at least 8"):
        DeformingAutoencoder(size, 1, rng=rng)


def test_a_texture_starts_from_the_brightness_that_was_asked_for(rng):
    x = images(rng, 4, 3, 16)
    texture = DeformingAutoencoder(16, 3, 4, brightness=0.1, rng=rng)(x).texture.numpy()
    assert 0.02 < np.median(texture) < 0.3
    shaded = IntrinsicDeformingAutoencoder(16, 3, 4, brightness=0.1, rng=rng)(x).texture.numpy()
    assert 0.02 < np.median(shaded) < 0.3


def test_an_impossible_brightness_is_refused(rng):
    with pytest.raises(ValueError, match="brightness is 0.0; it must lie between 0 and 1"):
        DeformingAutoencoder(8, 1, 2, brightness=0.0, rng=rng)


def test_an_unknown_distance_is_refused(rng):
    with pytest.raises(ValueError, match="unknown distance 'cosine'; it must be one of 'squared', 'absolute'"):
        deforming_loss(DeformingAutoencoder(8, 1, 2, rng=rng), images(rng), distance="cosine")


def test_displacement_is_how_far_the_warp_moves_each_pixel(rng):
    warp = smooth_warp(rng, 2, 8, 3.0)
    expected = (warp - identity_grid(8)).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(displacement(Tensor(warp)).numpy(), expected, atol=1e-12)


def test_points_are_mapped_by_the_warp_between_its_pixels(rng):
    warp, points = smooth_warp(rng, 2, 16, 3.0), rng.uniform(-0.9, 0.9, (2, 5, 2))
    found = warp_points(warp, points)
    for n, k, axis in np.ndindex(2, 5, 2):
        place = (points[n, k, ::-1] + 1) * 15 / 2  # row, column
        expected = map_coordinates(warp[n, ..., axis], place[:, None], order=1)
        np.testing.assert_allclose(found[n, k, axis], expected[0], atol=1e-10)


def test_the_edges_of_an_image_lie_half_a_pixel_beyond_its_outer_centres():
    np.testing.assert_allclose(from_edges(np.array([1.0, 1 - 1 / 8]), 8), [8 / 7, 1.0])


def test_the_inverse_of_a_warp_undoes_it(rng):
    warp = smooth_warp(rng, 3, 32, 4.0)
    assert np.abs(warp - identity_grid(32)).mean() > 0.02
    there = warp_points(warp, inverse_warp(warp).reshape(3, -1, 2)).reshape(warp.shape)
    np.testing.assert_allclose(there[:, 8:24, 8:24], np.stack([identity_grid(32)] * 3)[:, 8:24, 8:24], atol=1e-3)


def test_an_aligned_image_is_the_texture_that_it_was_looked_up_in(rng):
    texture = gaussian_filter(rng.random((3, 1, 32, 32)), (0, 0, 2, 2))
    warp = smooth_warp(rng, 3, 32, 4.0)
    x = look_up(Tensor(texture), Tensor(warp)).numpy()
    back = align(x, warp)[..., 8:24, 8:24]
    assert np.abs(back - texture[..., 8:24, 8:24]).max() < 0.25 * np.abs(x - texture)[..., 8:24, 8:24].max()
