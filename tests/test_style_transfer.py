"""Style transfer: its losses against the formulas of the slide, and the pixels that lower them."""

import argparse

import numpy as np
import pytest

import minigrad as mg
from demos import style_transfer
from demos.data.photos import photo, write
from demos.pixels import estimate, paint
from demos.style_transfer import choose_recipe, grey, match, read_styles
from minigrad import Tensor, nn
from models.features import Features, RandomFeatures
from models.style_transfer import FIXED, RECIPES, Recipe, StyleTransfer, balanced, content_loss, grams, style_loss


class Smooth(Features):
    """Two layers without kinks, so that gradients can be checked."""

    layers = ["first", "second"]

    def __init__(self, rng):
        self.a, self.b = nn.Conv2d(3, 4, 3, padding=1, rng=rng), nn.Conv2d(4, 5, 3, stride=2, rng=rng)

    def units(self, x, wanted):
        x = mg.tanh(self.a(x))
        yield "first", x
        yield "second", mg.tanh(self.b(x))


RECIPE = Recipe({"second": 2.0}, {"first": 3.0, "second": 5.0}, 0.1)


@pytest.fixture
def pictures(rng):
    """A content image, two styles of other sizes."""
    return Tensor(rng.random((1, 3, 8, 10))), [Tensor(rng.random((1, 3, *size))) for size in ((8, 10), (9, 7))]


@pytest.fixture
def features(rng):
    return Smooth(rng).to(dtype=np.float64)


def test_the_content_loss_is_half_the_sum_of_squares(rng):
    f, p = rng.normal(size=(2, 1, 3, 4, 5))
    assert content_loss(Tensor(f), Tensor(p)).item() == pytest.approx(0.5 * sum((f.ravel() - p.ravel()) ** 2))


def test_the_style_loss_is_the_formula_of_the_slide(rng):
    N, M = 3, 20
    f, s = rng.normal(size=(2, N, M))
    total = 0.0
    for i in range(N):
        for j in range(N):
            G, A = (sum(t[i, k] * t[j, k] for k in range(M)) for t in (f, s))
            total += (G - A) ** 2
    own, wanted = (grams({"l": Tensor(t.reshape(1, N, 4, 5))})["l"] for t in (f, s))
    assert style_loss(own, wanted).item() == pytest.approx(total / (4 * N**2 * M**2))


def test_the_style_does_not_depend_on_where_things_are(rng):
    f = rng.normal(size=(1, 3, 4, 5))
    moved = rng.permuted(f.reshape(1, 3, 20).transpose(2, 0, 1), axis=0)  # each of 60 numbers on its own
    together = f.reshape(1, 3, 20)[:, :, rng.permutation(20)].reshape(f.shape)
    a, b, c = (grams({"l": Tensor(t.reshape(1, 3, 4, 5))})["l"].numpy() for t in (f, together, moved))
    np.testing.assert_allclose(a, b)
    assert not np.allclose(a, c)


def test_the_loss_is_the_weighted_sum_of_its_parts(features, pictures):
    content, styles = pictures
    loss = StyleTransfer(features, content, styles, RECIPE, alpha=0.5, beta=7.0, shares=[0.2, 0.8])
    x = Tensor(np.random.default_rng(1).random(content.shape))
    parts = loss.losses(x)
    expected = 0.5 * parts.content.item() + 7 * (0.2 * parts.styles[0].item() + 0.8 * parts.styles[1].item())
    assert loss(x).item() == pytest.approx(expected + 0.1 * parts.variation.item())
    second = features.activations(x, ["second"])["second"], features.activations(content, ["second"])["second"]
    assert parts.content.item() == pytest.approx(2.0 * content_loss(*second).item())


def test_the_content_image_has_its_content_and_the_style_image_its_style(features, pictures):
    content, styles = pictures
    loss = StyleTransfer(features, content, styles[:1], RECIPE)
    assert loss.losses(content).content.item() == 0
    assert loss.losses(styles[0]).styles[0].item() == pytest.approx(0, abs=1e-20)


