"""Pictures drawn in four styles: the same every time, at any size, and no two alike to the eye of a style loss."""

import numpy as np
import pytest

from demos.data.paintings import PAINTINGS
from models.features import RandomFeatures
from models.style_transfer import RECIPES, grams, style_loss

SIZE = 96
PICTURES = {name: paint(SIZE) for name, paint in PAINTINGS.items()}


@pytest.mark.parametrize("name", PAINTINGS)
def test_a_painting_is_drawn_to_the_same_bits_again(name):
    picture = PAINTINGS[name](SIZE)
    assert picture.shape == (3, SIZE, SIZE) and picture.dtype == np.float32
    assert picture.min() >= 0 and picture.max() <= 1
    assert picture.tobytes() == PICTURES[name].tobytes()


@pytest.mark.parametrize("name", sorted(PAINTINGS.keys() - {"strokes"}))  # whose grain is as coarse as pixels allow
def test_a_painting_is_the_same_picture_at_another_size(name):
    large = PAINTINGS[name](2 * SIZE).reshape(3, SIZE // 8, 16, SIZE // 8, 16).mean(axis=(2, 4))
    small = PICTURES[name].reshape(3, SIZE // 8, 8, SIZE // 8, 8).mean(axis=(2, 4))
    assert np.abs(large - small).mean() < 0.03


def test_the_halves_of_a_painting_are_nearer_in_style_than_two_paintings():
    features = RandomFeatures(scales=2, rng=np.random.default_rng(0))
    layers = list(RECIPES["random"].style)[:2]

    def style(picture):
        return grams(features.activations(picture[None], layers))

    halves = {name: [style(p) for p in np.split(picture, 2, axis=2)] for name, picture in PICTURES.items()}

    def apart(a, b):
        return sum(style_loss(a[layer], b[layer]).item() for layer in layers)

    for name, (left, right) in halves.items():
        others = [apart(left, half) for other in halves if other != name for half in halves[other]]
        assert apart(left, right) < min(others), name


def test_an_engraving_has_two_colours_and_dots_have_two_inks():
    paper, ink = PICTURES["engraving"].reshape(3, -1).max(axis=1), PICTURES["engraving"].reshape(3, -1).min(axis=1)
    share = (PICTURES["engraving"] - ink[:, None, None]) / (paper - ink)[:, None, None]
    np.testing.assert_allclose(share[0], share[2], atol=1e-5)  # every pixel lies between the two
    red, green, blue = PICTURES["dots"]
    assert ((red > 0.85) & (green < 0.35)).mean() > 0.1 and ((red < 0.15) & (blue > 0.4)).mean() > 0.1
