"""Calls that are bound once and replayed."""

import numpy as np
import pytest

from skae._kernels import bind, check_kernel, clear_missing, run


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


# ---------------------------------------------------------------- kernels of users


class Kernels:
    """Methods that are kernels, and some that are none."""

    constants = np.arange(4.0)

    def sound(self, z, a):
        own = np.empty_like(z)
        yield np.multiply, z, self.constants, own
        yield np.maximum, own[:, 1:], 0.5, a[:, 1:]
        yield z.reshape(-1).dot, a.reshape(-1), a[:1, 0].reshape(())

    def needs_more_rows(self, z, a):
        yield np.add, z, a[:5], np.reshape(z, (5, -1))

    def returned(self, z, a):
        return np.tanh(z)

    def in_place(self, z, a):
        np.tanh(z, out=z)

    def evaluated(self, z, a):
        yield np.multiply, a, 1 - z**2, a

    def evaluated_to_a_number(self, z, a):
        yield np.multiply, a, z.max(), a

    def no_call(self, z, a):
        yield np.tanh(z)

    def no_out(self, z, a):
        yield np.multiply, z, a


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("returned", "returns a 'ndarray'. It must yield calls"),
        ("in_place", "returns a 'NoneType'. It must yield calls"),
        ("evaluated", "'multiply'> with an operand that it has computed from its arrays"),
        ("evaluated_to_a_number", "'multiply'> with an operand that it has computed"),
        ("no_call", "yields a 'ndarray'. It must yield calls"),
        ("no_out", "'multiply'> with 1 operands and out. It must"),
    ],
)
def test_what_is_no_kernel(name, message):
    with pytest.raises(TypeError, match=rf"^Kernels\.{name} .*{message}"):
        check_kernel(getattr(Kernels(), name), np.empty((3, 4)), np.empty((3, 4)))


@pytest.mark.parametrize("name", ["sound", "needs_more_rows"])
def test_kernels_that_can_be_bound(name):
    check_kernel(getattr(Kernels(), name), np.empty((3, 4)), np.empty((3, 4)))
