"""The autoencoder whose code says what is drawn and where: what each half sees, and how the halves meet."""

import numpy as np
import pytest

from minigrad import Tensor
from models.what_where import WhatWhereAutoencoder


@pytest.fixture
def model(rng):
    return WhatWhereAutoencoder(5, 3, image_shape=(3, 48, 48), rng=rng)


def thing_at(row, column, rng):
    """A patch of 8 x 8 pixels on black, its upper left corner at a row and a column of the 6 x 6 cells."""
    x = np.zeros((1, 3, 48, 48), np.float32)
    x[:, :, 8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = rng.random((3, 8, 8))
    return Tensor(x)


def test_images_become_codes_and_codes_become_images_in_0_to_1(model, rng):
    code = model.encode(Tensor(rng.random((4, 3, 48, 48), np.float32)))
    images = model.decode(code).numpy()
    assert code.shape == (4, 8) and images.shape == (4, 3, 48, 48) and images.min() >= 0 and images.max() <= 1


def test_the_first_numbers_of_a_code_do_not_see_where_a_thing_is_and_the_others_do(model):
    here, there = (model.encode(thing_at(*at, np.random.default_rng(4))).numpy()[0] for at in ((2, 1), (3, 4)))
    np.testing.assert_allclose(here[:5], there[:5], atol=1e-5)
    assert np.abs(here[5:] - there[5:]).min() > 1e-3


def test_what_is_painted_moves_with_the_cell_that_is_lit(model, rng):
    def at(cell):
        model.place.weight.data[...] = 0
        model.place.bias.data[...] = np.eye(36, dtype=np.float32)[cell]
        return model.decode(code).numpy()

    code = Tensor(rng.random((1, 8), np.float32))
    moved = np.roll(at(2 * 6 + 1), (8, 16), axis=(2, 3))
    np.testing.assert_allclose(at(3 * 6 + 3), moved, atol=1e-6)


def test_every_parameter_learns(model, rng):
    model(Tensor(rng.random((2, 3, 48, 48), np.float32))).sum().backward()
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None and np.abs(parameter.grad.numpy()).max() > 0, name


def test_images_that_do_not_halve_three_times_are_refused(rng):
    with pytest.raises(
        ValueError, match="WhatWhereAutoencoder: images are 48 x 44; three halvings need multiples of 8"
    ):
        WhatWhereAutoencoder(5, 3, image_shape=(3, 48, 44), rng=rng)
