"""A cast: who plays in it, what stays when another plays, and folders that make none."""

import numpy as np
import pytest
from PIL import Image

from demos.data import cast, faces, folder
from demos.data.known import cut


@pytest.fixture(scope="module")
def two():
    return cast.drawn(6, 3, seed=1)


def save(path, width=20, height=20, shade=90):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), shade, np.uint8)).save(path)


@pytest.fixture
def album(tmp_path):
    """A folder with twelve pictures of Ann and ten of Bob, whose shades are their own."""
    for name, shade, n in (("ann", 50, 12), ("bob", 200, 10)):
        for i in range(n):
            save(tmp_path / name / f"{i}.png", shade=shade)
    return tmp_path


def test_a_cast_has_as_many_images_of_each_as_asked_and_equal_seeds_draw_equal_ones(two):
    assert two.names == ("A", "B")
    assert [x.shape for x in two.x] == [(6, 3, 64, 64)] * 2 and [y.shape for y in two.y] == [(3, 3, 64, 64)] * 2
    again, other = cast.drawn(6, 3, seed=1), cast.drawn(6, 3, seed=2)
    assert all(np.array_equal(a, b) for a, b in zip(two.x + two.y, again.x + again.y))
    assert not np.array_equal(two.x[0], other.x[0])


def test_each_person_is_the_same_in_all_images_and_no_two_people_or_poses_are(two):
    for k in range(2):
        everyone = np.concatenate([two.x_scenes[k].parameters, two.y_scenes[k].parameters])
        assert (everyone == everyone[0]).all()
    assert (two.x_scenes[0].parameters[0] != two.x_scenes[1].parameters[0]).all()
    yaws = np.concatenate([scene.yaw for scene in two.x_scenes + two.y_scenes])
    assert len(np.unique(yaws)) == 18


def test_of_three_the_two_who_come_later_are_least_like_those_before():
    low, high = np.transpose(list(faces.RANGES.values()))
    chosen, all_of_them = cast.strangers(3, seed=4), faces.people(np.arange(cast.CANDIDATES), seed=4)
    between = [np.linalg.norm((all_of_them - p) / (high - low), axis=1) for p in chosen[:2]]
    assert np.array_equal(chosen[0], all_of_them[0])
    assert np.array_equal(chosen[1], all_of_them[between[0].argmax()])
    assert np.array_equal(chosen[2], all_of_them[np.minimum(*between).argmax()])


def test_a_scene_played_by_another_keeps_pose_expression_and_light(two):
    before, actor = two.y_scenes[0], two.y_scenes[1].parameters[0]
    after = cast.played(before, actor)
    assert (after.parameters == actor).all() and len(after.parameters) == 3
    for name in before._fields[1:]:
        assert np.array_equal(getattr(after, name), getattr(before, name))


def test_landmarks_lie_where_the_images_have_their_points(two):
    """The eyes of all are at one place, and so are the landmarks of their corners, to within what turning does."""
    corners = [faces.LANDMARKS.index(name) for name in faces.LANDMARKS if "eye" in name]
    middles = np.concatenate(two.x_landmarks)[:, corners].mean(axis=1)
    assert np.ptp(middles, axis=0).max() < 0.05
    assert abs(middles[:, 0]).max() < 0.05 and (middles[:, 1] < 0).all()


def test_a_movement_starts_at_the_left_passes_the_right_and_comes_back(two):
    scene = cast.movement(two.y_scenes[0].parameters[0], 8)
    assert scene.yaw[0] == scene.yaw.min() < 0 < scene.yaw.max() == scene.yaw[4]
    assert scene.smile[0] == -1 and scene.smile[4] == 1
    assert cut(scene).shape == (8, 3, 64, 64)


def test_a_folder_gives_each_sub_folder_a_person_and_keeps_a_fifth_of_each_unseen(album):
    read = cast.from_folder(album, limit=100, seed=0)
    assert read.names == ("ann", "bob") and read.x_scenes is None
    assert [len(x) for x in read.x] == [10, 8] and [len(y) for y in read.y] == [2, 2]
    for k, shade in enumerate((50, 200)):
        np.testing.assert_allclose(np.concatenate([read.x[k], read.y[k]]), shade / 255, atol=1e-6)


def test_three_sub_folders_are_three_people(album):
    for i in range(10):
        save(album / "cy" / f"{i}.png")
    assert cast.from_folder(album, limit=100, seed=0).names == ("ann", "bob", "cy")


def test_a_folder_with_one_person_is_refused(album):
    for file in (album / "bob").iterdir():
        file.unlink()
    with pytest.raises(ValueError, match=r"holds one person, 'ann'; a swap needs two or more: make a sub-folder"):
        cast.from_folder(album, limit=100, seed=0)


def test_pictures_outside_of_any_sub_folder_are_nobody(tmp_path):
    for i in range(20):
        save(tmp_path / f"{i}.png")
    with pytest.raises(ValueError, match="holds pictures but no sub-folder; a swap needs two or more"):
        cast.from_folder(tmp_path, limit=100, seed=0)


def test_pictures_of_different_sizes_are_refused_by_name(album):
    save(album / "bob" / "3.png", width=30)
    with pytest.raises(ValueError, match=r"ann/0.png is 20 x 20, bob/3.png is 30 x 20; cut all pictures to one size"):
        cast.from_folder(album, limit=100, seed=0)


def test_a_picture_that_exif_turns_upright_has_the_size_it_then_has(album):
    for file in (album / "ann").iterdir():
        save(file, width=20, height=30)
    for file in (album / "bob").iterdir():
        save(file, width=30, height=20)
        exif = Image.Exif()
        exif[274] = 6
        file.unlink()
        Image.fromarray(np.zeros((20, 30, 3), np.uint8)).save(file.with_suffix(".jpg"), exif=exif)
    assert cast.from_folder(album, limit=100, seed=0).names == ("ann", "bob")


def test_a_person_with_few_pictures_and_an_empty_folder_are_refused(album, tmp_path_factory):
    (album / "bob" / "0.png").unlink()
    with pytest.raises(ValueError, match=r"bob holds 9 pictures; add some, 10 are the fewest"):
        cast.from_folder(album, limit=100, seed=0)
    empty = tmp_path_factory.mktemp("empty")
    with pytest.raises(FileNotFoundError, match="holds no image"):
        folder.folder(empty)
    with pytest.raises(FileNotFoundError, match="holds no image"):
        cast.from_folder(empty, limit=100, seed=0)
