"""Convolutions of signals, against loops; padding by name."""

import numpy as np
import pytest

import minigrad as mg
from minigrad import nn


def correlate(x, w, before, after, dilation=1):
    """Slide w over x in the plainest way. x (N,C,L), w (O,C,k)."""
    x = np.pad(x, ((0, 0), (0, 0), (before, after)))
    k = w.shape[2]
    length = x.shape[2] - dilation * (k - 1)
    out = np.zeros((len(x), len(w), length))
    for n, o, p in np.ndindex(out.shape):
        out[n, o, p] = sum(x[n, c, p + dilation * i] * w[o, c, i] for c in range(x.shape[1]) for i in range(k))
    return out


@pytest.mark.parametrize("k, dilation, before, after", [(3, 1, 1, 1), (4, 1, 1, 2), (2, 3, 1, 2), (1, 1, 0, 0)])
def test_same_padding_keeps_the_length_and_puts_an_odd_zero_at_the_end(k, dilation, before, after, rng):
    x, w = rng.normal(size=(2, 3, 7)), rng.normal(size=(4, 3, k))
    y = mg.conv1d(mg.Tensor(x), mg.Tensor(w), padding="same", dilation=dilation).numpy()
    np.testing.assert_allclose(y, correlate(x, w, before, after, dilation), atol=1e-12)


def test_same_padding_of_images_is_that_of_both_axes(rng):
    x, w = mg.Tensor(rng.normal(size=(1, 2, 5, 6))), mg.Tensor(rng.normal(size=(3, 2, 2, 3)))
    assert np.array_equal(mg.conv2d(x, w, padding="same"), mg.conv2d(x, w, padding=((0, 1), (1, 1))))
    assert np.array_equal(mg.conv2d(x, w, padding="valid"), mg.conv2d(x, w))


def test_conv_transpose1d_is_the_adjoint_of_conv1d(rng):
    x, w = rng.normal(size=(2, 3, 8)), rng.normal(size=(4, 3, 3))
    options = {"stride": 2, "padding": 1, "dilation": 2}
    y = mg.conv1d(mg.Tensor(x), mg.Tensor(w), **options).numpy()
    g = rng.normal(size=y.shape)
    back = mg.conv_transpose1d(mg.Tensor(g), mg.Tensor(w), output_padding=1, **options).numpy()
    assert back.shape == x.shape
    np.testing.assert_allclose((y * g).sum(), (x * back).sum())


def test_tuples_of_one_number_are_accepted_as_numbers(rng):
    x, w = mg.Tensor(rng.normal(size=(1, 2, 9))), mg.Tensor(rng.normal(size=(3, 2, 3)))
    one = mg.conv1d(x, w, stride=(2,), padding=(1,), dilation=(2,))
    assert np.array_equal(one, mg.conv1d(x, w, stride=2, padding=1, dilation=2))
    assert nn.Conv1d(2, 3, (3,), rng=rng).weight.shape == (3, 2, 3)


def test_layers_of_signals_call_their_functions(rng):
    x = mg.Tensor(rng.normal(size=(2, 4, 5)))
    layer = nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2, rng=rng)
    assert layer.weight.shape == (4, 3, 3) and layer.bias.shape == (6,)
    expected = mg.conv_transpose1d(x, layer.weight, layer.bias, stride=2, padding=1, output_padding=1, groups=2)
    assert np.array_equal(layer(x), expected) and expected.shape == (2, 6, 10)
    assert nn.Conv1d(4, 2, 3, padding="same", rng=rng)(x).shape == (2, 2, 5)


X, W = np.zeros((1, 2, 6)), np.zeros((3, 2, 3))


@pytest.mark.parametrize(
    "call, message",
    [
        (lambda: mg.conv1d(X, W, stride=(1, 2)), r"conv1d: stride is \(1, 2\); it must be an integer of at least 1"),
        (lambda: mg.conv1d(X, W, padding=-1), "conv1d: padding is -1"),
        (lambda: mg.conv1d(X, W, dilation=1.5), "conv1d: dilation is 1.5"),
        (lambda: mg.conv_transpose1d(X[0], W), "conv_transpose1d: x has shape .* both need three axes"),
        (lambda: mg.conv1d(X, W, padding="same", stride=2), "padding 'same' needs stride 1"),
        (lambda: mg.conv2d(X[None], W[None], padding="full"), "padding is 'full'; it must be a number, pairs, 'same'"),
        (lambda: nn.Conv1d(2, 3, (3, 3), rng=np.random.default_rng(0)), r"kernel_size is \(3, 3\)"),
    ],
)
def test_wrong_sizes_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
