"""The sprites and the analogies between them: what is drawn, what happens from a to b, what is held out."""

import numpy as np
import pytest
from matplotlib.path import Path
from scipy.spatial.distance import pdist

from demos.data import sprites as module
from demos.data.sprites import (
    ANGLE,
    COLOUR,
    COLOURS,
    COLUMN,
    COUNTS,
    KINDS,
    MOST,
    ROW,
    SCALE,
    SHAPE,
    SPLITS,
    analogies,
    draw,
    is_of,
    sprites,
)

ARROW, HEART, MOON, CORNER = range(4)


def sprite(shape=ARROW, colour=0, scale=3, row=2, column=2, angle=0):
    return np.array([shape, colour, scale, row, column, angle])


def brightness(image):
    return image.max(axis=-3)


def centre(image):
    """The centre of mass of an image (3, H, W): (row, column)."""
    mass = brightness(image)
    return np.array([(mass.sum(axis=1 - axis) * np.arange(mass.shape[axis])).sum() for axis in (0, 1)]) / mass.sum()


# What is drawn


def test_sprites_have_the_promised_shapes_and_range(rng):
    images = draw(sprites(50, "train", rng).reshape(5, 10, 6))
    assert (images.shape, images.dtype) == ((5, 10, 3, 48, 48), np.float32)
    assert images.min() == 0 and 0.9 < images.max() <= 1
    assert draw(sprites(0, "train", rng), 40).shape == (0, 3, 40, 40)


@pytest.mark.parametrize("size", [32, 49])
def test_no_sprite_is_cut_off_even_at_the_outermost_places(size):
    everywhere = [[sprite(k % 4, 7, 3, row, column, k) for k in range(24)] for row in (2, 0, 4) for column in (2, 0, 4)]
    mass = brightness(draw(np.array(everywhere), size)).sum(axis=(2, 3))  # (places, angles); the first is the middle
    np.testing.assert_allclose(mass, np.broadcast_to(mass[0], mass.shape), rtol=1e-5)
    assert mass[0].min() > 0


def test_the_corner_is_an_antialiased_polygon_turned_clockwise():
    points = (
        module.RADII[3]
        * 48
        * np.array([[-0.6, 0.8], [-0.1, 0.8], [-0.1, -0.3], [0.6, -0.3], [0.6, -0.8], [-0.6, -0.8]])
    )
    turn = np.deg2rad(5 * 15)  # as seen, with y pointing up
    turned = points @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    x, y = np.meshgrid((np.arange(48 * 8) + 0.5) / 8 - 24, 24 - (np.arange(48 * 8) + 0.5) / 8)
    inside = Path(turned).contains_points(np.stack([x, y], axis=-1).reshape(-1, 2))
    expected = inside.reshape(48, 8, 48, 8).mean(axis=(1, 3))
    ours = draw(sprite(CORNER, angle=5)) / COLOURS[0][:, None, None]
    np.testing.assert_allclose(ours, np.broadcast_to(expected, (3, 48, 48)), atol=0.1)


def test_a_quarter_turn_is_a_quarter_turn_of_the_image():
    for shape in range(4):
        np.testing.assert_allclose(
            draw(sprite(shape, angle=7)), np.rot90(draw(sprite(shape, angle=1)), -1, axes=(1, 2)), atol=0.06
        )


def test_no_shape_looks_the_same_at_two_angles_or_like_another():
    views = draw(np.array([sprite(shape, scale=0, angle=k) for shape in range(4) for k in range(24)])).reshape(96, -1)
    assert pdist(views).min() > 1


def test_rows_count_downwards_columns_to_the_right_and_scales_upwards():
    places = np.array([[centre(draw(sprite(row=row, column=column))) for column in range(5)] for row in range(5)])
    np.testing.assert_allclose(np.diff(places, axis=0)[..., 0], 8, atol=1e-3)
    np.testing.assert_allclose(np.diff(places, axis=1)[..., 1], 8, atol=1e-3)
    mass = [brightness(draw(sprite(scale=scale))).sum() for scale in range(4)]
    np.testing.assert_allclose(mass, mass[3] * (module.RADII / module.RADII[3]) ** 2, rtol=0.05)


def test_edges_are_antialiased_and_colours_are_those_listed():
    for colour in range(8):
        image = draw(sprite(HEART, colour))
        np.testing.assert_array_equal(image[:, 24, 24], COLOURS[colour])
        coverage = image[0] / COLOURS[colour, 0]
        assert ((coverage > 0.05) & (coverage < 0.95)).sum() > 20


@pytest.mark.parametrize("size", [1, 31])
def test_sprites_too_small_to_show_their_angles_are_refused(size):
    with pytest.raises(ValueError, match=f"sprites: size is {size}; .* take 48"):
        draw(sprite(), size)


# What is chosen


def test_the_splits_share_no_combination_of_shape_and_colour_and_each_has_every_shape_and_every_colour():
    for shape in range(4):
        seen = sorted((2 * shape + k) % 8 for split in SPLITS.values() for k in split)
        assert seen == list(range(8))
    train = sprites(4000, "train", np.random.default_rng(0))
    assert all(np.unique(train[:, i]).tolist() == list(range(COUNTS[i])) for i in range(6))
    pairs = {split: set(map(tuple, sprites(1000, split, np.random.default_rng(1))[:, :2])) for split in SPLITS}
    assert {split: len(found) for split, found in pairs.items()} == {"train": 24, "validation": 4, "test": 4}
    assert not pairs["train"] & pairs["test"] and not pairs["validation"] & (pairs["train"] | pairs["test"])


@pytest.mark.parametrize("split", SPLITS)
def test_in_an_analogy_one_thing_happens_to_a_and_the_same_to_c(split):
    drawn = analogies(2000, split, np.random.default_rng(2))
    a, b, c, d = drawn.factors.transpose(1, 0, 2)
    assert drawn.factors.min() >= 0 and (drawn.factors.max(axis=(0, 1)) < COUNTS).all()
    assert np.unique(drawn.kind).tolist() == [0, 1, 2]
    step, again = b - a, d - c
    for steps in (step, again):
        steps[:, ANGLE] = (steps[:, ANGLE] + 12) % 24 - 12  # angles go round
    np.testing.assert_array_equal(step, again)
    for kind, moved in (("rotate", [ANGLE]), ("scale", [SCALE]), ("move", [ROW, COLUMN])):
        steps = step[drawn.kind == KINDS.index(kind)]
        assert (steps[:, moved] != 0).any(axis=1).all() and np.abs(steps).max() == MOST[kind]
        assert not np.delete(steps, moved, axis=1).any()
    assert np.mean(a[:, SHAPE] == c[:, SHAPE]) == pytest.approx(1 / 4, abs=0.05)


@pytest.mark.parametrize("split", SPLITS)
def test_all_four_sprites_of_an_analogy_belong_to_its_split(split):
    factors = analogies(300, split, np.random.default_rng(3)).factors
    assert np.isin((factors[..., COLOUR] - 2 * factors[..., SHAPE]) % 8, SPLITS[split]).all()
    assert is_of(split, factors).all()
    assert not any(is_of(other, factors).any() for other in SPLITS if other != split)


def test_equal_seeds_choose_equal_analogies_and_others_differ():
    first, again, other = (analogies(20, "test", np.random.default_rng(seed)).factors for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_an_unknown_split_is_refused_with_the_known_ones(rng):
    with pytest.raises(ValueError, match="unknown split 'dev'; it must be one of 'train', 'validation', 'test'"):
        sprites(3, "dev", rng)
