"""The procedural faces: geometry, light and paint, each against an independent calculation."""

import numpy as np
import pytest
from scipy.ndimage import map_coordinates

from demos.data import faces as package
from demos.data import load
from demos.data.faces import (
    FACTORS,
    LANDMARKS,
    MIRRORED,
    PARAMETERS,
    RANGES,
    SPLITS,
    Scene,
    draw,
    faces,
    people,
    render,
    take,
)
from demos.data.faces.head import Head, displacement
from demos.data.faces.people import Person
from demos.data.faces.places import landmark_places
from demos.data.faces.view import CENTRE, light_direction, rotation, trace

SYMMETRIC = people([7])
SYMMETRIC[:, PARAMETERS.index("parting")] = 0


@pytest.fixture(scope="module")
def drawn():
    return faces(40, seed=3, number_of_people=10)


def pixels(points, size):
    """Frame units to pixels."""
    return (points + 1) * size / 2 - 0.5


def at(picture, point):
    """Read a picture (s, s) at a point x, y of the frame, linearly."""
    x, y = pixels(np.asarray(point), len(picture))
    return map_coordinates(picture, [[y], [x]], order=1)[0]


def surface(parameters, smile, u, v):
    """P at one place of the chart, by angles: rho = 2 sin(theta / 2) from the front."""
    p, theta, phi = Person(*parameters[0]), 2 * np.arcsin(np.hypot(u, v) / 2), np.arctan2(v, u)
    s = np.array([np.sin(theta) * np.cos(phi), np.sin(theta) * np.sin(phi), np.cos(theta)])
    axes = np.array([p.head_width, p.head_height, (p.head_width + p.head_height) / 2])
    return axes * s * (1 + displacement(parameters, np.array([smile]), np.array([u]), np.array([v])).item())


def normal(parameters, smile, u, v, step=1e-5):
    """The unit normal of the surface, by differences."""
    along = surface(parameters, smile, u + step, v) - surface(parameters, smile, u - step, v)
    down = surface(parameters, smile, u, v + step) - surface(parameters, smile, u, v - step)
    cross = np.cross(along, down)
    return cross / np.linalg.norm(cross)


# What is promised of the arrays


def test_faces_have_the_promised_shapes_and_ranges(drawn):
    pictures = {"images": 3, "albedo": 3, "shading": 1, "mask": 1}
    for name, channels in pictures.items():
        picture = getattr(drawn, name)
        assert (picture.shape, picture.dtype) == ((40, channels, 64, 64), np.float32)
        assert picture.min() >= 0 and picture.max() <= 1
    assert drawn.landmarks.shape == (40, len(LANDMARKS), 2) and np.abs(drawn.landmarks).max() < 1
    assert (drawn.identity.shape, drawn.identity.dtype) == ((40,), np.int64)
    assert drawn.scene.parameters.shape == (40, len(PARAMETERS)) and drawn.scene.background.shape == (40, 2, 3)
    for name, (low, high) in FACTORS.items():
        factor = getattr(drawn.scene, name)
        assert factor.shape == (40,) and low <= factor.min() < factor.max() <= high


def test_no_faces_at_all_are_empty_arrays():
    assert faces(0).images.shape == (0, 3, 64, 64)


def test_equal_arguments_draw_equal_bits(drawn):
    again = faces(40, seed=3, number_of_people=10)
    for first, second in zip((*drawn[:-1], *drawn.scene), (*again[:-1], *again.scene), strict=True):
        assert first.tobytes() == second.tobytes()


def test_another_seed_draws_other_people_in_other_poses(drawn):
    other = draw(40, seed=4, number_of_people=10)[1]
    assert not np.isin(other.parameters, drawn.scene.parameters).any()
    assert not np.isin(other.yaw, drawn.scene.yaw).any()


def test_a_face_does_not_depend_on_those_drawn_with_it(drawn):
    for some, all_of_them in zip(render(take(drawn.scene, [9, 17])), drawn, strict=False):
        np.testing.assert_allclose(some, all_of_them[[9, 17]], atol=1e-6)


