"""The values of columns: their range, and those of discrete ones."""

import numpy as np
from numpy.testing import assert_array_equal

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
    assert integers == "integers"
    assert_array_equal(constant, [7.0])
    assert_array_equal(found["range"], [columns().min(axis=0), columns().max(axis=0)])


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
