"""Corruptions against their definitions, cell by cell."""

import numpy as np
import pytest
import reference
from scipy import stats

from skae.corruptions import CORRUPTIONS, Corruption, UserNoise, make_corruption

DTYPES = [np.float32, np.float64]


def rows(n_rows=400, dtype=np.float64):
    X = np.random.default_rng(0).normal(size=(n_rows, 3)) * [1, 5, 0.2] + [0, 3, -1]
    return X.astype(dtype)


def make(name, level, X):
    return CORRUPTIONS[name](level).for_samples(X)


def corrupt(corruption, X, seed=10):
    original, out = X.copy(), np.full_like(X, np.nan)
    corruption.corrupt(X, out, np.random.default_rng(seed))
    np.testing.assert_array_equal(X, original)
    assert out.dtype == X.dtype
    assert not np.isnan(out).any()
    return out


def test_every_corruption_has_a_reference():
    assert set(reference.CORRUPTIONS) == set(CORRUPTIONS)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("level", [0.3, 0.8])
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_distribution(name, level, dtype):
    """Values and their changes have the distribution of the reference, column by column."""
    X = rows(dtype=dtype)
    out = corrupt(make(name, level, X), X)
    rng = np.random.default_rng(1)
    cell = reference.CORRUPTIONS[name]
    expected = np.array(
        [[cell(x, X[:, j], level, rng) for j, x in enumerate(row)] for row in X.astype(float)]
    )
    for j in range(X.shape[1]):
        assert stats.ks_2samp(out[:, j], expected[:, j]).pvalue > 1e-3
        assert stats.ks_2samp(out[:, j] - X[:, j], expected[:, j] - X[:, j]).pvalue > 1e-3


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_rows_and_columns_are_corrupted_independently(name):
    X = rows()
    moved = (corrupt(make(name, 0.5, X), X) - X) != 0
    if name == "gaussian":
        moved = corrupt(make(name, 0.5, X), X) > X
    correlation = np.corrcoef(moved.T)
    assert (np.abs(correlation - np.eye(3)) < 0.2).all()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", CORRUPTIONS)
def test_level_zero_changes_nothing(name, dtype):
    X = rows(20, dtype)
    np.testing.assert_array_equal(corrupt(make(name, 0.0, X), X), X)


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_one_seed_one_noise(name):
    X = rows(20)
    corruption = make(name, 0.5, X)
    np.testing.assert_array_equal(corrupt(corruption, X), corrupt(corruption, X))
    assert (corrupt(corruption, X) != corrupt(corruption, X, seed=1)).any()


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_a_block_of_a_larger_buffer(name):
    """`out` is a view of an array, the rest of which is left as it is."""
    X = rows(20)
    buffer = np.full((30, 3), 7.0)
    make(name, 0.5, X).corrupt(X, buffer[5:25], np.random.default_rng(10))
    np.testing.assert_array_equal(buffer[5:25], corrupt(make(name, 0.5, X), X))
    assert (buffer[:5] == 7).all()
    assert (buffer[25:] == 7).all()


def test_masking_all_and_salt_pepper_all():
    X = rows(50)
    assert (corrupt(make("masking", 1.0, X), X) == 0).all()
    out = corrupt(make("salt_pepper", 1.0, X), X)
    assert ((out == X.min(axis=0)) | (out == X.max(axis=0))).all()


def test_swap_takes_values_of_its_own_column():
    X = rows(50)
    out = corrupt(make("swap", 1.0, X), X)
    for j in range(X.shape[1]):
        assert np.isin(out[:, j], X[:, j]).all()
    sources = np.array(
        [[np.flatnonzero(X[:, j] == x)[0] for j, x in enumerate(row)] for row in out]
    )
    assert np.mean(sources[:, 0] == sources[:, 1]) < 0.2, "each cell from a row of its own"


def test_user_noise():
    X = rows(20, np.float32)
    seen = []

    def noise(X, rng):
        seen.append(rng)
        X *= 2  # a copy: the function may do with it what it likes
        return X.astype(np.float64)

    rng = np.random.default_rng(0)
    out = np.empty_like(X)
    original = X.copy()
    UserNoise(noise).corrupt(X, out, rng)
    np.testing.assert_array_equal(out, 2 * X)
    np.testing.assert_array_equal(X, original)
    assert seen == [rng]


@pytest.mark.parametrize("name", CORRUPTIONS)
def test_corruptions_are_bound_to_samples_by_a_copy(name):
    """The copy has the same parameters; without samples the corrupted rows take their place."""
    X = rows(20)
    corruption = CORRUPTIONS[name](0.5)
    bound = corruption.for_samples(X)
    assert bound == corruption
    assert repr(bound) == repr(corruption)
    np.testing.assert_array_equal(corrupt(bound, X), corrupt(corruption, X))
    assert vars(corruption) == vars(CORRUPTIONS[name](0.5))


@pytest.mark.parametrize("name", ["salt_pepper", "swap"])
def test_values_come_from_the_samples_that_a_corruption_is_bound_to(name):
    X = rows(200)
    out = corrupt(CORRUPTIONS[name](1.0).for_samples(X), X[:5])
    assert all(np.isin(out[:, j], X[:, j]).all() for j in range(X.shape[1]))
    assert not np.isin(out, X[:5]).all()


def test_a_corruption_that_does_not_write_is_refused():
    class Returning(Corruption):
        def corrupt(self, X, out, rng):
            return X + 1

    with pytest.raises(TypeError, match=r"Returning\.corrupt must write the corrupted samples"):
        make_corruption(Returning(), 0.1, rows(5))
