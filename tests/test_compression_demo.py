"""The demo of compression: files of one's own there and back, what is wrong in a line, and what its figures say."""

import json

import numpy as np
import pytest
from PIL import Image
from scipy.io import wavfile

from demos import compression
from demos.codec import Codec
from demos.command_line import main
from demos.convert import CODECS


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    """The folder of a quick run, with both codecs."""
    folder = tmp_path_factory.mktemp("out")
    assert main(["compression", "--quick", "--out", str(folder)]) == 0
    return folder


def photo_in(folder, mode="RGB", size=(75, 50)):
    """A picture that no codec has been trained on, and not of a size that it likes."""
    pixels = np.random.default_rng(0).integers(256, size=(*size[::-1], 3)).astype(np.uint8)
    path = folder / "photo.png"
    Image.fromarray(pixels).convert(mode).save(path)
    return path


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P"])
def test_a_picture_of_ones_own_is_encoded_and_decoded_by_one_command(out, tmp_path, capsys, mode):
    path = photo_in(tmp_path, mode)
    before = path.read_bytes()
    assert main(["compression", "--out", str(out), "--encode", str(path), "--decode", str(tmp_path / "photo.mg")]) == 0
    printed = capsys.readouterr().out
    assert "photo.mg: " in printed and "JPEG in " in printed and "its checksum is the encoder's" in printed
    decoded = Image.open(tmp_path / "photo.mg.png")
    assert decoded.size == (75, 50) and path.read_bytes() == before
    codec, content = Codec.load(out / CODECS[2]), (tmp_path / "photo.mg").read_bytes()
    assert np.array_equal(np.asarray(decoded), codec.read(content)[0][0].transpose(1, 2, 0))


@pytest.mark.parametrize("channels", [1, 2])
def test_a_sound_of_ones_own_is_encoded_and_decoded(out, tmp_path, capsys, channels):
    t = np.arange(5001) / 16_000
    x = (8000 * np.sin(2 * np.pi * np.outer(t, [440, 660][:channels]))).astype(np.int16)
    wavfile.write(tmp_path / "song.wav", 16_000, x)
    line = ["compression", "--out", str(out), "--encode", str(tmp_path / "song.wav"), "--rate", "4"]
    assert main([*line, "--decode", str(tmp_path / "song.mg")]) == 0
    assert "mu-law in as many bytes" in capsys.readouterr().out
    rate, heard = wavfile.read(tmp_path / "song.mg.wav")
    assert rate == 16_000 and heard.reshape(len(heard), -1).shape == (5001, channels)


def test_what_is_wrong_is_told_in_a_line(out, tmp_path, capsys):
    path = photo_in(tmp_path)
    line = ["compression", "--out", str(out)]
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "text.wav").write_text("no sound")
    (tmp_path / "text.mg").write_text("no file of ours")
    assert main([*line, "--encode", str(path)]) == 0
    content = bytearray((tmp_path / "photo.mg").read_bytes())
    content[30] ^= 1
    (tmp_path / "damaged.mg").write_bytes(content)
    capsys.readouterr()
    for options, message in [
        (["--encode", "nowhere.png"], "nowhere.png is no file; check the path"),
        (["--decode", "nowhere.mg"], "nowhere.mg is no file; check the path"),
        (["--encode", tmp_path / "text.png"], "text.png cannot be read as a picture"),
        (["--encode", tmp_path / "text.wav"], "text.wav cannot be read as .wav"),
        (["--decode", tmp_path / "text.mg"], "text.mg: this is no .mg file of format 1"),
        (["--decode", tmp_path / "damaged.mg"], "damaged.mg: the file is damaged, as its checksum differs"),
        (["--encode", path, "--rate", "9"], "photo.png: the rate is 9; this codec has 0 to 4"),
        (["--encode", path, "--out", tmp_path / "empty"], "pictures.safetensors is not there; train a codec first: "),
    ]:
        assert main([*line, *map(str, options)]) == 1
        error = capsys.readouterr().err
        assert message in error and "Traceback" not in error and error.count("\n") == 1
    assert not (tmp_path / "damaged.mg.png").exists()


def test_a_file_of_another_training_is_refused(out, tmp_path, capsys):
    path = photo_in(tmp_path)
    assert main(["compression", "--out", str(out), "--encode", str(path)]) == 0
    other = [
        "compression",
        "--quick",
        "--seed",
        "1",
        "--only",
        "pictures",
        "--data",
        "faces",
        "--out",
        str(tmp_path / "o"),
    ]
    assert main(other) == 0
    capsys.readouterr()
    assert main(["compression", "--out", str(tmp_path / "o"), "--decode", str(tmp_path / "photo.mg")]) == 1
    assert "the file was written with codec" in capsys.readouterr().err


def test_a_training_that_was_stopped_goes_on_to_the_same_codec(tmp_path, monkeypatch):
    line = ["compression", "--quick", "--only", "sounds", "--epochs", "3"]
    assert main([*line, "--out", str(tmp_path / "whole")]) == 0
    loss, calls = compression.rate_distortion, []

    def stopped(*arguments):
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return loss(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(compression, "rate_distortion", stopped)
        assert main([*line, "--out", str(tmp_path / "stopped")]) == 130
    assert main([*line, "--out", str(tmp_path / "stopped"), "--resume"]) == 0
    whole, resumed = (Codec.load(tmp_path / name / CODECS[1]) for name in ("whole", "stopped"))
    assert whole.fingerprint == resumed.fingerprint


def test_a_picture_too_large_for_a_file_is_refused_before_it_is_encoded(out, tmp_path, capsys):
    Image.new("RGB", (9000, 900)).save(tmp_path / "wide.png")
    assert main(["compression", "--out", str(out), "--encode", str(tmp_path / "wide.png")]) == 1
    assert "make it smaller or cut it" in capsys.readouterr().err


def test_sizes_are_those_of_files_and_figures_stand_beside_other_formats(out):
    metrics = json.loads((out / "metrics.json").read_text())["metrics"]
    assert metrics["codec of pictures, bytes"]["value"] == (out / CODECS[2]).stat().st_size
    for rate in range(5):
        size = metrics[f"bits per pixel, rate {rate}"]
        assert size["value"] < size["with_header"] < size["value"] + 8 * 25 / 64**2
        assert {"JPEG", "value"} <= metrics[f"PSNR, without headers, rate {rate}"].keys()
        assert "mu_law" in metrics[f"SNR of unseen notes, rate {rate}"]
    rate, sound = wavfile.read(out / "sound_ours.wav")
    assert rate == 8000 and len(sound) == 8192
