"""A stopped run goes on where everything is as it was, says what only rounds differently, and refuses the rest."""

import numpy as np
import pytest

import minigrad as mg
from demos import resume, training
from minigrad import nn, optim, saving

X = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
SETTINGS = {"data": "normal", "seed": 0, "epochs": 4}


def net():
    model = nn.Linear(3, 2, rng=np.random.default_rng(1))
    return model, optim.Adam(model.parameters(), 0.1)


def train(path, x=X, epochs=4, resumed=False, settings=None):
    """Train for some epochs of four; return the model."""
    model, optimizer = net()
    options = {"batch_size": 16, "path": path, "resume": resumed, "settings": settings or SETTINGS, "decay": False}
    rng = np.random.default_rng(2)
    training.train(model, lambda x: mg.square(model(x)).mean(), (x,), optimizer, epochs=epochs, rng=rng, **options)
    return model


def altered(path, change):
    arrays, metadata = saving.load(path)
    change(metadata["training_state"]["extra"])
    saving.save(path, arrays, metadata)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "training.safetensors"


def test_a_stopped_run_ends_with_the_same_bits_and_says_nothing(path, tmp_path, capsys):
    whole = train(tmp_path / "whole.safetensors")
    train(path, epochs=2)
    resumed = train(path, resumed=True)
    assert resumed.weight.numpy().tobytes() == whole.weight.numpy().tobytes()
    assert saving.load(path)[1] == saving.load(tmp_path / "whole.safetensors")[1]
    assert capsys.readouterr().out == ""


OTHER_DATA = {
    "one number": np.where(np.arange(120).reshape(40, 3) == 57, np.nextafter(X, np.float32(9)), X),
    "the order": X[::-1],
    "an example less": X[:-1],
    "the dtype": X.astype(np.float64),
    "the shape": X.reshape(40, 3, 1),
}


@pytest.mark.parametrize("what", OTHER_DATA)
def test_a_run_on_other_data_is_refused_under_the_same_settings(path, what):
    train(path, epochs=2)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="training.safetensors is of a run on other data: .* start anew"):
        train(path, OTHER_DATA[what], resumed=True)
    assert path.read_bytes() == before


def test_the_memory_layout_of_the_data_makes_no_difference(path):
    train(path, epochs=2)
    train(path, np.asfortranarray(X), resumed=True)


def test_other_settings_are_refused(path):
    train(path, epochs=2)
    with pytest.raises(ValueError, match="with the settings .*'seed': 0.*, not .*'seed': 1"):
        train(path, resumed=True, settings=SETTINGS | {"seed": 1})


@pytest.mark.parametrize("name", resume.environment("cpu"))
def test_another_environment_is_reported_in_one_line(path, name, capsys):
    here = resume.environment("cpu")[name]
    train(path, epochs=2)
    altered(path, lambda extra: extra["environment"].update({name: "another"}))
    train(path, resumed=True)
    said = f"training.safetensors: {name} was another, is {here}; the run goes on, but may end with other bits\n"
    assert capsys.readouterr().out == said


def test_the_number_of_threads_is_part_of_the_environment(path, capsys, monkeypatch):
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "1")
    train(path, epochs=2)
    monkeypatch.setenv("MINIGRAD_NUM_THREADS", "2")
    train(path, resumed=True)
    assert "threads was 1, is 2" in capsys.readouterr().out


ALTERATIONS = {
    **{f"no {name}": lambda extra, name=name: extra.pop(name) for name in sorted(resume.KEYS)},
    **{f"no dict of {name}": lambda extra, name=name: extra.update({name: 3}) for name in sorted(resume.KEYS)},
    "an entry more": lambda extra: extra.update(more=1),
    "a history of texts": lambda extra: extra.update(history=["a", "b"]),
    "a shorter history": lambda extra: extra["history"].pop(),
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_a_state_that_no_training_writes_is_refused_and_nothing_changes(path, alteration):
    train(path, epochs=2)
    altered(path, ALTERATIONS[alteration])
    model, optimizer = net()
    before = model.weight.numpy().tobytes()
    expected = {"settings": SETTINGS, "data": resume.fingerprint((X,)), "environment": resume.environment("cpu")}
    rngs = {"train": np.random.default_rng(2)}
    with pytest.raises(ValueError, match="training.safetensors"):
        resume.go_on(path, model, optimizer, rngs, expected)
    assert model.weight.numpy().tobytes() == before and optimizer.state["steps"].sum() == 0


def test_data_without_numbers_have_a_fingerprint():
    assert resume.fingerprint((np.empty((0, 3), np.float32),)) == ["<f4 (0, 3) 00000000"]
