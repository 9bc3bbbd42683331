"""The demo of visual analogies: what it exchanges and turns, how a model begins, what it refuses, how it goes on."""

import argparse
import json

import numpy as np
import pytest

from demos import analogies as demo
from demos import training
from demos.command_line import main
from demos.data.sprites import ANGLE, COLOUR, COUNTS, KINDS, MOST, SCALE, SHAPE, analogies, draw, is_of, sprites
from demos.run import Run
from minigrad import Tensor, saving
from models.analogies import FORMS


def options(out, **changed):
    common = {"seed": 0, "epochs": 2, "quick": True, "resume": False, "device": "cpu", "size": 48}
    return argparse.Namespace(**{**common, "out": out, **changed})


def new_run(out, **changed):
    return Run("analogies", options(out, **changed), epochs=demo.EPOCHS, size=48)


@pytest.fixture
def turns(rng):
    drawn = analogies(400, "test", rng)
    return drawn.factors[drawn.kind == KINDS.index("rotate")]


class Perfect:
    """A model that looks its answers up: it gets a, b and c and knows the factors of c turned."""

    def __init__(self, factors):
        self.factors = factors

    def answer(self, a, b, c, times):
        return type(a).wrap(draw(demo.turned(self.factors, times)))


def test_an_exchange_takes_the_parts_that_are_switched_on_from_one_sprite_and_the_rest_from_the_other():
    a, b = np.array([[1, 2, 3, 4, 0, 5]] * 3), np.array([[0, 7, 1, 2, 3, 20]] * 3)
    switches = np.array([[on in parts for on in demo.PARTS] for parts in (["shape", "colour"], ["angle"], ["place"])])
    expected = [[1, 2, 1, 2, 3, 20], [0, 7, 1, 2, 3, 5], [0, 7, 1, 4, 0, 20]]
    assert demo.exchanged(a, b, switches).tolist() == expected


def test_each_part_has_numbers_of_its_own_in_a_code(tmp_path):
    s = demo.numbers(np.eye(len(demo.PARTS), dtype=bool), new_run(tmp_path)).numpy()
    assert s.sum(axis=1).tolist() == list(demo.PARTS.values()) and (s.sum(axis=0) == 1).all()


