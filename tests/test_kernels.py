"""Calls that are bound once and replayed."""

import numpy as np
import pytest

from skae._kernels import bind, clear_missing, run


def kernel(a, b):
    yield np.multiply, a, 0.5, b
    yield np.maximum, b, 1, b
    yield a.dot, b, b[:1].reshape(())


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_calls_are_made_in_their_order_whenever_they_are_replayed(dtype):
    a, b = np.array([1.0, 4.0, 6.0], dtype), np.zeros(3, dtype)
    calls = bind(kernel(a, b))
    assert (b == 0).all()
    for _ in range(2):
        for call in calls:
            call()
        np.testing.assert_array_equal(b, [1 + 8 + 18, 2, 3])
        a[...] = [1, 4, 6]


def test_run_makes_the_calls_once():
    a, b = np.array([1.0, 4.0, 6.0]), np.zeros(3)
    run(kernel(a, b))
    np.testing.assert_array_equal(b, [27, 2, 3])


@pytest.mark.parametrize("dtype", [np.int32, np.float32, np.float64])
def test_numbers_get_the_dtype_of_what_is_written(dtype):
    out = np.ones(4, dtype)
    [call] = bind([(np.add, out, 3, out)])
    assert [a.dtype for a in call.args] == [dtype] * 3
    call()
    np.testing.assert_array_equal(out, 4)


def test_arrays_of_no_dimensions_are_read_when_the_call_is_made():
    out, factor = np.ones(4), np.zeros(())
    [call] = bind([(np.multiply, out, factor, out)])
    factor[...] = 7
    call()
    np.testing.assert_array_equal(out, 7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_clear_missing(dtype):
    target, out = np.array([1, np.nan, 0], dtype), np.array([4, np.nan, 6], dtype)
    run([(clear_missing, target, out)])
    np.testing.assert_array_equal(out, [4, 0, 6])


def test_any_function_of_arrays_may_be_yielded():
    seen = []
    run([(lambda *arrays: seen.append(len(arrays)), np.ones(2), np.ones(3))])
    assert seen == [2]
