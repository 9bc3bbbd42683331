"""PyTorch's weight files load without PyTorch; whatever else such a file says is refused, and nothing of it runs."""

import math
import pickle
import zipfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from minigrad.torch_file import load_pth
from tests.pth import (
    CONTAINERS,
    Build,
    Call,
    Name,
    Raw,
    Reference,
    instructions,
    legacy_bytes,
    pth_bytes,
    state_dict,
    storage,
    tensor,
    zip_bytes,
)

KINDS = {
    "DoubleStorage": "f8", "FloatStorage": "f4", "HalfStorage": "f2", "LongStorage": "i8", "IntStorage": "i4",
    "ShortStorage": "i2", "CharStorage": "i1", "ByteStorage": "u1", "BoolStorage": "?",
}  # fmt: skip


@pytest.fixture(params=CONTAINERS)
def container(request):
    return request.param


@pytest.fixture
def load(tmp_path, container):
    """Write a file and read it back."""

    def write_and_load(content, numbers, **options):
        path = tmp_path / "weights.pth"
        path.write_bytes(pth_bytes(container, content, numbers))
        return load_pth(path, **options)

    return write_and_load


def assert_same(x, expected):
    assert (x.dtype, x.shape, x.tobytes()) == (expected.dtype, expected.shape, expected.tobytes())
    assert x.flags.c_contiguous and x.flags.owndata and x.flags.writeable and x.dtype.isnative


SIX = np.arange(6, dtype="<f4")


# ---- what state dicts hold


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_comes_back_as_numpys(load, kind):
    numbers = np.array([0, 1, 2, 100, 7, 3]).astype(KINDS[kind])
    loaded = load(state_dict(x=tensor(storage(numbers, "0", kind), 0, (2, 3), (3, 1))), {"0": numbers})
    assert_same(loaded["x"], numbers.reshape(2, 3))


@pytest.mark.parametrize("size", [(), (5,)])
def test_bfloat16_becomes_float32_with_the_same_values(load, size):
    bits = np.array([0x3F80, 0xC049, 0x7F80, 0x8000, 0x0001], "<u2")  # 1, -3.140625, inf, -0, the smallest subnormal
    loaded = load(state_dict(x=tensor(storage(bits, "0", "BFloat16Storage"), 0, size, (1,) * len(size))), {"0": bits})
    expected = np.array([1.0, -3.140625, np.inf, -0.0, 2.0**-133], "f4")
    assert_same(loaded["x"], expected if size else expected[0].reshape(()))


def test_tensors_share_a_storage_and_their_arrays_share_nothing(load):
    one = storage(SIX)
    loaded = load(state_dict(all=tensor(one, 0, (6,), (1,)), last=tensor(one, 4, (2,), (1,))), {"0": SIX})
    assert_same(loaded["all"], SIX)
    assert_same(loaded["last"], SIX[4:])
    assert not np.shares_memory(loaded["all"], loaded["last"])


def test_scalars_empty_transposed_and_expanded_tensors_come_back(load):
    one = storage(SIX)
    loaded = load(
        state_dict(
            scalar=tensor(one, 5, (), ()),
            empty=tensor(one, 6, (0, 3), (3, 1)),
            transposed=tensor(one, 0, (3, 2), (1, 3)),
            expanded=tensor(one, 2, (4, 2), (0, 1)),
        ),
        {"0": SIX},
    )
    assert_same(loaded["scalar"], np.array(5, "f4"))
    assert_same(loaded["empty"], np.zeros((0, 3), "f4"))
    assert_same(loaded["transposed"], np.ascontiguousarray(SIX.reshape(2, 3).T))
    assert_same(loaded["expanded"], np.tile(SIX[2:4], (4, 1)))


@pytest.mark.parametrize("container", CONTAINERS)
@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    length=st.integers(0, 12),
    offset=st.integers(0, 14),
    axes=st.lists(st.tuples(st.integers(0, 4), st.integers(0, 6)), max_size=3),
)
def test_a_tensor_holds_what_its_strides_reach_or_is_refused(tmp_path_factory, container, length, offset, axes):
    numbers = np.arange(length, dtype="<f4")
    size, stride = tuple(n for n, _ in axes), tuple(step for _, step in axes)
    path = tmp_path_factory.getbasetemp() / "strides.pth"
    path.write_bytes(pth_bytes(container, {"x": tensor(storage(numbers), offset, size, stride)}, {"0": numbers}))
    reached = [offset + sum(i * s for i, s in zip(index, stride, strict=True)) for index in np.ndindex(size)]
    if all(n < length for n in reached):
        assert_same(load_pth(path)["x"], np.array(reached, "f4").reshape(size))
    else:
        with pytest.raises(ValueError, match="lets x reach number"):
            load_pth(path)


