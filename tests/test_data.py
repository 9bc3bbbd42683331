"""The data sets: glyphs drawn here, IDX files read here, downloads that never leave half a file."""

import gzip
import hashlib
import os
import re
import struct
import tempfile
from pathlib import Path

import numpy as np
import pooch
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from demos.data import Dataset, files, load, mnist
from demos.data.files import fetch
from demos.data.glyphs import FONTS, INK, fonts, glyphs, warp
from demos.data.idx import DTYPES, read_idx
from tests import limited

T10K = ["t10k-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte.gz"]
USER_FOLDER = os.environ.get("MINIGRAD_DATA", "")
URLS = ("https://first.example/a.bin", "https://second.example/a.bin")
CONTENT = b"what the mirrors serve"
PIN = hashlib.sha256(CONTENT).hexdigest()

quietly = settings(max_examples=50, deadline=None, derandomize=True)


# Glyphs


@pytest.fixture(scope="module")
def drawn():
    return {split: glyphs(1600, split=split, seed=3) for split in FONTS}


def test_equal_arguments_draw_equal_bits(drawn):
    for first, second in zip(drawn["train"], glyphs(1600, seed=3), strict=True):
        assert first.tobytes() == second.tobytes()


def test_another_seed_draws_other_glyphs(drawn):
    assert not np.array_equal(drawn["train"].images, glyphs(1600, seed=4).images)


def test_glyphs_have_the_promised_shapes_and_ranges():
    g = glyphs(7, size=32)
    assert (g.images.shape, g.images.dtype) == ((7, 1, 32, 32), np.float32)
    assert (g.labels.shape, g.labels.dtype, g.fonts.shape, g.fonts.dtype) == ((7,), np.int64, (7,), np.int64)
    assert (g.affine.shape, g.elastic.shape) == ((7, 2, 3), (7, 2, 4, 4))
    assert g.images.min() == 0 and g.images.max() == 1
    assert glyphs(0).images.shape == (0, 1, 28, 28)


@pytest.mark.parametrize("split", FONTS)
def test_classes_and_fonts_are_balanced(drawn, split):
    assert set(np.bincount(drawn[split].labels)) == {160}
    assert np.ptp(np.unique(drawn[split].fonts, return_counts=True)[1]) == 0


def test_the_splits_share_no_font(drawn):
    assert not set(FONTS["train"]) & set(FONTS["test"])
    names = np.array(FONTS["train"] + FONTS["test"])
    for split in FONTS:
        assert set(names[drawn[split].fonts]) == set(fonts(split)) <= set(FONTS[split])


def test_a_font_that_matplotlib_lacks_is_left_out_and_named(monkeypatch, capsys):
    monkeypatch.setitem(FONTS, "test", ("cmr10", "cm-never-made", "cmss10"))
    assert fonts("test") == ("cmr10", "cmss10")
    drawn = glyphs(40, split="test")
    assert set(drawn.fonts) == {16, 18}
    load("glyphs", train=10, test=10)
    assert "16 fonts to train on, 2 others to test on; this matplotlib lacks cm-never-made" in capsys.readouterr().out
    monkeypatch.setitem(FONTS, "test", ("cm-never-made",))
    with pytest.raises(FileNotFoundError, match="none of the fonts to test with; reinstall matplotlib"):
        glyphs(1, split="test")


@pytest.mark.parametrize("size", [8, 28, 32])
@pytest.mark.parametrize("characters", ["0123456789", "AMWgjy"])
def test_no_ink_touches_the_border(size, characters):
    for split in FONTS:
        images = glyphs(600, split=split, size=size, characters=characters).images[:, 0]
        images[:, 1:-1, 1:-1] = 0
        assert images.max() == 0


