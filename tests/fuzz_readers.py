"""Every reader of files in this repository, as tests/fuzz.py tries it. A new reader is one more line of READERS."""

import io
import json
import pickletools
import random
import tempfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import safetensors.numpy

from demos import resume
from minigrad import load_pth, nn, optim, saving
from minigrad.saving.arrays import _crc32
from tests.fuzz import TEXTS, Reader, digest
from tests.fuzz_data import DATA_READERS
from tests.pth import CONTAINERS, pth_bytes, state_dict, storage, tensor

ODD = [None, True, -1, 0, 2**70, -(2**70), 1e308, float("nan"), "", "x" * 50, [], {}, [[]], {"x": {}}, "PCG64", 624]


# ---- .pth


def pth_files(container: str) -> list[bytes]:
    """A state dict of a shared storage, a transposed view, a scalar, an empty tensor; and one inside a checkpoint."""
    six, seven, half = np.arange(6, dtype="<f4"), np.array([7]), np.array([0x3F80, 0xC049], "<u2")
    tensors = {
        "layer.weight": tensor(storage(six), 0, (2, 3), (1, 2)),
        "layer.bias": tensor(storage(six), 4, (2,), (1,)),
        "steps": tensor(storage(seven, "1", "LongStorage"), 0, (), ()),
        "half": tensor(storage(half, "2", "BFloat16Storage"), 0, (2,), (1,)),
        "none": tensor(storage(six), 0, (0, 3), (3, 1)),
    }
    numbers = {"0": six, "1": seven, "2": half}
    nested = {"state_dict": tensors, "epoch": 3, "lr": 0.1, "args": ["a", {"b": (1, None)}]}
    return [pth_bytes(container, content, numbers) for content in (state_dict(**tensors), nested)]


def read_pth(path: Path) -> dict[str, np.ndarray]:
    """Read a state dict, or the one inside a checkpoint; a tensor is at most 32 times what the file has."""
    try:
        arrays = load_pth(path)
    except ValueError as error:
        if "load_pth(path, key=...)" not in str(error):
            raise
        error.__traceback__ = error.__cause__ = None  # which hold on to all that was read
        arrays = load_pth(path, "state_dict")
    assert sum(x.nbytes for x in arrays.values()) <= 32 * path.stat().st_size
    return arrays


def reseal_zip(content: bytes) -> bytes:
    """Put the right CRC-32 of each record into the directory and the record's own header."""
    try:
        records = zipfile.ZipFile(io.BytesIO(content)).infolist()
    except Exception:
        return content  # past repair
    changed = bytearray(content)
    for record in records:
        start = record.header_offset + 30 + len(record.filename)
        right = zlib.crc32(content[start : start + record.file_size]).to_bytes(4, "little")
        for place in (content.find(b"PK\x03\x04", record.header_offset) + 14, directory_entry(content, record)):
            changed[place : place + 4] = right
    return bytes(changed)[: len(content)]


def directory_entry(content: bytes, record: zipfile.ZipInfo) -> int:
    """Return where a record's CRC-32 stands in the directory at the end."""
    return content.rfind(b"PK\x01\x02", 0, content.rfind(record.filename.encode())) + 16


def shuffle_instructions(rng: random.Random, content: bytes) -> bytes:
    """Leave out, double, swap or retarget instructions of the first pickle that holds tensors."""
    start = content.find(b"\x80\x02}" if b"\x80\x02}" in content else b"\x80\x02c")
    try:
        places = [start + place for _, _, place in pickletools.genops(content[start:])]
    except Exception:
        return content
    a, b = sorted(rng.choices(range(len(places)), k=2))
    one, other = (content[places[i] : places[i + 1] if i + 1 < len(places) else places[i] + 1] for i in (a, b))
    new_one, new_other = rng.choice([(b"", other), (one * 2, other), (other, one), (other, other), (one, one)])
    spoilt = content[: places[a]] + new_one + content[places[a] + len(one) : places[b]] + new_other
    changed = spoilt + content[places[b] + len(other) :]
    return rezip(content, changed) if content[:2] == b"PK" else changed


def rezip(content: bytes, changed: bytes) -> bytes:
    """Return a whole archive whose data.pkl is what stands in its place in changed."""
    try:
        archive = zipfile.ZipFile(io.BytesIO(content))
        program = next(record for record in archive.infolist() if record.filename.endswith("data.pkl"))
        start = program.header_offset + 30 + len(program.filename)
        size = program.file_size + len(changed) - len(content)
        records = {name: archive.read(name) for name in archive.namelist() if name != program.filename}
    except Exception:
        return changed
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as out:
        for name, record in {program.filename: changed[start : start + size], **records}.items():
            out.writestr(zipfile.ZipInfo(name), record)  # without the time of writing
    return file.getvalue()


# ---- safetensors


def own_files() -> list[bytes]:
    """What saving.save writes."""
    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3), "n": np.array(7), "yes": np.array([True, False])}
    return [saved(arrays, {"epoch": 3, "losses": [0.5, 0.25]}), saved({"w": np.zeros((0, 3), "f2")}, {})]


