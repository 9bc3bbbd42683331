"""The procedural palms: bodies, landmarks and light, each against an independent calculation."""

import numpy as np
import pytest
from matplotlib.path import Path
from scipy.ndimage import map_coordinates

from demos.data import load
from demos.data import palms as package
from demos.data.palms import (
    FACTORS,
    LANDMARKS,
    PARAMETERS,
    SPLITS,
    Scene,
    draw,
    hands,
    palms,
    render,
    take,
)
from demos.data.palms.hands import CENTRE, FAN, Hand, pose
from demos.data.palms.view import Part, capsule, compose, finger, places, polygon

OPEN = Scene(hands(np.arange(40)), spread=1.3 * FAN)  # straight fingers, far apart


@pytest.fixture(scope="module")
def drawn():
    return palms(40, seed=3, number_of_hands=10)


@pytest.fixture(scope="module")
def without_nails():
    return render(OPEN._replace(parameters=OPEN.parameters * no("nails")), 128)


def read(picture, points):
    """Read a picture (s, s) at points (k, 2) of the frame, linearly -> (k,)."""
    x, y = ((points + 1) * len(picture) / 2 - 0.5).T
    return map_coordinates(picture, [y, x], order=1)


# What is promised of the arrays


def test_palms_have_the_promised_shapes_and_ranges(drawn):
    for picture, channels in ((drawn.images, 3), (drawn.mask, 1)):
        assert (picture.shape, picture.dtype) == ((40, channels, 64, 64), np.float32)
        assert picture.min() >= 0 and picture.max() <= 1
    assert drawn.landmarks.shape == (40, len(LANDMARKS), 2) and len(LANDMARKS) == 11
    assert (drawn.identity.shape, drawn.identity.dtype) == ((40,), np.int64)
    for name in ("roll", "azimuth", "elevation", "ambient"):
        low, high = FACTORS[name]
        assert low <= getattr(drawn.scene, name).min() < getattr(drawn.scene, name).max() <= high


def test_no_palms_at_all_are_empty_arrays():
    assert palms(0).images.shape == (0, 3, 64, 64)


def test_equal_arguments_draw_equal_bits(drawn):
    again = palms(40, seed=3, number_of_hands=10)
    for first, second in zip((*drawn[:-1], *drawn.scene), (*again[:-1], *again.scene), strict=True):
        assert first.tobytes() == second.tobytes()
    assert not np.isin(draw(40, seed=4)[1].roll, drawn.scene.roll).any()


def test_a_palm_does_not_depend_on_those_drawn_with_it(drawn):
    for some, all_of_them in zip(render(take(drawn.scene, [9, 17])), drawn, strict=False):
        np.testing.assert_allclose(some, all_of_them[[9, 17]], atol=1e-6)


def test_the_splits_share_no_hand_and_every_hand_is_shown_equally_often(drawn):
    shown = [draw(300, split=split, number_of_hands=100) for split in SPLITS]
    assert not set(shown[0][0]) & set(shown[1][0])
    assert not np.isin(shown[0][1].parameters, shown[1][1].parameters).any()
    assert set(np.unique(drawn.identity, return_counts=True)[1]) == {4}


def test_palms_load_by_name_with_the_given_sizes_and_seed():
    data, train = load("palms", seed=3, train=12, test=9), palms(12, seed=3)
    np.testing.assert_array_equal(data.train_images, train.images)
    np.testing.assert_array_equal(data.train_labels, train.identity)
    assert data.test_images.shape == (9, 3, 64, 64) and not set(data.test_labels) & set(data.train_labels)


# Where things are


def test_every_landmark_lies_inside_the_frame():
    assert np.abs(palms(1000, size=16, seed=5).landmarks).max() < 1


def test_the_thumb_of_a_left_hand_is_on_the_left_of_its_palm():
    tips = render(OPEN).landmarks[:, :5, 0]
    assert (np.diff(tips, axis=1) > 0).all() and LANDMARKS[0] == "thumb, tip"


@pytest.mark.parametrize("name", LANDMARKS)
def test_a_landmark_lies_on_the_outline_of_an_open_hand(name, without_nails):
    k = LANDMARKS.index(name)
    ways = {"wrist, left": [-1, 0], "wrist, right": [1, 0]} | {n: turn(1.3 * a) for n, a in zip(LANDMARKS, FAN)}
    between = (FAN[:-1] + FAN[1:]) * 1.3 / 2  # a valley opens halfway between its fingers
    ways |= {n: turn(a) for n, a in zip(LANDMARKS[5:9], between)}
    step = 0.045 * np.array(ways[name])  # a pixel and a half of a picture of 64
    each = list(zip(without_nails.mask[:, 0], without_nails.landmarks[:, [k]]))
    inside, outside = (np.array([read(mask, point + sign * step) for mask, point in each]) for sign in (-1, 1))
    assert inside.min() > 0.9 and np.median(outside) < 0.1 and outside.max() < 0.7


