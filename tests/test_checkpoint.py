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

from minigrad import checkpoint

ROOT = Path(checkpoint.__file__).parents[1]
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
BIT_GENERATORS = [np.random.PCG64, np.random.PCG64DXSM, np.random.MT19937, np.random.Philox, np.random.SFC64]


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
    checkpoint.save(shared_path, {"x": x})
    assert_same(checkpoint.load(shared_path)[0], {"x": x})
    assert x.tobytes() == before


def test_numpy_scalars_come_back_as_arrays_without_axes(path):
    checkpoint.save(path, {"x": np.float32(1.5), "n": np.int64(3), "yes": np.True_})
    assert_same(checkpoint.load(path)[0], {"x": np.array(1.5, "f4"), "n": np.array(3), "yes": np.array(True)})


def test_nothing_at_all_comes_back_as_nothing(path):
    checkpoint.save(path, {})
    assert checkpoint.load(path) == ({}, {})


def test_metadata_comes_back_as_json_keeps_it(path):
    metadata = {"name": 'a "quoted" ü\n', "big": 2**200, "list": [1, 2.5, None, True], "nested": {"x": {}}}
    checkpoint.save(path, {"x": np.zeros(2)}, metadata)
    assert checkpoint.load(path)[1] == metadata


@pytest.mark.parametrize(
    "x", ["text", np.array([None]), np.zeros(2, "c16"), np.zeros(2, "M8[s]"), np.zeros(1, "f4,i4")]
)
def test_what_safetensors_cannot_hold_is_refused_by_name(path, x):
    with pytest.raises(ValueError, match="'layer.weight' has dtype .* convert"):
        checkpoint.save(path, {"layer.weight": x})
    assert not path.exists()


@pytest.mark.parametrize("name", ["__metadata__", 3])
def test_names_that_safetensors_cannot_hold_are_refused(path, name):
    with pytest.raises(ValueError, match="cannot name an array"):
        checkpoint.save(path, {name: np.zeros(2)})


def test_metadata_that_is_not_json_is_refused(path):
    with pytest.raises(ValueError, match="float32 is not JSON"):
        checkpoint.save(path, {}, {"loss": np.float32(1)})


def test_files_of_other_writers_load_without_metadata(path):
    from safetensors.numpy import save_file

    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3)}
    save_file(arrays, path, metadata={"format": "np"})
    loaded, metadata = checkpoint.load(path)
    assert_same(loaded, arrays)
    assert metadata == {}


def test_bfloat16_becomes_float32_with_the_same_values(path):
    bits = np.array([0x3F80, 0xC049, 0x7F80, 0x8000, 0x0001], "<u2")  # 1, -3.140625, inf, -0, the smallest subnormal
    write_raw(path, '{"x":{"dtype":"BF16","shape":[5],"data_offsets":[0,10]}}', bits.tobytes())
    x = checkpoint.load(path)[0]["x"]
    assert x.dtype == np.float32
    assert x.tolist() == [1.0, -3.140625, np.inf, 0.0, 2.0**-133]
    assert np.signbit(x[3])


def test_types_that_numpy_lacks_are_refused_by_name(path):
    write_raw(path, '{"x":{"dtype":"F8_E4M3","shape":[5],"data_offsets":[0,5]}}', b"12345")
    with pytest.raises(ValueError, match="'x' has type F8_E4M3"):
        checkpoint.load(path)


def write_raw(path, header, content):
    path.write_bytes(len(header).to_bytes(8, "little") + header.encode() + content)


def test_safetensors_missing_says_how_to_install_it(path, monkeypatch):
    monkeypatch.setitem(sys.modules, "safetensors.numpy", None)
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(ModuleNotFoundError, match="pip install safetensors"):
        checkpoint.save(path, {})


# ---- files that are wrong


def small_file(path):
    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3), "n": np.array(7), "none": np.zeros((0, 3), "f2")}
    checkpoint.save(path, arrays, {"epoch": 3})
    return arrays, path.read_bytes()


def test_a_file_cut_at_any_byte_is_refused(path):
    _, content = small_file(path)
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"arrays.safetensors is no whole safetensors file .* download it again"):
            checkpoint.load(path)


def test_a_file_with_any_bit_flipped_is_refused_or_loads_the_same_arrays(path):
    arrays, content = small_file(path)
    refused = 0
    for bit in range(8 * len(content)):
        path.write_bytes(flipped(content, bit))
        try:
            assert_same(checkpoint.load(path)[0], arrays)
        except ValueError as error:
            assert "arrays.safetensors" in str(error)
            refused += 1
    assert refused > 0.9 * 8 * len(content)  # the rest: blanks, and the names of our own metadata


