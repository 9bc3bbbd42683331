"""python -m demos where something is wrong: a line that says what, no traceback, and nothing half-written."""

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from demos import lock
from demos.command_line import DEMOS, OVER_ALL, main
from demos.files import written_whole
from minigrad import saving

ROOT = Path(__file__).parent.parent
DEMO = [sys.executable, "-m", "demos"]
always_full = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs the device that is always full")


def run(*arguments, **options):
    command = [*DEMO, *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, **options)


def in_shell(line):
    """Run a line of a shell in which $DEMO stands for python -m demos, whose output is buffered as it is by default."""
    environment = {**os.environ, "DEMO": shlex.join(DEMO)}
    environment.pop("PYTHONUNBUFFERED", None)
    return subprocess.run(["bash", "-c", line], cwd=ROOT, env=environment, capture_output=True, text=True)


def hear():
    """Let Ctrl-C through: the children of a background job ignore it."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def start(*arguments):
    command = [*DEMO, *map(str, arguments)]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen(command, cwd=ROOT, text=True, preexec_fn=hear, **pipes)


def epoch(folder):
    return saving.load(folder / "training-attention.safetensors")[1]["training_state"]["epoch"]


def wait_for(path, process):
    while not path.exists() and process.poll() is None:
        time.sleep(0.01)


def test_the_list_names_every_demo_in_one_line():
    lines = run().stdout.splitlines()
    for name in DEMOS + OVER_ALL:
        assert sum(line.strip().startswith(f"{name} ") and len(line) > len(name) + 20 for line in lines) == 1


# ---- wrong options ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line, message",
    [
        ("autoencoder --seed -1", "--seed: '-1' is no whole number from 0 on"),
        ("autoencoder --seed x", "--seed: 'x' is no whole number"),
        (f"autoencoder --seed {'9' * 5000}", "of 18 digits at most"),
        ("autoencoder --epochs -1", "--epochs: '-1' is no whole number"),
        ("autoencoder --out ''", "--out: the name is empty"),
        ("autoencoder --out setup.cfg", "--out: setup.cfg is not a folder; name another"),
        ("autoencoder --out setup.cfg/below", "--out: setup.cfg is not a folder; name another"),
        ("autoencoder --data nonsense", "--data: there is no data set 'nonsense'; it must be one of 'glyphs', 'mnist'"),
        ("autoencoder --data demos", "no data set 'demos'"),
        ("linear_autoencoder --data ''", "--data: there is no data set ''"),
        ("faces --data nowhere", "it must be one of 'faces', 'olivetti' or a folder of images"),
        ("faces --data FOLDER", "there is no data set 'FOLDER'"),
        ("style_transfer --size 0", "--size: '0' is no whole number from 32 on"),
        ("style_transfer --evaluations 0", "--evaluations: '0' is no whole number from 1 on"),
        ("style_transfer --beta nan", "--beta: 'nan' is no finite number from 0"),
        ("style_transfer --beta inf", "--beta: 'inf' is no finite number from 0"),
        ("style_transfer --beta=-1", "--beta: '-1' is no finite number from 0"),
        ("style_transfer --weights ''", "--weights: the name is empty"),
        ("photo_style --size 31", "--size: '31' is no whole number from 32 on"),
        ("photo_style --stiffness=-1", "--stiffness: '-1' is no finite number from 0"),
        ("photo_style --content-mask ''", "--content-mask: the name is empty"),
        ("deep_dream --size 0", "--size: '0' is no whole number from 16 on"),
        ("deep_dream --octaves 0", "--octaves: '0' is no whole number from 1 on"),
        ("deep_dream --photo ''", "--photo: the name is empty"),
        ("feature_visualization --steps 0", "--steps: '0' is no whole number from 1 on"),
        ("feature_visualization --layer ''", "--layer: the name is empty"),
        ("inverse_graphics --epochs 1.5", "--epochs: '1.5' is no whole number"),
        ("inverse_graphics --data faces", "unrecognized arguments: --data faces"),
        ("compression --rate -1", "--rate: '-1' is no whole number from 0 on"),
        ("compression --encode ''", "--encode: the name is empty"),
        ("compression --only films", "--only: invalid choice: 'films'"),
        ("benchmark --pairs 0", "--pairs: '0' is no whole number from 1 on"),
        ("benchmark --steps gru,rnn", "--steps: 'rnn' is no step; the steps are dense_vae, "),
        ("benchmark --profile rnn", "--profile: 'rnn' is no step; the steps are dense_vae, "),
    ],
)
def test_a_wrong_value_is_refused_by_the_name_of_its_option(line, message, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit) as stopped:
        main(shlex.split(line))
    assert stopped.value.code == 2 and message in capsys.readouterr().err


@pytest.mark.parametrize("demo", ["faces", "deforming_faces", "relighting", "compression"])
def test_a_folder_with_too_few_pictures_is_refused_before_training(demo, tmp_path, capsys):
    for i in range(6):
        Image.fromarray(np.full((8, 8, 3), 40 * i, np.uint8)).save(tmp_path / f"{i}.png")
    with pytest.raises(SystemExit):
        main([demo, "--data", str(tmp_path)])
    assert f"--data: {tmp_path} holds 6 images; at least 50 are needed" in capsys.readouterr().err


def test_an_unknown_demo_and_an_unknown_device_get_one_line(tmp_path, capsys):
    for status, arguments, message in [
        (2, ["nonsense"], "there is no demo 'nonsense'; there are"),
        (1, ["autoencoder", "--quick", "--device", "gpu", "--out", str(tmp_path)], "unknown device 'gpu'; choose"),
    ]:
        assert main(arguments) == status
        error = capsys.readouterr().err
        assert message in error and "Traceback" not in error


# ---- what runs out ---------------------------------------------------------------------------------------------------


def test_a_picture_that_is_too_large_gets_a_one_line_error(tmp_path, capsys):
    assert main(["style_transfer", "--content", "strokes", "--size", "10000000", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "style_transfer: out of memory: Unable to allocate" in error and "ask for less" in error


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, of the numbers on the way
def test_a_loss_that_is_nan_gets_a_one_line_error(tmp_path, capsys):
    options = ["--quick", "--features", "random", "--content", "strokes", "--beta", "1e300", "--no-studies"]
    assert main(["style_transfer", *options, "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert "Traceback" not in error
    assert "demos style_transfer: LBFGS: the loss is nan" in error


def test_a_missing_package_is_named_with_the_command_that_installs_it(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "demos.vae", None)
    assert main(["vae"]) == 1
    assert 'pip install -e ".[demos]"' in capsys.readouterr().err


@always_full
def test_a_full_disk_is_reported_with_the_file_that_did_not_fit(tmp_path, capsys):
    (tmp_path / "metrics.partial.json").symlink_to("/dev/full")
    assert main(["convolution", "--quick", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert error.strip().endswith(f"demos convolution: No space left on device: {tmp_path / 'metrics.json'}")
    assert not list(tmp_path.glob("*partial*"))


@always_full
def test_a_training_state_that_does_not_fit_on_the_disk_is_named_too(tmp_path, capsys):
    state = tmp_path / "training-attention.safetensors"
    Path(f"{state}.partial").symlink_to("/dev/full")
    assert main(["translation", "--quick", "--epochs", "1", "--out", str(tmp_path)]) == 1
    assert f"No space left on device: {state}" in capsys.readouterr().err


def test_an_atomic_write_replaces_the_old_file_at_the_end_and_not_after_an_error(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(ZeroDivisionError), written_whole(path) as aside:
        aside.write_text("half")
        raise ZeroDivisionError
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]
    with written_whole(path) as aside:
        aside.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new" and list(tmp_path.iterdir()) == [path]


# ---- streams ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", ["", "convolution --quick --out {}"])
def test_a_run_ends_silently_when_its_reader_leaves(arguments, tmp_path):
    line = f"$DEMO {arguments.format(shlex.quote(str(tmp_path)))} | true; echo ${{PIPESTATUS[0]}}"
    done = in_shell(line)
    assert done.stdout == "141\n"  # 128 + SIGPIPE, what a shell says of a process that SIGPIPE ended
    assert "Traceback" not in done.stderr and "Broken pipe" not in done.stderr and "Exception" not in done.stderr


@always_full
def test_output_that_cannot_be_written_is_reported(tmp_path):
    listed = in_shell("$DEMO > /dev/full")
    assert listed.returncode == 1
    assert listed.stderr.strip() == "demos: standard output: No space left on device"
    demo = in_shell(f"PYTHONUNBUFFERED=1 $DEMO convolution --quick --out {shlex.quote(str(tmp_path))} > /dev/full")
    assert demo.returncode == 1
    assert demo.stderr.strip() == "demos convolution: No space left on device: standard output"


@pytest.mark.parametrize("closed", ["2>&-", "<&- >&- 2>&-"])
def test_closed_streams_do_not_stop_a_run_and_no_file_takes_their_place(closed, tmp_path):
    out = shlex.quote(str(tmp_path))
    assert in_shell(f"$DEMO translation --quick --epochs 1 --out {out} {closed}").returncode == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    saving.load(tmp_path / "training-attention.safetensors")


# ---- stopping --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_prints_the_shell_command_that_resumes_it(number, tmp_path):
    out = tmp_path / "it's a folder; with $HOME"
    process = start("translation", "--quick", "--epochs", "100000", "--out", out)
    wait_for(out / "training-attention.safetensors", process)
    process.send_signal(number)
    output, error = process.communicate(timeout=60)
    assert process.returncode == 128 + number and "Traceback" not in error
    hint = output.split("stopped; go on with: python -m demos ")[1].strip()
    assert shlex.split(hint)[-2:] == [str(out), "--resume"]
    before = epoch(out)
    again = subprocess.Popen(["bash", "-c", f"exec {shlex.join(DEMO)} {hint}"], cwd=ROOT, stdout=subprocess.DEVNULL)
    while epoch(out) == before and again.poll() is None:
        time.sleep(0.05)
    again.terminate()
    assert again.wait(timeout=60) == 143
    assert 0 < before < epoch(out) < 100_000


def test_a_demo_that_saves_no_state_says_how_to_start_again(tmp_path, monkeypatch, capsys):
    def interrupt(args):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("demos.convolution.main", interrupt)
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job begins by ignoring it
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    assert main(["convolution", "--out", str(tmp_path)]) == 130
    assert capsys.readouterr().out == f"\nstopped; start again with: python -m demos convolution --out {tmp_path}\n"
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_ctrl_c_during_the_imports_ends_the_process_without_a_traceback():
    command = [sys.executable, "-X", "importtime", "-m", "demos", "vae", "--help"]
    process = subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, preexec_fn=hear
    )
    for line in process.stderr:  # a line for each import, as it ends
        if line.split("|")[-1].strip() == "argparse":
            break
    process.send_signal(signal.SIGINT)
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == -signal.SIGINT  # which shells tell as 130
    assert "Traceback" not in rest


# ---- two runs --------------------------------------------------------------------------------------------------------


def test_a_second_run_into_the_same_folder_is_refused_until_the_first_has_ended_even_by_a_kill(tmp_path, capsys):
    first = start("translation", "--quick", "--epochs", "1000000", "--out", tmp_path)
    wait_for(tmp_path / "training-attention.safetensors", first)
    assert main(["sparse", "--quick", "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert f"demos sparse: {tmp_path} is in use by process {first.pid} on " in error
    assert "python -m demos translation; wait for its end, or give another --out" in error
    first.kill()
    first.communicate()
    assert main(["convolution", "--quick", "--out", str(tmp_path)]) == 0


def test_a_lock_is_free_again_after_an_error(tmp_path):
    with pytest.raises(ZeroDivisionError), lock.held(tmp_path, "one"):
        raise ZeroDivisionError
    with lock.held(tmp_path, "two"), pytest.raises(RuntimeError, match=r"in use by process \d+ on .*: two; wait"):
        lock.held(tmp_path, "three").__enter__()
