"""The demo of photo style: painting in rounds, regions from masks, and what it says about them."""

import argparse
import json

import numpy as np
import pytest
from PIL import Image

from demos import photo_style
from demos.command_line import main
from demos.data.rooms import ROOMS, room
from demos.photo_style import common_regions, read_scene
from demos.rounds import paint_in_rounds
from minigrad import saving


def bowl(x):
    """A loss whose minimum is a picture of .25 at the left and .75 at the right, hardly so at the left."""
    at = np.linspace(0.25, 0.75, 8, dtype=np.float32)
    return (((x - at) ** 2) ** 2 * np.linspace(0.1, 4, 8, dtype=np.float32)).mean() * 100


class Interrupted:
    """bowl, until a number of evaluations are done."""

    def __init__(self, evaluations):
        self.left = evaluations

    def __call__(self, x, *_):
        self.left -= 1
        if self.left < 0:
            raise KeyboardInterrupt
        return bowl(x)


START = np.zeros((1, 3, 6, 8), np.float32)


def paint(path, loss=bowl, **changed):
    how = {"rounds": 3, "evaluations": 20, "resume": False, "settings": {"beta": 2.0}, "data": (START,)}
    return paint_in_rounds(loss, START, path=path, **(how | changed))


def test_rounds_share_the_evaluations_and_lower_the_loss(tmp_path):
    picture, history = paint(tmp_path / "p.safetensors")
    assert len(history) == 20 and history[-1] < 0.1 * history[0]
    assert bowl(picture) <= history[-1] * 1.01


def test_an_interrupted_painting_goes_on_to_the_same_bits(tmp_path):
    picture, history = paint(tmp_path / "whole.safetensors")
    stopped = tmp_path / "stopped.safetensors"
    with pytest.raises(KeyboardInterrupt):
        paint(stopped, Interrupted(17))
    assert saving.load(stopped)[1]["painting"]["rounds"] == 2
    resumed, losses = paint(stopped, resume=True)
    assert resumed.tobytes() == picture.tobytes() and losses == history
    again, losses = paint(stopped, Interrupted(0), resume=True)  # which is done: nothing is evaluated any more
    assert again.tobytes() == picture.tobytes() and losses == history


def test_another_run_is_refused_and_so_is_another_file(tmp_path):
    path = tmp_path / "p.safetensors"
    paint(path)
    with pytest.raises(ValueError, match="of a run with the settings .*'beta': 2.0.*'beta': 3.0.*give it those"):
        paint(path, resume=True, settings={"beta": 3.0})
    with pytest.raises(ValueError, match="of a run on other data"):
        paint(path, resume=True, data=(START + 1,))
    arrays, metadata = saving.load(path)
    for broken in ({"picture": arrays["picture"]}, arrays | {"picture": arrays["picture"][..., :2]}):
        saving.save(path, broken, metadata)
        with pytest.raises(ValueError, match="is no file of this painting, or of an older version; start anew"):
            paint(path, resume=True)
    for kept in (None, [], {}, metadata["painting"] | {"rounds": "2"}, metadata["painting"] | {"environment": 0}):
        saving.save(path, arrays, {"painting": kept})
        with pytest.raises(ValueError, match="is no file of this painting"):
            paint(path, resume=True)


# ---- regions ---------------------------------------------------------------------------------------------------------


def options(*line):
    parser = argparse.ArgumentParser()
    photo_style.add_options(parser)
    return parser.parse_args(["--size", "32", *line])


def test_two_rooms_bring_their_regions_and_other_pictures_have_one():
    assert read_scene(options()).regions == ["walls", "floor", "window", "bed", "lamp", "ceiling"]
    scene = read_scene(options("--content", "plain", "--style", "mosaic"))
    assert scene.regions == ["everything"] and (scene.masks == 1).all() and (scene.style_masks == 1).all()


def test_a_region_that_the_style_lacks_gets_a_line_and_is_left_out(capsys):
    content, style = np.repeat([[0, 1, 2, 2]], 3, 0), np.repeat([[0, 1, 1]], 3, 0)
    regions, masks, style_masks = common_regions(["#ff0000", "#00ff00", "#0000ff"], content, style)
    assert regions == ["#ff0000", "#00ff00"] and len(masks) == len(style_masks) == 2
    line = "region #0000ff, 50.0% of the content, is not in the style: it learns from nothing there\n"
    assert capsys.readouterr().out == line
    common_regions(["#ff0000", "#00ff00"], style, style)
    assert not capsys.readouterr().out
    with pytest.raises(ValueError, match="no colour in common"):
        common_regions(["#ff0000", "#00ff00"], np.zeros((3, 3), int), np.ones((3, 3), int))


def write_mask(name, path):
    """The regions of a room as colours."""
    colours = np.array([[230, 0, 0], [0, 130, 0], [0, 0, 250], [250, 220, 0], [0, 220, 220], [120, 120, 120]], np.uint8)
    Image.fromarray(colours[room(name, 128)[1]]).save(path, quality=90)
    return str(path)


def test_masks_of_files_do_what_the_rooms_own_regions_do(tmp_path):
    files = [write_mask(name, tmp_path / f"{name}.jpg") for name in ROOMS]
    scene = read_scene(options("--size", "64", "--content-mask", files[0], "--style-mask", files[1]))
    own = read_scene(options("--size", "64"))
    assert len(scene.regions) == 6
    order = [int(np.abs(own.masks - mask).mean(axis=(1, 2, 3)).argmin()) for mask in scene.masks]
    assert sorted(order) == list(range(6))
    for masks, others in ((scene.masks, own.masks), (scene.style_masks, own.style_masks)):
        assert np.abs(masks - others[order]).mean() < 0.03


def test_one_mask_alone_is_refused(tmp_path, capsys):
    assert main(["photo_style", "--quick", "--content-mask", "a.png", "--out", str(tmp_path)]) == 1
    assert "--content-mask and --style-mask go together: give both, or none" in capsys.readouterr().err


# ---- the command -----------------------------------------------------------------------------------------------------


def test_a_stopped_run_says_how_to_go_on_and_resumes_to_the_same_pictures(tmp_path, monkeypatch, capsys):
    line = ["photo_style", "--quick", "--size", "32", "--features", "random", "--out"]
    assert main([*line, str(tmp_path / "whole")]) == 0
    with monkeypatch.context() as patched:
        patched.setattr(photo_style, "judge", Interrupted(0))
        assert main([*line, str(tmp_path / "stopped")]) == 130
    assert "go on with: python -m demos photo_style --quick" in (out := capsys.readouterr().out) and "--resume" in out
    assert main([*line, str(tmp_path / "stopped"), "--resume"]) == 0
    for name in ("photo_style.png", "style_transfer.png", "slide.png"):
        assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "stopped" / name).read_bytes()
    metrics = [json.loads((tmp_path / of / "metrics.json").read_text())["metrics"] for of in ("whole", "stopped")]
    assert metrics[0] == metrics[1] and "style loss of bed" in metrics[0]
