"""Weighted quantiles, shrunk covariances and the ellipsoid of the bulk."""

from gradients import make_rows
import numpy as np
import pytest
from sklearn.covariance import ledoit_wolf

from skae._outliers.robust import (
    Ellipsoid,
    are_categorical,
    fit_ellipsoid,
    leading_axes,
    minimum_covariance_determinant,
    shrunk_covariance,
    squared_distances,
    weighted_quantile,
    weights_as_counts,
    whitener,
)


def correlated_rows(n_rows=200, n_features=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_rows, n_features)) @ rng.standard_normal((n_features,) * 2)


def fitted(X, weights=None):
    return fit_ellipsoid(make_rows(X, weights=weights), seed=0)


@pytest.mark.parametrize("q", [0.0, 0.1, 0.25, 0.5, 0.9, 1.0])
def test_weighted_quantile_is_that_of_repeated_values(q):
    rng = np.random.default_rng(0)
    values, weights = rng.standard_normal(40), rng.integers(0, 4, 40).astype(float)
    repeated = np.repeat(values, weights.astype(int))
    expected = np.quantile(repeated, q, method="averaged_inverted_cdf")
    assert weighted_quantile(values, weights, q) == pytest.approx(expected)


def test_quantile_separates_exactly_the_share_that_is_asked_for():
    values = np.random.default_rng(0).standard_normal(300)
    threshold = weighted_quantile(values, np.ones(300), 0.1)
    assert np.sum(values < threshold) == 30


def test_shrunk_covariance_is_that_of_ledoit_and_wolf():
    X = correlated_rows(30, 8)
    mean, covariance = shrunk_covariance(X, np.ones(30))
    expected, _ = ledoit_wolf(X)
    np.testing.assert_allclose(mean, X.mean(axis=0))
    np.testing.assert_allclose(covariance, expected + 1e-6 * np.eye(8), rtol=1e-10, atol=1e-12)


def test_weights_of_the_covariance_count_as_copies():
    X, weights = correlated_rows(30), np.random.default_rng(1).integers(0, 4, 30)
    for a, b in zip(
        shrunk_covariance(X, weights.astype(float)),
        shrunk_covariance(np.repeat(X, weights, axis=0), np.ones(weights.sum())),
        strict=True,
    ):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)


def test_squared_distances_are_those_of_mahalanobis():
    X = correlated_rows()
    mean, covariance = shrunk_covariance(X, np.ones(len(X)))
    expected = np.einsum("ij,jk,ik->i", X - mean, np.linalg.inv(covariance), X - mean)
    np.testing.assert_allclose(squared_distances(X, mean, covariance), expected)
    W = whitener(covariance)
    np.testing.assert_allclose(W.T @ covariance @ W, np.eye(4), atol=1e-10)


def test_a_third_of_outliers_does_not_move_the_mean(monkeypatch):
    rng = np.random.default_rng(0)
    X = np.vstack([rng.standard_normal((140, 3)), 6 + 0.5 * rng.standard_normal((60, 3))])
    monkeypatch.setattr("skae._outliers.robust.SUPPORT_FRACTION", 0.6)
    mean, _ = minimum_covariance_determinant(X, np.ones(200))
    assert np.abs(mean).max() < 0.5


def test_outliers_count_little_and_the_bulk_in_full():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.standard_normal((180, 3)), 12 + rng.standard_normal((20, 3))])
    weights = fitted(X).sample_weights(X)
    assert weights[180:].max() < 0.1
    assert np.mean(weights[:180] == 1) > 0.9


def test_units_and_shifts_of_the_columns_do_not_matter():
    X = correlated_rows()
    X[:20] *= 5
    scale, shift = np.array([1e-6, 1.0, 1e3, 1e9]), np.array([0.0, 5.0, 1e3, -1e9])
    expected = fitted(X).sample_weights(X)
    found = fitted(X * scale + shift).sample_weights(X * scale + shift)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_the_ellipsoid_takes_weights_as_copies():
    X, weights = correlated_rows(80), np.random.default_rng(1).integers(0, 4, 80)
    expected = fitted(np.repeat(X, weights, axis=0)).sample_weights(X)
    np.testing.assert_allclose(fitted(X, weights.astype(float)).sample_weights(X), expected, 1e-9)


def test_sample_weights_fall_with_the_squared_distance():
    ellipsoid = Ellipsoid(np.zeros(2), np.eye(2), 4.0)
    X = np.array([[0.0, 0.0], [2.0, 0.0], [4.0, 0.0], [0.0, 20.0]])
    np.testing.assert_allclose(ellipsoid.sample_weights(X), [1, 1, 0.25, 0.01])


