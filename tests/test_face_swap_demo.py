"""The face swap as a user runs it: nearest poses, folders of photographs, and folders that hold no swap."""

import json

import numpy as np
import pytest
from PIL import Image

from demos import training
from demos.command_line import main
from demos.data import faces
from demos.face_swap import nearest
from minigrad import saving


def album(folder, **counts):
    """A folder with pictures of noise, a sub-folder of so many for each name."""
    rng = np.random.default_rng(0)
    for name, n in counts.items():
        (folder / name).mkdir()
        for i in range(n):
            Image.fromarray(rng.integers(0, 255, (32, 32, 3), np.uint8)).save(folder / name / f"{i}.png")
    return folder


def test_the_nearest_pose_is_nearest_in_yaw_and_pitch_whatever_the_light():
    one = faces.Scene(None, yaw=np.array([0.1, -0.4]), pitch=np.array([0.0, 0.2]), azimuth=np.array([0.0, 0.0]))
    others = faces.Scene(
        None, yaw=np.array([-0.4, 0.4, 0.1]), pitch=np.array([0.1, 0.0, 0.1]), azimuth=np.array([1.0, 0.0, 1.0])
    )
    assert nearest(one, others).tolist() == [2, 0]


def test_three_people_of_a_folder_wear_each_others_faces_without_measures_that_need_the_truth(tmp_path):
    people = album(tmp_path, ann=25, bob=20, cy=15)
    out = tmp_path / "out"
    assert main(["face_swap", "--quick", "--epochs", "1", "--data", str(people), "--out", str(out)]) == 0
    metrics = json.loads((out / "metrics.json").read_text())["metrics"]
    assert sorted(metrics) == [f"test MSE, {name} reconstructed" for name in ("ann", "bob", "cy")]
    assert {path.name for path in out.glob("*.png")} == {"loss.png", "swap.png", "back.png", "movement.png"}


def test_a_swap_of_one_person_is_refused_in_one_line(tmp_path, capsys):
    people = album(tmp_path, ann=55)
    assert main(["face_swap", "--data", str(people), "--out", str(tmp_path / "out")]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("demos face_swap: ") and "holds one person, 'ann'; a swap needs two or more" in said


def test_pictures_of_different_sizes_are_refused_in_one_line(tmp_path, capsys):
    people = album(tmp_path, ann=30, bob=30)
    Image.fromarray(np.zeros((40, 32, 3), np.uint8)).save(people / "bob" / "7.png")
    assert main(["face_swap", "--data", str(people), "--out", str(tmp_path / "out")]) == 1
    assert "bob/7.png is 32 x 40; cut all pictures to one size" in capsys.readouterr().err


def test_an_empty_folder_is_refused_by_the_name_of_its_option(tmp_path, capsys):
    with pytest.raises(SystemExit):
        main(["face_swap", "--data", str(tmp_path)])
    assert f"--data: folder: {tmp_path} holds no image" in capsys.readouterr().err


def test_an_interrupted_run_goes_on_to_the_same_bits(tmp_path):
    """Warps are drawn from the generator that is saved, too."""
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert main(["face_swap", "--quick", "--out", str(whole)]) == 0

    real = training.saving.save_training

    def stop_after_one(*arguments):
        real(*arguments)
        if arguments[3] == 1:
            raise KeyboardInterrupt

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training.saving, "save_training", stop_after_one)
        assert main(["face_swap", "--quick", "--out", str(parts)]) > 128
    assert main(["face_swap", "--quick", "--out", str(parts), "--resume"]) == 0
    assert (whole / "metrics.json").read_bytes() == (parts / "metrics.json").read_bytes()
    for path in whole.glob("*.safetensors"):  # the order of a header's names is chance
        (a, a_notes), (b, b_notes) = saving.load(path), saving.load(parts / path.name)
        assert a_notes == b_notes and a.keys() == b.keys()
        assert all(a[name].tobytes() == b[name].tobytes() for name in a)
