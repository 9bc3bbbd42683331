"""Folders of images: what is found, how it is cut and resized, what is refused."""

import numpy as np
import pytest
from PIL import Image

from demos.data import load
from demos.data.folder import ATTRIBUTES, folder, split

COLOURS = {"b.png": (255, 0, 0), "a.jpg": (0, 255, 0), "sub/c.bmp": (0, 0, 255), "sub/deep/d.PNG": (255, 255, 255)}


@pytest.fixture
def place(tmp_path):
    """A folder with a picture of one colour for each of COLOURS, and what is no picture."""
    root = tmp_path / "pictures"
    for name, colour in COLOURS.items():
        write(root / name, Image.new("RGB", (40, 30), colour))
    (root / "notes.txt").write_text("no picture")
    (root / ".hidden.png").write_bytes(b"no picture either")
    return root


def write(path, image, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path, **options)


def test_images_come_sorted_by_file_and_labelled_by_sub_folder(place):
    read = folder(place, size=16)
    assert read.files == ("a.jpg", "b.png", "sub/c.bmp", "sub/deep/d.PNG")
    assert (read.classes, read.labels.tolist(), read.labels.dtype) == ((".", "sub"), [0, 0, 1, 1], np.int64)
    assert (read.images.shape, read.images.dtype) == ((4, 3, 16, 16), np.float32)
    for name, image in zip(read.files, read.images, strict=True):
        expected = np.array(COLOURS[name]).reshape(3, 1, 1) / 255
        np.testing.assert_allclose(image, np.broadcast_to(expected, image.shape), atol=0.02)
    assert read.attributes.shape == (4, 0) and read.attribute_names == ()


@pytest.mark.parametrize("shape", [(20, 60), (60, 20)])
def test_the_middle_square_is_cut_out(tmp_path, shape):
    pixels = np.zeros((*shape, 3), np.uint8)
    pixels[tuple(slice((length - 20) // 2, (length + 20) // 2) for length in shape)] = 255
    write(tmp_path / "a.png", Image.fromarray(pixels))
    assert folder(tmp_path, size=20).images.min() == 1


def test_resizing_is_anti_aliased(tmp_path):
    stripes = np.zeros((128, 128, 3), np.uint8)
    stripes[:, ::2] = 255
    write(tmp_path / "a.png", Image.fromarray(stripes))
    np.testing.assert_allclose(folder(tmp_path, size=16).images[..., 2:-2], 0.5, atol=0.02)


@pytest.mark.parametrize("mode", ["L", "P", "RGBA", "CMYK", "1"])
def test_every_mode_becomes_rgb(tmp_path, mode):
    write(tmp_path / ("a.tif" if mode == "CMYK" else "a.png"), Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode))
    np.testing.assert_array_equal(folder(tmp_path, size=8).images, np.ones((1, 3, 8, 8), np.float32))


def test_a_palette_with_transparency_raises_no_warning(tmp_path):
    image = Image.new("RGB", (8, 8), (255, 0, 0)).convert("P")
    write(tmp_path / "a.png", image, transparency=bytes([255] * 255 + [0]))
    assert folder(tmp_path, size=8).images.shape == (1, 3, 8, 8)


def test_a_picture_taken_sideways_is_turned_upright(tmp_path):
    pixels = np.zeros((32, 32, 3), np.uint8)
    pixels[:16] = 255  # bright top, which orientation 6 brings to the right
    exif = Image.Exif()
    exif[0x0112] = 6
    write(tmp_path / "a.jpg", Image.fromarray(pixels), exif=exif, quality=95)
    image = folder(tmp_path, size=32).images[0]
    assert image[:, :, 20:].min() > 0.9 and image[:, :, :12].max() < 0.1


def test_a_limit_draws_by_seed_and_keeps_the_order(tmp_path):
    for i in range(12):
        write(tmp_path / f"{i:02}.png", Image.new("RGB", (4, 4), (i, i, i)))
    first, again, other = (folder(tmp_path, size=4, limit=5, seed=seed) for seed in (0, 0, 1))
    assert first.files == again.files == tuple(sorted(first.files)) and len(first.files) == 5
    assert first.files != other.files
    np.testing.assert_allclose(first.images[:, 0, 0, 0] * 255, [int(file[:2]) for file in first.files])


def test_all_unreadable_files_are_named(place):
    (place / "cut.png").write_bytes((place / "b.png").read_bytes()[:60])
    (place / "sub" / "text.jpg").write_text("no picture")
    with pytest.raises(ValueError, match=r"these cannot be read; repair or remove them:") as caught:
        folder(place)
    cut, text = str(caught.value).splitlines()[1:]
    assert "cut.png cannot be read as a picture (" in cut
    assert "text.jpg cannot be read as a picture (UnidentifiedImageError" in text
    assert "b.png" not in str(caught.value)


def test_an_empty_folder_and_none_at_all_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"holds no image; put files of \.bmp, .* into it"):
        folder(tmp_path)
    with pytest.raises(FileNotFoundError, match="nowhere is not a folder"):
        folder(tmp_path / "nowhere")


@pytest.mark.parametrize("arguments", [{"size": 0}, {"limit": 0}])
def test_folder_refuses_sizes_and_limits_below_one(place, arguments):
    with pytest.raises(ValueError, match="both must be at least 1"):
        folder(place, **arguments)


# Attributes

LIST = "4\nSmiling Young\na.jpg  1 -1\nb.png -1 -1\nc.bmp  1  1\nd.PNG -1  1\n"


@pytest.mark.parametrize("where", [".", ".."])
def test_celebas_attributes_are_read_from_the_folder_or_from_beside_it(place, where):
    (place / where / ATTRIBUTES).write_text(LIST)
    read = folder(place, size=8)
    assert read.attribute_names == ("Smiling", "Young") and read.attributes.dtype == np.int8
    assert read.attributes.tolist() == [[1, -1], [-1, -1], [1, 1], [-1, 1]]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (LIST.replace("b.png", "x.png"), r"has no line for b\.png; move it away"),
        (LIST.replace("b.png -1 -1", "b.png -1"), r"the line of b\.png must hold 2 values, -1 or 1 each"),
        (LIST.replace("b.png -1", "b.png 0"), r"the line of b\.png must hold 2 values, -1 or 1 each"),
        ("", "must start with"),
        (LIST.replace("b.png -1 -1", "b.png -1 -1 1"), r"the line of b\.png must hold 2 values, -1 or 1 each"),
        ("4\n" + "name " * 30_000 + "\n", "must start with the number of images and a line of names"),
    ],
)
def test_a_list_of_another_form_is_refused(place, text, message):
    (place / ATTRIBUTES).write_text(text)
    with pytest.raises(ValueError, match=message):
        folder(place)


