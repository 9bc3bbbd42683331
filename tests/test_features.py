"""Networks that pictures are compared by, where their weights come from, and the pictures."""

import hashlib
import re
from pathlib import Path

import numpy as np
import pooch
import pytest
from PIL import Image
from scipy.signal import correlate

from demos.data import files, weights
from demos.data.photos import NAMES, photo, write
from demos.data.weights import find_weights, load_features
from minigrad import Tensor, nn, saving
from models.features import VGG19, RandomFeatures, SqueezeNet, normalise

CONTENT = b"weights"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def squeezenet(rng):
    return SqueezeNet(rng=rng)


@pytest.fixture
def x(rng):
    return Tensor(rng.random((1, 3, 40, 52), np.float32))


# Networks


def test_images_are_normalised_as_imagenets_are(rng):
    x = rng.random((2, 3, 4, 5), np.float32)
    mean, deviation = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    expected = ((x.transpose(0, 2, 3, 1) - mean) / deviation).transpose(0, 3, 1, 2)
    np.testing.assert_allclose(normalise(Tensor(x)).numpy(), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 8, 8), (1, 1, 8, 8), (1, 8, 8, 3)])
def test_images_that_are_not_rgb_are_refused(shape):
    with pytest.raises(ValueError, match="must be RGB images"):
        normalise(Tensor(np.zeros(shape, np.float32)))


def by_scipy(x, w, b, padding):
    """Convolve (C, H, W) with (O, C, k, k) as scipy does."""
    x = np.pad(x, ((0, 0), (padding, padding), (padding, padding)))
    return np.stack([correlate(x, kernel, "valid")[0] + bias for kernel, bias in zip(w, b)])


