"""One network for many styles: what its normalisation does, what a mixture is, and what its loss adds up."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import Tensor, no_grad, optim
from models.features import RandomFeatures
from models.style_network import ConditionalInstanceNorm, StyleLoss, StyleNetwork, with_another_style
from models.style_transfer import RECIPES, StyleTransfer, balanced

SMALL = {"widths": (4, 6, 8), "blocks": 1}


def network(styles=3, seed=0):
    """A small network whose styles differ."""
    model, rng = StyleNetwork(styles, **SMALL, rng=np.random.default_rng(seed)), np.random.default_rng(1)
    for p in model.norms():
        p.data[...] += rng.normal(0, 0.3, p.shape).astype(np.float32)
    return model


def test_a_style_is_the_instance_norm_with_its_own_scales_and_shifts(rng):
    norm, x = ConditionalInstanceNorm(3, 4), Tensor(rng.normal(size=(2, 4, 5, 6)).astype(np.float32))
    norm.weight.data[...], norm.bias.data[...] = rng.normal(size=(2, 3, 4))
    y = norm(x, Tensor(np.eye(3, dtype=np.float32)[[2, 0]]))
    for picture, s in enumerate((2, 0)):
        plain = mg.instance_norm(x[picture : picture + 1], w=norm.weight[s], b=norm.bias[s])
        assert y.numpy()[picture].tobytes() == plain.numpy()[0].tobytes()


@pytest.mark.parametrize("size", [(16, 16), (17, 22), (30, 19)])
def test_a_painted_picture_has_the_size_of_its_photograph(rng, size):
    x = Tensor(rng.random((2, 3, *size), np.float32))
    with no_grad():
        painted = network()(x, Tensor(np.full((2, 3), 1 / 3, np.float32))).numpy()
    assert painted.shape == x.shape and painted.min() > 0 and painted.max() < 1


def test_pictures_of_a_batch_are_painted_each_for_itself(rng):
    x, shares = rng.random((2, 3, 20, 16), np.float32), np.float32([[0.2, 0.8, 0], [0, 0.5, 0.5]])
    model = network()
    with no_grad():
        together = model(Tensor(x), Tensor(shares)).numpy()
        alone = [model(Tensor(x[i : i + 1]), Tensor(shares[i : i + 1])).numpy()[0] for i in range(2)]
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_a_style_that_has_all_the_shares_is_that_style(rng):
    x, model = Tensor(rng.random((1, 3, 16, 16), np.float32)), network()
    alone = StyleNetwork(1, **SMALL, rng=rng)
    arrays = model.state_dict()
    alone.load_state_dict({name: a[1:2] if ".norm." in name else a for name, a in arrays.items()})
    with no_grad():
        mixed, own = model(x, Tensor(np.float32([[0, 1, 0]]))), alone(x, Tensor(np.float32([[1]])))
    np.testing.assert_array_equal(mixed, own)


def test_a_new_style_is_learnt_and_leaves_every_other_bit(rng):
    before, x = network(), Tensor(rng.random((2, 3, 16, 16), np.float32))
    model = with_another_style(before)
    shares = Tensor(np.eye(4, dtype=np.float32)[[3, 3]])
    adam, target = optim.Adam(list(model.norms()), 0.05), Tensor(rng.random(x.shape, np.float32))
    losses = []
    for _ in range(20):
        adam.zero_grad()
        loss = mg.mse_loss(model(x, shares), target)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < 0.9 * losses[0]
    for (name, old), new in zip(before.state_dict().items(), model.state_dict().values()):
        assert (new[:3] if ".norm." in name else new).tobytes() == old.tobytes(), name


def test_what_is_no_picture_or_no_mixture_is_refused(rng):
    for x, shares in (
        ((3, 20, 20), (1, 3)),
        ((1, 1, 20, 20), (1, 3)),
        ((1, 3, 20, 20), (1, 2)),
        ((1, 3, 9, 20), (1, 3)),
    ):
        with pytest.raises(ValueError, match="StyleNetwork: x is .* and shares"):
            network()(mg.zeros(x), mg.zeros(shares))


def test_the_loss_is_the_mean_of_what_style_transfer_asks_of_each_picture(rng):
    features, recipe = RandomFeatures(channels=12, blobs=2, scales=2, rng=rng), RECIPES["random"]
    recipe = recipe._replace(style={"scale1": 1.0, "scale2": 2.0})
    x, contents = (Tensor(rng.random((3, 3, 24, 24), np.float32)) for _ in range(2))
    styles = [Tensor(rng.random((1, 3, 20, 28), np.float32) ** (1 + s)) for s in range(2)]
    recipes, which = [balanced(recipe, features, contents, [style]) for style in styles], np.array([1, 0, 1])
    loss = StyleLoss(features, styles, recipes, beta=5.0)(x, contents, which)
    each = [
        StyleTransfer(features, contents[i : i + 1], [styles[s]], recipes[s], beta=5.0)(x[i : i + 1]).item()
        for i, s in enumerate(which)
    ]
    assert loss.item() == pytest.approx(np.mean(each), rel=1e-4)


def test_weights_balanced_on_several_contents_give_them_a_mean_of_1(rng):
    features, recipe = RandomFeatures(channels=12, blobs=2, scales=2, rng=rng), RECIPES["random"]
    recipe = recipe._replace(style={"scale1": 1.0, "scale2": 1.0})
    contents, style = (
        Tensor(rng.random((3, 3, 24, 24), np.float32)),
        Tensor(rng.random((1, 3, 20, 28), np.float32) ** 2),
    )
    recipe = balanced(recipe, features, contents, [style])
    at_start = [
        StyleTransfer(features, contents[i : i + 1], [style], recipe).losses(contents[i : i + 1]) for i in range(3)
    ]
    assert np.mean([losses.styles[0].item() for losses in at_start]) == pytest.approx(2, rel=1e-4)
