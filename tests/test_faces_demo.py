"""The demo of faces: what it trains on, what it knows of it, and along which directions it moves a code."""

import argparse
import json

import numpy as np
import pytest
from PIL import Image

from demos import faces as demo
from demos.data import faces
from demos.data.known import LEFT, TOP, WHOLE, known_faces
from demos.evaluation.linear import PCA
from demos.gallery.alive.faces import faces as faces_of_the_page
from minigrad import Tensor


def args(data, out=None, **options):
    common = {"data": str(data), "seed": 0, "epochs": 1, "quick": True, "resume": False, "device": "cpu", "out": out}
    return argparse.Namespace(**(common | options))


def write_folder(path, n, attributes):
    """Write n pictures, and CelebA's list of attributes: Bright is true of every second one, Never of none."""
    path.mkdir()
    rng = np.random.default_rng(0)
    for i in range(n):
        level = 200 if i % 2 else 60
        Image.fromarray((level + rng.integers(0, 40, (70, 66, 3))).astype(np.uint8)).save(path / f"{i:03}.png")
    if attributes:
        rows = [f"{i:03}.png {1 if i % 2 else -1} -1" for i in range(n)]
        (path / "list_attr_celeba.txt").write_text("\n".join([str(n), "Bright Never", *rows]) + "\n")
    return path


def test_what_is_known_of_procedural_faces_is_what_was_drawn():
    task = known_faces("faces", train=5, test=9, seed=0)
    drawn = faces.faces(9, split="test", seed=0)
    large = faces.render(drawn.scene, WHOLE, aligned=True)
    np.testing.assert_array_equal(task.y, large.images[:, :, TOP : TOP + 64, LEFT : LEFT + 64])
    for name, known in zip(task.names, task.y_known.T, strict=True):
        column = faces.PARAMETERS.index(name) if name in faces.PARAMETERS else None
        truth = getattr(drawn.scene, name) if column is None else drawn.scene.parameters[:, column]
        np.testing.assert_array_equal(known, truth)
    assert not len(task.photos) and demo.everything(task)[0].shape == task.x.shape


def test_photographs_are_varied_and_come_last_and_drawn_faces_stay_unchanged(rng):
    x, photo = rng.random((6, 3, 16, 16), np.float32), np.array([0, 1, 0, 0, 1, 0], bool)
    out = demo.vary(Tensor(x), Tensor.wrap(photo), rng).numpy()
    np.testing.assert_array_equal(out[:4], x[~photo])
    assert out.shape == x.shape and out.dtype == np.float32 and out.min() >= 0 and out.max() <= 1
    assert np.abs(out[4:] - x[photo]).mean() > 0.05
    none = Tensor(x)
    assert demo.vary(none, Tensor.wrap(photo & False), rng) is none


def test_directions_separate_the_attributes_even_where_they_occur_together(rng):
    first = rng.standard_normal(500)
    known = np.stack([first, 0.9 * first + 0.4 * rng.standard_normal(500)], axis=1)
    moves = rng.standard_normal((2, 5))
    codes = known @ moves + 3 + 0.01 * rng.standard_normal((500, 5))
    np.testing.assert_allclose(demo.directions(codes, known), moves, atol=0.01)


def test_pca_is_the_same_with_fewer_images_than_pixels_as_with_more(rng):
    x = rng.standard_normal((40, 30)) * np.linspace(3, 1, 30)
    wide = np.concatenate([x, np.zeros((40, 20))], axis=1)  # 20 pixels that never change
    ours, other = PCA(wide, 5), PCA(x, 5)
    np.testing.assert_allclose(ours.reconstruct(wide)[:, :30], other.reconstruct(x), atol=1e-10)
    np.testing.assert_allclose(ours.components @ ours.components.T, np.eye(5), atol=1e-10)
    np.testing.assert_allclose(ours.decode(ours.encode(wide)), ours.reconstruct(wide), atol=1e-12)


@pytest.mark.parametrize("attributes", [True, False])
def test_a_folder_is_probed_by_its_attributes_and_moved_without_them_too(attributes, tmp_path):
    data = write_folder(tmp_path / "pictures", 100, attributes)
    out = tmp_path / "out"
    out.mkdir()
    demo.main(args(data, out))
    metrics = json.loads((out / "metrics.json").read_text())["metrics"]
    assert ("R^2, Bright" in metrics) == ("Frechet distance, samples of N(0, I)" in metrics) == attributes
    assert "R^2, Never" not in metrics and "MSE, unseen people" in metrics
    pictures = {path.stem for path in out.glob("*.png")}
    assert pictures == {"interpolations", "loss", "reconstructions", "samples", "traversals"}
    assert sum(faces_of_the_page(out)["mixture"]["weights"]) == pytest.approx(1)


def test_a_name_that_is_neither_a_data_set_nor_a_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="it must be 'faces', 'olivetti' or a folder of images"):
        known_faces(str(tmp_path / "nothing"), train=5, test=5, seed=0)
