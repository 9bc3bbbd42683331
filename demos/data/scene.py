"""What the drawn data sets share: individuals who are the same in any company, splits without a common one, scenes.

A scene is a named tuple of all that n images show; its field `parameters` (n, P) holds an individual for each image.
"""

from __future__ import annotations

import numpy as np

SPLITS = ("train", "test")


def individuals(ranges, numbers, seed):
    """Draw the individuals of these numbers, whole and from 0, (n,) -> (n, len(ranges)) float64.

    A parameter is uniform in its range. Equal numbers are equal individuals, whoever else is drawn with them.
    """
    low, high = np.transpose(list(ranges.values()))
    distinct, which = np.unique(np.asarray(numbers, np.int64), return_inverse=True)
    rows = [np.random.default_rng([seed, number, 1]).uniform(low, high) for number in distinct.tolist()]
    return np.reshape(rows, (-1, len(ranges)))[which]


def deal(rng, n, split, count):
    """Number the individuals of n images (n,): `count` of them, as equally often as can be; even ones are "train"'s."""
    return 2 * (rng.permutation(n) % count) + SPLITS.index(split)


def take(scene, index):
    """Choose images: every field of a scene of arrays at index."""
    return type(scene)(*(field[index] for field in scene))


def broadcast(scene, inner, bounds, shapes):
    """Broadcast every field of a scene to its n images, float64. inner: the shape of one image's, () unless given.

    ValueError if that fails (`shapes` says what is wanted), if a field leaves its bounds, or holds NaN or infinity.
    """
    arrays = {name: np.asarray(field, np.float64) for name, field in scene._asdict().items()}
    leading = {name: a.shape[: max(a.ndim - len(inner.get(name, ())), 0)] for name, a in arrays.items()}
    try:
        (n,) = np.broadcast_shapes((1,), *leading.values())
        fields = {name: np.broadcast_to(a, (n, *inner.get(name, ()))) for name, a in arrays.items()}
    except ValueError as error:
        got = ", ".join(f"{name} {a.shape}" for name, a in arrays.items())
        raise ValueError(f"render: got {got}; {shapes}") from error
    for name, (low, high) in bounds.items():
        outside = fields[name][~((fields[name] >= low) & (fields[name] <= high))]  # NaN too
        if outside.size:
            raise ValueError(f"render: {name} is {outside[0]:.4g}; it must be from {low:.4g} to {high:.4g}")
    return type(scene)(**fields)
