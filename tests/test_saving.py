"""Arrays and training runs survive the disk bit for bit, and no accident leaves a file that loads as something else."""

import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from minigrad import saving

ROOT = Path(saving.__file__).parents[2]
DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8"]
LAYOUTS = {
    "C": lambda x: x,
    "Fortran": np.asfortranarray,
    "transposed": lambda x: x.T,
    "strided": lambda x: np.repeat(x[None], 2, 0)[::2],
    "reversed": lambda x: np.flip(x),
    "broadcast": lambda x: np.broadcast_to(x, (3, *x.shape)),
    "big-endian": lambda x: x.astype(x.dtype.newbyteorder(">")),
    "read-only": lambda x: np.frombuffer(x.tobytes() or b"\0" * 16, x.dtype),
}


def assert_same(loaded, saved):
    assert loaded.keys() == saved.keys()
    for name, x in saved.items():
        y, native = loaded[name], x.astype(x.dtype.newbyteorder("="))
        assert (y.dtype, y.shape, y.tobytes()) == (native.dtype, x.shape, native.tobytes()), name
        assert y.flags.c_contiguous and y.flags.owndata and y.flags.writeable


@pytest.fixture
def path(tmp_path):
    return tmp_path / "arrays.safetensors"


# ---- arrays


@pytest.fixture(scope="module")
def shared_path(tmp_path_factory):
    return tmp_path_factory.mktemp("round_trip") / "arrays.safetensors"


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.data())
def test_every_dtype_shape_and_layout_comes_back_bit_for_bit(shared_path, data):
    dtype = np.dtype(data.draw(st.sampled_from(DTYPES)))
    shape = data.draw(hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4))
    layout = data.draw(st.sampled_from(sorted(LAYOUTS)))
    x = LAYOUTS[layout](data.draw(hnp.arrays(dtype, shape)))
    before = x.tobytes()
    saving.save(shared_path, {"x": x})
    assert_same(saving.load(shared_path)[0], {"x": x})
    assert x.tobytes() == before


def test_numpy_scalars_come_back_as_arrays_without_axes(path):
    saving.save(path, {"x": np.float32(1.5), "n": np.int64(3), "yes": np.True_})
    assert_same(saving.load(path)[0], {"x": np.array(1.5, "f4"), "n": np.array(3), "yes": np.array(True)})


def test_no_arrays_come_back_as_no_arrays(path):
    saving.save(path, {})
    assert saving.load(path) == ({}, {})


def test_metadata_comes_back_as_json_keeps_it(path):
    metadata = {"name": 'a "quoted" ü\n', "big": 2**200, "list": [1, 2.5, None, True], "nested": {"x": {}}}
    saving.save(path, {"x": np.zeros(2)}, metadata)
    assert saving.load(path)[1] == metadata


@pytest.mark.parametrize(
    "x", ["text", np.array([None]), np.zeros(2, "c16"), np.zeros(2, "M8[s]"), np.zeros(1, "f4,i4")]
)
def test_arrays_that_safetensors_cannot_hold_are_refused_by_name(path, x):
    with pytest.raises(ValueError, match="'layer.weight' has dtype .* convert"):
        saving.save(path, {"layer.weight": x})
    assert not path.exists()


@pytest.mark.parametrize("name", ["__metadata__", 3])
def test_names_that_safetensors_cannot_hold_are_refused(path, name):
    with pytest.raises(ValueError, match="cannot name an array"):
        saving.save(path, {name: np.zeros(2)})


@pytest.mark.parametrize("value, message", [(np.float32(1), "float32 is not JSON"), ([10**5000], "digits")])
def test_metadata_that_is_not_json_is_refused(path, value, message):
    with pytest.raises(ValueError, match=f"metadata is not JSON .*{message}"):
        saving.save(path, {}, {"loss": value})


def nested(depth):
    inner = 0
    for _ in range(depth):
        inner = [inner]
    return inner


def test_metadata_may_be_100_deep(path):
    saving.save(path, {}, {"x": nested(99)})
    assert saving.load(path)[1] == {"x": nested(99)}
    for depth in (100, 100_000):
        with pytest.raises(ValueError, match="metadata is (nested|not JSON)"):
            saving.save(path, {}, {"x": nested(depth)})


