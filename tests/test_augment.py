"""Images bent and grafted: what may change, and what the labels say afterwards."""

import numpy as np

from demos.data.augment import bend, graft
from minigrad import Tensor


def test_bending_by_nothing_changes_nothing(rng):
    x = rng.random((3, 2, 8, 8), np.float32)
    np.testing.assert_allclose(bend(Tensor(x), rng, affine=0, shift=0, elastic=0).numpy(), x, atol=1e-6)


def test_a_mirrored_image_is_the_image_or_its_mirror_image(rng):
    x = rng.random((20, 1, 8, 8), np.float32)
    out = bend(Tensor(x), rng, affine=0, shift=0, elastic=0, mirror=True).numpy()
    turned = [np.allclose(a, b[..., ::-1], atol=1e-6) for a, b in zip(out, x)]
    assert all(t or np.allclose(a, b, atol=1e-6) for t, a, b in zip(turned, out, x)) and 0 < sum(turned) < 20


def test_grafted_images_are_two_halves_and_of_a_class_of_their_own(rng):
    labels = np.arange(40) % 4
    x = np.broadcast_to(labels[:, None, None, None], (40, 1, 10, 10)).astype(np.float32)  # brightness is the class
    mixed, new = (t.numpy() for t in graft(Tensor(x), Tensor.wrap(labels), rng, share=0.7, classes=4))
    kinds = {}
    for image, label, old in zip(mixed[:, 0], new, labels):
        first, second = image[0, 0], image[-1, -1]
        assert first == old and set(np.unique(image)) == {first, second}
        across = first != second and image[-1, 0] == first
        assert (label < 4) == (first == second) and (label >= 4 or label == old)
        assert kinds.setdefault(label, (first, second, across)) == (first, second, across)
    assert len(set(kinds.values())) == len(kinds) > 8  # one label for each kind, and one kind for each label


def test_grafting_no_share_changes_nothing(rng):
    x, labels = rng.random((5, 1, 8, 8), np.float32), np.arange(5)
    mixed, new = graft(Tensor(x), Tensor.wrap(labels), rng, share=0, classes=5)
    assert (mixed.numpy() == x).all() and (new.numpy() == labels).all()


def test_bending_follows_its_rng_and_changes_every_image_differently(rng):
    x = Tensor(np.repeat(rng.random((1, 1, 8, 8), np.float32), 3, axis=0))
    options = {"affine": 0.3, "shift": 0.1, "elastic": 0.2}
    a, b = (bend(x, np.random.default_rng(1), **options).numpy() for _ in range(2))
    assert a.tobytes() == b.tobytes() and a.shape == x.shape
    assert not np.allclose(a[0], a[1]) and not np.allclose(a[1], a[2])


def test_a_shift_moves_the_image_by_so_many_pixels():
    x = np.zeros((50, 1, 9, 9), np.float32)
    x[:, :, 4, 4] = 1
    out = bend(Tensor(x), np.random.default_rng(0), affine=0, shift=2 / 9, elastic=0).numpy()  # at most a pixel
    rows, columns = np.indices((9, 9))
    moved = np.stack([(out[:, 0] * axis).sum(axis=(1, 2)) - 4 for axis in (rows, columns)])
    np.testing.assert_allclose(out.sum(axis=(1, 2, 3)), 1, atol=1e-5)
    assert (np.abs(moved) <= 1 + 1e-5).all() and np.abs(moved).max() > 0.9
