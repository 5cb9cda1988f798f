"""Mixtures of Gaussians: densities, learning, contributions."""

import numpy as np
import pytest
from scipy.stats import multivariate_normal

from skae._outliers import mixture as mixtures
from skae._outliers.mixture import Mixture, best_n_components, fit_mixture, fit_mixtures


def clustered_rows(n_rows=300, n_features=3, seed=0):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n_rows, n_features)) + 6 * rng.integers(0, 2, (n_rows, 1))


def fitted(X, n_components=2, weights=None, seed=0):
    weights = np.ones(len(X)) if weights is None else weights
    return fit_mixture(X, weights, n_components, np.random.default_rng(seed))


def test_log_density_is_that_of_the_normal_distributions():
    X = clustered_rows()
    mixture = fitted(X)
    shares = (mixture.counts + 1) / (mixture.counts.sum() + 2)
    expected = sum(
        share * multivariate_normal(mean, covariance).pdf(X)
        for share, mean, covariance in zip(shares, mixture.means, mixture.covariances, strict=True)
    )
    np.testing.assert_allclose(mixture.log_density(X), np.log(expected), rtol=1e-8)


def test_the_density_integrates_to_one():
    mixture = fitted(clustered_rows(n_features=1))
    grid = np.linspace(-20, 30, 20_001)[:, None]
    density = np.exp(mixture.log_density(grid))
    assert density.sum() * (grid[1, 0] - grid[0, 0]) == pytest.approx(1)


def test_clusters_are_found():
    means = np.sort(fitted(clustered_rows()).means[:, 0])
    np.testing.assert_allclose(means, [0, 6], atol=0.3)


def test_one_component_is_a_gaussian_with_a_shrunk_covariance():
    X = np.random.default_rng(0).standard_normal((5000, 3)) * [1, 2, 3]
    mixture = fitted(X, 1)
    np.testing.assert_allclose(mixture.means[0], X.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(mixture.covariances[0], np.cov(X.T, bias=True), rtol=0.02, atol=0.02)


def test_weights_count_as_copies():
    X, weights = clustered_rows(80), np.random.default_rng(1).integers(0, 4, 80)
    order = np.lexsort(X.T)
    X, weights = X[order], weights[order]
    repeated = fitted(np.repeat(X, weights, axis=0))
    np.testing.assert_allclose(
        fitted(X, weights=weights.astype(float)).log_density(X),
        repeated.log_density(X),
        rtol=1e-9,
    )


def test_rows_of_weight_zero_count_as_absent():
    X = clustered_rows(100)
    weights = np.ones(100)
    weights[::3] = 0
    expected = fitted(X[weights > 0]).log_density(X)
    np.testing.assert_allclose(fitted(X, weights=weights).log_density(X), expected, rtol=1e-9)


@pytest.mark.parametrize("n_axes", [3, 5])
def test_contributions_add_up_and_their_part_of_the_row_has_one_sign(n_axes):
    X = np.random.default_rng(0).standard_normal((200, n_axes))
    axes = np.linalg.qr(np.random.default_rng(1).standard_normal((5, n_axes)))[0]
    mixture = fitted(X, 3)
    found = mixture.contributions(X, axes)
    assert found.shape == (200, 5)
    np.testing.assert_allclose(found.sum(axis=1), mixture.log_density(X), rtol=1e-12)
    joint = mixture.log_joint(X)
    shares = np.exp(joint - joint.max(axis=1, keepdims=True))
    shares /= shares.sum(axis=1, keepdims=True)
    exponents = np.stack(
        [np.square((X - m) @ r).sum(axis=1) for m, r in zip(mixture.means, mixture.roots)],
        axis=1,
    )
    constant = (mixture.log_density(X) + 0.5 * (shares * exponents).sum(axis=1)) / 5
    assert np.all(found - constant[:, None] <= 1e-12)


def test_an_update_without_memory_learns_the_new_rows_alone():
    X = clustered_rows()
    moved = X + 3
    mixture = fitted(X, 1).update(moved, np.ones(len(X)), decay=0.0)
    np.testing.assert_allclose(mixture.means[0], moved.mean(axis=0))


def test_an_update_with_all_memory_is_a_fit_of_all_rows():
    X = clustered_rows()
    mixture = fitted(X[:100], 1).update(X[100:], np.ones(200), decay=1.0)
    np.testing.assert_allclose(mixture.log_density(X), fitted(X, 1).log_density(X), rtol=1e-9)


def test_the_covariances_stay_within_bounds_where_rows_are_few():
    X = clustered_rows(12, n_features=8)
    mixture = fitted(X, 4)
    assert np.linalg.eigvalsh(mixture.covariances).min() > 1e-4


@pytest.mark.parametrize(
    "X",
    [np.ones((10, 3)), np.zeros((1, 2)), np.repeat(np.eye(3), 5, axis=0)],
    ids=["equal", "one", "copies"],
)
def test_odd_rows_have_a_density(X):
    mixture = fitted(X, 2)
    assert isinstance(mixture, Mixture)
    assert np.isfinite(mixture.log_density(np.vstack([X, X + 100]))).all()


def test_the_floor_is_part_of_every_covariance():
    X = clustered_rows()
    floor = np.diag([0.5, 1, 2])
    mixture = fit_mixture(X, np.ones(len(X)), 1, np.random.default_rng(0), floor)
    np.testing.assert_allclose(mixture.covariances[0], fitted(X, 1).covariances[0] + floor)
    later = mixture.update(X, np.ones(len(X)), decay=0.0)
    np.testing.assert_allclose(later.covariances, mixture.covariances)


def test_samples_have_the_moments_of_the_density():
    mixture = fitted(clustered_rows())
    drawn = mixture.sample(20_000, np.random.default_rng(0))
    mean = mixture.shares @ mixture.means
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=0.05)
    seconds = mixture.covariances + mixture.means[:, :, None] * mixture.means[:, None, :]
    expected = np.einsum("j,jkl->kl", mixture.shares, seconds) - np.outer(mean, mean)
    np.testing.assert_allclose(np.cov(drawn.T), expected, atol=0.25)


