"""Imputation: standardisation, spread of draws, and the dict that is stored."""

import numpy as np
import pytest

from skae import AutoencoderImputer
from skae._missing import imputation as module
from skae._missing.imputation import Imputation, standardisation

QUICK = {"mixture_sizes": (2,), "max_iter": 2, "random_state": 0}


def table(n_rows=300, seed=0):
    rng = np.random.default_rng(seed)
    t = rng.normal(size=(n_rows, 2))
    X = np.column_stack([t, t.sum(axis=1), np.square(t[:, 0])]) + 0.1 * rng.normal(size=(n_rows, 4))
    return 5 + 3 * X


def with_gaps(X, share=0.3, seed=1):
    return np.where(np.random.default_rng(seed).random(X.shape) < share, np.nan, X)


def test_standardisation_reads_observed_cells_only():
    X = with_gaps(table())
    missing = np.isnan(X)
    mean, scale = standardisation(np.where(missing, 0, X), missing, np.ones(len(X)))
    np.testing.assert_allclose(mean, np.nanmean(X, axis=0))
    np.testing.assert_allclose(scale, np.nanstd(X, axis=0))


def test_standardisation_of_constants_and_weights():
    X = np.array([[0.1, 1.0], [0.1, 2], [0.1, 3], [0.1, 100]])
    mean, scale = standardisation(X, np.zeros(X.shape, bool), np.array([1.0, 1, 1, 0]))
    np.testing.assert_allclose(mean, [0.1, 2])
    np.testing.assert_allclose(scale, [1, np.sqrt(2 / 3)])


@pytest.mark.parametrize("max_rows", [3000, 100])
def test_few_and_many_samples(monkeypatch, max_rows):
    """With more samples than determine the densities, the rest has trials too."""
    monkeypatch.setattr(module, "MAX_DENSITY_ROWS", max_rows)
    X = table()
    incomplete = with_gaps(X)
    filled = AutoencoderImputer(**QUICK).fit_transform(incomplete)
    missing = np.isnan(incomplete)
    error = np.square(filled - X)[missing].mean()
    assert error < 0.75 * np.square(np.nanmean(incomplete, axis=0) - X)[missing].mean()


def test_the_dict_holds_everything():
    X = with_gaps(table())
    imputer = AutoencoderImputer(**QUICK).fit(X)
    imputation = Imputation.from_dict(imputer.imputation_)
    missing = np.isnan(X)
    filled = imputation.fill(np.nan_to_num(X), missing)
    np.testing.assert_array_equal(filled, imputer.transform(X))


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1])
def test_intervals_of_draws_cover_the_truth(seed):
    X = table(800, seed)
    train, truth = X[:500], X[500:]
    test = with_gaps(truth, seed=seed + 7)
    imputer = AutoencoderImputer(**QUICK).fit(with_gaps(train))
    draws = imputer.draw(test, 40)
    low, high = np.quantile(draws, [0.05, 0.95], axis=0)
    missing = np.isnan(test)
    covered = ((low <= truth) & (truth <= high))[missing].mean()
    assert 0.85 <= covered <= 0.95


def test_values_far_from_training_are_read_as_the_nearest_there():
    X = table()
    imputer = AutoencoderImputer(**QUICK).fit(with_gaps(X))
    far = np.array([[1e12, np.nan, 5, 5], [5, 5, -1e12, np.nan]])
    near = far.copy()
    near[0, 0], near[1, 2] = X[:, 0].max() + 1, X[:, 2].min() - 1
    gaps = np.isnan(far)
    np.testing.assert_array_equal(imputer.transform(far)[gaps], imputer.transform(near)[gaps])
