"""Pictures out of strangers' files: black and white of every mode, limits of size, errors that name the file."""

import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from demos.data.folder import folder
from demos.data.photos import photo
from demos.data.picture import read_rgb
from tests import limited

GREY = np.array([[0, 51, 204, 255]], np.uint8)


def grey(path):
    """Read a picture of which all three channels have to be the same -> one of them."""
    pixels = np.asarray(read_rgb(path))
    assert (pixels == pixels[..., :1]).all()
    return pixels[..., 0]


def tiff(values, *, bits, photometric=1, kind=1, size=None):
    """Write a grey TIFF of one row by struct alone; kind: 1 unsigned, 2 signed, 3 float; size: what the header says."""
    tags = [(256, size or 4), (257, 1), (258, bits), (259, 1), (262, photometric), (273, 200), (278, 1)]
    tags += [(277, 1), (279, len(values)), (339, kind)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in sorted(tags))
    return (b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + b"\0" * 4).ljust(200, b"\0") + values


def png(width, height, rows=None):
    """Write a black grey PNG of any size in a few bytes; rows: of how many the pixels are there."""
    packer = zlib.compressobj()
    packed = b"".join(packer.compress(bytes(width + 1)) for _ in range(height if rows is None else rows))
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", packed + packer.flush()), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )


def test_16_bit_grey_keeps_its_shades(tmp_path):
    wide = GREY.astype(np.uint16) * 257
    for name in ("a.png", "a.tif"):
        Image.fromarray(wide).save(tmp_path / name)
    (tmp_path / "a.pgm").write_bytes(b"P5 4 1 65535\n" + wide.astype(">u2").tobytes())
    for path in tmp_path.iterdir():
        np.testing.assert_array_equal(grey(path), GREY)


def test_numbers_between_two_shades_are_rounded_to_the_nearer_one(tmp_path):
    Image.fromarray(np.array([[128, 129, 65406, 65407]], np.uint16)).save(tmp_path / "a.png")
    np.testing.assert_array_equal(grey(tmp_path / "a.png"), [[0, 1, 254, 255]])


def test_a_scan_of_16_bits_comes_through_folder_and_photo_as_one_of_8_does(tmp_path):
    shades = np.linspace(0, 255, 64).round().astype(np.uint8).reshape(1, 64).repeat(64, axis=0)
    for name, pixels in (("eight", shades), ("sixteen", shades.astype(np.uint16) * 257)):
        (tmp_path / name).mkdir()
        Image.fromarray(pixels).save(tmp_path / name / "a.png")
    np.testing.assert_array_equal(folder(tmp_path / "eight").images, folder(tmp_path / "sixteen").images)
    eight, sixteen = (photo(tmp_path / name / "a.png", 64) for name in ("eight", "sixteen"))
    np.testing.assert_array_equal(eight, sixteen)


def test_12_bit_and_float_tiffs_are_scaled_by_their_own_white(tmp_path):
    (tmp_path / "a.tif").write_bytes(tiff(bytes.fromhex("000333 cccfff"), bits=12))
    np.testing.assert_array_equal(grey(tmp_path / "a.tif"), GREY)
    Image.fromarray(GREY.astype(np.float32) / 255).save(tmp_path / "b.tif")
    np.testing.assert_array_equal(grey(tmp_path / "b.tif"), GREY)


@pytest.mark.parametrize(
    ("values", "options", "message"),
    [
        (np.array([-5, 0, 5, 9], "<i2"), {"bits": 16, "kind": 2}, "mode I is signed or 32-bit"),
        (np.array([0, 1, 2, 2**31], "<u4"), {"bits": 32}, "mode I is signed or 32-bit"),
        (np.array([0, 1, 2, 3], "<u2"), {"bits": 16, "photometric": 0}, "stores white as 0"),
        (np.array([0, 0.5, 1, 1.5], "<f4"), {"bits": 32, "kind": 3}, r"mode F holds numbers from 0 to 1\.5"),
        (np.array([0, -0.5, 1, 1], "<f4"), {"bits": 32, "kind": 3}, r"from -0\.5 to 1; they must lie in \[0, 1\]"),
        (np.array([0, np.nan, 1, 1], "<f4"), {"bits": 32, "kind": 3}, "from nan to nan"),
    ],
)
def test_images_whose_black_and_white_are_unknown_are_refused_by_file_and_mode(tmp_path, values, options, message):
    (tmp_path / "scan.tif").write_bytes(tiff(values.tobytes(), **options))
    with pytest.raises(ValueError, match=rf"scan\.tif cannot be read as a picture .*{message}"):
        read_rgb(tmp_path / "scan.tif")
    with pytest.raises(ValueError, match=rf"scan\.tif .*{message}"):
        folder(tmp_path)