def no(name):
    """Weights of the parameters that put one of them to nothing."""
    return np.array([float(parameter != name) for parameter in PARAMETERS])


def turn(angle):
    """The direction at an angle from upright, clockwise."""
    return [np.sin(angle), -np.cos(angle)]


def test_a_rolled_hand_is_the_upright_hand_turned_about_its_centre_with_its_light():
    angle, size = np.pi / 2, 128
    scene = Scene(hands([0]), spread=1.3 * FAN)
    upright = render(scene._replace(azimuth=-1, elevation=0), size)  # lit from the left
    rolled = render(scene._replace(roll=angle, azimuth=0, elevation=1), size)  # from above
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])  # clockwise, for y is down
    np.testing.assert_allclose(rolled.landmarks, (upright.landmarks - CENTRE) @ matrix.T + CENTRE, atol=1e-12)
    places = np.random.default_rng(0).uniform(-0.7, 0.7, (5000, 2))
    for one, other, limit in ((upright.mask, rolled.mask, 0.015), (upright.images, rolled.images, 0.005)):
        before = read(one[0].mean(axis=0), places)
        after = read(other[0].mean(axis=0), (places - CENTRE) @ matrix.T + CENTRE)
        assert 0.2 < before.mean() < 0.7 and np.abs(after - before).mean() < limit


def test_a_finger_that_bends_gets_shorter_and_leaves_the_others_where_they_are():
    straight, bent = render(OPEN).landmarks, render(OPEN._replace(bend=[0, 0, 0.8, 0, 0])).landmarks
    assert (bent[:, 2, 1] > straight[:, 2, 1] + 0.2).all()
    np.testing.assert_array_equal(np.delete(bent, 2, axis=1), np.delete(straight, 2, axis=1))


# Bodies


def test_a_capsule_is_the_highest_of_its_balls():
    start, end, wide, narrow = np.array([-0.4, 0.3, 0.1]), np.array([0.2, -0.1, 0.6]), 0.25, 0.2
    axis = (2 * np.arange(32) + 1).astype(np.float32) / 32 - 1
    x, y = (a[None] for a in np.meshgrid(axis, axis))
    outside, height, nx, ny, _, _ = capsule(x, y, start[None], end[None], np.array([wide]), np.array([narrow]))
    t = np.linspace(0, 1, 400)[:, None, None]
    middle, radius = start[:, None, None, None] + t * (end - start)[:, None, None, None], wide + t * (narrow - wide)
    apart2 = (x - middle[0]) ** 2 + (y - middle[1]) ** 2
    tops = np.where(apart2 < radius**2, middle[2] + np.sqrt(np.maximum(radius**2 - apart2, 0)), -np.inf)
    inside = outside[0] < -0.03
    np.testing.assert_array_equal(np.isfinite(tops.max(0))[inside], True)
    np.testing.assert_allclose(height[0][inside], tops.max(0)[inside], atol=0.02)
    np.testing.assert_allclose(outside[0], (np.sqrt(apart2) - radius).min(0), atol=0.005)
    assert (nx**2 + ny**2)[0][inside].max() < 1


def test_distances_to_a_polygon_are_those_to_its_nearest_edge():
    corners = np.array([[-0.6, 0.5], [-0.5, -0.4], [0.0, 0.1], [0.4, -0.7], [0.6, 0.6]])  # one of them hollow
    axis = (2 * np.arange(24) + 1).astype(np.float32) / 24 - 1
    x, y = (a[None] for a in np.meshgrid(axis, axis))
    found = polygon(x, y, corners[None].astype(np.float32))[0]
    t = np.linspace(0, 1, 500)[:, None, None]
    edge = (corners + t * (np.roll(corners, -1, axis=0) - corners)).reshape(-1, 2)
    pixels = np.stack([x, y], 3).reshape(-1, 2)
    nearest = np.sqrt(((pixels[:, None] - edge) ** 2).sum(2).min(1))
    sign = np.where(Path(corners).contains_points(pixels), -1, 1)
    np.testing.assert_allclose(found.ravel(), sign * nearest, atol=2e-3)


