"""The demo of deep inverse graphics: what it measures of a code, what it exchanges and moves, how it goes on."""

import argparse

import numpy as np
import pytest

from demos import inverse_graphics as demo
from demos import training
from demos.data.turning import FACTORS, FIELDS, turning
from demos.run import Run
from minigrad import saving

LIMITS = np.array([high for _, high in FACTORS.values()])


def options(out, **changed):
    return argparse.Namespace(
        **{"seed": 0, "epochs": 2, "quick": True, "resume": False, "device": "cpu", "out": out, **changed}
    )


class Identity:
    """A model whose images are their codes."""

    def decode(self, code):
        return code


@pytest.fixture(scope="module")
def scenes():
    return turning(300, "train", 0), turning(200, "test", 0)


def task(scenes):
    return demo.Task(np.empty(0), np.empty(0), scenes[0], np.empty(0), scenes[1])


def read(scenes, mix, places):
    """A code whose numbers are the factors, each from -1 to 1, times mix (3, k)."""
    x, y = (demo.known(scene) / LIMITS @ mix for scene in scenes)
    return demo.Read(Identity(), [], x, y, places)


def test_a_batch_in_which_a_factor_varies_has_one_active_number_and_one_of_people_has_all_the_rest(tmp_path):
    active = demo.choose(options(tmp_path)).active
    assert active.sum(axis=1)[:6].tolist() == [1, 1, 1, 29, 29, 29]
    assert active[:3, :3].tolist() == np.eye(3, dtype=bool).tolist() and not active[3:6, :3].any()


def test_numbers_that_are_the_factors_tell_each_its_own_and_leave_nothing_to_the_others(scenes):
    code = read(scenes, np.eye(3)[:, [2, 0, 1]], (1, 2, 0))
    r2 = demo.shares(code, task(scenes))
    assert r2.shape == (3, 4)
    np.testing.assert_allclose(r2[:, :3], np.eye(3), atol=0.03)
    assert r2[:, 3].max() < 0.1
    assert max(demo.left_behind(code, k, task(scenes)) for k in range(3)) < 0.05


def test_a_number_that_mixes_two_factors_tells_half_of_each_and_a_copy_of_it_stays_behind(scenes):
    mix = np.array([[1.0, 0, 0, 1], [1, 1, 0, 1], [0, 0, 1, 0]])
    code = read(scenes, mix, (0, 1, 2))
    assert demo.shares(code, task(scenes))[0, :2] == pytest.approx([0.5, 0.5], abs=0.1)
    assert demo.left_behind(code, 0, task(scenes)) > 0.99


def test_an_exchange_takes_one_number_from_the_face_before_and_keeps_the_rest(scenes, tmp_path):
    code = read(scenes, np.eye(3), (2, 0, 1))
    images = demo.exchanged(code, 0, Run("inverse_graphics", options(tmp_path)))
    np.testing.assert_allclose(images[1:, 2], code.y[:-1, 2], rtol=1e-6)
    np.testing.assert_allclose(images[:, :2], code.y[:, :2], rtol=1e-6)


def test_a_sweep_puts_one_number_where_training_images_of_these_values_have_it(scenes, tmp_path):
    code = read(scenes, np.diag([1.0, -2.0, 3.0]), (0, 1, 2))
    run, values = Run("inverse_graphics", options(tmp_path)), np.linspace(*FACTORS["elevation"], 5)
    images = demo.sweep(code, list(FIELDS).index("elevation"), 7, values, task(scenes), run)
    np.testing.assert_allclose(images[:, 1], [2, 1, 0, -1, -2], atol=1e-5)
    np.testing.assert_allclose(images[:, [0, 2]], np.repeat(code.y[[7]][:, [0, 2]], 5, axis=0), rtol=1e-6)


@pytest.mark.parametrize("fit", [demo.fit_ours, demo.fit_plain])
def test_a_training_stopped_after_an_epoch_goes_on_to_the_same_bits(fit, tmp_path, monkeypatch):
    drawn = demo.choose(options(tmp_path))
    small = drawn._replace(x=drawn.x[:8], active=drawn.active[:8], y=drawn.y[:8])

    def train(folder, **changed):
        folder.mkdir(exist_ok=True)
        run = Run("inverse_graphics", options(folder, **changed), epochs=demo.EPOCHS)
        monkeypatch.setattr(demo, "codes", lambda *_: (np.zeros((192, demo.CODE)), np.zeros((8, demo.CODE))))
        fit(small, run)
        return saving.load(next(folder.glob("*.safetensors")))

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
