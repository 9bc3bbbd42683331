"""Several processes that share every batch end where one process ends: weights, running statistics, losses."""

import numpy as np
import pytest

from minigrad.distributed.buffers import MEMORY

from .launching import needs_mpi, run

pytestmark = needs_mpi
DOUBLE = ["dense", "conv", "clipped", "in parts", "norm", "siamese", "deforming", "words"]
# 67 images leave a last batch of 3, 65 one of a single image, of which one of two ranks has nothing
SPECS = [f"{name},float64,67" for name in DOUBLE] + [f"{name},float64,65" for name in ("conv", "siamese", "words")]
SPECS += [f"{name},float32,67" for name in ("dense", "conv", "siamese", "words")]

OF_THREE = ["siamese,float64,65", "words,float64,67"]


def found(n, path, *words):
    """Run a program on n processes -> the arrays that it wrote."""
    file = path / f"{words[0]}-{n}.npz"
    done = run(n, "-m", "tests.ranks.programs", words[0], file, *words[1:])
    assert done.returncode == 0, done.stdout + done.stderr
    with np.load(file) as arrays:
        return dict(arrays)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What one process, two and three have learnt."""
    folder = tmp_path_factory.mktemp("trained")
    return {n: found(n, folder, "trainings", *specs) for n, specs in [(1, SPECS), (2, SPECS), (3, OF_THREE)]}


@pytest.mark.parametrize(("n", "spec"), [*((2, spec) for spec in SPECS), *((3, spec) for spec in OF_THREE)])
def test_ranks_end_at_the_weights_of_one_process(n, spec, trained):
    within = 1e-10 if "float64" in spec else 1e-5
    keys = [key for key in trained[1] if key.startswith(f"{spec}:")]
    assert len(keys) > 2
    for key in keys:
        assert np.isfinite(trained[1][key]).all()
        np.testing.assert_allclose(trained[n][key], trained[1][key], rtol=within, atol=within, err_msg=key)


def test_ranks_that_send_messages_end_where_those_that_share_memory_do(trained, tmp_path):
    specs = ["conv,float64,67", "in parts,float64,67"]
    for n in (2, 3):
        sent = found(n, tmp_path, "trainings_by_messages", *specs)
        for key, a in sent.items():
            np.testing.assert_allclose(a, trained[1][key], rtol=1e-10, atol=1e-10, err_msg=key)


@pytest.mark.skipif(not MEMORY.is_dir(), reason=f"{MEMORY} is Linux's")
def test_ranks_send_messages_where_there_is_no_room_for_shared_memory(tmp_path):
    seen = found(2, tmp_path, "without_room")
    assert seen["kinds"].tolist() == ["SharedBuffer", "Buffer"]
    assert (seen["sums"] == 3).all()
    assert seen["left"] == 0


def test_the_memory_of_a_gradient_that_is_not_there_is_not_added_up_again_and_again(tmp_path):
    sums = found(2, tmp_path, "sometimes_unused")["sums"]
    assert sorted(sums.tolist()) == [0, 0, 0, 1, 1, 1]


def test_what_spans_ranks_has_the_gradients_that_one_process_finds(tmp_path):
    alone, together = (found(n, tmp_path, "gradients") for n in (1, 2))
    for key, a in alone.items():
        np.testing.assert_allclose(together[key], a, rtol=1e-12, err_msg=key)


def test_the_gradients_of_the_last_layers_are_sent_while_the_walk_goes_on(tmp_path):
    events = found(2, tmp_path, "order")["events"].tolist()
    sends = [i for i, event in enumerate(events) if event.startswith("send")]
    assert {name.split(".")[0] for name in events[: sends[0]]} == {"2"}  # all of the last layer
    assert any(event.startswith("0.") for event in events[sends[0] :])