def test_names_and_metadata_may_take_8_mib(path):
    saving.save(path, {}, {"x": "y" * (8_000_000)})
    assert len(saving.load(path)[1]["x"]) > 7e6
    before = path.read_bytes()
    with pytest.raises(ValueError, match="take more than 8388608 bytes"):
        saving.save(path, {}, {"x": "y" * (8 << 20)})
    assert path.read_bytes() == before
    write_raw(path, '{"__metadata__": {"x": "' + "y" * (8 << 20) + '"}}', b"")
    with pytest.raises(ValueError, match="arrays.safetensors is no complete safetensors file .*more than 8388608"):
        saving.load(path)


def test_arrays_come_in_the_order_of_their_names(path):
    names = [f"layer{i}" for i in range(20)]
    saving.save(path, {name: np.zeros(1) for name in reversed(names)})
    assert list(saving.load(path)[0]) == sorted(names)


def test_files_from_other_programs_load_without_metadata(path):
    from safetensors.numpy import save_file

    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3)}
    save_file(arrays, path, metadata={"format": "np"})
    loaded, metadata = saving.load(path)
    assert_same(loaded, arrays)
    assert metadata == {}


def test_bfloat16_becomes_float32_with_the_same_values(path):
    bits = np.array([0x3F80, 0xC049, 0x7F80, 0x8000, 0x0001], "<u2")  # 1, -3.140625, inf, -0, the smallest subnormal
    write_raw(path, '{"x":{"dtype":"BF16","shape":[5],"data_offsets":[0,10]}}', bits.tobytes())
    x = saving.load(path)[0]["x"]
    assert x.dtype == np.float32
    assert x.tolist() == [1.0, -3.140625, np.inf, 0.0, 2.0**-133]
    assert np.signbit(x[3])


def test_types_that_numpy_lacks_are_refused_by_name(path):
    write_raw(path, '{"x":{"dtype":"F8_E4M3","shape":[5],"data_offsets":[0,5]}}', b"12345")
    with pytest.raises(ValueError, match="'x' has type F8_E4M3"):
        saving.load(path)


def write_raw(path, header, content):
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + content)


def test_a_missing_safetensors_package_is_named_with_how_to_install_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ModuleNotFoundError, match="pip install safetensors"):
        saving.save(path, {})


# ---- files that are wrong


def small_file(path):
    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3), "n": np.array(7), "none": np.zeros((0, 3), "f2")}
    saving.save(path, arrays, {"epoch": 3})
    return arrays, path.read_bytes()


def test_a_file_cut_at_any_byte_is_refused(path):
    _, content = small_file(path)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(
            ValueError, match=r"arrays.safetensors is no complete safetensors file .* download it again"
        ):
            saving.load(path)


def test_a_file_with_any_bit_flipped_is_refused_or_loads_the_same_arrays(path):
    arrays, content = small_file(path)
    refused = 0
    for bit in range(8 * len(content)):
        path.write_bytes(flipped(content, bit))
        try:
            assert_same(saving.load(path)[0], arrays)
        except ValueError as error:
            assert "arrays.safetensors" in str(error)
            refused += 1
    assert refused > 0.95 * 8 * len(content)  # the rest: blanks, and the low bits of text that is no JSON


def sealed(text, arrays=None, **header):
    """Return a file of ours with that text for metadata, under a checksum that fits."""
    from safetensors.numpy import save

    from minigrad.saving.arrays import _crc32

    arrays = arrays or {}
    return save(arrays, {"minigrad": text, "minigrad_crc32": str(_crc32(arrays, text)), **header})


@pytest.mark.parametrize("old, new", [(b"minigrad_crc32", b"minigrad_crc33"), (b'minigrad"', b'minigrae"')])
def test_a_checksum_whose_name_is_damaged_still_counts(path, old, new):
    content = sealed("{}", {"w": np.ones(3)})
    path.write_bytes(content)
    assert saving.load(path)[0]["w"].tolist() == [1, 1, 1]
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new).replace(np.float64(1).tobytes(), np.float64(2).tobytes()))
    with pytest.raises(ValueError, match="arrays.safetensors has changed since it was saved"):
        saving.load(path)


@pytest.mark.parametrize("header", [{"format": "np"}, {"a": "0", "b": "1"}, {str(i): "minigrad" for i in range(9)}])
def test_metadata_of_other_programs_do_not_make_a_file_refused(path, header):
    from safetensors.numpy import save

    path.write_bytes(save({"w": np.ones(3)}, header))
    assert saving.load(path)[1] == {}