@pytest.mark.parametrize("split", FONTS)
def test_the_warp_brings_the_ink_back_to_the_centred_template(drawn, split):
    g, pixel = drawn[split], 2 / 28
    for image, position in zip(g.images[:, 0], warp(g.affine, g.elastic, 28), strict=True):
        ink = position[image > 0]
        low, high = ink.min(0), ink.max(0)
        np.testing.assert_allclose((low + high) / 2, 0, atol=pixel)
        np.testing.assert_allclose((high - low).max() / 2, INK, atol=1.5 * pixel)


def test_the_warp_never_folds(drawn):
    position = warp(drawn["train"].affine, drawn["train"].elastic, 28)
    down, right = np.gradient(position, axis=(1, 2))
    assert (right[..., 0] * down[..., 1] - right[..., 1] * down[..., 0]).min() > 0


def test_a_warp_without_bend_is_the_affine_map_at_pixel_centres():
    affine = np.array([[[1.0, 0.5, 0.25], [0.0, 2.0, -0.5]]])
    position = warp(affine, np.zeros((1, 2, 4, 4)), 4)
    x, y = 0.75, -0.25  # column 3, row 1
    np.testing.assert_allclose(position[0, 1, 3], [x + 0.5 * y + 0.25, 2 * y - 0.5])


def test_equal_control_points_shift_everything_alike():
    elastic = np.broadcast_to(np.array([0.1, -0.2])[:, None, None], (1, 2, 4, 4))
    still = warp(np.eye(2, 3)[None], np.zeros((1, 2, 4, 4)), 5)
    np.testing.assert_allclose(warp(np.eye(2, 3)[None], elastic, 5) - still, np.broadcast_to([0.1, -0.2], still.shape))


def test_a_ridge_regression_on_train_fonts_reads_test_fonts(drawn):
    x, t = (drawn[split].images.reshape(1600, -1).astype(float) for split in FONTS)
    w = np.linalg.solve(x.T @ x + 30 * np.eye(784), x.T @ np.eye(10)[drawn["train"].labels])
    assert ((t @ w).argmax(1) == drawn["test"].labels).mean() > 0.7


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 1, "split": "validation"}, "split is 'validation'; it must be one of 'train', 'test'"),
        ({"n": -1}, "n must be at least 0"),
        ({"n": 1, "size": 7}, "size at least 8"),
        ({"n": 1, "characters": ""}, "give at least one character"),
        ({"n": 1, "characters": "ABA"}, "none twice"),
        ({"n": 1, "characters": "1 "}, "no ink for ' '"),
        ({"n": 1, "characters": "1漢"}, "no ink for '漢'"),
    ],
)
def test_glyphs_names_the_mend_when_it_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        glyphs(**arguments)


# IDX


def idx(array):
    """Write the format out, by struct alone."""
    code = next(code for code, dtype in DTYPES.items() if np.dtype(dtype) == array.dtype.newbyteorder(">"))
    return struct.pack(f">HBB{array.ndim}I", 0, code, array.ndim, *array.shape) + array.astype(DTYPES[code]).tobytes()


def read(content):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "some.idx")
        path.write_bytes(content)
        return read_idx(path)


