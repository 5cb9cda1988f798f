"""What is found of samples that depend on each other: near copies, and series."""

from dataclasses import FrozenInstanceError

import numpy as np
import pytest

from skae._training.dependence import Dependence, find_blocks
from skae._training.splitting import group_samples


def rows(n_rows=60, n_features=4, dtype=np.float64, seed=0):
    return np.random.default_rng(seed).normal(size=(n_rows, n_features)).astype(dtype)


def rng(seed=7):
    return np.random.default_rng(seed)


def grouped(X, **options):
    """Group samples that all have weight one."""
    return group_samples(X, np.ones(len(X)), rng(), **options)


def fold_numbers(X, n_folds, rng):
    """Return the folds of samples that all have weight one."""
    return group_samples(X, np.ones(len(X)), rng).folds(n_folds)


def is_together(labels, folds):
    """Return whether samples with the same label are in the same fold."""
    return all(len(np.unique(folds[labels == label])) == 1 for label in np.unique(labels))


# ---------------------------------------------------------------- near copies


@pytest.mark.parametrize("jitter", [1e-9, 1e-6, 1e-3])
@pytest.mark.parametrize(("n_groups", "n_copies"), [(10, 3), (10, 10), (50, 10), (300, 2)])
def test_near_copies_stay_together(n_groups, n_copies, jitter):
    which = rng(1).permutation(np.repeat(np.arange(n_groups), n_copies))
    X = rows(n_groups, 8)[which] + jitter * rows(len(which), 8, seed=3)
    found = grouped(X)
    assert is_together(which, found.folds(5))
    assert found.n_groups == n_groups
    if jitter > 1e-8:  # less is rounded off
        assert found.dependence.n_near == len(which)
    assert "copies" in str(found.dependence)


@pytest.mark.parametrize("draw", ["normal", "uniform", "lognormal", "standard_cauchy"])
@pytest.mark.parametrize("shape", [(300, 3), (1000, 10), (2000, 40), (100, 200)])
def test_independent_samples_are_not_joined(draw, shape):
    X = getattr(rng(5), draw)(size=shape)
    found = grouped(X)
    assert found.n_groups > 0.9 * len(X)
    assert not str(found.dependence)


def test_a_dense_cluster_is_not_joined():
    X = rows(600, 5)
    X[:100] *= 1e-4
    assert grouped(X).n_groups == 600


def test_near_copies_of_many_features_and_rows():
    which = np.repeat(np.arange(2500), 2)
    X = rows(2500, 100, np.float32)[which] + 1e-4 * rows(5000, 100, np.float32, seed=1)
    assert grouped(X).n_groups == 2500


# ---------------------------------------------------------------- time


def autoregression(n, n_features=5, coefficient=0.95):
    X = rows(n, n_features)
    for i in range(1, n):
        X[i] = coefficient * X[i - 1] + np.sqrt(1 - coefficient**2) * X[i]
    return X


@pytest.mark.parametrize("n", [200, 1000, 4000])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_successive_samples_that_resemble_each_other_are_dealt_in_blocks(n, dtype):
    X = autoregression(n).astype(dtype)
    blocks = find_blocks(X)
    assert blocks.shape == (n,)
    assert (np.diff(blocks) >= 0).all()
    assert blocks.max() + 1 >= 10
    length = np.bincount(blocks)[0]
    assert length >= 0.1 * min(n, 200)
    found = grouped(X, blocks=blocks)
    assert is_together(blocks, found.folds(5))
    assert found.dependence.block_length == length
    assert str(found.dependence).endswith(f"blocks of {length} successive samples.")
    np.testing.assert_array_equal(find_blocks(1e-3 * X + 5), blocks)


def test_windows_of_a_series_are_dealt_in_blocks():
    series = autoregression(500, 1, 0.9)[:, 0]
    windows = np.lib.stride_tricks.sliding_window_view(series, 20)
    assert np.bincount(find_blocks(windows))[0] >= 20


@pytest.mark.parametrize("n_features", [2, 3, 20])
def test_independent_samples_have_no_blocks(n_features):
    X = rows(1000, n_features)
    assert find_blocks(X) is None
    X[:, 0].sort()
    assert find_blocks(X) is None
    assert find_blocks(X[::-1]) is None
    assert find_blocks(rng().permutation(autoregression(1000))) is None
    assert find_blocks(np.ones((1000, 3))) is None


def test_samples_sorted_by_class_have_no_blocks():
    centres = 2 * rows(3, 8, seed=4)
    assert find_blocks(rows(600, 8) + np.repeat(centres, 200, axis=0)) is None


@pytest.mark.parametrize("n_copies", [2, 5])
def test_copies_next_to_each_other_make_no_blocks(n_copies):
    assert find_blocks(np.repeat(rows(200), n_copies, axis=0)) is None
    blocks = find_blocks(autoregression(500))
    repeated = find_blocks(np.repeat(autoregression(500), n_copies, axis=0))
    np.testing.assert_array_equal(repeated, np.repeat(blocks, n_copies))


def test_few_samples_have_no_blocks():
    assert find_blocks(autoregression(29)) is None


def test_what_was_found_is_frozen():
    with pytest.raises(FrozenInstanceError):
        Dependence(3).n_copies = 2
    assert not str(Dependence(3))
