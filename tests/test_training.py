"""A training step is cut where gradients are ready and not yet used; and one object holds what a demo's run shares."""

from argparse import Namespace

import numpy as np
import pytest

import minigrad as mg
from demos.run import Run
from demos.step import ClippedStep, Step
from demos.training import train
from minigrad import nn, optim
from models.autoencoder import DenseAutoencoder
from models.deforming import Codes, DeformingAutoencoder

X = np.random.default_rng(0).normal(size=(24, 3)).astype(np.float32)


def trained(path, step, epochs=2, **schedule):
    model = nn.Linear(3, 2, rng=np.random.default_rng(1))
    options = {"rng": np.random.default_rng(2), "batch_size": 8, "path": path / "state.safetensors", "settings": {}}
    loss = lambda x: mg.square(model(x)).mean()  # noqa: E731
    train(model, loss, (X,), optim.SGD(model.parameters(), 0.1), epochs=epochs, step=step, **options, **schedule)
    return model


def test_a_batch_in_parts_gives_the_gradients_of_the_whole(tmp_path):
    class InParts(Step):
        def gradients(self, loss, batch):
            parts = [[x[i : i + 2] for x in batch] for i in range(0, len(batch[0]), 2)]
            return sum(super(InParts, self).gradients(lambda *part: loss(*part) / len(parts), part) for part in parts)

    whole, parts = trained(tmp_path, Step()), trained(tmp_path, InParts())
    np.testing.assert_allclose(parts.weight.numpy(), whole.weight.numpy(), rtol=1e-5)


def test_gradients_are_changed_after_they_are_complete_and_before_they_are_used(tmp_path):
    norms = []

    class Clipped(ClippedStep):
        def ready(self, optimizer):
            norms.append(np.hypot(*(np.linalg.norm(x.grad.numpy()) for x in optimizer.parameters)))
            super().ready(optimizer)

    start, clipped = trained(tmp_path, Step(), epochs=0), trained(tmp_path, Clipped(1e-9))
    assert len(norms) == 6 and min(norms) > 1e-3
    np.testing.assert_allclose(clipped.weight.numpy(), start.weight.numpy(), atol=1e-8)


def test_the_learning_rate_falls_along_a_cosine_and_may_rise_to_it_first(tmp_path):
    rates = []

    class Watched(Step):
        def ready(self, optimizer):
            rates.append(optimizer.lr)

    for warm_up in (0, 4):
        trained(tmp_path, Watched(), warm_up=warm_up)
    cosine = 0.1 * (1 + np.cos(np.pi * np.arange(6) / 6)) / 2
    np.testing.assert_allclose(rates, [*cosine, *(cosine * [0.25, 0.5, 0.75, 1, 1, 1])])


# ---- one run of a demo -----------------------------------------------------------------------------------------------


def run(tmp_path, **options):
    common = {"data": "d", "seed": 3, "epochs": None, "quick": False, "resume": False, "device": "cpu", "out": tmp_path}
    return Run("demo", Namespace(**(common | options)), epochs=40, quick_epochs=2, model="conv")


def test_epochs_come_from_the_option_or_else_from_quick_or_else_from_the_demo(tmp_path):
    assert run(tmp_path).epochs == 40
    assert run(tmp_path, quick=True).epochs == 2
    assert run(tmp_path, quick=True, epochs=0).epochs == 0


def test_settings_and_notes_are_in_the_metrics_and_only_settings_decide_about_resuming(tmp_path):
    made = run(tmp_path)
    made.results.note(unseen=7)
    assert made.settings == {"data": "d", "seed": 3, "epochs": 40, "model": "conv"}
    assert made.results.record["settings"] == made.settings | {"unseen": 7}


def test_training_resumes_only_under_its_own_settings(tmp_path):
    def fit(**settings):
        made = run(tmp_path, epochs=1, resume=True)
        model = nn.Linear(3, 2, rng=made.rng())
        adam = optim.Adam(model.parameters(), 0.1)
        options = {"state": "training", "label": "", "batch_size": 8, **settings}
        return made.fit(model, lambda x: mg.square(model(x)).mean(), (X,), adam, made.rng(), **options)

    assert fit(penalty="L1") == fit(penalty="L1")
    with pytest.raises(ValueError, match="'penalty': 'L1'.*, not .*'penalty': 'L2'"):
        fit(penalty="L2")


def test_a_run_takes_the_steps_that_it_is_given(tmp_path):
    taken = []

    class Counted(Step):
        def ready(self, optimizer):
            taken.append(optimizer)

    made, model = run(tmp_path, epochs=2), nn.Linear(3, 2, rng=np.random.default_rng(0))
    adam, options = optim.Adam(model.parameters(), 0.1), {"state": "training", "label": "", "batch_size": 8}
    made.fit(model, lambda x: mg.square(model(x)).mean(), (X,), adam, made.rng(), step=Counted(), **options)
    assert taken == [adam] * 6


def test_seeing_decodes_what_encoding_gave_batch_by_batch(tmp_path, rng):
    made, model = run(tmp_path), DeformingAutoencoder(8, 1, 4, 2, 3, rng=rng)
    x = rng.random((251, 1, 8, 8), np.float32)
    decoded, codes = made.see(model, x)
    assert isinstance(codes, Codes) and codes.warp.shape == (251, 3)
    np.testing.assert_allclose(decoded.output, model(mg.Tensor(x)).output.numpy(), atol=1e-5)
    np.testing.assert_array_equal(made.decode(model, codes).output, decoded.output)


def test_applying_joins_batches(tmp_path, rng):
    model, x = DenseAutoencoder(2, rng=rng), rng.random((7, 1, 28, 28), np.float32)
    np.testing.assert_allclose(run(tmp_path).apply(model, x, 3), model(mg.Tensor(x)).numpy(), rtol=1e-4)