def saved(arrays: dict, metadata: dict) -> bytes:
    """Return the bytes of a file by saving.save."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x"
        return in_order(lambda: saving.save(path, arrays, metadata) or path.read_bytes())


def in_order(write: Callable[[], bytes]) -> bytes:
    """Write until the two entries of the header are in the order of their names: safetensors leaves it to chance."""
    content = write()
    while content.find(b'"minigrad"') > content.find(b'"minigrad_crc32"'):
        content = write()
    return content


def any_files() -> list[bytes]:
    """What other writers of safetensors write, and ours."""
    arrays = {"w": np.arange(6, dtype="f4").reshape(2, 3), "none": np.zeros((0, 3), "f2")}
    return [safetensors.numpy.save(arrays, {"format": "np"}), safetensors.numpy.save({"n": np.arange(3)}), *own_files()]


def read_any(path: Path) -> tuple[dict[str, np.ndarray], dict]:
    """Read the arrays, which have no more bytes than the file has (bfloat16 has twice as many here)."""
    arrays, metadata = saving.load(path)
    assert sum(x.nbytes for x in arrays.values()) <= 2 * path.stat().st_size
    return arrays, metadata


def edit_header(rng: random.Random, content: bytes) -> bytes:
    """Change one value of the JSON header, whose length is right again afterwards."""
    size = int.from_bytes(content[:8], "little")
    try:
        header = json.loads(content[8 : 8 + size])
    except Exception:
        return content
    text = json.dumps(changed_somewhere(rng, header)).encode("utf-8", "replace")
    return len(text).to_bytes(8, "little") + text + content[8 + size :]


def changed_somewhere(rng: random.Random, value):
    """Return a JSON value of which one part is another, is missing, or has another name."""
    if not isinstance(value, dict | list) or not value or rng.random() < 0.15:
        return rng.choice([*ODD, TEXTS[rng.randrange(len(TEXTS))]])
    if isinstance(value, list):
        i = rng.randrange(len(value))
        return [*value[:i], changed_somewhere(rng, value[i]), *value[i + 1 :]]
    name = rng.choice(list(value))
    rest = {k: v for k, v in value.items() if k != name}
    match rng.randrange(8):
        case 0:
            return rest
        case 1:
            return {**rest, name + "x": value[name]}
        case _:
            return {**value, name: changed_somewhere(rng, value[name])}


# ---- training runs


def run() -> tuple:
    """Return the model, the optimizer and the generators of a run that has begun."""
    rngs = {"data": np.random.default_rng(0), "noise": np.random.Generator(np.random.MT19937(1))}
    model = nn.Sequential(nn.Linear(2, 3, rng=rngs["data"]), nn.BatchNorm1d(3))
    optimizer = optim.SGD(model.parameters(), 0.1, momentum=0.9)
    return model, optimizer, rngs


EXPECTED = {
    "settings": {"data": "glyphs", "seed": 0},
    "data": resume.fingerprint((np.arange(6),)),
    "environment": resume.environment("cpu"),
}


def training_files() -> list[bytes]:
    """What save_training writes of that run."""
    model, optimizer, rngs = run()
    arrays, metadata = save_and_load(model, optimizer, rngs)
    return [saved(arrays, metadata)]


def save_and_load(model, optimizer, rngs) -> tuple[dict, dict]:
    """Return the arrays and the metadata of a training file."""
    with tempfile.TemporaryDirectory() as folder:
        extra = {"history": [0.5, 0.25], **EXPECTED}
        saving.save_training(Path(folder) / "x", model, optimizer, 2, rngs, extra)
        return saving.load(Path(folder) / "x")


def everything(model, optimizer, rngs) -> list:
    """Return all that load_training may change."""
    states = [rng.bit_generator.state for rng in rngs.values()]
    return [model.state_dict(), optimizer.state_dict(), optimizer.lr, states]


RUN = run()


def read_training(path: Path) -> list:
    """Go on with a run; after an error all is as before, after none the next numbers can be drawn."""
    before = digest(everything(*RUN))
    try:
        epoch, history = resume.go_on(path, *RUN, EXPECTED)
    except BaseException:
        assert digest(everything(*RUN)) == before, "something was changed"
        raise
    assert type(epoch) is int and len(history) == epoch
    return [epoch, history, everything(*RUN), [rng.random(700) for rng in RUN[2].values()]]


def edit_metadata(rng: random.Random, content: bytes) -> bytes:
    """Change one value of the metadata of a file of ours, under a checksum that fits."""
    return with_checksum(content, lambda text: json.dumps(changed_somewhere(rng, json.loads(text))))


def with_checksum(content: bytes, edit: Callable[[str], str] = str) -> bytes:
    """Return a file of ours with its metadata edited and a checksum that fits; one that is past repair as it is."""
    size = int.from_bytes(content[:8], "little")
    try:
        text = edit(json.loads(content[8 : 8 + size])["__metadata__"]["minigrad"])
        arrays = safetensors.numpy.load(content)
        header = {"minigrad": text, "minigrad_crc32": str(_crc32(arrays, text))}
        return in_order(lambda: safetensors.numpy.save(arrays, header))
    except Exception:
        return content


READERS = {
    **{
        f".pth, {container}": Reader(
            lambda container=container: pth_files(container),
            read_pth,
            ".pth",
            reseal=reseal_zip if container == "zip" else None,
            mutators=(shuffle_instructions,),
        )
        for container in CONTAINERS
    },
    "safetensors, own": Reader(own_files, saving.load, ".safetensors", sealed=True),
    "training run": Reader(
        training_files, read_training, ".safetensors", reseal=with_checksum, mutators=(edit_metadata,)
    ),
    "safetensors, any": Reader(any_files, read_any, ".safetensors", mutators=(edit_header,)),
    **DATA_READERS,
}
