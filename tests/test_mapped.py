"""A folder becomes one file of bytes, whole or not at all, and a training reads it as it reads an array."""

import json
import os
import pickle
import subprocess
import sys
import threading
import time
from pathlib import Path
from subprocess import PIPE

import numpy as np
import pytest
from PIL import Image

import minigrad as mg
from demos import prefetch, training
from demos.data import folder as folder_module
from demos.data import known
from demos.data import mapped as module
from demos.data.folder import folder, read_images
from demos.data.mapped import mapped
from minigrad import nn, optim


@pytest.fixture
def photos(tmp_path):
    """Twenty-five pictures of noise in two sub-folders."""
    rng = np.random.default_rng(0)
    for i in range(25):
        path = tmp_path / "photos" / f"{i % 2}" / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).save(path)
    return tmp_path / "photos"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 10)
    return tmp_path / "cache"


def test_a_mapped_folder_holds_the_images_of_the_folder_to_the_byte(photos, cache):
    made, read = mapped(photos, size=8, cache=cache, workers=1), folder(photos, size=8)
    assert made.files == read.files and made.shape == read.images.shape
    np.testing.assert_allclose(made[np.arange(25)], read.images, atol=0.5 / 255 + 1e-6)
    np.testing.assert_array_equal(made[[3, 1]], made[np.arange(25)][[3, 1]])
    assert made[[0]].dtype == np.float32


def test_several_processes_make_the_same_file(photos, cache, tmp_path):
    one, two = (mapped(photos, size=8, cache=place, workers=n) for place, n in ((cache, 1), (tmp_path / "two", 2)))
    assert one.path.read_bytes() == two.path.read_bytes() and one.checksum == two.checksum


def test_it_is_made_once_and_again_when_the_folder_changes(photos, cache, monkeypatch):
    first = mapped(photos, size=8, cache=cache, workers=1)
    monkeypatch.setattr(module, "_fill", lambda job: pytest.fail("read again"))
    assert mapped(photos, size=8, cache=cache, workers=1).checksum == first.checksum
    monkeypatch.undo()
    Image.new("RGB", (8, 8)).save(photos / "0" / "00.png")
    again = mapped(photos, size=8, cache=cache, workers=1)
    assert again.checksum != first.checksum and not again[[0]].any()


def test_what_was_done_before_an_interruption_is_not_done_again(photos, cache, monkeypatch):
    real, filled = module._fill, []

    def fill(job):
        if len(filled) == 2:
            raise KeyboardInterrupt
        filled.append(job[3])
        return real(job)

    monkeypatch.setattr(module, "_fill", fill)
    with pytest.raises(KeyboardInterrupt):
        mapped(photos, size=8, cache=cache, workers=1)
    assert not list(cache.glob("*.json")) and not list(cache.glob("*.images"))
    with open(next(cache.glob("*.journal")), "a") as journal:
        journal.write("[20, 12")  # a line that a kill has cut
    monkeypatch.setattr(module, "_fill", lambda job: (filled.append(job[3]), real(job))[1])
    made = mapped(photos, size=8, cache=cache, workers=1)
    assert filled == [0, 10, 20]
    np.testing.assert_allclose(made[np.arange(25)], folder(photos, size=8).images, atol=0.5 / 255 + 1e-6)
    assert sorted(path.suffix for path in cache.iterdir()) == [".images", ".json", ".lock"]


def test_all_broken_images_are_named_and_nothing_counts_until_they_are_mended(photos, cache):
    for name in ("0/04.png", "1/21.png"):
        (photos / name).write_bytes(b"no picture")
    with pytest.raises(ValueError, match=r"(?s)repair or remove them.*04\.png.*21\.png"):
        mapped(photos, size=8, cache=cache, workers=1)
    assert not list(cache.glob("*.json"))
    assert not read_images(photos, ["0/04.png"], 8)[0].any()  # not what memory last held
    for name in ("0/04.png", "1/21.png"):
        os.remove(photos / name)
    assert len(mapped(photos, size=8, cache=cache, workers=1)) == 23


def test_a_file_that_was_cut_or_a_manifest_that_is_none_is_made_anew(photos, cache):
    made = mapped(photos, size=8, cache=cache, workers=1)
    os.truncate(made.path, 100)
    assert mapped(photos, size=8, cache=cache, workers=1).checksum == made.checksum
    manifest = next(cache.glob("*.json"))
    for text in ("", "[]", json.dumps({"source": 1})):
        manifest.write_text(text)
        assert mapped(photos, size=8, cache=cache, workers=1).checksum == made.checksum


def test_training_on_a_mapped_folder_gives_the_bits_of_training_on_its_array_and_resumes(photos, cache, tmp_path):
    images = mapped(photos, size=8, cache=cache, workers=1)

    def trained(x, name, epochs=4, resume=False):
        model = nn.Sequential(nn.Flatten(), nn.Linear(192, 2, rng=np.random.default_rng(1)))
        options = {"batch_size": 8, "path": tmp_path / name, "settings": {}, "decay": False, "resume": resume}
        loss, adam = lambda x: mg.square(model(x)).mean(), optim.Adam(model.parameters(), 1e-3)
        training.train(model, loss, (x,), adam, epochs=epochs, rng=np.random.default_rng(2), **options)
        return model[1].weight.numpy()

    array = trained(images[np.arange(25)], "array")
    np.testing.assert_array_equal(trained(images, "mapped"), array)
    trained(images, "stopped", epochs=2)
    np.testing.assert_array_equal(trained(images, "stopped", resume=True), array)