def test_parameters_and_the_oldest_tensors_come_back(load):
    one = storage(SIX, "0", "FloatStorage", None)
    old = Call(Name("torch._utils._rebuild_tensor"), (one, 0, (2, 3), (3, 1)))
    content = {
        "old": old,
        "parameter": Call(Name("torch._utils._rebuild_parameter"), (tensor(one, 0, (6,), (1,)), True, {})),
        "old_parameter": Build(Call(Name("torch.nn.parameter.Parameter"), (old,)), (True, False, {})),
        "size": tensor(one, 0, Call(Name("torch.Size"), ((3, 2),)), (2, 1)),
    }
    loaded = load(content, {"0": SIX})
    assert {name: x.shape for name, x in loaded.items()} == {
        "old": (2, 3), "parameter": (6,), "old_parameter": (2, 3), "size": (3, 2),
    }  # fmt: skip
    for x in loaded.values():
        assert_same(x.ravel().copy(), SIX)


def test_only_the_tensors_of_a_state_dict_come_back(load):
    content = {"x": tensor(storage(SIX), 0, (6,), (1,)), "epoch": 3, "note": "hi", "none": None, "lr": 0.1}
    assert load(content, {"0": SIX}).keys() == {"x"}
    assert load(state_dict(), {}) == {}


def test_a_nested_checkpoint_lists_its_keys_and_loads_with_one_of_them(load):
    x = tensor(storage(SIX), 0, (6,), (1,))
    content = {"state_dict": {"x": x}, "epoch": 3}
    with pytest.raises(ValueError, match=r"weights.pth holds a dict with the keys \['state_dict', 'epoch'\].*key="):
        load(content, {"0": SIX})
    with pytest.raises(ValueError, match=r"holds a dict with the keys \['state_dict', 'mean'\].*key="):
        load({"state_dict": {"x": x}, "mean": x}, {"0": SIX})
    with pytest.raises(ValueError, match=r"has no key 'model'.*\['state_dict', 'epoch'\]"):
        load(content, {"0": SIX}, key="model")
    with pytest.raises(ValueError, match="holds a int, not a state dict"):
        load(content, {"0": SIX}, key="epoch")
    assert_same(load(content, {"0": SIX}, key="state_dict")["x"], SIX)


@pytest.mark.parametrize("content", [[1, 2], 3, {"epoch": 3}, Call(Name("torch.Size"), ((),))])
def test_a_file_without_a_state_dict_is_refused(load, content):
    with pytest.raises(ValueError, match="not a state dict"):
        load(content, {})


def test_names_that_are_not_strings_are_refused(load):
    with pytest.raises(ValueError, match="not a state dict"):
        load({4: tensor(storage(SIX), 0, (6,), (1,))}, {"0": SIX})


def test_a_big_endian_zip_comes_back_native(tmp_path):
    path = tmp_path / "big.pth"
    content = {"x": tensor(storage(SIX), 0, (6,), (1,))}
    path.write_bytes(zip_bytes(content, {"0": SIX.astype(">f4")}, byteorder=b"big"))
    assert_same(load_pth(path)["x"], SIX)


# ---- pickles that mean harm


class Touch:
    """Pickles as a call that makes a file."""

    def __init__(self, marker):
        self.marker = marker

    def __reduce__(self):
        return open, (self.marker, "w")


def evil_pickles(marker):
    one = storage(SIX)
    touch = f"touch {marker}"
    system = Call(Name("os.system"), (touch,))
    return {
        "os.system": {"x": system},
        "posix.system": {"x": Call(Name("posix.system"), (touch,))},
        "builtins.eval": {"x": Call(Name("builtins.eval"), (f"open({marker!r}, 'w')",))},
        "builtins.open": {"x": Call(Name("builtins.open"), (marker, "w"))},
        "subprocess.Popen": {"x": Call(Name("subprocess.Popen"), ((["touch", marker]),))},
        "torch.load": {"x": Call(Name("torch.load"), (marker,))},
        "torch._utils.os": {"x": Name("torch._utils.os")},
        "collections.namedtuple": {"x": Name("collections.namedtuple")},
        "torch.FloatStorage.__init__": {"x": Raw(b"\x8c\x05torch\x8c\x15FloatStorage.__init__\x93")},
        "os.system in protocol 4": {"x": Raw(b"\x8c\x02os\x8c\x06system\x93" + instructions((touch,)) + b"R")},
        "os.system in protocol 0": {"x": Raw(b"(S'" + touch.encode() + b"'\nios\nsystem\n")},
        "open in protocol 2": {"x": Raw(pickle.dumps(Touch(marker), 2)[2:-1])},
        "open in protocol 5": {"x": Raw(pickle.dumps(Touch(marker), 5)[2:-1])},
        "os.system as a size": {"x": tensor(one, 0, (system,), (1,))},
        "os.system as hooks": {"x": Call(Name("torch._utils._rebuild_parameter"), (one, True, system))},
        "os.system as a storage's kind": {"x": Reference(("storage", Name("os.system"), "0", "cpu", 6))},
        "os.system as a reference": {"x": Reference(system)},
        "os.system as an attribute": Build(state_dict(), {"_metadata": system}),
    }


