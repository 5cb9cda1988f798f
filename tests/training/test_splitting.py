"""Folds of samples, dealt by what the samples hold."""

import numpy as np
import pytest

from skae._training.splitting import FoldSplitter, fold_numbers, hash_rows


def rows(n_rows=60, n_features=4, dtype=np.float64):
    return np.random.default_rng(0).normal(size=(n_rows, n_features)).astype(dtype)


def rng():
    return np.random.default_rng(7)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_folds", [2, 3, 5, 10, 60])
def test_folds_are_of_equal_size(n_folds, dtype):
    folds = fold_numbers(rows(dtype=dtype), n_folds, rng())
    assert folds.shape == (60,)
    assert np.issubdtype(folds.dtype, np.integer)
    sizes = np.bincount(folds)
    assert len(sizes) == n_folds
    assert np.ptp(sizes) <= 1


@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_fewer_rows_than_folds(n_rows):
    folds = fold_numbers(rows(n_rows), 10, rng())
    assert sorted(folds) == list(range(n_rows))


def test_a_fold_does_not_depend_on_order_nor_repetition():
    X = rows()
    folds = fold_numbers(X, 5, rng())
    order = np.random.default_rng(1).permutation(60)
    np.testing.assert_array_equal(fold_numbers(X[order], 5, rng()), folds[order])
    counts = np.random.default_rng(2).integers(1, 5, 60)
    repeated = np.repeat(X, counts, axis=0)
    np.testing.assert_array_equal(fold_numbers(repeated, 5, rng()), np.repeat(folds, counts))


def test_folds_are_random():
    X = np.sort(rows(200), axis=0)
    folds = fold_numbers(X, 2, rng())
    assert 20 < np.sum(folds[:100]) < 80
    assert (folds != fold_numbers(X, 2, np.random.default_rng(8))).any()


def test_rows_that_differ_in_one_cell_or_bit_are_distinct():
    X = np.tile(rows(1), (300, 1))
    X[:, 2] += np.arange(300) * np.spacing(X[0, 2])
    assert len(np.unique(hash_rows(X, rng()))) == 300
    permuted = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 0.0], [1.0, 1.0], [-1.0, 1.0]])
    assert len(np.unique(hash_rows(permuted, rng()))) == 5


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_hashes_see_zeros_alike_and_memory_layouts_too(dtype):
    X = rows(5000, dtype=dtype)
    X[::2, 1] = 0.0
    negative = X.copy()
    negative[::2, 1] = -0.0
    keys = hash_rows(X, rng())
    assert keys.shape == (5000,)
    np.testing.assert_array_equal(hash_rows(negative, rng()), keys)
    np.testing.assert_array_equal(hash_rows(np.asfortranarray(X), rng()), keys)
    np.testing.assert_array_equal(hash_rows(np.repeat(X, 2, axis=1)[:, ::2], rng()), keys)
    assert len(np.unique(keys)) == 5000


def test_hashes_of_whole_numbers_fill_their_range():
    """Rows of few bits, as counts are, are as well mixed as any."""
    X = np.stack(np.meshgrid(np.arange(40.0), np.arange(40.0)), axis=-1).reshape(-1, 2)
    keys = hash_rows(X, rng())
    assert len(np.unique(keys)) == 1600
    low_and_high = [keys % np.uint64(16), keys >> np.uint64(60)]
    for digits in low_and_high:
        counts = np.bincount(digits.astype(int), minlength=16)
        assert (np.abs(counts - 100) < 50).all()


def test_a_splitter_splits_the_same_rows_alike_each_time():
    X, splitter = rows(), FoldSplitter(n_folds=5, seed=7)
    np.testing.assert_array_equal(splitter.folds(X), fold_numbers(X, 5, rng()))
    np.testing.assert_array_equal(splitter.folds(X), splitter.folds(X))
    assert (FoldSplitter(5, seed=8).folds(X) != splitter.folds(X)).any()
