"""The convolutional VAE of faces: detail, what its codes tell of unseen people, and its samples."""

from statistics import median

import pytest

from demos import faces

pytestmark = [pytest.mark.quality, pytest.mark.long]


@pytest.fixture(scope="module")
def data(has_data):
    """Procedural faces, and the Olivetti faces beside them where they are at hand."""
    return "olivetti" if has_data("olivettifaces.mat") else "faces"


@pytest.fixture(scope="module")
def runs(run_demo, data, seeds):
    """The metrics of the demo under every seed."""
    return [run_demo(faces, seed, data) for seed in seeds]


def values(runs, name, data, key="value"):
    """The figure of every run, printed."""
    found = sorted(run[name][key] for run in runs)
    print(f"\n{data}, {name}, {key.replace('_', ' ')}: median {median(found):.4g} of {[f'{v:.4g}' for v in found]}")
    return found


def test_unseen_subjects_of_olivetti_are_reconstructed(runs, data):
    if data != "olivetti":
        pytest.skip("olivettifaces.mat is not in MINIGRAD_DATA")
    name = "MSE, unseen Olivetti subjects"
    for k in (16, 32, 64):
        values(runs, name, data, f"PCA_{k}")
    assert median(values(runs, name, data)) <= 0.0061


@pytest.mark.parametrize("attribute", ["smile", "skin_tone", "hair_tone", "azimuth", "elevation"])
def test_attributes_of_unseen_people_are_linear_in_the_code(runs, data, attribute):
    name = f"R^2, {attribute}"
    values(runs, name, data, "PCA_64")
    assert median(values(runs, name, data)) >= 0.7


CROWDED = pytest.mark.xfail(reason="11 against 3: the codes of all images together are correlated, N(0, I) is not")


@pytest.mark.parametrize("drawn", ["of codes' mixture", pytest.param("samples of N(0, I)", marks=CROWDED)])
def test_samples_are_nearer_to_faces_than_those_of_pca(runs, data, drawn):
    name = f"Frechet distance, {drawn}"
    values(runs, name, data, "training_images")
    assert median(values(runs, name, data)) < median(values(runs, name, data, "PCA"))