@pytest.mark.parametrize(
    "header", [{"minigrad": "{}"}, {"minigrad_crc32": "0"}, {"mimigrad": "{}", "minigrab_crc32": "0"}]
)
def test_a_file_that_save_wrote_must_have_both_entries(path, header):
    from safetensors.numpy import save

    path.write_bytes(save({"w": np.ones(3)}, header))
    with pytest.raises(ValueError, match="its checksum differs"):
        saving.load(path)
    path.write_bytes(sealed("{}", format="np"))
    with pytest.raises(ValueError, match="its checksum differs"):
        saving.load(path)


DEEP = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize(
    "text", [DEEP, f'{{"x": {DEEP}}}', f'{{"x": {"[" * 100}{"]" * 100}}}', "", "[]", "{", "9" * 5000]
)
def test_metadata_that_are_not_a_shallow_dict_are_refused_even_with_a_valid_checksum(path, text):
    path.write_bytes(sealed(text))
    with pytest.raises(ValueError, match="arrays.safetensors has metadata that are n"):
        saving.load(path)


@pytest.mark.parametrize("shape, content", [([0, 2**62, 2**62], b""), ([1] * 100, b"1")])
def test_shapes_that_numpy_cannot_hold_are_refused_by_name(path, shape, content):
    write_raw(path, f'{{"w":{{"dtype":"U8","shape":{shape},"data_offsets":[0,{len(content)}]}}}}', content)
    with pytest.raises(ValueError, match="arrays.safetensors: 'w' has a shape that NumPy cannot hold"):
        saving.load(path)


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x93NUMPY", b"\xff" * 100, b"PK\x03\x04" + b"\0" * 50])
def test_foreign_and_empty_files_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no complete safetensors file"):
        saving.load(path)


def test_a_missing_file_and_a_folder_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist .* check the path"):
        saving.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is a folder"):
        saving.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder .* create it first"):
        saving.save(tmp_path / "nowhere" / "x.safetensors", {})


# ---- accidents while saving


def test_a_link_stays_a_link_to_the_new_file(path, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(path)
    saving.save(link, {"x": np.ones(3)})
    assert link.is_symlink()
    assert_same(saving.load(path)[0], {"x": np.ones(3)})


KILLED = """
import os, signal, sys
import numpy as np
from minigrad import saving
setattr(os, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
saving.save(sys.argv[1], {"x": np.full(1000, 2.0)})
"""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_process_killed_while_saving_leaves_the_old_file_and_the_next_save_cleans_up(path, call):
    saving.save(path, {"x": np.ones(1000)})
    old = path.read_bytes()
    process = subprocess.run([sys.executable, "-c", KILLED, path, call], cwd=ROOT, timeout=60, check=False)
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == old
    assert len(os.listdir(path.parent)) == 2  # the file and what the dead process left
    assert_same(saving.load(path)[0], {"x": np.ones(1000)})
    saving.save(path, {"x": np.zeros(3)})
    assert os.listdir(path.parent) == [path.name]
    assert_same(saving.load(path)[0], {"x": np.zeros(3)})


SAVES_FOR_EVER = """
import itertools, sys
import numpy as np
from minigrad import saving
for n in itertools.count():
    saving.save(sys.argv[1], {"x": np.full(200_000, n)}, {"n": n})
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_process_killed_at_any_moment_leaves_a_complete_file(path, seed):
    process = subprocess.Popen([sys.executable, "-c", SAVES_FOR_EVER, path], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(np.random.default_rng(seed).uniform(0, 0.1))
    finally:
        process.kill()
        process.wait()
    arrays, metadata = saving.load(path)
    assert_same(arrays, {"x": np.full(200_000, metadata["n"])})


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_while_saving_leaves_the_old_file_and_no_other(path, call, monkeypatch):
    saving.save(path, {"x": np.ones(3)})

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, call, full)
        saving.save(path, {"x": np.zeros(3)})
    assert os.listdir(path.parent) == [path.name]
    assert_same(saving.load(path)[0], {"x": np.ones(3)})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device that is always full")
def test_a_disk_that_is_full_leaves_the_old_file_and_no_other(path):
    saving.save(path, {"x": np.ones(3)})
    os.symlink("/dev/full", f"{path}.partial")
    with pytest.raises(OSError, match="No space left"):
        saving.save(path, {"x": np.zeros(100_000)})
    assert os.listdir(path.parent) == [path.name]
    assert_same(saving.load(path)[0], {"x": np.ones(3)})


def test_a_file_system_that_cannot_sync_folders_causes_no_error(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EINVAL, "folders cannot be synced")

    monkeypatch.setattr(os, "open", refuse)
    saving.save(path, {"x": np.ones(3)})
    monkeypatch.undo()
    assert_same(saving.load(path)[0], {"x": np.ones(3)})
