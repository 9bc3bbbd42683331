"""What a stranger's file can do: be refused, in seconds and within 512 MiB, whatever it says."""

import json

import numpy as np
import pytest
import safetensors.numpy

from minigrad.saving.arrays import _crc32
from tests import fuzz
from tests.pth import CONTAINERS, Call, Name, Raw, Reference, instructions, pth_bytes, storage, tensor

SIX = np.arange(6, dtype="<f4")
ONE = storage(SIX)
NESTED = Raw(b"N" + b"2\x86" * 60)  # None; then, sixty times, a tuple that holds twice what was there: 2^60 leaves
HUGE = Raw(b"\x8b" + (5000).to_bytes(4, "little") + b"\x7f" * 5000)  # a whole number of 12,000 digits
LONG = "x" * 1_000_000
AGAIN = 16_000  # times that a short piece is repeated


def weights(offset=0, size=(6,), stride=(1,)):
    return {"x": tensor(ONE, offset, size, stride)}


def called(name, argument):
    """Return a list of what a call gives, again and again; its function and its argument lie in the memory."""
    noted = instructions(Name(name)) + b"q\x020" + instructions((argument,)) + b"q\x030"
    return {"x": Raw(noted + b"](" + b"h\x02h\x03R" * AGAIN + b"e")}


HOSTILE_PICKLES = {
    "nested tuples as a key": {"x": 1, "y": Raw(b"}" + NESTED.code + b"Ns")},
    "nested tuples as a key of many": Raw(b"}(" + NESTED.code + b"Nu"),
    "nested tuples as a key of an OrderedDict": {"x": Call(Name("collections.OrderedDict"), ([(NESTED, 1)],))},
    "nested tuples in a set": {"x": Raw(b"\x8f(" + NESTED.code + b"\x90")},
    "nested tuples in a frozen set": {"x": Raw(b"(" + NESTED.code + b"\x91")},
    "nested tuples as a storage's key": {"x": Reference(("storage", Name("torch.FloatStorage"), NESTED, "cpu", 6))},
    "nested tuples as a storage's kind": {"x": Reference(("storage", NESTED, "0", "cpu", 6))},
    "nested tuples as a storage's length": {
        "x": Reference(("storage", Name("torch.FloatStorage"), "0", "cpu", NESTED))
    },
    "nested tuples as a reference": {"x": Reference(NESTED)},
    "nested tuples as a size": weights(size=NESTED),
    "nested tuples in a size": weights(size=(NESTED,)),
    "nested tuples as strides": weights(stride=NESTED),
    "nested tuples as an offset": weights(offset=NESTED),
    "nested tuples as everything": NESTED,
    "nested tuples as a function": {"x": Call(NESTED, ())},
    "nested tuples as a name": {"x": Raw(NESTED.code + NESTED.code + b"\x93")},
    "a number of 12,000 digits as a size": weights(size=(HUGE,)),
    "a number of 12,000 digits as a stride": weights(stride=(HUGE,)),
    "a number of 12,000 digits as an offset": weights(offset=HUGE),
    "a number of 12,000 digits as a length": {
        "x": Reference(("storage", Name("torch.FloatStorage"), "0", "cpu", HUGE))
    },
    "a number of 12,000 digits as a key": {"x": Raw(b"}" + HUGE.code + b"Ns")},
    "sizes of 2^62 by 2^62 by ..": weights(size=(2**62,) * 60, stride=(0,) * 60),
    "torch.Size(text) again and again": called("torch.Size", LONG[:16_000]),
    "torch.Size(list) again and again": called("torch.Size", [1] * 16_000),
    "OrderedDict(dict) again and again": called("collections.OrderedDict", {str(i): i for i in range(4000)}),
    "OrderedDict(pairs) again and again": called("collections.OrderedDict", [(str(i), i) for i in range(4000)]),
    "a call with 400,000 arguments again and again": Raw(
        instructions(Name("torch._utils._rebuild_parameter"))
        + b"q\x020("
        + b"N" * 400_000
        + b"tq\x030]("
        + b"h\x02h\x03R" * 200_000
        + b"e"
    ),
    "eight million empty dicts": Raw(b"(" + b"}" * 8_000_000 + b"t"),
    "a list four million deep": Raw(b"]" * 4_000_000 + b"a" * 3_999_999),
    "a text that claims 2^60 bytes": {"x": Raw(b"\x8d" + (2**60).to_bytes(8, "little"))},
    "a list that holds itself": Raw(b"]q\x01h\x01a"),
    "a key of a million characters": {LONG: 1, "y": {}},
    "a name of a million characters": {"x": Name(f"os.{LONG}")},
    "an entry of a million characters that reaches too far": {LONG: tensor(ONE, 7, (6,), (1,))},
}


@pytest.mark.parametrize("container", CONTAINERS)
def test_every_hostile_pickle_is_refused_in_seconds_and_little_memory(container, tmp_path):
    files = []
    for i, content in enumerate(HOSTILE_PICKLES.values()):
        files.append(tmp_path / f"hostile{i}.pth")
        files[-1].write_bytes(pth_bytes(container, content, {"0": SIX}))
    (tmp_path / "work").mkdir()
    report = fuzz.run("--file", f".pth, {container}", *files, folder=tmp_path / "work", seconds=120)
    assert report.failures == [] and report.read == 0 and report.refused == len(files)


def header(text, content=b""):
    return len(text).to_bytes(8, "little") + text.encode() + content


def entry(shape, end, dtype="F32"):
    return json.dumps({"w": {"dtype": dtype, "shape": shape, "data_offsets": [0, end]}})


def sealed(text):
    return safetensors.numpy.save({}, {"minigrad": text, "minigrad_crc32": str(_crc32({}, text))})


EMPTY = '{"dtype":"U8","shape":[0],"data_offsets":[0,0]}'
ODD = EMPTY.replace("U8", "F8_E4M3")
HOSTILE_SAFETENSORS = {
    "a header of 2^63 bytes": (2**63).to_bytes(8, "little") + b"{}",
    "a header of 2^40 bytes": (2**40).to_bytes(8, "little") + b"{}",
    "an array of 2^40 numbers": header(entry([2**40], 2**42)),
    "an array of 2^70 numbers": header(entry([2**70], 2**72)),
    "no numbers in 2^124 rows": header(entry([0, 2**62, 2**62], 0)),
    "an array of a million axes": header(entry([1] * 1_000_000, 4), b"\0" * 4),
    "a header a million deep": header("[" * 1_000_000 + "]" * 1_000_000),
    "a type of a million characters": header(entry([1], 4, LONG), b"\0" * 4),
    "a name of a million characters": header(entry([1], 1, "F8_E4M3").replace('"w"', f'"{LONG}"'), b"\0"),
    "metadata of millions of empty dicts": sealed("[" + "{}," * 2_700_000 + "{}]"),
    "a hundred thousand names": header("{" + ",".join(f'"{i}":{EMPTY}' for i in range(130_000)) + f',"x":{ODD}}}'),
    "metadata that say they are ours": header('{"__metadata__": {"minigrad": "%s"}}' % ("[" * 1_000_000)),
}


def test_every_hostile_safetensors_file_is_refused_in_seconds_and_little_memory(tmp_path):
    files = []
    for i, content in enumerate(HOSTILE_SAFETENSORS.values()):
        files.append(tmp_path / f"hostile{i}.safetensors")
        files[-1].write_bytes(content)
    (tmp_path / "work").mkdir()
    report = fuzz.run("--file", "safetensors, any", *files, folder=tmp_path / "work", seconds=120)
    assert report.failures == [] and report.read == 0 and report.refused == len(files)
