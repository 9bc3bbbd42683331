"""What ranks of a machine share goes through a file and comes out the same; and nothing in the file can run."""

import functools
import os
import pickle
import subprocess

import numpy as np
import pytest

from demos.data import Dataset
from demos.data.faces import faces
from demos.data.machine import _map, _write


def shared(value, path):
    with open(path, "wb") as file:
        places = _write(value, file)
    return _map(path, places)


def test_arrays_and_what_holds_them_come_out_as_they_went_in(tmp_path):
    images = np.arange(24.0, dtype="f").reshape(2, 3, 4)
    dataset = Dataset("digits", images, np.arange(2), images[:1], np.arange(1))
    value = {"data": dataset, "turned": images.T, "cut": images[..., ::2], "none": None, "one": np.float32(2.5)}
    found = shared([value, ("text", 3), tmp_path], tmp_path / "file")
    assert found[1:] == [("text", 3), tmp_path] and found[0].keys() == value.keys()
    assert type(found[0]["data"]) is Dataset and found[0]["data"].name == "digits"
    for key in ("turned", "cut", "one"):
        assert found[0][key].dtype == np.float32
        np.testing.assert_array_equal(found[0][key], value[key])
    np.testing.assert_array_equal(found[0]["data"].train_images, images)
    drawn = faces(2, size=16)
    for ours, theirs in zip(drawn.scene, shared(drawn, tmp_path / "drawn").scene):
        np.testing.assert_array_equal(ours, theirs)


class Evil:
    def __reduce__(self):
        return os.system, ("touch was_here",)


@pytest.mark.parametrize(
    "value",
    [Evil(), functools.partial(int), subprocess.run, np.load, faces],
    ids=["system", "partial", "run", "load", "faces"],
)
def test_nothing_else_is_read_from_the_file_and_nothing_runs(value, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(pickle.UnpicklingError, match="is not shared among ranks"):
        shared([value], tmp_path / "file")
    assert not (tmp_path / "was_here").exists()
