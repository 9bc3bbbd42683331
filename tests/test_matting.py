"""The matting Laplacian against its definition, window by window, and the quadratic form that it stands for."""

import itertools
import tracemalloc

import numpy as np
import pytest

import minigrad as mg
from models.matting import EPS, bent_windows, matting_energy, matting_laplacian


def by_definition(image, eps):
    C, H, W = image.shape
    M = np.zeros((H * W, H * W))
    for y, x in itertools.product(range(1, H - 1), range(1, W - 1)):
        inside = [(y + dy) * W + x + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
        I = image.reshape(C, -1)[:, inside].T
        apart = I - I.mean(axis=0)
        S = apart.T @ apart / 9 + eps / 9 * np.eye(C)
        M[np.ix_(inside, inside)] += np.eye(9) - (1 + apart @ np.linalg.solve(S, apart.T)) / 9
    return M


@pytest.mark.parametrize("shape", [(3, 6, 8), (3, 3, 3), (3, 7, 3), (3, 3, 7), (3, 5, 4), (1, 6, 5)])
@pytest.mark.parametrize("eps", [EPS, 0.1])
def test_the_laplacian_is_its_definition(shape, eps, rng):
    image = rng.random(shape)
    np.testing.assert_allclose(matting_laplacian(image, eps).toarray(), by_definition(image, eps), atol=1e-9)


def test_it_is_symmetric_positive_semidefinite_and_zero_on_affine_functions_of_the_colours(rng):
    image = rng.random((3, 9, 11))
    M = matting_laplacian(image)
    dense = M.toarray()
    np.testing.assert_allclose(dense, dense.T, atol=1e-12)
    assert np.linalg.eigvalsh(dense).min() > -1e-9
    assert np.diff(M.indptr).max() == 25
    affine = 0.3 + 2 * image[0] - image[1] + 0.5 * image[2]
    np.testing.assert_allclose(M @ affine.ravel(), 0, atol=1e-5)
    np.testing.assert_allclose(M @ np.ones(99), 0, atol=1e-12)
    assert np.abs(M @ rng.random(99)).max() > 0.1


def test_the_form_is_what_the_best_affine_function_in_each_window_leaves_over(rng):
    image, v = rng.random((3, 6, 7)), rng.random((6, 7))
    left = 0.0
    for y, x in itertools.product(range(4), range(5)):
        colours = image[:, y : y + 3, x : x + 3].reshape(3, 9).T
        design = np.block([[colours, np.ones((9, 1))], [np.sqrt(0.2) * np.eye(3), np.zeros((3, 1))]])
        target = np.append(v[y : y + 3, x : x + 3].ravel(), np.zeros(3))
        left += np.linalg.lstsq(design, target)[1].sum()
    np.testing.assert_allclose(v.ravel() @ (matting_laplacian(image, 0.2) @ v.ravel()), left, rtol=1e-9)


def test_bent_windows_sum_to_the_form_and_are_those_near_the_change(rng):
    image = rng.random((3, 8, 9))
    picture = 0.5 * image + 0.2
    picture[:, 2, 6] += 0.1
    bent = bent_windows(picture, image, eps=1e-3)
    M = matting_laplacian(image, eps=1e-3)
    np.testing.assert_allclose(bent.sum(), sum(v.ravel() @ (M @ v.ravel()) for v in picture), rtol=1e-9)
    near = np.zeros((6, 7), bool)
    near[:3, 4:7] = True
    assert bent[near].min() > 2 * bent[~near].max()


def test_the_energy_is_differentiable_and_its_gradient_is_twice_m_v(rng):
    M = matting_laplacian(rng.random((3, 5, 6)))
    x = mg.Tensor(rng.random((1, 3, 5, 6)), requires_grad=True)
    (g,) = [mg.grad(matting_energy(x, M), x).data]
    for channel in range(3):
        want = 2 * (M @ x.data[0, channel].ravel()) / x.size
        np.testing.assert_allclose(g[0, channel].ravel(), want, atol=1e-12)


def test_large_pictures_take_little_memory(rng):
    image = rng.random((3, 100, 140))
    tracemalloc.start()
    matting_laplacian(image)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2**31 * image[0].size / (700 * 500)  # below 2 GiB for 700 x 500


def test_a_picture_without_a_window_is_refused():
    with pytest.raises(ValueError, match="the image is 2 x 5 pixels; it must have at least 3 x 3"):
        matting_laplacian(np.zeros((3, 5, 2)))
