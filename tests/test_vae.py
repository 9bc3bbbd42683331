"""The variational autoencoders, dense and convolutional: their loss against its formula, their shapes, their errors."""

import numpy as np
import pytest
from scipy.stats import bernoulli, norm

import minigrad as mg
from minigrad import Tensor, optim, saving
from models.conv_vae import ConvVAE
from models.vae import DenseVAE, decorrelate_codes, loss_terms, negative_elbo, rescale_codes

SHAPE = (1, 4, 3)


def dense(rng, code=2):
    return DenseVAE(code, image_shape=SHAPE, rng=rng)


def conv(rng, **options):
    return ConvVAE(3, image_shape=(2, 32, 16), width=2, rng=rng, **options)


def images(rng, *shape):
    return Tensor(rng.random(shape, np.float32))


def test_codes_reconstructions_and_samples_have_the_shapes_that_they_promise(rng):
    for model, shape in ((dense(rng), SHAPE), (conv(rng), (2, 32, 16))):
        logits, mean, log_variance = model(images(rng, 5, *shape))
        assert logits.shape == (5, *shape)
        assert mean.shape == log_variance.shape == (5, model.code)
        assert model.draw(mean, log_variance).shape == (5, model.code)
        samples = model.sample(4).numpy()
        assert samples.shape == (4, *shape) and samples.min() >= 0 and samples.max() <= 1


def test_the_convolutional_network_has_the_layers_of_the_lecture():
    model = ConvVAE(rng=np.random.default_rng(0))
    shapes = {name: p.shape for name, p in model.named_parameters() if name.endswith("weight")}
    assert list(shapes.values()) == [
        *((64, 256 * 4 * 4), (64, 256 * 4 * 4)),
        *((32, 3, 4, 4), (64, 32, 4, 4), (128, 64, 4, 4), (256, 128, 4, 4)),
        (256 * 4 * 4, 64),
        *((128, 256, 3, 3), (64, 128, 3, 3), (32, 64, 3, 3), (3, 32, 3, 3)),
    ]


def test_the_convolutional_decoder_starts_from_the_mean_image(rng):
    mean = rng.random((2, 32, 16)) * 0.9 + 0.05
    model = conv(rng, mean=mean)
    for layer in (model.widen, *model.decoder):
        for _, parameter in layer.named_parameters():
            parameter.data[...] = 0
    np.testing.assert_allclose(model.sample(1).numpy()[0], mean, rtol=1e-5)
    _, log_variance = model.encode(images(rng, 1, 2, 32, 16))
    assert log_variance.shape == (1, 3) and model.log_variance.bias.numpy().max() < -1


def test_codes_are_drawn_with_the_mean_and_variance_that_the_encoder_gives(rng):
    mean, log_variance = np.float32([1.5, -2]), np.float32([-1, 0.7])
    z = dense(rng).draw(*(Tensor(np.tile(row, (200_000, 1))) for row in (mean, log_variance))).numpy()
    np.testing.assert_allclose(z.mean(axis=0), mean, atol=0.01)
    np.testing.assert_allclose(np.log(z.var(axis=0)), log_variance, atol=0.02)


def test_the_loss_of_binary_pixels_is_their_surprise_plus_the_divergence_in_nats_per_image(rng):
    model, x = dense(rng), Tensor((rng.random((6, *SHAPE)) < 0.5).astype(np.float32))
    model.rng = np.random.default_rng(1)
    surprise, divergence = loss_terms(model, x)
    model.rng = np.random.default_rng(1)
    logits, mean, log_variance = (t.numpy().astype(np.float64) for t in model(x))
    expected = -bernoulli.logpmf(x.numpy(), 1 / (1 + np.exp(-logits))).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(surprise.numpy(), expected, rtol=1e-5)
    expected_kl = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(axis=1)
    np.testing.assert_allclose(divergence.numpy(), expected_kl, rtol=1e-4, atol=1e-5)
    model.rng = np.random.default_rng(1)
    np.testing.assert_allclose(negative_elbo(model, x).item(), np.mean(expected + expected_kl), rtol=1e-5)


