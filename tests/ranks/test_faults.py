"""However a rank ends, all end within seconds, one line says which and why, and the run can go on."""

import os
import random
import signal
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest

from demos.launch import KILLED
from minigrad import saving

from .launching import ROOT, command, environment, needs_mpi, run

pytestmark = needs_mpi
SECONDS = 20  # to start, to fail and to end, on a machine that is busy


def small(n, fault, out, *options, **more):
    started = time.monotonic()
    done = run(n, "-m", "tests.ranks.small_demo", fault, "--out", out, *options, **more)
    assert time.monotonic() - started < SECONDS
    return done


def state(out):
    """Return the arrays of a training, and the epochs it has done."""
    arrays, metadata = saving.load(out / "training.safetensors")
    return arrays, metadata["training_state"]["epoch"]


def same(a, b):
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


@pytest.mark.parametrize("rank", [0, 1])
@pytest.mark.parametrize(
    ("kind", "status", "line"),
    [
        ("full disk", 1, "demos autoencoder: rank {} of 2: No space left on device: /some/file"),
        ("read-only", 1, "demos autoencoder: rank {} of 2: Read-only file system: /some/file"),
        ("bug", 1, "demos: rank {} of 2: KeyError: 'a bug'"),
        ("exit", 1, "demos autoencoder: rank {} of 2: it left with status 0"),
        ("kill", KILLED, "demos: rank {} of 2: it was killed, as the system does when memory runs out"),
    ],
)
def test_a_rank_that_fails_ends_all_with_one_line_that_says_which_and_why(kind, status, line, rank, tmp_path):
    done = small(2, f"{kind}:{rank}:9", tmp_path)
    assert done.returncode == status
    told = [text for text in done.stderr.replace("\r", "\n").splitlines() if "rank" in text and "of 2" in text]
    assert told == [line.format(rank)]
    assert done.stderr.rstrip().endswith(line.format(rank)) and not done.stdout  # nothing after it


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs Linux to tell what is mapped")
def test_memory_that_ranks_share_ends_with_them_however_they_end(tmp_path):
    done = small(2, "memory:1:9", tmp_path)
    assert done.stderr.endswith("rank 1 of 2: in memory under a name: nothing\n")


def test_a_rank_that_fails_to_make_the_data_for_all_ends_those_who_wait_for_them(tmp_path):
    done = small(2, "no data", tmp_path)
    assert done.returncode == 1 and done.stderr == "demos autoencoder: rank 0 of 2: there are no data\n"


@pytest.mark.parametrize("rank", [0, 1])
def test_a_rank_that_is_told_to_stop_stops_all_and_prints_the_command_that_goes_on(rank, tmp_path):
    done = small(2, f"term:{rank}:9", tmp_path)
    assert done.returncode == 128 + signal.SIGTERM
    hint = f"stopped; go on with: mpiexec -n 2 python -m demos autoencoder --out {tmp_path} --resume\n"
    assert done.stdout.endswith(hint) and done.stdout.count("stopped") == 1
    assert small(2, "none", tmp_path, "--resume").returncode == 0


def test_an_mpiexec_that_is_told_to_stop_stops_all(tmp_path):
    words = command(2, "-m", "tests.ranks.small_demo", "none", "--out", tmp_path, "--epochs", "100000")
    options = {"cwd": ROOT, "env": environment(), "text": True, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(words, **options) as process:
        while not (tmp_path / "training.safetensors").exists() and process.poll() is None:
            time.sleep(0.05)
        locked = small(2, "none", tmp_path)
        assert locked.returncode == 1 and f"rank 0 of 2: {tmp_path} is in use by process" in locked.stderr
        process.terminate()
        output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 128 + signal.SIGTERM and output.count("stopped; go on with: mpiexec -n 2") == 1


def test_what_is_wrong_for_all_ranks_is_told_once(tmp_path):
    done = small(2, "none", tmp_path, "--seed", "x")
    assert done.returncode == 2 and done.stderr.count("--seed: 'x' is no whole number") == 1
    assert small(2, "none", tmp_path, "--epochs", "1").returncode == 0
    done = small(2, "none", tmp_path, "--resume", "--seed", "1")
    assert done.returncode == 1 and done.stderr.count("'seed': 0") == 1 and "rank 0 of 2" in done.stderr


def test_without_mpi4py_one_line_says_what_to_install(tmp_path):
    (tmp_path / "mpi4py.py").write_text("raise ImportError('No module named mpi4py')")
    done = small(2, "none", tmp_path / "out", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
    assert done.returncode == 1 and done.stderr.count('pip install -e ".[mpi]"') == 1


def test_rank_0_alone_speaks_and_writes(tmp_path):
    done = small(2, "none", tmp_path)
    assert done.returncode == 0 and done.stdout == f"pictures and metrics.json are in {tmp_path}\n"
    assert sorted(path.name for path in tmp_path.iterdir()) == [".lock", "metrics.json", "training.safetensors"]


@pytest.mark.long
def test_a_run_of_which_a_rank_is_killed_at_twenty_random_moments_goes_on_to_the_same_bits(tmp_path):
    chosen, whole, out, done = random.Random(0), tmp_path / "whole", tmp_path / "killed", 0
    assert small(2, "none", whole).returncode == 0
    for _ in range(20):
        rank, step = chosen.randrange(2), chosen.randrange(10)  # from where the run goes on; an epoch has 4
        assert small(2, f"kill:{rank}:{step}", out, "--resume").returncode == KILLED
        saving_still = rank == 1 and step % 4 == 0  # rank 1 begins an epoch while rank 0 saves the last one
        before, done = done, state(out)[1] if (out / "training.safetensors").exists() else 0
        assert done - before in (step // 4, step // 4 - saving_still)
    assert 15 < done < 30
    assert small(2, "none", out, "--resume").returncode == 0
    assert same(state(out)[0], state(whole)[0])


def test_any_number_of_ranks_goes_on_where_others_stopped(tmp_path):
    whole, out = tmp_path / "whole", tmp_path / "stopped"
    assert small(1, "none", whole, NO_NOISE="1").returncode == 0
    assert small(2, "kill:1:50", out, NO_NOISE="1").returncode == KILLED
    for n, step in ((3, 30), (1, 20)):
        # one process under mpiexec is no rank, and mpiexec itself tells of its end
        assert small(n, f"kill:0:{step}", out, "--resume", NO_NOISE="1").returncode in (KILLED, signal.SIGKILL)
    assert small(2, "none", out, "--resume", NO_NOISE="1").returncode == 0
    (ours, epochs), (theirs, _) = state(out), state(whole)
    assert epochs == 30 and ours.keys() == theirs.keys()
    for name, a in theirs.items():
        np.testing.assert_allclose(ours[name], a, atol=1e-5, err_msg=name)