arrays = st.sampled_from([">u1", "i1", "<i2", ">i4", "<f4", ">f8"]).flatmap(
    lambda dtype: hnp.arrays(dtype, hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
)
SMALL = idx(np.arange(6, dtype=np.int16).reshape(2, 3))
ZIPPED = gzip.compress(SMALL, mtime=0)  # the same bytes, and so names of tests, at any time


@quietly
@given(array=arrays, pack=st.sampled_from([bytes, gzip.compress]))
def test_every_array_comes_back_native_and_writable(array, pack):
    got = read(pack(idx(array)))
    np.testing.assert_array_equal(got, array)
    assert got.shape == array.shape and got.dtype == array.dtype.newbyteorder("=")
    assert got.dtype.isnative and got.flags.writeable


@pytest.mark.parametrize("content", [SMALL, gzip.compress(SMALL, mtime=0)], ids=["plain", "gzip"])
def test_a_file_cut_anywhere_is_refused(content):
    for length in range(len(content)):
        with pytest.raises(ValueError, match=r"some\.idx: expected .*; got .*download it again"):
            read(content[:length])


@quietly
@given(position=st.integers(0, len(ZIPPED) - 1), bits=st.integers(1, 255))
def test_a_gzip_file_with_one_wrong_byte_never_gives_wrong_numbers(position, bits):
    content = bytearray(ZIPPED)
    content[position] ^= bits
    try:
        np.testing.assert_array_equal(read(bytes(content)), np.arange(6).reshape(2, 3))
    except ValueError as error:
        assert "some.idx: expected" in str(error)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "expected a header .* got nothing in a file of 0 bytes"),
        (b"\x89PNG\r\n", "two zero bytes.* got 89 50 4e 47"),
        (b"\0\0\x0a\x01" + SMALL[4:], "a dtype code among 0x08.* got 0x0a"),
        (SMALL[:7], "a header of 12 bytes for 2 dimensions; got 7 bytes"),
        (SMALL[:-1], r"expected 12 bytes of int16 after the header, for shape \(2, 3\); got 11 bytes"),
        (SMALL + b"\0", "expected 12 bytes .* got more"),
        (
            b"\0\0\x0e\x03" + b"\xff" * 12 + b"12345678",
            r"at most 268435456 bytes of values; got 633825299671[0-9]* bytes of float64",
        ),
        (b"\0\0\x08\x04" + b"\0" * 4 + b"\xff" * 12, "a shape that NumPy can hold"),
        (b"\0\0\x08\xff" + b"\0\0\0\x01" * 255 + b"x", "a shape that NumPy can hold"),
        (ZIPPED[:-8] + b"\0" * 8, "a whole gzip stream; got CRC check failed"),
        (ZIPPED[:-9], "a whole gzip stream; got Compressed file ended"),
        (ZIPPED + b"more", "a whole gzip stream; got Not a gzipped file"),
    ],
)
def test_read_idx_says_what_it_expected_and_what_it_got(content, message):
    with pytest.raises(ValueError, match=message):
        read(content)


def test_idx_files_beyond_the_limit_are_refused_unread(tmp_path):
    (tmp_path / "some.idx").write_bytes(idx(np.zeros(1000, np.int16)))
    assert read_idx(tmp_path / "some.idx", limit=2000).shape == (1000,)
    with pytest.raises(ValueError, match="expected at most 1999 bytes of values; got 2000 bytes of int16"):
        read_idx(tmp_path / "some.idx", limit=1999)


def bomb(path, start):
    """Write a gzip file of 1 MB that unpacks to start and a gigabyte of zeros."""
    path.write_bytes(gzip.compress(start) + gzip.compress(bytes(1 << 24)) * (1 << 6))


@pytest.fixture(scope="module")
def bombs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bombs")
    bomb(folder / "small.gz", SMALL)
    bomb(folder / "huge.gz", b"\0\0\x08\x01\x40\0\0\0")
    return folder


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("small", r"expected 12 bytes of int16.* got more"),
        ("huge", "expected at most 268435456 bytes of values; got 1073741824"),
    ],
)
def test_gzip_unpacks_no_more_than_the_idx_header_announces(bombs, name, message):
    code = f"demos.data.idx.read_idx({str(bombs / f'{name}.gz')!r})"
    assert re.search(rf"{name}\.gz: {message}", limited.run("import demos.data.idx\n", code, memory=100 << 20))


def test_gzip_unpacks_no_more_than_is_pinned_while_its_digest_is_unknown(bombs):
    call = "demos.data.files.fetch('small.gz', [], '0' * 64, size=9, unpacked=('0' * 64, 10**6))"
    code = f"os.environ['MINIGRAD_DATA'] = {str(bombs)!r}\n{call}"
    got = limited.run("import pooch, demos.data.files\n", code, memory=100 << 20)
    assert "small.gz has SHA-256" in got and "expected 0000" in got