def test_squeezenet_is_a_convolution_a_pooling_and_fire_modules(squeezenet, x):
    seen = squeezenet.activations(x, squeezenet.layers)
    w = {name: a.astype(np.float64) for name, a in squeezenet.state_dict().items()}
    first = by_scipy(normalise(x).numpy()[0], w["features.0.weight"], w["features.0.bias"], 0)[:, ::2, ::2]
    np.testing.assert_allclose(seen["0"].numpy()[0], first, atol=1e-4)
    np.testing.assert_allclose(seen["1"].numpy()[0], first.clip(0), atol=1e-4)
    fire = {part: (w[f"features.3.{part}.weight"], w[f"features.3.{part}.bias"]) for part in
            ("squeeze1x1", "expand1x1", "expand3x3")}  # fmt: skip
    squeezed = by_scipy(seen["2"].numpy()[0].astype(np.float64), *fire["squeeze1x1"], 0)
    sides = [by_scipy(squeezed.clip(0), *fire[f"expand{k}x{k}"], k // 2) for k in (1, 3)]
    np.testing.assert_allclose(seen["3.squeeze"].numpy()[0], squeezed, atol=1e-4)
    np.testing.assert_allclose(seen["3.expand"].numpy()[0], np.concatenate(sides), atol=1e-4)
    np.testing.assert_allclose(seen["3"].numpy()[0], np.concatenate(sides).clip(0), atol=1e-4)


def test_squeezenet_pools_the_pixels_at_the_edge_too(squeezenet, x):
    seen = squeezenet.activations(x, ["1", "2"])
    assert seen["1"].shape[2:] == (19, 25) and seen["2"].shape[2:] == (9, 12)
    assert squeezenet.activations(Tensor(np.zeros((1, 3, 45, 45), np.float32)), ["2"])["2"].shape[2:] == (11, 11)


def test_squeezenet_has_torchvisions_names_and_shapes(squeezenet):
    state = squeezenet.state_dict()
    assert len(state) == 2 + 8 * 6
    assert state["features.0.weight"].shape == (64, 3, 3, 3)
    assert state["features.12.expand3x3.weight"].shape == (256, 64, 3, 3)


def test_vgg19_has_torchvisions_names_and_the_papers_layers(rng):
    vgg = VGG19(rng=rng)
    places = [name.split(".")[1] for name in vgg.state_dict() if name.endswith("weight")]
    assert places == ["0", "2", "5", "7", "10", "12", "14", "16", "19", "21", "23", "25", "28", "30", "32", "34"]
    assert vgg.layers[:6] == ["conv1_1", "relu1_1", "conv1_2", "relu1_2", "pool1", "conv2_1"]
    assert vgg.layers[-1] == "pool5" and len(vgg.layers) == 37
    seen = vgg.activations(Tensor(rng.random((1, 3, 32, 48), np.float32)), ["conv2_1", "relu2_1", "pool3"])
    assert seen["pool3"].shape == (1, 256, 4, 6)
    np.testing.assert_array_equal(seen["relu2_1"].numpy(), np.maximum(seen["conv2_1"].numpy(), 0))


def test_nothing_deeper_than_asked_for_is_computed(squeezenet, x, monkeypatch):
    called = []
    monkeypatch.setattr(nn.Module, "observer", lambda module, inputs, out: called.append(module))
    assert list(squeezenet.activations(x, ["4.squeeze", "1"])) == ["4.squeeze", "1"]
    assert called[-1] is squeezenet.features[4].squeeze1x1


def test_asking_for_no_layer_computes_none(squeezenet, x):
    assert squeezenet.activations(x, []) == {}


def test_an_unknown_layer_is_answered_with_the_existing_ones(squeezenet, x):
    with pytest.raises(ValueError, match="SqueezeNet: unknown layer 'relu1_1'; the layers are 0, 1, 2, 3.squeeze"):
        squeezenet.activations(x, ["1", "relu1_1"])


def test_weights_of_the_classifier_are_ignored_and_others_refused(squeezenet):
    state = squeezenet.state_dict()
    squeezenet.load_state_dict(state | {"classifier.1.weight": np.zeros((1000, 512, 1, 1), np.float32)})
    with pytest.raises(ValueError, match="head.weight"):
        squeezenet.load_state_dict(state | {"head.weight": np.zeros(3, np.float32)})


def test_random_filters_see_edges_and_not_brightness_but_for_the_blobs(rng):
    grey = Tensor(np.full((1, 3, 64, 64), 0.9, np.float32))
    random = RandomFeatures(channels=12, blobs=4, rng=rng)
    inside = random.activations(grey, ["scale1"])["scale1"].numpy()[0, :, 8:-8, 8:-8]
    assert np.abs(inside[4:]).max() < 1e-5 and np.abs(inside[:4]).max() > 0.1


def test_random_filters_look_at_halved_images(rng):
    random = RandomFeatures(channels=9, scales=3, rng=rng)
    seen = random.activations(Tensor(rng.random((1, 3, 40, 52), np.float32)), random.layers)
    assert {name: f.shape[1:] for name, f in seen.items()} == {
        "scale1": (9, 40, 52), "scale2": (9, 20, 26), "scale4": (9, 10, 13),
    }  # fmt: skip


def test_random_filters_are_not_applied_at_a_scale_that_was_not_asked_for(rng, monkeypatch):
    random, called = RandomFeatures(channels=9, scales=3, rng=rng), []
    x = Tensor(rng.random((1, 3, 40, 52), np.float32))
    whole = random.activations(x, random.layers)
    monkeypatch.setattr(nn.Module, "observer", lambda module, inputs, out: called.append(out.shape[2:]))
    np.testing.assert_array_equal(random.activations(x, ["scale2"])["scale2"].numpy(), whole["scale2"].numpy())
    assert called == [(20, 26)]


# Weights


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, no MINIGRAD_DATA, and a network that serves CONTENT at every address."""
    monkeypatch.delenv("MINIGRAD_DATA", raising=False)
    monkeypatch.setattr(pooch, "os_cache", lambda name: tmp_path / "cache")
    monkeypatch.setattr(files, "download", lambda url, path, size: Path(path).write_bytes(CONTENT))
    return tmp_path / "cache"


def test_published_weights_are_read_from_the_file_that_was_downloaded(cache, monkeypatch, squeezenet):
    source = weights.SOURCES["squeezenet"]._replace(sha256=DIGEST)
    monkeypatch.setitem(weights.SOURCES, "squeezenet", source)
    read = []
    monkeypatch.setattr(weights.mg, "load_pth", lambda path: read.append(path) or squeezenet.state_dict())
    assert find_weights("squeezenet") is None
    features = load_features("squeezenet")
    assert read == [cache / source.published] and find_weights("squeezenet") == cache / source.published
    np.testing.assert_array_equal(
        features.state_dict()["features.0.weight"], squeezenet.state_dict()["features.0.weight"]
    )


@pytest.mark.parametrize("source", weights.SOURCES.values())
def test_published_weights_are_pinned_by_all_64_digits_which_begin_as_their_name_says(source):
    assert re.fullmatch("[0-9a-f]{64}", source.sha256)
    assert source.published.endswith(f"-{source.sha256[:8]}.pth")


def test_a_download_of_another_digest_leaves_nothing(cache):
    with pytest.raises(OSError, match="does not match the known hash"):
        load_features("squeezenet")
    assert list(cache.iterdir()) == []


@pytest.fixture
def converted(cache, tmp_path, monkeypatch, squeezenet):
    """Converted weights in the folder that MINIGRAD_DATA names."""
    monkeypatch.setenv("MINIGRAD_DATA", str(tmp_path / "mine"))
    (tmp_path / "mine").mkdir()
    saving.save(tmp_path / "mine" / "squeezenet1_1_features.safetensors", squeezenet.state_dict())
    return tmp_path / "mine" / "squeezenet1_1_features.safetensors"


def test_the_users_folder_is_searched_first_and_nothing_requires_a_gradient(converted, monkeypatch):
    pin = {converted.name: hashlib.sha256(converted.read_bytes()).hexdigest()}
    monkeypatch.setitem(weights.SOURCES, "squeezenet", weights.SOURCES["squeezenet"]._replace(converted=pin))
    assert find_weights("squeezenet") == converted
    assert not any(p.requires_grad for p in load_features("squeezenet").parameters())


def test_converted_weights_with_other_contents_are_refused_unless_named(converted):
    with pytest.raises(ValueError, match="squeezenet1_1_features.safetensors has SHA-256 .* expected 759d753d"):
        load_features("squeezenet")
    assert load_features("squeezenet", converted).state_dict()


def test_random_filters_are_the_same_every_time():
    a, b = (load_features("random").state_dict() for _ in range(2))
    assert all(a[name].tobytes() == b[name].tobytes() for name in a)


@pytest.mark.parametrize(
    "name, path, message",
    [
        ("alexnet", None, "unknown name 'alexnet'; it must be one of 'squeezenet', 'vgg19', 'random'"),
        ("random", "w.pth", "'random' takes no weights"),
        ("squeezenet", "w.npz", "w.npz ends in none of .safetensors, .pth"),
    ],
)
def test_weights_that_cannot_be_loaded_are_refused(name, path, message):
    with pytest.raises(ValueError, match=message):
        load_features(name, path)


def test_weights_of_another_network_are_refused(tmp_path):
    saving.save(tmp_path / "w.safetensors", {"fc.weight": np.zeros(3, np.float32)})
    with pytest.raises(ValueError, match="w.safetensors does not fit SqueezeNet: .*fc.weight"):
        load_features("squeezenet", tmp_path / "w.safetensors")


# Pictures


@pytest.mark.parametrize("name", NAMES)
def test_the_bundled_pictures_have_the_given_size_and_lie_between_0_and_1(name):
    image = photo(name, 48)
    assert image.shape[0] == 3 and min(image.shape[1:]) == 48 and image.dtype == np.float32
    assert image.min() >= 0 and image.max() <= 1 and image.std() > 0.1


def test_a_file_keeps_its_proportions_and_what_is_transparent_is_white(tmp_path):
    picture = np.zeros((40, 80, 4), np.uint8)
    picture[:, 40:] = (255, 0, 0, 255)
    Image.fromarray(picture).save(tmp_path / "a.png")
    image = photo(tmp_path / "a.png", 20)
    assert image.shape == (3, 20, 40)
    np.testing.assert_allclose(image[:, 10, [5, 35]].T, [[1, 1, 1], [1, 0, 0]], atol=0.01)


def test_what_is_written_is_read_again(tmp_path, rng):
    image = np.round(rng.random((3, 32, 48)) * 255).astype(np.float32) / 255
    write(image, tmp_path / "a.png")
    np.testing.assert_allclose(photo(tmp_path / "a.png", 32), image, atol=1e-6)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_missing_and_unreadable_pictures_are_named(tmp_path):
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="a.jpg cannot be read as a picture"):
        photo(tmp_path / "a.jpg")
    with pytest.raises(FileNotFoundError, match="b.jpg is no file; name one, or one of hopper"):
        photo(tmp_path / "b.jpg")
    with pytest.raises(ValueError, match="size is 3"):
        photo("hopper", 3)