@pytest.mark.parametrize("evil", evil_pickles("?"))
def test_a_pickle_that_asks_for_anything_else_is_refused_and_nothing_runs(load, tmp_path, evil):
    marker = tmp_path / "marker"
    with pytest.raises(ValueError, match=r"weights.pth asks for \S+, which no state dict needs: refused"):
        load(evil_pickles(str(marker))[evil], {"0": SIX})
    assert not marker.exists()


@pytest.mark.parametrize("place", range(5))
def test_every_pickle_of_the_legacy_stream_is_guarded(tmp_path, place):
    marker, path = tmp_path / "marker", tmp_path / "weights.pth"
    pickles = [pickle.dumps(x, 2) for x in (0x1950A86A20F9469CFC6C, 1001, {}, {}, [])]
    pickles[place] = pickle.dumps(Touch(str(marker)), 2)
    path.write_bytes(b"".join(pickles))
    with pytest.raises(ValueError, match="asks for io.open|asks for _io.open"):
        load_pth(path)
    assert not marker.exists()


@pytest.mark.parametrize(
    "pid",
    [("module", Name("torch.Size"), "file.py", "code"), ("storage", Name("torch.FloatStorage"), "0", "cpu", 6, "view")],
)
def test_references_to_anything_but_a_storage_are_refused(load, pid):
    with pytest.raises(ValueError, match="refers to more than numbers"):
        load({"x": tensor(Reference(pid), 0, (6,), (1,))}, {"0": SIX})


STAND_INS = ["_utils._rebuild_tensor_v2", "_utils._rebuild_parameter", "Size", "FloatStorage"]


@pytest.mark.parametrize("name", [*(f"torch.{name}" for name in STAND_INS), "collections.OrderedDict"])
@pytest.mark.parametrize("state", [{"offset": 1}, (None, {"__init__": 1, "__new__": 2, "__setstate__": 3})])
def test_a_pickle_cannot_change_how_later_files_are_read(load, name, state):
    good = {"x": tensor(storage(SIX), 0, (6,), (1,))}
    with pytest.raises(ValueError, match="damaged"):
        load({"x": Build(Name(name), state)}, {"0": SIX})
    assert_same(load(good, {"0": SIX})["x"], SIX)


def test_sizes_that_could_change_after_the_check_are_refused(load):
    with pytest.raises(ValueError, match="not a tuple"):
        load({"x": tensor(storage(SIX), 0, [2], [2])}, {"0": SIX})


# ---- absurd sizes

HUGE = 2**40


@pytest.mark.parametrize(
    ("offset", "size", "stride"),
    [
        (0, (HUGE, HUGE), (0, 0)),
        (0, (HUGE, 0, HUGE), (0, 0, 2**70)),
        (0, (2**70,), (1,)),
        (2**70, (1,), (1,)),
        (0, (2,), (2**63,)),
        (0, (6,), (-1,)),
        (-1, (6,), (1,)),
        (0, (-6,), (1,)),
        (0, (6,), (1, 1)),
        (0, (6.0,), (1,)),
        (0, ("6",), (1,)),
        (0, 6, 1),
        (None, (6,), (1,)),
        (0, (1,) * 100, (1,) * 100),
    ],
)
def test_absurd_offsets_sizes_and_strides_are_refused(load, offset, size, stride):
    with pytest.raises(ValueError, match="weights.pth"):
        load({"x": tensor(storage(SIX), offset, size, stride)}, {"0": SIX})


@pytest.mark.parametrize(
    ("length", "message"),
    [
        (HUGE, "one storage claims to be larger"),
        (2**70, "one storage claims to be larger"),
        (-6, "one storage claims to be larger"),
        (5, "of storage 0, not 5 numbers|damaged at storage 0"),
        (7, "of storage 0, not 7 numbers|damaged at storage 0"),
        ("6", "refers to more than numbers"),
        (None, "refers to more than numbers"),
    ],
)
def test_absurd_storage_lengths_are_refused(load, length, message):
    one = Reference(("storage", Name("torch.FloatStorage"), "0", "cpu", length))
    with pytest.raises(ValueError, match=message):
        load({"x": tensor(one, 0, (1,), (1,))}, {"0": SIX})


