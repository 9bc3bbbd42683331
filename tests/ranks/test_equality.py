"""Several processes that share every batch end where one process ends: weights, running statistics, losses."""

import numpy as np
import pytest

from . import needs_mpi, run

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


def test_what_spans_ranks_has_the_gradients_that_one_process_finds(tmp_path):
    alone, together = (found(n, tmp_path, "gradients") for n in (1, 2))
    for key, a in alone.items():
        np.testing.assert_allclose(together[key], a, rtol=1e-12, err_msg=key)


def test_the_gradients_of_the_last_layers_are_sent_while_the_walk_goes_on(tmp_path):
    events = found(2, tmp_path, "order")["events"].tolist()
    sends = [i for i, event in enumerate(events) if event.startswith("send")]
    assert events[0] == "send 1"  # the loss
    assert {name.split(".")[0] for name in events[1 : sends[1]]} == {"2"}  # all of the last layer
    assert any(event.startswith("0.") for event in events[sends[1] :])
