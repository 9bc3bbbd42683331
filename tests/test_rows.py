"""Rows summed by place: the same bits as NumPy's add.at, and the same errors."""

import numpy as np
import pytest

import minigrad as mg
from minigrad.kernels.rows import LARGE, sum_rows


def added(x, index, shape):
    out = np.zeros(shape, x.dtype)
    np.add.at(out, index, x)
    return out


@pytest.mark.parametrize("dtype", ["f", "d"])
@pytest.mark.parametrize("shape, more", [((300,), (9,)), ((20, 15), (9,)), ((300,), (3, 4)), ((3000,), ())])
def test_rows_are_summed_to_the_bits_of_add_at(shape, more, dtype, rng):
    x = rng.normal(size=(*shape, *more)).astype(dtype)
    for low, high in ((-7, 7), (0, 7), (3, 4)):  # from both ends, and all at one place
        index = rng.integers(low, high, shape)
        found = sum_rows(x, (index,), (7, *more))
        assert found.dtype == x.dtype and found.tobytes() == added(x, index, (7, *more)).tobytes()
        assert mg.scatter(x, index, (7, *more)).numpy().tobytes() == found.tobytes()


def test_rows_of_any_order_in_memory_and_of_narrow_indices_are_summed(rng):
    x, index = rng.normal(size=(9, 300)).T[::-1], rng.integers(0, 7, 300).astype(np.uint8)
    np.testing.assert_array_equal(sum_rows(x, (index,), (700, 9)), added(x, index, (700, 9)))


@pytest.mark.parametrize("shape, axis, places", [((4, 7, 9), 1, (60,)), ((3, 2, 7), 2, (8, 50)), ((7, 5), 0, (5, 90))])
def test_rows_along_any_axis_are_summed_where_take_found_them(shape, axis, places, rng):
    index = rng.integers(-7, 7, places)
    whole = (slice(None),) * axis
    g = rng.normal(size=np.zeros(shape)[*whole, index].shape)
    found = sum_rows(g, (*whole, index), shape)
    assert found.tobytes() == added(g, (*whole, index), shape).tobytes()
    x = mg.Tensor(rng.normal(size=shape), requires_grad=True)
    assert mg.grad((mg.take(x, index, axis) * g).sum(), x).numpy().tobytes() == found.tobytes()


def test_indices_of_several_axes_and_of_parts_of_axes_are_left_to_numpy(rng):
    x, index = rng.normal(size=(300, 9)), rng.integers(0, 7, 300)
    assert sum_rows(x, (index, index), (7, 7, 9)) is None
    assert sum_rows(rng.normal(size=(2, 3000)), (slice(1, 3), np.repeat(index, 10)), (5, 7)) is None


@pytest.mark.parametrize("wrong", [7, -8])
def test_a_place_that_is_not_there_is_an_error_and_not_a_crash(wrong, rng):
    index = rng.integers(0, 7, 300)
    index[150] = wrong
    with pytest.raises(IndexError, match=f"index {wrong} is out of bounds"):
        mg.scatter(rng.normal(size=(300, 9)), index, (7, 9))


def test_few_rows_masks_and_other_dtypes_are_left_to_numpy(rng):
    x, index = rng.normal(size=(300, 9)), rng.integers(0, 7, 300)
    assert sum_rows(x[: LARGE // 9], (index[: LARGE // 9],), (7, 9)) is None
    assert sum_rows(x, (index < 3,), (300, 9)) is None
    assert sum_rows(x.astype(np.float16), (index,), (7, 9)) is None
    half = mg.scatter(x.astype(np.float16), index, (7, 9)).numpy()
    assert half.dtype == np.float16
    np.testing.assert_allclose(half, added(x, index, (7, 9)), rtol=2e-3, atol=2e-2)