@pytest.mark.parametrize("order", [1, -1])
def test_the_higher_of_two_parts_hides_the_other_whatever_their_order(order):
    hand = Hand(*(np.full((1, 1, 1), v, np.float32) for v in hands([1])[0]))
    flat, inside = np.zeros((1, 4, 4), np.float32), np.full((1, 4, 4), -1, np.float32)
    skin = Part(inside, flat, flat, flat, flat, flat, flat)
    nail = skin._replace(height=flat + 1, nail=flat + 1)
    light, ambient, background = np.array([[0.0, 0.0, 1.0]]), np.array([0.5]), np.zeros((1, 3))
    both = compose([skin, nail][::order], hand, light, ambient, background)[0]
    alone = compose([nail], hand, light, ambient, background)[0]
    np.testing.assert_allclose(both, alone, atol=1e-6)
    assert np.abs(alone - compose([skin], hand, light, ambient, background)[0]).min() > 0.05


def test_the_finger_in_front_looks_the_same_whatever_it_crosses():
    crossing, apart = FAN.copy(), FAN.copy()
    crossing[1:3], apart[1] = (0.15, -0.15), 0.15  # index and middle finger cross, or the index is there alone
    one = OPEN.parameters[:1]
    skeleton = pose(one, crossing[None], np.array([[0, 0.5, 0, 0, 0]]))
    x, y = places(np.zeros(1), CENTRE, 64)
    index, middle = (finger(x, y, *(f[:, k] for f in skeleton[:3]), Hand(*one.T).nails) for k in (1, 2))
    both = (index.outside < -0.02) & (middle.outside < -0.02)
    both &= index.height > middle.height + 0.1
    assert both.sum() > 10
    images = [
        render(Scene(one, spread=spread, bend=bend)).images[0][:, both[0]]
        for spread, bend in ((crossing, [0, 0.5, 0, 0, 0]), (apart, [0, 0.5, 0, 0, 0]), (crossing, [0, 0, 0.5, 0, 0]))
    ]
    np.testing.assert_allclose(images[0], images[1], atol=1e-6)
    assert np.abs(images[0] - images[2]).max(axis=0).mean() > 0.02


# Light and paint


def test_light_comes_from_where_it_is_said_to_come_however_the_hand_rolls():
    for roll in (0.0, 1.0):
        left, right = render(Scene(hands([2]), roll=roll, azimuth=np.array([-1.0, 1.0]), elevation=0)).images.mean(1)
        gain = right - left  # where the light from the right makes a pixel brighter
        shown = render(Scene(hands([2]), roll=roll)).mask[0, 0] == 1
        centre = np.argwhere(shown)[:, 1].mean()
        columns = np.broadcast_to(np.arange(64), (64, 64))
        assert (gain * (columns - centre))[shown].mean() > 0.02


def test_paint_and_light_leave_shape_and_landmarks_alone(drawn):
    paint = drawn.scene.parameters.copy()
    for name in ("skin_tone", "skin_warmth", "redness", "creases"):
        paint[:, PARAMETERS.index(name)] = 0.9
    for changed in ({"parameters": paint}, {"azimuth": 0.7, "ambient": 0.5}):
        other = render(drawn.scene._replace(**changed))
        np.testing.assert_array_equal(other.mask, drawn.mask)
        np.testing.assert_array_equal(other.landmarks, drawn.landmarks)
        assert np.abs(other.images - drawn.images).mean() > 0.005


def test_the_background_is_seen_where_no_hand_is(drawn):
    seen = np.where(drawn.mask == 0, drawn.images, drawn.scene.background[:, :, None, None])
    np.testing.assert_allclose(seen, np.broadcast_to(drawn.scene.background[:, :, None, None], seen.shape), atol=1e-6)


# Bad input


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1, "split": "validation"}, "palms: split is 'validation'; it must be one of 'train', 'test'"),
        ({"n": -1}, "palms: n is -1, .* must be at least 0 and 1"),
        ({"n": 1, "number_of_hands": 0}, "number_of_hands 0"),
        ({"n": 1, "size": 15}, "size is 15; it must be at least 16"),
    ],
)
def test_palms_names_the_mend_when_it_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        palms(**arguments)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"bend": np.full((1, 5), 1.2)}, "bend is 1.2; it must be from 0 to 1"),
        ({"spread": np.full((2, 5), np.nan)}, "spread is nan; it must be from -1.3 to 0.6"),
        ({"roll": np.zeros(2), "ambient": np.full(3, 0.5)}, r"roll \(2,\).*spread and bend \(n, 5\)"),
        ({"parameters": np.zeros((1, 4))}, r"parameters \(1, 4\).* must be \(n, 18\)"),
        ({"parameters": np.full((1, 18), np.inf)}, "not finite"),
    ],
)
def test_render_names_the_mend_when_it_refuses(fields, message):
    with pytest.raises(ValueError, match=message):
        render(Scene(**{"parameters": hands([0]), **fields}))


def test_the_package_exports_what_exists():
    assert all(hasattr(package, name) for name in package.__all__)