def test_the_gradient_to_the_pixels_passes_the_check(features, pictures):
    content, styles = pictures
    loss = StyleTransfer(features, content, styles, RECIPE, beta=3.0)
    mg.gradcheck(lambda x: loss(x), [np.random.default_rng(1).random((1, 3, 8, 10))])


def test_a_mixture_of_styles_is_the_style_of_their_mean_gram_matrix(features, pictures):
    content, styles = pictures
    mixture = StyleTransfer(features, content, styles, RECIPE, shares=[0.3, 0.7])
    mean = StyleTransfer(features, content, styles[:1], RECIPE)
    mean.grams = [{layer: 0.3 * mixture.grams[0][layer] + 0.7 * mixture.grams[1][layer] for layer in RECIPE.style}]
    rng = np.random.default_rng(1)
    differences = [mixture(x).item() - mean(x).item() for x in (Tensor(rng.random(content.shape)) for _ in range(3))]
    assert differences[0] > 0 and differences == pytest.approx([differences[0]] * 3)


def test_there_must_be_as_many_shares_as_styles(features, pictures):
    with pytest.raises(ValueError, match="2 styles and 1 shares"):
        StyleTransfer(features, *pictures, RECIPE, shares=[1.0])
    with pytest.raises(ValueError, match="0 styles"):
        StyleTransfer(features, pictures[0], [], RECIPE)


def test_balanced_weights_make_every_layer_count_as_much_as_its_weight(features, pictures):
    content, styles = pictures
    loss = StyleTransfer(features, content, styles, balanced(RECIPE, features, content, styles))
    at_start = loss.losses(content)
    assert sum(style.item() for style in at_start.styles) / 2 == pytest.approx(3.0 + 5.0)
    assert loss.recipe.smoothness * at_start.variation.item() == pytest.approx(0.1)
    f = loss.contents["second"].numpy()
    blank = content_loss(Tensor(f), Tensor(f.mean((2, 3), keepdims=True))).item()
    assert loss.recipe.content["second"] * blank == pytest.approx(2.0)


def test_pictures_that_leave_nothing_to_balance_are_refused(features, pictures):
    content, _ = pictures
    for same in (content, Tensor(np.full((1, 3, 8, 10), 0.5))):
        with pytest.raises(ValueError, match="blank or is the style image"):
            balanced(RECIPE, features, same, [content])


def test_every_recipe_names_layers_that_exist():
    random = RandomFeatures(rng=np.random.default_rng(0))
    assert {*RECIPES["random"].content, *RECIPES["random"].style} <= {*random.layers}


# Painting


@pytest.fixture
def loss():
    """The loss of a small transfer by random filters, and its content image."""
    features = RandomFeatures(channels=12, scales=2, rng=np.random.default_rng(0))
    content, style = (Tensor(photo(name, 32)[None]) for name in ("hopper", "mosaic"))
    recipe = balanced(Recipe({"scale2": 1.0}, {"scale1": 1.0}, 0.1), features, content, [style])
    return StyleTransfer(features, content, [style], recipe, beta=10.0), content.numpy()


@pytest.mark.parametrize("optimizer", ["lbfgs", "adam"])
def test_painting_lowers_the_loss_within_its_evaluations_and_range(loss, optimizer):
    f, start = loss
    before = start.copy()
    picture, history = paint(f, start, evaluations=25, optimizer=optimizer)
    assert len(history) == 25 and (start == before).all()
    assert picture.min() >= 0 and picture.max() <= 1
    assert f(Tensor(picture)).item() < 0.5 * f(Tensor(start)).item()


def test_an_interrupted_painting_shows_its_best_picture(loss):
    f, start = loss
    calls, seen = [], []

    def interrupted(x):
        calls.append(x)
        if len(calls) == 15:
            raise KeyboardInterrupt
        return f(x)

    with pytest.raises(KeyboardInterrupt):
        paint(interrupted, start, evaluations=100, preview=seen.append)
    values = [f(Tensor(picture)).item() for picture in seen]
    assert values[-1] <= values[0] < 0.8 * f(Tensor(start)).item()