def test_left_out_samples_choose_the_number_of_components():
    ones = np.ones(60)
    for X, expected in ((clustered_rows(60), 2), (clustered_rows(60) % 3, 1)):
        rng = np.random.default_rng(0)
        assert best_n_components(X, ones, [1, 2], rng) == expected


def test_small_mixtures_are_fitted_together(monkeypatch):
    """They are those that would be fitted one by one, also if samples have no weight."""
    X = clustered_rows(90, 2)
    weights = np.random.default_rng(1).integers(0, 3, (3, len(X))).astype(float)
    floor = np.diag([1e-3, 1e-2])
    together = fit_mixtures(X, weights, 3, np.random.default_rng(2), floor)
    rng = np.random.default_rng(2)
    monkeypatch.setattr(mixtures, "MAX_STACKED_NUMBERS", 0)
    for row, mixture in zip(weights, together, strict=True):
        alone = fit_mixture(X[row > 0], row[row > 0], 3, rng, floor)
        for name in ("counts", "sums", "squares", "means", "roots", "log_norms"):
            found, expected = getattr(mixture, name), getattr(alone, name)
            np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)
    candidates, drawn = [1, 2, 3, 4], []
    for limit in (10**6, 0):
        monkeypatch.setattr(mixtures, "MAX_STACKED_NUMBERS", limit)
        rng = np.random.default_rng(3)
        drawn.append((best_n_components(X, weights[0], candidates, rng, floor), rng.random()))
    assert drawn[0] == drawn[1]


def test_draws_have_the_moments_of_the_samples():
    X = clustered_rows(2000, 5)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    mixture = fitted(X, 3)
    drawn = mixture.draw(40_000, np.random.default_rng(1))
    np.testing.assert_allclose(drawn.mean(axis=0), X.mean(axis=0), atol=0.03)
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(X.T), atol=0.05)
    # Its own density tells them from nothing: the mean is that of the training samples.
    expected = mixture.log_density(X).mean()
    assert abs(mixture.log_density(drawn).mean() - expected) < 0.05
