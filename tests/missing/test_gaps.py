"""The Gaussian that fills gaps: of incomplete samples, and of a fitted model."""

import numpy as np
import pytest

from skae import AutoencoderTransformer
from skae._missing.gaps import (
    Gaussian,
    count_em_rows,
    fit_gaussian,
    gaussian_of_model,
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
    gaussian = Gaussian(MEAN, C)
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


def test_gaussian_of_a_model():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 2)) @ rng.normal(size=(2, 6)) + 0.1 * rng.normal(size=(500, 6)) + 3
    model = AutoencoderTransformer(2, max_iter=0, random_state=0).fit(X)
    error = model.reconstruction_err_ / float(model.scale_**2)
    gaussian = gaussian_of_model(model._model, model.explained_variance_ratio_, error)
    np.testing.assert_allclose(gaussian.covariance, np.cov(X.T), atol=0.05)
    plain = AutoencoderTransformer(2, max_iter=0, linear_path=None, random_state=0).fit(X)
    gaussian = gaussian_of_model(plain._model, plain.explained_variance_ratio_, 0.1)
    np.testing.assert_allclose(gaussian.covariance, np.eye(6) * float(plain.scale_**2))


def test_count_em_rows():
    assert [count_em_rows(n) for n in (5, 69, 100, 1000)] == [3000, 3000, 1000, 300]
