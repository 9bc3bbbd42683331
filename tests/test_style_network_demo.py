"""The demo of style networks: trained, resumed, asked for blends, taught one more style; what is wrong in a line."""

import json

import numpy as np
import pytest
from PIL import Image

from demos import style_network
from demos.command_line import main
from demos.data.contents import crops, unseen
from demos.painter import Painter
from minigrad import saving

QUICK = ["style_network", "--quick", "--features", "random"]


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a quick run on two styles."""
    folder = tmp_path_factory.mktemp("out")
    assert main([*QUICK, "--out", str(folder), "--styles", "mosaic", "dots", "--epochs", "1"]) == 0
    return folder


@pytest.fixture(scope="module")
def photograph(out):
    path = out / "photo.png"
    Image.fromarray(np.random.default_rng(0).integers(256, size=(41, 50, 3)).astype(np.uint8)).save(path)
    return path


def weights(folder):
    return str(folder / "style_network.safetensors")


def pixels(path):
    return np.asarray(Image.open(path), np.int64)


def test_figures_stand_beside_descent_and_the_file_is_small(out):
    metrics = json.loads((out / "metrics.json").read_text())["metrics"]
    assert metrics["loss, hopper in mosaic"].keys() == {"value", "descent", "content_image"}
    assert metrics["right steps from mosaic to dots"]["of"] == 8
    assert metrics["numbers in the network"]["bytes"] == (out / "style_network.safetensors").stat().st_size < 400_000


def test_a_trained_network_paints_any_picture_in_blends_without_training(out, photograph, tmp_path, capsys):
    line = [
        "style_network",
        "--out",
        str(tmp_path),
        "--weights",
        weights(out),
        "--content",
        str(photograph),
        "--size",
        "41",
    ]
    for shares in ("1 0", "0 2", ".5 .5"):
        assert main([*line, "--style-weights", *shares.split()]) == 0
        (tmp_path / "photo-blend.png").rename(tmp_path / f"{shares}.png")
    assert main(line) == 0
    assert "50 x 41 pixels in " in capsys.readouterr().out
    for shares, alone in (("1 0", "mosaic"), ("0 2", "dots")):
        np.testing.assert_array_equal(pixels(tmp_path / f"{shares}.png"), pixels(tmp_path / f"photo-{alone}.png"))
    assert not np.array_equal(pixels(tmp_path / ".5 .5.png"), pixels(tmp_path / "1 0.png"))
    assert not (tmp_path / "metrics.json").exists()


def test_a_network_learns_one_more_style_and_keeps_every_bit_of_the_others(out, photograph, tmp_path):
    line = [*QUICK, "--out", str(tmp_path), "--weights", weights(out), "--add-style", "engraving", "--epochs", "1"]
    assert main([*line, "--content", str(photograph)]) == 0
    before, after = Painter.load(weights(out)), Painter.load(tmp_path / "style_network-engraving.safetensors")
    assert after.names == ["mosaic", "dots", "engraving"]
    x = np.random.default_rng(0).random((3, 40, 32), np.float32)
    for s in range(2):
        old, new = before.paint(x, np.eye(2)[s]), after.paint(x, np.eye(3)[s])
        assert old.tobytes() == new.tobytes()
    own = [a for name, a in after.model.state_dict().items() if name.endswith("norm.bias")]
    assert not np.allclose(own[0][2], own[0][:2].mean(axis=0))  # it has moved from where it started


def test_a_training_that_was_stopped_ends_with_the_same_network(tmp_path, monkeypatch):
    line, judge, calls = [*QUICK, "--epochs", "3", "--styles", "dots"], style_network.StyleLoss.__call__, []
    monkeypatch.setattr(style_network, "study", lambda *_: None)
    assert main([*line, "--out", str(tmp_path / "whole")]) == 0

    def stopped(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return judge(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(style_network.StyleLoss, "__call__", stopped)
        assert main([*line, "--out", str(tmp_path / "stopped")]) == 130
    assert main([*line, "--out", str(tmp_path / "stopped"), "--resume"]) == 0
    whole, resumed = (saving.load(weights(tmp_path / name))[0] for name in ("whole", "stopped"))
    assert all(whole[name].tobytes() == resumed[name].tobytes() for name in whole)


def test_what_is_wrong_is_told_in_a_line(out, tmp_path, capsys):
    saving.save(tmp_path / "other.safetensors", {"a": np.zeros(3)})
    (tmp_path / "a").mkdir()
    for options, message in [
        (["--weights", "nowhere.safetensors"], "nowhere.safetensors does not exist"),
        (["--weights", tmp_path / "other.safetensors"], "other.safetensors holds no style network"),
        (["--weights", weights(out), "--style-weights", "1"], "--style-weights: got [1.0]; give 2 numbers"),
        (["--weights", weights(out), "--style-weights", "0", "0"], "one for each style, not all 0"),
        (["--weights", weights(out), "--styles", "dots"], "--weights: this network has its styles already"),
        (["--weights", weights(out), "--content", "no.jpg"], "photo: no.jpg is no file"),
        (["--weights", weights(out), "--add-style", "dots"], "a style of that name; rename the picture"),
        (["--add-style", "dots"], "--add-style: name the network that is to learn it"),
        (["--styles", "dots", "a/dots.png"], "two have one name; rename a file"),
        (["--styles", "dots", "--style-weights", "1", "1"], "give 1 numbers from 0"),
        (["--styles", "no.jpg"], "photo: no.jpg is no file"),
        (["--content", "no.jpg"], "photo: no.jpg is no file"),
        (["--contents", tmp_path / "a"], "holds no image"),
        (["--contents", tmp_path / "b"], "is not a folder"),
    ]:
        assert main([*QUICK, "--out", str(tmp_path / "o"), *map(str, options)]) == 1, options
        error = capsys.readouterr().err
        assert message in error and "Traceback" not in error and error.count("demos style_network: ") == 1


def test_contents_are_cut_to_the_same_bits_and_those_to_judge_by_are_others(tmp_path, rng):
    x = crops(10, 24, seed=3)
    assert x.shape == (10, 3, 24, 24) and x.tobytes() == crops(10, 24, seed=3).tobytes()
    assert not np.array_equal(x, crops(10, 24, seed=4)) and 0 <= x.min() <= x.max() <= 1
    assert unseen(32).keys() == {"hopper", "room"}
    Image.new("RGB", (30, 20), (255, 0, 0)).save(tmp_path / "red.png")
    np.testing.assert_allclose(crops(2, 16, 0, tmp_path)[:, :, 3, 5], [[1, 0, 0]] * 2)