def test_an_image_is_albedo_times_shading_before_its_background(drawn):
    down = (np.arange(64) + 0.5)[:, None] / 64
    top, bottom = drawn.scene.background[:, 0, :, None, None], drawn.scene.background[:, 1, :, None, None]
    seen = drawn.mask * drawn.albedo * drawn.shading + (1 - drawn.mask) * (top + down * (bottom - top))
    np.testing.assert_allclose(drawn.images, seen, atol=1e-6)
    inside = np.broadcast_to(drawn.mask == 1, drawn.images.shape)
    np.testing.assert_array_equal(drawn.images[inside], (drawn.albedo * drawn.shading)[inside])


def test_the_mask_is_whole_inside_and_empty_outside(drawn):
    assert (drawn.mask[:, 0, 30:34, 30:34] == 1).all() and (drawn.mask[:, :, 0] == 0).all()
    assert not drawn.albedo[:, :, 0].any() and not drawn.shading[:, :, 0].any()
    soft = ((drawn.mask > 0) & (drawn.mask < 1)).mean()
    assert 0.005 < soft < 0.06  # an outline, one or two pixels wide


# Who is drawn


def test_the_splits_share_no_person():
    shown = [draw(300, split=split, number_of_people=100) for split in SPLITS]
    assert not set(shown[0][0]) & set(shown[1][0])
    assert not np.isin(shown[0][1].parameters, shown[1][1].parameters).any()


def test_everybody_is_shown_equally_often(drawn):
    assert set(np.unique(drawn.identity, return_counts=True)[1]) == {4}
    np.testing.assert_array_equal(np.unique(drawn.identity), np.arange(0, 20, 2))
    np.testing.assert_array_equal(drawn.scene.parameters, people(drawn.identity, seed=3))


def test_a_person_is_the_same_in_any_company():
    np.testing.assert_array_equal(people([5, 2, 5])[[0, 2]], np.repeat(people([5]), 2, axis=0))
    low, high = np.transpose(list(RANGES.values()))
    crowd = people(np.arange(200))
    assert (crowd >= low).all() and (crowd <= high).all() and (np.ptp(crowd, axis=0) > 0.9 * (high - low)).all()


# Geometry


@pytest.mark.parametrize("smile", [-1, 0.5])
def test_a_mirrored_scene_is_a_mirrored_picture(smile):
    scene = Scene(SYMMETRIC, 0.4, 0.1, smile, 0.7, 0.3)
    one, other = render(scene), render(scene._replace(yaw=-0.4, azimuth=-0.7))
    for picture, mirrored in zip(one[:-1], other[:-1], strict=True):
        np.testing.assert_allclose(picture, mirrored[..., ::-1], atol=2e-3)
    np.testing.assert_allclose(other.landmarks[:, MIRRORED], one.landmarks * [-1, 1], atol=1e-6)


def test_the_face_turns_to_the_right_and_looks_up_with_positive_angles():
    nose = LANDMARKS.index("nose, tip")
    ahead, right, up = render(Scene(SYMMETRIC, np.array([0, 0.5, 0]), np.array([0, 0, 0.25]))).landmarks[:, nose]
    assert ahead[0] == pytest.approx(0, abs=1e-9)
    assert right[0] > 0.3 and right[1] == pytest.approx(ahead[1])
    assert up[1] < ahead[1] - 0.1 and up[0] == pytest.approx(0, abs=1e-9)


def test_aligned_faces_are_the_same_moved_until_their_eyes_are_in_the_middle(drawn):
    aligned = render(drawn.scene, aligned=True)
    eyes = [i for i, name in enumerate(LANDMARKS) if "eye," in name]
    moves = aligned.landmarks - drawn.landmarks
    np.testing.assert_allclose(aligned.landmarks[:, eyes].mean(axis=1), 0, atol=1e-12)
    np.testing.assert_allclose(moves, np.broadcast_to(moves[:, :1], moves.shape), atol=1e-12)
    bridge = LANDMARKS.index("nose, bridge")
    for k in range(10):
        there, here = (at(f.shading[k, 0], f.landmarks[k, bridge]) for f in (aligned, drawn))
        assert there == pytest.approx(here, abs=0.05)


