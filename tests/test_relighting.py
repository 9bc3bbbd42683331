"""Shading told from albedo: the model's two promises, and what judges the parts."""

import argparse
import json

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from demos import relighting as demo
from demos.data import Dataset
from demos.evaluation.intrinsic import retinex, scale_invariant_mse
from demos.evaluation.walks import walk
from minigrad import Tensor
from models.deforming import IntrinsicCodes, intrinsic_loss
from models.deforming_faces import FaceIntrinsicAutoencoder


@pytest.fixture
def model(rng):
    return FaceIntrinsicAutoencoder(32, 3, 4, 2, 5, 6, rng=rng)


def test_the_albedo_is_its_own_mirror_image_and_the_shading_is_not(model, rng):
    made = model(Tensor(rng.random((2, 3, 32, 32), np.float32)))
    albedo, shading = made.albedo.numpy(), made.shading.numpy()
    np.testing.assert_allclose(albedo, albedo[..., ::-1], atol=1e-6)
    assert np.abs(shading - shading[..., ::-1]).max() > 0.1
    np.testing.assert_allclose(made.texture.numpy(), shading * albedo, atol=1e-6)


def test_logits_of_the_shading_are_a_sum_of_maps_weighed_by_the_code(model, rng):
    a, b = rng.random((2, 1, 2), np.float32)

    def logits(code):
        return model.shading(Tensor(code.astype(np.float32))).numpy()

    np.testing.assert_allclose(logits(0.3 * a + 0.7 * b), 0.3 * logits(a) + 0.7 * logits(b), atol=1e-5)
    np.testing.assert_allclose(logits(np.zeros((1, 2))), 1, atol=1e-6)


def test_no_code_of_shading_dims_the_whole_template(model, rng):
    codes = IntrinsicCodes(*(Tensor(rng.normal(size=(3, k)).astype(np.float32)) for k in (2, 5, 6)))
    shading = model.decode(codes).shading.numpy()
    assert np.ptp(shading, axis=0).max() > 0.1
    np.testing.assert_allclose(shading.mean(axis=(1, 2, 3)), 0.75, rtol=1e-5)


def test_the_loss_reaches_every_parameter(model, rng):
    intrinsic_loss(model, Tensor(rng.random((4, 3, 32, 32), np.float32)), **demo.LOSS).backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and np.isfinite(parameter.grad.numpy()).all(), name


def test_the_factor_of_the_scale_invariant_error_is_the_best_one(rng):
    estimate, truth = rng.random((2, 3, 3, 6, 5))
    mask = rng.random((3, 1, 6, 5))
    found = scale_invariant_mse(estimate, truth, mask)
    for i in range(3):
        share = np.broadcast_to(mask[i] / (3 * mask[i].sum()), truth[i].shape)
        best = minimize_scalar(lambda s, i=i, share=share: np.sum(share * (s * estimate[i] - truth[i]) ** 2)).fun
        assert found[i] == pytest.approx(best, rel=1e-6)


def test_the_scale_invariant_error_knows_no_scale_and_sees_nothing_outside_the_mask(rng):
    truth, mask = rng.random((2, 3, 6, 5)), (rng.random((2, 1, 6, 5)) > 0.4).astype(float)
    outside = 5 * rng.random(truth.shape) * (1 - mask)
    np.testing.assert_allclose(scale_invariant_mse(3 * truth * mask + outside, truth, mask), 0, atol=1e-12)


def test_retinex_finds_even_light_and_parts_whose_product_is_the_image(rng):
    x = rng.random((2, 3, 16, 16))
    shading, albedo = retinex(x, 2)
    np.testing.assert_allclose(shading * albedo, x)
    assert np.ptp(shading) < np.ptp(x)
    assert np.ptp(retinex(np.full((1, 3, 16, 16), 0.4), 2)[0]) < 1e-12


def test_a_walk_goes_from_one_light_to_the_other_and_changes_nothing_else(rng):
    codes = IntrinsicCodes(*(rng.random((4, k)).astype(np.float32) for k in (2, 5, 6)))
    between = walk(codes, 1, 3, {"shading"}, 9)
    np.testing.assert_allclose(between.shading[[0, -1]], codes.shading[[1, 3]], rtol=1e-6)
    np.testing.assert_allclose(
        np.diff(between.shading, axis=0), np.diff(between.shading, axis=0)[:1].repeat(8, 0), atol=1e-6
    )
    assert (between.albedo == codes.albedo[1]).all() and (between.warp == codes.warp[1]).all()


def test_without_ground_truth_only_what_needs_it_is_left_out(tmp_path, monkeypatch, rng):
    images = rng.random((40, 3, 64, 64), np.float32)
    monkeypatch.setattr(demo, "choose", lambda args: demo.Task(images[:24], images[24:]))
    args = {"data": "folder", "seed": 0, "epochs": 1, "quick": True, "resume": False, "device": "cpu"}
    demo.main(argparse.Namespace(**args, out=tmp_path))
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    assert list(metrics) == ["test MSE"]
    assert {path.stem for path in tmp_path.glob("*.png")} == {"lighting", "loss", "parts", "relit"}


def test_grey_images_are_refused(monkeypatch):
    images, labels = np.zeros((4, 1, 64, 64), np.float32), np.zeros(4, np.int64)
    monkeypatch.setattr(demo, "load", lambda name, **_: Dataset(name, images, labels, images, labels))
    with pytest.raises(ValueError, match="it must be 'faces' or a folder of images"):
        demo.choose(argparse.Namespace(data="olivetti", seed=0, quick=True))