@pytest.mark.parametrize(
    "X",
    [
        np.ones((10, 3)),
        np.zeros((2, 1)),
        np.eye(2),
        np.vstack([np.zeros((50, 3)), np.ones((3, 3))]),
        np.column_stack([correlated_rows(), np.full(200, 7.0)]),
        correlated_rows(20, 80),
        np.random.default_rng(0).standard_cauchy((100, 4)),
        1e150 * correlated_rows(),
    ],
    ids=["equal", "two equal", "two", "mostly equal", "constant column", "wide", "Cauchy", "huge"],
)
def test_odd_rows_have_weights(X):
    with np.errstate(all="raise", under="ignore"):
        weights = fitted(X).sample_weights(X)
    assert np.all((weights > 0) & (weights <= 1))
    assert weights.max() == 1


def test_many_rows_are_thinned_out():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, 2))
    weights = fitted(X).sample_weights(X)
    assert np.mean(weights < 1) == pytest.approx(0.025, abs=0.01)


@pytest.mark.parametrize("share", [0.02, 0.05, 0.1, 0.3, 0.5])
def test_rare_values_of_binary_columns_are_no_outliers(share):
    X = (np.random.default_rng(0).random((300, 12)) < share).astype(float)
    assert fitted(X).sample_weights(X).mean() > 0.95


def test_outliers_are_found_beside_a_binary_column():
    rng = np.random.default_rng(0)
    X = np.vstack([rng.standard_normal((180, 3)), 12 + rng.standard_normal((20, 3))])
    X = np.column_stack([X, rng.random(200) < 0.1])
    weights = fitted(X).sample_weights(X)
    assert weights[180:].max() < 0.1
    assert weights[:180].mean() > 0.95


def test_a_categorical_column_has_one_frequent_value_beside_few_others():
    rng = np.random.default_rng(0)
    rare = rng.random(200) < 0.1
    columns = {
        "rare": rare,
        "constant": np.full(200, 7.0),
        "counts": np.where(rare, rng.poisson(3, 200), 0),
        "amounts": np.where(rare, rng.standard_normal(200), 0),
        "even": rng.random(200) < 0.5,
        "continuous": rng.standard_normal(200),
    }
    X = np.column_stack([column.astype(float) for column in columns.values()])
    np.testing.assert_array_equal(are_categorical(X, np.ones(200)), [1, 1, 1, 0, 0, 0])
    np.testing.assert_array_equal(are_categorical(X, 1.0 - rare), [1, 1, 1, 0, 0, 0])


@pytest.mark.parametrize("factor", [1e-300, 1e-8, 0.1, 7.0, 1e200])
def test_weights_are_shares(factor):
    ones = np.array([0.0, 1, 1, 1])
    np.testing.assert_array_equal(weights_as_counts(factor * ones), ones)
    copies = np.array([2.0, 0, 4, 6, 2])
    np.testing.assert_array_equal(weights_as_counts(factor * copies), copies / 2)
    weights = np.random.default_rng(0).uniform(0.1, 1, 50)
    found = weights_as_counts(factor * weights)
    np.testing.assert_allclose(found / found.sum(), weights / weights.sum())
    assert found.sum() == pytest.approx(weights.sum() ** 2 / np.square(weights).sum())
    assert weights_as_counts(np.zeros(3)).sum() == 0


def test_very_different_weights_are_no_copies():
    found = weights_as_counts(np.array([1e-9, 1, 1]))
    assert found.sum() == pytest.approx(2)


@pytest.mark.parametrize("shape", [(30, 200), (200, 30), (400, 300)], ids=str)
def test_leading_axes_are_those_of_the_singular_value_decomposition(shape):
    rng = np.random.default_rng(0)
    A = rng.normal(size=shape) * 0.9 ** np.arange(shape[1])
    shares = rng.dirichlet(np.ones(len(A)))
    axes = leading_axes(A / np.sqrt(shares)[:, None], shares, 8, rng)
    expected = np.linalg.svd(A, full_matrices=False)[2][:8].T
    np.testing.assert_allclose(axes.T @ axes, np.eye(8), atol=1e-10)
    np.testing.assert_allclose(np.abs(np.sum(axes * expected, axis=0)), 1, atol=1e-3)


def test_a_floor_is_added_to_the_covariance():
    X = correlated_rows()
    without = shrunk_covariance(X, np.ones(len(X)))[1]
    found = shrunk_covariance(X, np.ones(len(X)), np.eye(4))[1]
    np.testing.assert_allclose(found, without + np.eye(4))


def test_blocks_of_samples_have_the_same_weights(monkeypatch):
    X = correlated_rows()
    ellipsoid = fitted(X)
    expected = ellipsoid.sample_weights(X)
    monkeypatch.setattr("skae._outliers.robust.BLOCK_NUMBERS", 40)
    np.testing.assert_allclose(ellipsoid.sample_weights(X), expected, rtol=1e-12)


def test_copies_of_one_sample_are_not_the_bulk():
    """Four of five samples are equal; the ellipsoid is that of the others."""
    X = correlated_rows()
    copies = np.vstack([X, np.tile(np.median(X, axis=0), (4 * len(X), 1))])
    ellipsoid = fitted(copies)
    assert np.mean(ellipsoid.sample_weights(X) == 1) > 0.9
    assert ellipsoid.sample_weights(copies[-1:]) == 1