def test_a_ray_through_a_landmark_meets_the_surface_there(drawn):
    scene, size = drawn.scene, 64
    place = np.broadcast_to(CENTRE, (len(scene.yaw), 2))
    u, v, _ = trace(Head(scene.parameters, scene.smile), rotation(scene.yaw, scene.pitch), place, size)
    x, y = landmark_places(Person(*scene.parameters.T), scene.smile)
    front = [i for i, name in enumerate(LANDMARKS) if "cheek" not in name and "brow" not in name]
    missed = []
    for i in range(len(x)):
        width, height = scene.parameters[i, :2]
        for k in front:
            found = at(u[i], drawn.landmarks[i, k]) * width, at(v[i], drawn.landmarks[i, k]) * height
            missed.append(np.hypot(found[0] - x[i, k], found[1] - y[i, k]))
    pixel = 2 / size
    assert np.median(missed) < 0.1 * pixel and np.quantile(missed, 0.98) < pixel


def test_landmarks_are_points_of_the_surface_turned_into_the_frame():
    scene = Scene(SYMMETRIC, 0.3, -0.2, 0.6)
    x, y = landmark_places(Person(*SYMMETRIC.T), np.array([0.6]))
    turn = rotation(np.array([0.3]), np.array([-0.2]))[0]
    for k, found in enumerate(render(scene).landmarks[0]):
        point = surface(SYMMETRIC, 0.6, x[0, k] / SYMMETRIC[0, 0], y[0, k] / SYMMETRIC[0, 1])
        np.testing.assert_allclose(found, (turn @ point)[:2] + CENTRE, atol=3e-3)


def test_normals_are_those_of_the_surface():
    head = Head(SYMMETRIC, np.array([0.3]))
    places = np.random.default_rng(0).uniform(-0.9, 0.9, (200, 2))
    table = np.stack(head.look_up(head.normals, *places.T[:, None].astype(np.float32)))[:, 0]  # (3, 200)
    table /= np.linalg.norm(table, axis=0)
    true = np.stack([normal(SYMMETRIC, 0.3, *place) for place in places], 1)
    angle = np.degrees(np.arccos(np.clip((table * true).sum(0), -1, 1)))
    assert np.median(angle) < 1 and np.quantile(angle, 0.95) < 6


# Light


@pytest.mark.parametrize("azimuth, elevation", [(0, 0), (0.8, 0.4), (-1.2, -0.2)])
def test_shading_follows_lamberts_law(azimuth, elevation):
    yaw, pitch, ambient, size = 0.25, 0.1, 0.35, 128
    shading = render(Scene(SYMMETRIC, yaw, pitch, 0, azimuth, elevation, ambient), size).shading[0, 0]
    turn = rotation(np.array([yaw]), np.array([pitch]))[0]
    light = [np.sin(azimuth) * np.cos(elevation), -np.sin(elevation), np.cos(azimuth) * np.cos(elevation)]
    for u, v in [(0.2, -0.42), (-0.5, 0.1), (0.6, 0.15), (0.0, 0.9)]:
        facing = turn @ normal(SYMMETRIC, 0, u, v) @ light
        point = (turn @ surface(SYMMETRIC, 0, u, v))[:2] + CENTRE
        assert at(shading, point) == pytest.approx(ambient + (1 - ambient) * max(0, facing), abs=0.015)


def test_light_comes_from_where_it_is_said_to_come():
    sides = render(Scene(SYMMETRIC, azimuth=np.array([-1, 1]), elevation=0), 64).images.mean(1)
    left, right = sides[:, :, 16:32].mean((1, 2)), sides[:, :, 32:48].mean((1, 2))
    assert left[0] > right[0] + 0.05 and right[1] > left[1] + 0.05
    above, below = render(Scene(SYMMETRIC, azimuth=0, elevation=np.array([0.8, -0.2]))).shading[:, 0, 18:22, 28:36]
    assert above.mean() > below.mean() + 0.05
    np.testing.assert_allclose(np.linalg.norm(light_direction(np.array([0.3]), np.array([0.5])), axis=1), 1)