def test_a_damaged_tiff_names_its_file_whatever_pillow_raises(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.tif")
    whole, raised = (tmp_path / "a.tif").read_bytes(), set()
    for position in range(8, len(whole)):
        for byte in (0, 1, 7, 255):
            (tmp_path / "a.tif").write_bytes(whole[:position] + bytes([byte]) + whole[position + 1 :])
            try:
                read_rgb(tmp_path / "a.tif")
            except ValueError as error:
                assert "a.tif cannot be read as a picture (" in str(error)
                raised.add(type(error.__cause__))
    assert raised - {OSError, SyntaxError, ValueError}  # of which there are more kinds than Pillow's own


def test_a_picture_format_that_needs_another_program_is_refused(tmp_path):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n%%EndComments\n")
    with pytest.raises(ValueError, match=r"a\.png cannot be read as a picture \(UnidentifiedImageError"):
        read_rgb(tmp_path / "a.png")


# Size: what is refused is refused before it takes memory

IMPORTS = "import numpy, PIL.Image, demos.data.folder, demos.data.photos\n"


@pytest.mark.parametrize("call", ["photos.photo({path!r}, 256)", "folder.folder({path!r}.rsplit('/', 1)[0])"])
@pytest.mark.parametrize(
    ("sides", "message"),
    [
        ((13_615, 13_000), "13615 x 13000 are 177 megapixels, the limit is 80"),
        ((9_000, 9_000), "9000 x 9000 are 81 megapixels, the limit is 80"),
        ((1, 79_000_000), "no side may be longer than 65535 pixels"),
        ((79_000_000, 1), "no side may be longer than 65535 pixels"),
        ((65_535, 65_535), "DecompressionBombError"),
    ],
)
def test_a_picture_with_too_many_pixels_is_refused_from_its_header(tmp_path, call, sides, message):
    (tmp_path / "big.png").write_bytes(png(*sides, rows=0))
    got = limited.run(IMPORTS, f"demos.data.{call.format(path=str(tmp_path / 'big.png'))}", memory=100 << 20)
    assert "big.png cannot be read as a picture" in got and message in got


def test_one_row_of_pixels_does_not_grow_beyond_the_limit(tmp_path):
    (tmp_path / "row.png").write_bytes(png(20_000, 1))
    with pytest.raises(ValueError, match=r"row\.png with its shorter side at 256 is too large: 5120000 x 256: no side"):
        photo(tmp_path / "row.png", 256)
    (tmp_path / "row.png").write_bytes(png(300, 1))
    with pytest.raises(ValueError, match="at 512 is too large: 153600 x 512"):
        photo(tmp_path / "row.png", 512)
    assert photo(tmp_path / "row.png", 20).shape == (3, 20, 6000) and folder(tmp_path).images.shape == (1, 3, 64, 64)


def test_a_result_with_too_many_pixels_is_refused_before_it_is_made(tmp_path):
    (tmp_path / "a.png").write_bytes(png(40, 10))
    code = f"demos.data.photos.photo({str(tmp_path / 'a.png')!r}, 2500)"
    assert "10000 x 2500 are 25 megapixels, the limit is 20" in limited.run(IMPORTS, code, memory=100 << 20)


def test_the_largest_picture_is_read_in_the_memory_that_the_limit_is_for(tmp_path):
    (tmp_path / "large.png").write_bytes(png(8_900, 8_900))
    code = f"print(demos.data.folder.folder({str(tmp_path)!r}, size=8).images.shape)"
    assert limited.run(IMPORTS, code, memory=800 << 20).endswith("(1, 3, 8, 8)\n")


@pytest.mark.parametrize("size", ["9" * 4_000_000, "x " * 40_000_000], ids=["digits", "names"])
def test_a_list_of_attributes_of_a_few_huge_lines_is_refused_in_little_memory(tmp_path, size):
    (tmp_path / "a.png").write_bytes(png(8, 8))
    (tmp_path / "list_attr_celeba.txt").write_text(f"{size}\n{size}\na.png {size}\n" if len(size) < 10**7 else size)
    got = limited.run(IMPORTS, f"demos.data.folder.folder({str(tmp_path)!r})", memory=400 << 20)
    assert "list_attr_celeba.txt must start with the number of images and a line of names" in got
