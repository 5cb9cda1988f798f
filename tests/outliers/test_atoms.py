"""Copies among samples: atoms, tables that were repeated, and discrete laws."""

import numpy as np
from numpy.testing import assert_array_equal
import pytest

from skae._outliers.atoms import MIN_COPIES, count_copies


def test_counts_are_those_of_equal_rows():
    X = np.array([[0.0, 1], [1, 0], [-0.0, 1], [0, 1], [1, 1]])
    assert_array_equal(count_copies(X).counts, [3, 1, 3, 3, 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_that_occurs_often_among_others_is_an_atom(dtype):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 3)).astype(dtype)
    X[:MIN_COPIES] = 0
    X[10 : 10 + MIN_COPIES - 1] = 1
    copies = count_copies(X)
    assert_array_equal(np.flatnonzero(copies.is_atom), np.arange(MIN_COPIES))
    assert not copies.is_discrete


def test_categories_are_atoms():
    rng = np.random.default_rng(0)
    X = np.eye(3)[rng.choice(3, 600, p=[0.4, 0.33, 0.27])]
    copies = count_copies(X)
    assert copies.is_atom.all()


def test_copies_of_a_repeated_table_are_no_atoms():
    X = np.repeat(np.random.default_rng(0).normal(size=(40, 3)), 8, axis=0)
    copies = count_copies(X)
    assert copies.is_repeated
    assert not copies.is_atom.any()
    assert not copies.is_discrete


def test_columns_with_few_values_make_a_discrete_law():
    rng = np.random.default_rng(0)
    flags = (rng.random((300, 8)) < 0.3) * 1.0
    assert count_copies(flags).is_discrete
    with_amount = np.column_stack([flags, rng.normal(size=300)])
    assert not count_copies(with_amount).is_discrete