# Files


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no MINIGRAD_DATA and no network."""
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")
    serve(monkeypatch, {})
    return tmp_path / "cache"


def serve(monkeypatch, contents):
    """Stand in for the network: addresses to whole contents, or to (what arrives, the error that cuts it short)."""

    def download(url, path, size):
        arrives, error = contents.get(url, (b"", ConnectionError("no route to host")))
        Path(path).write_bytes(arrives)
        if error:
            raise error

    monkeypatch.setattr(files, "download", download)


@pytest.fixture
def folder(tmp_path, monkeypatch, cache):
    """An empty folder that MINIGRAD_DATA names."""
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "mine"))
    return tmp_path / "mine"


def test_a_download_lands_in_the_cache_and_is_not_repeated(cache, monkeypatch):
    serve(monkeypatch, {URLS[0]: (CONTENT, None)})
    assert fetch("a.bin", URLS, PIN, size=len(CONTENT)).read_bytes() == CONTENT
    serve(monkeypatch, {})
    assert fetch("a.bin", URLS, PIN, size=len(CONTENT)) == cache / "a.bin"


@pytest.mark.parametrize("first", [(CONTENT[:5], ConnectionError("cut")), (b"a login page", None)])
def test_the_second_mirror_serves_when_the_first_is_cut_short_or_serves_another_file(cache, monkeypatch, first):
    serve(monkeypatch, {URLS[0]: first, URLS[1]: (CONTENT, None)})
    assert fetch("a.bin", URLS, PIN, size=len(CONTENT)).read_bytes() == CONTENT
    assert [path.name for path in cache.iterdir()] == ["a.bin"]


def test_when_every_mirror_fails_the_error_names_each_address_and_reason_and_what_to_do(cache, monkeypatch):
    serve(monkeypatch, {URLS[1]: (b"a login page", None)})
    with pytest.raises(OSError) as caught:
        fetch("a.bin", URLS, PIN, size=len(CONTENT))
    for part in (*URLS, "no route to host", "does not match the known hash", str(cache / "a.bin"), "MINIGRAD_DATA"):
        assert part in str(caught.value)
    assert list(cache.iterdir()) == []


def test_an_interrupted_download_leaves_nothing(cache, monkeypatch):
    serve(monkeypatch, {URLS[0]: (CONTENT[:5], KeyboardInterrupt())})
    with pytest.raises(KeyboardInterrupt):
        fetch("a.bin", URLS, PIN, size=len(CONTENT))
    assert list(cache.iterdir()) == []


def test_the_users_folder_comes_before_the_cache(cache, folder):
    for place in (cache, folder):
        place.mkdir(exist_ok=True)
        (place / "a.bin").write_bytes(CONTENT)
    assert fetch("a.bin", URLS, PIN, size=len(CONTENT)) == folder / "a.bin"


def test_a_folder_without_the_file_leads_on_to_the_network(cache, folder, monkeypatch):
    serve(monkeypatch, {URLS[0]: (CONTENT, None)})
    assert fetch("a.bin", URLS, PIN, size=len(CONTENT)) == cache / "a.bin"


def test_a_folder_that_does_not_exist_is_an_error(cache, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", "/no/such/folder")
    with pytest.raises(FileNotFoundError, match="'/no/such/folder', which is not a folder; create it"):
        fetch("a.bin", URLS, PIN, size=len(CONTENT))


def test_a_folder_with_the_name_of_the_file_is_not_taken_for_the_file(cache, folder, monkeypatch):
    (folder / "a.bin").mkdir()
    serve(monkeypatch, {URLS[0]: (CONTENT, None)})
    assert fetch("a.bin", URLS, PIN, size=len(CONTENT)) == cache / "a.bin"


def test_an_empty_variable_counts_as_unset(cache, monkeypatch):
    monkeypatch.setenv("MINIGRAD_DATA", "")
    serve(monkeypatch, {URLS[0]: (CONTENT, None)})
    assert fetch("a.bin", URLS, PIN, size=len(CONTENT)) == cache / "a.bin"


def test_another_file_of_that_name_is_refused_and_left_alone(folder):
    (folder / "a.bin").write_bytes(b"something else")
    with pytest.raises(ValueError, match=f"a.bin has SHA-256 .* expected {PIN}; .*replace it"):
        fetch("a.bin", URLS, PIN, size=len(CONTENT), unpacked=(PIN, len(CONTENT)))
    assert (folder / "a.bin").read_bytes() == b"something else"


def test_a_file_that_was_packed_again_is_known_by_its_contents(folder):
    (folder / "a.gz").write_bytes(gzip.compress(CONTENT, mtime=1))
    assert fetch("a.gz", URLS, "0" * 64, size=0, unpacked=(PIN, len(CONTENT))) == folder / "a.gz"


# MNIST


def put_mnist(folder, monkeypatch, **counts):
    """Write small MNIST files, part=(images, labels), and pin them."""
    rng = np.random.default_rng(5)
    for part, (images, labels) in counts.items():
        for name, array in (
            (f"{part}-images-idx3-ubyte.gz", rng.integers(0, 256, (images, 28, 28), np.uint8)),
            (f"{part}-labels-idx1-ubyte.gz", np.arange(labels, dtype=np.uint8) % 10),
        ):
            content = gzip.compress(idx(array))
            (folder / name).write_bytes(content)
            digest = hashlib.sha256(content).hexdigest()
            monkeypatch.setitem(mnist.FILES, name, mnist.Published(digest, len(content), None))


def test_mnist_reads_four_files_as_they_are(folder, monkeypatch, capsys):
    put_mnist(folder, monkeypatch, train=(30, 30), t10k=(20, 20))
    train_images, train_labels, test_images, test_labels = mnist.mnist()
    assert train_images.shape == (30, 1, 28, 28) and test_images.shape == (20, 1, 28, 28)
    assert train_images.dtype == np.float32 and train_images.min() == 0 and train_images.max() == 1
    assert train_labels.dtype == np.int64 and test_labels.tolist() == [i % 10 for i in range(20)]
    raw = read_idx(folder / T10K[0])
    np.testing.assert_array_equal(np.round(test_images[:, 0] * 255), raw)
    assert capsys.readouterr().out == ""


def test_mnist_whose_counts_disagree_is_refused(folder, monkeypatch):
    put_mnist(folder, monkeypatch, train=(30, 29), t10k=(20, 20))
    with pytest.raises(ValueError, match=r"train images are \(30, 28, 28\) and labels \(29,\)"):
        mnist.mnist()


def test_the_t10k_pair_alone_is_permuted_and_split(capsys):
    if not USER_FOLDER or [path.name for path in sorted(Path(USER_FOLDER).glob("t*-ubyte.gz"))] != sorted(T10K):
        pytest.skip("needs MINIGRAD_DATA to name a folder with MNIST's t10k pair and without its train pair")
    data = load("mnist")
    assert capsys.readouterr().out.count("\n") == 1
    assert data.train_images.shape == (8000, 1, 28, 28) and data.test_images.shape == (2000, 1, 28, 28)
    raw = read_idx(Path(USER_FOLDER, T10K[1]))
    order = np.random.default_rng(0).permutation(10_000)
    np.testing.assert_array_equal(np.concatenate([data.train_labels, data.test_labels]), raw[order])
    mean_image_error = ((data.test_images - data.train_images.mean(0)) ** 2).mean()
    assert mean_image_error == pytest.approx(0.0674, abs=5e-5)


# Names


def test_glyphs_load_by_name_with_the_given_sizes_and_seed():
    data = load("glyphs", seed=1, train=30, test=20)
    assert isinstance(data, Dataset) and data.name == "glyphs"
    np.testing.assert_array_equal(data.train_images, glyphs(30, seed=1).images)
    np.testing.assert_array_equal(data.test_labels, glyphs(20, split="test", seed=1).labels)


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="no data set 'mnits'; it must be one of 'glyphs', 'faces', .*, or a folder"):
        load("mnits")
