"""Choices of samples, and random_state -> Generator."""

import numpy as np

from skae._sampling import evenly_spaced, generator


def test_the_ends_are_among_the_rows():
    assert evenly_spaced(10, 4).tolist() == [0, 3, 6, 9]


def test_no_row_comes_twice_where_there_are_few():
    assert evenly_spaced(3, 1000).tolist() == [0, 1, 2]


def test_an_int_repeats_itself():
    np.testing.assert_array_equal(generator(3).random(5), generator(3).random(5))
    assert (generator(3).random(5) != generator(4).random(5)).all()


def test_a_generator_is_returned_as_it_is():
    rng = np.random.default_rng(0)
    assert generator(rng) is rng


def test_a_random_state_is_read_and_moved_on():
    state = np.random.RandomState(0)
    first, second = generator(state).random(5), generator(state).random(5)
    assert (first != second).all()
    np.testing.assert_array_equal(first, generator(np.random.RandomState(0)).random(5))


def test_none_draws_from_the_global_state():
    np.random.seed(42)  # noqa: NPY002
    first, second = generator(None).random(5), generator(None).random(5)
    assert (first != second).all()
    np.random.seed(42)  # noqa: NPY002
    np.testing.assert_array_equal(first, generator(None).random(5))
    np.random.seed(42)  # noqa: NPY002
    np.testing.assert_array_equal(first, generator(np.random).random(5))


def test_otherwise_the_global_state_is_left_alone():
    def state():
        return np.random.get_state()[1].tolist(), np.random.get_state()[2]  # noqa: NPY002

    before = state()
    for random_state in (0, np.random.RandomState(0), np.random.default_rng(0)):
        generator(random_state).random(100)
    assert state() == before
