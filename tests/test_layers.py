"""Layers that say what their function says: shapes, padding, activations, sizes, against NumPy or PyTorch's numbers."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn

X = mg.Tensor(np.arange(12.0).reshape(1, 1, 3, 4) ** 1.5)


@pytest.mark.parametrize(
    "layer, pad",
    [
        (nn.ZeroPad2d(1), {"pad_width": ((0, 0), (0, 0), (1, 1), (1, 1))}),
        (nn.ZeroPad2d((1, 2, 0, 3)), {"pad_width": ((0, 0), (0, 0), (0, 3), (1, 2))}),
        (nn.ConstantPad2d(1, 7.0), {"pad_width": ((0, 0), (0, 0), (1, 1), (1, 1)), "constant_values": 7.0}),
        (nn.ReflectionPad2d((3, 1, 2, 0)), {"pad_width": ((0, 0), (0, 0), (2, 0), (3, 1)), "mode": "reflect"}),
        (nn.ReplicationPad2d((5, 0, 1, 4)), {"pad_width": ((0, 0), (0, 0), (1, 4), (5, 0)), "mode": "edge"}),
    ],
)
def test_padding_layers_take_left_right_top_bottom(layer, pad):
    assert np.array_equal(layer(X), np.pad(X.numpy(), **pad))


def test_unflatten_undoes_flatten(rng):
    x = mg.Tensor(rng.normal(size=(2, 3, 4, 5)))
    for dim in (1, -1):
        assert np.array_equal(nn.Unflatten(dim, (3, 4, 5))(nn.Flatten()(x)), x)
    assert nn.Identity()(x) is x


def test_activations_have_the_parameters_and_names_of_pytorch(rng):
    x = rng.normal(size=(2, 3, 4))
    np.testing.assert_allclose(nn.SiLU()(x), x / (1 + np.exp(-x)))
    np.testing.assert_allclose(nn.LogSoftmax(1)(x), x - np.log(np.exp(x).sum(1, keepdims=True)))
    slopes = np.array([0.1, 0.2, 0.3])
    layer = nn.PReLU(3).to(dtype=np.float64)
    layer.load_state_dict({"weight": slopes})
    np.testing.assert_allclose(layer(mg.Tensor(x)), np.where(x > 0, x, slopes[:, None] * x))
    mg.gradcheck(lambda x, w: (setattr(layer, "weight", w), layer(x))[1], [x, slopes], order=2)
    np.testing.assert_allclose(nn.PReLU()(x), np.where(x > 0, x, 0.25 * x))


def test_upsampling_takes_a_size_as_pytorch_does():
    nearest = [0, 1, 2.8284271247461903, 0, 1, 2.8284271247461903, 8, 11.180339887498949, 14.696938456699069]
    nearest += [*nearest[6:], 22.627416997969522, 27, 31.622776601683793]
    assert np.array_equal(mg.upsample(X, size=(5, 3)).numpy().ravel(), nearest)
    straight = [0.16666666666666663, 1.9142135623730951, 4.801531539713224, 3.5120226591665964, 6.323983806263461]
    straight += [10.034134546758583, 8.530056647916492, 12.938639172099009, 17.883039057326624, 17.425731158151354]
    straight += [22.76228864934474, 28.556929630053727, 23.35618083164127, 29.311388300841895, 35.67285667853846]
    np.testing.assert_allclose(mg.upsample(X, size=(5, 3), mode="bilinear").numpy().ravel(), straight, rtol=1e-12)
    aligned = nn.Upsample((5, 3), mode="bilinear", align_corners=True)(X).numpy().ravel()
    np.testing.assert_allclose(aligned[:4], [0, 1.9142135623730951, 5.196152422706632, 4], rtol=1e-12, atol=1e-12)
    assert np.array_equal(mg.upsample(X, size=(6, 8)), mg.upsample(X, 2.0))


def test_signals_pool_like_images_one_pixel_high(rng):
    x = rng.normal(size=(2, 3, 7))
    image = mg.Tensor(x[:, :, None])
    for one, two in [
        (nn.MaxPool1d(3, 2, 1, ceil_mode=True), nn.MaxPool2d((1, 3), (1, 2), (0, 1), ceil_mode=True)),
        (nn.AvgPool1d(3, 2, 1, True, False), nn.AvgPool2d((1, 3), (1, 2), (0, 1), True, False)),
        (nn.AdaptiveAvgPool1d(3), nn.AdaptiveAvgPool2d((1, 3))),
    ]:
        np.testing.assert_allclose(one(x), two(image)[:, :, 0])


def test_pixel_unshuffle_undoes_pixel_shuffle(rng):
    x = mg.Tensor(rng.normal(size=(1, 4, 2, 3)))
    assert np.array_equal(nn.PixelUnshuffle(2)(nn.PixelShuffle(2)(x)), x)


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: nn.ZeroPad2d((1, 2)), r"ZeroPad2d: padding is \(1, 2\); it must be one number, or"),
        (lambda: nn.Unflatten(1, (2, 2))(X), "Unflatten: x has shape .*; its axis 1 must have length 4"),
        (lambda: nn.PReLU(3)(X), r"PReLU: x has shape \(1, 1, 3, 4\); its axis 1 must have length 3"),
        (lambda: nn.Upsample(), "Upsample: size is None, scale_factor None; give exactly one of them"),
        (lambda: nn.Upsample(2, 2), "Upsample: size is 2, scale_factor 2; give exactly one of them"),
        (lambda: mg.upsample(X, 2, size=4), "upsample: size is 4 and scale_factor 2; give only one of them"),
        (lambda: mg.upsample(X, size=0), "upsample: size is 0"),
    ],
)
def test_wrong_arguments_of_layers_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("call", [lambda: nn.MaxPool2d(3, 2, 1, True), lambda: nn.InstanceNorm2d(3, 1e-5, True)])
def test_arguments_with_another_position_in_pytorch_must_be_named(call):
    with pytest.raises(TypeError, match="positional arguments"):
        call()


@pytest.mark.parametrize("inverse", [False, True])
def test_gdn_is_divisive_norm_with_squares_of_its_parameters(inverse, rng):
    layer, x = nn.GDN(3, inverse), mg.Tensor(rng.standard_normal((2, 3, 4, 5), np.float32))
    layer.weight.data[...] = rng.standard_normal((3, 3))
    layer.bias.data[...] = rng.standard_normal(3)
    size = np.sqrt(np.einsum("ij,njhw->nihw", layer.weight.data**2, x.data**2) + layer.bias.data[:, None, None] ** 2)
    np.testing.assert_allclose(layer(x).numpy(), x.data * size if inverse else x.data / size, rtol=1e-4)


def test_inverse_gdn_undoes_gdn_where_channels_are_small(rng):
    x = mg.Tensor(1e-3 * rng.standard_normal((2, 3, 4), np.float32))
    np.testing.assert_allclose(nn.GDN(3, inverse=True)(nn.GDN(3)(x)).numpy(), x.numpy(), rtol=1e-5)


def test_every_weight_of_gdn_has_a_slope_at_the_start(rng):
    layer = nn.GDN(3)
    layer(mg.Tensor(rng.standard_normal((2, 3, 4), np.float32))).sum().backward()
    assert (layer.weight.grad.numpy() != 0).all() and (layer.bias.grad.numpy() != 0).all()
