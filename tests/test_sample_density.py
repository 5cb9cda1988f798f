"""The density that samples are drawn from: its marginals, dependences and conditional draws."""

from dataclasses import replace

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal
import pytest
from scipy import stats
from scipy.spatial.distance import cdist

from skae._missing.mixture import Mixture
from skae._sample_density import Kernels, fit_sample_density


def fit(X, seed=0):
    return fit_sample_density(X, np.ones(len(X)), seed)


def correlated(n_rows=800):
    """Return samples of a Gaussian copula: one column is exponential, one has four values."""
    rng = np.random.default_rng(0)
    scores = rng.multivariate_normal([0, 0, 0], [[1, 0.8, 0.5], [0.8, 1, 0], [0.5, 0, 1]], n_rows)
    fourths = np.floor(4 * stats.norm.cdf(scores[:, 2]))
    return np.column_stack([np.exp(scores[:, 0]), scores[:, 1], fourths])


@pytest.fixture(scope="module")
def density():
    return fit(correlated())


def test_columns_and_their_dependence_are_those_of_the_samples(density):
    X, drawn = correlated(), density.draw(5000, np.random.default_rng(0))
    assert_allclose(stats.spearmanr(drawn)[0], stats.spearmanr(X)[0], atol=0.06)
    for j in range(2):
        assert stats.ks_2samp(X[:, j], drawn[:, j]).statistic < 0.06
    shares = [np.mean(np.rint(drawn[:, 2]) == k) for k in range(4)]
    assert_allclose(shares, 0.25, atol=0.06)
    assert not density.is_standardised.any()


def test_cells_are_drawn_given_the_others(density):
    given = np.full((2000, 3), [np.e, np.nan, np.nan])  # one deviation above the median
    drawn = density.complete(given, np.isnan(given), np.random.default_rng(0))
    assert_array_equal(drawn[:, 0], np.e)
    assert_allclose(drawn[:, 1].mean(), 0.8, atol=0.12)
    assert_allclose(drawn[:, 1].std(), 0.6, atol=0.1)
    assert 1.7 < drawn[:, 2].mean() < 2.2  # 1.5 if nothing is given


def test_groups_are_standardised_and_told_apart():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 2)) * 0.4 + 5 * rng.integers(0, 2, size=(600, 1)) * [1, -1]
    density = fit(X)
    assert density.is_standardised.all()
    drawn = density.draw(2000, rng)
    assert np.all(np.abs(drawn[:, 0] + drawn[:, 1]) < 2.5)
    between = (drawn[:, 0] > 2) & (drawn[:, 0] < 3)
    assert between.mean() < 0.01
    assert len(density.kernels.mixture.shares) == 2


def surface(n_rows, seed):
    """Return samples near a curved surface of two dimensions in eight."""
    rng = np.random.default_rng(seed)
    position = 2 * rng.random((n_rows, 2)) @ np.random.default_rng(5).normal(size=(2, 8))
    return np.sin(position) + 0.02 * rng.normal(size=position.shape)


def test_draws_are_as_far_from_the_samples_as_new_samples_are():
    X = surface(300, 0)
    density = fit(X)
    kernels = density.kernels
    assert kernels.bandwidth < 1
    drawn, rng = density.draw(1500, np.random.default_rng(0)), np.random.default_rng(1)
    nearest = [np.median(cdist(new, X).min(axis=1)) for new in (drawn, surface(1500, 1))]
    assert 0.8 < nearest[0] / nearest[1] < 1.25
    mixture = replace(density, kernels=replace(kernels, bandwidth=1.0)).draw(1500, rng)
    assert np.median(cdist(mixture, X).min(axis=1)) > 1.05 * nearest[0]
    missing = rng.random(drawn.shape) < 0.5
    completed = density.complete(np.where(missing, np.nan, drawn), missing, rng)
    nearest.append(np.median(cdist(completed, X).min(axis=1)))
    assert 0.8 < nearest[2] / nearest[0] < 1.25
    for before, after in zip(drawn.T, completed.T, strict=True):
        assert stats.ks_2samp(before, after).statistic < 0.07


def test_conditional_draws_of_one_kernel_are_those_of_a_normal_distribution():
    covariance = np.array([[1.0, 0.8], [0.8, 1.0]])
    mixture = Mixture(np.ones(1), np.array([[1.0, 2.0]]), covariance[None])
    ones = np.ones((1, 1))
    kernels = Kernels(mixture, np.array([[3.0, 2.0]]), np.ones(1), ones, bandwidth=0.6)
    center = [1 + 0.8 * 2, 2]  # the mean, and sqrt(1 - 0.6**2) of the way to the sample
    Z = np.tile([center[0] + 0.5, np.nan], (4000, 1))
    drawn = kernels.complete(Z, np.isnan(Z), np.random.default_rng(0))[0][:, 1]
    assert_allclose(drawn.mean(), 2 + 0.8 * 0.5, atol=0.03)
    assert_allclose(drawn.std(), 0.6 * 0.6, rtol=0.05)


def test_columns_that_are_heavy_tailed_are_standardised():
    """Normal scores of each column would bend what is linear."""
    rng = np.random.default_rng(0)
    X = rng.standard_t(3, size=(500, 2)) @ rng.normal(size=(2, 4))
    assert fit(X + 0.3 * rng.normal(size=X.shape)).is_standardised.all()


@pytest.mark.parametrize("X", [np.ones((1, 2)), np.eye(3), np.zeros((5, 1))], ids=str)
def test_few_samples(X):
    drawn = fit(X).draw(7, np.random.default_rng(0))
    assert drawn.shape == (7, X.shape[1])
    assert np.isfinite(drawn).all()
