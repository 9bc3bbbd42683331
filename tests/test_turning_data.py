"""Faces in batches in each of which one thing varies: nothing else does, and the images show it."""

import numpy as np
import pytest

from demos.data import faces
from demos.data.turning import FACTORS, FIELDS, ORDER, cut, in_batches, turning


@pytest.fixture(scope="module")
def batches():
    return in_batches(len(ORDER), 4, "train", 3)


def moving(batches, number):
    """The names of the fields of the scene that differ within a batch."""
    B, n = batches.images.shape[:2]
    rows = {name: field.reshape(B, n, -1)[number] for name, field in batches.scene._asdict().items()}
    return {name for name, row in rows.items() if np.ptp(row, axis=0).any()}


def test_in_every_batch_one_thing_varies_and_nothing_else(batches):
    assert batches.varies.tolist() == ["azimuth", "elevation", "light", "person", "person", "person"]
    for number, kind in enumerate(batches.varies):
        assert moving(batches, number) == ({"parameters", "smile"} if kind == "person" else {FIELDS[kind]})


def test_the_images_are_those_of_the_scene(batches):
    again = cut(faces.take(batches.scene, slice(4, 8)))
    np.testing.assert_array_equal(batches.images[1], again)
    assert batches.images.shape == (6, 4, 3, 64, 64) and np.ptp(again, axis=0).max() > 0.1


def test_batches_differ_from_each_other_in_what_is_alike_within_them(batches):
    first = batches.scene.yaw.reshape(6, 4)[1:, 0]
    assert len(set(first)) == 5


def test_the_factors_of_turning_faces_fill_their_ranges_and_know_nothing_of_each_other():
    scene = turning(2000, "test", 0)
    drawn = np.array([getattr(scene, FIELDS[name]) for name in FACTORS])
    for row, (low, high) in zip(drawn, FACTORS.values(), strict=True):
        assert low <= row.min() < low + 0.01 * (high - low) and high - 0.01 * (high - low) < row.max() <= high
    assert np.abs(np.corrcoef(drawn) - np.eye(3)).max() < 0.06


def test_equal_seeds_draw_equal_batches_and_splits_share_no_person(batches):
    again, other = in_batches(6, 4, "train", 3), in_batches(6, 4, "test", 3)
    np.testing.assert_array_equal(again.images, batches.images)
    ours, theirs = ({tuple(row) for row in b.scene.parameters} for b in (batches, other))
    assert not ours & theirs


def test_a_batch_of_one_image_is_refused():
    with pytest.raises(ValueError, match="in_batches: size is 1; it must be at least 2, as nothing varies"):
        in_batches(2, 1, "train", 0)
