"""The Gaussian that fills gaps: of incomplete samples, and of a fitted model."""

import numpy as np
import pytest

from skae._missing.gaps import (
    Gaussian,
    count_em_rows,
    fit_gaussian,
    gaussian_of_factors,
    measure_factors,
    missing_cells,
)

C = np.array([[4.0, 3, 0.5], [3, 9, 1], [0.5, 1, 1]])
MEAN = np.array([10.0, -5, 0])


def samples(n_rows=3000, seed=0):
    return np.random.default_rng(seed).multivariate_normal(MEAN, C, n_rows)


def test_missing_cells():
    X = samples(20)
    assert missing_cells(X) is None
    assert missing_cells(np.full((3, 2), 1e308)) is None  # whose sum overflows
    assert missing_cells(np.array([[3e38, 3e38], [-3e38, -3e38]], np.float32)) is None
    X[3, 1] = np.nan
    np.testing.assert_array_equal(missing_cells(X), np.isnan(X))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fit_and_fill(dtype):
    X = samples()
    missing = np.random.default_rng(1).random(X.shape) < 0.3
    gaussian = fit_gaussian(np.where(missing, np.nan, X).astype(dtype), missing, np.ones(len(X)))
    np.testing.assert_allclose(gaussian.mean, MEAN, atol=0.3)
    np.testing.assert_allclose(gaussian.covariance, C, atol=0.6)
    given = np.where(missing, np.nan, X).astype(dtype)
    filled = gaussian.fill(given, missing)
    assert filled.dtype == dtype
    np.testing.assert_array_equal(filled[~missing], given[~missing])
    only_second = missing[:, 1] & ~missing[:, 0] & ~missing[:, 2]
    slopes = np.linalg.solve(C[np.ix_([0, 2], [0, 2])], C[[0, 2], 1])
    expected = MEAN[1] + (X[:, [0, 2]] - MEAN[[0, 2]]) @ slopes
    np.testing.assert_allclose(filled[only_second, 1], expected[only_second], atol=0.8)


def test_fill_stays_within_bounds():
    gaussian = Gaussian(MEAN, C, np.array([[-99.0] * 3, [99] * 3]))
    X = np.array([[100.0, np.nan, 0], [-100, np.nan, 0]])
    filled = gaussian.fill(X, np.isnan(X), (-20, 30))
    np.testing.assert_array_equal(filled[:, 1], [30, -20])


def test_spread_completes_the_covariance():
    """The covariance of filled samples plus the spread is that of the samples."""
    X = samples(3000)
    missing = np.random.default_rng(1).random(X.shape) < 0.4
    weights = np.ones(len(X))
    gaussian = Gaussian(MEAN, C)
    filled = gaussian.fill(np.where(missing, np.nan, X), missing)
    found = np.cov(filled.T) + gaussian.spread(missing, weights)
    np.testing.assert_allclose(found, C, atol=0.35)
    assert np.trace(np.cov(filled.T)) < 0.9 * np.trace(C)


def test_filled_values_stay_within_the_range_of_the_samples():
    X = np.random.default_rng(0).normal(size=(300, 3)) + MEAN
    X[:, 1] = 2 * X[:, 0]
    missing = np.zeros(X.shape, bool)
    missing[0, 2] = True
    for gaussian in (
        fit_gaussian(np.where(missing, np.nan, X), missing, np.ones(300)),
        gaussian_of_factors(**measure_factors(X, np.ones(300))),
    ):
        far = np.array([[1e6, np.nan, 0]])
        filled = gaussian.fill(far, np.isnan(far))
        assert filled[0, 1] == X[1:, 1].max()
    unlimited = Gaussian(MEAN, C)  # as in files of earlier versions
    assert unlimited.fill(far, np.isnan(far))[0, 1] == pytest.approx(MEAN[1] + 5 * 3)


@pytest.mark.parametrize("n_features", [6, 100])
def test_factors_keep_the_covariance(n_features):
    """Directions that are cut off are no longer correlated, but each feature keeps its variance."""
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, n_features))
    X = rng.normal(size=(2000, 2)) @ loadings + rng.normal(size=(2000, n_features)) + 3
    weights = rng.uniform(0.5, 1.5, 2000)
    factors = measure_factors(X, weights)
    gaussian = gaussian_of_factors(**factors)
    assert factors["factors"].shape == (n_features, min(n_features, 64))
    np.testing.assert_allclose(gaussian.mean, 3, atol=0.3)
    expected = loadings.T @ loadings + np.eye(n_features)
    scale = np.sqrt(np.diag(expected))
    differences = (gaussian.covariance - expected) / np.outer(scale, scale)
    assert np.abs(differences).max() < 0.15
    assert np.abs(np.diag(differences)).max() < 0.15


def test_factors_of_samples_with_more_features_than_samples():
    rng = np.random.default_rng(0)
    loadings = rng.normal(size=(2, 90))
    X, new = (rng.normal(size=(n, 2)) @ loadings + rng.normal(size=(n, 90)) for n in (40, 200))
    X[:, 0], new[:, 0] = 5, 5
    gaussian = gaussian_of_factors(**measure_factors(X, np.ones(40)))
    missing = rng.random(new.shape) < 0.5
    filled = gaussian.fill(np.where(missing, np.nan, new), missing)
    assert np.all(filled[:, 0] == 5)
    errors = np.square(filled - new)[missing].mean()
    assert errors < 0.7 * np.square(new - X.mean(axis=0))[missing].mean()


def test_count_em_rows():
    assert [count_em_rows(n) for n in (5, 69, 100, 1000)] == [3000, 3000, 1000, 300]