def test_light_changes_the_shading_alone(drawn):
    relit = render(drawn.scene._replace(azimuth=0.3, ambient=0.5))
    for name in ("albedo", "mask", "landmarks"):
        np.testing.assert_array_equal(getattr(relit, name), getattr(drawn, name))
    assert np.abs(relit.shading - drawn.shading).mean() > 0.02


def test_paint_changes_the_albedo_alone(drawn):
    parameters = drawn.scene.parameters.copy()
    parameters[:, PARAMETERS.index("skin_tone")] = 1
    dark = render(drawn.scene._replace(parameters=parameters))
    for name in ("shading", "mask", "landmarks"):
        np.testing.assert_array_equal(getattr(dark, name), getattr(drawn, name))
    assert dark.albedo.mean() < drawn.albedo.mean() - 0.02


# Use


def test_fields_given_once_serve_all_images():
    scene = Scene(people([2]), yaw=np.linspace(-0.5, 0.5, 5), background=np.array([[1, 0, 0], [0, 0, 1]]))
    images = render(scene, 32).images
    assert images.shape == (5, 3, 32, 32)
    assert images[:, 0, 0, 0].min() > 0.95 and images[:, 2, 0, 0].max() < 0.05
    np.testing.assert_array_equal(images[2], render(Scene(people([2]), background=scene.background), 32).images[0])


def test_ridge_regression_on_some_people_reads_factors_of_others():
    train, test = (faces(1000, split=split, size=16, number_of_people=250) for split in SPLITS)
    x, y = (np.concatenate([f.images.reshape(1000, -1), np.ones((1000, 1))], 1).astype(float) for f in (train, test))
    solve = np.linalg.inv(x.T @ x + 0.3 * np.eye(x.shape[1])) @ x.T
    skin = PARAMETERS.index("skin_tone")
    for name, least in {"yaw": 0.85, "pitch": 0.8, "azimuth": 0.85, "skin": 0.85, "smile": 0.25}.items():
        a, b = (f.scene.parameters[:, skin] if name == "skin" else getattr(f.scene, name) for f in (train, test))
        assert 1 - np.var(y @ (solve @ a) - b) / np.var(b) > least, name


def test_faces_load_by_name_with_the_given_sizes_and_seed():
    data = load("faces", seed=3, train=12, test=9)
    train = faces(12, seed=3)
    np.testing.assert_array_equal(data.train_images, train.images)
    np.testing.assert_array_equal(data.train_labels, train.identity)
    assert data.test_images.shape == (9, 3, 64, 64) and not set(data.test_labels) & set(data.train_labels)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1, "split": "validation"}, "split is 'validation'; it must be one of 'train', 'test'"),
        ({"n": -1}, "n is -1, .* must be at least 0 and 1"),
        ({"n": 1, "number_of_people": 0}, "number_of_people 0"),
        ({"n": 1, "size": 15}, "size is 15; it must be at least 16"),
    ],
)
def test_faces_names_the_mend_when_it_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        faces(**arguments)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"yaw": 1.2}, "yaw is 1.2; it must be from -0.6 to 0.6"),
        ({"smile": np.array([0, np.nan])}, "smile is nan; it must be from -1 to 1"),
        ({"ambient": 1.5}, "ambient is 1.5; it must be from 0 to 1"),
        ({"background": -0.1}, "background is -0.1"),
        ({"yaw": np.zeros(2), "pitch": np.zeros(3)}, r"yaw \(2,\), pitch \(3,\).*the rest \(n,\)"),
        ({"parameters": np.zeros((1, 4))}, r"parameters \(1, 4\).* must be \(n, 27\)"),
        ({"parameters": np.full((1, 27), np.inf)}, "not finite"),
        ({"yaw": np.zeros((2, 2))}, r"yaw \(2, 2\)"),
    ],
)
def test_render_names_the_mend_when_it_refuses(fields, message):
    with pytest.raises(ValueError, match=message):
        render(Scene(**{"parameters": people([0]), **fields}))


def test_the_package_exports_what_exists():
    assert all(hasattr(package, name) for name in package.__all__)
