"""Prototypes: narrow Gaussians around k-means centres."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skae._outliers.prototypes import N_NEIGHBORS, fit_prototypes


def samples(n_samples=200, n_features=3, seed=0):
    return np.random.default_rng(seed).standard_normal((n_samples, n_features))


def fitted(X, n_prototypes=20, weights=None, floor=0.0):
    weights = np.ones(len(X)) if weights is None else weights
    floor = np.full(X.shape[1], floor)
    return fit_prototypes(X, weights, n_prototypes, np.random.default_rng(0), floor)


def test_the_density_is_that_of_gaussians():
    X = samples()
    found = fitted(X, floor=0.1)
    shares = (found.counts + 1) / (found.counts.sum() + len(found.counts))
    expected = sum(
        share * multivariate_normal(mean, np.diag(variance)).pdf(X)
        for share, mean, variance in zip(shares, found.means, found.variances, strict=True)
    )
    np.testing.assert_allclose(found.log_density(X), np.log(expected), rtol=1e-9)


def test_widths_come_from_the_samples_and_the_nearest_prototypes():
    X = samples()
    found = fitted(X, floor=0.25)
    distances = np.square(found.means[0] - found.means).sum(axis=1)
    nearest = np.sort(distances)[1 : N_NEIGHBORS + 1].sum()
    scatter = found.squares[0] - found.counts[0] * np.square(found.means[0]).sum()
    expected = (scatter + nearest) / (found.counts[0] + N_NEIGHBORS) / 3
    np.testing.assert_allclose(found.variances[0], expected + 0.25, rtol=2e-3)


def test_prototypes_are_wider_where_samples_are_sparse():
    X = np.random.default_rng(0).standard_t(2, (300, 2))
    found = fitted(X, 100)
    order = np.argsort(np.linalg.norm(found.means, axis=1))
    widths = found.variances[order, 0]
    assert np.median(widths[:30]) < np.median(widths[-30:]) / 5


def test_weights_count_as_copies():
    X, weights = samples(80), np.random.default_rng(1).integers(1, 4, 80)
    X = X[np.lexsort(X.T)]
    repeated = fitted(np.repeat(X, weights, axis=0))
    found = fitted(X, weights=weights.astype(float))
    np.testing.assert_allclose(found.log_density(X), repeated.log_density(X), rtol=1e-9)


def test_samples_have_the_moments_of_the_density():
    found = fitted(samples())
    drawn = found.sample(20_000, np.random.default_rng(0))
    shares = (found.counts + 1) / (found.counts + 1).sum()
    np.testing.assert_allclose(drawn.mean(axis=0), shares @ found.means, atol=0.03)
    squares = shares @ (np.square(found.means) + found.variances)
    np.testing.assert_allclose(np.square(drawn).mean(axis=0), squares, rtol=0.05)


def test_contributions_add_up():
    X = samples()
    axes = np.linalg.qr(samples(5, 3))[0]
    found = fitted(X)
    contributions = found.contributions(X, axes)
    assert contributions.shape == (200, 5)
    np.testing.assert_allclose(contributions.sum(axis=1), found.log_density(X), rtol=1e-10)
    # The column that moves a sample away from all prototypes is to blame.
    moved = X[:1] + 20 * axes[2]
    assert np.argmin(found.contributions(moved, axes)) == 2


def test_an_update_moves_the_prototypes():
    X = samples()
    found = fitted(X).update(X + 1, np.ones(len(X)), decay=0.0)
    np.testing.assert_allclose(found.counts.sum(), 200)
    np.testing.assert_allclose(found.sums.sum(axis=0), (X + 1).sum(axis=0))


@pytest.mark.parametrize(
    "X", [np.ones((10, 3)), np.zeros((1, 2)), np.repeat(np.eye(3), 5, axis=0)], ids=str
)
def test_odd_samples_have_a_density(X):
    for n_prototypes in (1, min(len(X), 4)):
        found = fitted(X, n_prototypes)
        assert np.isfinite(found.log_density(np.vstack([X, X + 100]))).all()
