"""Photo style's loss: masks, regions, and the photograph that stays one; and the rooms that it is shown on."""

import numpy as np
import pytest

import minigrad as mg
from demos.data.rooms import REGIONS, ROOMS, room
from models.features import RandomFeatures
from models.photo_style import PhotoStyle, masked_grams
from models.style_transfer import RECIPES, StyleTransfer

SIZE = 24


@pytest.fixture(scope="module")
def features():
    return RandomFeatures(rng=np.random.default_rng(0))


@pytest.fixture(scope="module")
def pictures():
    """The two rooms as Tensors, and a mask for each of their regions."""
    (content, regions), (style, style_regions) = (room(name, SIZE) for name in ROOMS)
    masks = [np.stack([(r == i)[None] for i in range(len(REGIONS))]).astype("f") for r in (regions, style_regions)]
    return mg.Tensor(content[None]), mg.Tensor(style[None]), *map(mg.Tensor, masks)


def test_a_gram_matrix_of_a_region_is_that_of_its_pixels_alone(rng):
    f = rng.normal(size=(1, 3, 4, 6))
    masks = np.zeros((2, 1, 4, 6))
    masks[0, 0, :, :2] = masks[1, 0, 1, 4:] = 1
    got = masked_grams({"a": mg.Tensor(f)}, mg.Tensor(masks))["a"].data
    for r in range(2):
        inside = f[0][:, masks[r, 0] == 1]  # (3, pixels)
        np.testing.assert_allclose(got[r], inside @ inside.T / inside.size)


def test_masks_are_averaged_to_the_size_of_a_layer():
    masks = np.zeros((1, 1, 4, 4))
    masks[0, 0, :2] = 1
    (gram,) = masked_grams({"a": mg.Tensor(np.full((1, 1, 2, 2), 3.0))}, mg.Tensor(masks))["a"].data
    np.testing.assert_allclose(gram, [[9.0]])


def test_without_masks_and_stiffness_it_is_the_loss_of_style_transfer_without_smoothness(features, pictures, rng):
    content, style, _, _ = pictures
    recipe = RECIPES["random"]._replace(smoothness=0.0)
    x = mg.Tensor(rng.random(content.shape, np.float32))
    plain = StyleTransfer(features, content, [style], recipe, beta=2.0)
    photo = PhotoStyle(features, content, style, recipe, beta=2.0, stiffness=0.0)
    np.testing.assert_allclose(photo(x).item(), plain(x).item(), rtol=1e-4)


def test_a_brighter_photograph_costs_no_stiffness_and_a_noisy_one_does(features, pictures, rng):
    content, style, masks, style_masks = pictures
    how = {"masks": masks, "style_masks": style_masks, "stiffness": 1e4}
    loss = PhotoStyle(features, content, style, RECIPES["random"], **how)
    brighter = loss.losses(content * 0.7 + 0.2).matting.item()
    noisy = loss.losses(content + mg.Tensor(rng.normal(0, 0.1, content.shape).astype("f"))).matting.item()
    assert abs(brighter) < 1e-5 and noisy > 1e-2
    assert loss.losses(content).content.item() == 0


def test_the_shares_of_the_regions_sum_to_the_style_loss(features, pictures):
    content, style, masks, style_masks = pictures
    recipe = RECIPES["random"]
    how = {"masks": masks, "style_masks": style_masks, "beta": 3.0, "stiffness": 0.0}
    loss = PhotoStyle(features, content, style, recipe, **how)
    losses = loss.losses(content)
    own, wanted = (masked_grams(features.activations(*of), m) for of, m in (
        ((content, recipe.style), masks), ((style, recipe.style), style_masks)))  # fmt: skip
    areas = masks.data.sum((1, 2, 3)) / masks.data.sum()
    for r, area in enumerate(areas):
        apart = sum(b * ((own[layer].data[r] - wanted[layer].data[r]) ** 2).sum() for layer, b in recipe.style.items())
        np.testing.assert_allclose(losses.regions.data[r], area * apart / 4, rtol=1e-4)
    np.testing.assert_allclose(loss(content).item(), 3 * losses.regions.data.sum(), rtol=1e-3)


def test_regions_learn_from_their_own_region_alone(features, pictures):
    """Changing the style outside of a region changes nothing of that region's matrix."""
    _, style, _, style_masks = pictures
    seen = {"pixels": style}
    other = style.data.copy()
    other[:, :, style_masks.data[3, 0] == 0] = 0.5
    for before, after, same in zip(
        masked_grams(seen, style_masks)["pixels"].data,
        masked_grams({"pixels": mg.Tensor(other)}, style_masks)["pixels"].data,
        [False, False, False, True, False, False],
    ):
        assert np.allclose(before, after, atol=1e-6) == same


WRONG = {
    "masks of one": (lambda a, b: (a, None), "got masks of one picture; give those of both, or none"),
    "regions": (lambda a, b: (a, b[:2]), "6 masks and 2 style_masks; give as many"),
    "size": (lambda a, b: (a[..., :8], b), "masks are .6, 1, 24, 8.; of this picture they must be .R, 1, 24, 32"),
    "empty": (lambda a, b: (a, b * 0.0), "style_masks: region 0 covers nothing"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_masks_are_refused(case, features, pictures):
    content, style, masks, style_masks = pictures
    change, message = WRONG[case]
    masks, style_masks = change(masks, style_masks)
    with pytest.raises(ValueError, match=message):
        PhotoStyle(features, content, style, RECIPES["random"], masks=masks, style_masks=style_masks, stiffness=1.0)


@pytest.mark.parametrize("size", [60, 64])  # 64: a ray goes straight ahead
@pytest.mark.parametrize("name", ROOMS)
def test_a_room_shows_every_region_where_it_says(name, size):
    image, regions = room(name, size)
    assert (
        image.shape == (3, size, size * 4 // 3) and image.dtype == np.float32 and image.min() >= 0 and image.max() <= 1
    )
    shares = np.bincount(regions.ravel(), minlength=len(REGIONS)) / regions.size
    assert (shares > [0.25, 0.1, 0.02, 0.05, 0.003, 0.05]).all()
    assert name == "rich" or (image == 1).mean() < 1e-3  # nothing is overexposed
    assert image[2][regions == 2].mean() > image[0][regions == 2].mean() or name == "rich"  # a blue sky at noon
    np.testing.assert_array_equal(image, room(name, size)[0])


def test_an_unknown_room_is_refused():
    with pytest.raises(ValueError, match="room: unknown name 'attic'; choose plain or rich"):
        room("attic", 60)