def test_no_exchange_shows_a_pair_of_shape_and_colour_that_is_held_out(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(demo, "seen", lambda factors, run: drawn.append(factors))
    monkeypatch.setattr(demo, "disentangling_loss", lambda *_: None)
    monkeypatch.setattr(demo, "fit", lambda model, loss, arrays, *_: loss(*map(Tensor, arrays)))
    demo.fit_exchange(new_run(tmp_path, quick=False))
    assert is_of("train", np.concatenate(drawn)).all()
    a, b, c, _ = drawn
    assert ((c[:, SHAPE] != a[:, SHAPE]) & (c[:, COLOUR] == a[:, COLOUR]) & (a[:, COLOUR] != b[:, COLOUR])).any()


def test_a_network_learns_its_steps_from_codes_of_what_happens_again_and_again(tmp_path, monkeypatch, rng):
    run, calls = new_run(tmp_path), []
    model = demo.new_model("deep", rng, run)
    monkeypatch.setattr(demo, "fit", lambda model, loss, arrays, *_: calls.append((loss, arrays)))
    monkeypatch.setattr(demo, "repeated_loss", lambda model, *arrays: arrays)
    factors = np.array([[[1, 2, 3, 4, 0, 5]] * 4] * 2)
    factors[0, 1, ANGLE] = 1  # four steps back, past 0 when repeated
    factors[1, 1, SCALE], factors[1, 2, SCALE], factors[1, 3, SCALE] = (
        2,
        1,
        0,
    )  # smaller, until there is nothing smaller
    demo.fit_change(model, factors, "deep", rng, run)
    loss, (index, known) = calls[0]
    assert known.tolist() == [[1, 1, 1, 1], [1, 0, 0, 0]]
    step, codes, inside = loss(Tensor(index), Tensor(known))
    encode = lambda *rows: model.encode(Tensor(draw(np.array(rows)))).numpy()  # noqa: E731
    turned = encode(*([1, 2, 3, 4, 0, angle] for angle in (5, 1, 21, 17, 13)))
    np.testing.assert_allclose(codes.numpy()[:, 0], turned, atol=1e-5)
    np.testing.assert_allclose(step.numpy()[0], turned[1] - turned[0], atol=1e-5)
    np.testing.assert_allclose(codes.numpy()[:2, 1], encode(factors[1, 2], factors[1, 3]), atol=1e-5)
    assert inside.numpy().tolist() == known.T.tolist()


def test_turning_once_gives_d_and_turning_goes_round(turns):
    np.testing.assert_array_equal(demo.turned(turns, 0), turns[:, 2])
    np.testing.assert_array_equal(demo.turned(turns, 1), turns[:, 3])
    np.testing.assert_array_equal(demo.turned(turns, COUNTS[ANGLE]), turns[:, 2])
    steps = demo.turn_of(turns)
    assert set(np.abs(steps)) == set(range(1, MOST["rotate"] + 1)) and {-1, 1} == set(np.sign(steps))


def test_answers_that_are_right_have_no_error_however_often_a_turn_is_repeated(turns, tmp_path):
    run = new_run(tmp_path)
    demo.judge_repeats({form: Perfect(turns) for form in FORMS}, turns, run)
    run.save()
    metrics = json.loads((tmp_path / "metrics.json").read_text())["metrics"]
    for n in range(1, demo.REPEATS + 1):
        figures = metrics[f"MSE, turned {n} times, deep"]
        assert figures["value"] == figures["add"] == 0 < figures["copy"]
    assert (tmp_path / "repeated.png").exists()


@pytest.mark.parametrize("form", FORMS)
def test_the_training_on_analogies_begins_with_the_encoder_and_the_decoder_of_the_exchange(form, tmp_path, rng):
    run = new_run(tmp_path, epochs=0)
    start = demo.new_model("add", np.random.default_rng(9), run)
    model, _ = demo.fit_form(form, start, run)
    x = run.tensor(draw(sprites(3, "train", rng)))
    np.testing.assert_array_equal(model(x).numpy(), start(x).numpy())


@pytest.mark.parametrize(
    "size, message",
    [
        ("16", "sprites: size is 16; below 32 pixels angles cannot be told apart: take 48"),
        ("36", "images are 36 x 36; three halvings need multiples of 8"),
    ],
)
def test_sizes_that_do_not_do_get_one_line(size, message, tmp_path, capsys):
    assert main(["analogies", "--quick", "--size", size, "--out", str(tmp_path)]) == 1
    error = capsys.readouterr().err
    assert message in error and error.count("\n") == 1
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_size_of_zero_is_refused_by_its_option(capsys):
    with pytest.raises(SystemExit):
        main(["analogies", "--size", "0"])
    assert "--size: '0' is no whole number from 1 on" in capsys.readouterr().err


@pytest.mark.parametrize("form", ["exchange", "deep"])
def test_a_training_stopped_after_an_epoch_goes_on_to_the_same_bits(form, tmp_path, monkeypatch):
    def train(folder, **changed):
        folder.mkdir(exist_ok=True)
        run = new_run(folder, **changed)
        if form == "exchange":
            demo.fit_exchange(run)
        else:
            demo.fit_form(form, demo.new_model("add", np.random.default_rng(9), run), run)
        return saving.load(folder / f"training-{form}.safetensors")

    def stop(*arguments, **named):
        saving.save_training(*arguments, **named)
        raise KeyboardInterrupt

    whole = train(tmp_path / "whole")
    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(training, "saving", argparse.Namespace(save_training=stop))
        train(tmp_path / "stopped")
    again = train(tmp_path / "stopped", resume=True)
    assert whole[1] == again[1]
    assert all(whole[0][name].tobytes() == again[0][name].tobytes() for name in whole[0])
