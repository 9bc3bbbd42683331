"""The demo of pre-training: labels, pairs, repetitions that are known already, and what it refuses."""

import argparse
import json

import numpy as np
import pytest

from demos import pretraining as demo
from demos.command_line import main
from demos.run import Run
from minigrad import Tensor, saving
from models.classifier import Classifier, Encoder


def args(out, **options):
    out.mkdir(exist_ok=True)
    common = {"data": "glyphs", "seed": 0, "epochs": 1, "quick": True, "resume": False, "device": "cpu", "repeats": 2}
    return argparse.Namespace(out=out, **(common | options))


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folder of a quick run."""
    out = tmp_path_factory.mktemp("finished")
    demo.main(args(out))
    return out


def metrics(out):
    return json.loads((out / "metrics.json").read_text())["metrics"]


def test_every_class_gets_as_many_labels():
    labels = np.random.default_rng(0).permutation(np.repeat(np.arange(10), 30))
    few = demo.few_of_each(labels, 100, np.random.default_rng(1))
    assert len(set(few.tolist())) == 100 and np.bincount(labels[few]).tolist() == [10] * 10


def test_a_finished_run_keeps_its_repetitions_and_no_training_states(finished):
    names = {path.name for path in finished.glob("*.safetensors")}
    assert names == {"repeat-1.safetensors", "repeat-2.safetensors"}


def test_the_gain_is_paired_and_lies_in_its_interval(finished):
    studies = [saving.load(path)[0] for path in sorted(finished.glob("repeat-*"))]
    gain = np.mean([s["end to end"][-1] - s["from scratch"][-1] for s in studies])
    found = metrics(finished)["gain, 100 labels, end to end"]
    assert found["value"] == pytest.approx(gain)
    assert found["at_least"] <= gain <= found["at_most"]


def test_networks_start_alike_and_frozen_features_are_those_of_the_encoder_before_fine_tuning(finished):
    study = saving.load(finished / "repeat-1.safetensors")[0]
    for name in demo.NETWORKS:
        before, after = (study[f"filters, {name}, {when}"] for when in ("before", "after"))
        assert before.shape == (demo.FILTERS, 784) and not np.array_equal(before, after)
    assert not np.array_equal(study["filters, from scratch, before"], study["filters, end to end, before"])


def test_a_run_goes_on_with_one_repetition_more_to_the_same_bits(finished, tmp_path, monkeypatch):
    out = tmp_path / "stopped"
    fine_tune, calls = demo.fine_tune, []

    def stopped(*arguments):
        calls.append(arguments)
        if len(calls) == 4:  # in the second repetition, whose pre-training is done
            raise KeyboardInterrupt
        return fine_tune(*arguments)

    monkeypatch.setattr(demo, "fine_tune", stopped)
    with pytest.raises(KeyboardInterrupt):
        demo.main(args(out))
    monkeypatch.setattr(demo, "fine_tune", fine_tune)
    assert len(list(out.glob("training-2-*"))) == 4  # two greedy layers, end to end, the first fine-tuning
    demo.main(args(out, resume=True))
    assert metrics(out) == metrics(finished)
    for index in (1, 2):
        a, b = (saving.load(folder / f"repeat-{index}.safetensors")[0] for folder in (out, finished))
        assert a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


def test_a_repetition_under_other_settings_is_refused(finished):
    with pytest.raises(ValueError, match=r"repeat-1.safetensors is of a run with other settings or data"):
        demo.main(args(finished, resume=True, seed=1))


def test_greedy_training_goes_layer_by_layer_and_leaves_the_one_below_at_rest(tmp_path, monkeypatch):
    run = Run("pretraining", args(tmp_path / "greedy"), epochs=1)
    task, encoder, seen = demo.choose(run), Encoder(784, rng=run.rng()), []
    undo_noise = demo.undo_noise

    def watched(layers, h, *others):
        undo_noise(layers, h, *others)
        seen.append((layers, h.shape, encoder.layers[0].weight.numpy().copy()))

    monkeypatch.setattr(demo, "undo_noise", watched)
    demo.pretrain("greedy", encoder, 0, task, run)
    first, second = encoder.layers
    assert [layers for layers, _, _ in seen] == [[first], [second]]
    assert [shape for _, shape, _ in seen] == [(512, 1, 28, 28), (512, 500)]
    assert np.array_equal(seen[0][2], seen[1][2])


def test_the_rivals_have_gradients_of_their_own_loss_alone(rng):
    networks = [Classifier(Encoder(6, (4, 3), rng=rng), 2, rng=rng) for _ in range(2)]
    x, labels = Tensor(rng.random((5, 6), np.float32)), Tensor.wrap(np.array([0, 1, 0, 1, 1]))
    demo.Rivals(networks).loss(x, labels).backward()
    both = networks[0].scores.weight.grad.numpy().copy()
    networks[0].zero_grad()
    demo.Rivals(networks[:1]).loss(x, labels).backward()
    np.testing.assert_allclose(networks[0].scores.weight.grad.numpy(), both, rtol=1e-6)


def test_one_repetition_is_refused_in_a_line(capsys):
    with pytest.raises(SystemExit):
        main(["pretraining", "--repeats", "1"])
    assert "'1' is no whole number from 2 on" in capsys.readouterr().err