def test_a_foreign_file_with_any_bit_flipped_raises_nothing_but_value_errors(path):
    from safetensors.numpy import save

    content = save({"w": np.arange(6, dtype="f4").reshape(2, 3), "none": np.zeros((0, 3), "f2")}, {"format": "np"})
    for bit in range(8 * len(content)):
        path.write_bytes(flipped(content, bit))
        try:
            arrays, _ = checkpoint.load(path)
        except ValueError:
            continue
        assert len(arrays) == 2 and sum(x.nbytes for x in arrays.values()) == 24


def flipped(content, bit):
    changed = bytearray(content)
    changed[bit // 8] ^= 1 << bit % 8
    return bytes(changed)


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"\x93NUMPY", b"\xff" * 100, b"PK\x03\x04" + b"\0" * 50])
def test_foreign_and_empty_files_are_refused(path, content):
    path.write_bytes(content)
    with pytest.raises(ValueError, match="no whole safetensors file"):
        checkpoint.load(path)


def test_a_missing_file_and_a_folder_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist .* check the path"):
        checkpoint.load(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is a folder"):
        checkpoint.load(tmp_path)
    with pytest.raises(FileNotFoundError, match="no folder .* make it first"):
        checkpoint.save(tmp_path / "nowhere" / "x.safetensors", {})


# ---- accidents while saving


def test_a_link_stays_a_link_to_the_new_file(path, tmp_path):
    link = tmp_path / "latest"
    link.symlink_to(path)
    checkpoint.save(link, {"x": np.ones(3)})
    assert link.is_symlink()
    assert_same(checkpoint.load(path)[0], {"x": np.ones(3)})


KILLED = """
import os, signal, sys
import numpy as np
from minigrad import checkpoint
setattr(os, sys.argv[2], lambda *_: os.kill(os.getpid(), signal.SIGKILL))
checkpoint.save(sys.argv[1], {"x": np.full(1000, 2.0)})
"""


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_process_killed_while_saving_leaves_the_old_file_and_the_next_save_cleans_up(path, call):
    checkpoint.save(path, {"x": np.ones(1000)})
    old = path.read_bytes()
    process = subprocess.run([sys.executable, "-c", KILLED, path, call], cwd=ROOT, timeout=60, check=False)
    assert process.returncode == -signal.SIGKILL
    assert path.read_bytes() == old
    assert len(os.listdir(path.parent)) == 2  # the file and what the dead process left
    assert_same(checkpoint.load(path)[0], {"x": np.ones(1000)})
    checkpoint.save(path, {"x": np.zeros(3)})
    assert os.listdir(path.parent) == [path.name]
    assert_same(checkpoint.load(path)[0], {"x": np.zeros(3)})


SAVES_FOR_EVER = """
import itertools, sys
import numpy as np
from minigrad import checkpoint
for n in itertools.count():
    checkpoint.save(sys.argv[1], {"x": np.full(200_000, n)}, {"n": n})
"""


@pytest.mark.parametrize("seed", range(3))
def test_a_process_killed_at_any_moment_leaves_a_whole_file(path, seed):
    process = subprocess.Popen([sys.executable, "-c", SAVES_FOR_EVER, path], cwd=ROOT)
    try:
        deadline = time.monotonic() + 60
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.001)
        time.sleep(np.random.default_rng(seed).uniform(0, 0.1))
    finally:
        process.kill()
        process.wait()
    arrays, metadata = checkpoint.load(path)
    assert_same(arrays, {"x": np.full(200_000, metadata["n"])})


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_an_error_while_saving_leaves_the_old_file_and_no_other(path, call, monkeypatch):
    checkpoint.save(path, {"x": np.ones(3)})

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        patch.setattr(os, call, full)
        checkpoint.save(path, {"x": np.zeros(3)})
    assert os.listdir(path.parent) == [path.name]
    assert_same(checkpoint.load(path)[0], {"x": np.ones(3)})


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device that is always full")
def test_a_disk_that_is_full_leaves_the_old_file_and_no_other(path):
    checkpoint.save(path, {"x": np.ones(3)})
    os.symlink("/dev/full", f"{path}.partial")
    with pytest.raises(OSError, match="No space left"):
        checkpoint.save(path, {"x": np.zeros(100_000)})
    assert os.listdir(path.parent) == [path.name]
    assert_same(checkpoint.load(path)[0], {"x": np.ones(3)})


def test_a_file_system_that_cannot_sync_a_folder_is_no_error(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EINVAL, "folders cannot be synced")

    monkeypatch.setattr(os, "open", refuse)
    checkpoint.save(path, {"x": np.ones(3)})
    monkeypatch.undo()
    assert_same(checkpoint.load(path)[0], {"x": np.ones(3)})


