"""The deforming autoencoder of faces: its smooth warp, and what judges alignment by landmarks."""

import argparse
import json

import numpy as np
import pytest

from demos import deforming_faces as demo
from demos.data import faces
from demos.data.studio import BACKDROP, studio
from demos.evaluation.landmarks import extent, mean_error, regress, spread
from demos.options import data_set
from minigrad import Tensor
from models.deforming_faces import FaceAutoencoder
from models.warp import identity_grid


def test_the_warp_starts_near_the_identity(rng):
    model = FaceAutoencoder(32, 3, 4, 5, 6, rng=rng)
    made = model(Tensor(rng.random((2, 3, 32, 32), np.float32)))
    assert made.output.shape == made.texture.shape == (2, 3, 32, 32) and made.warp.shape == (2, 32, 32, 2)
    assert np.abs(made.warp.numpy() - identity_grid(32)).max() < 0.2


def test_logits_of_the_warp_are_straight_between_places_of_the_coarse_grid(rng):
    model = FaceAutoencoder(64, 3, 4, 5, 6, rng=rng)
    logits = model.warp(Tensor(rng.random((2, 6), np.float32))).numpy()  # (2, 2, 64, 64), four pixels a place
    bends = np.abs(np.diff(logits, 2, axis=3))[..., 1:-1]
    assert bends.max() > 1e-3 and bends[..., 2::4].max() < 1e-5


def test_a_size_that_cannot_be_halved_down_to_4_is_refused(rng):
    with pytest.raises(ValueError, match="48 x 48; the side must be a power of 2"):
        FaceAutoencoder(48, rng=rng)


def test_no_warp_folds_whatever_its_weights(rng):
    model = FaceAutoencoder(32, 3, 4, 5, 6, rng=rng)
    for p in model.warp.parameters():
        p.data[...] = 3 * rng.standard_normal(p.shape)
    warp = model(Tensor(rng.random((3, 3, 32, 32), np.float32))).warp.numpy()
    assert np.diff(warp[..., 0], axis=2).min() >= 0 and np.diff(warp[..., 1], axis=1).min() >= 0
    assert np.abs(warp - identity_grid(32)).max() > 0.5


def test_spread_and_extent_are_those_of_shapes_made_to_have_them(rng):
    shape = np.array([[3.0, 0.0], [-3.0, 0.0], [0.0, 4.0], [0.0, -4.0]])  # distances 3, 3, 4, 4 from the centre
    apart = rng.choice([-1.0, 1.0], (2000, 4, 2))  # sqrt(2) from the mean, about
    points = 7 + shape + apart
    assert spread(points) == pytest.approx(np.sqrt(2), abs=0.01)
    assert extent(points) == pytest.approx(np.sqrt(12.5), abs=0.05)
    assert spread(np.broadcast_to(shape, (5, 4, 2))) == 0
    assert spread(2 * points) / extent(2 * points) == pytest.approx(spread(points) / extent(points))


def test_landmarks_are_read_off_codes_that_determine_them(rng):
    codes, new = rng.standard_normal((200, 3, 2)), rng.standard_normal((50, 3, 2))
    maps = rng.standard_normal((6, 5, 2))

    def places(c):
        return np.einsum("nk,kpd->npd", c.reshape(len(c), -1), maps) + 0.3

    assert mean_error(regress(codes, places(codes), new), places(new)) < 0.01
    assert mean_error(places(codes).mean(axis=0), places(new)) > 1


def test_the_mean_error_is_the_mean_distance():
    truth = np.zeros((2, 2, 2))
    found = np.array([[[3.0, 4.0], [0.0, 0.0]], [[0.0, 1.0], [0.0, 2.0]]])
    assert mean_error(found, truth) == pytest.approx((5 + 0 + 1 + 2) / 4)


def test_faces_stand_before_one_backdrop_and_are_otherwise_those_of_the_data_set():
    drawn, usual = studio(12, "test", 3), faces.faces(12, split="test", seed=3)
    corner = drawn.images[:, :, :3, :3]
    np.testing.assert_allclose(corner, BACKDROP, atol=1e-6)
    np.testing.assert_array_equal(drawn.landmarks, usual.landmarks)
    np.testing.assert_array_equal(drawn.albedo, usual.albedo)
    np.testing.assert_allclose(drawn.images * (drawn.mask == 1), usual.images * (drawn.mask == 1), atol=1e-6)


def test_faces_under_one_light_differ_by_nothing_else_from_those_under_their_own():
    lit, usual = studio(5, "test", 3, **demo.LIGHT), studio(5, "test", 3)
    assert (lit.scene.azimuth == demo.LIGHT["azimuth"]).all() and len(set(usual.scene.azimuth)) == 5
    np.testing.assert_array_equal(lit.albedo, usual.albedo)
    np.testing.assert_array_equal(lit.landmarks, usual.landmarks)


def quick(data, out):
    """Run the demo quickly -> its metrics, the pictures that it drew."""
    args = {"data": data, "seed": 0, "epochs": 1, "quick": True, "resume": False, "device": "cpu"}
    demo.main(argparse.Namespace(**args, out=out))
    return json.loads((out / "metrics.json").read_text())["metrics"], {path.stem for path in out.glob("*.png")}


def test_palms_are_judged_by_their_landmarks_and_drawn_in_the_rows_of_the_slide(tmp_path):
    metrics, pictures = quick("palms", tmp_path)
    judged = {"spread of landmarks, template", "gradient energy, mean texture", "error of landmarks, ridge from W"}
    assert judged <= set(metrics) and {"slide", "landmarks"} <= pictures
    # as wide as on average: the mean landmark misses by about a seventh of half the image
    assert 0.1 < metrics["error of landmarks, ridge from W"]["mean_landmark"] < 0.2


def test_a_data_set_that_does_not_exist_is_answered_with_those_that_do():
    with pytest.raises(argparse.ArgumentTypeError, match="'palm'; it must be one of 'faces', 'palms', 'olivetti'"):
        data_set(demo.DATASETS)("palm")


def test_without_landmarks_only_what_needs_them_is_left_out(tmp_path, monkeypatch, rng):
    images = rng.random((40, 1, 64, 64), np.float32)
    monkeypatch.setattr(demo, "choose", lambda args: demo.Task(images[:24], images[24:]))
    metrics, pictures = quick("olivetti", tmp_path)
    assert "test MSE" in metrics and not any("landmarks" in name for name in metrics)
    assert pictures == {"interpolation", "loss", "means", "parts", "slide"}
