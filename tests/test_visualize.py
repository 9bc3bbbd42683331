"""Feature visualisation and deep dream: objectives against their formulas, the parts of an image, and what rises."""

import math
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import minigrad as mg
from demos.deep_dream import untrained
from demos.feature_visualization import photo_crops
from demos.pixels import ascend, dream
from minigrad import Tensor, nn
from models.deep_dream import resize
from models.digit_net import DigitNet
from models.features import VGG19
from models.relu import redirected_relu, relu
from models.visualize import KINDS, FourierImage, Objective, measure, transform


class Network:
    """One convolution, "conv", and a dense layer on its mean, "dense"."""

    def __init__(self, rng):
        self.conv = nn.Conv2d(3, 4, 3, rng=rng)
        self.conv.weight.requires_grad = self.conv.bias.requires_grad = False

    def activations(self, x, names):
        a = self.conv(x)
        return {name: {"conv": a, "dense": a.mean(axis=(2, 3))}[name] for name in names}


# ---- objectives ------------------------------------------------------------------------------------------------------


def by_hand(a, kind, k):
    """The objective of one image."""
    if kind == "neuron":
        return a[k, a.shape[1] // 2, a.shape[2] // 2]
    if kind == "channel":
        return a[k].mean()
    if kind == "layer":
        return (a**2).mean()
    return math.exp(a[k]) / sum(map(math.exp, a)) if kind == "class probability" else a[k]


def activations(rng, kind):
    return rng.normal(size=(3, 4, 5, 7) if KINDS[kind][0] == 4 else (3, 4))


@pytest.mark.parametrize("kind", KINDS)
def test_every_objective_is_its_formula_with_one_index_or_one_per_image(kind, rng):
    a = activations(rng, kind)
    for index in (2, [3, 0, 2]):
        expected = [by_hand(image, kind, k) for image, k in zip(a, np.broadcast_to(index, 3))]
        np.testing.assert_allclose(measure(Tensor(a), kind, index).numpy(), expected)


@pytest.mark.parametrize("kind", KINDS)
def test_the_gradient_of_every_objective_passes_the_check(kind, rng):
    mg.gradcheck(lambda a: measure(a, kind, [1, 0, 3]), [activations(rng, kind)])


@pytest.mark.parametrize(
    "shape, kind, index, message",
    [
        ((2, 4), "texture", 0, "unknown kind 'texture'; it must be one of 'neuron', 'channel'"),
        ((2, 4), "channel", 0, r"are \(2, 4\); a channel needs a convolution's"),
        ((2, 4, 5, 5), "class logit", 0, "a class logit needs a dense layer's"),
        ((2, 4, 5, 5), "channel", 4, "no channel 4; this layer has 0 to 3"),
        ((2, 4), "hidden unit", [0, -1], "no hidden unit .*; this layer has 0 to 3"),
        ((2, 4), "hidden unit", [0, 1, 2], "or 2 of them, one per image"),
        ((2, 4), "hidden unit", 0.5, "must be a whole number"),
    ],
)
def test_an_objective_that_cannot_be_measured_is_refused(shape, kind, index, message):
    with pytest.raises(ValueError, match=message):
        measure(Tensor(np.zeros(shape)), kind, index)


def test_an_unknown_layer_is_refused(rng):
    with pytest.raises(ValueError, match="unknown layer 'conv9'; the layers are conv1, conv2"):
        Objective(DigitNet(rng=rng), "conv9", "channel")(Tensor(np.zeros((1, 1, 28, 28), np.float32)))
    with pytest.raises(ValueError, match="unknown layer '13'"):
        Objective(untrained(0), "13", "channel")(Tensor(np.zeros((1, 3, 32, 32), np.float32)))


# ---- images ----------------------------------------------------------------------------------------------------------


def test_the_waves_are_those_of_the_fourier_transform_in_its_frequencies(rng):
    image = FourierImage(1, (1, 6, 8), rng=rng).to(dtype=np.float64)
    for row, column in np.ndindex(6, 8):
        image.t.data[...] = 0
        image.t.data[0, 0, row, column] = 1
        x = image().numpy()[0, 0]
        power = np.abs(np.fft.fft2(np.log(x / (1 - x)))) ** 2  # undo the sigmoid
        away = np.ones((6, 8), bool)
        for sign_row, sign_column in ((1, 1), (1, -1), (-1, 1), (-1, -1)):
            away[sign_row * row % 6, sign_column * column % 8] = False
        assert power[away].max(initial=0) < 1e-10 * power.max()  # B in float32
        frequency = math.hypot(np.fft.fftfreq(6)[row], np.fft.fftfreq(8)[column])
        assert math.sqrt(power.sum() / 48) == pytest.approx(0.25 / max(frequency, 1 / 8))  # Parseval


@pytest.mark.parametrize("channels", [1, 3])
def test_the_gradient_of_the_image_to_its_waves_passes_the_check(channels, rng):
    image = FourierImage(2, (channels, 3, 4), rng=rng).to(dtype=np.float64)

    def draw(t):
        image.t = t
        return image()

    mg.gradcheck(draw, [rng.normal(size=(2, channels, 3, 4))])


def test_images_start_almost_grey_and_stay_within_0_and_1(rng):
    image = FourierImage(2, (3, 32, 48), rng=rng)
    x = image().numpy()
    assert x.shape == (2, 3, 32, 48) and 0.001 < x.std() < 0.05
    image.t.data *= 1e4
    assert image().numpy().min() >= 0 and image().numpy().max() <= 1


def test_images_of_two_channels_are_refused(rng):
    with pytest.raises(ValueError, match="2 channels; it must be 1, grey, or 3, RGB"):
        FourierImage(1, (2, 8, 8), rng=rng)


def test_a_transformation_moves_the_image_by_no_more_than_it_says(rng):
    y, x = np.mgrid[:40, :60].astype(np.float32)
    seen = transform(Tensor(np.stack([x, y])[None].repeat(200, axis=0)), rng).numpy()  # the colours say where
    moved = seen[:, :, 20, 30] - [30, 20]
    assert (np.abs(moved) <= [6.2, 4.2]).all() and (np.abs(moved).max(axis=0) > [5, 3.5]).all()  # a tenth of the sides
    across, down = seen[:, :, 20, 34] - seen[:, :, 20, 26], seen[:, :, 24, 30] - seen[:, :, 16, 30]
    scale, angle = np.hypot(*across.T) / 8, np.degrees(np.arctan2(across[:, 1], across[:, 0]))
    np.testing.assert_allclose(np.hypot(*down.T) / 8, scale, rtol=1e-3)
    np.testing.assert_allclose((across * down).sum(axis=1), 0, atol=0.02)  # a turn: right angles stay
    assert 0.899 < scale.min() < 0.91 and 1.09 < scale.max() < 1.101
    assert -10.1 < angle.min() < -9.5 and 9.5 < angle.max() < 10.1


# ---- ascent ----------------------------------------------------------------------------------------------------------


def test_gradients_pass_relus_that_are_silent_for_a_whole_image_and_no_others():
    x = Tensor(np.array([[-1.0, -2.0], [-1.0, 2.0]]), requires_grad=True)
    g = np.array([[-3.0, 3.0], [-3.0, 3.0]])  # a step against g raises the first column
    usual = [[0, 0], [0, 3]]
    with redirected_relu():
        np.testing.assert_array_equal(mg.grad(relu(x), x, Tensor(g)).numpy(), [[-3, 0], [0, 3]])
        np.testing.assert_array_equal(mg.grad(mg.relu(x), x, Tensor(g)).numpy(), usual)
    np.testing.assert_array_equal(mg.grad(relu(x), x, Tensor(g)).numpy(), usual)


def test_gradients_are_the_usual_ones_again_after_an_error():
    x = Tensor(np.array([[-1.0]]), requires_grad=True)
    with pytest.raises(KeyError), redirected_relu():
        raise KeyError
    assert mg.grad(relu(x), x, Tensor([[-3.0]])).item() == 0


def test_gradients_of_another_thread_are_the_usual_ones():
    x = Tensor(np.array([[-1.0]]), requires_grad=True)
    with redirected_relu(), ThreadPoolExecutor(1) as pool:
        assert pool.submit(lambda: mg.grad(relu(x), x, Tensor([[-3.0]])).item()).result() == 0
        assert mg.grad(relu(x), x, Tensor([[-3.0]])).item() == -3


def test_the_gradient_of_the_relu_passes_the_check_when_it_is_not_redirected(rng):
    mg.gradcheck(relu, [rng.normal(size=(3, 4))])


@pytest.mark.parametrize("network", [untrained(0), VGG19(rng=np.random.default_rng(0))], ids=["SqueezeNet", "VGG19"])
def test_the_networks_that_images_are_drawn_for_hold_no_other_relu(network):
    assert not [layer for _, layer in network.features.children() if isinstance(layer, nn.ReLU)]


def test_a_channel_that_is_silent_at_first_is_woken(rng):
    network = Network(rng)
    network.conv.bias.data[...] = -0.1
    network.activations = lambda x, names: {"conv": relu(network.conv(x - 0.5))}
    image = FourierImage(1, (3, 12, 12), rng=rng)
    values = list(ascend(image, Objective(network, "conv", "channel", 1), [1], steps=40, rng=rng))
    assert values[0] == 0 and values[-1] > 0


@pytest.mark.parametrize("kind", KINDS)
def test_one_sign_raises_an_objective_and_the_other_lowers_it(kind, rng):
    objective = Objective(Network(rng), "conv" if KINDS[kind][0] != 2 else "dense", kind, 1)
    image = FourierImage(2, (3, 16, 16), rng=rng)
    before = objective(image()).numpy()
    steps = list(ascend(image, objective, [1, -1], steps=12, rng=rng))
    high, low = objective(image()).numpy() - before
    assert high > 0 > low and len(steps) == 12 and steps[0].shape == (2,)


# ---- deep dream ------------------------------------------------------------------------------------------------------


def test_every_octave_of_a_dream_raises_the_objective(rng):
    photo = rng.random((1, 3, 64, 80), np.float32)
    octaves = list(dream(untrained(0), "3.expand", Tensor(photo), octaves=3, steps=2, jitter=4, rng=rng))
    assert [octave.image.shape[2:] for octave in octaves] == [(33, 41), (46, 57), (64, 80)]
    assert all(octave.after > octave.before for octave in octaves)
    last = octaves[-1].image.numpy()
    assert last.min() >= 0 and last.max() <= 1


def test_a_step_changes_colours_by_its_rate_on_average(rng):
    photo = rng.uniform(0.3, 0.7, (1, 3, 48, 40)).astype(np.float32)
    (octave,) = dream(untrained(0), "0", Tensor(photo), octaves=1, steps=1, rate=0.01, rng=rng)
    assert np.abs(octave.image.numpy() - photo).mean() == pytest.approx(0.01, rel=1e-2)


def test_a_dream_without_steps_is_the_photo(rng):
    photo = rng.random((1, 3, 48, 56), np.float32)
    *_, octave = dream(untrained(0), "0", Tensor(photo), octaves=2, steps=0, rng=rng)
    np.testing.assert_allclose(octave.image.numpy(), photo, atol=1e-6)


def test_octaves_too_small_to_see_anything_are_refused(rng):
    with pytest.raises(ValueError, match="4 octaves of a photo 64 x 80 begin below 32 pixels; take fewer"):
        next(dream(untrained(0), "0", Tensor(np.zeros((1, 3, 64, 80), np.float32)), rng=rng))


@pytest.mark.parametrize("options", [{"octaves": 0}, {"ratio": 1}])
def test_a_dream_needs_octaves_of_different_sizes(options, rng):
    with pytest.raises(ValueError, match="give 1 octave or more, and a ratio above 1"):
        next(dream(untrained(0), "0", Tensor(np.zeros((1, 3, 64, 80), np.float32)), **options, rng=rng))


def test_resizing_keeps_straight_slopes(rng):
    y, x = np.mgrid[:20, :30] / 1.0
    slope = (2 * (x + 0.5) / 30 + (y + 0.5) / 20)[None, None]
    y, x = np.mgrid[:28, :42] / 1.0
    expected = 2 * (x + 0.5) / 42 + (y + 0.5) / 28
    got = resize(Tensor(slope), (28, 42)).numpy()[0, 0]
    np.testing.assert_allclose(got[1:-1, 1:-1], expected[1:-1, 1:-1], atol=1e-12)


# ---- the demo --------------------------------------------------------------------------------------------------------


def test_the_layers_of_the_classifier_have_their_sizes_and_its_scores_come_last(rng):
    network, x = DigitNet(rng=rng).eval(), Tensor(rng.random((2, 1, 28, 28), np.float32))
    shapes = {name: a.shape[1:] for name, a in network.activations(x, network.layers).items()}
    assert shapes == {
        "conv1": (16, 28, 28),
        "conv2": (32, 14, 14),
        "conv3": (64, 7, 7),
        "hidden": (64,),
        "scores": (10,),
    }
    np.testing.assert_array_equal(network(x).numpy(), network.activations(x, ["scores"])["scores"].numpy())


def test_photo_crops_repeat_and_differ():
    crops = photo_crops(30, 24, seed=0)
    assert crops.shape == (30, 3, 24, 24) and crops.min() >= 0 and crops.max() <= 1
    np.testing.assert_array_equal(crops, photo_crops(30, 24, seed=0))
    assert len(np.unique(crops.reshape(30, -1), axis=0)) == 30