@pytest.mark.parametrize("learn_sigma", [False, True])
def test_the_surprise_of_gaussian_pixels_is_minus_their_log_density(rng, learn_sigma):
    model, x = conv(rng, sigma=0.3, learn_sigma=learn_sigma), images(rng, 3, 2, 32, 16)
    logits = Tensor(rng.standard_normal(x.shape, np.float32))
    expected = -norm.logpdf(x.numpy().astype(np.float64), mg.sigmoid(logits).numpy(), 0.3).sum(axis=(1, 2, 3))
    np.testing.assert_allclose(model.surprise(logits, x).numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("make", [dense, conv])
def test_the_gradient_of_the_loss_is_its_slope_along_any_direction(make, rng):
    model, shape = make(rng).to(dtype=np.float64), SHAPE if make is dense else (2, 32, 16)
    x, step = Tensor(rng.random((2, *shape)), requires_grad=True), 1e-6  # small: ReLU has kinks

    def loss():
        model.rng = np.random.default_rng(2)  # the same noise in every call
        return negative_elbo(model, x)

    loss().backward()
    leaves = [x, *model.parameters()]
    directions = [rng.standard_normal(leaf.shape) for leaf in leaves]
    slope = sum((leaf.grad.numpy() * d).sum() for leaf, d in zip(leaves, directions, strict=True))
    values = []
    for move in (step, -2 * step):  # to one side of where we were, and from there to the other
        for leaf, d in zip(leaves, directions, strict=True):
            leaf.data += move * d
            leaf.mark_changed()
        values.append(loss().item())
    np.testing.assert_allclose((values[0] - values[1]) / (2 * step), slope, rtol=1e-5)


@pytest.mark.parametrize("make", [dense, conv])
def test_rescaled_codes_have_mean_0_and_variance_1_and_the_same_reconstructions(make, rng):
    model = make(rng).to(dtype=np.float64)
    model.mean.bias.data[...] = 2
    model.log_variance.bias.data[...] = 1
    x = Tensor(rng.random((40, *(SHAPE if make is dense else (2, 32, 16)))))

    def look():
        mean, log_variance = model.encode(x)
        model.rng = np.random.default_rng(1)
        return mean.numpy(), np.exp(log_variance.numpy()), model(x)[0].numpy(), loss_terms(model, x)[1].numpy().mean()

    m, v, logits, divergence = look()
    shift, scale = m.mean(axis=0), np.sqrt(m.var(axis=0) + v.mean(axis=0))
    rescale_codes(model, model.decoder[0] if make is dense else model.widen, Tensor(shift), Tensor(scale))
    m, v, same_logits, less = look()
    np.testing.assert_allclose(m.mean(axis=0), 0, atol=1e-9)
    np.testing.assert_allclose(m.var(axis=0) + v.mean(axis=0), 1)
    np.testing.assert_allclose(same_logits, logits, rtol=1e-6, atol=1e-6)
    expected = divergence - 0.5 * (scale**2 + shift**2 - 1 - 2 * np.log(scale)).sum()  # KL of all codes from N(0, I)
    np.testing.assert_allclose(less, expected)


def test_decorrelated_codes_have_uncorrelated_means_and_the_same_images(rng):
    model, x = dense(rng, code=3), images(rng, 50, *SHAPE)
    mean, spread = (t.numpy().astype(np.float64) for t in model.encode(x))
    logits = model.decode_logits(model.encode(x)[0]).numpy()
    values, axes = np.linalg.eigh(np.cov(mean.T))
    decorrelate_codes(model, model.decoder[0], Tensor(((axes * np.sqrt(values)) @ axes.T).astype(np.float32)))
    turned, same_spread = (t.numpy() for t in model.encode(x))
    np.testing.assert_allclose(np.cov(turned.T), np.eye(3), atol=1e-3)
    np.testing.assert_allclose(same_spread, spread, rtol=1e-5)
    np.testing.assert_allclose(model.decode_logits(Tensor(turned)).numpy(), logits, atol=1e-4)


def test_a_learned_sigma_finds_the_root_mean_squared_error(rng):
    model, x = conv(rng, sigma=0.1, learn_sigma=True), images(rng, 8, 2, 32, 16)
    logits = Tensor(np.zeros(x.shape, np.float32))
    adam = optim.Adam([model.log_sigma], 0.03)
    for _ in range(200):
        adam.zero_grad()
        model.surprise(logits, x).mean().backward()
        adam.step()
    rmse = np.sqrt(np.mean((x.numpy() - 0.5) ** 2))
    np.testing.assert_allclose(np.exp(model.log_sigma.item()), rmse, rtol=0.01)


def test_sigma_is_saved_whether_it_is_learned_or_not_and_trained_only_if_it_is(rng, tmp_path):
    for learn_sigma in (False, True):
        model, other = conv(rng, sigma=0.3, learn_sigma=learn_sigma), conv(rng, sigma=0.5, learn_sigma=learn_sigma)
        assert ("log_sigma" in dict(model.named_parameters())) == learn_sigma
        saving.save(tmp_path / "model.safetensors", model.state_dict())
        other.load_state_dict(saving.load(tmp_path / "model.safetensors")[0])
        assert other.log_sigma.item() == model.log_sigma.item()


def test_a_few_steps_bring_the_loss_down(rng):
    model, x = dense(rng), Tensor(np.tile(np.eye(4, 3, dtype=np.float32), (8, 1, 1, 1)))
    adam, losses = optim.Adam(model.parameters(), 1e-2), []
    for _ in range(40):
        adam.zero_grad()
        loss = negative_elbo(model, x)
        loss.backward()
        adam.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 4


@pytest.mark.parametrize(
    "options, message",
    [
        ({"image_shape": (1, 40, 64)}, "images are 40 x 64; four halvings need multiples of 16"),
        ({"sigma": 0.0}, "sigma is 0.0; it must be positive"),
        ({"sigma": float("nan")}, "sigma is nan; it must be positive"),
        ({"mean": np.zeros((1, 64, 64))}, r"mean is \(1, 64, 64\); it must be an image \(3, 64, 64\)"),
    ],
)
def test_wrong_arguments_are_named(options, message, rng):
    with pytest.raises(ValueError, match=message):
        ConvVAE(rng=rng, **options)