def test_an_absurd_count_in_the_legacy_stream_is_refused(tmp_path):
    path = tmp_path / "weights.pth"
    content = legacy_bytes({"x": tensor(storage(SIX), 0, (6,), (1,))}, {"0": SIX})
    start = len(content) - SIX.nbytes - 8
    path.write_bytes(content[:start] + HUGE.to_bytes(8, "little") + content[start + 8 :])
    with pytest.raises(ValueError, match="damaged at storage 0"):
        load_pth(path)


def test_many_views_of_one_storage_cannot_fill_the_memory(load):
    numbers = np.zeros(100_000, "f4")
    one = storage(numbers)
    with pytest.raises(ValueError, match="its tensors claim"):
        load({f"x{i}": tensor(one, 0, numbers.shape, (1,)) for i in range(200)}, {"0": numbers})


def test_a_huge_memory_slot_number_costs_no_memory(load):
    far = Raw(instructions(tensor(storage(SIX), 0, (6,), (1,))) + b"r\xff\xff\xff\x7f")
    assert_same(load({"x": far, "y": Raw(b"j\xff\xff\xff\x7f")}, {"0": SIX})["y"], SIX)


@pytest.mark.parametrize("code, name", [(b"\x82\x01", "EXT1"), (b"\x97", "NEXT_BUFFER"), (b"Px\n", "PERSID")])
def test_instructions_that_no_state_dict_needs_are_refused(load, code, name):
    with pytest.raises(ValueError, match=f"asks for {name}, which no state dict needs: refused"):
        load({"x": Raw(code)}, {})


def test_a_compressed_zip_is_refused(tmp_path):
    path = tmp_path / "compressed.pth"
    noise = np.random.default_rng(0).bytes(1000)  # that cannot get smaller
    path.write_bytes(zip_bytes({}, {"0": np.frombuffer(noise, "u1")}, compression=zipfile.ZIP_DEFLATED))
    with pytest.raises(ValueError, match="is compressed or claims more than its size"):
        load_pth(path)


def test_a_zip_whose_records_overlap_is_refused(tmp_path):
    path = tmp_path / "overlap.pth"
    path.write_bytes(zip_bytes({}, {"0": np.zeros(10_000)}))
    with zipfile.ZipFile(path, "a") as archive:
        archive.filelist += [archive.getinfo("archive/data/0")] * 10
        archive.writestr("archive/data/1", b"")  # makes it write its directory anew
    with pytest.raises(ValueError, match="is compressed or claims more than its size"):
        load_pth(path)


# ---- files that are wrong


def small_file(container):
    content = state_dict(
        x=tensor(storage(SIX), 0, (2, 3), (3, 1)), n=tensor(storage([7], "1", "LongStorage"), 0, (), ())
    )
    return pth_bytes(container, content, {"0": SIX, "1": np.array([7])})


def test_a_file_cut_at_any_byte_is_refused(tmp_path, container):
    content, path = small_file(container), tmp_path / "weights.pth"
    for length in range(len(content)):
        path.write_bytes(content[:length])
        with pytest.raises(ValueError, match=r"weights.pth .* download it again"):
            load_pth(path)


def test_a_file_with_any_byte_changed_raises_nothing_but_value_errors(tmp_path, container):
    content, path = small_file(container), tmp_path / "weights.pth"
    for place in range(len(content)):
        for mask in (0x01, 0xA0):
            changed = bytearray(content)
            changed[place] ^= mask
            path.write_bytes(changed)
            try:
                arrays = load_pth(path)
            except ValueError as error:
                assert "weights.pth" in str(error)
                continue
            assert all(math.prod(x.shape) <= 6 for x in arrays.values())


@pytest.mark.parametrize("content", [b"", b"<!DOCTYPE html>", b"PK\x03\x04" + b"\0" * 50, pickle.dumps({"x": 1})])
def test_foreign_and_empty_files_are_refused(tmp_path, content):
    path = tmp_path / "weights.pth"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="weights.pth .* not a PyTorch file"):
        load_pth(path)


def test_other_streams_of_pickles_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    content = legacy_bytes({"x": tensor(storage(SIX), 0, (6,), (1,))}, {"0": SIX})
    path.write_bytes(content.replace(pickle.dumps(1001, 2), pickle.dumps(1002, 2)))
    with pytest.raises(ValueError, match="is a pickle but not PyTorch's"):
        load_pth(path)


def test_other_zip_archives_are_refused(tmp_path):
    path = tmp_path / "weights.pth"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("readme.txt", "hello")
    with pytest.raises(ValueError, match="no data.pkl"):
        load_pth(path)


def test_a_missing_file_and_a_folder_say_so(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere does not exist"):
        load_pth(tmp_path / "nowhere")
    with pytest.raises(ValueError, match="is a folder"):
        load_pth(tmp_path)