def test_a_list_that_is_not_text_is_named(place):
    (place / ATTRIBUTES).write_bytes(b"4\nSmiling \xff\n")
    with pytest.raises(ValueError, match=rf"{ATTRIBUTES} is no UTF-8 text .*; replace it or move it away"):
        folder(place)


def test_a_list_that_is_too_long_is_refused_unread(place):
    with open(place / ATTRIBUTES, "wb") as file:
        file.truncate(101_000_000)
    with pytest.raises(ValueError, match=rf"{ATTRIBUTES} has more than 100 MB"):
        folder(place)


# Splits and names


def test_a_split_covers_every_image_once():
    train, test = split(50, test=0.3, seed=1)
    assert (len(train), len(test)) == (35, 15) and sorted([*train, *test]) == list(range(50))
    np.testing.assert_array_equal(test, split(50, test=0.3, seed=1)[1])
    assert not np.array_equal(test, split(50, test=0.3, seed=2)[1])


@pytest.mark.parametrize(("n", "test"), [(1, 0.2), (2, 0.2), (10, 1)])
def test_a_split_with_an_empty_part_is_refused(n, test):
    with pytest.raises(ValueError, match="both need one at least"):
        split(n, test=test)


def test_a_folder_loads_by_its_path(tmp_path):
    for i in range(10):
        write(tmp_path / "ab"[i % 2] / f"{i}.png", Image.new("RGB", (4, 4), (i, i, i)))
    data = load(str(tmp_path), seed=2, train=8, test=2)
    assert data.train_images.shape == (8, 3, 64, 64) and data.test_images.shape == (2, 3, 64, 64)
    assert set(data.train_labels) == {0, 1} and data.name == str(tmp_path)
    assert load(str(tmp_path), train=3, test=1).train_images.shape == (3, 3, 64, 64)