def test_some_images_of_a_file_stay_in_it_and_have_a_checksum_of_their_own(photos, cache):
    images = mapped(photos, size=8, cache=cache, workers=1)
    some = images.only(np.array([3, 20, 7])).only(np.array([2, 0]))
    np.testing.assert_array_equal(some[:], images[[7, 3]])
    assert some.shape == (2, 3, 8, 8) and some.checksum not in (images.checksum, images.only(np.array([3, 7])).checksum)
    sent = pickle.dumps(some)
    assert len(sent) < 2000
    np.testing.assert_array_equal(pickle.loads(sent)[:], some[:])


def test_faces_of_a_folder_too_large_for_memory_are_trained_on_from_the_file(photos, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(folder_module, "LIMIT", 24)
    monkeypatch.setattr(known, "MEASURED", 20)
    some = known.known_faces(str(photos), train=0, test=0, seed=0, limit=20)
    assert some.whole is None and len(some.x) == 16 and not (tmp_path / "cache").exists()
    task = known.known_faces(str(photos), train=0, test=0, seed=0)
    np.testing.assert_array_equal(task.x, some.x)
    np.testing.assert_array_equal(task.y, some.y)
    whole = list(task.whole[:])
    assert len(whole) == 25 - len(task.y)
    assert all(any(np.allclose(x, w, atol=1e-6) for w in whole) for x in task.x)
    assert not any(np.allclose(y, w, atol=1e-6) for y in task.y for w in whole)


def test_a_second_process_waits_for_the_file_that_the_first_one_makes(photos, cache, monkeypatch, capsys):
    real, begun, made = module._fill, threading.Event(), []

    def fill(job):
        begun.set()
        time.sleep(0.05)
        return real(job)

    monkeypatch.setattr(module, "_fill", fill)
    first = threading.Thread(target=lambda: made.append(mapped(photos, size=8, cache=cache, workers=1)))
    first.start()
    begun.wait()
    monkeypatch.setattr(module, "_fill", lambda job: pytest.fail("made twice"))
    second = mapped(photos, size=8, cache=cache, workers=1)
    first.join()
    assert second.checksum == made[0].checksum and "another process has this lock; waiting" in capsys.readouterr().out


def test_processes_that_make_the_file_end_with_the_one_that_started_them(photos, cache):
    program = f"""
from pathlib import Path
from demos.data import mapped as module
module.BLOCK = 1
if __name__ == "__main__":
    module.mapped(Path({str(photos)!r}), size=600, cache=Path({str(cache)!r}), workers=2)
"""
    script = photos.parent / "program.py"
    script.write_text(program)
    environment = {**os.environ, "PYTHONPATH": str(Path(module.__file__).parent.parent.parent)}
    process = subprocess.Popen([sys.executable, script], env=environment, start_new_session=True, stderr=PIPE)
    until(lambda: any(path.read_text().count("\n") > 1 for path in cache.glob("photos-600-????????.journal")))
    process.kill()
    process.communicate(timeout=60)  # whoever lives on has the other end of the pipe


def test_processes_that_make_the_file_do_not_hear_the_signals_of_a_terminal():
    groups = set(module._in_parallel(os.getpgid, [0] * 4, 2))
    assert groups and os.getpgid(0) not in groups


def until(happened):
    end = time.monotonic() + 60
    while not happened():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux to tell what a mapping holds")
def test_what_was_read_does_not_stay_in_the_memory_of_the_process(photos, cache):
    def held():
        lines = Path("/proc/self/smaps").read_text().splitlines()
        at = next(i for i, line in enumerate(lines) if line.endswith(str(images.path)))
        return next(int(line.split()[1]) for line in lines[at:] if line.startswith("Rss:"))

    images = mapped(photos, size=64, cache=cache, workers=1)
    images.bytes.sum()
    assert held() > 100
    images[np.arange(25)]
    assert held() == 0


# ---- reading ahead ---------------------------------------------------------------------------------------------------


def test_a_thread_reads_ahead_in_order_and_no_further_than_it_should():
    read = []
    values = prefetch.prefetched(lambda i: read.append(i) or i * i, iter(range(20)))
    assert next(values) == 0
    assert list(values) == [i * i for i in range(1, 20)] and read == list(range(20))


def test_what_reading_raises_is_raised_where_the_batch_is_wanted():
    values = prefetch.prefetched(lambda i: 1 // (2 - i), iter(range(4)))
    assert [next(values), next(values)] == [0, 1]
    with pytest.raises(ZeroDivisionError):
        next(values)


def test_the_thread_ends_with_who_reads():
    values = prefetch.prefetched(lambda i: i, iter(range(1000)))
    next(values)
    values.close()
    assert not [t for t in prefetch.threading.enumerate() if t.name == "prefetch"]