def test_an_unknown_optimizer_is_refused(loss):
    with pytest.raises(ValueError, match="unknown optimizer 'sgd'; it must be one of 'lbfgs', 'adam'"):
        paint(*loss, evaluations=2, optimizer="sgd")


def test_the_estimate_grows_with_the_pixels(loss):
    small, large = (estimate(*loss, pixels)[0] for pixels in (1000, 4000))
    assert small > 0 and large == pytest.approx(4 * small, rel=0.2)


# Options


def test_styles_are_given_with_or_without_shares():
    assert read_styles([["a.jpg"]]) == (["a.jpg"], [1.0])
    assert read_styles([["a.jpg", "3"], ["b.jpg"]]) == (["a.jpg", "b.jpg"], [0.75, 0.25])


@pytest.mark.parametrize("option", [["a.jpg", "b.jpg"], ["a.jpg", "0"], ["a.jpg", "-1"], ["a.jpg", "1", "2"]])
def test_invalid_shares_are_refused(option):
    with pytest.raises(ValueError, match="--style a.jpg .*: give one picture and at most one positive share"):
        read_styles([option])


def test_layers_may_be_chosen_but_not_with_fixed_weights():
    args = argparse.Namespace(fixed_weights=False, layers=["4"], content_layers=None)
    assert choose_recipe("squeezenet", args) == RECIPES["squeezenet"]._replace(style={"4": 1.0})
    args.fixed_weights = True
    with pytest.raises(ValueError, match="--fixed-weights: they are for squeezenet and its own layers"):
        choose_recipe("squeezenet", args)
    args.layers = None
    assert choose_recipe("squeezenet", args) is FIXED


@pytest.fixture
def task():
    """A run's choices, of which only where to start matters."""
    args = argparse.Namespace(start="content", preserve_colour=False, seed=0)
    return style_transfer.Task(None, RECIPES["random"], 1.0, args)


def test_painting_starts_from_the_content_from_noise_or_from_a_smaller_result(task, tmp_path):
    content = Tensor(photo("hopper", 48)[None])
    np.testing.assert_array_equal(task.first(content), content.numpy())
    write(photo("hopper", 32), tmp_path / "smaller.png")
    for task.args.start, least in (("noise", 0.1), (str(tmp_path / "smaller.png"), 0.0)):
        apart = np.abs(task.first(content) - content.numpy()).mean()
        assert task.first(content).shape == content.shape and least <= apart < least + 0.3
    assert apart < 0.05


def test_a_start_of_other_proportions_is_refused(task):
    task.args.start = "mosaic"
    with pytest.raises(ValueError, match="--start mosaic: its proportions are not the content's"):
        task.first(Tensor(photo("hopper", 48)[None]))


def test_brightness_is_matched_and_colour_kept():
    a, b = photo("hopper", 32)[None], photo("mosaic", 32)[None]
    matched = match(grey(b) * 0.5 + 0.2, grey(a))
    assert matched.mean() == pytest.approx(grey(a).mean(), abs=0.03)
    assert (grey(a)[:, 0] == grey(a)[:, 2]).all()


def test_colours_are_preserved_in_the_result(tmp_path):
    from demos.command_line import main

    options = ["--quick", "--no-studies", "--features", "random", "--out", str(tmp_path)]
    assert main(["style_transfer", *options, "--preserve-colour", "--style", "mosaic", "2", "--style", "strokes"]) == 0
    result, content = photo(tmp_path / "result.png", 64), photo(style_transfer.CONTENT, 64)
    inside = ((result > 0.02) & (result < 0.98)).all(axis=0)
    chroma = [(image - grey(image[None])[0])[:, inside] for image in (result, content)]
    np.testing.assert_allclose(*chroma, atol=0.01)
