"""Masks as pictures: colours become regions, whatever JPEG and soft brushes have done to them."""

import numpy as np
import pytest
from PIL import Image

from demos.data.masks import read_masks, soft_masks

RED, BLUE, GREEN, WHITE = (255, 0, 0), (0, 0, 255), (0, 200, 40), (255, 255, 255)
SIZE = (40, 60)


def paint(path, parts, size=SIZE, **options):
    """Write a picture: the first colour everywhere, then a colour in each of the boxes (top, bottom, left, right)."""
    image = np.full((*size, 3), parts[0], np.uint8)
    for colour, (top, bottom, left, right) in parts[1:]:
        image[top:bottom, left:right] = colour
    Image.fromarray(image).save(path, **options)
    return path


def truth(size=SIZE):
    labels = np.zeros(size, int)
    labels[5:20, 10:31] = 1
    labels[25:36, 33:50] = 2
    return labels


PARTS = [RED, (BLUE, (5, 20, 10, 31)), (GREEN, (25, 36, 33, 50))]


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_each_colour_is_a_region_in_both_masks_even_after_jpeg(suffix, tmp_path):
    options = {"quality": 60} if suffix == "jpg" else {}
    one = paint(tmp_path / f"one.{suffix}", PARTS, **options)
    other = paint(tmp_path / f"other.{suffix}", [BLUE, (RED, (0, 9, 0, 30)), (GREEN, (20, 30, 0, 60))], **options)
    names, (labels, others) = read_masks((one, other), (SIZE, SIZE))
    assert len(names) == 3
    if suffix == "png":
        assert sorted(names) == ["#0000ff", "#00c828", "#ff0000"]
    colours = [np.array([int(name[i : i + 2], 16) for i in (1, 3, 5)]) for name in names]
    order = [int(np.argmin([abs(c - np.array(colour)).sum() for c in colours])) for colour in (RED, BLUE, GREEN)]
    agree = np.mean(np.array(order)[truth()] == labels)
    assert agree == 1 if suffix == "png" else agree > 0.97
    assert others[25, 5] == order[2] and others[2, 2] == order[0] and others[38, 58] == order[1]


def test_colours_of_soft_edges_are_no_regions(tmp_path):
    large = paint(tmp_path / "large.png", [WHITE, (BLUE, (40, 160, 80, 248))], (320, 480))
    Image.open(large).resize((60, 40), Image.Resampling.BICUBIC).save(tmp_path / "soft.png")
    names, (labels, _) = read_masks((tmp_path / "soft.png", tmp_path / "soft.png"), (SIZE, SIZE))
    assert sorted(names) == ["#0000ff", "#ffffff"] and abs(np.mean(labels == labels[10, 20]) - 0.1313) < 0.02


def test_a_region_that_is_blended_from_two_others_is_not_taken_for_a_third(tmp_path):
    """The edge of white and black is grey, which is a region of the other mask alone."""
    one = Image.fromarray(np.uint8(np.linspace(-1600, 1855, 60).clip(0, 255))[None].repeat(40, 0)).convert("RGB")
    one.save(tmp_path / "one.png")
    other = paint(tmp_path / "other.png", [(128, 128, 128), (WHITE, (0, 20, 0, 60))])
    names, (labels, others) = read_masks((tmp_path / "one.png", other), (SIZE, SIZE))
    assert {names[i] for i in np.unique(others)} == {"#808080", "#ffffff"}
    assert len(np.unique(labels)) == 2 and names.index("#808080") not in labels


def test_a_mask_may_have_another_size_but_no_other_proportions(tmp_path):
    parts = [RED, (BLUE, (10, 40, 20, 62))]
    mask = paint(tmp_path / "mask.png", parts, (80, 120))
    _, (labels, _) = read_masks((mask, mask), (SIZE, SIZE))
    assert labels.shape == SIZE and labels[6, 11] not in (labels[4, 11], labels[6, 32])
    with pytest.raises(ValueError, match="mask.png is 120 x 80 pixels, its picture 40 x 60; .* same proportions"):
        read_masks((mask, mask), (SIZE, (60, 40)))


def test_a_photograph_is_no_mask_and_a_missing_file_is_named(tmp_path, rng):
    Image.fromarray(rng.integers(0, 8, (40, 60, 3), np.uint8).repeat(4, 0).repeat(4, 1) * 36).save(tmp_path / "p.png")
    with pytest.raises(ValueError, match="p.png have areas of [0-9]+ colours; masks have from 1 to 32"):
        read_masks((tmp_path / "p.png",) * 2, ((160, 240),) * 2)
    with pytest.raises(FileNotFoundError, match="none.png is no file; name a picture in which each region has its"):
        read_masks((tmp_path / "none.png",) * 2, (SIZE, SIZE))


def test_soft_masks_sum_to_1_and_fade_at_their_edges():
    masks = soft_masks(truth(), [0, 1, 2])
    assert masks.shape == (3, 1, *SIZE) and masks.dtype == np.float32
    np.testing.assert_allclose(masks.sum(axis=0), 1, atol=1e-5)
    assert masks[1, 0, 12, 20] > 0.999 and 0.2 < masks[1, 0, 5, 20] < 0.8 and masks[1, 0, 0, 0] < 1e-6
