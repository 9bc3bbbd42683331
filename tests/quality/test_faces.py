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


def test_noise_that_is_mapped_to_the_codes_becomes_faces_nearer_to_real_ones_than_those_of_pca(runs, data):
    name = "Frechet distance, samples of N(0, I)"
    for beside in ("as_it_is", "one_Gaussian", "PCA_mixture", "training_images"):
        values(runs, name, data, beside)
    assert median(values(runs, name, data)) < median(values(runs, name, data, "PCA"))


def test_the_map_brings_the_codes_of_unseen_faces_near_n_0_i(runs, data):
    name = "codes of unseen faces, nats from N(0, I)"
    values(runs, name, data, "one_Gaussian")
    assert median(values(runs, name, data)) <= 0.25 * median(values(runs, name, data, "codes"))
