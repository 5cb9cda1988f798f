"""The values of columns: their range, and those of discrete ones."""

import numpy as np
from numpy.testing import assert_array_equal
import pytest

from skae._network.column_values import measure_column_values, restore_column_values


def columns(n_rows=500):
    rng = np.random.default_rng(0)
    return np.column_stack(
        [
            rng.normal(size=n_rows),
            rng.choice([-1.5, 0.25, 4.0], n_rows),
            rng.integers(0, 400, n_rows),
            np.full(n_rows, 7.0),
        ]
    )


def test_kinds_of_columns():
    found = measure_column_values(columns())
    continuous, discrete, integers, constant = found["values"]
    assert continuous is None
    assert_array_equal(discrete, [-1.5, 0.25, 4.0])
    assert integers == 0
    assert_array_equal(constant, [7.0])
    assert_array_equal(found["range"], [columns().min(axis=0), columns().max(axis=0)])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_columns_that_are_rounded_stay_so(dtype):
    X = np.random.default_rng(0).normal(size=(500, 3)).astype(dtype)
    X[:, 0], X[:, 1] = np.round(X[:, 0], 2), np.round(10 * X[:, 1], 1)
    values = measure_column_values(X)
    assert values["values"] == [2, 1, None]
    drawn = np.random.default_rng(1).normal(size=(300, 3)).astype(dtype)
    restore_column_values(drawn, values)
    assert_array_equal(drawn[:, 1], np.round(drawn[:, 1], 1))
    assert_array_equal(drawn[:, 0], np.round(drawn[:, 0], 2))
    restore_column_values(drawn, values | {"values": ["integers", 1, None]})  # a file of 0.3.0
    assert_array_equal(drawn[:, 0], np.rint(drawn[:, 0]))


def test_values_of_few_samples_are_continuous_unless_repeated():
    X = np.random.default_rng(0).normal(size=(5, 2))
    assert measure_column_values(X)["values"] == [None, None]


def test_samples_are_moved_to_the_nearest_values():
    values = measure_column_values(columns())
    X = np.random.default_rng(1).normal(size=(300, 4)) * [5, 5, 300, 5]
    before = X.copy()
    restore_column_values(X, values)
    lowest, highest = values["range"]
    assert np.all((lowest <= X) & (highest >= X))
    inside = (before[:, 0] >= lowest[0]) & (before[:, 0] <= highest[0])
    assert_array_equal(X[inside, 0], before[inside, 0])
    allowed = np.array([-1.5, 0.25, 4.0])
    nearest = allowed[np.abs(before[:, 1:2] - allowed).argmin(axis=1)]
    assert_array_equal(X[:, 1], nearest)
    assert_array_equal(X[:, 2], np.rint(np.clip(before[:, 2], lowest[2], highest[2])))
    assert np.all(X[:, 3] == 7)


def test_all_samples_determine_the_range():
    X = np.zeros((20_000, 1))
    X[12_345] = 9.0
    assert measure_column_values(X)["range"].ravel().tolist() == [0.0, 9.0]
