"""What ranks hold of the data: those of one machine share a copy, and read a file where a folder is large."""

import json

import numpy as np
from PIL import Image

from .launching import needs_mpi, run

pytestmark = needs_mpi


def test_ranks_of_a_machine_share_one_copy_of_what_one_of_them_has_made(tmp_path):
    done = run(3, "-m", "tests.ranks.programs", "one_copy", tmp_path / "found.npz")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "found.npz") as found:
        assert found["calls"].tolist() == [2, 0, 0]  # of a function, and of another one that it calls
        assert found["same"].all()
        assert (found["held"] < 4).all()  # MB, of 32
        assert (found["held_of_own"] > 30).all()  # so the measure would have seen them
        assert found["first"].tolist() == [1, 0, 0]  # each may write into its own


def test_two_ranks_make_one_file_of_a_large_folder_and_each_reads_its_rows_of_it(tmp_path):
    rng = np.random.default_rng(0)
    (tmp_path / "photos").mkdir()
    for i in range(140):
        Image.fromarray(rng.integers(0, 256, (8, 8, 3), np.uint8)).save(tmp_path / "photos" / f"{i:03}.png")
    words = ["faces", "--data", tmp_path / "photos", "--out", tmp_path / "out", "--epochs", "1"]
    program = ["-m", "tests.ranks.large_folder", tmp_path / "read", *words]
    done = run(2, *program, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("140 images in ") == 1
    assert sorted(path.suffix for path in (tmp_path / "cache").rglob("photos*")) == [".images", ".json", ".lock"]
    made, rows = zip(*(json.loads((tmp_path / f"read-{rank}.json").read_text()) for rank in (0, 1)))
    assert made == (1, 0)
    assert not set(rows[0]) & set(rows[1]) and len(rows[0]) + len(rows[1]) == 140 - 24  # all but the unseen ones