# ---- training runs


class Part:
    """A model or an optimizer as checkpoint sees it; it changes its first array before it finds the second wrong."""

    def __init__(self, **arrays):
        self.arrays = arrays

    def state_dict(self):
        return self.arrays

    def load_state_dict(self, arrays):
        if arrays.keys() != self.arrays.keys():
            raise ValueError(f"names differ: {sorted(arrays)}")
        for name, x in arrays.items():
            if x.shape != self.arrays[name].shape:
                raise ValueError(f"shapes differ: {name}")
            self.arrays[name][...] = x


def parts(fill):
    model = Part(**{"conv.weight": np.full((2, 3), fill), "optimizer.gate": np.full(2, fill)})
    return model, Part(step=np.array(fill), **{"model.m": np.full(2, fill)})


@pytest.mark.parametrize("kind", BIT_GENERATORS)
@settings(max_examples=10, deadline=None, derandomize=True)
@given(used=st.integers(0, 2000), small=st.integers(0, 3))
def test_a_resumed_run_draws_the_same_numbers(shared_path, kind, used, small):
    rng = np.random.Generator(kind(5))
    rng.random(used)
    rng.integers(9, size=small, dtype="u4")  # leaves half a word in the generator
    checkpoint.save_training(shared_path, *parts(1.0), 3, {"data": rng})
    resumed = np.random.Generator(kind(6))
    checkpoint.load_training(shared_path, *parts(0.0), {"data": resumed})
    for draw in ("random", "standard_normal"):
        assert getattr(rng, draw)(1000).tobytes() == getattr(resumed, draw)(1000).tobytes()
    assert (rng.integers(9, size=99, dtype="u4") == resumed.integers(9, size=99, dtype="u4")).all()


def test_a_resumed_run_has_its_arrays_epoch_and_extra(path):
    extra = {"losses": [0.5, 0.25]}
    checkpoint.save_training(path, *parts(1.5), epoch=7, rngs={}, extra=extra)
    model, optimizer = parts(0.0)
    weight = model.arrays["conv.weight"]
    assert checkpoint.load_training(path, model, optimizer, {}) == (7, extra)
    expected_model, expected_optimizer = parts(1.5)
    assert_same(model.arrays, expected_model.arrays)
    assert_same(optimizer.arrays, expected_optimizer.arrays)
    assert model.arrays["conv.weight"] is weight


def rng_of(kind=np.random.PCG64):
    return {"data": np.random.Generator(kind(1))}


MISFITS = {
    "the model lacks a name": lambda m, o, r: (Part(other=np.zeros(2)), o, r, "names differ"),
    "the optimizer lacks a name": lambda m, o, r: (m, Part(other=np.zeros(2)), r, "names differ"),
    "the optimizer has another shape": lambda m, o, r: (
        m, Part(step=np.array(0.0), **{"model.m": np.zeros(5)}), r, "shapes differ",
    ),
    "a generator is missing": lambda m, o, r: (m, o, {}, r"holds generators \['data'\], got \[\]"),
    "a generator has another name": lambda m, o, r: (m, o, {"noise": r["data"]}, "give the same names"),
    "a generator is of another kind": lambda m, o, r: (m, o, rng_of(np.random.MT19937), "was PCG64, got MT19937"),
}  # fmt: skip


@pytest.mark.parametrize("misfit", MISFITS)
def test_nothing_changes_where_anything_does_not_fit(path, misfit):
    checkpoint.save_training(path, *parts(1.0), 3, rng_of())
    model, optimizer, rngs, message = MISFITS[misfit](*parts(0.0), rng_of())
    before = [{k: x.copy() for k, x in part.arrays.items()} for part in (model, optimizer)]
    states = {name: repr(rng.bit_generator.state) for name, rng in rngs.items()}
    with pytest.raises(ValueError, match=message) as caught:
        checkpoint.load_training(path, model, optimizer, rngs)
    assert str(path) in str(caught.value) + "".join(getattr(caught.value, "__notes__", []))
    assert_same(model.arrays, before[0])
    assert_same(optimizer.arrays, before[1])
    assert states == {name: repr(rng.bit_generator.state) for name, rng in rngs.items()}


def test_a_file_of_arrays_is_no_training_state(path):
    checkpoint.save(path, {"model.x": np.ones(3)}, {"epoch": 3})
    with pytest.raises(ValueError, match="holds arrays but no training state"):
        checkpoint.load_training(path, *parts(0.0), {})
